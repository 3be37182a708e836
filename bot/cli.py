"""The command line, installed as `signoff`."""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot import doctor
from bot.app import BrokenPartError, Signoff, run
from bot.clock import WallClock
from bot.logs import configure, log_the_uncaught
from bot.policy import candidate
from bot.scheduler import CronError
from bot.settings import Settings, SettingsError, from_environment, raw_secrets
from bot.store.engine import StoreError
from bot.store.ledger import lines, story, verify
from bot.store.reading import open_read_only
from policies.analysis import Cell, Subject, matrix
from policies.loader import PolicyError
from policies.redaction import Redactor
from tools.base import WriteTool
from tools.catalogue import connector_types, placeholder

OK, WRONG, USAGE = 0, 1, 2
EXAMPLE = Path(__file__).with_name("signoff.example.yaml")
AGENTS = ("incident", "campaign", "digest")

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    command: Command = parsed.command
    # Until the settings are known to be right: what goes wrong with them may show a secret too.
    redactor = Redactor(raw_secrets())
    configure(redactor, logging.WARNING)
    try:
        return command(parsed)
    except (SettingsError, CronError, StoreError, BrokenPartError) as error:
        print(f"signoff: {redactor.text(str(error))}", file=sys.stderr)
        return USAGE if isinstance(error, SettingsError | CronError) else WRONG
    except PolicyError as error:
        words = redactor.text(str(error))
        print(f"signoff: the policy does not load:\n{words}", file=sys.stderr)
        return WRONG
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has seen enough.
        return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="signoff", description="Agents that act with a sign-off.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "run", _run, "start the bot")
    init = _add(commands, "init", _init, "write a commented signoff.yaml to start from")
    init.add_argument("path", nargs="?", type=Path, default=Path("signoff.yaml"))
    _add(commands, "doctor", _doctor, "check tokens, connectors, policy, and say what to do")
    audit = commands.add_parser("audit", help="show, verify or export the record")
    parts = audit.add_subparsers(required=True, metavar="WHAT")
    show = _add(parts, "show", _audit_show, "tell what happened in a task")
    show.add_argument("task", help="the task's id, like T-7K3F9Q2A")
    show.add_argument("--json", action="store_true", help="print the events as JSON")
    _add(parts, "verify", _audit_verify, "walk the whole chain; exit code 1 if something is wrong")
    export = _add(parts, "export", _audit_export, "print every event, one line of JSON each")
    export.add_argument("task", nargs="?", help="only this task's")
    export.add_argument("--output", type=Path, help="write to this file instead")
    policy = commands.add_parser("policy", help="check the rules, or print what they decide")
    parts = policy.add_subparsers(required=True, metavar="WHAT")
    for name, command, words in (
        ("check", _policy_check, "load the rules and run their test cases"),
        ("matrix", _policy_matrix, "print what is decided for each agent, tool and environment"),
    ):
        found = _add(parts, name, command, words)
        found.add_argument("folder", nargs="?", type=Path, help="instead of SIGNOFF_POLICY_DIR")
    return parser


def _add(parts: Any, name: str, command: Command, words: str) -> argparse.ArgumentParser:  # noqa: ANN401 - argparse names its own type in private
    parser: argparse.ArgumentParser = parts.add_parser(name, help=words, description=words)
    parser.set_defaults(command=command)
    return parser


def _run(parsed: argparse.Namespace) -> int:
    del parsed
    settings = from_environment()
    configure(settings.redactor())
    log_the_uncaught()

    def started(signoff: Signoff) -> None:
        host, port = signoff.address
        print(f"Signoff runs. Webhooks: http://{host}:{port}/webhooks/alertmanager", flush=True)

    asyncio.run(run(settings, started))
    return OK


def _init(parsed: argparse.Namespace) -> int:
    path: Path = parsed.path
    if path.exists():
        print(f"signoff: `{path}` is there already and was not touched", file=sys.stderr)
        return WRONG
    path.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"Wrote {path}. Fill in your ids, set SIGNOFF_CONFIG={path}, and run `signoff doctor`.")
    return OK


def _doctor(parsed: argparse.Namespace) -> int:
    del parsed
    return OK if asyncio.run(doctor.examine(from_environment())) else WRONG


