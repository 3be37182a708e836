"""Who may vote on a proposal, and when its votes are enough."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import AwareDatetime

from policies.model import Clause, Proposal, ProposalState, Strict

MEMBERSHIP_MAX_AGE_S = 60
OPERATORS = "operators"
BREAK_GLASS = "break-glass"
# No person: ids of people hold a slash.
_SOMEBODY = "somebody"


class Ballot(StrEnum):
    """What a vote says."""

    APPROVE = "approve"
    REJECT = "reject"
    # One person's consent in place of the sign-off, in an emergency.
    BREAK_GLASS = "break_glass"


class Vote(Strict):
    """One person's stored answer; `action_hash` is of the action that the person saw."""

    voter: str
    ballot: Ballot
    action_hash: str
    at: AwareDatetime


class Membership(Strict):
    """The members of a group as read at `read_at`."""

    group: str
    members: frozenset[str]
    read_at: AwareDatetime


class Voter(Strict):
    """Who clicked, as Slack says."""

    id: str
    is_bot: bool = False
    is_guest: bool = False
    is_deleted: bool = False
    # False while Slack does not say who this is.
    is_known: bool = True
    # When Slack said so; None where nobody asks how old that is.
    read_at: AwareDatetime | None = None


class Refusal(StrEnum):
    """Why a click changes nothing."""

    IS_BOT = "IS_BOT"
    IS_GUEST = "IS_GUEST"
    IS_REQUESTER = "IS_REQUESTER"
    NOT_IN_GROUP = "NOT_IN_GROUP"
    GROUP_UNREADABLE = "GROUP_UNREADABLE"
    PERSON_UNREADABLE = "PERSON_UNREADABLE"
    ALREADY_DECIDED = "ALREADY_DECIDED"
    ALREADY_VOTED = "ALREADY_VOTED"
    EXPIRED = "EXPIRED"
    OLD_CARD = "OLD_CARD"
    OTHER_CARD = "OTHER_CARD"
    REASON_MISSING = "REASON_MISSING"
    WINDOW_CLOSED = "WINDOW_CLOSED"
    NO_INVERSE = "NO_INVERSE"
    NEWER_VERSION = "NEWER_VERSION"
    NOT_REQUESTER = "NOT_REQUESTER"
    ALREADY_BEGUN = "ALREADY_BEGUN"
    NOT_IN_BREAK_GLASS = "NOT_IN_BREAK_GLASS"
    RULES_DENY = "RULES_DENY"
    SIGNOFF_PAUSED = "SIGNOFF_PAUSED"
    FROZEN = "FROZEN"
    NOT_OPERATOR = "NOT_OPERATOR"
    IS_BREAKER = "IS_BREAKER"
    TOO_MANY_EDITS = "TOO_MANY_EDITS"
    EDIT_IMPOSSIBLE = "EDIT_IMPOSSIBLE"
    NOT_EDITABLE = "NOT_EDITABLE"
    OTHER_WORKSPACE = "OTHER_WORKSPACE"
    WINDOW_OPEN = "WINDOW_OPEN"
    ALREADY_PROPOSED = "ALREADY_PROPOSED"
    RULES_CHANGE = "RULES_CHANGE"


Memberships = Mapping[str, Membership]


def is_fresh(membership: Membership, now: datetime) -> bool:
    """Say whether a membership was read recently enough to vote or execute on."""
    return is_recent(membership.read_at, now)


def is_recent(read_at: datetime, now: datetime) -> bool:
    """Say whether what was read then may be relied on now."""
    # Read in the future means that the clock was set back: nobody knows how old that is.
    return 0 <= (now - read_at).total_seconds() <= MEMBERSHIP_MAX_AGE_S


def unreadable(groups: Iterable[str], memberships: Memberships, now: datetime) -> tuple[str, ...]:
    """Return the groups whose members are not known freshly enough."""
    return tuple(
        name for name in groups if name not in memberships or not is_fresh(memberships[name], now)
    )


def is_member(person: str, groups: Iterable[str], memberships: Memberships) -> bool:
    """Say whether the person is in any of the groups."""
    return any(name in memberships and person in memberships[name].members for name in groups)


def unfit(voter: Voter) -> Refusal | None:
    """Return why this account may not decide anything at all, or None."""
    if not voter.is_known:
        return Refusal.PERSON_UNREADABLE
    if voter.is_bot or voter.is_deleted:
        return Refusal.IS_BOT
    return Refusal.IS_GUEST if voter.is_guest else None


def lapsed(voter: Voter) -> Refusal | None:
    """Return why what this account said before counts no more, or None."""
    # Slack knows nobody like that any more: this is an answer, and waiting brings no other.
    return Refusal.IS_BOT if voter.is_deleted else unfit(voter)


