"""`signoff audit`: shows, searches, verifies, exports and rebuilds the record."""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.commandline import OK, WRONG, command, harmless
from bot.keeping import CheckpointFile, CheckpointFileError, checkpoints_path, read_line
from bot.newfile import write_new
from bot.opening import clock_of
from bot.settings import Settings, SettingsError, from_environment
from bot.store.engine import Database
from bot.store.export import export
from bot.store.ledger import story, verify
from bot.store.proving import MOST_FAULTS, Claim, Proof, Sources, claim_of, prove
from bot.store.reading import open_read_only
from bot.store.schema import migrate
from bot.store.search import Question, rebuild, search
from policies.checkpoints import CheckpointError, VerifierKey

MOST = 1_000_000_000
SPANS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
FILTERS = (
    ("agent", "what this agent did, such as `incident`"),
    ("actor", "what this person (a Slack id) or part did"),
    ("kind", "such as `vote.cast`, or `proposal` for all that begins so"),
    ("environment", "in this environment"),
    ("tool", "with this tool"),
    ("reason", "with this reason code"),
    ("text", "with these words in the sentence, or in a text that was not erased"),
)


def add(commands: Any) -> None:  # noqa: ANN401 - argparse names its own type in private
    """Declare the commands."""
    audit = commands.add_parser("audit", help="show, search, verify or export the record")
    parts = audit.add_subparsers(required=True, metavar="WHAT")
    show = command(parts, "show", _show, "tell what happened in a task")
    show.add_argument("task", help="the task's id, like T-7K3F9Q2A")
    show.add_argument("--json", action="store_true", help="print the events as JSON")
    _add_search(command(parts, "search", _search, "find events"))
    check = command(
        parts,
        "verify",
        _verify,
        "walk the whole chain, and hold it against every checkpoint; exit code 1 if one is wrong",
    )
    check.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        help="a checkpoint that was kept elsewhere; may be given more than once",
    )
    check.add_argument("--key", help="the public key as `signoff doctor` showed it, kept elsewhere")
    out = command(parts, "export", _export, "print every event with its proof, as lines of JSON")
    out.add_argument("task", nargs="?", help="only this task's")
    out.add_argument("--output", type=Path, help="write to this new file instead")
    command(parts, "rebuild", _rebuild, "make the query table again; Signoff must be stopped")


def _add_search(parser: argparse.ArgumentParser) -> None:
    for name, words in FILTERS:
        parser.add_argument(f"--{name}", help=words)
    parser.add_argument("--since", help="not before: `7d`, `12h`, or a time like 2026-11-20T10:00Z")
    parser.add_argument("--until", help="before: as above")
    parser.add_argument("--limit", type=int, default=1000, help="the newest so many (1000)")
    parser.add_argument("--json", action="store_true", help="print the events as JSON")


def _show(parsed: argparse.Namespace) -> int:
    task_id = str(parsed.task).upper()
    with open_read_only(from_environment().database_url) as connection:
        events = story(connection, task_id)
    if not events:
        print(f"signoff: there is no task {task_id}", file=sys.stderr)
        return WRONG
    _print(events, is_json=parsed.json)
    return OK


def _search(parsed: argparse.Namespace) -> int:
    settings = from_environment()
    now = clock_of(settings).now()
    if not 1 <= parsed.limit <= MOST:
        raise SettingsError(f"--limit: write a number from 1 to {MOST}")
    question = Question(
        **{name: getattr(parsed, name) for name, _ in FILTERS},
        since=moment("--since", parsed.since, now),
        until=moment("--until", parsed.until, now),
        limit=parsed.limit,
    )
    with open_read_only(settings.database_url) as connection:
        events = search(connection, question)
    _print(events, is_json=parsed.json)
    if len(events) == parsed.limit:
        words = "signoff: these are the newest; there may be more: narrow it down, or use --limit"
        print(words, file=sys.stderr)
    elif not events:
        print("signoff: nothing fits", file=sys.stderr)
    return OK


