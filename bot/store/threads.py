"""What the mirror reads and keeps: threads with their cursor, posts, and the view of a thread."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from agents.alerts import Alert
from agents.ports import AWAITED, ProposalRow
from agents.report import Report
from agents.tasks import Task
from bot.store.alerts import alert_of_task
from bot.store.context import Context
from bot.store.controls import paused
from bot.store.memory import ANSWER
from bot.store.proposals import proposal_rows
from bot.store.tables import ledger, ledger_index, posts, proposals, steps, tasks, threads, votes
from bot.store.tasks import task_of
from policies.approvals import Ballot
from policies.audit import EventKind


@dataclass(frozen=True, kw_only=True)
class Thread:
    """A thread in a channel, and up to which event it has been rendered."""

    id: str
    channel: str
    root_ts: str | None
    cursor: int
    head: int


@dataclass(frozen=True, kw_only=True)
class Post:
    """A message of a thread; `ts` is missing while it is unclear whether it arrived."""

    key: str
    ts: str | None
    digest: str


@dataclass(frozen=True, kw_only=True)
class ProposalView:
    """A proposal as a card needs it."""

    row: ProposalRow
    sentence: str | None
    reason: str | None
    decided_at: datetime | None
    measured: str | None
    rolled_back_by: str | None
    rejected_by: str | None
    rejection: str | None


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """A task as its thread shows it."""

    task: Task
    alerts: tuple[tuple[Alert, int, datetime | None], ...]
    evidence: str | None
    is_gathering: bool
    report: Report | None
    proposals: tuple[ProposalView, ...]
    is_paused: bool
    refires: tuple[tuple[int, int], ...]


class ThreadStore:
    """Threads for the mirror."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def behind(self) -> list[Thread]:
        """Return the threads that have events after their cursor."""
        head = func.max(ledger_index.c.seq).label("head")
        query = (
            select(threads, head)
            .join(ledger_index, ledger_index.c.thread_id == threads.c.id)
            .where(ledger_index.c.seq > threads.c.cursor)
            .group_by(threads.c.id)
            .order_by(head)
        )
        rows = await self._context.database.read(lambda connection: connection.execute(query).all())
        return [
            Thread(
                id=row.id,
                channel=row.channel,
                root_ts=row.root_ts,
                cursor=row.cursor,
                head=row.head,
            )
            for row in rows
        ]

    async def view(self, thread: Thread) -> list[TaskView]:
        """Return the tasks of a thread, oldest first, as one consistent picture."""
        return await self._context.database.read(
            lambda connection: [
                _view(connection, task_of(row))
                for row in connection.execute(
                    select(tasks)
                    .where(tasks.c.thread_id == thread.id)
                    .order_by(tasks.c.created_at, tasks.c.id)
                )
            ]
        )

    async def posts(self, thread: Thread) -> dict[str, Post]:
        """Return the posts of a thread by key."""
        query = select(posts).where(posts.c.thread_id == thread.id)
        rows = await self._context.database.read(lambda connection: connection.execute(query).all())
        return {row.key: Post(key=row.key, ts=row.ts, digest=row.digest) for row in rows}

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

    async def rendered(self, thread: Thread, fault: str | None = None) -> None:
        """Move the cursor to what was rendered, unless it was set back since."""
        await self._context.database.write(
            lambda connection: (
                connection.execute(
                    update(threads)
                    .where(threads.c.id == thread.id, threads.c.cursor == thread.cursor)
                    .values(cursor=thread.head, fault=fault)
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


def _view(connection: Connection, task: Task) -> TaskView:
    kept = {
        row.name: row.result
        for row in connection.execute(select(steps).where(steps.c.task_id == task.id))
    }
    report = kept.get("report")
    return TaskView(
        task=task,
        alerts=tuple(alert_of_task(connection, task.id)),
        evidence=kept.get("evidence") or _so_far(kept),
        is_gathering="evidence" not in kept,
        report=None if report is None else Report.model_validate_json(report),
        proposals=_proposals(connection, task.id),
        is_paused=paused(connection, task.tenant) is not None,
        refires=_refires(connection, task.id),
    )


def _so_far(kept: dict[str, str]) -> str | None:
    """Return the answers that are there while others are awaited, as one list."""
    if AWAITED not in kept:
        return None
    answers = {name: body for name, body in kept.items() if name.startswith(ANSWER)}
    ordered = sorted(answers, key=lambda name: (len(name), name))
    return f"[{','.join(answers[name] for name in ordered)}]"


def _proposals(connection: Connection, task_id: str) -> tuple[ProposalView, ...]:
    columns = {
        row.id: row
        for row in connection.execute(select(proposals).where(proposals.c.task_id == task_id))
    }
    found = proposal_rows(connection, task_id)
    rejections = {
        row.proposal_id: row
        for row in connection.execute(
            select(votes).where(
                votes.c.proposal_id.in_([row.proposal.id for row in found]),
                votes.c.ballot == Ballot.REJECT,
            )
        )
    }
    return tuple(
        ProposalView(
            row=row,
            sentence=columns[row.proposal.id].sentence,
            reason=columns[row.proposal.id].reason,
            decided_at=columns[row.proposal.id].decided_at,
            measured=columns[row.proposal.id].measured,
            rolled_back_by=columns[row.proposal.id].roll_back_by,
            rejected_by=getattr(rejections.get(row.proposal.id), "voter", None),
            rejection=getattr(rejections.get(row.proposal.id), "reason", None),
        )
        for row in found
    )


def _refires(connection: Connection, task_id: str) -> tuple[tuple[int, int], ...]:
    """Return (event number, which time) of each time an alert of the task fired again."""
    rows = connection.execute(
        select(ledger.c.seq, ledger.c.body)
        .join(ledger_index, ledger_index.c.seq == ledger.c.seq)
        .where(
            ledger_index.c.task_id == task_id,
            ledger_index.c.kind == EventKind.ALERT_REFIRED,
        )
        .order_by(ledger.c.seq)
    )
    return tuple((row.seq, int(json.loads(row.body)["data"]["episode"])) for row in rows)