def barred(
    voter: Voter, groups: Sequence[str], memberships: Memberships, now: datetime
) -> Refusal | None:
    """Return why this person may not decide anything for these groups, or None."""
    if (reason := unfit(voter)) is not None:
        return reason
    if is_member(voter.id, groups, memberships):
        stale = unreadable(
            [name for name in groups if voter.id in _members(name, memberships)], memberships, now
        )
        return Refusal.GROUP_UNREADABLE if stale else None
    if unreadable(groups, memberships, now):
        return Refusal.GROUP_UNREADABLE
    return Refusal.NOT_IN_GROUP


def refusal_to_vote(
    voter: Voter, proposal: Proposal, memberships: Memberships, now: datetime
) -> Refusal | None:
    """Return why this person may not vote on this proposal, or None.

    The requester never approves, unless every rule that asks allows self-approval.
    """
    reason = barred(voter, proposal.decision.groups, memberships, now)
    is_requester = has_asked(voter.id, proposal)
    if is_requester and reason is Refusal.NOT_IN_GROUP:
        return Refusal.IS_REQUESTER
    if is_requester and reason is None and not proposal.decision.self_approval:
        return Refusal.IS_REQUESTER
    return reason


def has_asked(person: str, proposal: Proposal) -> bool:
    """Say whether the person asked for it, or edited it.

    By the user alone: in an organisation of several workspaces Slack may name one and the same
    person with another team at a command than at a click.
    """
    return _user(person) in {_user(name) for name in proposal.requesters}


def countable(approvers: Iterable[str], proposal: Proposal, *, self_approval: bool) -> list[str]:
    """Return whose approvals may count: who asked is out, unless self-approval is allowed."""
    return [name for name in approvers if self_approval or not has_asked(name, proposal)]


def undo_groups(proposal: Proposal, *, is_broken: bool = False) -> tuple[str, ...]:
    """Return whose members may undo an action: those who were asked, else the operators.

    Where the glass was broken, also those who may break it: there may be nobody else around.
    """
    groups = proposal.decision.groups or (OPERATORS,)
    return (*groups, BREAK_GLASS) if is_broken else groups


def refusal_by_state(
    state: ProposalState, proposal: Proposal, seen_hash: str, now: datetime
) -> Refusal | None:
    """Return why a vote comes too late or for another action, or None."""
    if state is ProposalState.SUPERSEDED:
        return Refusal.OLD_CARD
    if state is ProposalState.EXPIRED:
        return Refusal.EXPIRED
    if state is not ProposalState.PENDING:
        return Refusal.ALREADY_DECIDED
    if seen_hash != proposal.action.hash:
        return Refusal.OLD_CARD
    return Refusal.EXPIRED if now >= proposal.expires_at else None


def is_satisfied(
    clauses: Sequence[Clause], approvers: Iterable[str], memberships: Memberships
) -> bool:
    """Say whether every clause has its own `n` approvers, counting each person once in all."""
    people = sorted(set(approvers))
    seats = [clause for clause in clauses for _ in range(clause.n)]
    taken: dict[str, int] = {}
    return bool(clauses) and all(
        _seat(place, seats, people, taken, memberships, set()) for place in range(len(seats))
    )


def missing(clauses: Sequence[Clause], approvers: Iterable[str], memberships: Memberships) -> int:
    """Return how many more approvals are needed at least."""
    people = sorted(set(approvers))
    seats = [clause for clause in clauses for _ in range(clause.n)]
    taken: dict[str, int] = {}
    filled = sum(
        _seat(place, seats, people, taken, memberships, set()) for place in range(len(seats))
    )
    return len(seats) - filled


def waited_for(
    clauses: Sequence[Clause], approvers: Iterable[str], memberships: Memberships
) -> tuple[str, ...]:
    """Return the groups of which one more approval would help; one that is unreadable would."""
    given = tuple(approvers)
    needed = missing(clauses, given, memberships)
    groups = dict.fromkeys(name for clause in clauses for name in clause.groups)
    return tuple(
        name
        for name in groups
        if missing(clauses, (*given, _SOMEBODY), _with_somebody(name, memberships)) < needed
    )


def _with_somebody(name: str, memberships: Memberships) -> Memberships:
    known = memberships.get(name)
    members = frozenset() if known is None else known.members
    # Only `missing` sees it, which does not ask how old it is.
    read_at = datetime.min.replace(tzinfo=UTC) if known is None else known.read_at
    joined = Membership(group=name, members=members | {_SOMEBODY}, read_at=read_at)
    return {**memberships, name: joined}


def _seat(
    place: int,
    seats: Sequence[Clause],
    people: Sequence[str],
    taken: dict[str, int],
    memberships: Memberships,
    tried: set[str],
) -> bool:
    for person in people:
        if person in tried or not is_member(person, seats[place].groups, memberships):
            continue
        tried.add(person)
        holds_another = person in taken
        if not holds_another or _seat(taken[person], seats, people, taken, memberships, tried):
            taken[person] = place
            return True
    return False


def _user(person: str) -> str:
    return person.rsplit("/", 1)[-1]


def _members(name: str, memberships: Memberships) -> frozenset[str]:
    return memberships[name].members if name in memberships else frozenset()
