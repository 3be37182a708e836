"""Known kinds of secrets: each is asked for only where one of its words stands in the text.

A pattern must take time that is linear in the text: nothing unbounded may begin at every place
(a bound, a possessive quantifier, or a look behind that allows one beginning for each run).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from policies.redaction.spans import Span
from policies.redaction.trie import any_of


def always(found: str) -> bool:
    """Take whatever the pattern finds."""
    del found
    return True


@dataclass(frozen=True)
class Kind:
    """A kind of secret.

    One of `words` stands, in small letters, in every text that holds one (without any it is asked
    for wherever a word is long enough); `source` says where its form is described. Of a pattern
    with groups only the last one that matched is taken out, and only if `is_one` says so. With
    `any_case` the pattern reads the text in small letters (an ignored case would cost twentyfold).
    """

    name: str
    words: tuple[str, ...]
    pattern: str
    source: str
    is_one: Callable[[str], bool] = always
    any_case: bool = False


class Kinds:
    """Finds secrets of known kinds."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.known = tuple(kinds)
        # Compiled when first asked for: all of them take a thirtieth of a start, and most texts
        # need none.
        self._patterns: dict[int, re.Pattern[str]] = {}
        self.names = tuple(dict.fromkeys(kind.name for kind in self.known))
        words = sorted({word for kind in self.known for word in kind.words})
        self._words = re.compile(f"(?=({any_of(words)}))")
        self._by_word: dict[str, list[int]] = defaultdict(list)
        for place, kind in enumerate(self.known):
            for word in words:
                # The longest word at a place is reported: it stands for those it begins with.
                if word.startswith(kind.words):
                    self._by_word[word].append(place)
        self._wordless = frozenset(place for place, kind in enumerate(self.known) if not kind.words)

    def spans(self, text: str, lower: str, *, with_wordless: bool) -> Iterator[Span]:
        """Yield where secrets stand; `lower` is the text in small letters."""
        words = set(self._words.findall(lower))
        if not words and not with_wordless:
            return
        wordless = self._wordless if with_wordless else frozenset[int]()
        for place in sorted(wordless.union(*(self._by_word[word] for word in words))):
            kind = self.known[place]
            for found in self.pattern(place).finditer(lower if kind.any_case else text):
                start, end = found.span(found.lastindex or 0)
                if kind.is_one(text[start:end]):
                    yield Span(start, end, kind.name)

    def pattern(self, place: int) -> re.Pattern[str]:
        """Return what finds the kind at this place of `known`."""
        found = self._patterns.get(place)
        if found is None:
            found = self._patterns[place] = re.compile(self.known[place].pattern)
        return found
