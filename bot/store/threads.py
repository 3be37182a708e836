"""What the mirror reads and keeps: threads with their cursor, posts, and the view of a thread."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Select, delete, func, or_, select, text, union_all, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from agents.alerts import Alert
from agents.ports import AWAITED
from agents.report import Report
from agents.tasks import Task
from bot.store.agenda import Agenda
from bot.store.alerts import alerts_of, refires
from bot.store.cardviews import ProposalView, proposal_views
from bot.store.context import Context
from bot.store.escalations import Escalation, escalations
from bot.store.halts import NOTHING_SWITCHED, Switches, holding_tasks, switches
from bot.store.memory import ANSWER
from bot.store.records import ledger_index
from bot.store.storms import STORM
from bot.store.tables import executions, posts, proposals, steps, tasks, threads
from bot.store.tasks import KNOWN, task_of
from policies.model import ProposalState


@dataclass(frozen=True, kw_only=True)
class Thread:
    """A thread in a channel, and up to which event it has been rendered.

    `waits` says that a person is asked for a decision in it.
    """

    id: str
    kind: str
    channel: str
    root_ts: str | None
    cursor: int
    head: int
    next_at: datetime | None
    waits: bool


@dataclass(frozen=True, kw_only=True)
class Post:
    """A message of a thread; `ts` is missing while it is unclear whether it arrived."""

    key: str
    channel: str
    ts: str | None
    digest: str
    begun_at: datetime


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """A task as its thread shows it."""

    task: Task
    alerts: tuple[tuple[Alert, int, datetime | None], ...]
    evidence: str | None
    is_gathering: bool
    report: Report | None
    proposals: tuple[ProposalView, ...]
    refires: tuple[tuple[int, int], ...]
    switches: Switches = NOTHING_SWITCHED
    # Whether campaigns were ever held for it.
    has_held: bool = False
    escalations: tuple[Escalation, ...] = ()
    # The group that answers for what the task is about.
    owners: str | None = None
    # The proposals that only a newer version can read.
    unread: tuple[str, ...] = ()


Owners = Callable[[Task], str | None]


class ThreadStore:
    """Threads for the mirror; `owners` names the group that answers for a task."""

    def __init__(self, context: Context, owners: Owners = lambda _: None) -> None:
        self._context, self._owners = context, owners

    @cached_property
    def _agenda(self) -> Agenda:
        # Not from the beginning: most of these only read a thread, and are gone afterwards.
        return Agenda(self._context.database)

    async def behind(self, since: int = 0) -> tuple[list[Thread], int]:
        """Return the threads that are to be rendered, and what to pass as `since` next time.

        There are events after their cursor, or the time has come at which they look different.
        Those that wait for a person come first. Only events after `since` are looked at: the
        threads of all earlier ones are up to date.
        """
        now = self._context.clock.now()
        if not self._agenda.is_due(now):
            return [], since
        fresh = select(ledger_index.c.thread_id).where(ledger_index.c.seq > since)
        is_time = threads.c.next_at <= now
        # Each by an index of its own; an `or` over all of them would read every thread.
        candidates = union_all(
            fresh, select(threads.c.id).where(_TO_DRAW), select(threads.c.id).where(is_time)
        )
        is_behind = or_(threads.c.cursor < _HEAD, is_time)
        query = (
            _threads().where(threads.c.id.in_(candidates), is_behind).order_by(_WAITS.desc(), _HEAD)
        )
        newest = select(func.coalesce(func.max(ledger_index.c.seq), 0))

        soonest = select(func.min(threads.c.next_at))

        def unit(connection: Connection) -> tuple[tuple[list[Thread], int], datetime | None]:
            found = [_thread_of(row) for row in connection.execute(query)]
            head = connection.execute(newest).scalar_one()
            # A thread that is being shown for the first time may end behind what came meanwhile.
            reached = (one.cursor if one.cursor > 0 else since for one in found)
            # What is behind stays so until it has been rendered, however often that is tried.
            next_at = now if found else connection.execute(soonest).scalar_one()
            return (found, min(reached, default=head)), next_at

        return await self._agenda.ask(unit)

    async def look_again(self) -> None:
        """Let every thread be rendered in which something can still be undone with one click."""
        now = self._context.clock.now()
        await self._context.database.write(
            lambda connection: (
                connection.execute(
                    update(threads)
                    .where(threads.c.next_at > now, threads.c.id.in_(_OF_WHAT_WAS_DONE))
                    .values(next_at=now)
                ).rowcount
            )
        )

    async def thread(self, thread_id: str) -> Thread:
        """Return a thread as it is now."""
        query = _threads().where(threads.c.id == thread_id)
        return _thread_of(
            await self._context.database.read(lambda connection: connection.execute(query).one())
        )

    async def view(self, thread: Thread) -> list[TaskView]:
        """Return the tasks of a thread, oldest first, as one consistent picture."""

        def unit(connection: Connection) -> list[TaskView]:
            of_thread = select(tasks).where(tasks.c.thread_id == thread.id, KNOWN)
            rows = connection.execute(of_thread.order_by(tasks.c.created_at, tasks.c.id)).all()
            found = [task_of(row) for row in rows]
            if thread.kind == STORM:
                views = _storm_views(connection, thread, found)
            else:
                views = [_view(connection, task) for task in found]
            given_up = escalations(connection, [task.id for task in found])
            return [
                replace(view, escalations=given_up[view.task.id], owners=self._owners(view.task))
                if view.task.id in given_up
                else view
                for view in views
            ]

        return await self._context.database.read(unit)

    async def posts(self, thread: Thread) -> dict[str, Post]:
        """Return the posts of a thread by key."""
        query = select(posts).where(posts.c.thread_id == thread.id)
        rows = await self._context.database.read(lambda connection: connection.execute(query).all())
        return {
            row.key: Post(
                key=row.key,
                channel=row.channel,
                ts=row.ts,
                digest=row.digest,
                begun_at=row.begun_at,
            )
            for row in rows
        }

    async def post_begun(self, thread: Thread, key: str, digest: str) -> None:
        """Note that a post is about to be made: after a crash it is looked for."""
        now = self._context.clock.now()
        await self._context.database.write(
            lambda connection: (
                connection.execute(
                    insert_or(posts)
                    .values(
                        thread_id=thread.id,
                        key=key,
                        channel=thread.channel,
                        digest=digest,
                        begun_at=now,
                    )
                    .on_conflict_do_nothing()
                ).rowcount
            )
        )

    async def post_done(
        self, thread: Thread, key: str, ts: str, digest: str, channel: str, *, is_root: bool
    ) -> None:
        """Note a post's place and content."""

        def unit(connection: Connection) -> None:
            connection.execute(
                update(posts)
                .where(posts.c.thread_id == thread.id, posts.c.key == key)
                .values(ts=ts, digest=digest, channel=channel)
            )
            if is_root:
                connection.execute(
                    update(threads)
                    .where(threads.c.id == thread.id)
                    .values(root_ts=ts, channel=channel)
                )

        await self._context.database.write(unit)

    async def post_withdrawn(self, thread: Thread, key: str) -> None:
        """Forget a post that was certainly not made, or is not there any more."""
        await self._context.database.write(
            lambda connection: (
                connection.execute(
                    delete(posts).where(posts.c.thread_id == thread.id, posts.c.key == key)
                ).rowcount
            )
        )

    async def begun_anew(self, thread: Thread) -> None:
        """Forget every post: the thread's root is gone, and it is told again under a new one."""

        def unit(connection: Connection) -> None:
            connection.execute(delete(posts).where(posts.c.thread_id == thread.id))
            connection.execute(
                update(threads).where(threads.c.id == thread.id).values(root_ts=None)
            )

        await self._context.database.write(unit)

    async def rendered(self, thread: Thread, next_at: datetime | None = None) -> None:
        """Move the cursor to what was rendered, unless it was set back since."""
        await self._context.database.write(
            lambda connection: (
                connection.execute(
                    update(threads)
                    .where(threads.c.id == thread.id, threads.c.cursor == thread.cursor)
                    .values(cursor=thread.head, next_at=next_at, fault=None)
                ).rowcount
            )
        )

    async def faulty(self, thread: Thread, fault: str) -> bool:
        """Note why a thread can't be shown; True the first time this fault is seen."""
        fault = self._context.redactor.excerpt(fault, 500)

        def unit(connection: Connection) -> bool:
            before = connection.execute(
                select(threads.c.fault).where(threads.c.id == thread.id)
            ).scalar_one()
            connection.execute(update(threads).where(threads.c.id == thread.id).values(fault=fault))
            return bool(before != fault)

        return await self._context.database.write(unit)


