"""What somebody does to a ledger who can write its files, and knows how they are made."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bot.keeping import CheckpointFile
from bot.store.checkpoints import Stored
from bot.store.ledger import listed
from policies.checkpoints import Checkpoint, VerifierKey, origin_of, sign
from policies.merkle import leaf_hash, root_of
from tests.bot.signing import checkpoint_file, key_file

DERIVED = ("ledger_index", "texts")
ALL = ("ledger", *DERIVED, "checkpoints")


@contextmanager
def unguarded(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database without its guards; they are put back afterwards, as a thief would."""
    with closing(sqlite3.connect(path)) as db, db:
        guards = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            db.execute(f"DROP TRIGGER {name}")
        yield db
        for _, sql in guards:
            db.execute(sql)


def rechained(db: sqlite3.Connection, bodies: list[dict[str, object]]) -> None:
    """Write a ledger anew from bodies: numbered, hashed, linked, with a query table that fits."""
    for table in ("ledger", "ledger_index"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    prev = "0" * 64
    for seq, body in enumerate(bodies, start=1):
        text = rfc8785.dumps({**body, "seq": seq}).decode()  # type: ignore[dict-item] # is JSON
        own = hashlib.sha256(b"ledger/v1\0" + prev.encode() + text.encode()).hexdigest()
        db.execute("INSERT INTO ledger VALUES (?, ?, ?, ?)", (seq, text, prev, own))
        index(db, json.loads(text))
        prev = own


def index(db: sqlite3.Connection, body: dict[str, str]) -> None:
    at = datetime.fromisoformat(body["at"]).astimezone(UTC).replace(tzinfo=None)
    actor: object = body["actor"]
    assert isinstance(actor, dict)
    row = {
        **{
            name: body[name]
            for name in ("seq", "tenant", "kind", "task_id", "proposal_id", "agent")
        },
        **{name: body[name] for name in ("environment", "sentence")},
        **{name: listed(body[name]) for name in ("tools", "reasons")},
        "at": at.isoformat(timespec="microseconds") + "Z",
        "actor": actor["id"],
    }
    names = ", ".join(row)
    marks = ", ".join(f":{name}" for name in row)
    db.execute(f"INSERT INTO ledger_index ({names}) VALUES ({marks})", row)  # noqa: S608 - our own names


def bodies(db: sqlite3.Connection) -> list[dict[str, object]]:
    rows = db.execute("SELECT body FROM ledger ORDER BY seq").fetchall()
    return [json.loads(text) for (text,) in rows]


def edit(path: Path) -> None:
    """Change a sentence in the middle, and make the chain and the query table fit."""
    with unguarded(path) as db:
        found = bodies(db)
        found[20]["sentence"] = "Nothing happened."
        rechained(db, found)


def cut(path: Path) -> None:
    """Cut the tail off, in every table of the ledger."""
    with unguarded(path) as db:
        for table in ("ledger", *DERIVED):
            db.execute(f"DELETE FROM {table} WHERE seq > 40")  # noqa: S608 - our own names


def gap(path: Path) -> None:
    """Take one event out, and close the gap."""
    with unguarded(path) as db:
        found = bodies(db)
        del found[15]
        rechained(db, found)


def forget_checkpoints(path: Path) -> None:
    """Remove every trace of a checkpoint on this machine."""
    with unguarded(path) as db:
        db.execute("DELETE FROM checkpoints")
    checkpoint_file(path).unlink()


def sign_again(path: Path) -> None:
    """Sign what the ledger is now, with the key that lies beside it, everywhere on this machine."""
    raw = key_file(path).read_bytes()
    private = load_pem_private_key(raw, password=None)
    assert isinstance(private, Ed25519PrivateKey)
    with unguarded(path) as db:
        hashes = [one for (one,) in db.execute("SELECT hash FROM ledger ORDER BY seq")]
        db.execute("DELETE FROM checkpoints")
        size, at = len(hashes), datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
        root = root_of(leaf_hash(bytes.fromhex(one)) for one in hashes)
        note = sign(Checkpoint(origin=origin_of(hashes[0]), size=size, root=root), private)
        when = at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        db.execute(
            "INSERT INTO checkpoints VALUES (1, 'default', ?, 'start', ?, ?)", (when, size, note)
        )
    checkpoint_file(path).unlink(missing_ok=True)
    CheckpointFile(checkpoint_file(path)).append(
        [Stored(n=1, note=note, at=at, size=size, where="")]
    )


def exchange_key(path: Path) -> None:
    """Make a key of one's own, record it as if it had always been there, and sign all with it."""
    key_file(path).unlink()
    own = Ed25519PrivateKey.generate()
    write_key(key_file(path), own)
    with unguarded(path) as db:
        found = bodies(db)
        (first,) = db.execute("SELECT hash FROM ledger WHERE seq = 1").fetchone()
        for body in found:
            if body["kind"] == "key.recorded":
                body["data"] = {"key": str(VerifierKey.of(origin_of(first), own))}
        rechained(db, found)
    sign_again(path)


def write_key(path: Path, key: Ed25519PrivateKey) -> None:
    """Write a private key as Signoff keeps it."""
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def swap_tables(path: Path, other: Path, tables: tuple[str, ...]) -> None:
    """Put another ledger's rows in the place of this one's."""
    with unguarded(path) as db:
        db.execute("ATTACH ? AS other", (str(other),))
        for table in tables:
            db.execute(f"DELETE FROM main.{table}")  # noqa: S608 - our own names
            db.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table}")  # noqa: S608 - as above


