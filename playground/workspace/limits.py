"""Block Kit's rules as Slack enforces them: what is too long, too many, unknown or misplaced.

The numbers are those of docs.slack.dev (reference/block-kit and reference/views); the wording of
the problems is what the Web API answers in `response_metadata.messages`.
"""

from collections.abc import Callable, Iterator
from typing import Literal

from playground.workspace.model import Json

Surface = Literal["message", "modal", "home"]

MAX_BLOCKS: dict[Surface, int] = {"message": 50, "modal": 100, "home": 100}
MAX_TOGETHER = 12_000  # undocumented: slackapi/bolt-js#2509
MAX_ID = 255
MAX_SECTION = 3000
MAX_FIELDS = 10
MAX_OPTIONS = 100
MAX_ROWS = 100
MAX_COLUMNS = 20
ONCE = ("plan", "table")
SURFACES: dict[str, tuple[Surface, ...]] = {
    "alert": ("modal",),
    "container": ("message",),
    "context_actions": ("message",),
    "data_visualization": ("message",),
    "file": ("message",),
    "markdown": ("message",),
    "plan": ("message",),
    "table": ("message", "modal"),
    "task_card": ("message",),
}
BLOCK_KEYS: dict[str, frozenset[str]] = {
    "actions": frozenset({"elements"}),
    "context": frozenset({"elements"}),
    "divider": frozenset(),
    "header": frozenset({"text", "level"}),
    "image": frozenset({"alt_text", "image_url", "slack_file", "title"}),
    "input": frozenset({"dispatch_action", "element", "hint", "label", "optional"}),
    "markdown": frozenset({"text"}),
    "rich_text": frozenset({"elements"}),
    "section": frozenset({"accessory", "expand", "fields", "text"}),
}
OTHER_BLOCKS = frozenset(
    {"alert", "card", "carousel", "container", "context_actions", "data_table"}
    | {"data_visualization", "file", "plan", "table", "task_card", "video"}
)
OPTION_LIMITS = {"overflow": 5, "radio_buttons": 10, "checkboxes": 10}
FIELD_LENGTHS = {
    "button": {"value": 2000, "url": 3000, "accessibility_label": 75},
    "image": {"alt_text": 2000, "image_url": 3000},
}


