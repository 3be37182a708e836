"""The gateway's record: what consumes an approval, reserves and writes the intent, is one write."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from bot.store.context import Context
from bot.store.counters import counted, model_used, usage_of, used
from bot.store.halts import switches
from bot.store.outcomes import FAILED, INTENT, UNKNOWN, insert_execution, settled, tool_of
from bot.store.proposals import moved, proposal_event
from bot.store.rules import InForce
from bot.store.stopping import stopped
from bot.store.tables import executions, proposals, tasks
from bot.store.tasks import settle_task
from policies.approvals import is_recent
from policies.audit import Event, EventKind
from policies.model import (
    EffectKind,
    ProposalState,
)
from tools.halts import Modes, matter_of, stops_way_back, way_back_of
from tools.ports import (
    BackFrozen,
    Caller,
    Direction,
    Frozen,
    Halted,
    Intent,
    LostLease,
    ModeChanged,
    ModelUse,
    Outcome,
    RulesChanged,
    Stale,
)


class SqlJournal:
    """See `tools.ports.Journal`; `modes` are those of the file."""

    def __init__(self, context: Context, modes: Modes | None = None) -> None:
        self._context, self._modes = context, modes or Modes()
        self._in_force = InForce()

    async def record(self, events: Sequence[Event]) -> None:
        """Append events."""

        def unit(connection: Connection) -> None:
            for event in events:
                self._context.ledger.append(connection, event)

        await self._context.database.write(unit)

    async def called(self, event: Event, caller: Caller) -> None:
        """Append the event of a tool call, and count the call for its task."""

        def unit(connection: Connection) -> None:
            self._context.ledger.append(connection, event)
            used(connection, (caller.task_id, caller.tenant), tool_calls=1)

        await self._context.database.write(unit)

    async def asked(self, event: Event, use: ModelUse, caller: Caller) -> None:
        """Append the event of a model's answer, and count its tokens and cost for the task."""

        def unit(connection: Connection) -> None:
            self._context.ledger.append(connection, event)
            model_used(connection, (caller.task_id, caller.tenant), use)

        await self._context.database.write(unit)

    async def begin(self, intent: Intent, caller: Caller) -> None:
        """Consume the approval, reserve and write the intent, in one transaction."""

        def unit(connection: Connection) -> None:
            fence(connection, caller)
            # In this very transaction: a switch that is committed stops what has not begun.
            _require_open(connection, self._modes, intent, caller)
            _require_same_rules(connection, self._in_force, intent)
            # Here too: the measurement before it and the wait for this write took their time.
            if intent.basis.read_at is not None and not is_recent(
                intent.basis.read_at, self._context.clock.now()
            ):
                raise Stale
            if intent.direction is Direction.FORWARD:
                _consume(connection, self._context, intent)
            else:
                _consume_rollback(connection, intent)
            _reserve(connection, self._context, intent)
            _write_intent(connection, self._context, intent)
            used(connection, (caller.task_id, caller.tenant), tool_calls=1)
            settle_task(connection, self._context, caller.task_id, "INTENT_WRITTEN")

        await self._context.database.write(unit)

    async def settle(self, outcome: Outcome, caller: Caller) -> None:
        """Write how it ended."""

        def unit(connection: Connection) -> None:
            fence(connection, caller)
            settled(connection, self._context, outcome)
            if outcome.stopped_by is not None:
                stopped(connection, self._context, caller.task_id, outcome.stopped_by)
            else:
                settle_task(connection, self._context, caller.task_id, outcome.reason)

        await self._context.database.write(unit)


def fence(connection: Connection, caller: Caller) -> None:
    """Raise LostLease when the task is no longer the caller's."""
    found = connection.execute(
        select(tasks.c.id).where(
            tasks.c.id == caller.task_id,
            tasks.c.epoch == caller.epoch,
            tasks.c.lease_owner == caller.worker,
        )
    ).first()
    if found is None:
        raise LostLease(f"task {caller.task_id}, epoch {caller.epoch}")


def _require_open(connection: Connection, modes: Modes, intent: Intent, caller: Caller) -> None:
    """Raise Halted where a switch stops an intent; no mode, and few freezes, stop an undoing."""
    is_forward = intent.direction is Direction.FORWARD
    matter = (
        matter_of(intent.proposal, intent.system)
        if is_forward
        else way_back_of(intent.proposal, intent.system, intent.action)
    )
    standing = switches(connection, caller.tenant).about(matter, modes)
    if standing.pause is not None:
        raise Halted
    if not is_forward:
        halt = stops_way_back(standing, matter)
        if halt is not None:
            raise BackFrozen(halt)
        return
    if standing.freeze is not None:
        raise Frozen(standing.freeze)
    if intent.basis.mode is not None and standing.mode is not intent.basis.mode:
        raise ModeChanged


