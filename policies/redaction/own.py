"""The secrets this process holds, and the forms in which they may leak."""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from policies.redaction.spans import Span
from policies.redaction.trie import any_of
from policies.redaction.views import folded

MIN_SECRET = 6
# From this length on a secret is found in any case of its letters, and across wrapped lines.
ANY_CASE, WRAPPED = 8, 16
# A secret that was cut off by somebody else is found if so much of its beginning or end is left.
CUT_FROM, CUT_SHARE = 12, 2 / 3
_OPENING = 8
# Bytes in hex that are written apart, as `70:2f`, `70 2f` or `0x70, 0x2f`.
_BYTE = r"(?:0x|\\x)?[0-9a-f]{2}(?![0-9a-z])"
_BYTES = re.compile(rf"(?<![0-9a-z]){_BYTE}(?:(?:[:,;._-]\s?|\s{{1,2}}){_BYTE}){{5,}}+")
_APART = re.compile(r"0x|\\x|[^0-9a-f]")
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")


class _Form(NamedTuple):
    """A form in small letters; `head` is what comes before one that is looked for by its end."""

    text: str
    head: str
    is_base64: bool


class OwnSecrets:
    """Finds own secrets; all forms are known beforehand, escapes are the views' affair."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._by_opening: dict[str, list[_Form]] = defaultdict(list)
        self._exact: list[str] = []
        known = {secret for secret in secrets if len(secret) >= MIN_SECRET}
        forms = {form: is_base64 for secret in sorted(known) for form, is_base64 in _forms(secret)}
        for form, is_base64 in forms.items():
            if len(form) < ANY_CASE:
                self._exact += dict.fromkeys((form, form.upper(), form.lower()))
                continue
            lower = lowered(form)
            enough = _enough(lower)
            self._by_opening[lower[:_OPENING]].append(_Form(lower, "", is_base64))
            if enough < len(lower):
                head, tail = lower[:-enough], lower[-enough:]
                self._by_opening[tail[:_OPENING]].append(_Form(tail, head, is_base64))
        for found in self._by_opening.values():
            found.sort(key=lambda item: -len(item.text))
        openings = any_of(self._by_opening)
        self._openings = re.compile(f"(?=({openings}))") if self._by_opening else None
        # No text whose longest word is shorter can hold any of them.
        self.shortest = min((_longest_word(form) for form in forms), default=1 << 30)
        self.has_numbers = any(secret.isdecimal() for secret in known)

    def may_be_in(self, text: str) -> bool:
        """Say whether the beginning of an own secret stands in a text."""
        return self._openings is not None and self._openings.search(lowered(text)) is not None

    def spans(self, text: str, lower: str, *, least: int = MIN_SECRET) -> Iterator[Span]:
        """Yield where own secrets stand; `lower` is the text by `lowered`."""
        if least <= MIN_SECRET:
            yield from self._short(text)
        if self._openings is None:
            return
        end = 0
        for hit in self._openings.finditer(lower):
            start = hit.start()
            if start < end:
                continue
            length, form = self._at(lower, start, hit.group(1), least)
            if form is None:
                continue
            # Of the end of a secret as much of what stands before it goes as is left of it.
            start, end = start - _common_end(form.head, lower, start), start + length
            yield _whole_run(text, start, end) if form.is_base64 else Span(start, end, "")

    def in_bytes(self, lower: str) -> Iterator[Span]:
        """Yield runs of bytes in hex, written apart, that hold an own secret."""
        if self._openings is None:
            return
        for run in _BYTES.finditer(lower):
            digits = _APART.sub("", run.group())
            if next(self.spans(digits, digits), None) is not None:
                yield Span(*run.span(), "")

    def _short(self, text: str) -> Iterator[Span]:
        for form in self._exact:
            start = text.find(form)
            while start >= 0:
                yield Span(start, start + len(form), "")
                start = text.find(form, start + len(form))

    def _at(self, lower: str, start: int, opening: str, least: int) -> tuple[int, _Form | None]:
        for form in self._by_opening[opening]:
            if len(form.head) + len(form.text) < least:
                continue
            if lower.startswith(form.text, start):
                return len(form.text), form
            enough = len(form.text) if form.head else _enough(form.text)
            if enough < len(form.text) and lower.startswith(form.text[:enough], start):
                return _common(form.text, lower, start, enough), form
        return 0, None


def lowered(text: str) -> str:
    """Return the text in small letters, each in its place (some grow when they are made small)."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(sign if len(sign.lower()) > 1 else sign.lower() for sign in text)


def _common(form: str, text: str, start: int, length: int) -> int:
    most = min(len(form), len(text) - start)
    while length < most and form[length] == text[start + length]:
        length += 1
    return length


def _common_end(head: str, text: str, end: int) -> int:
    """Return how much of the end of `head` stands right before a place."""
    length = 0
    while length < min(len(head), end) and head[-1 - length] == text[end - 1 - length]:
        length += 1
    return length


def _enough(form: str) -> int:
    return max(CUT_FROM, int(len(form) * CUT_SHARE))


def _whole_run(text: str, start: int, end: int) -> Span:
    """Return the whole base64 text around a secret: what is left of it would be of no use."""
    while start > 0 and text[start - 1] in _BASE64:
        start -= 1
    while end < len(text) and text[end] in _BASE64:
        end += 1
    return Span(start, end, "")


def _longest_word(form: str) -> int:
    """Return how long the longest word of what may be left of a form is."""
    words = form.split()
    if len(words) > 1:
        return max(map(len, words))
    return min(len(form), _enough(form))


def _forms(secret: str) -> Iterator[tuple[str, bool]]:
    raw = secret.encode(errors="surrogatepass")
    units = secret.encode("utf-16-le", errors="surrogatepass")
    plain = {
        secret,
        folded(secret),
        secret.replace(" ", "+"),
        # As escapes of single bytes (URL) and of halves (JSON) are read.
        raw.decode("latin-1"),
        "".join(chr(low | high << 8) for low, high in zip(units[::2], units[1::2], strict=True)),
        *(["".join(secret.split())] if "\n" in secret else []),
    }
    for form in plain:
        yield form, False
        yield form[::-1], False
    yield raw.hex(), False
    written = json.dumps(secret)[1:-1].encode()
    for data in {raw, units, quote(secret, safe="", errors="surrogatepass").encode(), written}:
        for form in _inside_base64(data):
            yield form, True


def _inside_base64(data: bytes) -> Iterator[str]:
    """Yield what stands in any longer base64 text that holds the data, at each alignment."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        # A character that also carries bits of what is beside the data can be any.
        first = (0, 2, 3)[before]
        last = len(encoded) if (before + len(data)) % 3 == 0 else len(encoded) - 1
        stable = encoded[first:last]
        if len(stable) >= MIN_SECRET:
            yield stable
            yield stable.replace("+", "-").replace("/", "_")
