"""`signoff db`: backs the database up while Signoff runs, and puts a backup back."""

import argparse
from pathlib import Path
from typing import Any

from bot.commandline import OK, WRONG, command
from bot.keeping import KeyFileError, checkpoints_path, key_path, own_redactor, read_key
from bot.opening import clock_of
from bot.settings import Settings, from_environment
from bot.stops import nowhere
from bot.store.backup import Head, back_up, restore
from bot.store.checkpoints import origin, recorded_key
from bot.store.context import Context
from bot.store.controls import pause
from bot.store.dispatch import RowDispatcher
from bot.store.engine import Connection, Database, StoreError, file_of
from bot.store.ledger import Ledger
from bot.store.reading import open_read_only
from policies.audit import SYSTEM, Event, EventKind
from policies.checkpoints import VerifierKey
from policies.model import DEFAULT_TENANT

WHY = "A backup was restored: what was done since then is not in this record."


def add(commands: Any) -> None:  # noqa: ANN401 - argparse names its own type in private
    """Declare the commands."""
    database = commands.add_parser("db", help="back the database up, or put a backup back")
    parts = database.add_subparsers(required=True, metavar="WHAT")
    out = command(parts, "backup", _backup, "copy the database into a new file; Signoff may run")
    out.add_argument("file", type=Path, help="must not exist")
    back = command(
        parts, "restore", _restore, "put a backup in the database's place; Signoff must be stopped"
    )
    back.add_argument("file", type=Path, help="what `signoff db backup` wrote")
    back.add_argument(
        "--other-ledger",
        action="store_true",
        help="also a backup of another ledger than the one that is here",
    )


def _backup(parsed: argparse.Namespace) -> int:
    target: Path = parsed.file
    found = back_up(file_of(from_environment().database_url), target)
    chain = found.chain
    if chain.fault is not None:
        print(f"WRONG: copied to {target}, and event {chain.fault_at} is wrong: {chain.fault}.")
        return WRONG
    for fault in found.faults:
        print(f"WRONG: copied to {target}: {fault}.")
    if found.faults:
        return WRONG
    print(f"Backed up to {target}: {chain.events} events, head {chain.head}.")
    print("The signing key and the checkpoint file are not in it: keep the key apart from it.")
    return OK


def _restore(parsed: argparse.Namespace) -> int:
    settings = from_environment()
    path, now = file_of(settings.database_url), clock_of(settings).now()
    context = _context(settings)

    def record(connection: Connection, before: Head | None) -> None:
        _record(connection, context, before)

    def require(connection: Connection) -> None:
        if not parsed.other_ledger:
            _require_ours(connection, parsed.file, settings)

    found = restore(parsed.file, path, checkpoints_path(settings), now, record, require)
    lost = "nothing that can be read" if found.before is None else _words(found.before)
    print(f"Restored {parsed.file} to {path}: {_words(found.after)}, the restore among them.")
    print(f"Before it there was {lost}.")
    for aside in found.aside:
        print(f"Set aside: {aside}")
    print("What Signoff did after the backup was taken is not in this record, and was not undone")
    print("outside: look through what was set aside (DATABASE_URL) for it. What waited for a")
    print("sign-off then waits again, and could be done a second time. So Signoff is paused: start")
    print("it, look at what is open, and let it go on with `/signoff resume REASON`.")
    return OK


def _require_ours(backup: Connection, name: Path, settings: Settings) -> None:
    """Refuse a backup of another ledger than the one that lies here with its key.

    Raises:
        StoreError: it is of another one; the message says what to do.
    """
    insist = "to have that ledger here instead, put its key there first and add --other-ledger"
    own, theirs = _origin_here(settings), origin(backup)
    if own is not None and own != theirs:
        raise StoreError(
            f"`{name}` is of another ledger ({theirs}; here is {own}), and nothing was changed:"
            f" look whether it is the right file; {insist}"
        )
    recorded, path = recorded_key(backup), key_path(settings)
    if recorded is None or theirs is None or not path.exists():
        return
    try:
        is_same = str(VerifierKey.of(theirs, read_key(path))) == recorded
    except KeyFileError as error:
        raise StoreError(f"{error}; nothing was changed") from error
    if not is_same:
        raise StoreError(
            f"`{name}` is signed with the key {recorded}, and `{path}` (SIGNOFF_LEDGER_KEY) holds"
            f" another; nothing was changed: look whether it is the right file; {insist}"
        )


def _origin_here(settings: Settings) -> str | None:
    """Return what the ledger is called that is here; None where there is none to be read."""
    try:
        with open_read_only(settings.database_url) as connection:
            return origin(connection)
    except StoreError:
        return None


def _words(head: Head) -> str:
    return f"a ledger of {head.size} events, head {head.hash}"


def _context(settings: Settings) -> Context:
    redactor, clock = own_redactor(settings), clock_of(settings)
    database = Database(settings.database_url)
    return Context(
        database=database,
        ledger=Ledger(redactor),
        clock=clock,
        redactor=redactor,
        boundary=nowhere,
        dispatcher=RowDispatcher(database, clock, "db"),
    )


def _record(connection: Connection, context: Context, before: Head | None) -> None:
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.LEDGER_RESTORED,
            at=context.clock.now(),
            data={
                "replaced_size": None if before is None else before.size,
                "replaced_head": None if before is None else before.hash,
            },
            sentence="A backup was restored here; what followed it was set aside.",
        ),
    )
    pause(connection, context, DEFAULT_TENANT, SYSTEM.id, WHY)
