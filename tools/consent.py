"""Holds a stored sign-off against what the card asked and what the rules ask now."""

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
from policies.model import Decision, Proposal, ProposalState
from policies.standing import glass_refused
from tools.gateway import Parts
from tools.ports import Grant
from tools.runs import Stop

RETRY_S = 5.0


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
