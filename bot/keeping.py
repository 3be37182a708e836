"""What of the ledger is kept outside its database: the key that signs it, and its checkpoints."""

import base64
import json
import os
import stat
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bot.newfile import sync_folder, write_new
from bot.settings import Settings
from bot.store.checkpoints import Stored
from bot.store.engine import StoreError, file_of
from policies.checkpoints import CheckpointError, parse
from policies.redaction import Redactor

OTHERS = stat.S_IRWXG | stat.S_IRWXO
TAIL = 65_536
MAX_LINE = 20_000
# How every line begins.
BEGINS = b'{"n": '


class KeyFileError(Exception):
    """The key file can't be used; the message says why and what to do."""


class CheckpointFileError(Exception):
    """The checkpoint file says something that no Signoff wrote; the message names the line."""


def key_path(settings: Settings) -> Path:
    """Return where the signing key lies."""
    return settings.ledger_key or _beside(settings, ".key")


def checkpoints_path(settings: Settings) -> Path:
    """Return where checkpoints are kept outside the database."""
    return settings.checkpoints or _beside(settings, ".checkpoints")


def _beside(settings: Settings, suffix: str) -> Path:
    path = file_of(settings.database_url)
    return path.with_name(path.name + suffix)


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read the signing key; raises KeyFileError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        raw = path.read_bytes()
    except OSError as error:
        raise KeyFileError(
            f"SIGNOFF_LEDGER_KEY: can't read `{path}`: {error.strerror}; put it back from where you"
            " keep it"
        ) from error
    if mode & OTHERS:
        raise KeyFileError(
            f"SIGNOFF_LEDGER_KEY: others can read `{path}` (mode {mode:o}): run `chmod 600 {path}`"
        )
    try:
        found = load_pem_private_key(raw, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"SIGNOFF_LEDGER_KEY: `{path}` is no key in PEM form") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise KeyFileError(f"SIGNOFF_LEDGER_KEY: the key in `{path}` is not of the kind Ed25519")
    return found


def own_redactor(settings: Settings) -> Redactor:
    """Return the redactor of the settings, which knows the signing key too, if there is one."""
    redactor = settings.redactor()
    try:
        learn_key(redactor, key_path(settings))
    except StoreError:
        # Without a database there is no key beside it; whoever opens it says what is wrong.
        return redactor
    return redactor


def learn_key(redactor: Redactor, path: Path) -> None:
    """Make a signing key one of the own secrets, also one that nobody may sign with."""
    try:
        found = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        # Whoever reads it to sign with it says what is wrong with it.
        return
    if isinstance(found, Ed25519PrivateKey):
        redactor.learn(_forms(found))


def _forms(private: Ed25519PrivateKey) -> Iterator[str]:
    """Yield how a key may be written: in hex, and in base64 wherever it stands in a longer text."""
    for raw in (
        private.private_bytes_raw(),
        private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    ):
        yield raw.hex()
        yield base64.b64encode(raw).decode().rstrip("=")
        for before, first in ((1, 2), (2, 3)):
            # Without the characters that also carry bits of what stands beside it.
            yield base64.b64encode(bytes(before) + raw).decode().rstrip("=")[first:-1]


def make_key(path: Path) -> None:
    """Make a signing key, unless there is one; raises KeyFileError."""
    if path.exists():
        return
    raw = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    try:
        write_new(path, [raw.decode()])
    except FileExistsError:
        # A key that came to be meanwhile is never written over.
        return
    except OSError as error:
        raise KeyFileError(f"SIGNOFF_LEDGER_KEY: can't write `{path}`: {error.strerror}") from error


class CheckpointFile:
    """A file that only grows: one line of JSON for each checkpoint, forced to the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, found: Iterable[Stored]) -> None:
        """Add checkpoints, after taking off a line that a crash cut short.

        Raises:
            CheckpointFileError: it does not end as such a file ends; nothing was written.
            OSError: it can't be written.
        """
        is_new = not self.path.exists()
        _, torn = self._end()
        with self.path.open("ab") as file:
            file.truncate(file.tell() - len(torn))
            file.writelines(_line(one).encode() for one in found)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.path)

    def last(self) -> Stored | None:
        """Return the last whole line; raises CheckpointFileError, and OSError."""
        line, _ = self._end()
        return read_line(line, f"the last line of `{self.path}`") if line else None

    def _end(self) -> tuple[bytes, bytes]:
        """Return the last whole line, and what a crash left behind it."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                tail = file.read()
        except FileNotFoundError:
            return b"", b""
        whole, newline, torn = tail.rpartition(b"\n")
        # Somebody else's file must not be shortened.
        self._require_ours(torn)
        return whole[whole.rfind(b"\n") + 1 :] + newline, torn

    def _require_ours(self, torn: bytes) -> None:
        if not (torn.startswith(BEGINS) or BEGINS.startswith(torn)) or len(torn) > MAX_LINE:
            raise CheckpointFileError(f"the end of `{self.path}`: no Signoff wrote it")

    def size(self) -> int:
        """Return how long the file is now, in bytes; 0 where there is none."""
        return self.path.stat().st_size if self.path.exists() else 0

    def read(self, limit: int) -> Iterator[Stored]:
        """Yield what stands in its first `limit` bytes, whole lines only."""
        if limit == 0:
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                limit -= len(line)
                if limit < 0:
                    return
                if not line.endswith(b"\n"):
                    self._require_ours(line)
                    return
                yield read_line(line, f"line {number} of `{self.path}`")


def _line(found: Stored) -> str:
    said = {"n": found.n, "at": found.at.isoformat(), "note": found.note}
    return json.dumps(said, ensure_ascii=False) + "\n"


def read_line(line: bytes, where: str) -> Stored:
    """Read one line of a checkpoint file; raises CheckpointFileError."""
    try:
        said = json.loads(line)
        note, n, at = said["note"], said["n"], datetime.fromisoformat(said["at"])
        size = parse(note).size
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = error if isinstance(error, CheckpointError) else "it can't be read"
        raise CheckpointFileError(f"{where}: {why}") from error
    if not isinstance(n, int) or at.tzinfo is None:
        raise CheckpointFileError(f"{where}: it can't be read")
    return Stored(n=n, note=note, at=at, size=size, where=where)
