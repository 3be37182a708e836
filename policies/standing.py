"""Who may take a proposal back, whatever the rules ask."""

from datetime import datetime

from policies.approvals import (
    OPERATORS,
    Memberships,
    Refusal,
    Voter,
    barred,
    refusal_by_state,
    unfit,
)
from policies.model import Proposal, ProposalState

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