def swap_everything(path: Path, other: Path) -> None:
    """Put another ledger in the place of this one, with its key and its checkpoints."""
    swap_tables(path, other, ALL)
    for place in (checkpoint_file, key_file):
        shutil.copy(place(other), place(path))


def append_verbatim(path: Path, other: Path) -> None:
    """Append another ledger's rows as they are, under the next numbers."""
    with unguarded(path) as db:
        db.execute("ATTACH ? AS other", (str(other),))
        # A link stands once in a chain: the first one of theirs leads to our genesis.
        db.execute(
            "INSERT INTO main.ledger SELECT seq + 42, body, prev, hash FROM other.ledger"
            " WHERE seq > 1"
        )


def merge(path: Path, other: Path) -> None:
    """Merge two ledgers into one chain, one event of each in turn."""
    with closing(sqlite3.connect(other)) as db:
        theirs = bodies(db)
    with unguarded(path) as db:
        mine = bodies(db)
        rechained(db, [body for pair in zip(mine, theirs, strict=False) for body in pair])


def invent(path: Path) -> None:
    """Append an event that never happened, as Signoff would have."""
    with unguarded(path) as db:
        found = bodies(db)
        rechained(db, [*found, {**found[-1], "sentence": "Somebody approved."}])


def edit_file(path: Path) -> None:
    """Change the size that a line of the checkpoint file states."""
    file = checkpoint_file(path)
    first, *rest = file.read_text().splitlines(keepends=True)
    file.write_text("".join([first.replace("\\n2\\n", "\\n3\\n"), *rest]))


def drop_last_checkpoint(path: Path) -> None:
    """Remove the newest checkpoint from the table, and leave the file as it is."""
    with unguarded(path) as db:
        db.execute("DELETE FROM checkpoints WHERE n = (SELECT max(n) FROM checkpoints)")


def blind_index(path: Path) -> None:
    """Let an index leave an event out, and say in the schema that it holds all of them."""
    made = "CREATE INDEX ledger_index_at ON ledger_index (at)"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP INDEX ledger_index_at")
        db.execute(f"{made} WHERE seq <> 20")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'ledger_index_at'", (made,))


def double_line(path: Path) -> None:
    """Write the last line of the checkpoint file once more."""
    file = checkpoint_file(path)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines, lines[-1]]))


def drop_line(path: Path) -> None:
    """Take a line out of the middle of the checkpoint file."""
    file = checkpoint_file(path)
    first, _, *rest = file.read_text().splitlines(keepends=True)
    file.write_text("".join([first, *rest]))


def go_on_in_file(path: Path) -> None:
    """Write something else below the last line of the checkpoint file."""
    with checkpoint_file(path).open("ab") as file:
        file.write(bytes(20))


def put_view(path: Path) -> None:
    """Put a view in the place of the query table, which says the same for now."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("ALTER TABLE ledger_index RENAME TO another")
        db.execute("CREATE VIEW ledger_index AS SELECT * FROM another")