# Written out, not as a parameter: so the partial index is known to hold.
_TO_DRAW = text("threads.cursor <= 0")
_HEAD = (
    select(func.coalesce(func.max(ledger_index.c.seq), 0))
    .where(ledger_index.c.thread_id == threads.c.id)
    .correlate(threads)
    .scalar_subquery()
)
_WAITS = (
    select(proposals.c.id)
    .join(tasks, tasks.c.id == proposals.c.task_id)
    .where(tasks.c.thread_id == threads.c.id, proposals.c.state == ProposalState.PENDING)
    .correlate(threads)
    .exists()
)


# From the executions: of what waits there may be thousands.
_OF_WHAT_WAS_DONE = (
    select(tasks.c.thread_id)
    .join(proposals, proposals.c.task_id == tasks.c.id)
    .join(executions, executions.c.proposal_id == proposals.c.id)
)


def newest_at(connection: Connection) -> datetime | None:
    """Return when the newest event happened; None before the first."""
    found = connection.execute(
        select(ledger_index.c.at).order_by(ledger_index.c.seq.desc()).limit(1)
    ).scalar_one_or_none()
    return None if found is None else datetime.fromisoformat(found)


def _threads() -> Select[Any]:
    return select(threads, _HEAD.label("head"), _WAITS.label("waits"))


