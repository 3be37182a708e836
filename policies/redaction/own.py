"""The secrets this process holds, and the forms in which they may leak."""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from policies.redaction.spans import Span
from policies.redaction.trie import any_of
from policies.redaction.views import folded

MIN_SECRET = 6
# From this length on a secret is found in any case of its letters, and across wrapped lines.
ANY_CASE, WRAPPED = 8, 16
# A secret that was cut off by somebody else is found if so much of its beginning is left.
CUT_FROM, CUT_SHARE = 12, 2 / 3
_OPENING = 8
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")


class OwnSecrets:
    """Finds own secrets; all forms are known beforehand, escapes are the views' affair."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._by_opening: dict[str, list[tuple[str, bool]]] = defaultdict(list)
        self._exact: list[str] = []
        known = {secret for secret in secrets if len(secret) >= MIN_SECRET}
        forms = {form: is_base64 for secret in sorted(known) for form, is_base64 in _forms(secret)}
        for form, is_base64 in forms.items():
            if len(form) < ANY_CASE:
                self._exact.append(form)
            else:
                lower = lowered(form)
                self._by_opening[lower[:_OPENING]].append((lower, is_base64))
        for found in self._by_opening.values():
            found.sort(key=lambda item: -len(item[0]))
        openings = any_of(self._by_opening)
        self._openings = re.compile(f"(?=({openings}))") if self._by_opening else None
        # No text whose longest word is shorter can hold any of them.
        self.shortest = min((_longest_word(form) for form in forms), default=1 << 30)

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
            length, is_base64 = self._at(lower, start, hit.group(1), least)
            if length == 0:
                continue
            end = start + length
            yield _whole_run(text, start, end) if is_base64 else Span(start, end, "")

    def _short(self, text: str) -> Iterator[Span]:
        for form in self._exact:
            start = text.find(form)
            while start >= 0:
                yield Span(start, start + len(form), "")
                start = text.find(form, start + len(form))

    def _at(self, lower: str, start: int, opening: str, least: int) -> tuple[int, bool]:
        for form, is_base64 in self._by_opening[opening]:
            if len(form) < least:
                continue
            if lower.startswith(form, start):
                return len(form), is_base64
            enough = max(CUT_FROM, int(len(form) * CUT_SHARE))
            if enough < len(form) and lower.startswith(form[:enough], start):
                return _common(form, lower, start, enough), is_base64
        return 0, False


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
    return min(len(form), max(CUT_FROM, int(len(form) * CUT_SHARE)))


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
