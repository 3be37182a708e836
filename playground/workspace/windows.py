"""The part of a channel that a page asks for: the last messages, those around one, or a few."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playground.workspace.model import Message

MOST, MOST_NAMED = 200, 100
BROADCAST = "thread_broadcast"


@dataclass(frozen=True, kw_only=True)
class Window:
    """Some messages in order, and whether there are more on either side."""

    messages: Sequence[Message]
    has_before: bool = False
    has_after: bool = False


def top_level(messages: Sequence[Message]) -> list[Message]:
    """Return what stands in the channel itself: everything but replies that were not sent there."""
    return [m for m in messages if m.thread_ts in (None, m.ts) or m.subtype == BROADCAST]


def in_thread(messages: Sequence[Message], root_ts: str) -> list[Message]:
    """Return a parent and its replies."""
    return [m for m in messages if root_ts in (m.ts, m.thread_ts)]


def window(messages: Sequence[Message], query: Mapping[str, str]) -> Window:
    """Return the messages that `before`, `after` or `around` name, else the last; at most `limit`.

    A page first asks for the last ones and gets the rest as it is scrolled.
    """
    stamps = [message.ts for message in messages]
    limit = _limit(query)
    start, end = max(0, len(stamps) - limit), len(stamps)
    if query.get("before"):
        end = bisect_left(stamps, query["before"])
        start = max(0, end - limit)
    elif query.get("after"):
        start = bisect_right(stamps, query["after"])
        end = min(len(stamps), start + limit)
    elif query.get("around"):
        at = bisect_left(stamps, query["around"])
        end = min(len(stamps), at + limit // 2 + 1)
        start = max(0, end - limit)
    return Window(messages=messages[start:end], has_before=start > 0, has_after=end < len(messages))


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "")
    return min(MOST, max(1, int(text))) if text.isascii() and text.isdecimal() else MOST
