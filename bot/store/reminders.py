"""Reminders as rows: each rung of a ladder is taken once, in one write with its event."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from agents.ports import ProposalRow
from bot.store.context import Context
from bot.store.proposals import proposal_event
from bot.store.tables import proposals, reminders
from policies.audit import EventKind
from policies.ladder import Rung, next_look_at
from policies.model import ProposalState
from tools.ports import LostLease

_KINDS = {
    Rung.REMINDED: EventKind.PROPOSAL_REMINDED,
    Rung.WIDENED: EventKind.PROPOSAL_WIDENED,
}


def called(
    connection: Connection, context: Context, row: ProposalRow, rung: Rung, groups: Sequence[str]
) -> None:
    """Note that people are called to a proposal that waits, and when it is looked at next.

    Raises:
        LostLease: it does not wait any more, or they were called before; nothing was written.
    """
    proposal, now = row.proposal, context.clock.now()
    is_own = proposals.c.id == proposal.id
    waits = update(proposals).where(is_own, proposals.c.state == ProposalState.PENDING)
    moved = connection.execute(waits.values(next_at=next_look_at(proposal, {*row.rungs, rung})))
    values = {"tenant": proposal.action.tenant, "at": now, "groups": json.dumps(list(groups))}
    noted = connection.execute(
        insert_or(reminders)
        .values(proposal_id=proposal.id, rung=rung, **values)
        .on_conflict_do_nothing()
    )
    if moved.rowcount + noted.rowcount != 2:  # noqa: PLR2004 - one of each
        raise LostLease(f"proposal {proposal.id} does not wait, or was {rung} before")
    said = "nobody answered; asked once more are"
    if rung is Rung.WIDENED:
        said = "still nobody answered; from now on these may answer too, or are called again:"
    context.ledger.append(
        connection,
        proposal_event(
            proposal,
            _KINDS[rung],
            f"{proposal.id}: {said} {', '.join(groups)}.",
            now,
            data={"groups": ", ".join(groups), "action_hash": proposal.action.hash},
        ),
    )
