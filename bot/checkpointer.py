"""The checkpointer: signs the ledger as it grows, stores, keeps and posts what it signed.

Order matters: stored in the database first, then appended to the file, then posted from the
outbox. A crash in between leaves the file or the channel behind, and the next look catches up.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.keeping import (
    CheckpointFile,
    CheckpointFileError,
    KeyFileError,
    learn_key,
    make_key,
    read_key,
)
from bot.metrics import Metrics
from bot.store.checkpoints import (
    AT_ONCE,
    ContradictionError,
    History,
    Made,
    Message,
    Stored,
    forget,
    links,
    newest,
    read_history,
    record_key,
    recorded_key,
    store,
    stored_after,
    tell_once,
)
from bot.store.context import Context
from bot.store.engine import StoreError
from bot.store.reading import open_read_only
from policies.checkpoints import Checkpoint, CheckpointError, VerifierKey, sign
from tools.ports import RecordUnavailable

EVERY_EVENTS = 256
DIRTY, IDLE = timedelta(seconds=60), timedelta(hours=1)
POLL_S = 1.0
RETRY_S = 5.0
# What ends the signing until somebody has looked.
REFUSED = (ContradictionError, KeyFileError, CheckpointFileError, CheckpointError, StoreError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the checkpointer works with; `messages` says whom to tell that nothing is signed."""

    context: Context
    key_path: Path
    file: CheckpointFile
    channel: str | None
    metrics: Metrics
    messages: Callable[[str], Awaitable[list[Message]]]


def occasion(
    new: int, dirty_since: datetime | None, last_at: datetime | None, now: datetime
) -> str | None:
    """Say why a checkpoint is due now, or None; a clock that was put back makes one due."""
    if last_at is None:
        return "start"
    if new >= EVERY_EVENTS:
        return "events"
    if new and dirty_since is not None and not timedelta(0) <= now - dirty_since < DIRTY:
        return "dirty"
    return None if timedelta(0) <= now - last_at < IDLE else "idle"