def _require_same_rules(connection: Connection, in_force: InForce, intent: Intent) -> None:
    """Raise RulesChanged where others are in force by now than those that decided.

    It is decided again under them once the task is taken again: once for each change, and not after
    the action's `not_after`. To undo asks no rule: the sign-off of what is undone covers it.
    """
    reservation = intent.basis.reservation
    if reservation is not None and in_force.are_other(connection, reservation.rules):
        raise RulesChanged


def _consume(connection: Connection, context: Context, intent: Intent) -> None:
    state = connection.execute(
        select(proposals.c.state).where(proposals.c.id == intent.proposal.id)
    ).scalar_one()
    before = ProposalState(state)
    if before not in {ProposalState.APPROVED, ProposalState.UNKNOWN}:
        raise LostLease(f"proposal {intent.proposal.id} is {before}")
    moved(
        connection,
        context,
        intent.proposal,
        (before, ProposalState.EXECUTING),
        "INTENT_WRITTEN",
        "Doing it now.",
        # Found so after a crash, it is due at once.
        next_at=context.clock.now(),
    )


def _consume_rollback(connection: Connection, intent: Intent) -> None:
    found = connection.execute(
        select(proposals.c.id).where(
            proposals.c.id == intent.proposal.id,
            proposals.c.roll_back_by.is_not(None),
            proposals.c.state.in_([ProposalState.EXECUTED, ProposalState.VERIFIED]),
        )
    ).first()
    if found is None:
        raise LostLease(f"proposal {intent.proposal.id} has nothing to roll back")


def _reserve(connection: Connection, context: Context, intent: Intent) -> None:
    """Hold an action against the limits: here nobody can come in between.

    A rollback takes its place in the counts, and is not held back by them.
    """
    reservation = intent.basis.reservation
    if reservation is None:
        return
    counters = counted(connection, context.clock.now(), reservation.scope)
    reservation.check(counters, usage_of(connection, reservation.scope.task_id))


def _write_intent(connection: Connection, context: Context, intent: Intent) -> None:
    action, now = intent.proposal.action, context.clock.now()
    tool = tool_of(intent.proposal, intent.direction)
    is_here = executions.c.proposal_id == intent.proposal.id
    is_same = executions.c.direction == intent.direction
    again = connection.execute(
        update(executions)
        .where(is_here, is_same, executions.c.state.in_([UNKNOWN, FAILED]))
        .values(
            state=INTENT,
            started_at=now,
            attempts=executions.c.attempts + 1,
            asks=0,
            escalated_at=None,
            settled_by=None,
            # Whose word counts may be fewer people by now.
            on_behalf_of=intent.on_behalf_of,
            identity=intent.identity,
            released_at=None,
            **_raised(intent),
        )
    )
    if again.rowcount == 0:
        values = {
            "state": INTENT,
            "baseline": intent.baseline,
            "on_behalf_of": intent.on_behalf_of,
            "identity": intent.identity,
            **_raised(intent),
        }
        insert_execution(connection, intent.proposal, intent.direction, now, values)
    context.ledger.append(
        connection,
        proposal_event(
            intent.proposal,
            EventKind.INTENT_WRITTEN,
            f"{intent.proposal.id}: about to call `{tool}` ({intent.direction}).",
            now,
            tools=(tool,),
            systems=(intent.system,),
            decision=EffectKind.APPROVE,
            checkpoint=INTENT,
            identity=intent.identity,
            on_behalf_of=intent.on_behalf_of,
            data={
                "key": intent.key,
                "on_behalf_of": intent.on_behalf_of,
                "baseline": intent.baseline,
                "action_hash": action.hash,
                **({} if intent.basis.policy is None else {"policy_now": intent.basis.policy}),
            },
        ),
    )


def _raised(intent: Intent) -> dict[str, str | None]:
    found = None if intent.basis.reservation is None else intent.basis.reservation.raised
    if found is None:
        return {"raised_amount": None, "raised_currency": None}
    return {"raised_amount": str(found.amount), "raised_currency": found.currency}
