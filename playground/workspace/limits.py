"""Block Kit's rules as Slack enforces them: what is too long, too many, unknown or misplaced.

What each block and element may be is in `blocks` and `elements`; here is what holds for a whole
message, modal or home tab (docs.slack.dev/reference/block-kit/blocks and reference/views).
"""

from playground.workspace.blocks import MAX_MARKDOWN, inspect_block
from playground.workspace.inspection import (
    MAX_ID,
    Inspection,
    Shape,
    Surface,
    anything,
    array,
    boolean,
    check_shape,
    plain,
    string,
)
from playground.workspace.model import Json

MAX_BLOCKS: dict[Surface, int] = {"message": 50, "modal": 100, "home": 100}
MAX_TOGETHER = 12_000  # undocumented: slackapi/bolt-js#2509
# What may stand in a message only so often: one plan and one table (?), two charts.
MOST = {"data_visualization": 2, "plan": 1, "table": 1}
COUNTED_APART = ("data_table", "table")  # the text of their cells has a limit of its own
MAX_PRIVATE = 3000
SHARED = {
    "blocks": anything,
    "callback_id": string(MAX_ID, least=0),
    "external_id": string(MAX_ID, least=0),
    "private_metadata": string(MAX_PRIVATE, least=0),
}
HOME = Shape(optional=SHARED)
MODAL = Shape(
    required={"title": plain(24)},
    optional={
        **SHARED,
        "clear_on_close": boolean,
        "close": plain(24),
        "notify_on_close": boolean,
        "submit": plain(24),
        "submit_disabled": boolean,
    },
)


def _inspect_blocks(at: Inspection, blocks: object, pointer: str) -> None:
    array(inspect_block, MAX_BLOCKS[at.surface], least=0)(at, blocks, pointer)
    found = blocks if isinstance(blocks, list) else []
    kinds = [block.get("type") for block in found if isinstance(block, dict)]
    for kind, most in MOST.items():
        if kinds.count(kind) > most:
            at.report(f"no more than {most} {kind} allowed", pointer)
    markdown = [block for block in found if isinstance(block, dict) and _is_markdown(block)]
    if len(markdown) > 1 and characters(markdown) > MAX_MARKDOWN:
        at.report(f"must be less than {MAX_MARKDOWN + 1} characters", pointer)


def _is_markdown(block: Json) -> bool:
    return block.get("type") == "markdown"


def block_problems(blocks: object, surface: Surface) -> list[str]:
    """Return what Slack would refuse in `blocks` on `surface`; an empty list is accepted."""
    at = Inspection(surface)
    _inspect_blocks(at, blocks, "/blocks")
    return at.problems


def view_problems(view: Json) -> list[str]:
    """Return what Slack would refuse in a modal or a home tab, its blocks included."""
    surface: Surface = "home" if view.get("type") == "home" else "modal"
    at = Inspection(surface)
    if view.get("type") not in ("modal", "home"):
        at.report(f"unsupported type: {view.get('type')}", "/view/type")
    check_shape(at, view, HOME if surface == "home" else MODAL, "/view")
    _inspect_blocks(at, view.get("blocks"), "/view/blocks")
    if surface == "modal" and not view.get("submit") and _has_input(view.get("blocks")):
        at.report("must define `submit` to use an `input` block in modals", "/view")
    return at.problems


def _has_input(blocks: object) -> bool:
    found = blocks if isinstance(blocks, list) else []
    return any(isinstance(block, dict) and block.get("type") == "input" for block in found)


def characters(node: object) -> int:
    """Return how many characters of text lie anywhere under `node`, but in tables."""
    if isinstance(node, list):
        return sum(characters(item) for item in node)
    if not isinstance(node, dict) or node.get("type") in COUNTED_APART:
        return 0
    own = len(node["text"]) if isinstance(node.get("text"), str) else 0
    return own + sum(characters(value) for value in node.values())
