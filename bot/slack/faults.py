"""What is wrong with a tool's parameters, in the words of the form they were filled into."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

MOST = 150
EMPTY = "Please fill this in"
WORDS = {
    "missing": EMPTY,
    "string_too_short": "At least {min_length} characters; these are {length}",
    "string_too_long": "At most {max_length} characters; these are {length}",
    "greater_than_equal": "At least {ge}",
    "less_than_equal": "At most {le}",
    "greater_than": "More than {gt}",
    "less_than": "Less than {lt}",
    "int_type": "Please write a whole number",
    "int_parsing": "Please write a whole number",
    "bool_type": "Please write true or false",
}
OTHER = "This is not what is expected here; compare it with what stood there before"


def in_words(error: ValidationError) -> dict[str, str]:
    """Return the first fault of each parameter; whole-model faults stand under an empty name."""
    found: dict[str, str] = {}
    for fault in error.errors():
        name = str(fault["loc"][0]) if fault["loc"] else ""
        # A form shows plain text: no code marks.
        found.setdefault(name, _words(fault).replace("`", "")[:MOST])
    return found


def _words(fault: Mapping[str, Any]) -> str:
    given, bounds = fault["input"], dict(fault.get("ctx", {}))
    if isinstance(given, str) and not given.strip():
        return EMPTY
    if fault["type"] == "value_error":
        # Our own check's sentence; what the library sets before it is nothing for people.
        return str(bounds["error"])
    length = len(given) if isinstance(given, str) else 0
    return WORDS.get(fault["type"], OTHER).format(**{**bounds, "length": length})
