"""A proposal as its card shows it, with what people said of it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from agents.ports import ProposalRow
from bot.store.places import successors_of
from bot.store.proposals import proposal_rows
from bot.store.reviews import Review, reviews_of
from bot.store.tables import proposals, votes
from policies.approvals import Ballot
from policies.model import EffectKind


@dataclass(frozen=True, kw_only=True)
class ProposalView:
    """A proposal as a card needs it."""

    row: ProposalRow
    sentence: str | None
    reason: str | None
    decided_at: datetime | None
    measured: str | None
    rolled_back_by: str | None
    rejected_by: str | None
    rejection: str | None
    rejection_code: str | None = None
    # Who withdrew or edited it.
    decided_by: str | None = None
    # What it was edited to.
    successor: str | None = None
    glass_reason: str | None = None
    review: Review | None = None
    # The first of those that share its card.
    batch: str | None = None
    # The addresses of its own card and of its successor's; None where they are not known yet.
    link: str | None = None
    successor_link: str | None = None
    # Why there is no way back from here, where the tool for it is not the one that was meant.
    no_way_back: str | None = None

    @property
    def needed_a_person(self) -> bool:
        """Say whether it was ever for a person to decide."""
        return self.row.proposal.decision.effect is EffectKind.APPROVE


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The proposals of a task in the order they were made, and those only a newer version reads."""

    views: tuple[ProposalView, ...] = ()
    unread: tuple[str, ...] = ()


def proposal_views(connection: Connection, *task_ids: str) -> dict[str, Shown]:
    """Return the proposals of tasks by task."""
    columns = {
        row.id: row
        for row in connection.execute(select(proposals).where(proposals.c.task_id.in_(task_ids)))
    }
    unread: list[str] = []
    found = proposal_rows(connection, *task_ids, unread=unread)
    # Of one proposal there is one: a rejection ends it, and the glass is broken for what waits.
    spoken = {
        row.proposal_id: row
        for row in connection.execute(
            select(votes).where(
                votes.c.proposal_id.in_([row.proposal.id for row in found]),
                votes.c.ballot.in_([Ballot.REJECT, Ballot.BREAK_GLASS]),
            )
        )
    }
    reviewed = reviews_of(connection, columns)
    successors = successors_of(row.proposal for row in found)
    views = [
        ProposalView(
            row=row,
            sentence=columns[row.proposal.id].sentence,
            reason=columns[row.proposal.id].reason,
            decided_at=columns[row.proposal.id].decided_at,
            measured=columns[row.proposal.id].measured,
            rolled_back_by=columns[row.proposal.id].roll_back_by,
            rejected_by=getattr(spoken.get(row.proposal.id), "voter", None),
            rejection=getattr(spoken.get(row.proposal.id), "reason", None),
            rejection_code=getattr(spoken.get(row.proposal.id), "code", None),
            decided_by=columns[row.proposal.id].decided_by,
            successor=successors.get(row.proposal.id),
            glass_reason=getattr(spoken.get(row.proposal.id), "reason", None),
            review=reviewed.get(row.proposal.id),
            batch=columns[row.proposal.id].batch,
        )
        for row in found
    ]
    by_task: dict[str, tuple[ProposalView, ...]] = dict.fromkeys(task_ids, ())
    for view in views:
        by_task[view.row.proposal.task_id] += (view,)
    strange = [(columns[name].task_id, name) for name in unread]
    return {
        task_id: Shown(views=own, unread=tuple(name for of, name in strange if of == task_id))
        for task_id, own in by_task.items()
    }
