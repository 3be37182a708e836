"""What a task saw, as a message: each source on one line, with how old its answer is."""

from pydantic import TypeAdapter

from agents.incident.analyst import percent
from agents.report import age
from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.text import bullets, code, safe
from tools.base import Evidence

MOST_SEEN = 9

_EVIDENCE = TypeAdapter(tuple[Evidence, ...])


def seen(kept: str, *, is_all: bool) -> tuple[str, list[Block]]:
    """Return the fallback text and blocks; not `is_all` while sources are still silent."""
    evidence = _EVIDENCE.validate_json(kept)
    lines = [_evidence_line(item) for item in evidence[:MOST_SEEN]]
    left = len(evidence) - MOST_SEEN
    if left > 0:
        lines.append(f"and {left} more in the report")
    if not lines and not is_all:
        lines = ["nothing yet"]
    elif not lines:
        lines = ["nothing: I know no signals of it. Add it to `signoff.yaml`."]
    title = "What I see" if is_all else "What I see so far; some sources have not answered yet"
    return title, [kit.section(f"*{title}*\n" + bullets(lines))]


def _evidence_line(item: Evidence) -> str:
    label = safe(item.label)
    if item.fault is not None:
        return f"`{item.id}` {label}: no answer ({safe(item.fault, 150)})"
    old = ""
    if item.stale_s is not None:
        because = safe(item.stale_because or "no answer", 100)
        old = f" · *{age(item.stale_s)} old*, no newer answer ({because})"
    if item.tool == "prometheus_query":
        return f"`{item.id}` {label}: {_value(item)}{old}"
    first = item.excerpt.splitlines()[0] if item.excerpt else "nothing"
    shown = code(first, 160) if item.is_untrusted else safe(first, 160)
    return f"`{item.id}` {label}: {shown}{old}"


def _value(item: Evidence) -> str:
    value = item.data.get("value")
    if value is None:
        return "no data"
    if item.label.startswith("errors"):
        return f"*{percent(float(value))}* of requests"
    if item.label.startswith("latency"):
        return f"*{float(value) * 1000:.0f} ms* (95 % are faster)"
    return code(str(value))
