"""Votes and rollback requests: one conditional write each, bound to the hash that was seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from bot.store.batches import shown_by
from bot.store.context import Context
from bot.store.proposals import moved, proposal_event, proposal_of
from bot.store.tables import executions, posts, proposals, tasks, votes
from bot.store.tasks import settle_task
from policies.approvals import (
    Ballot,
    Memberships,
    Refusal,
    Voter,
    barred,
    is_satisfied,
    missing,
    refusal_by_state,
    refusal_to_vote,
    undo_groups,
)
from policies.audit import Event, EventKind
from policies.model import Actor, ActorKind, Proposal, ProposalState
from policies.rejections import Rejection
from tools.ports import Direction

# A fault of our own, however often it was tried.
GIVEN_UP = "COULD_NOT_BE_WORKED_OFF"
REOPENABLE = (ProposalState.EXECUTED, ProposalState.VERIFIED)


@dataclass(frozen=True, kw_only=True)
class Click:
    """A person's click on a card, as Slack says it."""

    voter: Voter
    proposal_id: str
    seen_hash: str
    channel: str
    message_ts: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a click: a refusal, or how many approvals are still missing."""

    refusal: Refusal | None
    proposal: Proposal | None
    missing: int = 0


def unknown_card(connection: Connection, click: Click) -> bool:
    """Say whether the message is none that the mirror knows (yet)."""
    found = connection.execute(
        select(posts.c.key).where(posts.c.channel == click.channel, posts.c.ts == click.message_ts)
    ).first()
    return found is None


def cast(
    connection: Connection,
    context: Context,
    click: Click,
    ballot: Ballot,
    memberships: Memberships,
    reason: Rejection | None = None,
) -> Answer:
    """Store a vote and, where it decides, move the proposal: all or nothing."""
    found = proposal_of(connection, click.proposal_id)
    if found is None or not is_on_card(connection, click):
        return refused(connection, context, click, None, Refusal.OTHER_CARD)
    proposal, state = found
    refusal = _refusal(context, click, proposal, state, memberships)
    if refusal is None and ballot is Ballot.REJECT and (reason is None or not reason.is_said):
        refusal = Refusal.REASON_MISSING
    if refusal is None and not _stored(connection, context, click, ballot, reason):
        refusal = Refusal.ALREADY_VOTED
    if refusal is not None:
        return refused(connection, context, click, proposal, refusal)
    _record(connection, context, click, proposal, ballot, reason)
    left = _decided(connection, context, proposal, ballot, memberships)
    settle_task(connection, context, proposal.task_id, "VOTE_CAST")
    return Answer(refusal=None, proposal=proposal, missing=left)


def ask_rollback(
    connection: Connection,
    context: Context,
    click: Click,
    memberships: Memberships,
    *,
    on_card: bool = True,
) -> Answer:
    """Note that a member of an approving group wants an executed action undone.

    Who asks by a command, not on a card, is held to the same.
    """
    found = proposal_of(connection, click.proposal_id)
    if found is None or (on_card and not is_on_card(connection, click)):
        return refused(connection, context, click, None, Refusal.OTHER_CARD)
    proposal, state = found
    groups = undoers(connection, proposal)
    refusal = barred(click.voter, groups, memberships, context.clock.now())
    if refusal is None and click.seen_hash != proposal.action.hash:
        refusal = Refusal.OLD_CARD
    refusal = refusal or _rollback_refusal(connection, context, proposal, state)
    if refusal is not None:
        return refused(connection, context, click, proposal, refusal)
    now = context.clock.now()
    connection.execute(
        update(proposals)
        .where(proposals.c.id == proposal.id)
        .values(roll_back_by=click.voter.id, roll_back_at=now, next_at=now)
    )
    context.ledger.append(
        connection,
        proposal_event(
            proposal,
            EventKind.ROLLBACK_REQUESTED,
            f"{proposal.id}: {click.voter.id} asked to undo it.",
            now,
            actor=Actor(kind=ActorKind.HUMAN, id=click.voter.id),
        ),
    )
    settle_task(connection, context, proposal.task_id, "ROLLBACK_REQUESTED")
    return Answer(refusal=None, proposal=proposal)


def supersede(
    connection: Connection, context: Context, old: Proposal, new: Proposal, editor: str
) -> Refusal | None:
    """Put an edited proposal in the place of a pending one; or return why that came too late.

    Its votes start at zero.
    """
    found = proposal_of(connection, old.id)
    state = ProposalState.EXPIRED if found is None else found[1]
    late = refusal_by_state(state, old, old.action.hash, context.clock.now())
    if late is not None:
        return late
    moved(
        connection,
        context,
        old,
        (ProposalState.PENDING, ProposalState.SUPERSEDED),
        "EDITED",
        f"Edited by {editor}; {new.id} takes its place.",
        decided_by=editor,
    )
    return None


def edit_denied(
    connection: Connection, context: Context, old: Proposal, new: Proposal, editor: str
) -> None:
    """Record an edit that the rules deny: the proposal it was made to stands as it was."""
    context.ledger.append(
        connection,
        proposal_event(
            old,
            EventKind.CLICK_REFUSED,
            f"{old.id}: an edit by {editor} changed nothing, the rules deny it.",
            context.clock.now(),
            actor=Actor(kind=ActorKind.HUMAN, id=editor),
            decision=new.decision.effect,
            reasons=new.decision.reasons,
            policy_version=new.decision.policy_version,
            data={"action_hash": new.action.hash},
        ),
    )


def refused(
    connection: Connection,
    context: Context,
    click: Click,
    proposal: Proposal | None,
    refusal: Refusal,
) -> Answer:
    """Record a click that changes nothing."""
    known = None if proposal is None else proposal.task_id
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.CLICK_REFUSED,
            at=context.clock.now(),
            actor=Actor(kind=ActorKind.HUMAN, id=click.voter.id),
            task_id=known,
            proposal_id=None if proposal is None else proposal.id,
            correlation_id=known,
            decision="refused",
            reasons=(refusal,),
            sentence=f"A click by {click.voter.id} changed nothing: {refusal}.",
        ),
    )
    return Answer(refusal=refusal, proposal=proposal)


def given_up(connection: Connection, context: Context, person: str, what: str) -> None:
    """Record that what a person did could not be worked off, and so was not done."""
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.CLICK_REFUSED,
            at=context.clock.now(),
            actor=Actor(kind=ActorKind.HUMAN, id=person),
            decision="refused",
            reasons=(GIVEN_UP,),
            sentence=f"What {person} did ({what}) could not be worked off, and was not done.",
        ),
    )


def groups_asked(connection: Connection, proposal_id: str) -> Sequence[str]:
    """Return the groups whose members decide on a proposal, or on undoing it."""
    found = proposal_of(connection, proposal_id)
    return () if found is None else undoers(connection, found[0])


def undoers(connection: Connection, proposal: Proposal) -> tuple[str, ...]:
    """Return whose members may undo an action, or say what became of it."""
    broken = connection.execute(
        select(votes.c.voter).where(
            votes.c.proposal_id == proposal.id, votes.c.ballot == Ballot.BREAK_GLASS
        )
    ).first()
    return undo_groups(proposal, is_broken=broken is not None)


def card_key(connection: Connection, click: Click) -> str | None:
    """Return which message of its proposal's thread was clicked on; None for any other message."""
    row = connection.execute(
        select(posts.c.key, posts.c.thread_id).where(
            posts.c.channel == click.channel, posts.c.ts == click.message_ts
        )
    ).first()
    thread = connection.execute(
        select(tasks.c.thread_id)
        .join(proposals, proposals.c.task_id == tasks.c.id)
        .where(proposals.c.id == click.proposal_id)
    ).scalar_one_or_none()
    return None if row is None or row.thread_id != thread else str(row.key)


