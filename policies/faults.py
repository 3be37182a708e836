"""Says what is wrong in a rule file in its writer's words: the place, and what to write instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from policies.vocabulary import advice
from policies.yamltext import Path


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong in a rule file, with its place."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {_on_one_line(self.message)}"


def _on_one_line(text: str) -> str:
    # What is wrong is quoted: a tab or a new line in it is shown, not done.
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file that was read, with the lines its values begin on."""

    file: str
    document: Any
    lines: Mapping[Path, int]

    def line(self, *path: str | int) -> int:
        """Return the line of a value, or of what it would stand in."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, message: str) -> Problem:
        """Return a problem at a place."""
        return Problem(file=self.file, line=self.line(*path), message=message)


# One fault as pydantic tells it.
Detail = Mapping[str, Any]
# What may be written beside a field that nobody knows, by the field that it stands in.
Fields = Mapping[str, tuple[str, ...]]

_SHAPES: Mapping[str | int, str] = {
    "id": "write small words joined by hyphens, like `change-freeze`",
    "reason": "write capitals joined by underscores, like `CHANGE_FREEZE`",
    "spend_change_a_day": "write the code of a currency, like `EUR`",
}
_TIME = '`{given}` is no time; write it with its zone, like "2026-12-24T10:00:00Z"'
_TYPES = {
    "tuple_type": "write a list, like `[{given}]`",
    "frozen_set_type": "write a list, like `[{given}]`",
    "string_type": "`{given}` is no word; quote it if it is one",
    "bool_type": "`{given}` is neither true nor false",
    "int_type": "`{given}` is no whole number",
    "int_from_float": "`{given}` is no whole number",
    "decimal_type": "`{given}` is no number",
    "decimal_parsing": "`{given}` is no number",
    "finite_number": "`{given}` is no number",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "timezone_aware": _TIME,
    "model_type": "write fields here, like `{{name: value}}`",
    "dict_type": "write fields here, like `{{name: value}}`",
    "missing": "it is missing",
    "too_short": "it is empty; name at least one",
    "greater_than_equal": "`{given}` is too small; write {ge} or more",
    "less_than_equal": "`{given}` is too large; write {le} or less",
    "string_too_long": "it is too long; write at most {max_length} characters",
    "string_too_short": "it is empty; write a word",
}
# Whoever has mended so many mistakes looks again.
MOST_TOLD = 100
_NAME = "write small letters and digits, joined by `-` or `_`, beginning with a letter"
# Parts of a place that stand in no file: the branches of a union, and that a key is meant.
_NOT_WRITTEN = frozenset({"AutoText", "bool", "[key]"})


def problems(
    error: ValidationError, source: Source, fields: Fields, below: Path = ()
) -> list[Problem]:
    """Return what pydantic found, each with its line, its rule, and what to write instead.

    `below` is the place of what it looked at, where that is not the whole file.
    """
    found: dict[str, Problem] = {}
    every = error.errors()
    above = {fault["loc"][:size] for fault in every for size in range(len(fault["loc"]))}
    for fault in every[:MOST_TOLD]:
        if fault["type"] == "too_short" and fault["loc"] in above:
            # Of what is in it, some did not read: it is not empty.
            continue
        path = (*below, *(part for part in fault["loc"] if part not in _NOT_WRITTEN))
        owner = owner_of(source.document, path)
        # Whoever is told the rule's id need not count rules.
        where = ".".join(str(part) for part in (path[2:] if owner else path))
        message = f"{owner}{where}: {_words(fault, path, fields)}".removeprefix(": ")
        # An unknown field stands where it is written, not where it is missing.
        found.setdefault(message, source.problem(path, message))
    return list(found.values())


def owner_of(document: object, path: Path) -> str:
    """Return the id of the rule, or the name of the case, that a place is in, before a colon."""
    match path:
        case ("rules" | "cases" as section, int(place), *_) if isinstance(document, dict):
            item = document[section][place]
            name = item.get("id" if section == "rules" else "name") if hasattr(item, "get") else ""
            return f"{' '.join(name.split())}: " if isinstance(name, str) and name else ""
        case _:
            return ""


def _words(fault: Detail, path: Path, fields: Fields) -> str:
    kind, given = fault["type"], _given(fault["input"])
    last = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        parent = next((str(part) for part in reversed(path[:-1]) if part in fields), "")
        return f"there is no field `{last}` here; {advice(last, fields.get(parent, ()))}"
    if kind == "enum":
        known = str(fault["ctx"]["expected"])
        names = known.replace("'", "").replace(" or ", ", ").split(", ")
        return f"`{given}` is not known here; {advice(given, names)} (there are {', '.join(names)})"
    if kind == "value_error":
        return str(fault["msg"]).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        shape = next((_SHAPES[part] for part in path[-2:] if part in _SHAPES), _NAME)
        return f"`{given}` does not fit; {shape}"
    if kind in _TYPES:
        words = _TYPES[kind]
        return words.format(
            **{**fault.get("ctx", {}), "given": "..." if given in {"", "None"} else given}
        )
    return str(fault["msg"])


def _given(value: object) -> str:
    """Return what stands in the file, on one line."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text[:60].replace("\n", "\\n").replace("\t", "\\t")