class Checkpointer:
    """Looks at the ledger after commits and every second; holds its Merkle frontier in memory."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._awake = asyncio.Event()
        self._signer: tuple[Ed25519PrivateKey, VerifierKey] | None = None
        self._history = History()
        self._last: Stored | None = None
        self._dirty_since: datetime | None = None
        self._is_file_behind = self._is_refused = False
        self._working: asyncio.Task[None] | None = None
        self._is_news = True

    def wake(self) -> None:
        """Look for new events now."""
        self._awake.set()

    async def run(self) -> None:
        """Sign until cancelled, or until there is a reason never to sign again before a restart."""
        try:
            await self._patiently(self._begin)
            await self._patiently(partial(self._checkpoint, "start"))
            while True:
                await self._news()
                await self._try()
        except REFUSED as error:
            self._refuse(error)
            await self._patiently(partial(self._tell, error))

    async def finish(self) -> None:
        """Make the last checkpoint, after everybody who writes has stopped."""
        if self._working is not None:
            # What it failed with shows again below.
            await asyncio.gather(self._working, return_exceptions=True)
        if self._is_refused:
            return
        try:
            await self._last_look()
        except RecordUnavailable as error:
            _log.warning("the last events are signed at the next start: %s", error)
        except REFUSED as error:
            self._refuse(error)
            # Whoever starts it next is told by the next start.
            with contextlib.suppress(RecordUnavailable):
                await self._tell(error)

    async def _last_look(self) -> None:
        if self._signer is None:
            await self._begin()
        await self._read_on()
        if self._last is None or self._last.size < self._history.size:
            await self._checkpoint("stop")
        else:
            await self._keep()

    async def _news(self) -> None:
        # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the wake.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await self._awake.wait()
        self._is_news = self._is_news or self._awake.is_set()
        self._awake.clear()

    async def _patiently(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it, again and again while the database takes nothing."""
        while True:
            try:
                await self._undisturbed(work())
            except RecordUnavailable as error:
                self._bench.metrics.unsigned.set(1)
                _log.info("the checkpoints wait: %s", error)
                await asyncio.sleep(RETRY_S)
            else:
                is_unsigned = self._is_file_behind or self._is_refused
                self._bench.metrics.unsigned.set(float(is_unsigned))
                return

    async def _try(self) -> None:
        try:
            await self._patiently(self._look)
        except REFUSED:
            raise
        # Boundary: what nobody thought of must not end the bot.
        except Exception:  # noqa: BLE001 - see above
            _log.exception("a checkpoint could not be made; it is tried again")
            self._bench.metrics.unsigned.set(1)
            await asyncio.sleep(RETRY_S)

    async def _undisturbed(self, work: Coroutine[Any, Any, None]) -> None:
        """Let work that was begun end, also at a stop: table, file and memory must agree."""
        self._working = asyncio.create_task(work)
        await asyncio.shield(self._working)

    async def _begin(self) -> None:
        """Make or read the key, and hold the ledger against everything that was signed before."""
        bench = self._bench
        database = bench.context.database
        recorded = await database.read(recorded_key)
        if recorded is None:
            await asyncio.to_thread(make_key, bench.key_path)
        # Before it is used: from then on it must never be shown.
        learn_key(bench.context.redactor, bench.key_path)
        private = await asyncio.to_thread(read_key, bench.key_path)
        history = History()
        history.extend(await database.read(partial(links, after=0, limit=1)))
        key = VerifierKey.of(history.origin, private)
        if recorded is None:
            await database.write(lambda connection: record_key(connection, bench.context, key))
        elif recorded != str(key):
            raise KeyFileError(
                f"SIGNOFF_LEDGER_KEY: `{bench.key_path}` holds the key {key.id.hex()}, and this"
                f" ledger is signed with `{recorded}`: put that one back"
            )
        self._last = await database.read(newest)
        try:
            kept = await asyncio.to_thread(bench.file.last)
        except OSError as error:
            raise CheckpointFileError(
                f"SIGNOFF_CHECKPOINTS: can't read `{bench.file.path}`: {error.strerror}"
            ) from error
        claims = [claim for claim in (self._last, kept) if claim is not None]
        self._history = await asyncio.to_thread(self._read, claims, key)
        await self._check_file()
        await self._keep()
        await database.write(forget)
        self._signer = (private, key)

    def _read(self, claims: list[Stored], key: VerifierKey) -> History:
        with open_read_only(f"sqlite:///{self._bench.context.database.path}") as connection:
            return read_history(connection, claims, key)

    async def _look(self) -> None:
        if self._is_news:
            await self._read_on()
            self._is_news = False
        now, size = self._bench.context.clock.now(), self._history.size
        new = size - (0 if self._last is None else self._last.size)
        if new and self._dirty_since is None:
            self._dirty_since = now
        why = occasion(new, self._dirty_since, None if self._last is None else self._last.at, now)
        if why is not None:
            await self._checkpoint(why)
        elif self._is_file_behind:
            await self._keep()

    async def _read_on(self) -> None:
        """Hash the new events; what they cost does not depend on how many came before."""
        while True:
            after = self._history.size
            rows = await self._bench.context.database.read(
                partial(links, after=after, limit=AT_ONCE)
            )
            self._history.extend(rows)
            if len(rows) < AT_ONCE:
                return

    async def _checkpoint(self, why: str) -> None:
        assert self._signer is not None  # noqa: S101 - run() and finish() see to it
        private, key = self._signer
        bench, history = self._bench, self._history
        await self._check_file()
        size, root = history.size, history.frontier.root()
        made = Made(
            note=sign(Checkpoint(origin=key.name, size=size, root=root), private),
            occasion=why,
            size=size,
            head=history.head,
            after=None if self._last is None else self._last.note,
        )
        self._last = await bench.context.database.write(
            lambda connection: store(connection, bench.context, made, bench.channel)
        )
        bench.context.boundary("checkpoint.stored")
        self._dirty_since = None
        bench.metrics.checkpoints.labels(why).inc()
        bench.metrics.covered.set(size)
        await self._keep()

    async def _check_file(self) -> None:
        """Sign nothing beside a file that somebody else went on with."""
        try:
            kept = await asyncio.to_thread(self._bench.file.last)
        except OSError as error:
            self._fail(error)
            return
        if kept is not None and self._last is not None and kept.n == self._last.n:
            is_ours = kept.note == self._last.note
        else:
            is_ours = kept is None or await self._is_stored(kept)
        if not is_ours:
            raise ContradictionError(
                f"the last line of `{self._bench.file.path}` is not in the table"
            )

    async def _is_stored(self, kept: Stored) -> bool:
        found = await self._bench.context.database.read(partial(stored_after, n=kept.n - 1))
        return bool(found) and found[0].note == kept.note

    async def _keep(self) -> None:
        """Bring the file up to the table; a disk that is full is tried again, and stops nothing."""
        file, database = self._bench.file, self._bench.context.database
        try:
            kept = await asyncio.to_thread(file.last)
            n = 0 if kept is None else kept.n
            while missing := await database.read(partial(stored_after, n=n)):
                await asyncio.to_thread(file.append, missing)
                self._bench.context.boundary("checkpoint.kept")
                n = missing[-1].n
        except OSError as error:
            self._fail(error)
            return
        self._is_file_behind = False
        self._bench.metrics.unsigned.set(0)

    def _fail(self, error: OSError) -> None:
        if not self._is_file_behind:
            _log.error(
                "SIGNOFF_CHECKPOINTS: `%s` can't be written: %s", self._bench.file.path, error
            )
        self._is_file_behind = True
        self._bench.metrics.unsigned.set(1)

    def _refuse(self, error: Exception) -> None:
        """Say loudly why nothing is signed; the bot itself goes on."""
        self._is_refused = True
        self._bench.metrics.unsigned.set(1)
        _log.critical("the ledger is not signed any more: %s", error)

    async def _tell(self, error: Exception) -> None:
        context = self._bench.context
        messages = await self._bench.messages(
            f"I have stopped signing my ledger: {error}. I go on working. Look at `signoff doctor`"
            " and `signoff audit verify` on my machine, then start me again."
        )
        await context.database.write(
            lambda connection: tell_once(connection, context, error, messages)
        )
