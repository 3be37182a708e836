"""Checkpoints: a ledger's size and root as a signed note, in C2SP's two formats.

`c2sp.org/tlog-checkpoint` says what the text is, `c2sp.org/signed-note` how it is signed. Making a
key is not done here: that is chance.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

# The signature type byte of Ed25519, before the public key in its id and in its text form.
ED25519 = b"\x01"
ID_BYTES, KEY_BYTES, HASH_BYTES = 4, 32, 32
MAX_NOTE = 16_384
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME = re.compile(r"[^\s+]+")
_SIGNATURE = re.compile("\N{EM DASH} ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})")


class CheckpointError(ValueError):
    """A checkpoint or a key can't be used; the message says what is wrong with it."""


def origin_of(first_hash: str) -> str:
    """Return what a ledger is called for good: by the chain hash of its event 1."""
    return f"signoff/{first_hash[:16]}"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The size of a ledger, and the Merkle root over its events up to there."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, kw_only=True)
class VerifierKey:
    """The public half of a key, with the name it signs under."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature names its key."""
        named = self.name.encode() + b"\n" + ED25519 + self.public
        return hashlib.sha256(named).digest()[:ID_BYTES]

    def __str__(self) -> str:
        """Write it as `name+id+key`, the way other tools for signed notes take it."""
        encoded = base64.b64encode(ED25519 + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"

    @classmethod
    def of(cls, name: str, private: Ed25519PrivateKey) -> "VerifierKey":
        """Return the public half of a private key."""
        return cls(name=name, public=private.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read `name+id+key`; raises CheckpointError."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _decoded(encoded)
        if not _NAME.fullmatch(name) or raw is None or len(raw) != 1 + KEY_BYTES:
            raise CheckpointError(
                "this is no key: write it as `signoff doctor` shows it, name+id+key"
            )
        found = cls(name=name, public=raw[1:])
        if raw[:1] != ED25519 or found.id.hex() != key_id:
            raise CheckpointError("the key's id does not fit: a letter of it was changed or lost")
        return found


def sign(checkpoint: Checkpoint, private: Ed25519PrivateKey) -> str:
    """Return a checkpoint as a note, signed under its origin's name."""
    return sign_note(checkpoint.text, checkpoint.origin, private)


def parse(note: str) -> Checkpoint:
    """Read what a note says, without a look at its signature; raises CheckpointError."""
    return _parse(_split(note)[0])


def opened(note: str, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint that a note is, if `key` signed it; raises CheckpointError."""
    return _parse(open_note(note, key))


def sign_note(text: str, name: str, private: Ed25519PrivateKey) -> str:
    """Return a text, which ends in a newline, as a note signed under a name."""
    key_id = VerifierKey.of(name, private).id
    signature = base64.b64encode(key_id + private.sign(text.encode())).decode()
    return f"{text}\n\N{EM DASH} {name} {signature}\n"


def open_note(note: str, key: VerifierKey) -> str:
    """Return the text of a note if `key` signed it; raises CheckpointError.

    Signatures of other keys are passed over, as the format wants it.
    """
    text, signatures = _split(note)
    signed = [raw for name, raw in signatures if (name, raw[:ID_BYTES]) == (key.name, key.id)]
    if not signed:
        raise CheckpointError(f"it is not signed by the key {key.name}+{key.id.hex()}")
    public = Ed25519PublicKey.from_public_bytes(key.public)
    for raw in signed:
        try:
            public.verify(raw[ID_BYTES:], text.encode())
        except InvalidSignature as error:
            raise CheckpointError("its signature does not fit what it says") from error
    return text


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    text, parted, below = note.rpartition("\n\n")
    is_clean = not any(sign < " " and sign != "\n" for sign in note)
    if not parted or not below.endswith("\n") or not is_clean or len(note) > MAX_NOTE:
        raise CheckpointError("it is no signed note")
    signatures = []
    for line in below[:-1].split("\n"):
        found = _SIGNATURE.fullmatch(line)
        raw = _decoded(found[2]) if found else None
        if found is None or raw is None or len(raw) <= ID_BYTES:
            raise CheckpointError("a signature line of it can't be read")
        signatures.append((found[1], raw))
    return text + "\n", signatures


def _parse(text: str) -> Checkpoint:
    lines = text.split("\n")
    # Three lines and nothing after the last newline: extension lines are refused, ours have none.
    if len(lines) != 4 or not lines[0] or lines[3]:  # noqa: PLR2004 - see above
        raise CheckpointError("it is no checkpoint: that has an origin, a size and a root")
    root = _decoded(lines[2])
    if not _SIZE.fullmatch(lines[1]) or root is None or len(root) != HASH_BYTES:
        raise CheckpointError("its size or its root can't be read")
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root)


def _decoded(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # One way to write each value only: else a changed letter could pass.
    return raw if base64.b64encode(raw).decode() == text else None
