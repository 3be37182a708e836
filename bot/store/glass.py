"""Broken glass: one person's consent in place of the sign-off, with its review, in one write."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from bot.store.context import Context
from bot.store.halts import paused
from bot.store.proposals import moved, proposal_event, proposal_of
from bot.store.reviews import open_review
from bot.store.tables import tasks, threads, votes
from bot.store.tasks import settle_task
from bot.store.votes import Answer, Click, is_on_card, refused
from policies.approvals import Ballot, Memberships, Refusal
from policies.audit import EventKind
from policies.model import Actor, ActorKind, Proposal, ProposalState
from policies.standing import SHORTEST_REASON, glass_refused, too_late_to_break


def break_glass(
    connection: Connection, context: Context, click: Click, memberships: Memberships, reason: str
) -> Answer:
    """Let one person's consent count in place of the sign-off; an operator reviews it afterwards.

    At the execution everything is asked as ever: the pause, the rules, the state, and whether this
    person is still one of those who may.
    """
    refusal, found = glass_check(connection, context, click, memberships)
    if found is None or refusal is not None:
        return refused(connection, context, click, found, refusal or Refusal.OTHER_CARD)
    if len(reason.strip()) < SHORTEST_REASON:
        return refused(connection, context, click, found, Refusal.REASON_MISSING)
    now = context.clock.now()
    values = {
        "ballot": Ballot.BREAK_GLASS,
        "action_hash": click.seen_hash,
        "at": now,
        "reason": context.redactor.text(reason.strip()),
    }
    connection.execute(
        insert_or(votes)
        .values(proposal_id=found.id, voter=click.voter.id, **values)
        # In the place of one's own approval, which was not enough.
        .on_conflict_do_update(index_elements=["proposal_id", "voter"], set_=values)
    )
    context.ledger.append(
        connection,
        proposal_event(
            found,
            EventKind.GLASS_BROKEN,
            f"{found.id}: {click.voter.id} broke the glass, in place of the sign-off.",
            now,
            actor=Actor(kind=ActorKind.HUMAN, id=click.voter.id),
            decision=Ballot.BREAK_GLASS,
            reasons=found.decision.reasons,
            escalation="BREAK_GLASS",
            texts={"reason": reason.strip()},
        ),
    )
    step = (ProposalState.PENDING, ProposalState.APPROVED)
    words = "The glass was broken."
    moved(connection, context, found, step, "GLASS_BROKEN", words, next_at=now)
    open_review(connection, context, found, click.voter.id)
    settle_task(connection, context, found.task_id, "GLASS_BROKEN")
    return Answer(refusal=None, proposal=found)


def glass_check(
    connection: Connection, context: Context, click: Click, memberships: Memberships
) -> tuple[Refusal | None, Proposal | None]:
    """Say whether the glass could be broken, without storing anything."""
    found = proposal_of(connection, click.proposal_id)
    if found is None or not is_on_card(connection, click):
        return Refusal.OTHER_CARD, None
    (proposal, state), now = found, context.clock.now()
    refusal = too_late_to_break(state, proposal, click.seen_hash, now)
    refusal = refusal or glass_refused(click.voter, memberships, now)
    if refusal is None and paused(connection, proposal.action.tenant) is not None:
        refusal = Refusal.SIGNOFF_PAUSED
    return refusal, proposal


def channel_of(connection: Connection, task_id: str) -> str:
    """Return in which channel a task is told; empty for the default one."""
    query = (
        select(threads.c.channel)
        .join(tasks, tasks.c.thread_id == threads.c.id)
        .where(tasks.c.id == task_id)
    )
    return str(connection.execute(query).scalar_one())
