"""Withdrawals: one conditional write, so that of a withdrawal and an execution one wins."""

from sqlalchemy import Connection

from bot.store.context import Context
from bot.store.proposals import moved, proposal_event, proposal_of
from bot.store.tasks import settle_task
from bot.store.votes import Answer, Click, is_on_card, refused
from policies.approvals import Memberships, Refusal
from policies.audit import EventKind
from policies.model import Actor, ActorKind, ProposalState
from policies.standing import too_late_to_withdraw, withdrawal_refused


def withdraw(
    connection: Connection, context: Context, click: Click, memberships: Memberships
) -> Answer:
    """Take back what has not begun; what waits for a sign-off, or was signed off and waits."""
    found = proposal_of(connection, click.proposal_id)
    if found is None or not is_on_card(connection, click):
        return refused(connection, context, click, None, Refusal.OTHER_CARD)
    (proposal, state), now = found, context.clock.now()
    refusal = too_late_to_withdraw(state, proposal, click.seen_hash, now) or withdrawal_refused(
        click.voter, proposal, memberships, now
    )
    if refusal is not None:
        return refused(connection, context, click, proposal, refusal)
    context.ledger.append(
        connection,
        proposal_event(
            proposal,
            EventKind.PROPOSAL_WITHDRAWN,
            f"{proposal.id}: {click.voter.id} withdrew it.",
            now,
            actor=Actor(kind=ActorKind.HUMAN, id=click.voter.id),
            decision="withdrawn",
        ),
    )
    moved(
        connection,
        context,
        proposal,
        (state, ProposalState.WITHDRAWN),
        "WITHDRAWN",
        "Withdrawn: nothing was done.",
        decided_by=click.voter.id,
    )
    settle_task(connection, context, proposal.task_id, "WITHDRAWN")
    return Answer(refusal=None, proposal=proposal)
