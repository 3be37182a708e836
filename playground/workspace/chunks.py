"""The chunks that a stream is fed with, as Slack checks them (`invalid_chunks`).

Shapes: docs.slack.dev/messaging/sending-and-scheduling-messages, Text streaming. The limits of a
task's texts are those that other makers' pages name for it (?).
"""

from collections.abc import Callable

from playground.workspace.blocks import SOURCES
from playground.workspace.inspection import Inspection
from playground.workspace.limits import block_problems
from playground.workspace.model import ApiError, Json, invalid

MAX_TEXT = 12_000
MAX_SHORT = 256
TASK_STATUSES = ("pending", "in_progress", "complete", "error")


def checked_chunks(chunks: object) -> list[Json]:
    """Return the chunks, or refuse the first that is not as it should be."""
    if not isinstance(chunks, list):
        raise invalid("invalid_chunks", ["must provide an array [json-pointer:/chunks]"])
    for index, chunk in enumerate(chunks):
        _check(chunk, f"/chunks/{index}")
    return chunks


def _check(chunk: object, pointer: str) -> None:
    if not isinstance(chunk, dict):
        raise invalid("invalid_chunks", [f"must provide an object [json-pointer:{pointer}]"])
    check = CHUNKS.get(str(chunk.get("type")))
    if check is None:
        wrong = f"unsupported type: {chunk.get('type')} [json-pointer:{pointer}/type]"
        raise invalid("invalid_chunks", [wrong])
    check(chunk, pointer)


def _need(chunk: Json, name: str, pointer: str, limit: int) -> None:
    value = chunk.get(name)
    if not isinstance(value, str) or not value:
        wrong = f"missing required field: {name} [json-pointer:{pointer}]"
        raise invalid("invalid_chunks", [wrong])
    if len(value) > limit:
        raise ApiError("msg_too_long")


def _markdown_text(chunk: Json, pointer: str) -> None:
    _need(chunk, "text", pointer, MAX_TEXT)


def _plan_update(chunk: Json, pointer: str) -> None:
    _need(chunk, "title", pointer, MAX_SHORT)


def _task_update(chunk: Json, pointer: str) -> None:
    _need(chunk, "id", pointer, MAX_SHORT)
    _need(chunk, "title", pointer, MAX_SHORT)
    if chunk.get("status") not in TASK_STATUSES:
        wrong = f"must be a valid enum value [json-pointer:{pointer}/status]"
        raise invalid("invalid_chunks", [wrong])
    for name in ("details", "output"):
        if chunk.get(name) is not None:
            _need(chunk, name, pointer, MAX_SHORT)
    if chunk.get("sources") is not None:
        at = Inspection("message")
        SOURCES(at, chunk["sources"], f"{pointer}/sources")
        if at.problems:
            raise invalid("invalid_chunks", at.problems)


def _blocks(chunk: Json, pointer: str) -> None:
    problems = block_problems(chunk.get("blocks"), "message")
    if problems:
        placed = [problem.replace(":/blocks", f":{pointer}/blocks", 1) for problem in problems]
        raise invalid("invalid_blocks", placed)


CHUNKS: dict[str, Callable[[Json, str], None]] = {
    "blocks": _blocks,
    "markdown_text": _markdown_text,
    "plan_update": _plan_update,
    "task_update": _task_update,
}
