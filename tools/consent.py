"""Asks the rules again just before an action: never less than asked on its card, or asked now."""

from datetime import datetime

from policies.approvals import (
    BREAK_GLASS,
    Refusal,
    Voter,
    countable,
    is_satisfied,
    unreadable,
)
from policies.ladder import effective
from policies.model import Decided, Decision, EffectKind, Proposal, ProposalState
from policies.standing import glass_refused
from tools.base import Plan, Refused, State
from tools.deciding import scope_of
from tools.gateway import Gateway, Parts
from tools.ports import Basis, Caller, Direction, Draft, Frozen, Grant
from tools.reserving import Reservation, daily_raise
from tools.runs import AGAIN_S, RETRY_S, Run, Stop
from tools.standing import require_open


class Consent:
    """Holds a sign-off against the card that it was given on, and against the rules as they are."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._parts = gateway, gateway.parts

    async def require(self, run: Run, observed: State, grant: Grant, caller: Caller) -> Basis:
        """Return what the action may begin on.

        Raises:
            Stop: the rules, or the card, ask for more than there is.
            Halted: somebody stopped it, which holds back what waits and refuses nothing.
        """
        proposal = run.proposal
        try:
            plan = run.tool.plan(run.arguments, observed)
        except Refused as error:
            raise Stop(
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
            proposal_id=proposal.id,
        )
        decided = await self._gateway.decision(run.tool, plan, draft, caller)
        if decided.decision.effect is EffectKind.DENY:
            raise await self._denied(proposal, decided)
        read_at = await require_consent(self._parts, proposal, decided.decision, grant)
        reservation = _reservation(self._gateway, run, (plan, draft, decided), caller)
        return Basis(mode=reservation.facts.mode, read_at=read_at, reservation=reservation)

    async def _denied(self, proposal: Proposal, decided: Decided) -> Stop:
        # A freeze holds back what waits, it does not refuse it.
        await require_open(self._parts, proposal, Direction.FORWARD)
        if decided.facts is not None and decided.facts.frozen:
            raise Frozen
        return denied(decided.decision)


async def require_consent(
    parts: Parts, proposal: Proposal, fresh: Decision, grant: Grant
) -> datetime | None:
    """Raise Stop unless the sign-off is enough for the card, and for the rules as they are now.

    Never less than was shown. Where the next groups were asked, answers of theirs count for both.
    A broken glass counts in place of all that, as long as whoever broke it is one of those who may;
    what the rules deny was stopped before.
    Returns when the oldest of what that rests on was read; None where it rests on nothing.
    """
    if grant.broken_by is not None:
        return await _require_breaker(parts, grant.broken_by)
    ages = []
    for decision in (proposal.decision, fresh):
        clauses = effective(decision.clauses, is_widened=grant.is_widened)
        groups = [name for clause in clauses for name in clause.groups]
        known = await parts.directory.memberships(groups)
        blind = unreadable(groups, known, parts.clock.now())
        # Only what is known freshly counts: a group more could make it enough, never too little.
        fresh_ones = {name: known[name] for name in groups if name not in blind}
        people = countable(grant.approvers, proposal, self_approval=decision.self_approval)
        if not clauses or is_satisfied(clauses, people, fresh_ones):
            ages += [membership.read_at for membership in fresh_ones.values()]
            continue
        if blind:
            words = f"Can't read who is in `{blind[0]}` now."
            raise Stop(None, "GROUP_UNREADABLE", words, RETRY_S)
        raise Stop(
            ProposalState.DENIED,
            "SIGN_OFF_NOT_ENOUGH",
            "The sign-off is not enough any more: nothing was done.",
        )
    return min(ages, default=None)


async def _require_breaker(parts: Parts, person: str) -> datetime | None:
    memberships = await parts.directory.memberships((BREAK_GLASS,))
    refusal = glass_refused(Voter(id=person), memberships, parts.clock.now())
    if refusal is Refusal.GROUP_UNREADABLE:
        words = f"Can't read who is in `{BREAK_GLASS}` now."
        raise Stop(None, "GROUP_UNREADABLE", words, RETRY_S)
    if refusal is not None:
        raise Stop(
            ProposalState.DENIED,
            "NOT_IN_BREAK_GLASS",
            f"Whoever broke the glass is not in `{BREAK_GLASS}` any more: nothing was done.",
        )
    return memberships[BREAK_GLASS].read_at


def _reservation(
    gateway: Gateway, run: Run, found: tuple[Plan, Draft, Decided], caller: Caller
) -> Reservation:
    plan, draft, decided = found
    rules, facts = gateway.parts.rules(), decided.facts
    if facts is None or rules.version != decided.decision.policy_version:
        # Others came into force between the decision and here.
        raise Stop(None, "OVERTAKEN", "The rules changed: they are asked again.", AGAIN_S)
    return Reservation(
        scope=scope_of(run.tool, plan, draft, caller),
        facts=facts,
        decision=decided.decision,
        rules=rules,
        raised=daily_raise(plan),
    )


def denied(decision: Decision) -> Stop:
    """Return the end of what the rules deny now."""
    rules = ", ".join(f"`{rule}`" for rule in decision.rules) or "no rule allows it"
    return Stop(
        ProposalState.DENIED,
        decision.reasons[0],
        f"Policy says no now ({decision.reasons[0]}, {rules}): nothing was done.",
    )
