"""Says which of two decisions is the looser one."""

from collections.abc import Sequence
from enum import StrEnum

from policies.model import Clause, Decision, EffectKind

STRICTNESS = {EffectKind.AUTO: 0, EffectKind.APPROVE: 1, EffectKind.DENY: 2}


class Change(StrEnum):
    """What becomes of a decision; `OTHER` asks others, so that it is looser for somebody."""

    SAME = "same"
    LOOSER = "looser"
    TIGHTER = "tighter"
    OTHER = "other"

    @property
    def is_looser(self) -> bool:
        """Whether anything became possible that was not."""
        return self in {Change.LOOSER, Change.OTHER}


def compared(before: Decision, after: Decision) -> Change:
    """Return how a decision changed; its rules, reasons and version do not matter.

    Where it is not certain that the one asks for all that the other does, it counts as looser.
    """
    is_kept = _is_as_strict(after, before)
    is_reached = _is_as_strict(before, after)
    if is_kept:
        return Change.SAME if is_reached else Change.TIGHTER
    return Change.LOOSER if is_reached else Change.OTHER


def _is_as_strict(one: Decision, other: Decision) -> bool:
    """Say whether whatever `one` lets through, `other` lets through as well."""
    if STRICTNESS[one.effect] != STRICTNESS[other.effect]:
        return STRICTNESS[one.effect] > STRICTNESS[other.effect]
    if one.effect is not EffectKind.APPROVE:
        return True
    return (
        covers(one.clauses, other.clauses)
        and (one.expires_s or 0) <= (other.expires_s or 0)
        and (other.self_approval or not one.self_approval)
    )


def covers(one: Sequence[Clause], other: Sequence[Clause]) -> bool:
    """Say whether approvers that satisfy `one` surely satisfy `other`, whoever is in the groups.

    Each seat of `other` needs a seat of its own in `one` that only people of its groups can take.
    """
    seats, wanted = _seats(one), _seats(other)
    taken: dict[int, int] = {}
    return all(_seat(place, wanted, seats, taken, set()) for place in range(len(wanted)))


Seat = tuple[frozenset[str], frozenset[str]]


def _seats(clauses: Sequence[Clause]) -> list[Seat]:
    return [
        (frozenset(clause.groups), frozenset((*clause.groups, *clause.then)))
        for clause in clauses
        for _ in range(clause.n)
    ]


def _seat(
    place: int, wanted: list[Seat], seats: list[Seat], taken: dict[int, int], tried: set[int]
) -> bool:
    for number, (groups, people) in enumerate(seats):
        own, all_own = wanted[place]
        if number in tried or not (groups <= own and people <= all_own):
            continue
        tried.add(number)
        if number not in taken or _seat(taken[number], wanted, seats, taken, tried):
            taken[number] = place
            return True
    return False
