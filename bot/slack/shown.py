"""The last look at what is sent to Slack: no text that people see holds a secret."""

from collections.abc import Mapping
from typing import Any

from policies.redaction import Redactor

SHOWN = frozenset({"text", "blocks", "view", "attachments"})
# What people read or click on. The other strings are Slack's ids and our own, which must arrive.
WORDS = frozenset(
    {"text", "url", "title", "alt_text", "image_url", "description", "fallback", "initial_value"}
)


class Digests(str):
    """A text of our own ids and digests, which may look drawn by chance."""

    __slots__ = ()


def clean(redactor: Redactor, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call of Slack's with every text that is shown redacted."""
    return {
        name: _clean(redactor, value, name) if name in SHOWN else value
        for name, value in arguments.items()
    }


def _clean(redactor: Redactor, value: Any, name: str) -> Any:  # noqa: ANN401 - blocks are JSON
    if isinstance(value, Digests):
        return redactor.typed(value)
    if isinstance(value, str):
        return redactor.text(value) if name in WORDS else value
    if isinstance(value, Mapping):
        return {key: _clean(redactor, item, key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(redactor, item, name) for item in value]
    return value
