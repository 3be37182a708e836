"""Slack's limits on what we send, checked before it is sent (docs.slack.dev, Block Kit reference).

The 12 000 characters together are undocumented: see bolt-js issue 2509.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

BLOCKS_IN_MESSAGE = 50
ALL_TEXT = 12_000
TEXT = 4_000
LONGEST = {"section": 3000, "header": 150, "context": 3000}
FIELD, FIELDS, ELEMENTS, BUTTONS = 2000, 10, 10, 25
BUTTON_TEXT, BUTTON_VALUE, ID = 75, 2000, 255


def faults(text: str, blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what Slack would refuse about a message; empty when it is fine."""
    found = list(_overall(text, blocks))
    for place, block in enumerate(blocks):
        found += [f"block {place}: {fault}" for fault in _block(block)]
    return found


def length(blocks: Sequence[Mapping[str, Any]]) -> int:
    """Return how many characters count towards the limit of all texts together."""
    return sum(len(words) for block in blocks for words in _texts(block))


def _overall(text: str, blocks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not text.strip():
        yield "text is empty"
    if len(text) > TEXT:
        yield f"text has {len(text)} characters"
    if len(blocks) > BLOCKS_IN_MESSAGE:
        yield f"{len(blocks)} blocks"
    total = length(blocks)
    if total > ALL_TEXT:
        yield f"{total} characters together"
    ids = Counter(block["block_id"] for block in blocks if "block_id" in block)
    ids.update(
        item["action_id"]
        for block in blocks
        for item in [*(block.get("elements") or []), block.get("accessory") or {}]
        if "action_id" in item
    )
    for name, count in ids.items():
        if count > 1:
            yield f"the id `{name}` stands {count} times"


def _block(block: Mapping[str, Any]) -> Iterator[str]:
    kind = str(block.get("type"))
    longest = LONGEST.get(kind)
    for words in _texts({**block, "fields": [], "accessory": None}):
        if not words:
            yield "an empty text"
        if longest is not None and len(words) > longest:
            yield f"a text of {len(words)} characters in a {kind}"
    if kind == "header" and block["text"]["type"] != "plain_text":
        yield "mrkdwn in a header"
    yield from _parts(block)


def _parts(block: Mapping[str, Any]) -> Iterator[str]:
    cells = block.get("fields") or []
    if len(cells) > FIELDS or any(len(cell["text"]) > FIELD for cell in cells):
        yield "too many or too long fields"
    elements = block.get("elements") or []
    allowed = BUTTONS if block.get("type") == "actions" else ELEMENTS
    if len(elements) > allowed:
        yield f"{len(elements)} elements"
    accessory = block.get("accessory")
    buttons = [*elements, *([accessory] if accessory else [])]
    for item in buttons:
        if item.get("type") == "button":
            yield from _button(item)


def _button(item: Mapping[str, Any]) -> Iterator[str]:
    if not 0 < len(item["text"]["text"]) <= BUTTON_TEXT:
        yield "a button's text is empty or too long"
    if len(item.get("value", "")) > BUTTON_VALUE or len(item["action_id"]) > ID:
        yield "a button's value or action_id is too long"


def _texts(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        if part.get("type") in {"mrkdwn", "plain_text"} and isinstance(part.get("text"), str):
            yield part["text"]
            return
        for value in part.values():
            yield from _texts(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from _texts(value)
