"""`signoff policy propose`: hands a rule folder to the running Signoff, which puts it to a vote."""

import argparse
import re
import sys
import time
from pathlib import Path
from typing import Any

from bot.commandline import OK, WRONG, command, folder_named, harmless
from bot.names import vocabulary
from bot.policy import candidate_of, texts
from bot.requests import AUTHOR, MOST_BYTES, Request, requests_path, submit, withdraw
from bot.settings import SettingsError, from_environment
from bot.store.changes import answer_to, is_task_open, proposal_of_task
from bot.store.engine import Connection, file_of
from bot.store.reading import open_read_only

POLL_S = 0.2
# How long a taken request may take: Slack is asked who the author is, and the sets are compared.
ANSWER_S = 60.0
EXITS = "exit codes: 0 it waits for a sign-off (or is in force already), 1 not proposed, 2 usage"


class NotProposedError(Exception):
    """Nothing was proposed; the message says why and what to do."""


def add(parts: Any) -> None:  # noqa: ANN401 - argparse names its own type in private
    """Declare the command."""
    words = "put rules before the operators in Slack, by the running Signoff"
    found = command(parts, "propose", _propose, words)
    found.epilog = EXITS
    found.add_argument("folder", metavar="DIR", help="the rule folder")
    found.add_argument(
        "--author",
        required=True,
        metavar="U…",
        help="the Slack user id of who wants this, and so can't sign it off",
    )
    found.add_argument(
        "--wait", type=int, default=15, help="seconds to wait until Signoff takes it (15)"
    )


def _propose(parsed: argparse.Namespace) -> int:
    folder = folder_named(parsed.folder)
    if folder is None:
        raise SettingsError(f"`{parsed.folder}` is no folder")
    if not re.fullmatch(AUTHOR, parsed.author):
        raise SettingsError(
            f"--author: `{parsed.author[:30]}` is no user id; in Slack open the profile and choose"
            " `Copy member ID`"
        )
    settings = from_environment()
    found = texts(folder)
    # Said here with file and line; Signoff loads and tests the same texts again itself.
    rules = candidate_of(found, vocabulary())
    print(f"The policy loads: {len(rules.rules)} rules, version {rules.version}, its tests pass.")
    request = Request(author=parsed.author, texts=found)
    if len(request.model_dump_json().encode()) > MOST_BYTES:
        raise SettingsError(f"`{folder}` is larger than {MOST_BYTES} bytes")
    try:
        answer = _handed_in(settings.database_url, request, parsed.wait)
        print(_outcome(settings.database_url, answer))
    except NotProposedError as error:
        print(f"signoff: not proposed: {error}", file=sys.stderr)
        return WRONG
    return OK


def _handed_in(url: str, request: Request, wait_s: int) -> dict[str, Any]:
    """Leave a request and return the answer to it; raises NotProposedError."""
    database = file_of(url)
    folder = requests_path(database)
    nobody = (
        f"no Signoff takes it that works on `{database}`. Start it there with"
        " `signoff run`, as the same user, and propose again; or look in its log"
    )
    try:
        path = submit(folder, request)
    except FileNotFoundError as error:
        raise NotProposedError(nobody) from error
    except OSError as error:
        raise NotProposedError(f"can't write to `{folder}`: {error.strerror}") from error
    try:
        answer = _awaited(url, path, wait_s)
    except BaseException:
        # Whatever it was, also Ctrl-C: what nobody took is not proposed behind our back.
        withdraw(path)
        raise
    if answer is None and withdraw(path):
        raise NotProposedError(nobody)
    answer = answer or _awaited(url, path, ANSWER_S)
    if answer is None:
        raise NotProposedError(
            "Signoff has taken it, and not answered yet: it may wait for Slack, or was stopped. It"
            " goes on by itself; `/signoff policy` shows it once it is proposed"
        )
    return answer


def _awaited(url: str, path: Path, within_s: float) -> dict[str, Any] | None:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        with open_read_only(url) as connection:
            found = answer_to(connection, path.stem)
        if found is not None:
            return found
        time.sleep(POLL_S)
    return None


def _outcome(url: str, answer: dict[str, Any]) -> str:
    """Return what became of it, in words; raises NotProposedError."""
    status, version = answer["status"], answer.get("version")
    if status == "refused":
        raise NotProposedError("\n".join(map(harmless, str(answer["words"]).splitlines())))
    if status == "same":
        return f"Nothing changes: policy {version} is in force already."
    task, channel = str(answer["task"]), answer["channel"]
    proposal = _proposal(url, task)
    if status == "waits":
        return f"Policy {version} waits for a sign-off already: {proposal or task} in {channel}."
    if proposal is None:
        return f"Taken up as task {task}; its card comes in the channel {channel}."
    return (
        f"Proposed as {proposal}, in the place of {answer['replaces']}: its card is in the channel"
        f" {channel}. Its author can't sign it off."
    )


def _proposal(url: str, task: str) -> str | None:
    """Return the proposal of a task, once it is made; None where the task came to none."""
    until = time.monotonic() + ANSWER_S

    def unit(connection: Connection) -> tuple[str | None, bool]:
        return proposal_of_task(connection, task), is_task_open(connection, task)

    while time.monotonic() < until:
        with open_read_only(url) as connection:
            found, is_open = unit(connection)
        if found is None and not is_open:
            raise NotProposedError(f"it came to nothing; `signoff audit show {task}` says why")
        if found is not None:
            return found
        time.sleep(POLL_S)
    return None
