"""Tasks as rows: created once per group, moved along legal transitions, fenced at every write."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from agents.ports import Claim
from agents.tasks import (
    DEFINITIONS,
    OPEN,
    TRANSITIONS,
    NewTask,
    Task,
    TaskKind,
    TaskState,
    derived,
)
from bot.store.context import Context
from bot.store.ids import task_id as new_task_id
from bot.store.storms import storm_thread
from bot.store.tables import proposals, signals, steps, tasks, threads
from policies.audit import Event, EventKind
from policies.model import Actor, ActorKind, ProposalState, Severity
from tools.ports import LostLease

REOPEN_WITHIN = timedelta(hours=24)
# What is of another kind, definition or state was written by a newer version, and is left alone.
KNOWN = and_(
    or_(
        *(
            and_(tasks.c.kind == kind, tasks.c.definition <= definition)
            for kind, definition in DEFINITIONS.items()
        )
    ),
    tasks.c.state.in_(list(TaskState)),
)


# The key of a proposal to undo another one begins so; the longest key has so many characters.
UNDO, KEY = "undo-", 64
_DONE = frozenset({ProposalState.EXECUTED, ProposalState.VERIFIED})


def undo_key(proposal_id: str) -> str:
    """Return the key that a proposal to undo another one has."""
    return f"{UNDO}{proposal_id}"[-KEY:]


def task_of(row: Any) -> Task:
    """Return a task from its row."""
    return Task(
        id=row.id,
        tenant=row.tenant,
        kind=TaskKind(row.kind),
        state=TaskState(row.state),
        group_key=row.group_key,
        thread_id=row.thread_id,
        environment=row.environment,
        target=row.target,
        title=row.title,
        requester=Actor.model_validate_json(row.requester),
        severity=None if row.severity is None else Severity(row.severity),
        since_at=row.since_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        epoch=row.epoch,
        attempts=row.attempts,
        spec=json.loads(row.spec),
        definition=row.definition,
    )


def open_task(connection: Connection, tenant: str, group_key: str) -> Task | None:
    """Return the open task of a group, if there is one.

    Where a newer version's task holds the group, it is the one that this version works on beside.
    """
    ours = select(tasks).where(tasks.c.tenant == tenant, KNOWN)
    row = connection.execute(ours.where(tasks.c.open_key == group_key)).first()
    if row is None and _is_held(connection, tenant, group_key):
        beside = ours.where(tasks.c.group_key == group_key, tasks.c.open_key.is_not(None))
        row = connection.execute(beside.order_by(tasks.c.created_at).limit(1)).first()
    return None if row is None else task_of(row)


def _is_held(connection: Connection, tenant: str, group_key: str) -> bool:
    holder = select(tasks.c.id).where(tasks.c.tenant == tenant, tasks.c.open_key == group_key)
    return connection.execute(holder).first() is not None


def _key(connection: Connection, tenant: str, group_key: str, task_id: str) -> str:
    """Return the group's key, or one of the task's own where another task holds it."""
    is_held = _is_held(connection, tenant, group_key)
    return f"{group_key}#{task_id}" if is_held else group_key


def create_task(connection: Connection, context: Context, new: NewTask) -> tuple[Task, bool]:
    """Create a task, or return the group's open one; says whether it is new.

    A group that was busy within the last 24 hours goes on in its old thread.
    """
    new = _clean(context, new)
    found = open_task(connection, new.tenant, new.group_key)
    if found is not None:
        return found, False
    now = context.clock.now()
    task_id = new_task_id()
    thread_id = (
        _thread(connection, context, new, now)
        or storm_thread(connection, new, now)
        or _new_thread(connection, new, task_id, now)
    )
    connection.execute(
        insert(tasks).values(
            id=task_id,
            tenant=new.tenant,
            kind=new.kind,
            state=TaskState.QUEUED,
            group_key=new.group_key,
            open_key=_key(connection, new.tenant, new.group_key, task_id),
            thread_id=thread_id,
            environment=new.environment,
            target=new.target,
            title=new.title,
            requester=new.requester.model_dump_json(),
            severity=new.severity,
            since_at=new.since_at,
            spec=json.dumps(new.spec),
            definition=DEFINITIONS[new.kind],
            created_at=now,
            updated_at=now,
        )
    )
    context.dispatcher.wake(connection, task_id, now)
    task = task_of(connection.execute(select(tasks).where(tasks.c.id == task_id)).one())
    context.ledger.append(
        connection,
        task_event(
            task,
            EventKind.TASK_CREATED,
            f"Task {task_id} began: {new.kind}.",
            now,
            actor=new.requester,
            texts={"title": new.title},
        ),
    )
    return task, True


def _clean(context: Context, new: NewTask) -> NewTask:
    redactor = context.redactor
    return new.model_copy(
        update={
            "title": redactor.text(new.title),
            "target": redactor.text(new.target),
            "environment": redactor.text(new.environment),
            # The same secret makes the same mark: what was one group stays one.
            "group_key": redactor.typed(new.group_key),
            "spec": {name: redactor.named(name, value) for name, value in new.spec.items()},
        }
    )


def task_event(
    task: Task,
    kind: EventKind,
    sentence: str,
    at: datetime,
    **fields: Any,
) -> Event:
    """Return an event about a task, with what every event of it carries."""
    usual: dict[str, Any] = {
        "tenant": task.tenant,
        "task_id": task.id,
        "parent": str(task.requester),
        "correlation_id": task.id,
        "environment": task.environment,
        "agent": task.kind.value,
        "trigger": str(task.requester),
        "on_behalf_of": str(task.requester),
        "retries": task.attempts,
        "data": {"thread": task.thread_id},
    }
    return Event(kind=kind, at=at, sentence=sentence, **{**usual, **fields})


def _thread(connection: Connection, context: Context, new: NewTask, now: datetime) -> str | None:
    del context
    if new.requester.kind is ActorKind.HUMAN:
        # Whoever asks looks into the channel, not into a thread of yesterday.
        return None
    row = connection.execute(
        select(tasks.c.thread_id)
        .join(threads, threads.c.id == tasks.c.thread_id)
        .where(
            tasks.c.tenant == new.tenant,
            tasks.c.group_key == new.group_key,
            tasks.c.updated_at >= now - REOPEN_WITHIN,
            threads.c.channel == new.channel,
        )
        .order_by(tasks.c.created_at.desc())
        .limit(1)
    ).first()
    return None if row is None else str(row.thread_id)


def _new_thread(connection: Connection, new: NewTask, task_id: str, now: datetime) -> str:
    connection.execute(
        insert(threads).values(
            id=task_id, tenant=new.tenant, channel=new.channel, cursor=0, created_at=now
        )
    )
    return task_id


def settle_task(connection: Connection, context: Context, task_id: str, reason: str) -> None:
    """Bring an analysed task in line with its proposals: its state, and when it wakes next."""
    row = connection.execute(select(tasks).where(tasks.c.id == task_id)).one()
    task = task_of(row)
    found = connection.execute(
        select(
            proposals.c.state,
            proposals.c.next_at,
            proposals.c.roll_back_by,
            proposals.c.is_followed_up,
            proposals.c.id,
            proposals.c.key,
            proposals.c.revision,
        ).where(proposals.c.task_id == task_id)
    ).all()
    states = _standing(found)
    is_rolling_back = any(
        item.roll_back_by is not None
        and item.state in {ProposalState.EXECUTED, ProposalState.VERIFIED}
        for item in found
    )
    wake_at = min((item.next_at for item in found if item.next_at is not None), default=None)
    if _has_signal(connection, task_id):
        # Somebody spoke while this step ran: it is heard next.
        wake_at = context.clock.now()
    state = derived(states, is_rolling_back=is_rolling_back)
    context.dispatcher.wake(connection, task_id, wake_at)
    if state is not task.state:
        move_task(connection, context, task, state, reason)


def _standing(found: Sequence[Any]) -> list[ProposalState]:
    """Return the states that a task's own follows from."""
    newest = {item.key: item.revision for item in sorted(found, key=lambda item: item.revision)}
    undone = {item.key for item in found if item.state in _DONE}
    states = []
    for item in found:
        state = ProposalState(item.state)
        if state is ProposalState.DRIFTED and item.revision < newest[item.key]:
            # Proposed again since.
            state = ProposalState.SUPERSEDED
        elif state is ProposalState.VERIFIED and not item.is_followed_up:
            # It still has a step to come.
            state = ProposalState.EXECUTED
        elif state in _DONE and undo_key(item.id) in undone:
            state = ProposalState.ROLLED_BACK
        states.append(state)
    return states


