"""Pause and the counters: the switches that facts are completed from."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from bot.store.context import Context
from bot.store.halts import PAUSE, switches
from bot.store.notices import Change, Order, kept_reason, redraw, told
from bot.store.tables import controls, executions, proposals, tasks
from policies.audit import EventKind
from policies.model import Mode, ProposalState
from tools.halts import Matter, Modes, Standing


class SqlControls:
    """See `tools.ports.Controls`; `modes` maps environments to what agents may do there."""

    def __init__(self, context: Context, modes: Mapping[str, Mode], usual: Mode) -> None:
        self._context, self._modes = context, Modes(by_environment=modes, usual=usual)

    async def standing(self, matter: Matter) -> Standing:
        """Return what stands in the way of a call, and its mode: read anew each time."""
        return await self._context.database.read(
            lambda connection: switches(connection, matter.tenant).about(matter, self._modes)
        )

    async def actions_last_hour(self, tenant: str, tool: str, environment: str) -> int:
        """Count the executions of a tool in an environment within the last hour."""
        return await self._context.database.read(
            lambda connection: actions_last_hour(
                connection, self._context, tenant, tool, environment
            )
        )


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


def pause(
    connection: Connection,
    context: Context,
    tenant: str,
    person: str,
    reason: str,
    anchor: str | None = None,
) -> bool:
    """Stop everything; False when it was stopped already."""
    order = Order(tenant=tenant, person=person, reason=reason, anchor=anchor)
    done = connection.execute(
        insert_or(controls)
        .values(
            tenant=tenant,
            name=PAUSE,
            value="on",
            by=person,
            at=context.clock.now(),
            reason=kept_reason(context, reason),
        )
        .on_conflict_do_nothing()
    )
    if done.rowcount == 1:
        _note(connection, context, order, EventKind.SIGNOFF_PAUSED)
    return done.rowcount == 1


def resume(
    connection: Connection,
    context: Context,
    tenant: str,
    person: str,
    reason: str,
    anchor: str | None = None,
) -> bool:
    """Go on; False when nothing was stopped."""
    order = Order(tenant=tenant, person=person, reason=reason, anchor=anchor)
    done = connection.execute(
        delete(controls).where(controls.c.tenant == tenant, controls.c.name == PAUSE)
    )
    if done.rowcount == 1:
        _note(connection, context, order, EventKind.SIGNOFF_RESUMED)
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


def _note(connection: Connection, context: Context, order: Order, kind: EventKind) -> None:
    word = "paused" if kind is EventKind.SIGNOFF_PAUSED else "resumed"
    told(connection, context, order, Change(kind=kind, words=f"{word} Signoff", decision=word))
    # Every open card says whether Signoff is paused: they are to be drawn again.
    redraw(connection, order.tenant)
