"""Tells everybody of a change of the switches: on record, in the anchor channel, on open cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, func, select, update

from bot.store.boxes import send
from bot.store.context import Context
from bot.store.tables import tasks, threads
from policies.audit import Event, EventKind
from policies.model import DEFAULT_TENANT, Actor, ActorKind, Scalar

NOTICE = "notice"
LONGEST_REASON, MOST_NAMED = 500, 10


@dataclass(frozen=True, kw_only=True)
class Order:
    """Who wants a switch changed, why, and in which channel it is told (None: in none)."""

    person: str
    reason: str
    tenant: str = DEFAULT_TENANT
    anchor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """What was changed: `words` follow the person's name, with names of others as `texts`."""

    kind: EventKind
    words: str
    decision: str
    task_id: str | None = None
    agent: str | None = None
    environment: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Scalar | None] = field(default_factory=dict)


def command_refused(
    connection: Connection, context: Context, person: str, command: str, refusal: str
) -> None:
    """Record a command that changed nothing, because whoever gave it may not."""
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.COMMAND_REFUSED,
            at=context.clock.now(),
            actor=Actor(kind=ActorKind.HUMAN, id=person),
            decision="refused",
            reasons=(refusal,),
            data={"command": command},
            sentence=f"{command} by {person} changed nothing: {refusal}.",
        ),
    )


def kept_reason(context: Context, reason: str) -> str:
    """Return a reason as it is kept: without secrets, and not endless."""
    return context.redactor.excerpt(reason, LONGEST_REASON)


def told(connection: Connection, context: Context, order: Order, change: Change) -> None:
    """Record a change and post it, in its own transaction: neither is lost with the process."""
    recorded(connection, context, order, change)
    posted(connection, context, order, change.words, list(change.texts.values()))


def recorded(connection: Connection, context: Context, order: Order, change: Change) -> None:
    """Record a change."""
    reason = kept_reason(context, order.reason)
    is_person = "/" in order.person
    context.ledger.append(
        connection,
        Event(
            kind=change.kind,
            at=context.clock.now(),
            tenant=order.tenant,
            actor=Actor(kind=ActorKind.HUMAN if is_person else ActorKind.SYSTEM, id=order.person),
            task_id=change.task_id,
            correlation_id=change.task_id,
            agent=change.agent,
            environment=change.environment,
            decision=change.decision,
            texts={**change.texts, **({"reason": reason} if reason else {})},
            data=dict(change.data),
            sentence=f"{order.person} {change.words}.",
        ),
    )


def posted(
    connection: Connection, context: Context, order: Order, words: str, names: Sequence[str]
) -> None:
    """Put a line for the anchor channel into the outbox; without such a channel, nothing."""
    if order.anchor is None:
        return
    shown = [f"`{name.replace('`', chr(39))}`" for name in names[:MOST_NAMED]]
    more = [f"and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    payload = {
        "channel": order.anchor,
        "person": order.person,
        "text": " ".join([words, ", ".join([*shown, *more])]).strip(),
        "reason": kept_reason(context, order.reason),
    }
    send(connection, context, NOTICE, payload)


def redraw(connection: Connection, tenant: str, *also: ColumnElement[bool]) -> None:
    """Let the threads of open tasks be drawn again, of those that meet all conditions."""
    found = select(tasks.c.thread_id).where(
        tasks.c.tenant == tenant, tasks.c.open_key.is_not(None), *also
    )
    _redrawn(connection, threads.c.id.in_(found))


def redraw_task(connection: Connection, task_id: str) -> None:
    """Let the thread of a task be drawn again, open or not."""
    found = select(tasks.c.thread_id).where(tasks.c.id == task_id)
    _redrawn(connection, threads.c.id.in_(found))


def _redrawn(connection: Connection, which: ColumnElement[bool]) -> None:
    # Always another one below zero: the mirror, at work with a thread, sees that it changed.
    anew = -(func.abs(threads.c.cursor) + 1)
    connection.execute(update(threads).where(which).values(cursor=anew))
