"""Does what was approved: check again, consume, write the intent, act, write the outcome."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from policies.approvals import (
    Refusal,
    Voter,
    barred,
    is_satisfied,
    undo_groups,
    unreadable,
)
from policies.model import EffectKind, Proposal, ProposalState
from tools.base import (
    AnyWriteTool,
    Call,
    Effect,
    Parameters,
    Refused,
    State,
    ToolError,
    Unavailable,
)
from tools.catalogue import UnknownTool
from tools.gateway import Gateway, answering, arguments_of
from tools.ports import (
    Caller,
    Direction,
    Draft,
    Grant,
    Halted,
    Intent,
    Outcome,
    idempotency_key,
)

HELD_S = 2.0
RETRY_S = 5.0
# Nothing will change by itself soon.
LOST_S = 60.0
PAUSED = "Signoff is paused: this waits."


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One direction of one proposal, resolved: which tool, with what, from which state."""

    proposal: Proposal
    direction: Direction
    tool: AnyWriteTool
    arguments: Parameters
    expected: State
    call: Call


class _Stop(Exception):  # noqa: N818 - carries an outcome, not an error
    def __init__(
        self, state: ProposalState | None, reason: str, sentence: str, retry_s: float | None = None
    ) -> None:
        super().__init__(sentence)
        self.state, self.reason, self.sentence, self.retry_s = state, reason, sentence, retry_s


