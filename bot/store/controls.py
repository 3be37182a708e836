"""Pause and the counters: the switches that facts are completed from."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from bot.store.context import Context
from bot.store.tables import controls, executions, proposals, tasks, threads
from policies.audit import Event, EventKind
from policies.model import Actor, ActorKind, Mode, ProposalState

PAUSE = "pause"


class SqlControls:
    """See `tools.ports.Controls`; `modes` maps environments to what agents may do there."""

    def __init__(self, context: Context, modes: Mapping[str, Mode], usual: Mode) -> None:
        self._context, self._modes, self._usual = context, modes, usual

    async def is_paused(self, tenant: str) -> bool:
        """Say whether everything is stopped."""
        return await self._context.database.read(
            lambda connection: paused(connection, tenant) is not None
        )

    async def actions_last_hour(self, tenant: str, tool: str, environment: str) -> int:
        """Count the executions of a tool in an environment within the last hour."""
        return await self._context.database.read(
            lambda connection: actions_last_hour(
                connection, self._context, tenant, tool, environment
            )
        )

    def mode(self, agent: str, environment: str) -> Mode:
        """Return what an agent may do in an environment."""
        del agent
        return self._modes.get(environment, self._usual)


def actions_last_hour(
    connection: Connection, context: Context, tenant: str, tool: str, environment: str
) -> int:
    """Count the executions of a tool in an environment within the last hour."""
    since = context.clock.now() - timedelta(hours=1)
    return connection.execute(
        select(func.count()).where(
            executions.c.tenant == tenant,
            executions.c.tool == tool,
            executions.c.environment == environment,
            executions.c.started_at >= since,
        )
    ).scalar_one()


def paused(connection: Connection, tenant: str) -> tuple[str, datetime] | None:
    """Return who paused and when, or None."""
    row = connection.execute(
        select(controls).where(controls.c.tenant == tenant, controls.c.name == PAUSE)
    ).first()
    return None if row is None else (row.by, row.at)


def pause(connection: Connection, context: Context, tenant: str, person: str, reason: str) -> bool:
    """Stop everything; False when it was stopped already."""
    done = connection.execute(
        insert_or(controls)
        .values(tenant=tenant, name=PAUSE, value="on", by=person, at=context.clock.now())
        .on_conflict_do_nothing()
    )
    if done.rowcount == 1:
        _note(connection, context, tenant, person, EventKind.SIGNOFF_PAUSED, reason)
    return done.rowcount == 1


def resume(connection: Connection, context: Context, tenant: str, person: str, reason: str) -> bool:
    """Go on; False when nothing was stopped."""
    done = connection.execute(
        delete(controls).where(controls.c.tenant == tenant, controls.c.name == PAUSE)
    )
    if done.rowcount == 1:
        _note(connection, context, tenant, person, EventKind.SIGNOFF_RESUMED, reason)
    return done.rowcount == 1


def waiting(connection: Connection, tenant: str) -> tuple[int, list[str]]:
    """Return how many tasks are open, and the ids of the proposals that wait for a person."""
    open_tasks = connection.execute(
        select(tasks.c.id).where(tasks.c.tenant == tenant, tasks.c.open_key.is_not(None))
    ).all()
    pending = connection.execute(
        select(proposals.c.id)
        .where(proposals.c.tenant == tenant, proposals.c.state == ProposalState.PENDING)
        .order_by(proposals.c.expires_at)
    ).scalars()
    return len(open_tasks), list(pending)


def _note(
    connection: Connection,
    context: Context,
    tenant: str,
    person: str,
    kind: EventKind,
    reason: str,
) -> None:
    # Every open card says whether Signoff is paused: they are to be rendered again.
    open_threads = select(tasks.c.thread_id).where(
        tasks.c.tenant == tenant, tasks.c.open_key.is_not(None)
    )
    # Always another one below zero: the mirror, at work with a thread, sees that it changed.
    redrawn = -(func.abs(threads.c.cursor) + 1)
    connection.execute(update(threads).where(threads.c.id.in_(open_threads)).values(cursor=redrawn))
    word = "paused" if kind is EventKind.SIGNOFF_PAUSED else "resumed"
    context.ledger.append(
        connection,
        Event(
            kind=kind,
            at=context.clock.now(),
            tenant=tenant,
            actor=Actor(kind=ActorKind.HUMAN, id=person),
            decision=word,
            texts={"reason": reason} if reason else {},
            sentence=f"Signoff was {word} by {person}.",
        ),
    )
