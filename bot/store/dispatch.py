"""Hands out tasks that are due, each to one handler at a time; the task's row is the truth."""

import asyncio
import contextlib
import logging
import time
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update

from agents.ports import Claim
from bot.pulse import Pulse
from bot.store.agenda import Agenda
from bot.store.context import Handler
from bot.store.engine import Database
from bot.store.tables import tasks
from bot.store.tasks import KNOWN, task_of
from policies.model import Clock
from tools.ports import RecordUnavailable

LEASE_S = 30.0
BEAT_S = 10.0
POLL_S = 0.25
# Between two looks while nothing can be written.
TROUBLE_S = 1.0

_log = logging.getLogger(__name__)


class RowDispatcher:
    """Looks for rows that are due; for one machine, where one process has the database.

    A task is claimed under a lease with a new epoch: whoever worked on it before can't write any
    more. What runs in this very process is never claimed a second time, however late its lease.
    """

    def __init__(self, database: Database, clock: Clock, name: str, *, parallel: int = 8) -> None:
        self._database, self._clock, self._name, self._parallel = database, clock, name, parallel
        self._pulse = Pulse(POLL_S)
        self._agenda = Agenda(database)
        self._running: dict[str, asyncio.Task[None]] = {}

    def wake(self, connection: Connection, task_id: str, at: datetime | None) -> None:
        """See `bot.store.context.Dispatcher`."""
        connection.execute(update(tasks).where(tasks.c.id == task_id).values(wake_at=at))

    def look(self) -> None:
        """Look for work now."""
        self._pulse.wake()

    async def run(self, handler: Handler) -> None:
        """See `bot.store.context.Dispatcher`; what runs at the end goes on until `drain`."""
        while True:
            try:
                await self._hand_out(handler)
            except RecordUnavailable as error:
                _log.warning("no task can be claimed: %s", error)
                await asyncio.sleep(TROUBLE_S)
            await self._pulse.rest()

    async def drain(self, within_s: float) -> None:
        """Let what runs finish; what has not in time is cancelled and handed back."""
        running = list(self._running.values())
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=within_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def claim(self, limit: int, lease_s: float = LEASE_S) -> list[Claim]:
        """Take up to `limit` tasks that are due and free."""
        if not self._agenda.is_due(self._clock.now()) or not await self._agenda.ask(self._waiting):
            return []
        due = self._due()

        def unit(connection: Connection) -> list[Claim]:
            rows = connection.execute(due.order_by(tasks.c.wake_at).limit(limit)).all()
            return [_claimed(connection, row, self._name, lease_s) for row in rows]

        return await self._database.write(unit)

    async def heartbeat(self, claim: Claim, lease_s: float = LEASE_S) -> bool:
        """Lengthen the lease; False when the task is no longer ours."""

        def unit(connection: Connection) -> bool:
            done = connection.execute(
                update(tasks)
                .where(
                    tasks.c.id == claim.task.id,
                    tasks.c.epoch == claim.epoch,
                    tasks.c.lease_owner == claim.worker,
                )
                .values(lease_until=time.time() + lease_s)
            )
            return done.rowcount == 1

        return await self._database.write(unit)

    def _due(self) -> Any:
        is_free = or_(
            tasks.c.lease_owner.is_(None),
            tasks.c.lease_until < time.time(),
            # Ours, and not in hand: its handler could not give it back.
            tasks.c.lease_owner == self._name,
        )
        return select(tasks).where(
            tasks.c.wake_at <= self._clock.now(),
            is_free,
            tasks.c.id.not_in(list(self._running)),
            KNOWN,
        )

    def _waiting(self, connection: Connection) -> tuple[bool, datetime | None]:
        """Say whether a task may be taken, and when the next that is not in hand is due."""
        free = connection.execute(self._due().with_only_columns(tasks.c.id).limit(1)).first()
        next_at = connection.execute(
            select(tasks.c.wake_at)
            .where(tasks.c.wake_at.is_not(None), tasks.c.id.not_in(list(self._running)), KNOWN)
            .order_by(tasks.c.wake_at)
            .limit(1)
        ).scalar_one_or_none()
        return free is not None, next_at

    async def _hand_out(self, handler: Handler) -> None:
        room = self._parallel - len(self._running)
        if room <= 0:
            return
        for claim in await self.claim(room):
            running = asyncio.create_task(self._hold(handler, claim))
            self._running[claim.task.id] = running

    async def _hold(self, handler: Handler, claim: Claim) -> None:
        beat = asyncio.create_task(self._beat(claim))
        try:
            await handler(claim)
        except RecordUnavailable as error:
            # It is still ours, and found again by the next look.
            _log.warning("a task can't be given back: %s", error, extra={"task_id": claim.task.id})
            await asyncio.sleep(TROUBLE_S)
        finally:
            beat.cancel()
            del self._running[claim.task.id]
            self._agenda.forget()
            self._pulse.wake()

    async def _beat(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            with contextlib.suppress(RecordUnavailable):
                if not await self.heartbeat(claim):
                    return


def _claimed(connection: Connection, row: Any, worker: str, lease_s: float) -> Claim:
    epoch = row.epoch + 1
    connection.execute(
        update(tasks)
        .where(tasks.c.id == row.id)
        .values(lease_owner=worker, lease_until=time.time() + lease_s, epoch=epoch)
    )
    return Claim(task=task_of(row).model_copy(update={"epoch": epoch}), worker=worker, epoch=epoch)