def _thread_of(row: Any) -> Thread:
    return Thread(
        id=row.id,
        kind=row.kind,
        channel=row.channel,
        root_ts=row.root_ts,
        cursor=row.cursor,
        head=row.head,
        next_at=row.next_at,
        waits=bool(row.waits),
    )


def _storm_views(connection: Connection, thread: Thread, found: list[Task]) -> list[TaskView]:
    """Return what a storm's digest shows, of hundreds of tasks: no evidence, few reports."""
    # Only those that name campaigns, which can be held.
    leading = {
        row.task_id: Report.model_validate_json(row.result)
        for row in connection.execute(
            select(steps.c.task_id, steps.c.result)
            .join(tasks, tasks.c.id == steps.c.task_id)
            .where(tasks.c.thread_id == thread.id, KNOWN, steps.c.name == "report")
            .where(func.json_array_length(steps.c.result, "$.campaigns") > 0)
        )
    }
    # Of all at once: a storm is drawn again and again, and each question takes its time.
    named = list(leading)
    proposed = proposal_views(connection, *(task.id for task in found))
    alerts, held = alerts_of(connection, named), holding_tasks(connection, named)
    switched = switches(connection, found[0].tenant) if found else NOTHING_SWITCHED
    return [
        TaskView(
            task=task,
            alerts=alerts.get(task.id, ()),
            evidence=None,
            is_gathering=False,
            report=leading.get(task.id),
            proposals=proposed[task.id].views,
            unread=proposed[task.id].unread,
            refires=(),
            switches=switched,
            has_held=task.id in held,
        )
        for task in found
    ]


def _view(connection: Connection, task: Task) -> TaskView:
    kept = {
        row.name: row.result
        for row in connection.execute(select(steps).where(steps.c.task_id == task.id))
    }
    report = kept.get("report")
    proposed = proposal_views(connection, task.id)[task.id]
    return TaskView(
        task=task,
        alerts=alerts_of(connection, [task.id]).get(task.id, ()),
        evidence=kept.get("evidence") or _so_far(kept),
        is_gathering="evidence" not in kept,
        report=None if report is None else Report.model_validate_json(report),
        proposals=proposed.views,
        unread=proposed.unread,
        refires=refires(connection, task.id),
        switches=switches(connection, task.tenant),
        has_held=task.id in holding_tasks(connection, [task.id]),
    )


def _so_far(kept: dict[str, str]) -> str | None:
    """Return the answers that are there while others are awaited, as one list."""
    if AWAITED not in kept:
        return None
    answers = {name: body for name, body in kept.items() if name.startswith(ANSWER)}
    ordered = sorted(answers, key=lambda name: (len(name), name))
    return f"[{','.join(answers[name] for name in ordered)}]"
