"""The card of a batch: each item whole, with its own answer, and one button for all that is open.

A button for all carries the very ids and hashes that stand open on the card: what was edited,
decided or proposed since is not voted on by it.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain, groupby
from typing import Any

from bot.slack import blocks as kit
from bot.slack import cards
from bot.slack.blocks import Block
from bot.slack.limits import ALL_TEXT, BLOCKS_IN_MESSAGE, faults, length
from bot.slack.text import clock_time, plain, safe, squeezed
from bot.store.batches import BATCH, MOST, key_of, shown_by
from bot.store.cardviews import ProposalView
from policies.model import Proposal, ProposalState

APPROVE_ALL, REJECT_ALL = "batch.approve", "batch.reject"
# Room for what stands around the items, and for what an open item may still say (votes, a pause).
AROUND_BLOCKS, AROUND_TEXT, LATER = 4, 1500, 300
# Below the limit of one section, a field, and one text of a card.
ONE_SECTION, ONE_FIELD, ONE_TEXT, ONE_CODE = 2900, 1900, 1000, 200
# Where not even short reasons fit.
STOPPED = "*Stopped*: `/signoff status` says by whom and why."
_PLACE = re.compile(r"\.[0-9]+$")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Items that share a message: each with its place among all that were proposed with it."""

    key: str
    items: tuple[tuple[int, ProposalView], ...]
    total: int

    @property
    def views(self) -> tuple[ProposalView, ...]:
        """Return the items without their places."""
        return tuple(view for _, view in self.items)


def arranged(
    found: Sequence[ProposalView], known: Collection[str], mentions: cards.Mentions
) -> list[Batch]:
    """Return the batch cards of a task; whatever is on none of them has its own card.

    A message that stands keeps its items. What does not fit whole, what has its own card already,
    and what would be alone, is left out.
    """
    groups: dict[str, list[ProposalView]] = {}
    for view in found:
        if view.batch is not None:
            groups.setdefault(view.batch, []).append(view)
    cut = [batch for group in groups.values() for batch in _cut(group, known, mentions)]
    return [batch for batch in cut if len(batch.items) > 1]


def _cut(
    group: Sequence[ProposalView], known: Collection[str], mentions: cards.Mentions
) -> list[Batch]:
    task_id = group[0].row.proposal.task_id
    standing = {
        name: key
        for key in known
        if key.startswith(f"{BATCH}:{task_id}:")
        for name in shown_by(key)
    }
    chunks: dict[str, list[tuple[int, ProposalView]]] = {}
    fresh: list[tuple[int, ProposalView]] = []
    for place, view in enumerate(group, 1):
        proposal = view.row.proposal
        if proposal.id in standing:
            chunks.setdefault(standing[proposal.id], []).append((place, view))
        elif f"proposal:{proposal.id}" not in known and is_whole(proposal):
            fresh.append((place, view))
    for chunk in _chunks(fresh, mentions):
        chunks[key_of(task_id, [view.row.proposal.id for _, view in chunk])] = chunk
    return [Batch(key=key, items=tuple(kept), total=len(group)) for key, kept in chunks.items()]


def _chunks(
    items: Sequence[tuple[int, ProposalView]], mentions: cards.Mentions
) -> list[list[tuple[int, ProposalView]]]:
    """Return the items by message; one that no message takes whole is on none."""
    room = _Room()
    found: list[list[tuple[int, ProposalView]]] = [[]]
    for place, view in items:
        # As it may be later, so that it stays whole when somebody signed off, or stopped it.
        blocks = item(view, place, mentions, held="w" * LATER)
        if not _is_uncut(blocks) or not _Room().takes(blocks):
            continue
        if not room.takes(blocks):
            room, found = _Room(), [*found, []]
            room.takes(blocks)
        found[-1].append((place, view))
    return [chunk for chunk in found if chunk]


