"""Schedules as rows: each slot is taken once, by a compare-and-set on its next time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from agents.tasks import NewTask
from bot.store.context import Context
from bot.store.tables import schedules
from bot.store.tasks import create_task
from policies.audit import Event, EventKind


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When something is to be done, and where its result goes."""

    name: str
    kind: str
    cron: str
    zone: str
    channel: str
    next_at: datetime


def all_schedules(connection: Connection) -> list[Schedule]:
    """Return every schedule, by name."""
    return [
        Schedule(
            name=row.name,
            kind=row.kind,
            cron=row.cron,
            zone=row.zone,
            channel=row.channel,
            next_at=row.next_at,
        )
        for row in connection.execute(select(schedules).order_by(schedules.c.name))
    ]


def upcoming(connection: Connection) -> tuple[list[Schedule], datetime | None]:
    """Return every schedule, and the time of the first slot."""
    found = all_schedules(connection)
    return found, min((schedule.next_at for schedule in found), default=None)


def replace_all(connection: Connection, wanted: list[Schedule]) -> None:
    """Make the rows those of the settings; one that has not changed keeps its next time."""
    known = {schedule.name: schedule for schedule in all_schedules(connection)}
    names = {schedule.name for schedule in wanted}
    for name in known.keys() - names:
        connection.execute(schedules.delete().where(schedules.c.name == name))
    for schedule in wanted:
        old = known.get(schedule.name)
        values = {
            "kind": schedule.kind,
            "cron": schedule.cron,
            "zone": schedule.zone,
            "channel": schedule.channel,
            "next_at": schedule.next_at,
        }
        if old is None:
            connection.execute(insert(schedules).values(name=schedule.name, **values))
            continue
        if (old.cron, old.zone) == (schedule.cron, schedule.zone):
            values["next_at"] = old.next_at
        connection.execute(
            update(schedules).where(schedules.c.name == schedule.name).values(**values)
        )


def take_slot(
    connection: Connection,
    context: Context,
    schedule: Schedule,
    next_at: datetime,
    task: NewTask,
) -> bool:
    """Take a schedule's slot and make its task, in one transaction; False when it was taken."""
    done = connection.execute(
        update(schedules)
        .where(schedules.c.name == schedule.name, schedules.c.next_at == schedule.next_at)
        .values(next_at=next_at)
    )
    if done.rowcount != 1:
        return False
    created, _ = create_task(connection, context, task)
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.DIGEST_SCHEDULED,
            at=context.clock.now(),
            task_id=created.id,
            correlation_id=created.id,
            agent=created.kind.value,
            data={"schedule": schedule.name, "slot": schedule.next_at.isoformat()},
            sentence=f"The slot {schedule.next_at.isoformat()} of `{schedule.name}` was taken.",
        ),
    )
    return True
