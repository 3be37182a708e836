"""The command line, installed as `signoff`."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from bot import audit_cli, db_cli, doctor, policy_cli
from bot.app import BrokenPartError, Signoff, run
from bot.commandline import OK, USAGE, WRONG, Command, Outlet, OutputError, command
from bot.keeping import own_redactor
from bot.logs import configure, log_the_uncaught
from bot.scheduler import CronError
from bot.settings import SettingsError, from_environment, raw_secrets
from bot.store.engine import StoreError
from policies.loader import PolicyError
from policies.redaction import Redactor

EXAMPLE = Path(__file__).with_name("signoff.example.yaml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, which does not hang on who reads the output."""
    out, err = Outlet(sys.stdout), Outlet(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = _main(arguments)
            # Before the exit, where a failure would come too late to be told.
            out.flush()
        except OutputError as error:
            out.drop()
            print(f"signoff: {error}", file=sys.stderr)
            return WRONG
        return code


def _main(arguments: Sequence[str] | None) -> int:
    parsed = _parser().parse_args(arguments)
    # Until the settings are known to be right: what goes wrong with them may show a secret too.
    redactor = Redactor(raw_secrets())
    configure(redactor, logging.WARNING)
    try:
        _require_text(sys.argv[1:] if arguments is None else arguments)
        chosen: Command = parsed.command
        return chosen(parsed)
    except (SettingsError, CronError, StoreError, BrokenPartError) as error:
        print(f"signoff: {redactor.text(str(error))}", file=sys.stderr)
        return USAGE if isinstance(error, SettingsError | CronError) else WRONG
    except PolicyError as error:
        words = redactor.text(str(error))
        print(f"signoff: the policy does not load:\n{words}", file=sys.stderr)
        return WRONG


def _require_text(arguments: Sequence[str]) -> None:
    """Refuse what is not UTF-8, names of files too: it could be neither looked for nor shown."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            shown = argument.encode(errors="backslashreplace").decode()
            raise SettingsError(f"`{shown}` is not UTF-8: write it in UTF-8") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="signoff", description="Agents that act with a sign-off.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command(commands, "run", _run, "start the bot")
    init = command(commands, "init", _init, "write a commented signoff.yaml to start from")
    init.add_argument("path", nargs="?", type=Path, default=Path("signoff.yaml"))
    command(commands, "doctor", _doctor, "check tokens, connectors, policy, and say what to do")
    audit_cli.add(commands)
    db_cli.add(commands)
    policy_cli.add(commands)
    return parser


def _run(parsed: argparse.Namespace) -> int:
    del parsed
    settings = from_environment()
    configure(own_redactor(settings))
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