class Inspection:
    """Walks one list of blocks and collects what Slack would refuse."""

    def __init__(self, surface: Surface) -> None:
        self.problems: list[str] = []
        self._surface = surface
        self._action_ids: set[str] = set()
        self._block_ids: set[str] = set()

    def report(self, problem: str, pointer: str) -> None:
        """Keep one problem with the JSON pointer to its place."""
        self.problems.append(f"{problem} [json-pointer:{pointer}]")

    def blocks(self, blocks: object, pointer: str = "/blocks") -> None:
        """Check a whole list of blocks."""
        if not isinstance(blocks, list):
            self.report("must provide an array", pointer)
            return
        if len(blocks) > MAX_BLOCKS[self._surface]:
            self.report(f"no more than {MAX_BLOCKS[self._surface]} items allowed", pointer)
        for index, block in enumerate(blocks):
            if isinstance(block, dict):
                self._block(block, f"{pointer}/{index}")
            else:
                self.report("must provide an object", f"{pointer}/{index}")
        kinds = [block.get("type") for block in blocks if isinstance(block, dict)]
        for kind in ONCE:
            if kinds.count(kind) > 1:
                self.report(f"only one {kind} allowed", pointer)

    def _block(self, block: Json, pointer: str) -> None:
        kind = block.get("type")
        if not isinstance(kind, str) or kind not in BLOCK_KEYS.keys() | OTHER_BLOCKS:
            self.report(f"unsupported type: {kind}", f"{pointer}/type")
            return
        if self._surface not in SURFACES.get(kind, (self._surface,)):
            self.report(f"unsupported type: {kind}", f"{pointer}/type")
        self._unique("block_id", block.get("block_id"), self._block_ids, pointer)
        if kind in BLOCK_KEYS:
            for key in sorted(block.keys() - BLOCK_KEYS[kind] - {"type", "block_id"}):
                self.report(f"invalid additional property: {key}", pointer)
        check = BLOCKS.get(kind)
        if check is not None:
            check(self, block, pointer)

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

    def text(self, node: object, pointer: str, limit: int, *, plain: bool = False) -> None:
        """Check a text object: its kind, that it is not empty, and its length."""
        if not isinstance(node, dict):
            self.report("must provide an object", pointer)
            return
        kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
        if node.get("type") not in kinds:
            self.report(f"unsupported type: {node.get('type')}", f"{pointer}/type")
        self.string(node.get("text"), f"{pointer}/text", limit)

    def string(self, value: object, pointer: str, limit: int) -> None:
        """Check a required string of 1 to `limit` characters."""
        if not isinstance(value, str):
            self.report("must provide a string", pointer)
        elif not value:
            self.report("must be more than 0 characters", pointer)
        elif len(value) > limit:
            self.report(f"must be less than {limit + 1} characters", pointer)

    def items(self, value: object, pointer: str, limit: int) -> Iterator[tuple[Json, str]]:
        """Check a required list of 1 to `limit` objects and yield each with its pointer."""
        if not isinstance(value, list) or not value:
            self.report("no fewer than 1 items allowed", pointer)
            return
        if len(value) > limit:
            self.report(f"no more than {limit} items allowed", pointer)
        for index, item in enumerate(value):
            if isinstance(item, dict):
                yield item, f"{pointer}/{index}"
            else:
                self.report("must provide an object", f"{pointer}/{index}")

    def element(self, element: object, pointer: str) -> None:
        """Check an interactive element or an image."""
        if not isinstance(element, dict):
            self.report("must provide an object", pointer)
            return
        kind = str(element.get("type"))
        self._unique("action_id", element.get("action_id"), self._action_ids, pointer)
        for name, limit in FIELD_LENGTHS.get(kind, {}).items():
            if name in element:
                self.string(element[name], f"{pointer}/{name}", limit)
        if kind == "button":
            self._button(element, pointer)
        if "options" in element:
            self._options(element, kind, pointer)
        if "placeholder" in element:
            self.text(element["placeholder"], f"{pointer}/placeholder", 150, plain=True)
        if "confirm" in element:
            self._confirm(element["confirm"], f"{pointer}/confirm")

    def _button(self, element: Json, pointer: str) -> None:
        self.text(element.get("text"), f"{pointer}/text", 75, plain=True)
        if element.get("style") not in (None, "primary", "danger"):
            self.report("must be a valid enum value", f"{pointer}/style")

    def _options(self, element: Json, kind: str, pointer: str) -> None:
        limit = OPTION_LIMITS.get(kind, MAX_OPTIONS)
        plain = kind not in ("radio_buttons", "checkboxes")
        for option, place in self.items(element["options"], f"{pointer}/options", limit):
            self.text(option.get("text"), f"{place}/text", 75, plain=plain)
            self.string(option.get("value"), f"{place}/value", 150)

    def _confirm(self, confirm: object, pointer: str) -> None:
        if not isinstance(confirm, dict):
            self.report("must provide an object", pointer)
            return
        limits = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
        for name, limit in limits.items():
            if name in confirm:
                self.text(confirm[name], f"{pointer}/{name}", limit, plain=name != "text")


def _section(at: Inspection, block: Json, pointer: str) -> None:
    if "text" not in block and not block.get("fields"):
        at.report("missing required field: text", pointer)
    if "text" in block:
        at.text(block["text"], f"{pointer}/text", MAX_SECTION)
    if "fields" in block:
        for node, place in at.items(block["fields"], f"{pointer}/fields", MAX_FIELDS):
            at.text(node, place, 2000)
    if "accessory" in block:
        at.element(block["accessory"], f"{pointer}/accessory")


def _header(at: Inspection, block: Json, pointer: str) -> None:
    at.text(block.get("text"), f"{pointer}/text", 150, plain=True)


def _actions(at: Inspection, block: Json, pointer: str) -> None:
    for element, place in at.items(block.get("elements"), f"{pointer}/elements", 25):
        at.element(element, place)


