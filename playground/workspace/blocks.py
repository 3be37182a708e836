"""Blocks as Slack documents them: docs.slack.dev/reference/block-kit/blocks/<its type>-block.

Where the fields' table of a page and its example differ, the example was measured to be right by
others: a card's texts are text objects, a plan's title is a string, and a task that waits has its
place in a plan only (?).
"""

from playground.workspace.elements import (
    BUTTON,
    IMAGE,
    IN_ACTIONS,
    IN_INPUTS,
    IN_SECTIONS,
    MAX_URL,
    SLACK_FILE,
    element_of,
    image_source,
)
from playground.workspace.inspection import (
    Check,
    Inspection,
    Shape,
    Surface,
    anything,
    array,
    boolean,
    check_shape,
    enum,
    integer,
    matching,
    nested,
    plain,
    string,
    text,
    typed,
)
from playground.workspace.model import Json
from playground.workspace.richtext import RICH_TEXT
from playground.workspace.tables import DATA_TABLE, DATA_VISUALIZATION, TABLE

MAX_SECTION, MAX_FIELD, MAX_FIELDS = 3000, 2000, 10
MAX_MARKDOWN = 12_000
MAX_TASKS, MAX_CARDS, MAX_CHILDREN = 50, 10, 10
IN_CONTAINERS = (
    *("actions", "context", "divider", "file", "header", "image", "input", "rich_text"),
    *("section", "table", "video"),
)
MESSAGES: tuple[Surface, ...] = ("message",)
RICH = typed({"rich_text": RICH_TEXT})
PICTURE = typed({"image": IMAGE})
NOTE = text(MAX_SECTION)
HTTPS = matching(r"https://\S+")


def _has_text(at: Inspection, block: Json, pointer: str) -> None:
    if block.get("text") is None and not block.get("fields"):
        at.report("missing required field: text", pointer)


def _no_dispatch_of_files(at: Inspection, block: Json, pointer: str) -> None:
    element = block.get("element")
    is_file = isinstance(element, dict) and element.get("type") == "file_input"
    if is_file and block.get("dispatch_action"):
        at.report("unsupported type: file_input", f"{pointer}/element/type")


def _card_has_content(at: Inspection, card: Json, pointer: str) -> None:
    if all(card.get(name) is None for name in ("actions", "body", "hero_image", "title")):
        at.report("missing required field: title", pointer)
    if card.get("icon") is not None and card.get("slack_icon") is not None:
        at.report("invalid additional property: slack_icon", pointer)


def _container_fits(at: Inspection, block: Json, pointer: str) -> None:
    if block.get("title") is None and block.get("rich_text_title") is None:
        at.report("missing required field: title", pointer)
    if block.get("is_collapsible") and block.get("has_header_divider"):
        at.report("invalid additional property: has_header_divider", pointer)


def _unique_tasks(at: Inspection, block: Json, pointer: str) -> None:
    tasks = block.get("tasks")
    seen: set[str] = set()
    for index, task in enumerate(tasks if isinstance(tasks, list) else []):
        task_id = str(task.get("task_id")) if isinstance(task, dict) else ""
        if task_id in seen:
            at.report(f'`task_id` "{task_id}" already exists', f"{pointer}/tasks/{index}/task_id")
        seen.add(task_id)


def _context_element(at: Inspection, value: object, pointer: str) -> None:
    is_image = isinstance(value, dict) and value.get("type") == "image"
    (PICTURE if is_image else NOTE)(at, value, pointer)


SOURCE = typed({"url": Shape(required={"url": string(), "text": string()})})
SOURCES = array(SOURCE, least=0)
TASK: dict[str, Check] = {
    "block_id": anything,
    "details": RICH,
    "hide_title": boolean,
    "icon": anything,
    "output": RICH,
    "sources": SOURCES,
}
PLANNED = nested(
    Shape(
        required={
            "task_id": string(),
            "title": string(),
            "status": enum("pending", "in_progress", "complete", "error"),
        },
        optional=TASK,
    )
)
CARD = Shape(
    optional={
        "actions": array(typed({"button": BUTTON}, is_element=True), 3),
        "block_id": anything,
        "body": text(200),
        "hero_image": PICTURE,
        "icon": PICTURE,
        "slack_icon": typed({"icon": Shape(required={"name": string()})}),
        "subtext": text(200),
        "subtitle": text(150),
        "title": text(150),
    },
    also=_card_has_content,
)


