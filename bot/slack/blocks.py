"""Small builders of Block Kit; they know shapes, not meanings."""

from collections.abc import Sequence
from typing import Any

from bot.slack.text import plain, shorten

Block = dict[str, Any]
SECTION, FIELD, FIELDS, ELEMENTS = 3000, 2000, 10, 10
# The text of a question that is asked before a button counts.
QUESTION = 300
# Together with a heading below the 12 000 characters of a message.
ROWS, CELLS, CELL, TABLE_TEXT = 100, 20, 200, 9000


def mrkdwn(text: str, limit: int) -> Block:
    """Return marked-up text in which Slack makes no links or mentions by itself."""
    return {"type": "mrkdwn", "text": shorten(text, limit), "verbatim": True}


def header(text: str) -> Block:
    """Return a header; Slack takes plain text only."""
    return {"type": "header", "text": {"type": "plain_text", "text": plain(text), "emoji": False}}


def section(text: str, *, accessory: Block | None = None) -> Block:
    """Return a section of mrkdwn."""
    block: Block = {"type": "section", "text": mrkdwn(text, SECTION)}
    if accessory is not None:
        block["accessory"] = accessory
    return block


def fields(texts: Sequence[str]) -> Block:
    """Return a section of two columns."""
    return {
        "type": "section",
        "fields": [mrkdwn(text, FIELD) for text in texts[:FIELDS]],
    }


def context(texts: Sequence[str]) -> Block:
    """Return small print."""
    return {
        "type": "context",
        "elements": [mrkdwn(text, SECTION) for text in texts[:ELEMENTS]],
    }


def table(rows: Sequence[Sequence[str]]) -> Block:
    """Return a table, its heading first (docs.slack.dev: 100 rows of 20 cells, one a message)."""
    return {
        "type": "table",
        "rows": [
            [{"type": "raw_text", "text": plain(cell, CELL) or "-"} for cell in row[:CELLS]]
            for row in rows[:ROWS]
        ],
    }


def divider() -> Block:
    """Return a line across."""
    return {"type": "divider"}


def button(text: str, action_id: str, value: str, *, style: str | None = None) -> Block:
    """Return a button; `value` is an opaque id."""
    block: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": plain(text, 75), "emoji": False},
        "action_id": action_id,
        "value": value,
    }
    if style is not None:
        block["style"] = style
    return block


def confirm(title: str, text: str, yes: str) -> Block:
    """Return a question that is asked before a button counts."""
    return {
        "title": {"type": "plain_text", "text": plain(title, 100)},
        "text": {"type": "plain_text", "text": plain(text, QUESTION)},
        "confirm": {"type": "plain_text", "text": plain(yes, 30)},
        "deny": {"type": "plain_text", "text": "Cancel"},
    }


def actions(block_id: str, buttons: Sequence[Block]) -> Block:
    """Return a row of buttons."""
    return {"type": "actions", "block_id": block_id, "elements": list(buttons)}


def text_input(
    block_id: str,
    label: str,
    *,
    initial: str = "",
    placeholder: str = "",
    is_long: bool = False,
    longest: int = 500,
) -> Block:
    """Return a text field of a modal; its `action_id` follows from its block."""
    element: Block = {
        "type": "plain_text_input",
        "action_id": f"{block_id}.value",
        "multiline": is_long,
        "max_length": longest,
    }
    if initial:
        element["initial_value"] = initial
    if placeholder:
        element["placeholder"] = {"type": "plain_text", "text": plain(placeholder)}
    return _input(block_id, label, element)


def optional(field: Block) -> Block:
    """Return a field that may be left empty."""
    return {**field, "optional": True}


def choice(block_id: str, label: str, options: dict[str, str]) -> Block:
    """Return a menu of a modal; the first option is chosen."""
    shown = [
        {"text": {"type": "plain_text", "text": plain(words, 75)}, "value": value}
        for value, words in options.items()
    ]
    element = {
        "type": "static_select",
        "action_id": f"{block_id}.value",
        "options": shown,
        "initial_option": shown[0],
    }
    return _input(block_id, label, element)


def day(block_id: str, label: str, initial: str) -> Block:
    """Return a date field of a modal."""
    element = {"type": "datepicker", "action_id": f"{block_id}.value", "initial_date": initial}
    return _input(block_id, label, element)


def modal(callback_id: str, title: str, submit: str, blocks: list[Block], data: str = "") -> Block:
    """Return a modal; `data` is an opaque id."""
    return {
        "type": "modal",
        "callback_id": callback_id,
        "title": {"type": "plain_text", "text": plain(title, 24)},
        "submit": {"type": "plain_text", "text": plain(submit, 24)},
        "close": {"type": "plain_text", "text": "Cancel"},
        "private_metadata": data,
        "blocks": blocks,
    }


def _input(block_id: str, label: str, element: Block) -> Block:
    return {
        "type": "input",
        "block_id": block_id,
        "label": {"type": "plain_text", "text": plain(label)},
        "element": element,
    }
