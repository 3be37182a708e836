"""How a text may be read: in plain letters, without its escapes, with its lines joined.

A view remembers where each of its characters stands in the text that is shown, so that what is
found in a view is taken out of the text, and nothing else of the text changes.
"""

import html
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

ROUNDS = 3

# They hide what stands between them; line feed, tab and carriage return are kept.
_INVISIBLE = re.compile(
    "\x1b\\[[0-?]{0,16}[ -/]{0,2}[@-~]|\x1b[ -/]{1,2}[0-~]"
    # Commands to a terminal (ECMA-48: OSC, DCS, SOS, PM, APC), such as for its title or a link.
    "|\x1b[\\]PX^_][^\x07\x1b\x9c\n]{0,200}(?:\x07|\x1b\\\\|\x9c)"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0001-\U000e007f]"
)
_BEYOND_ASCII = re.compile("[^\x00-\x7f]+")
_UNSHOWN = frozenset({"Mn", "Me", "Cf"})
# Runs of backslashes are bounded: an unbounded one would be read anew from each of its places.
_PERCENT, _SLASHES = r"%(?:25){0,3}", r"\\{1,8}+"
_BYTE = rf"(?:{_PERCENT}|{_SLASHES}x)"
_MORE = rf"{_BYTE}[89ABab][0-9A-Fa-f]"
_ESCAPE = re.compile(
    # A letter beyond ASCII as its bytes in UTF-8, or as the halves of UTF-16.
    rf"(?P<bytes>{_BYTE}(?:[CDcd][0-9A-Fa-f]|[Ee][0-9A-Fa-f]{_MORE}|[Ff][0-4]{_MORE}{_MORE}){_MORE})"
    rf"|(?P<halves>{_SLASHES}u[Dd][89ABab][0-9A-Fa-f]{{2}}{_SLASHES}u[Dd][C-Fc-f][0-9A-Fa-f]{{2}})"
    rf"|{_PERCENT}(?:u(?P<legacy>[0-9A-Fa-f]{{4}})|(?P<percent>[0-9A-Fa-f]{{2}}))"
    rf"|{_SLASHES}(?:u(?P<unicode>[0-9A-Fa-f]{{4}}|\{{[0-9A-Fa-f]{{1,6}}\}})"
    r"|U(?P<long>[0-9A-Fa-f]{8})|x(?P<hex>[0-9A-Fa-f]{2})"
    r"|(?P<line>[nrt])|(?P<sign>[^\sA-Za-z0-9\\]))"
    r"|\\(?P<slash>\\)"
    r"|&(?:amp;){0,3}(?P<entity>#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,31});"
)
_DIGITS = re.compile(r"(?:%(?:25){0,3}|[xu])([0-9A-Fa-f]{4}|[0-9A-Fa-f]{2})")
_LINES = {"n": "\n", "r": "\r", "t": "\t"}
_WRAP = re.compile(r"\\?\r?\n[ \t>|]{0,80}")


@dataclass(frozen=True, slots=True)
class View:
    """A text as it may be read; without `starts` and `ends` every character stands in its place."""

    text: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return where a part of the view stands in the text that is shown."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


class _Builder:
    """Puts a view together out of another one."""

    def __init__(self, source: View) -> None:
        self._source = source
        self._parts: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []

    def keep(self, start: int, end: int) -> None:
        """Take a part as it is."""
        source = self._source
        self._parts.append(source.text[start:end])
        if source.starts is None or source.ends is None:
            self._starts.extend(range(start, end))
            self._ends.extend(range(start + 1, end + 1))
        else:
            self._starts.extend(source.starts[start:end])
            self._ends.extend(source.ends[start:end])

    def put(self, text: str, start: int, end: int) -> None:
        """Put a text in the place of a part; without a text the part goes to what is before it."""
        first, last = self._source.origin(start, end)
        if text:
            self._parts.append(text)
            self._starts.extend([first] * len(text))
            self._ends.extend([last] * len(text))
        elif self._ends:
            self._ends[-1] = max(self._ends[-1], last)

    def view(self) -> View:
        return View("".join(self._parts), self._starts, self._ends)


def shown(text: str) -> str:
    """Return the text without invisible characters and terminal colours."""
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub("", text)


def folded(text: str) -> str:
    """Return the text in compatibility form without marks: how a view reads it."""
    return plain(text).text


def plain(text: str) -> View:
    """Return the view of a text in plain letters (NFKD without marks)."""
    return _lettered(View(text))


def _lettered(source: View) -> View:
    text = source.text
    if text.isascii():
        return source
    builder, place = _Builder(source), 0
    for run in _BEYOND_ASCII.finditer(text):
        builder.keep(place, run.start())
        for at, sign in enumerate(run.group(), run.start()):
            builder.put(_letters(sign), at, at + 1)
        place = run.end()
    builder.keep(place, len(text))
    return builder.view()


def _letters(sign: str) -> str:
    found = unicodedata.normalize("NFKD", sign)
    return "".join(one for one in found if unicodedata.category(one) not in _UNSHOWN)


def unescaped(view: View) -> Iterator[View]:
    """Yield the view without URL, JSON and HTML escapes, as often as something is escaped."""
    for _ in range(ROUNDS):
        text = view.text
        if "%" not in text and "\\" not in text and "&" not in text:
            return
        builder, place = _Builder(view), 0
        for found in _ESCAPE.finditer(text):
            builder.keep(place, found.start())
            builder.put(_meaning(found), found.start(), found.end())
            place = found.end()
        if place == 0:
            return
        builder.keep(place, len(text))
        # What was escaped may be invisible, or a letter in another form.
        view = _lettered(_visible(builder.view()))
        yield view


def _visible(view: View) -> View:
    if view.text.isascii() and view.text.isprintable():
        return view
    builder, place = _Builder(view), 0
    for found in _INVISIBLE.finditer(view.text):
        builder.keep(place, found.start())
        builder.put("", found.start(), found.end())
        place = found.end()
    if place == 0:
        return view
    builder.keep(place, len(view.text))
    return builder.view()


def _meaning(found: re.Match[str]) -> str:
    kind = found.lastgroup
    value = found.group(kind or 0)
    if kind in {"bytes", "halves"}:
        raw = bytes.fromhex("".join(_DIGITS.findall(value)))
        return raw.decode("utf-8" if kind == "bytes" else "utf-16-be", "replace")
    if kind in {"percent", "hex", "unicode", "legacy", "long"}:
        code = int(value.strip("{}"), 16)
        return chr(code) if code <= sys.maxunicode else value
    if kind == "line":
        return _LINES[value]
    return html.unescape(f"&{value};") if kind == "entity" else value


def unwrapped(text: str) -> str:
    """Return the text with its lines joined, as wrapped base64 is read."""
    return _WRAP.sub("", text)


def joined(view: View) -> View:
    """Return the view with its lines joined."""
    builder, place = _Builder(view), 0
    for found in _WRAP.finditer(view.text):
        builder.keep(place, found.start())
        place = found.end()
    builder.keep(place, len(view.text))
    return builder.view()