def _has_signal(connection: Connection, task_id: str) -> bool:
    waiting = select(signals.c.id).where(signals.c.task_id == task_id, signals.c.taken_at.is_(None))
    return connection.execute(waiting.limit(1)).first() is not None


def move_task(
    connection: Connection, context: Context, task: Task, state: TaskState, reason: str
) -> None:
    """Move a task along a legal transition, and record it."""
    if state not in TRANSITIONS[task.state]:
        raise ValueError(f"task {task.id}: {task.state} does not lead to {state}")
    now = context.clock.now()
    is_open = state in OPEN
    values: dict[str, Any] = {"state": state, "updated_at": now}
    if is_open and task.state not in OPEN:
        # A new task of the same group may be open by now; then this one works without the key.
        values["open_key"] = _key(connection, task.tenant, task.group_key, task.id)
    elif not is_open:
        values["open_key"] = None
    connection.execute(update(tasks).where(tasks.c.id == task.id).values(**values))
    context.ledger.append(
        connection,
        task_event(
            task,
            EventKind.TASK_MOVED,
            f"Task {task.id}: {task.state} to {state}.",
            now,
            reasons=(reason,),
        ),
    )


def keep_step(
    connection: Connection, context: Context, owner: tuple[str, str], name: str, result: str
) -> None:
    """Keep the result of a step of a (task, tenant), in the place of an earlier one.

    It has gone through the redaction by now.
    """
    task_id, tenant = owner
    values = {"result": result, "at": context.clock.now()}
    connection.execute(
        insert_or(steps)
        .values(task_id=task_id, tenant=tenant, name=name, **values)
        .on_conflict_do_update(index_elements=["task_id", "name"], set_=values)
    )


def fenced(connection: Connection, claim: Claim) -> Task:
    """Return the task as it is now; raises LostLease when it is no longer the claim's."""
    row = connection.execute(
        select(tasks).where(
            tasks.c.id == claim.task.id,
            tasks.c.epoch == claim.epoch,
            tasks.c.lease_owner == claim.worker,
        )
    ).first()
    if row is None:
        raise LostLease(f"task {claim.task.id}, epoch {claim.epoch}")
    return task_of(row)
