"""The doctor's look at the ledger: its key, its checkpoints, and whether they agree with it."""

from bot.findings import Finding, bad, good, look
from bot.keeping import (
    CheckpointFile,
    CheckpointFileError,
    KeyFileError,
    checkpoints_path,
    key_path,
    read_key,
)
from bot.settings import Settings
from bot.store.checkpoints import (
    ContradictionError,
    Stored,
    links,
    newest,
    read_history,
    recorded_key,
)
from bot.store.engine import Connection, StoreError
from bot.store.guards import guard_faults
from bot.store.reading import open_read_only
from policies.checkpoints import VerifierKey, origin_of


def ledger_findings(settings: Settings) -> list[Finding]:
    """Check what is there; nothing is said of a database that is still to be made."""
    try:
        with open_read_only(settings.database_url):
            pass
    except StoreError:
        # What is wrong with it is told where the database itself is looked at.
        return []
    try:
        # The file before the database, which is always ahead of it.
        kept = CheckpointFile(checkpoints_path(settings)).last()
        with open_read_only(settings.database_url) as connection:
            return [
                *_ledger(connection, settings, kept),
                *_guards(connection),
                *_anchor(settings),
            ]
    except StoreError as error:
        return [bad("ledger", str(error))]
    except (CheckpointFileError, OSError) as error:
        return [bad("SIGNOFF_CHECKPOINTS", f"{error}; nothing is signed beside such a file")]


def _ledger(connection: Connection, settings: Settings, kept: Stored | None) -> list[Finding]:
    try:
        recorded = recorded_key(connection)
        if recorded is None:
            return [look("ledger", "its key is made at the next start, and signs it from then on")]
        key = _own_key(connection, settings, recorded)
        last = newest(connection)
        claims = [claim for claim in (last, kept) if claim is not None]
        size = read_history(connection, claims, key).size
    except KeyFileError as error:
        return [bad("ledger key", f"{error}; until then nothing is signed")]
    except ContradictionError as error:
        words = f"{error}; nothing is signed any more: run `signoff audit verify`, and see"
        return [bad("ledger", f"{words} docs/ledger.md")]
    found = [good("ledger key", f"{key}; keep a copy of this line elsewhere")]
    if last is None:
        return [*found, look("ledger", f"{size} events, and no checkpoint covers any of them")]
    when = f"{last.at:%Y-%m-%d %H:%M} UTC"
    return [*found, good("ledger", f"{size} events; a checkpoint of {when} covers {last.size}")]


def _guards(connection: Connection) -> list[Finding]:
    return [bad("guards", f"{fault}; see docs/ledger.md") for fault in guard_faults(connection)]


def _own_key(connection: Connection, settings: Settings, recorded: str) -> VerifierKey:
    path = key_path(settings)
    private = read_key(path)
    first = links(connection, 0, 1)
    key = VerifierKey.of(origin_of(first[0][2]), private)
    if str(key) != recorded:
        raise KeyFileError(
            f"SIGNOFF_LEDGER_KEY: `{path}` holds another key than the ledger's, {recorded}"
        )
    return key


def _anchor(settings: Settings) -> list[Finding]:
    if settings.config.anchor is not None:
        return []
    words = "not set, so checkpoints stay on this machine: see `anchor` in docs/ledger.md"
    return [look("anchor", words)]