def moment(name: str, text: str | None, now: datetime) -> datetime | None:
    """Read `7d` as so long ago, or a time; one without a zone is UTC. Raises SettingsError."""
    if text is None:
        return None
    span = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    try:
        if span is not None:
            return now - timedelta(**{SPANS[span[2]]: int(span[1])})
        found = datetime.fromisoformat(text)
        # In UTC a time at the end of the calendar may lie outside of it.
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SettingsError(
            f"{name}: `{text[:40]}` is no time: write `7d`, `12h`, `30m`, or 2026-11-20T10:00Z"
        ) from error


def _print(events: list[dict[str, Any]], *, is_json: bool) -> None:
    if is_json:
        print(json.dumps(events, indent=2, ensure_ascii=False))
        return
    for event in events:
        print(_told(event))


def _told(event: Mapping[str, Any]) -> str:
    why = f" [{', '.join(event['reasons'])}]" if event["reasons"] else ""
    line = f"{event['seq']:>6}  {event['at'][:19]}Z  {event['kind']:<20} {event['actor']['id']:<22}"
    line += f" {harmless(event['sentence'])}{why}"
    for name, text in event["texts"].items():
        shown = "(erased)" if text is None else harmless(str(text))[:200]
        line += f"\n{'':>30}{name}: {shown}"
    return line


def _verify(parsed: argparse.Namespace) -> int:
    settings = from_environment()
    file = CheckpointFile(checkpoints_path(settings))
    # Before the database is opened: a running Signoff stores first and appends then, so all that
    # stands in the file by now must be found in the picture of the database.
    length = file.size()
    sources = Sources(
        kept=_kept(file, length), given=_given(parsed.checkpoint), key=_key(parsed.key)
    )
    with open_read_only(settings.database_url) as connection:
        found = prove(connection, sources)
    for line in report(found, is_key_given=parsed.key is not None):
        print(line)
    if length == 0:
        print(f"There is no checkpoint file at {file.path}.")
    return OK if found.is_sound else WRONG


def _kept(file: CheckpointFile, length: int) -> Iterator[Claim]:
    try:
        for found in file.read(length):
            yield Claim(note=found.note, size=found.size, where=found.where, at=found.at, n=found.n)
    except CheckpointFileError as error:
        yield Claim(
            note="", size=0, where=f"`{file.path}`", fault=f"{error}; the rest was not read"
        )
    except OSError as error:
        words = f"SIGNOFF_CHECKPOINTS: it can't be read: {error.strerror}"
        yield Claim(note="", size=0, where=f"`{file.path}`", fault=words)


def _key(text: str | None) -> VerifierKey | None:
    try:
        return None if text is None else VerifierKey.parse(text)
    except CheckpointError as error:
        raise SettingsError(f"--key: {error}") from error


def _given(paths: Iterable[Path]) -> list[Claim]:
    return [claim for path in paths for claim in given(path)]