def is_on_card(connection: Connection, click: Click) -> bool:
    """Say whether the message that was clicked shows the proposal, alone or in a batch."""
    key = card_key(connection, click)
    own = {f"proposal:{click.proposal_id}", f"verdict:{click.proposal_id}"}
    return key is not None and (key in own or click.proposal_id in shown_by(key))


def _refusal(
    context: Context,
    click: Click,
    proposal: Proposal,
    state: ProposalState,
    memberships: Memberships,
) -> Refusal | None:
    now = context.clock.now()
    late = refusal_by_state(state, proposal, click.seen_hash, now)
    return late or refusal_to_vote(click.voter, proposal, memberships, now)


def _rollback_refusal(
    connection: Connection, context: Context, proposal: Proposal, state: ProposalState
) -> Refusal | None:
    inverse = proposal.action.inverse
    if inverse is None:
        return Refusal.NO_INVERSE
    asked_by = connection.execute(
        select(proposals.c.roll_back_by).where(proposals.c.id == proposal.id)
    ).scalar_one()
    if state not in REOPENABLE or asked_by is not None:
        return Refusal.ALREADY_DECIDED
    ended_at = connection.execute(
        select(executions.c.ended_at).where(
            executions.c.proposal_id == proposal.id,
            executions.c.direction == Direction.FORWARD,
        )
    ).scalar_one_or_none()
    if ended_at is None or (context.clock.now() - ended_at).total_seconds() > inverse.window_s:
        return Refusal.WINDOW_CLOSED
    return None


