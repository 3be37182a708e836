"""A checkpointer on a store of the test's own, run until a test says otherwise."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bot.checkpointer import Bench, Checkpointer
from bot.keeping import CheckpointFile
from bot.metrics import Metrics
from bot.store.checkpoints import Message, Stored, stored_after
from policies.audit import Event, EventKind
from tests.bot.world import START, FakeClock, World, opened

WITHIN_S = 60.0
CHANNEL = "C0OPERATIONS"


@dataclass
class Signing:
    """A checkpointer at work, and what it works with."""

    world: World
    checkpointer: Checkpointer
    metrics: Metrics
    told: list[str] = field(default_factory=list)

    @property
    def clock(self) -> FakeClock:
        return self.world.clock

    @property
    def file(self) -> Path:
        return checkpoint_file(self.world.path)

    async def happened(self, count: int = 1) -> None:
        """Let so many events happen."""
        now = self.clock.now()
        await self.world.journal.record(
            [
                Event(kind=EventKind.TOOL_CALLED, at=now, sentence=f"Number {number}.")
                for number in range(count)
            ]
        )
        self.checkpointer.wake()

    async def checkpoints(self) -> list[Stored]:
        return await self.world.database.read(lambda connection: stored_after(connection, 0))

    async def reach(self, count: int) -> list[Stored]:
        """Return the checkpoints once there are so many, in the file too."""

        def is_kept() -> bool:
            return self.file.exists() and len(self.file.read_text().splitlines()) >= count

        await until(is_kept)
        return await self.checkpoints()

    async def pass_time_until(self, count: int) -> list[Stored]:
        """Let minutes pass until there are so many checkpoints.

        The minute of what is not signed yet begins when it is seen, so one of them is never enough
        to be sure of.
        """
        end = time.monotonic() + WITHIN_S
        while len(await self.checkpoints()) < count:
            assert time.monotonic() < end, "no checkpoint was made"
            self.clock.forward(60)
            self.checkpointer.wake()
            await asyncio.sleep(0.01)
        return await self.reach(count)

    def value(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(name) or 0.0


def checkpoint_file(path: Path) -> Path:
    return path.with_name(path.name + ".checkpoints")


def key_file(path: Path) -> Path:
    return path.with_name(path.name + ".key")


async def until(is_true: Callable[[], bool]) -> None:
    """Wait for a condition; fails when it does not come."""
    end = time.monotonic() + WITHIN_S
    while not is_true():
        assert time.monotonic() < end, "it did not come true"
        await asyncio.sleep(0.01)


async def told(found: "Signing") -> str:
    """Wait until people are told that nothing is signed, and that is on record."""
    await until(lambda: bool(found.told))
    # What was to be written by then is written when this is.
    await found.world.database.write(lambda _: None)
    return found.told[0]


@asynccontextmanager
async def signing(
    path: Path, clock: FakeClock | None = None, channel: str | None = None
) -> AsyncIterator[Signing]:
    """Open a store, begin its ledger if it is new, and sign it until the block ends."""
    async with opened(path, clock or FakeClock()) as world:
        found = worker(world, channel)
        first = Event(kind=EventKind.SIGNOFF_STARTED, at=world.clock.now(), sentence="Started.")
        await world.journal.record([first])
        running = asyncio.create_task(found.checkpointer.run())
        try:
            yield found
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await found.checkpointer.finish()


def worker(world: World, channel: str | None = None) -> Signing:
    """Return a checkpointer that does not run yet."""
    metrics, told = Metrics(), list[str]()

    async def messages(text: str) -> list[Message]:
        told.append(text)
        return [("dm", {"user": "U0ANA", "text": text})]

    checkpointer = Checkpointer(
        Bench(
            context=world.context,
            key_path=key_file(world.path),
            file=CheckpointFile(checkpoint_file(world.path)),
            channel=channel,
            metrics=metrics,
            messages=messages,
        )
    )
    return Signing(world, checkpointer, metrics, told)


async def signed_ledger(path: Path, events: int = 40, at: datetime = START) -> None:
    """Make a ledger with three checkpoints: over a few events, over some, and over all."""
    async with signing(path, FakeClock(at)) as found:
        await found.reach(1)
        await found.happened(events // 2)
        await found.pass_time_until(2)
        await found.happened(events - events // 2)
