"""Reviews of broken glass: opened with it, asked for again and again, answered once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from bot.store.context import Context
from bot.store.proposals import proposal_event, proposal_of
from bot.store.tables import reviews
from bot.store.votes import Answer, Click, card_key, refused
from policies.approvals import Memberships, Refusal
from policies.audit import EventKind
from policies.model import Actor, ActorKind, Proposal
from policies.standing import review_refused

# How long a review may wait before somebody is asked again.
REMIND_AFTER = timedelta(days=1)
FINE, NOT_FINE = "fine", "not fine"


@dataclass(frozen=True, kw_only=True)
class Review:
    """What became of the question whether breaking the glass was right."""

    proposal_id: str
    broken_by: str
    opened_at: datetime
    reminders: int
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    words: str | None

    @property
    def is_open(self) -> bool:
        """Say whether nobody has looked yet."""
        return self.answered_by is None


def open_review(
    connection: Connection, context: Context, proposal: Proposal, broken_by: str
) -> None:
    """Ask for a review, in the transaction in which the glass is broken."""
    now = context.clock.now()
    connection.execute(
        insert(reviews).values(
            proposal_id=proposal.id,
            tenant=proposal.action.tenant,
            task_id=proposal.task_id,
            broken_by=broken_by,
            opened_at=now,
            next_at=now + REMIND_AFTER,
        )
    )


def answer_review(
    connection: Connection, context: Context, click: Click, memberships: Memberships, words: str
) -> Answer:
    """Store what an operator says of it: without words it was fine; the first answer counts."""
    refusal, proposal = review_check(connection, context, click, memberships)
    if proposal is None or refusal is not None:
        return refused(connection, context, click, proposal, refusal or Refusal.OTHER_CARD)
    now, answer = context.clock.now(), NOT_FINE if words else FINE
    done = connection.execute(
        update(reviews)
        .where(reviews.c.proposal_id == proposal.id, reviews.c.answered_by.is_(None))
        .values(
            answer=answer,
            answered_by=click.voter.id,
            answered_at=now,
            next_at=None,
            words=context.redactor.text(words),
        )
    )
    if done.rowcount != 1:
        return refused(connection, context, click, proposal, Refusal.ALREADY_DECIDED)
    context.ledger.append(
        connection,
        proposal_event(
            proposal,
            EventKind.GLASS_REVIEWED,
            f"{proposal.id}: {click.voter.id} reviewed the broken glass: {answer}.",
            now,
            actor=Actor(kind=ActorKind.HUMAN, id=click.voter.id),
            decision=answer,
            texts={"reason": words} if words else {},
        ),
    )
    return Answer(refusal=None, proposal=proposal)


def review_check(
    connection: Connection, context: Context, click: Click, memberships: Memberships
) -> tuple[Refusal | None, Proposal | None]:
    """Say whether an answer could count, without storing anything."""
    found = proposal_of(connection, click.proposal_id)
    review = review_of(connection, click.proposal_id)
    is_on_card = card_key(connection, click) == f"review:{click.proposal_id}"
    if found is None or review is None or not is_on_card:
        return Refusal.OTHER_CARD, None
    proposal, now = found[0], context.clock.now()
    if click.seen_hash != proposal.action.hash:
        return Refusal.OLD_CARD, proposal
    refusal = review_refused(click.voter, review.broken_by, memberships, now)
    if refusal is None and not review.is_open:
        refusal = Refusal.ALREADY_DECIDED
    return refusal, proposal


def review_of(connection: Connection, proposal_id: str) -> Review | None:
    """Return the review of a proposal, or None where the glass was not broken for it."""
    row = connection.execute(select(reviews).where(reviews.c.proposal_id == proposal_id)).first()
    return None if row is None else _review(row)


def reviews_of(connection: Connection, proposal_ids: Iterable[str]) -> dict[str, Review]:
    """Return the reviews of these proposals, by proposal."""
    rows = connection.execute(select(reviews).where(reviews.c.proposal_id.in_(list(proposal_ids))))
    return {row.proposal_id: _review(row) for row in rows}


def open_reviews(connection: Connection, tenant: str) -> list[Review]:
    """Return the reviews that nobody has answered, oldest first."""
    is_open = reviews.c.answered_by.is_(None)
    query = select(reviews).where(reviews.c.tenant == tenant, is_open)
    return [_review(row) for row in connection.execute(query.order_by(reviews.c.opened_at))]


def overdue(connection: Connection, now: datetime) -> tuple[list[str], datetime | None]:
    """Return the proposals whose review is to be asked for again, and when the next one is."""
    due = connection.execute(select(reviews.c.proposal_id).where(reviews.c.next_at <= now))
    found = list(due.scalars())
    return found, connection.execute(select(func.min(reviews.c.next_at))).scalar_one()


def ask_again(connection: Connection, context: Context, proposal_id: str) -> bool:
    """Ask for a review once more; False when that is not due any more."""
    now = context.clock.now()
    done = connection.execute(
        update(reviews)
        .where(reviews.c.proposal_id == proposal_id, reviews.c.next_at <= now)
        # From now on: after a downtime of days they are asked once.
        .values(next_at=now + REMIND_AFTER, reminders=reviews.c.reminders + 1)
    )
    found = proposal_of(connection, proposal_id)
    if done.rowcount != 1 or found is None:
        return False
    context.ledger.append(
        connection,
        proposal_event(
            found[0],
            EventKind.REVIEW_REMINDED,
            f"{proposal_id}: the review of the broken glass is asked for again.",
            now,
        ),
    )
    return True


def _review(row: Any) -> Review:
    return Review(
        proposal_id=row.proposal_id,
        broken_by=row.broken_by,
        opened_at=row.opened_at,
        reminders=row.reminders,
        answer=row.answer,
        answered_by=row.answered_by,
        answered_at=row.answered_at,
        words=row.words,
    )