def given(path: Path) -> Iterator[Claim]:
    """Yield the checkpoints of a file that was kept: notes, or lines of a checkpoint file.

    Raises:
        SettingsError: it can't be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--checkpoint: can't read `{path}`: {error}") from error
    if text.lstrip().startswith("{"):
        for number, line in enumerate(text.splitlines(), start=1):
            yield _lined(line, f"line {number} of `{path}`")
        return
    # Copied out of Slack a note may have lost its last newline, or gained the marks around it.
    notes = re.findall(r"[^\n]+\n\d+\n[^\n]+\n\n(?:— [^\n]+(?:\n|$))+", text.replace("```", ""))
    if not notes:
        raise SettingsError(f"--checkpoint: there is no checkpoint in `{path}`")
    for note in notes:
        yield claim_of(note if note.endswith("\n") else note + "\n", f"the checkpoint in `{path}`")


def _lined(line: str, where: str) -> Claim:
    try:
        found = read_line(line.encode(), where)
    except CheckpointFileError as error:
        raise SettingsError(f"--checkpoint: {error}") from error
    return Claim(note=found.note, size=found.size, where=where, at=found.at)


def report(found: Proof, *, is_key_given: bool) -> Iterator[str]:
    """Say what is sound, what covers it, what is wrong, and what was trusted."""
    chain = found.chain
    if chain.fault is not None:
        yield f"WRONG at event {chain.fault_at}: {chain.fault}."
        yield f"The {chain.events} events before it are sound as a chain."
    elif found.faults:
        yield f"WRONG: the chain holds ({chain.events} events, head {chain.head}), but"
    else:
        yield f"Sound: {chain.events} events, head {chain.head}."
    for fault in found.faults:
        yield f"WRONG: {harmless(fault)}."
    if found.wrong > MOST_FAULTS:
        yield f"WRONG: {found.wrong - MOST_FAULTS} further checkpoints."
    if chain.gone:
        yield f"Free texts that are gone (erased): {chain.gone}; their hashes are still there."
    if found.unreached:
        yield f"{found.unreached} checkpoints over more events than that could not be checked."
    yield from _cover(found)
    yield from _trust(found, is_key_given=is_key_given)


def _cover(found: Proof) -> Iterator[str]:
    last, cover = found.chain.events, found.cover
    if cover is None:
        if last:
            yield f"Events 1 to {last} are covered by no checkpoint."
        return
    when = "" if cover.at is None else f" of {cover.at.isoformat(timespec='seconds')}"
    yield f"Events 1 to {cover.size} are covered by a checkpoint{when} ({cover.where})."
    if cover.size < last:
        yield f"Events {cover.size + 1} to {last} are covered by none yet."
    if found.given is not None:
        yield f"Events 1 to {found.given.size} are as in the checkpoint that you kept."


def _trust(found: Proof, *, is_key_given: bool) -> Iterator[str]:
    if found.key is None:
        yield "No key is recorded, so no checkpoint could be checked."
    elif is_key_given:
        yield f"Trusted: the key {found.key}, which you gave."
    else:
        yield f"Trusted: the key {found.key}, recorded in event {found.key_at} of this ledger."
    if found.given is None:
        yield "Whoever holds the machine and its key can make ledger and checkpoints anew: that"
        yield "can't be seen from inside. Give a checkpoint kept elsewhere (--checkpoint) and the"
        yield "key kept elsewhere (--key): docs/ledger.md."


def _export(parsed: argparse.Namespace) -> int:
    task_id = None if parsed.task is None else str(parsed.task).upper()
    with open_read_only(from_environment().database_url) as connection:
        if task_id is not None and not story(connection, task_id):
            print(f"signoff: there is no task {task_id}", file=sys.stderr)
            return WRONG
        if parsed.output is not None:
            return _saved(export(connection, task_id), parsed.output)
        sys.stdout.writelines(_ended(export(connection, task_id)))
    return OK


def _saved(found: Iterable[str], path: Path) -> int:
    try:
        write_new(path, _ended(found))
    except FileExistsError:
        print(
            f"signoff: --output: `{path}` is there already and was not touched: name a new file",
            file=sys.stderr,
        )
        return WRONG
    except OSError as error:
        print(f"signoff: --output: can't write `{path}`: {error.strerror}", file=sys.stderr)
        return WRONG
    return OK


def _ended(found: Iterable[str]) -> Iterator[str]:
    return (line + "\n" for line in found)


def _rebuild(parsed: argparse.Namespace) -> int:
    del parsed
    settings = from_environment()
    count = asyncio.run(_rebuilt(settings))
    with open_read_only(settings.database_url) as connection:
        found = verify(connection)
    print(f"Made the query table again from {count} events.")
    if found.fault is not None:
        print(f"WRONG at event {found.fault_at}: {found.fault}.")
    return OK if found.fault is None else WRONG


async def _rebuilt(settings: Settings) -> int:
    with open_read_only(settings.database_url):
        pass  # Nothing is made where there is nothing.
    database = Database(settings.database_url)
    try:
        await database.open(migrate)
        return await database.write(rebuild)
    finally:
        await database.close()
