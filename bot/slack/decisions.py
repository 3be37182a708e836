"""What a thread shows of decisions: cards, batches, verdicts, unknown effects, calls for people."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import partial

from agents.tasks import TaskState
from bot.slack import batchcards, cards, escalations, halts, leads, undoing, unknowns
from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.parts import Part
from bot.slack.rates import Urgency
from bot.slack.text import code
from bot.store.cardviews import ProposalView
from bot.store.places import undoes
from bot.store.threads import TaskView
from policies.model import ProposalState

Timed = Iterator[tuple[datetime, Part]]


def asked(
    view: TaskView,
    found: Sequence[ProposalView],
    mentions: cards.Mentions,
    known: Collection[str],
) -> Timed:
    """Yield the cards of what was proposed: batches, and a card for each of the others."""
    resolved_at, again = leads.resolved_at(view), undoing.may_again(view.proposals)
    by_id = {item.row.proposal.id: item for item in view.proposals}
    batches = batchcards.arranged(found, known, mentions)
    together = {item.row.proposal.id for batch in batches for item in batch.views}
    for batch in batches:
        stopped = halts.of_batch(view, batch.views)
        make = partial(
            batchcards.card,
            batch,
            mentions,
            held=partial(halts.of_item, view, is_said=stopped is not None),
            stopped=stopped,
            resolved_at=resolved_at,
            again=again,
        )
        yield batch.views[0].row.proposal.created_at, _card(batch.key, make, batch.views)
    for item in found:
        proposal = item.row.proposal
        if proposal.id not in together:
            own = partial(
                cards.card,
                item,
                mentions,
                held=halts.of_card(view, item),
                resolved_at=resolved_at,
                before=None if undoes(proposal) else by_id.get(proposal.replaces or ""),
                may_again=proposal.id in again,
            )
            yield proposal.created_at, _card(f"proposal:{proposal.id}", own, [item])


def unread(view: TaskView) -> Timed:
    """Yield what stands for proposals that only a newer version can read: their cards are left."""
    for name in view.unread:
        yield view.task.created_at, Part(key=f"unread:{name}", make=partial(_unread, view, name))


def _unread(view: TaskView, name: str) -> tuple[str, list[Block]]:
    text = (
        f"A newer version of Signoff made {code(name)}, and the one that runs now can't read it."
        " Nothing is done about it until the newer one is started;"
        f" {code(f'/signoff audit {view.task.id}')} tells what is on record."
    )
    return text, [kit.section(text)]


def _card(
    key: str, make: Callable[[], tuple[str, list[Block]]], items: Sequence[ProposalView]
) -> Part:
    is_asking = any(item.row.state is ProposalState.PENDING for item in items)
    # A card that still asks as before and has no vote changes by a pause or a resolution only.
    is_untouched = all(
        item.row.state is ProposalState.PENDING
        and not item.row.approvers
        and not item.row.is_widened
        for item in items
    )
    return Part(
        key=key,
        make=make,
        urgency=Urgency.DECISION if is_asking else Urgency.NEWS,
        change=Urgency.COSMETIC if is_untouched else Urgency.DECISION,
        is_needed=is_asking,
    )


def verdicts(view: TaskView, found: Sequence[ProposalView], now: datetime) -> Timed:
    """Yield the verdicts, with the way back as far as there is one."""
    for item in found:
        proposal = item.row.proposal
        if item.row.verdict is None:
            continue
        at, until = item.decided_at or proposal.created_at, cards.undo_until(item)
        may_undo = until is not None and until > now
        undo = undoing.undo_of(proposal, view.proposals)
        yield (
            at,
            Part(
                key=f"verdict:{proposal.id}",
                make=partial(cards.verdict, item, now, undo),
                urgency=Urgency.DECISION,
                change=Urgency.DECISION if may_undo else Urgency.NEWS,
                is_needed=may_undo,
            ),
        )


def unknown_effects(view: TaskView, mentions: cards.Mentions) -> Timed:
    """Yield the cards of effects that nobody but a person can tell of."""
    for found in view.proposals:
        for ran in found.row.executions:
            if ran.escalated_at is not None:
                part = Part(
                    key=f"unknown:{found.row.proposal.id}:{ran.direction}",
                    make=partial(unknowns.card, found, ran, mentions),
                    urgency=Urgency.DECISION,
                    change=Urgency.DECISION,
                    is_needed=ran.state == "unknown",
                )
                yield ran.escalated_at, part


def calls(view: TaskView, mentions: cards.Mentions) -> Timed:
    """Yield the calls for a person to take over."""
    for found in view.escalations:
        part = Part(
            key=f"escalated:{found.seq}",
            make=partial(escalations.call, view, found, mentions),
            urgency=Urgency.DECISION,
            is_needed=view.task.state is TaskState.ESCALATED,
        )
        yield found.at, part