class _Room:
    """What is left of a message."""

    def __init__(self) -> None:
        self._items, self._blocks, self._text = MOST, BLOCKS_IN_MESSAGE, ALL_TEXT
        self._blocks -= AROUND_BLOCKS
        self._text -= AROUND_TEXT

    def takes(self, blocks: Sequence[Block]) -> bool:
        """Take an item in if it fits."""
        text = length(blocks)
        if self._items < 1 or self._blocks < len(blocks) or self._text < text:
            return False
        self._items, self._blocks = self._items - 1, self._blocks - len(blocks)
        self._text -= text
        return True


def is_whole(proposal: Proposal) -> bool:
    """Say whether an item shows every word of its action, none of them cut short."""
    action = proposal.action
    effect, inverse = action.expected_effect, action.inverse
    texts = [proposal.title, proposal.worst_case, *map(str, action.preconditions)]
    texts += [None if effect is None else effect.sentence]
    texts += [None if inverse is None else inverse.sentence]
    names = [action.target, action.environment, action.tool]
    lines = [f"{name}: {value}" for name, value in action.parameters.items()]
    return (
        all(len(text or "") < ONE_TEXT for text in texts)
        and all(len(name) < ONE_CODE for name in names)
        and sum(len(str(one)) for one in action.preconditions) < ONE_FIELD
        and all(len(line) < ONE_SECTION // 2 for line in lines)
    )


def card(
    batch: Batch,
    mentions: cards.Mentions,
    *,
    held: Callable[[ProposalView], str | None] = lambda _: None,
    stopped: str | None = None,
    resolved_at: datetime | None = None,
    again: Collection[str] = (),
) -> tuple[str, list[Block]]:
    """Return the card's fallback text and blocks.

    `held` says who stopped an item, and what to do; `stopped` says it once, where it is the same
    for all; `again` names what may be proposed again.
    """
    asking = [view for view in batch.views if view.row.state is ProposalState.PENDING]
    title = f"Proposals {_places(batch)} of {batch.total}"
    said = f"{len(asking)} wait for a sign-off" if asking else "all are decided"
    text, foot = f"{title}: {said}", _foot(batch)
    found: list[Block] = []
    for form in Form:
        words = STOPPED if stopped and form is Form.BARE else stopped
        about = [_about(batch, asking, resolved_at), *([words] if words else [])]
        items = [_shown(pair, form, held, mentions, again) for pair in batch.items]
        found = [kit.header(title), *map(kit.section, about), *chain(*items), *foot]
        if not faults(text, found):
            break
    return text, found


class Form(StrEnum):
    """How much is said on a card: of what may still be stopped or withdrawn always all."""

    WHOLE = "whole"
    # What became of an item can be longer than what it asked: then it stands on one line.
    SHORT = "short"
    # No longer than what the items asked, whoever stopped them, and for whatever reason.
    BARE = "bare"


def _shown(
    pair: tuple[int, ProposalView],
    form: Form,
    held: Callable[[ProposalView], str | None],
    mentions: cards.Mentions,
    again: Collection[str],
) -> list[Block]:
    """Return an item as it stands on a card of that form."""
    (place, view), words = pair, held(pair[1])
    is_open = view.row.state in {ProposalState.PENDING, ProposalState.APPROVED}
    if is_open or form is Form.WHOLE:
        words = STOPPED if words and form is Form.BARE else words
        may_again = view.row.proposal.id in again
        return item(view, place, mentions, held=words, may_again=may_again)
    if form is Form.SHORT:
        return [kit.section(f"*{place}.* {cards.line(view)}")]
    title = safe(view.row.proposal.title, LATER // 2)
    return [kit.section(f"*{place}. {title}*: {view.row.state.lower()}; see `/signoff audit`.")]


def item(
    view: ProposalView,
    place: int,
    mentions: cards.Mentions,
    *,
    held: str | None = None,
    may_again: bool = False,
) -> list[Block]:
    """Return everything that the proposal's own card would show, in fewer blocks."""
    _, own = cards.card(view, mentions, held=held, may_again=may_again)
    title = kit.section(f"*{place}. {safe(view.row.proposal.title)}*")
    return _joined([title, *(_placed(block, place) for block in own[1:])])


def base_of(action_id: str) -> str:
    """Return a button's action without its item's place."""
    return _PLACE.sub("", action_id)


def pairs_of(value: str) -> list[tuple[str, str]] | None:
    """Return the (proposal, hash) pairs that a button for all carries; None if it is none."""
    parts = [tuple(part.split(":")) for part in value.split(",")]
    found = [(part[0], part[1]) for part in parts if len(part) == 2]  # noqa: PLR2004 - a pair
    is_ours = len(found) == len(parts) and 0 < len({name for name, _ in found}) == len(found)
    return found if is_ours and len(found) <= MOST else None


def _about(batch: Batch, asking: Sequence[ProposalView], resolved_at: datetime | None) -> str:
    words = ["Each is decided for itself. The buttons at the end answer all that are open here."]
    if len(batch.items) < batch.total:
        words = [f"{words[0]} The others have cards of their own."]
    if not asking:
        words = ["All of these are decided."]
    elif resolved_at is not None:
        words.append(f"*The alert resolved at {clock_time(resolved_at)}.* Are they still needed?")
    return "\n".join(words)


def _foot(batch: Batch) -> list[Block]:
    asking = [one for one in batch.items if one[1].row.state is ProposalState.PENDING]
    if len(asking) < 2:  # noqa: PLR2004 - one has its own buttons
        return []
    found = [view.row.proposal for _, view in asking]
    value = ",".join(cards.button_value(proposal) for proposal in found)
    approve = kit.button(f"Approve the {len(found)} shown", APPROVE_ALL, value, style="primary")
    title = f"Approve these {len(found)}, and no other?"
    approve["confirm"] = kit.confirm(title, _question(asking), "Approve")
    reject = kit.button(f"Reject the {len(found)} shown…", REJECT_ALL, value, style="danger")
    return [kit.actions(f"{BATCH}:{found[0].id}", [approve, reject])]


def _question(asking: Sequence[tuple[int, ProposalView]]) -> str:
    """Return what one click would vote for, every item by its number and name."""
    final = sum(view.row.proposal.action.inverse is None for _, view in asking)
    warning = f" {final} of them can't be undone." if final else ""
    said = "One vote of yours for each:"
    room = (kit.QUESTION - len(said) - len(warning)) // len(asking)
    names = []
    for place, view in asking:
        number = f" {place}. "
        title = plain(view.row.proposal.title, kit.QUESTION)
        names.append(f"{number}{squeezed(title, room - len(number) - 1)};")
    return f"{said}{''.join(names).rstrip(';')}.{warning}"


def _places(batch: Batch) -> str:
    """Return the places as people write them: `1-4, 6`."""
    runs = groupby(enumerate(place for place, _ in batch.items), lambda pair: pair[1] - pair[0])
    found = []
    for _, run in runs:
        places = [place for _, place in run]
        is_one = len(places) == 1
        found.append(str(places[0]) if is_one else f"{places[0]}\N{EN DASH}{places[-1]}")
    return ", ".join(found)


def _placed(block: Block, place: int) -> Block:
    """Return a block whose buttons are told apart from those of the other items."""
    if block["type"] != "actions":
        return block
    named = [{**one, "action_id": f"{one['action_id']}.{place}"} for one in block["elements"]]
    return {**block, "elements": named}


def _joined(blocks: Sequence[Block]) -> list[Block]:
    found: list[Block] = []
    for block in blocks:
        before = found[-1] if found else None
        if before is not None and _is_plain(before) and _is_plain(block):
            text = f"{before['text']['text']}\n{block['text']['text']}"
            if len(text) <= ONE_SECTION:
                found[-1] = kit.section(text)
                continue
        found.append(block)
    return found


def _is_uncut(blocks: Sequence[Block]) -> bool:
    """Say whether no text is as long as a text that was cut."""
    sections = [block["text"]["text"] for block in blocks if "text" in block]
    fields = [field["text"] for block in blocks for field in block.get("fields", ())]
    return all(len(text) < kit.SECTION for text in sections) and all(
        len(text) < kit.FIELD for text in fields
    )


def _is_plain(block: Mapping[str, Any]) -> bool:
    return block["type"] == "section" and set(block) == {"type", "text"}
