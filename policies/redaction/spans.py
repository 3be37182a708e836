"""The parts of a text that are to be taken out, and the text without them."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Span(NamedTuple):
    """A part of a text and what it is; own secrets have no name."""

    start: int
    end: int
    name: str


@dataclass(frozen=True)
class Marks:
    """The words that stand where something was taken out: a closed set, so they carry nothing."""

    pattern: re.Pattern[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Marks":
        """Return the marks for these names."""
        known = "|".join(sorted(map(re.escape, set(names)), key=lambda name: (-len(name), name)))
        return cls(re.compile(rf"\[redacted(?: (?:{known}))?\]"))

    def spared(self, text: str, spans: list[Span]) -> list[Span]:
        """Return the spans without those that begin inside a mark: what is taken out stays out."""
        if not spans or "[redacted" not in text:
            return spans
        marks = [found.span() for found in self.pattern.finditer(text)]
        starts = [start for start, _ in marks]
        ends = [0, *(end for _, end in marks)]
        return [span for span in spans if span.start >= ends[bisect_right(starts, span.start)]]


def mark(name: str) -> str:
    """Return what stands where something of this name was."""
    return f"[redacted {name}]" if name else "[redacted]"


def without(text: str, spans: Iterable[Span]) -> str:
    """Return the text with a mark in place of each part; parts that overlap get one mark."""
    parts: list[str] = []
    place = 0
    for start, end, name in _merged(spans):
        parts += (text[place:start], mark(name))
        place = end
    return "".join(parts) + text[place:]


def _merged(spans: Iterable[Span]) -> Iterable[Span]:
    """Return the spans in order; of several on one place an own secret's name (none) wins.

    Else the first that was found wins: the known kinds come before the long tokens.
    """
    ranked = sorted(enumerate(spans), key=lambda item: (item[1].start, item[0]))
    current: Span | None = None
    rank = 0
    for found_rank, span in ranked:
        if current is None or span.start >= current.end:
            if current is not None:
                yield current
            current, rank = span, found_rank
            continue
        is_better = not span.name or (bool(current.name) and found_rank < rank)
        name = span.name if is_better else current.name
        rank = min(rank, found_rank)
        current = Span(current.start, max(current.end, span.end), name)
    if current is not None:
        yield current