def _context(at: Inspection, block: Json, pointer: str) -> None:
    for element, place in at.items(block.get("elements"), f"{pointer}/elements", 10):
        if element.get("type") == "image":
            at.element(element, place)
        else:
            at.text(element, place, MAX_SECTION)


def _image(at: Inspection, block: Json, pointer: str) -> None:
    at.string(block.get("alt_text"), f"{pointer}/alt_text", 2000)
    if "slack_file" not in block:
        at.string(block.get("image_url"), f"{pointer}/image_url", 3000)
    if "title" in block:
        at.text(block["title"], f"{pointer}/title", 2000, plain=True)


def _input(at: Inspection, block: Json, pointer: str) -> None:
    at.text(block.get("label"), f"{pointer}/label", 2000, plain=True)
    if "hint" in block:
        at.text(block["hint"], f"{pointer}/hint", 2000, plain=True)
    at.element(block.get("element"), f"{pointer}/element")


def _markdown(at: Inspection, block: Json, pointer: str) -> None:
    at.string(block.get("text"), f"{pointer}/text", MAX_TOGETHER)


def _rich_text(at: Inspection, block: Json, pointer: str) -> None:
    if not isinstance(block.get("elements"), list):
        at.report("must provide an array", f"{pointer}/elements")


def _context_actions(at: Inspection, block: Json, pointer: str) -> None:
    for element, place in at.items(block.get("elements"), f"{pointer}/elements", 5):
        at.element(element, place)


def _table(at: Inspection, block: Json, pointer: str) -> None:
    rows = block.get("rows")
    if not isinstance(rows, list) or not rows:
        at.report("no fewer than 1 items allowed", f"{pointer}/rows")
        return
    if len(rows) > MAX_ROWS:
        at.report(f"no more than {MAX_ROWS} items allowed", f"{pointer}/rows")
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) > MAX_COLUMNS:
            at.report(f"no more than {MAX_COLUMNS} items allowed", f"{pointer}/rows/{index}")


BLOCKS: dict[str, Callable[[Inspection, Json, str], None]] = {
    "actions": _actions,
    "context": _context,
    "context_actions": _context_actions,
    "header": _header,
    "image": _image,
    "input": _input,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "section": _section,
    "table": _table,
}


def block_problems(blocks: object, surface: Surface) -> list[str]:
    """Return what Slack would refuse in `blocks` on `surface`; an empty list is accepted."""
    inspection = Inspection(surface)
    inspection.blocks(blocks)
    return inspection.problems


def view_problems(view: Json) -> list[str]:
    """Return what Slack would refuse in a modal or a home tab, its blocks included."""
    surface: Surface = "home" if view.get("type") == "home" else "modal"
    at = Inspection(surface)
    if view.get("type") not in ("modal", "home"):
        at.report(f"unsupported type: {view.get('type')}", "/view/type")
    if surface == "modal":
        at.text(view.get("title"), "/view/title", 24, plain=True)
    for name in ("submit", "close"):
        if view.get(name) is not None:
            at.text(view[name], f"/view/{name}", 24, plain=True)
    for name, limit in (("private_metadata", 3000), ("callback_id", MAX_ID)):
        if len(str(view.get(name) or "")) > limit:
            at.report(f"must be less than {limit + 1} characters", f"/view/{name}")
    at.blocks(view.get("blocks"), "/view/blocks")
    if surface == "modal" and not view.get("submit") and _has_input(view.get("blocks")):
        at.report("must define `submit` to use an `input` block in modals", "/view")
    return at.problems


def _has_input(blocks: object) -> bool:
    found = blocks if isinstance(blocks, list) else []
    return any(isinstance(block, dict) and block.get("type") == "input" for block in found)


def characters(node: object) -> int:
    """Return how many characters of text lie anywhere under `node`."""
    if isinstance(node, list):
        return sum(characters(item) for item in node)
    if not isinstance(node, dict):
        return 0
    own = len(node["text"]) if isinstance(node.get("text"), str) else 0
    return own + sum(characters(value) for value in node.values())