def inspect_block(at: Inspection, value: object, pointer: str) -> None:
    """Check one block of a message or a view."""
    _inspect(at, value, pointer, BLOCKS)


def _inspect(at: Inspection, value: object, pointer: str, known: dict[str, Shape]) -> None:
    if not isinstance(value, dict):
        at.report("must provide an object", pointer)
        return
    kind = value.get("type")
    shape = known.get(kind) if isinstance(kind, str) else None
    if shape is None or at.surface not in shape.surfaces:
        at.report(f"unsupported type: {kind}", f"{pointer}/type")
        return
    at.enter_block(value, pointer)
    rest = {key: item for key, item in value.items() if key != "block_id"}
    check_shape(at, rest, shape, pointer)


def _child(at: Inspection, value: object, pointer: str) -> None:
    _inspect(at, value, pointer, {kind: BLOCKS[kind] for kind in IN_CONTAINERS})


def _cards(at: Inspection, value: object, pointer: str) -> None:
    _inspect(at, value, pointer, {"card": CARD})


BLOCKS: dict[str, Shape] = {
    "actions": Shape(required={"elements": array(element_of(*IN_ACTIONS), 25)}),
    "alert": Shape(
        required={"text": text(200)},
        optional={"level": enum("default", "info", "warning", "error", "success")},
        surfaces=("modal",),
    ),
    "card": CARD,
    "carousel": Shape(
        required={"elements": array(_cards, MAX_CARDS)}, surfaces=("message", "home")
    ),
    "container": Shape(
        required={"child_blocks": array(_child, MAX_CHILDREN)},
        optional={
            "default_collapsed": boolean,
            "has_header_divider": boolean,
            "icon": PICTURE,
            "is_collapsible": boolean,
            "rich_text_title": RICH,
            "subtitle": text(150),
            "title": plain(150),
            "width": enum("narrow", "standard", "wide", "full"),
        },
        also=_container_fits,
        surfaces=MESSAGES,  # some versions of the page name home tabs too (?)
    ),
    "context": Shape(required={"elements": array(_context_element, 10)}),
    "context_actions": Shape(
        required={"elements": array(element_of("feedback_buttons", "icon_button"), 5)},
        surfaces=MESSAGES,
    ),
    "data_table": DATA_TABLE,
    "data_visualization": DATA_VISUALIZATION,
    "divider": Shape(),
    "file": Shape(required={"external_id": string(), "source": enum("remote")}, surfaces=MESSAGES),
    "header": Shape(required={"text": plain(150)}, optional={"level": integer(1, 4)}),
    "image": Shape(
        required={"alt_text": string(MAX_FIELD)},
        optional={
            "image_url": string(MAX_URL),
            "slack_file": SLACK_FILE,
            "title": plain(MAX_FIELD),
        },
        also=image_source,
    ),
    "input": Shape(
        required={"label": plain(MAX_FIELD), "element": element_of(*IN_INPUTS)},
        optional={"dispatch_action": boolean, "hint": plain(MAX_FIELD), "optional": boolean},
        also=_no_dispatch_of_files,
    ),
    "markdown": Shape(required={"text": string(MAX_MARKDOWN)}, surfaces=MESSAGES),
    "plan": Shape(
        required={"title": string(), "tasks": array(PLANNED, MAX_TASKS)},
        optional={"status": enum("pending", "in_progress", "complete", "error")},
        also=_unique_tasks,
        surfaces=MESSAGES,
    ),
    "rich_text": RICH_TEXT,
    "section": Shape(
        optional={
            "accessory": element_of(*IN_SECTIONS),
            "expand": boolean,
            "fields": array(text(MAX_FIELD), MAX_FIELDS),
            "text": text(MAX_SECTION),
        },
        also=_has_text,
    ),
    "table": TABLE,
    "task_card": Shape(
        required={
            "task_id": string(),
            "title": string(),
            "status": enum("in_progress", "complete", "error"),
        },
        optional=TASK,
        surfaces=MESSAGES,
    ),
    "video": Shape(
        required={
            "alt_text": string(),
            "thumbnail_url": string(),
            "title": plain(199),
            "video_url": HTTPS,
        },
        optional={
            "author_name": string(49),
            "description": plain(199),
            "provider_icon_url": string(),
            "provider_name": string(),
            "title_url": HTTPS,
        },
    ),
}
