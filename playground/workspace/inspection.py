"""How blocks are walked: checks for one value each, and the problems that they collect.

The wording of a problem is what the Web API answers in `response_metadata.messages`; the wording
for numbers and for what holds between two fields is ours (?).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from playground.workspace.model import Json

Surface = Literal["message", "modal", "home"]
MAX_ID = 255


class Inspection:
    """Collects what Slack would refuse on one surface; `cells` counts the text in its tables."""

    def __init__(self, surface: Surface) -> None:
        self.surface: Surface = surface
        self.problems: list[str] = []
        self.cells = 0
        self._block_ids: set[str] = set()
        self._action_ids: set[str] = set()
        self._has_focus = False

    def report(self, problem: str, pointer: str) -> None:
        """Keep one problem with the JSON pointer to its place."""
        self.problems.append(f"{problem} [json-pointer:{pointer}]")

    def enter_block(self, block: Json, pointer: str) -> None:
        """Check a block's id; ids of actions have to differ within one block only."""
        self._action_ids = set()
        self._unique("block_id", block.get("block_id"), self._block_ids, pointer)

    def action_id(self, element: Json, pointer: str) -> None:
        """Check the id of an element."""
        self._unique("action_id", element.get("action_id"), self._action_ids, pointer)

    def focus(self, pointer: str) -> None:
        """Check that no other element asks for the focus."""
        if self._has_focus:
            self.report("must be true for one element only", f"{pointer}/focus_on_load")
        self._has_focus = True

    def _unique(self, name: str, value: object, seen: set[str], pointer: str) -> None:
        if value is None:
            return
        if not isinstance(value, str):
            self.report("must provide a string", f"{pointer}/{name}")
        elif len(value) > MAX_ID:
            self.report(f"must be less than {MAX_ID + 1} characters", f"{pointer}/{name}")
        elif value in seen:
            self.report(f'`{name}` "{value}" already exists', f"{pointer}/{name}")
        else:
            seen.add(value)


Check = Callable[[Inspection, object, str], None]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The keys that an object must and may have, and what holds beyond single keys."""

    required: Mapping[str, Check] = field(default_factory=dict)
    optional: Mapping[str, Check] = field(default_factory=dict)
    also: Callable[[Inspection, Json, str], None] | None = None
    surfaces: tuple[Surface, ...] = ("message", "modal", "home")


def check_shape(at: Inspection, value: Json, shape: Shape, pointer: str) -> None:
    """Check an object's keys; a key that is null counts as absent."""
    known = shape.required.keys() | shape.optional.keys() | {"type"}
    for key in sorted(value.keys() - known):
        at.report(f"invalid additional property: {key}", pointer)
    for key in shape.required:
        if value.get(key) is None:
            at.report(f"missing required field: {key}", pointer)
    for key, check in {**shape.required, **shape.optional}.items():
        if value.get(key) is not None:
            check(at, value[key], f"{pointer}/{key}")
    if shape.also is not None:
        shape.also(at, value, pointer)


def nested(shape: Shape) -> Check:
    """Return the check of an object that has no `type` to tell it by."""

    def check(at: Inspection, value: object, pointer: str) -> None:
        if isinstance(value, dict):
            check_shape(at, value, shape, pointer)
        else:
            at.report("must provide an object", pointer)

    return check


def typed(shapes: Mapping[str, Shape], *, is_element: bool = False) -> Check:
    """Return the check of an object whose `type` must be one of `shapes`."""

    def check(at: Inspection, value: object, pointer: str) -> None:
        if not isinstance(value, dict):
            at.report("must provide an object", pointer)
            return
        kind = value.get("type")
        shape = shapes.get(kind) if isinstance(kind, str) else None
        if shape is None or at.surface not in shape.surfaces:
            at.report(f"unsupported type: {kind}", f"{pointer}/type")
            return
        if is_element:
            at.action_id(value, pointer)
            if value.get("focus_on_load") is True:
                at.focus(pointer)
        check_shape(at, value, shape, pointer)

    return check


def string(most: int | None = None, *, least: int = 1) -> Check:
    """Return the check of a string of `least` to `most` characters."""

    def check(at: Inspection, value: object, pointer: str) -> None:
        if not isinstance(value, str):
            at.report("must provide a string", pointer)
        elif len(value) < least:
            at.report(f"must be more than {least - 1} characters", pointer)
        elif most is not None and len(value) > most:
            at.report(f"must be less than {most + 1} characters", pointer)

    return check


def matching(pattern: str) -> Check:
    """Return the check of a string that must have a form, such as a date's."""

    def check(at: Inspection, value: object, pointer: str) -> None:
        if not isinstance(value, str):
            at.report("must provide a string", pointer)
        elif re.fullmatch(pattern, value) is None:
            at.report(f"must match the pattern {pattern}", pointer)

    return check


def date(at: Inspection, value: object, pointer: str) -> None:
    """Check a day that there is, written YYYY-MM-DD."""
    try:
        is_day = datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        is_day = ""
    if is_day != value:
        at.report("must be a date as YYYY-MM-DD", pointer)


def text(most: int, *, is_plain: bool = False) -> Check:
    """Return the check of a text object of 1 to `most` characters."""
    words = {"text": string(most)}
    shapes = {"plain_text": Shape(required=words, optional={"emoji": boolean})}
    if not is_plain:
        shapes["mrkdwn"] = Shape(required=words, optional={"verbatim": boolean})
    return typed(shapes)


def plain(most: int) -> Check:
    """Return the check of a plain_text object."""
    return text(most, is_plain=True)


def boolean(at: Inspection, value: object, pointer: str) -> None:
    """Check a boolean."""
    if not isinstance(value, bool):
        at.report("must provide a boolean", pointer)


def number(at: Inspection, value: object, pointer: str) -> None:
    """Check a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        at.report("must provide a number", pointer)


def integer(least: int, most: int | None = None) -> Check:
    """Return the check of a whole number within bounds."""

    def check(at: Inspection, value: object, pointer: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            at.report("must provide an integer", pointer)
        elif value < least:
            at.report(f"must be more than {least - 1}", pointer)
        elif most is not None and value > most:
            at.report(f"must be less than {most + 1}", pointer)

    return check


def enum(*values: str) -> Check:
    """Return the check of a string that must be one of `values`."""

    def check(at: Inspection, value: object, pointer: str) -> None:
        if value not in values:
            at.report("must be a valid enum value", pointer)

    return check


def array(item: Check, most: int | None = None, *, least: int = 1) -> Check:
    """Return the check of a list of `least` to `most` items."""

    def check(at: Inspection, value: object, pointer: str) -> None:
        if not isinstance(value, list):
            at.report("must provide an array", pointer)
            return
        if len(value) < least:
            at.report(f"no fewer than {least} items allowed", pointer)
        if most is not None and len(value) > most:
            at.report(f"no more than {most} items allowed", pointer)
        for index, one in enumerate(value):
            item(at, one, f"{pointer}/{index}")

    return check


def anything(_at: Inspection, _value: object, _pointer: str) -> None:
    """Take any value: Slack's page does not say what it must be."""
