"""The review of a broken glass: its card, and how often it is asked for."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from bot.slack import blocks as kit
from bot.slack import modals
from bot.slack.blocks import Block
from bot.slack.cards import Mentions, button_value
from bot.slack.parts import Part
from bot.slack.rates import Urgency
from bot.slack.text import code, day_time, person, safe
from bot.store.cardviews import ProposalView
from bot.store.reviews import NOT_FINE, Review
from policies.approvals import OPERATORS
from policies.model import Proposal

FINE_BUTTON, NOT_FINE_BUTTON = "review.fine", "review.not_fine"


def review_form(proposal: Proposal, data: str) -> Block:
    """Return the form that asks what was not fine."""
    label = "What was not fine? It goes on record"
    return modals.reason(modals.REVIEW, "Not fine", label, data, modals.about(proposal))


def review_parts(
    found: Sequence[ProposalView], mentions: Mentions
) -> Iterator[tuple[datetime, Part]]:
    """Return the reviews of a thread, and the last time each was asked for again."""
    for view in found:
        if (review := view.review) is None:
            continue
        card = Part(
            key=f"review:{review.proposal_id}",
            make=partial(_card, view, review, mentions),
            urgency=Urgency.DECISION,
            change=Urgency.DECISION,
            is_needed=review.is_open,
        )
        yield review.opened_at, card
        for number in range(1, review.reminders + 1):
            is_last = number == review.reminders
            part = Part(
                key=f"review-again:{review.proposal_id}:{number}",
                make=partial(_again, view, review, mentions, is_last=is_last),
                urgency=Urgency.DECISION,
                is_needed=review.is_open and is_last,
                is_moot=not review.is_open or not is_last,
            )
            yield review.opened_at, part


def _card(view: ProposalView, review: Review, mentions: Mentions) -> tuple[str, list[Block]]:
    proposal = view.row.proposal
    title = safe(proposal.title)
    by = f"{person(review.broken_by)} at {day_time(review.opened_at)}"
    head = f"*The glass was broken* by {by}: {title}.\nReason: {safe(view.glass_reason or '', 600)}"
    if not review.is_open:
        said = f"*Reviewed* by {person(review.answered_by or '')}: {review.answer}."
        if review.answer == NOT_FINE:
            said += f" {safe(review.words or '', 600)}"
        return f"Broken glass, reviewed: {title}", [kit.section(f"{head}\n{said}")]
    asked = mentions.get(OPERATORS, code(OPERATORS))
    value = button_value(proposal)
    buttons = [
        kit.button("Reviewed: fine", FINE_BUTTON, value),
        kit.button("Reviewed: not fine…", NOT_FINE_BUTTON, value),
    ]
    words = f"{asked}, please look at what was done and why, then press what you found."
    small = "Not for whoever broke it. Nothing is done or undone by it; it goes on record."
    blocks = [
        kit.section(f"{head}\n{words}"),
        kit.actions(f"review:{proposal.id}", buttons),
        kit.context([small]),
    ]
    return f"The glass was broken: {title}. {asked}, please review it.", blocks


def _again(
    view: ProposalView, review: Review, mentions: Mentions, *, is_last: bool
) -> tuple[str, list[Block]]:
    title = safe(view.row.proposal.title)
    if not review.is_open or not is_last:
        text = f"The review of the broken glass was asked for again: {title}."
        return text, [kit.context([text])]
    asked = mentions.get(OPERATORS, code(OPERATORS))
    since = day_time(review.opened_at)
    text = f"{asked}, since {since} nobody has reviewed the broken glass: {title}. See above."
    return text, [kit.section(text)]
