"""Reads decisions of the past, each with the facts that were recorded with it."""

from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection, select

from bot.store.search import Question, search
from bot.store.tables import proposals
from policies.audit import EventKind
from policies.history import DECIDED, Past
from policies.model import Decided, Proposal

# More than anybody replays; the question wants some number.
ALL = 10_000_000


def past_decisions(connection: Connection, since: datetime | None) -> list[Past]:
    """Return the decisions on proposals since a time, in order, as the ledger has them."""
    question = Question(kind=EventKind.PROPOSAL_CREATED, since=since, limit=ALL)
    return [
        Past(
            proposal_id=str(event["proposal_id"]),
            at=datetime.fromisoformat(event["at"]),
            decided=_read(event["texts"].get(DECIDED)),
        )
        for event in search(connection, question)
    ]


def _read(text: str | None) -> Decided | None:
    if text is None:
        return None
    try:
        return _of_then(Decided.model_validate_json(text))
    except ValidationError:
        # What was taken out of it as a secret left no fact behind: as if it had been erased.
        return None


def decided_on(connection: Connection, proposal_id: str) -> Decided | None:
    """Return what was decided on a proposal and on which facts, or None where there is none."""
    body = connection.execute(
        select(proposals.c.body).where(proposals.c.id == proposal_id)
    ).scalar_one_or_none()
    if body is None:
        return None
    proposal = Proposal.model_validate_json(body)
    return _of_then(Decided(decision=proposal.decision, facts=proposal.facts))


def _of_then(decided: Decided) -> Decided:
    """Return a decision with what was so when it was taken, though it was not recorded."""
    if decided.facts is None or decided.facts.frozen is not None:
        return decided
    # Versions that did not record it could freeze nothing.
    facts = decided.facts.model_copy(update={"frozen": False})
    return decided.model_copy(update={"facts": facts})
