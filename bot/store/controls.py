"""Pause and the counters: the switches that facts are completed from."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from bot.store.context import Context
from bot.store.counters import counted, usage_of
from bot.store.halts import PAUSE, switches
from bot.store.notices import Change, Order, kept_reason, redraw, told
from bot.store.tables import controls, proposals, tasks
from policies.audit import EventKind
from policies.limits import Counters, Usage
from policies.model import Mode, ProposalState
from tools.halts import Matter, Modes, Standing
from tools.reserving import Scope


class SqlControls:
    """See `tools.ports.Controls`; `modes` maps environments to what agents may do there.

    Where it is not `named`, nothing acts alone.
    """

    def __init__(
        self,
        context: Context,
        modes: Mapping[str, Mode],
        usual: Mode,
        named: frozenset[str] | None = None,
    ) -> None:
        self._context = context
        self._modes = Modes(by_environment=modes, usual=usual, named=named)

    async def standing(self, matter: Matter) -> Standing:
        """Return what stands in the way of a call, and its mode: read anew each time."""
        return await self._context.database.read(
            lambda connection: switches(connection, matter.tenant).about(matter, self._modes)
        )

    async def counters(self, scope: Scope) -> Counters:
        """Return what happened lately around an action, in one look."""
        now = self._context.clock.now()
        return await self._context.database.read(lambda connection: counted(connection, now, scope))

    async def usage(self, task_id: str) -> Usage:
        """Return what a task has used of its limits."""
        return await self._context.database.read(lambda connection: usage_of(connection, task_id))


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
