"""Whose word still counts: who may decide nothing any more is out, who is unknown makes it wait."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from policies.approvals import Refusal, Voter, lapsed
from policies.model import ProposalState
from tools.ports import Directory
from tools.runs import RETRY_S, Stop

_BECAUSE = {
    Refusal.IS_BOT: "the account is deactivated, or a bot's",
    Refusal.IS_GUEST: "they are a guest, or of another workspace, by now",
}


@dataclass(frozen=True, kw_only=True)
class Signers:
    """Those who signed off: who counts, read when; who is unknown now; and why others do not."""

    counting: tuple[str, ...]
    read_at: tuple[datetime, ...]
    unknown: tuple[str, ...]
    words: tuple[str, ...]


async def signers(directory: Directory, people: Sequence[str]) -> Signers:
    """Ask what is said now of those who signed off."""
    # At once: while nobody answers, patience is spent once, not by each.
    voters = await asyncio.gather(*(directory.person(person) for person in people))
    found = [(voter, lapsed(voter)) for voter in voters]
    return Signers(
        counting=tuple(voter.id for voter, why in found if why is None),
        read_at=tuple(
            voter.read_at for voter, why in found if why is None and voter.read_at is not None
        ),
        unknown=tuple(voter.id for voter, why in found if why is Refusal.PERSON_UNREADABLE),
        words=tuple(
            f"The sign-off of {voter.id} counts no more: {_BECAUSE[why]}."
            for voter, why in found
            if why in _BECAUSE
        ),
    )


async def still_may(directory: Directory, person: str, end: ProposalState | None) -> Voter:
    """Return somebody whose word is about to be acted on, and who may still decide at all.

    Raises:
        Stop: nobody says now who that is, so it waits; or they may not, which ends it so.
    """
    voter = await directory.person(person)
    why = lapsed(voter)
    if why is Refusal.PERSON_UNREADABLE:
        raise unknown_person(person)
    if why is not None:
        words = f"The word of {person} counts no more: {_BECAUSE[why]}. Nothing was done."
        raise Stop(end, "MAY_NOT_DECIDE", words)
    return voter


def unknown_person(person: str) -> Stop:
    """Return the end of what needs a person of whom nothing is known now: it is tried again."""
    words = f"Slack does not say now who {person} is."
    return Stop(None, "PERSON_UNREADABLE", words, RETRY_S)
