"""APScheduler as a clock over schedule rows; nothing is stored in it, and a slot is taken once."""

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from agents.tasks import NewTask, TaskKind
from bot.config import DigestSchedule
from bot.store.agenda import Agenda
from bot.store.context import Context
from bot.store.reviews import ask_again, overdue
from bot.store.schedules import Schedule, replace_all, take_slot, upcoming
from policies.model import DEFAULT_TENANT, Actor, ActorKind
from tools.ports import RecordUnavailable

LOOK_EVERY_S = 1
LATE_AFTER = timedelta(minutes=5)
CRON_FIELDS = 5
WEEKDAYS = frozenset({"mon", "tue", "wed", "thu", "fri", "sat", "sun"})

_log = logging.getLogger(__name__)


class CronError(ValueError):
    """A cron line can't be used; the message says what to write."""


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """The slots of a cron line on the wall clock of a zone."""

    line: CronTrigger
    zone: ZoneInfo

    def after(self, at: datetime) -> datetime | None:
        """Return the first slot strictly after a time, in UTC; None when there is none.

        Each wall time of the line is a slot once: one that the clocks leave out comes at the first
        moment after the gap, one that comes twice counts the first time.
        """
        wall: datetime | None = at.astimezone(self.zone).replace(tzinfo=None, microsecond=0)
        while wall is not None:
            wall = self._wall_after(wall)
            if wall is not None and (found := self._moment(wall)) > at:
                return found
        return None

    def _wall_after(self, wall: datetime) -> datetime | None:
        # The library counts in UTC, which has no changes: over those of a zone it loses days.
        found = self.line.get_next_fire_time(None, wall.replace(tzinfo=UTC) + timedelta(seconds=1))
        return found.replace(tzinfo=None) if isinstance(found, datetime) else None

    def _moment(self, wall: datetime) -> datetime:
        """Return when the clocks of the zone first show a wall time, or a later one."""
        late = wall.replace(tzinfo=self.zone).astimezone(UTC)
        early = wall.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        # PEP 495: of a time that comes twice fold 0 is the first; of one that is left out fold 0
        # lies after the gap and fold 1 before it, so only there is anything in between.
        span = range(int((late - early).total_seconds()))
        passed = bisect_left(
            span,
            wall,
            key=lambda s: (early + timedelta(seconds=s)).astimezone(self.zone).replace(tzinfo=None),
        )
        return early + timedelta(seconds=passed) if span else late


def trigger(cron: str, zone: str) -> Trigger:
    """Return the slots of a five-field cron line.

    Weekdays are taken by name only: 0 is Sunday in cron and Monday in APScheduler.

    Raises:
        CronError: the line has other than five fields, a numbered weekday, or impossible values.
    """
    parts = cron.split()
    if len(parts) != CRON_FIELDS:
        raise CronError(f"`{cron}`: write five fields: minute hour day month weekday")
    weekday = parts[4].lower()
    if weekday != "*" and not _are_names(weekday):
        raise CronError(f"`{parts[4]}`: name the weekday (mon, mon-fri): numbers mean two things")
    try:
        line = CronTrigger(
            minute=parts[0],
            hour=parts[1],
            day=parts[2],
            month=parts[3],
            day_of_week=weekday,
            timezone=UTC,
        )
    except ValueError as error:
        raise CronError(f"`{cron}`: {error}") from error
    return Trigger(line=line, zone=ZoneInfo(zone))


def _are_names(weekday: str) -> bool:
    names = weekday.replace("-", ",").split(",")
    return all(name in WEEKDAYS for name in names)


def next_slot(cron: str, zone: str, after: datetime) -> datetime:
    """Return the first slot strictly after a time, in UTC; raises CronError."""
    found = trigger(cron, zone).after(after)
    if found is None:
        raise CronError(f"`{cron}` never comes")
    return found


class Scheduler:
    """Looks every second whether a slot, or asking again for a review, is due."""

    def __init__(self, context: Context, digests: Sequence[DigestSchedule]) -> None:
        self._context, self._digests = context, digests
        self._clock = AsyncIOScheduler()
        self._agenda, self._reviews = Agenda(context.database), Agenda(context.database)
        self._is_looking = False

    async def start(self) -> None:
        """Bring the rows in line with the settings, and begin to look."""
        now = self._context.clock.now()
        wanted = [
            Schedule(
                name=f"digest:{digest.channel}:{digest.cron}:{digest.zone}",
                kind="digest",
                cron=digest.cron,
                zone=digest.zone,
                channel=digest.channel,
                next_at=next_slot(digest.cron, digest.zone, now),
            )
            for digest in dict.fromkeys(self._digests)
        ]
        await self._context.database.write(lambda connection: replace_all(connection, wanted))
        # Two, since APScheduler warns of each look that it leaves out while a write waits.
        self._clock.add_job(
            self._look_alone, "interval", seconds=LOOK_EVERY_S, max_instances=2, coalesce=True
        )
        self._clock.start()

    async def stop(self) -> None:
        """Stop looking."""
        if self._clock.running:
            self._clock.shutdown(wait=False)

    async def _look_alone(self) -> None:
        if self._is_looking:
            return
        self._is_looking = True
        try:
            await self.look()
        except RecordUnavailable as error:
            # The slot is still due at the next look.
            _log.info("the schedules wait: %s", error)
        except asyncio.CancelledError:
            # Only the stop ends a look; passed on, APScheduler would log it as a fault.
            _log.debug("a look was ended by the stop")
        finally:
            self._is_looking = False

    async def look(self) -> None:
        """Take every slot that is due, each once; after a pause only the latest of each."""
        now = self._context.clock.now()
        await self._ask_for_reviews(now)
        if not self._agenda.is_due(now):
            return
        for schedule in await self._agenda.ask(upcoming):
            if schedule.next_at <= now:
                await self._take(schedule, now)

    async def _ask_for_reviews(self, now: datetime) -> None:
        """Ask again for the reviews that nobody has answered for long."""
        if not self._reviews.is_due(now):
            return
        for proposal_id in await self._reviews.ask(partial(overdue, now=now)):
            ask = partial(ask_again, context=self._context, proposal_id=proposal_id)
            await self._context.database.write(ask)
            self._context.boundary("review.asked")

    async def _take(self, schedule: Schedule, now: datetime) -> None:
        after = next_slot(schedule.cron, schedule.zone, now)
        late = {"late_since": schedule.next_at.strftime("%a %d %b %H:%M UTC")}
        task = NewTask(
            kind=TaskKind.DIGEST,
            tenant=DEFAULT_TENANT,
            group_key=f"{schedule.name}:{schedule.next_at.isoformat()}",
            environment="ads",
            target="campaigns",
            title="Campaign digest",
            requester=Actor(kind=ActorKind.SYSTEM, id="system:schedule"),
            channel=schedule.channel,
            spec=late if now - schedule.next_at > LATE_AFTER else {},
        )
        taken = await self._context.database.write(
            lambda connection: take_slot(connection, self._context, schedule, after, task)
        )
        self._context.boundary("slot.taken")
        if not taken:
            _log.info("the slot of %s was taken already", schedule.name)
