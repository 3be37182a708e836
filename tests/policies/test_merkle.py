"""Merkle trees agree with public test vectors and with the definition, and refuse what is changed.

The vectors are those of transparency-dev/merkle (`proof/verify_test.go`), which Certificate
Transparency's logs are tested with.
"""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.merkle import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    is_extension,
    is_included,
    leaf_hash,
    root_of,
)

ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
ROOTS = [
    bytes.fromhex(text)
    for text in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
# (number of the leaf from 1, size, proof), and (old size, new size, proof).
INCLUSIONS = [
    (
        1,
        8,
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
        " 5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
        " 6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (
        6,
        8,
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
        " ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
        " d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (3, 3, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    (
        2,
        5,
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        " 5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
        " bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
]
EXTENSIONS = [
    (1, 1, ""),
    (
        1,
        8,
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
        " 5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
        " 6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (
        6,
        8,
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
        " ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
        " d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (
        2,
        5,
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
        " bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
    (
        6,
        7,
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
        " b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"
        " d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
]
Sizes = st.integers(min_value=1, max_value=70)


def nodes(text: str) -> list[bytes]:
    return [bytes.fromhex(one) for one in text.split()]


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4)) for number in range(count)]


def defined(hashes: list[bytes]) -> bytes:
    """The root as RFC 6962, 2.1 writes it down."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    halves = defined(hashes[:split]) + defined(hashes[split:])
    return hashlib.sha256(b"\x01" + halves).digest()


def changed(proof: list[bytes]) -> list[list[bytes]]:
    """Return a proof in every wrong form: cut, with more, and with one bit turned."""
    flipped = [
        [*proof[:at], bytes([node[0] ^ 8, *node[1:]]), *proof[at + 1 :]]
        for at, node in enumerate(proof)
    ]
    return [
        *flipped,
        [*proof, ROOTS[0]],
        [*proof, b""],
        [ROOTS[0], *proof],
        *([proof[:-1], proof[1:]] if proof else []),
    ]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_the_vectors(size: int) -> None:
    assert root_of(LEAVES[:size]) == Tree(LEAVES[:size]).root == ROOTS[size - 1]


def test_nothing_has_the_root_of_nothing() -> None:
    assert Frontier().root() == Tree([]).root == EMPTY_ROOT == defined([])


@pytest.mark.parametrize(("number", "size", "text"), INCLUSIONS)
def test_the_inclusion_proofs_are_those_of_the_vectors(number: int, size: int, text: str) -> None:
    proof, leaf, root = nodes(text), LEAVES[number - 1], ROOTS[size - 1]
    assert Tree(LEAVES[:size]).inclusion(number - 1) == proof
    assert is_included(leaf, number - 1, size, proof, root)
    # The same wrong inputs as that library's tests try.
    for index, of in ((number - 2, size), (number, size), ((number - 1) ^ 2, size)):
        assert not is_included(leaf, index, of, proof, root)
    for of in (size * 2, size // 2):
        assert not is_included(leaf, number - 1, of, proof, root)
    assert not is_included(b"WrongLeaf", number - 1, size, proof, root)
    assert not is_included(leaf, number - 1, size, proof, EMPTY_ROOT)
    assert not [p for p in changed(proof) if is_included(leaf, number - 1, size, p, root)]


@pytest.mark.parametrize(("old", "new", "text"), EXTENSIONS)
def test_the_consistency_proofs_are_those_of_the_vectors(old: int, new: int, text: str) -> None:
    proof, first, second = nodes(text), ROOTS[old - 1], ROOTS[new - 1]
    assert Tree(LEAVES[:new]).consistency(old) == proof
    assert is_extension((old, first), (new, second), proof)
    assert not [p for p in changed(proof) if is_extension((old, first), (new, second), p)]
    if old == new:
        return
    for a, b in ((old - 1, new), (old + 1, new), (old ^ 2, new), (old, new * 2), (old, new // 2)):
        assert not is_extension((a, first), (b, second), proof)
    assert not is_extension((old, second), (new, first), proof)
    assert not is_extension((old, b"WrongRoot"), (new, second), proof)
    assert not is_extension((old, first), (new, b"WrongRoot"), proof)


@pytest.mark.parametrize(
    ("old", "new", "is_sound"),
    [
        ((0, EMPTY_ROOT), (0, EMPTY_ROOT), True),
        ((0, EMPTY_ROOT), (1, ROOTS[0]), True),
        ((1, ROOTS[0]), (1, ROOTS[0]), True),
        ((0, ROOTS[0]), (1, ROOTS[0]), False),
        ((1, ROOTS[0]), (1, ROOTS[1]), False),
        ((1, ROOTS[0]), (0, EMPTY_ROOT), False),
        ((2, ROOTS[1]), (1, ROOTS[0]), False),
        ((1, ROOTS[0]), (2, ROOTS[1]), False),
    ],
)
def test_without_a_proof_only_what_is_trivial_holds(
    old: tuple[int, bytes], new: tuple[int, bytes], is_sound: bool
) -> None:
    assert is_extension(old, new, []) is is_sound


@given(Sizes)
def test_frontier_tree_and_definition_agree_at_every_size(size: int) -> None:
    found = leaves(size)
    assert root_of(found) == Tree(found).root == defined(found)


@given(Sizes, st.data())
def test_each_leaf_is_proved_and_no_other_passes_for_it(size: int, data: st.DataObject) -> None:
    found = leaves(size)
    tree = Tree(found)
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    proof = tree.inclusion(index)
    assert is_included(found[index], index, size, proof, tree.root)
    passes = [
        (other, at)
        for other in range(size)
        for at in range(size)
        if is_included(found[other], at, size, proof, tree.root)
    ]
    assert passes == [(index, index)]
    assert not [p for p in changed(proof) if is_included(found[index], index, size, p, tree.root)]


@given(Sizes, st.data())
def test_each_beginning_is_proved_and_no_other_passes_for_it(
    size: int, data: st.DataObject
) -> None:
    found = leaves(size)
    old = data.draw(st.integers(min_value=1, max_value=size))
    proof = Tree(found).consistency(old)
    new = (size, root_of(found))
    assert is_extension((old, root_of(found[:old])), new, proof)
    edited = [leaf_hash(b"another"), *found[1:]]
    assert not is_extension((old, root_of(edited[:old])), new, proof)
    other = (
        data.draw(st.integers(min_value=1, max_value=size).filter(lambda n: n != old))
        if size > 1
        else None
    )
    if other is not None:
        assert not is_extension((other, root_of(found[:old])), new, proof)


@given(Sizes, st.data())
def test_aligned_chunks_give_the_same_root_and_proofs(size: int, data: st.DataObject) -> None:
    found = leaves(size)
    chunk = 8
    parts = [Tree(found[at : at + chunk]) for at in range(0, size, chunk)]
    top = Tree(part.root for part in parts)
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    at, inside = divmod(index, chunk)
    assert top.root == root_of(found)
    assert [*parts[at].inclusion(inside), *top.inclusion(at)] == Tree(found).inclusion(index)


@pytest.mark.parametrize("index", [-1, 3])
def test_a_proof_of_what_is_not_there_is_a_mistake(index: int) -> None:
    with pytest.raises(IndexError):
        Tree(LEAVES[:3]).inclusion(index)


@pytest.mark.parametrize("size", [-1, 4])
def test_a_proof_from_what_never_was_is_a_mistake(size: int) -> None:
    with pytest.raises(IndexError):
        Tree(LEAVES[:3]).consistency(size)
