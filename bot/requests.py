"""What the command line leaves beside the database for a running Signoff: rules to propose.

One process holds the database, so the command line writes a file, whole and readable for nobody
else, into a folder of mode 0700 beside it. Signoff takes it by renaming it, and answers in the
database. Who has withdrawn a file knows that nobody took it; what was taken is worked off once,
whatever is killed meanwhile.
"""

import asyncio
import contextlib
import logging
import os
import re
import secrets
import stat
import time
from pathlib import Path

from pydantic import Field, ValidationError

from bot.names import vocabulary
from bot.newfile import write_new
from bot.policy import RuleTexts, candidate_of
from bot.pulse import Pulse
from bot.slack.desk import Desk
from bot.slack.sender import NoAnswer
from bot.store.changes import Proposed, Wish, answer_to, answered, propose
from bot.store.engine import Connection, StoreError, StoreUnavailable
from policies.engine import RuleSet
from policies.loader import PolicyError
from policies.model import Strict

POLL_S = 0.5
# What nobody took for so long is not what somebody waits for any more.
STALE_S = 900
MOST_BYTES = 1_000_000
OPEN, TAKEN = ".request", ".taken"
_NAME = re.compile(r"[0-9a-f]{32}")
AUTHOR = r"^[UW][A-Z0-9]{1,20}$"
SOURCE = "Proposed on the server with `signoff policy propose`, in the name of its author."

_log = logging.getLogger(__name__)


class Request(Strict):
    """A rule folder that somebody wants to see in force, and in whose name."""

    author: str = Field(pattern=AUTHOR)
    texts: RuleTexts


def requests_path(path: Path) -> Path:
    """Return the folder of the requests to the Signoff that holds a database."""
    return path.with_name(path.name + ".requests")


def submit(folder: Path, request: Request) -> Path:
    """Leave a request, and return its file; raises OSError."""
    path = folder / f"{secrets.token_hex(16)}{OPEN}"
    write_new(path, [request.model_dump_json()])
    return path


def withdraw(path: Path) -> bool:
    """Take a request back; False when Signoff has taken it."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


class Requests:
    """Takes requests, and proposes what is in them."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._context = desk, desk.context
        self._folder = requests_path(self._context.database.path)
        self._pulse = Pulse(POLL_S)

    async def run(self) -> None:
        """Work until cancelled; a folder that others could write to is left alone."""
        if not await asyncio.to_thread(_is_private, self._folder):
            return
        while True:
            async with self._pulse.outlasting("a request of the command line"):
                for path in _taken(self._folder):
                    await self._work(path)
            await self._pulse.rest()

    async def _work(self, path: Path) -> None:
        try:
            request = Request.model_validate_json(_read(path))
        except (OSError, ValidationError, ValueError) as error:
            _log.warning("a request can't be read: %s", type(error).__name__)
            await self._answer(path, {"status": "refused", "words": "it can't be read"})
            return
        try:
            author = await self._desk.directory.full_member(request.author)
        except NoAnswer as error:
            # It is taken, so it stays: Slack says later who that is.
            _log.debug("a request waits for Slack: %s", error)
            return
        if author is None:
            words = f"--author: there is no full member {request.author} in this workspace"
            await self._answer(path, {"status": "refused", "words": words})
            return
        try:
            rules = await asyncio.to_thread(candidate_of, request.texts, vocabulary())
        except PolicyError as error:
            words = f"the policy does not load:\n{error}"
            await self._answer(path, {"status": "refused", "words": words})
            return
        await self._propose(path, author, rules)

    async def _propose(self, path: Path, author: str, rules: RuleSet) -> None:
        context, channel = self._context, self._desk.config.operators_channel
        if channel is None:
            words = "there is no channel for it: set `defaults.channel` in signoff.yaml"
            await self._answer(path, {"status": "refused", "words": words})
            return
        wish = Wish(rules=rules, author=author, channel=channel, source=SOURCE)

        def unit(connection: Connection) -> None:
            if answer_to(connection, path.stem) is None:
                found = propose(connection, context, wish)
                answered(connection, context, path.stem, _said(found, channel))

        try:
            await context.database.write(unit)
        except StoreUnavailable:
            raise
        except StoreError as error:
            await self._answer(path, {"status": "refused", "words": str(error)})
            return
        context.boundary("request.answered")
        _worked_off(path)

    async def _answer(self, path: Path, answer: dict[str, str | None]) -> None:
        context = self._context

        def unit(connection: Connection) -> None:
            if answer_to(connection, path.stem) is None:
                answered(connection, context, path.stem, answer)

        await context.database.write(unit)
        _worked_off(path)


def _worked_off(path: Path) -> None:
    """Take the file away, after the answer is stored: found again, it is known by its name."""
    path.unlink(missing_ok=True)


def _said(found: Proposed, channel: str) -> dict[str, str | None]:
    status = "same" if found.task_id is None else "proposed" if found.is_new else "waits"
    return {
        "status": status,
        "version": found.version,
        "replaces": found.replaces,
        "task": found.task_id,
        "proposal": found.proposal_id,
        "channel": channel,
    }


def _taken(folder: Path) -> list[Path]:
    """Take what waits, and return all that was taken and not worked off, the oldest first."""
    for path in folder.glob(f"*{OPEN}"):
        # Whoever left it may withdraw it in this very moment.
        with contextlib.suppress(FileNotFoundError):
            if not _NAME.fullmatch(path.stem) or time.time() - path.stat().st_mtime > STALE_S:
                path.unlink()
            else:
                path.rename(path.with_suffix(TAKEN))
    return sorted(folder.glob(f"*{TAKEN}"), key=lambda path: path.stat().st_mtime)


def _read(path: Path) -> str:
    """Read a request of our own; raises OSError and ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise ValueError("it is too large")
    return raw.decode()


def _is_private(folder: Path) -> bool:
    """Make the folder, and say whether nobody else can write to it."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        _log.error("`signoff policy propose` is off: `%s`: %s", folder, error.strerror)
        return False
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not is_ours or found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        _log.error("`signoff policy propose` is off: `%s` must be ours, with mode 700", folder)
        return False
    return True