def _audit_show(parsed: argparse.Namespace) -> int:
    task_id = str(parsed.task).upper()
    with open_read_only(_settings().database_url) as connection:
        events = story(connection, task_id)
    if not events:
        print(f"signoff: there is no task {task_id}", file=sys.stderr)
        return WRONG
    if parsed.json:
        print(json.dumps(events, indent=2, ensure_ascii=False))
        return OK
    for event in events:
        print(_told(event))
    return OK


def _told(event: Mapping[str, Any]) -> str:
    why = f" [{', '.join(event['reasons'])}]" if event["reasons"] else ""
    line = f"{event['seq']:>6}  {event['at'][:19]}Z  {event['kind']:<20} {event['actor']['id']:<22}"
    line += f" {_harmless(event['sentence'])}{why}"
    for name, text in event["texts"].items():
        shown = "(erased)" if text is None else _harmless(str(text))[:200]
        line += f"\n{'':>30}{name}: {shown}"
    return line


def _harmless(text: str) -> str:
    """Return recorded text on one line, without what steers a terminal or turns text around."""
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())


def _audit_verify(parsed: argparse.Namespace) -> int:
    del parsed
    with open_read_only(_settings().database_url) as connection:
        found = verify(connection)
    if found.fault is not None:
        print(f"WRONG at event {found.fault_at}: {found.fault}.")
        print(f"The {found.events} events before it are sound.")
        return WRONG
    print(f"Sound: {found.events} events, head {found.head}.")
    print("A cut tail or a chain made anew can't be seen from inside: compare the head with one")
    print("that was kept elsewhere (docs/security.md).")
    return OK


def _audit_export(parsed: argparse.Namespace) -> int:
    task_id = None if parsed.task is None else str(parsed.task).upper()
    with open_read_only(_settings().database_url) as connection:
        if parsed.output is not None:
            return _saved(lines(connection, task_id), parsed.output)
        _write(lines(connection, task_id), sys.stdout.write)
    return OK


def _saved(found: Iterable[str], path: Path) -> int:
    try:
        with path.open("w", encoding="utf-8") as file:
            _write(found, file.write)
    except OSError as error:
        print(f"signoff: can't write `{path}`: {error.strerror}", file=sys.stderr)
        return WRONG
    return OK


def _write(found: Iterable[str], write: Callable[[str], int]) -> None:
    for line in found:
        write(line + "\n")


def _policy_check(parsed: argparse.Namespace) -> int:
    found = candidate(_folder(parsed))
    print(f"The policy loads: {len(found.rules)} rules, version {found.version}, its tests pass.")
    return OK


def _policy_matrix(parsed: argparse.Namespace) -> int:
    rules = candidate(_folder(parsed))
    environments = (*_settings().config.environments, "ads")
    print(f"Policy {rules.version}, in the ordinary case (small amount, not paused, untainted):")
    for cell in matrix(rules, subjects(), AGENTS, environments):
        print(_row(cell))
    return OK


def subjects() -> list[Subject]:
    """Return every writing tool that a connector declares, configured or not."""
    clock = WallClock()
    tools = [tool for kind in connector_types() for tool in placeholder(kind, clock).tools()]
    return [
        Subject(tool=tool.name, tier=tool.tier, agents=tool.agents, is_reversible=True)
        for tool in tools
        if isinstance(tool, WriteTool)
    ]


def _row(cell: Cell) -> str:
    asked = " + ".join(
        f"{clause.n} of {'/'.join(clause.groups)}" for clause in cell.decision.clauses
    )
    why = ", ".join(cell.decision.rules) or cell.decision.reasons[0]
    where = f"{cell.agent:<9} {cell.tool:<28} {cell.environment:<12}"
    return f"{where} {cell.decision.effect:<8} {asked:<28} {why}"


def _folder(parsed: argparse.Namespace) -> Path | None:
    folder: Path | None = parsed.folder
    if folder is not None and not folder.is_dir():
        raise SettingsError(f"`{folder}` is no folder")
    return folder or _settings().policy_dir


def _settings() -> Settings:
    return from_environment()
