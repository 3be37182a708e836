"""Checks an export of Signoff's ledger without Signoff: python verify_export.py FILE [KEY].

Needs Python 3.11 and the package `cryptography`. KEY is the public key as `signoff doctor` shows
it; without one the key in the export is used, which proves nothing about who made the export.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def require(is_so: bool, words: str) -> None:
    if not is_so:
        sys.exit(f"WRONG: {words}")


def signed(note: str, key: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint (c2sp.org/tlog-checkpoint) signed by `key`."""
    name, key_id, encoded = key.split("+", 2)
    public = base64.b64decode(encoded)
    require(sha256(f"{name}\n".encode() + public)[:4].hex() == key_id, "the key is misspelt")
    text, _, signatures = note.rpartition("\n\n")
    _, signer, blob = signatures.splitlines()[0].split(" ")
    raw = base64.b64decode(blob)
    require((signer, raw[:4].hex()) == (name, key_id), "the checkpoint is of another key")
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")
    require(origin == name, "the checkpoint is of another ledger")
    return origin, int(size), base64.b64decode(root)


def root_from(node: bytes, at: int, last: int, proof: list[bytes]) -> bytes | None:
    """Return the root that an inclusion proof leads to (RFC 9162, 2.1.3.2)."""
    for beside in proof:
        is_left = bool(at & 1) or at == last
        node = sha256(b"\x01" + (beside + node if is_left else node + beside))
        while is_left and at and not at & 1:
            at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    return node if last == 0 else None


def check(file: Iterable[str], key: str = "") -> None:
    lines = map(json.loads, file)
    about = next(lines, {})
    require(about.get("format") == "signoff-export/v1", "this is no export of the form v1")
    require(about["checkpoint"] is not None, "no checkpoint yet: nothing is signed, nothing proved")
    origin, size, root = signed(about["checkpoint"], key or about["key"])
    seq, proved, before = 0, 0, "0" * 64
    for line in lines:
        is_next = (line["seq"], line["prev"]) == (seq + 1, before)
        is_later = bool(about["task"]) and line["seq"] > seq + 1
        require(is_next or is_later, f"a gap after event {seq}")
        seq, body = line["seq"], json.loads(line["body"])
        own = sha256(f"ledger/v1\0{line['prev']}{line['body']}".encode())
        require((own.hex(), seq) == (line["hash"], body["seq"]), f"event {seq} was changed")
        require(about["task"] in (None, body["task_id"]), f"event {seq} is of another task")
        require(seq > 1 or origin == f"signoff/{own.hex()[:16]}", "this is another ledger")
        before, proved = own.hex(), proved + (seq <= size)
        if seq <= size:
            proof = [base64.b64decode(node) for node in line["proof"]]
            is_proved = root_from(sha256(b"\0" + own), seq - 1, size - 1, proof) == root
            require(is_proved, f"event {seq} is not proved")
    require(bool(about["task"]) or proved == size, f"events after {seq} are missing")
    require(proved > 0, "not one event in it is proved by the checkpoint")
    print(f"Sound to event {seq}: {proved} events are proved by the checkpoint of {origin}.")
    own = "the one in the export itself: give the one you kept, else this proves little about who"
    print(f"The key is {'the one that you gave' if key else own + ' made it'}.")


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit("usage: python verify_export.py FILE [KEY]")
    try:
        with Path(sys.argv[1]).open(encoding="utf-8") as export:
            check(export, *sys.argv[2:3])
    except (AttributeError, InvalidSignature, LookupError, OSError, TypeError, ValueError) as error:
        sys.exit(f"WRONG: {type(error).__name__} {error}")
