"""Merkle trees as RFC 6962 (and 9162) define them: roots, proofs, and a frontier that only grows.

Everything here works on 32-byte node hashes; `leaf_hash` makes one of an entry.
"""

import hashlib
from collections.abc import Iterable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry (RFC 6962, 2.1: prefix 0x00)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two nodes (RFC 6962, 2.1: prefix 0x01, which no entry has)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """What must be kept to go on hashing: one node for each set bit of the size, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._nodes: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add a leaf's hash."""
        node, size = leaf, self.size
        while size & 1:
            node = node_hash(self._nodes.pop(), node)
            size >>= 1
        self._nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over everything that was added so far."""
        if not self._nodes:
            return EMPTY_ROOT
        root = self._nodes[-1]
        for node in reversed(self._nodes[:-1]):
            root = node_hash(node, root)
        return root


class Tree:
    """A tree held whole, level by level, for its proofs; 64 bytes a leaf."""

    def __init__(self, hashes: Iterable[bytes]) -> None:
        self._levels = [list(hashes)]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            above = [node_hash(*below[at : at + 2]) for at in range(0, len(below) - 1, 2)]
            # A node without a neighbour rises as it is: it is hashed with no copy of itself.
            self._levels.append(above + below[-1:] if len(below) % 2 else above)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The root, of an empty tree too."""
        return self._levels[-1][0] if self.size else EMPTY_ROOT

    def inclusion(self, index: int) -> list[bytes]:
        """Return the proof that the leaf at `index` (from 0) is in the tree, from below upwards."""
        if not 0 <= index < self.size:
            raise IndexError(f"there is no leaf {index} in a tree of {self.size}")
        proof = []
        for level in self._levels[:-1]:
            beside = index ^ 1
            if beside < len(level):
                proof.append(level[beside])
            index >>= 1
        return proof

    def consistency(self, size: int) -> list[bytes]:
        """Return the proof that the tree over the first `size` leaves is the beginning of this one.

        RFC 6962, 2.1.2; empty for nothing and for the whole.
        """
        if not 0 <= size <= self.size:
            raise IndexError(f"there are no {size} leaves in a tree of {self.size}")
        return _subproof(self._levels[0], size, is_known=True) if size else []


def root_of(hashes: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    frontier = Frontier()
    for leaf in hashes:
        frontier.append(leaf)
    return frontier.root()


def _subproof(hashes: Sequence[bytes], size: int, *, is_known: bool) -> list[bytes]:
    if size == len(hashes):
        return [] if is_known else [root_of(hashes)]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    left, right = hashes[:split], hashes[split:]
    if size <= split:
        return [*_subproof(left, size, is_known=is_known), root_of(right)]
    return [*_subproof(right, size - split, is_known=False), root_of(left)]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Check an inclusion proof (RFC 9162, 2.1.3.2)."""
    turns = _turns(index, size - 1, len(proof)) if 0 <= index < size else None
    if turns is None:
        return False
    found = leaf
    for node, is_left in zip(proof, turns, strict=True):
        found = node_hash(node, found) if is_left else node_hash(found, node)
    return found == root


def is_extension(old: tuple[int, bytes], new: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Check a consistency proof between two (size, root) (RFC 9162, 2.1.4.2)."""
    (old_size, old_root), (new_size, new_root) = old, new
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    if not 0 < old_size < new_size or not proof:
        return False
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    # Where the old tree is a whole subtree of the new one its root is the first node, and left out.
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    turns = _turns(at, last, len(path) - 1)
    if turns is None:
        return False
    found_old = found_new = path[0]
    for node, is_left in zip(path[1:], turns, strict=True):
        found_new = node_hash(node, found_new) if is_left else node_hash(found_new, node)
        found_old = node_hash(node, found_old) if is_left else found_old
    return (found_old, found_new) == (old_root, new_root)


def _turns(at: int, last: int, count: int) -> list[bool] | None:
    """Say for each node of a path upwards whether it stands on the left; None: not so many."""
    turns = []
    for _ in range(count):
        if last == 0:
            return None
        is_left = bool(at & 1) or at == last
        while is_left and at and not at & 1:
            at, last = at >> 1, last >> 1
        turns.append(is_left)
        at, last = at >> 1, last >> 1
    return turns if last == 0 else None
