"""The replies that call people to a card: a reminder, and the next groups of the rule."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

from agents.ports import Reminder
from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.cards import Mentions, next_groups
from bot.slack.parts import Part
from bot.slack.rates import Urgency
from bot.slack.text import code, day_time, person, safe
from bot.store.cardviews import ProposalView
from policies.ladder import Rung, has_next, rung_at
from policies.model import ProposalState


def reminder_parts(
    found: Sequence[ProposalView], mentions: Mentions
) -> Iterator[tuple[datetime, Part]]:
    """Return the reminders of proposals; one that is answered needs none any more."""
    for view in found:
        is_open = view.row.state is ProposalState.PENDING
        for reminder in view.row.reminders:
            part = Part(
                key=f"{reminder.rung}:{view.row.proposal.id}",
                make=partial(reply, view, reminder, mentions),
                urgency=Urgency.DECISION,
                is_needed=is_open,
                # Of two only the newer one is told late.
                is_moot=not is_open or reminder is not view.row.reminders[-1],
            )
            yield reminder.at, part


def reply(view: ProposalView, reminder: Reminder, mentions: Mentions) -> tuple[str, list[Block]]:
    """Return the fallback text and blocks; who has voted is not called."""
    proposal = view.row.proposal
    title = safe(proposal.title)
    if view.row.state is not ProposalState.PENDING:
        text = f"Asked again at {day_time(reminder.at)}: {title}. The card above shows the answer."
        return text, [kit.context([text])]
    called = " ".join(_called(view, reminder.groups, mentions))
    until = day_time(proposal.expires_at)
    words = f"*Still waiting for a sign-off*: {title}. {called}, please look at the card above."
    if reminder.rung is Rung.WIDENED:
        words = f"*Nobody has answered yet*: {title}. {called}, now you can sign off too: see the"
        words += " card above."
    words += f" Until {until}; no answer is a no."
    if reminder.rung is Rung.REMINDED and has_next(proposal.decision.clauses):
        # Named, not mentioned: they are not asked yet.
        then = " or ".join(code(name) for name in next_groups(proposal))
        words += f" From {day_time(rung_at(proposal, Rung.WIDENED))} on {then} can answer too."
    return f"{title}? {called}, it still waits for a sign-off.", [kit.section(words)]


def _called(view: ProposalView, groups: Iterable[str], mentions: Mentions) -> Iterator[str]:
    """Return whom to mention; Slack's own groups can only be mentioned as a whole."""
    proposal = view.row.proposal
    out = {person(name) for name in view.row.approvers}
    if not proposal.decision.self_approval:
        out |= {person(name) for name in proposal.requesters}
    for name in groups:
        mentioned = mentions.get(name, code(name)).split(" ")
        yield from [word for word in mentioned if word not in out] or [code(name)]