def _stored(
    connection: Connection,
    context: Context,
    click: Click,
    ballot: Ballot,
    reason: Rejection | None,
) -> bool:
    """Store a vote; a rejection may take the place of one's own approval, nothing else may."""
    values = {
        "ballot": ballot,
        "action_hash": click.seen_hash,
        "at": context.clock.now(),
        "reason": None if reason is None else context.redactor.text(reason.words),
        "code": None if reason is None else reason.why,
    }
    statement = insert_or(votes).values(
        proposal_id=click.proposal_id, voter=click.voter.id, **values
    )
    if ballot is Ballot.REJECT:
        done = connection.execute(
            statement.on_conflict_do_update(
                index_elements=["proposal_id", "voter"],
                set_=values,
                where=votes.c.ballot == Ballot.APPROVE,
            )
        )
    else:
        done = connection.execute(statement.on_conflict_do_nothing())
    return done.rowcount == 1


def _record(
    connection: Connection,
    context: Context,
    click: Click,
    proposal: Proposal,
    ballot: Ballot,
    reason: Rejection | None,
) -> None:
    said = "" if reason is None else reason.words.strip()
    context.ledger.append(
        connection,
        proposal_event(
            proposal,
            EventKind.VOTE_CAST,
            f"{proposal.id}: {click.voter.id} says {ballot}.",
            context.clock.now(),
            actor=Actor(kind=ActorKind.HUMAN, id=click.voter.id),
            decision=ballot,
            reasons=proposal.decision.reasons if reason is None else (reason.why,),
            texts={"reason": said} if said else {},
        ),
    )


def _decided(
    connection: Connection,
    context: Context,
    proposal: Proposal,
    ballot: Ballot,
    memberships: Memberships,
) -> int:
    step = (ProposalState.PENDING, ProposalState.REJECTED)
    if ballot is Ballot.REJECT:
        moved(connection, context, proposal, step, "REJECTED", "Rejected.")
        return 0
    approvers = list(
        connection.execute(
            select(votes.c.voter).where(
                votes.c.proposal_id == proposal.id,
                votes.c.ballot == Ballot.APPROVE,
                votes.c.action_hash == proposal.action.hash,
            )
        ).scalars()
    )
    clauses = proposal.decision.clauses
    if not is_satisfied(clauses, approvers, memberships):
        return missing(clauses, approvers, memberships)
    moved(
        connection,
        context,
        proposal,
        (ProposalState.PENDING, ProposalState.APPROVED),
        "SIGNED_OFF",
        "Signed off.",
        next_at=context.clock.now(),
    )
    return 0


def check(
    connection: Connection, context: Context, click: Click, memberships: Memberships
) -> tuple[Refusal | None, Proposal | None]:
    """Say whether a click could count, without storing anything."""
    found = proposal_of(connection, click.proposal_id)
    if found is None or not is_on_card(connection, click):
        return Refusal.OTHER_CARD, None
    proposal, state = found
    return _refusal(context, click, proposal, state, memberships), proposal
