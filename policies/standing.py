"""Who may take a proposal back or break the glass for it, whatever groups the rules ask."""

from datetime import datetime

from policies.approvals import (
    BREAK_GLASS,
    OPERATORS,
    Memberships,
    Refusal,
    Voter,
    barred,
    refusal_by_state,
    unfit,
)
from policies.lockout import POLICY_AGENT
from policies.model import Proposal, ProposalState

# Characters: less is no reason.
SHORTEST_REASON = 10

_S = ProposalState
# From here on it can only be undone.
BEGUN = frozenset({_S.EXECUTING, _S.EXECUTED, _S.VERIFIED, _S.UNKNOWN, _S.ROLLED_BACK})


def is_asked_by_system(proposal: Proposal) -> bool:
    """Say whether no person asked for the task: people's ids hold a slash."""
    return "/" not in proposal.action.requester


def withdrawal_refused(
    voter: Voter, proposal: Proposal, memberships: Memberships, now: datetime
) -> Refusal | None:
    """Return why this person may not withdraw this proposal, or None.

    Whoever asked for it or edited it may; where an alert asked, the operators may too.
    """
    if (reason := unfit(voter)) is not None:
        return reason
    if voter.id in proposal.requesters:
        return None
    if not is_asked_by_system(proposal):
        return Refusal.NOT_REQUESTER
    found = barred(voter, (OPERATORS,), memberships, now)
    return Refusal.NOT_REQUESTER if found is Refusal.NOT_IN_GROUP else found


def too_late_to_withdraw(
    state: ProposalState, proposal: Proposal, seen_hash: str, now: datetime
) -> Refusal | None:
    """Return why a withdrawal comes too late or is of another action, or None."""
    if state in BEGUN:
        return Refusal.ALREADY_BEGUN
    if state is ProposalState.APPROVED:
        return None if seen_hash == proposal.action.hash else Refusal.OLD_CARD
    return refusal_by_state(state, proposal, seen_hash, now)


def glass_refused(voter: Voter, memberships: Memberships, now: datetime) -> Refusal | None:
    """Return why this person may not break the glass, or None. Whoever asked may."""
    found = barred(voter, (BREAK_GLASS,), memberships, now)
    return Refusal.NOT_IN_BREAK_GLASS if found is Refusal.NOT_IN_GROUP else found


def is_about_rules(proposal: Proposal) -> bool:
    """Say whether it changes the rules: the glass is for what they ask, not for what they are."""
    return proposal.action.agent == POLICY_AGENT


def too_late_to_break(
    state: ProposalState, proposal: Proposal, seen_hash: str, now: datetime
) -> Refusal | None:
    """Return why the glass can't be broken for it any more, or never could, or None."""
    if state is ProposalState.DENIED:
        # What the rules deny stays denied, whoever presses.
        return Refusal.RULES_DENY
    if is_about_rules(proposal):
        return Refusal.RULES_CHANGE
    return refusal_by_state(state, proposal, seen_hash, now)


def review_refused(
    voter: Voter, broken_by: str, memberships: Memberships, now: datetime
) -> Refusal | None:
    """Return why this person may not review a broken glass, or None."""
    found = barred(voter, (OPERATORS,), memberships, now)
    if found is not None:
        return Refusal.NOT_OPERATOR if found is Refusal.NOT_IN_GROUP else found
    return Refusal.IS_BREAKER if voter.id == broken_by else None
