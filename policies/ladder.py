"""The ladder of asking: when people are reminded, and when the next groups of a rule may answer."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

from policies.model import Clause, Proposal


class Rung(StrEnum):
    """What is done while nobody answers."""

    # Those who are asked are asked once more.
    REMINDED = "reminded"
    # The next groups (`then`) are asked, and may answer from now on.
    WIDENED = "widened"


# Of the time between the question and its end.
SHARES = {Rung.REMINDED: 0.5, Rung.WIDENED: 0.75}


def rung_at(proposal: Proposal, rung: Rung) -> datetime:
    """Return when a rung is due, counted from when the proposal was made."""
    span = proposal.expires_at - proposal.created_at
    return proposal.created_at + span * SHARES[rung]


def has_next(clauses: Sequence[Clause]) -> bool:
    """Say whether any clause names who is asked next."""
    return any(clause.then for clause in clauses)


def due_rung(proposal: Proposal, taken: Collection[Rung], now: datetime) -> Rung | None:
    """Return the rung to take now; one whose time is over is left out, so no two come at once."""
    if Rung.WIDENED in taken:
        return None
    if has_next(proposal.decision.clauses) and now >= rung_at(proposal, Rung.WIDENED):
        return Rung.WIDENED
    if Rung.REMINDED not in taken and now >= rung_at(proposal, Rung.REMINDED):
        return Rung.REMINDED
    return None


def next_look_at(proposal: Proposal, taken: Collection[Rung]) -> datetime:
    """Return when a proposal that waits is looked at next: at the next rung, or at its end."""
    if not taken:
        return rung_at(proposal, Rung.REMINDED)
    if Rung.WIDENED not in taken and has_next(proposal.decision.clauses):
        return rung_at(proposal, Rung.WIDENED)
    return proposal.expires_at


def effective(clauses: Sequence[Clause], *, is_widened: bool) -> tuple[Clause, ...]:
    """Return whose answers count: once widened, those of the next groups too."""
    if not is_widened:
        return tuple(clauses)
    return tuple(
        clause.model_copy(update={"groups": tuple(dict.fromkeys((*clause.groups, *clause.then)))})
        for clause in clauses
    )


def narrowed(clauses: Sequence[Clause]) -> tuple[Clause, ...]:
    """Return whom clauses ask before their next groups are asked: a new card begins there."""
    return tuple(
        clause.model_copy(
            update={
                "groups": tuple(name for name in clause.groups if name not in clause.then)
                or clause.groups
            }
        )
        for clause in clauses
    )


def widened(proposal: Proposal) -> Proposal:
    """Return a proposal as it stands once its next groups may answer; its action is the same."""
    clauses = effective(proposal.decision.clauses, is_widened=True)
    decision = proposal.decision.model_copy(update={"clauses": clauses})
    return proposal.model_copy(update={"decision": decision})
