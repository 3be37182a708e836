"""What waits for people: the proposals that are open, those that were made in one go together."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from bot.store.places import Place, card_of
from bot.store.proposals import proposal_of
from bot.store.strangers import is_strange
from bot.store.tables import proposals, votes
from policies.approvals import Ballot
from policies.model import Proposal, ProposalState


@dataclass(frozen=True, kw_only=True)
class Open:
    """A proposal that waits, and how many more were made with it that wait too."""

    proposal: Proposal
    approvers: tuple[str, ...]
    alike: int
    place: Place | None


def open_proposals(connection: Connection, tenant: str, most: int) -> tuple[list[Open], int]:
    """Return what expires first, and how many proposals wait in all."""
    rows = connection.execute(
        select(proposals.c.id, proposals.c.batch)
        .where(proposals.c.tenant == tenant, proposals.c.state == ProposalState.PENDING)
        .order_by(proposals.c.expires_at, proposals.c.created_at, proposals.c.ordinal)
    ).all()
    together: dict[str, list[str]] = {}
    for row in rows:
        together.setdefault(row.batch or row.id, []).append(row.id)
    found = (_open(connection, ids) for ids in list(together.values())[:most])
    return [one for one in found if one is not None], len(rows)


def _open(connection: Connection, ids: list[str]) -> Open | None:
    """Return the first of these; None for one that only a newer version knows."""
    found = None if is_strange(connection, ids[0]) else proposal_of(connection, ids[0])
    if found is None:
        return None
    proposal, _ = found
    given = connection.execute(
        select(votes.c.voter)
        .where(
            votes.c.proposal_id == proposal.id,
            votes.c.ballot == Ballot.APPROVE,
            votes.c.action_hash == proposal.action.hash,
        )
        .order_by(votes.c.at)
    ).scalars()
    return Open(
        proposal=proposal,
        approvers=tuple(given),
        alike=len(ids) - 1,
        place=card_of(connection, proposal.id),
    )
