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

# Of the proposals of one card.
MOST_NAMED = 3
# A proposal, and that people were called to it.
Called = tuple[ProposalView, Reminder]


def reminder_parts(
    found: Sequence[ProposalView], mentions: Mentions
) -> Iterator[tuple[datetime, Part]]:
    """Return the reminders of proposals; one that is answered needs none any more.

    Those of one card call people once, however many of its proposals wait.
    """
    together: dict[tuple[Rung, str], list[Called]] = {}
    for view in found:
        first = view.batch or view.row.proposal.id
        for reminder in view.row.reminders:
            together.setdefault((reminder.rung, first), []).append((view, reminder))
    for (rung, first), calls in together.items():
        part = Part(
            key=f"{rung}:{first}",
            make=partial(reply, calls, mentions),
            urgency=Urgency.DECISION,
            is_needed=bool(_waiting(calls)),
            # Of two only the newer one is told late.
            is_moot=all(
                reminder is not view.row.reminders[-1] for view, reminder in _waiting(calls)
            ),
        )
        yield min(reminder.at for _, reminder in calls), part


def reply(calls: Sequence[Called], mentions: Mentions) -> tuple[str, list[Block]]:
    """Return the fallback text and blocks; who has voted on all of it is not called."""
    waiting, reminder = _waiting(calls), calls[0][1]
    if not waiting:
        title = _named([view for view, _ in calls])
        text = f"Asked again at {day_time(reminder.at)}: {title}. The card above shows the answer."
        return text, [kit.context([text])]
    views = [view for view, _ in waiting]
    whom = [word for view, one in waiting for word in _called(view, one.groups, mentions)]
    called, title = " ".join(dict.fromkeys(whom)), _named(views)
    until = day_time(min(view.row.proposal.expires_at for view in views))
    words = f"*Still waiting for a sign-off*: {title}. {called}, please look at the card above."
    if reminder.rung is Rung.WIDENED:
        words = f"*Nobody has answered yet*: {title}. {called}, now you can sign off too: see the"
        words += " card above."
    words += f" Until {until}; no answer is a no."
    if reminder.rung is Rung.REMINDED:
        words += _later(views)
    it = "it still waits" if len(views) == 1 else "they still wait"
    return f"{title}? {called}, {it} for a sign-off.", [kit.section(words)]


def _later(views: Sequence[ProposalView]) -> str:
    """Return who is asked next, and from when on: named, not mentioned, as they are not yet."""
    found = [view.row.proposal for view in views if has_next(view.row.proposal.decision.clauses)]
    if not found:
        return ""
    then = dict.fromkeys(code(name) for proposal in found for name in next_groups(proposal))
    at = day_time(min(rung_at(proposal, Rung.WIDENED) for proposal in found))
    return f" From {at} on {' or '.join(then)} can answer too."


def _waiting(calls: Sequence[Called]) -> list[Called]:
    return [call for call in calls if call[0].row.state is ProposalState.PENDING]


def _named(views: Sequence[ProposalView]) -> str:
    """Return what people are called to: by name, as many as fit on a line or two."""
    names = [safe(view.row.proposal.title) for view in views[:MOST_NAMED]]
    left = len(views) - len(names)
    return "; ".join(names) + (f"; and {left} more" if left else "")


def _called(view: ProposalView, groups: Iterable[str], mentions: Mentions) -> Iterator[str]:
    """Return whom to mention; Slack's own groups can only be mentioned as a whole."""
    proposal = view.row.proposal
    out = {person(name) for name in view.row.approvers}
    if not proposal.decision.self_approval:
        out |= {person(name) for name in proposal.requesters}
    for name in groups:
        mentioned = mentions.get(name, code(name)).split(" ")
        yield from [word for word in mentioned if word not in out] or [code(name)]
