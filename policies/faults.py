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
        return f"{self.file}:{self.line}: {self.message}"


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

_SHAPES = {
    "id": "write small words joined by hyphens, like `change-freeze`",
    "reason": "write capitals joined by underscores, like `CHANGE_FREEZE`",
}
_TYPES = {
    "tuple_type": "write a list, like `[{given}]`",
    "string_type": "`{given}` is no word; quote it if it is one",
    "bool_type": "`{given}` is neither true nor false",
    "int_type": "`{given}` is no whole number",
    "int_from_float": "`{given}` is no whole number",
    "decimal_type": "`{given}` is no number",
    "decimal_parsing": "`{given}` is no number",
    "model_type": "write fields here, like `{{name: value}}`",
    "dict_type": "write fields here, like `{{name: value}}`",
    "missing": "it is missing",
    "too_short": "it is empty; name at least one",
}


def problems(error: ValidationError, source: Source, fields: Fields) -> list[Problem]:
    """Return what pydantic found, each with its line, its rule, and what to write instead."""
    found: dict[str, Problem] = {}
    every = error.errors()
    for fault in every:
        if fault["type"] == "too_short" and any(_is_below(other, fault) for other in every):
            # Of what is in it, some did not read: it is not empty.
            continue
        # The names of the branches of a union are no part of the file.
        path = tuple(part for part in fault["loc"] if part not in {"AutoText", "bool"})
        owner = owner_of(source.document, path)
        # Whoever is told the rule's id need not count rules.
        where = ".".join(str(part) for part in (path[2:] if owner else path))
        message = f"{owner}{where}: {_words(fault, path, fields)}".removeprefix(": ")
        # An unknown field stands where it is written, not where it is missing.
        found.setdefault(message, source.problem(path, message))
    return list(found.values())


def _is_below(one: Detail, other: Detail) -> bool:
    size = len(other["loc"])
    return len(one["loc"]) > size and one["loc"][:size] == other["loc"]


def owner_of(document: object, path: Path) -> str:
    """Return the id of the rule, or the name of the case, that a place is in, before a colon."""
    match path:
        case ("rules" | "cases" as section, int(place), *_) if isinstance(document, dict):
            item = document[section][place]
            name = item.get("id" if section == "rules" else "name") if hasattr(item, "get") else ""
            return f"{name}: " if isinstance(name, str) and name else ""
        case _:
            return ""


def _words(fault: Detail, path: Path, fields: Fields) -> str:
    kind, given = fault["type"], str(fault["input"])[:60]
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
    if kind == "string_pattern_mismatch" and last in _SHAPES:
        return f"`{given}` does not fit; {_SHAPES[last]}"
    if kind in _TYPES:
        return _TYPES[kind].format(given="..." if given in {"", "None"} else given)
    return str(fault["msg"])