class Execution:
    """Carries approved proposals out, undoes them, and finds out what a killed process left."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._parts = gateway.parts

    async def run(self, proposal: Proposal, grant: Grant, caller: Caller) -> None:
        """Do an approved action, once; every end is written to the journal.

        Raises:
            LostLease: another worker has the task; nothing was done here.
        """
        await self._ended(
            proposal, Direction.FORWARD, caller, lambda: self._forward(proposal, grant, caller)
        )

    async def roll_back(self, proposal: Proposal, undo: "Undo", caller: Caller) -> None:
        """Undo an executed action, if the state is still as we left it; raises LostLease."""

        async def work() -> Outcome:
            await self._require_not_paused(caller)
            self._require_window(proposal, undo)
            await self._require_member(proposal, undo.person)
            run = self._resolved(proposal, Direction.INVERSE, undo.left, undo.person)
            return await self._act(run, None, caller)

        await self._ended(proposal, Direction.INVERSE, caller, work)

    async def forget(self, proposal: Proposal, direction: Direction, caller: Caller) -> None:
        """Record that an intent was found without an outcome: whether it happened is unknown."""
        sentence = "Signoff was stopped between asking and hearing back: it may have happened."
        await self._parts.journal.settle(
            Outcome(
                proposal=proposal,
                direction=direction,
                state=ProposalState.UNKNOWN if direction is Direction.FORWARD else None,
                sentence=sentence,
                reason="STOPPED_IN_THE_MIDDLE",
                retry_s=0,
            ),
            caller,
        )

    async def reconcile(
        self, proposal: Proposal, direction: Direction, again: "Again", caller: Caller
    ) -> None:
        """Ask the outside system whether an unknown write happened; if surely not, do it now."""

        async def ask() -> Outcome:
            await self._require_not_paused(caller)
            run = self._known(proposal, direction, again)
            try:
                await self._gateway.turn(run.tool)
                async with answering(run.tool):
                    effect = await run.tool.reconcile(run.arguments, run.call)
            except ToolError as error:
                raise _Stop(
                    None,
                    "STILL_UNKNOWN",
                    f"The outside system can't say whether it happened ({error}).",
                    RETRY_S,
                ) from error
            if effect is not None:
                return _done(run, effect, "RECONCILED_DONE")
            if direction is Direction.FORWARD:
                return await self._forward(proposal, again.grant, caller)
            return await self._act(run, None, caller)

        await self._ended(proposal, direction, caller, ask)

    async def _ended(
        self,
        proposal: Proposal,
        direction: Direction,
        caller: Caller,
        work: Callable[[], Awaitable[Outcome]],
    ) -> None:
        try:
            outcome = await work()
        except Halted:
            outcome = Outcome(
                proposal=proposal,
                direction=direction,
                state=None,
                sentence=PAUSED,
                reason="SIGNOFF_PAUSED",
                retry_s=HELD_S,
            )
        except _Stop as stop:
            outcome = Outcome(
                proposal=proposal,
                direction=direction,
                state=stop.state if direction is Direction.FORWARD else None,
                sentence=self._parts.redactor.text(stop.sentence),
                reason=stop.reason,
                retry_s=stop.retry_s,
            )
        await self._parts.journal.settle(outcome, caller)
        self._parts.boundary("outcome.written")

    async def _forward(self, proposal: Proposal, grant: Grant, caller: Caller) -> Outcome:
        await self._require_not_paused(caller)
        if self._parts.clock.now() >= proposal.action.not_after:
            raise _Stop(
                ProposalState.EXPIRED, "TOO_LATE", "The sign-off is too old: nothing was done."
            )
        wanted = {item.field: item.value for item in proposal.action.preconditions}
        run = self._resolved(proposal, Direction.FORWARD, wanted, _voices(grant, proposal))
        observed = await self._require_state(run)
        await self._require_sign_off(run, observed, grant, caller)
        baseline = await self._baseline(proposal, caller)
        return await self._act(run, baseline, caller)

    async def _act(self, run: _Run, baseline: str | None, caller: Caller) -> Outcome:
        if run.direction is Direction.INVERSE:
            await self._require_state(run)
        intent = Intent(
            proposal=run.proposal,
            direction=run.direction,
            key=run.call.key,
            system=self._parts.catalogue.system(run.tool.name),
            baseline=baseline,
            on_behalf_of=run.call.on_behalf_of,
        )
        # Before the intent: what waits for its turn has not begun.
        await self._require_turn(run)
        # Again: since the first look other systems were asked, which takes its time.
        await self._require_not_paused(caller)
        # Before the effect, not after: a crash in between must leave a trace.
        await self._parts.journal.begin(intent, caller)
        self._parts.boundary("intent.written")
        try:
            async with answering(run.tool):
                effect = await run.tool.act(run.arguments, run.call)
        except Refused as error:
            raise _Stop(
                ProposalState.FAILED,
                "REFUSED_OUTSIDE",
                f"`{intent.system}` {error}. Nothing was done.",
            ) from error
        except Unavailable as error:
            raise _Stop(
                ProposalState.UNKNOWN,
                "NO_CLEAR_ANSWER",
                f"`{intent.system}` gave no clear answer ({error}): it may have happened.",
                RETRY_S,
            ) from error
        self._parts.boundary("effect.done")
        return _done(run, effect, "EXECUTED")

    def _known(self, proposal: Proposal, direction: Direction, again: "Again") -> _Run:
        """Resolve what may have happened: that its tool is gone does not undo it."""
        try:
            return self._resolved(proposal, direction, again.left, again.person)
        except _Stop as stop:
            words = "The tool that could tell whether it happened is gone: look at it yourself."
            raise _Stop(None, "STILL_UNKNOWN", words, LOST_S) from stop

    def _require_window(self, proposal: Proposal, undo: "Undo") -> None:
        inverse = proposal.action.inverse
        window_s = 0 if inverse is None else inverse.window_s
        if (self._parts.clock.now() - undo.done_at).total_seconds() > window_s:
            raise _Stop(None, "WINDOW_CLOSED", "The time for undoing it is over.")

    async def _require_member(self, proposal: Proposal, person: str) -> None:
        groups = undo_groups(proposal)
        memberships = await self._parts.directory.memberships(groups)
        refusal = barred(Voter(id=person), groups, memberships, self._parts.clock.now())
        if refusal is None:
            return
        if refusal is Refusal.GROUP_UNREADABLE:
            words = f"Can't read who is in `{groups[0]}` now."
            raise _Stop(None, "GROUP_UNREADABLE", words, RETRY_S)
        raise _Stop(None, "NOT_IN_GROUP", "Whoever asked is in no approving group any more.")

    async def _require_turn(self, run: _Run) -> None:
        try:
            await self._gateway.turn(run.tool)
        except Unavailable as error:
            raise _Stop(None, "NO_ANSWER", f"{error}: this waits.", RETRY_S) from error

    async def _require_not_paused(self, caller: Caller) -> None:
        if await self._parts.controls.is_paused(caller.tenant):
            raise Halted

    def _resolved(
        self, proposal: Proposal, direction: Direction, expected: State, on_behalf_of: str
    ) -> _Run:
        action, inverse = proposal.action, proposal.action.inverse
        try:
            if direction is Direction.FORWARD:
                tool = self._parts.catalogue.writing(action.tool, action.tool_version)
                arguments = arguments_of(tool, action.parameters)
            elif inverse is None:
                raise _Stop(None, "NO_INVERSE", "This can't be undone.")
            else:
                tool = self._parts.catalogue.writing(inverse.tool)
                arguments = arguments_of(tool, inverse.parameters)
        except (UnknownTool, Refused) as error:
            raise _Stop(ProposalState.FAILED, "TOOL_GONE", f"{error}. Nothing was done.") from error
        call = Call(
            key=idempotency_key(proposal, direction),
            comment=f"Signoff {proposal.id} ({direction})",
            on_behalf_of=on_behalf_of,
            requester=action.requester,
        )
        return _Run(
            proposal=proposal,
            direction=direction,
            tool=tool,
            arguments=arguments,
            expected=expected,
            call=call,
        )

    async def _require_state(self, run: _Run) -> State:
        try:
            observed = await self._gateway.observe(run.tool, run.arguments)
        except Refused as error:
            raise _Stop(
                ProposalState.FAILED, "REFUSED_OUTSIDE", f"{error}. Nothing was done."
            ) from error
        except Unavailable as error:
            raise _Stop(
                None, "NO_ANSWER", f"Can't read the state to start from ({error}).", RETRY_S
            ) from error
        for name, value in run.expected.items():
            if observed.get(name) != value:
                raise _Stop(
                    ProposalState.DRIFTED,
                    "STATE_CHANGED",
                    f"`{name}` is `{observed.get(name, 'gone')}` now, not `{value}`:"
                    " nothing was done.",
                )
        return observed

    async def _require_sign_off(
        self, run: _Run, observed: State, grant: Grant, caller: Caller
    ) -> None:
        proposal = run.proposal
        try:
            plan = run.tool.plan(run.arguments, observed)
        except Refused as error:
            raise _Stop(
                ProposalState.FAILED, "REFUSED_BY_TOOL", f"{error}. Nothing was done."
            ) from error
        draft = Draft(
            key=proposal.key,
            tool=run.tool.name,
            parameters=proposal.action.parameters,
            environment=proposal.action.environment,
            confidence=proposal.confidence,
            severity=proposal.severity,
            is_tainted=proposal.tainted,
        )
        fresh = await self._gateway.decision(run.tool, plan, draft, caller)
        if fresh.effect is EffectKind.DENY:
            # A pause holds back what waits, it does not refuse it.
            await self._require_not_paused(caller)
            rules = ", ".join(f"`{rule}`" for rule in fresh.rules) or "no rule allows it"
            raise _Stop(
                ProposalState.DENIED,
                fresh.reasons[0],
                f"Policy says no now ({fresh.reasons[0]}, {rules}): nothing was done.",
            )
        # Both what the card asked and what the rules ask now: never less than was shown.
        for clauses in (proposal.decision.clauses, fresh.clauses):
            groups = [name for clause in clauses for name in clause.groups]
            memberships = await self._parts.directory.memberships(groups)
            blind = unreadable(groups, memberships, self._parts.clock.now())
            if blind:
                raise _Stop(
                    None, "GROUP_UNREADABLE", f"Can't read who is in `{groups[0]}` now.", RETRY_S
                )
            if clauses and not is_satisfied(clauses, grant.approvers, memberships):
                raise _Stop(
                    ProposalState.DENIED,
                    "SIGN_OFF_NOT_ENOUGH",
                    "The sign-off is not enough any more: nothing was done.",
                )

    async def _baseline(self, proposal: Proposal, caller: Caller) -> str | None:
        return await measure(self._gateway, proposal, caller, "baseline")


async def measure(gateway: Gateway, proposal: Proposal, caller: Caller, label: str) -> str | None:
    """Measure what a proposal promises; None where it promises nothing or nobody answers."""
    effect = proposal.action.expected_effect
    if effect is None or not gateway.offers(effect.tool):
        return None
    evidence = await gateway.read(
        f"{proposal.id}-{label}", label, effect.tool, effect.parameters, caller
    )
    value = evidence.data.get(effect.field)
    return None if value is None else str(value)


@dataclass(frozen=True, kw_only=True)
class Again:
    """What is needed to do an unknown write again: the sign-off, or the state we had left."""

    grant: Grant
    left: State
    person: str


@dataclass(frozen=True, kw_only=True)
class Undo:
    """What a rollback starts from: the state we left, when that was, and who asked."""

    left: State
    done_at: datetime
    person: str


def _voices(grant: Grant, proposal: Proposal) -> str:
    return ", ".join(grant.approvers) or proposal.action.requester


def _done(run: _Run, effect: Effect, reason: str) -> Outcome:
    is_forward = run.direction is Direction.FORWARD
    return Outcome(
        proposal=run.proposal,
        direction=run.direction,
        state=ProposalState.EXECUTED if is_forward else ProposalState.ROLLED_BACK,
        sentence=effect.sentence,
        reason=reason,
        left=effect.left,
        data=effect.data,
    )
