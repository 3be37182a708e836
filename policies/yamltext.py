"""Strict YAML: duplicate keys, anchors and look-alike booleans are errors, and lines are kept."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import yaml

Path = tuple[str | int, ...]
Plain = str | int | bool | Decimal | None | list["Plain"] | dict[str, "Plain"]

# YAML 1.1 also knows 010 as eight, 1_000 and 1:30: whoever writes them may mean something else.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?")
_LOOK_ALIKES = frozenset({"yes", "no", "on", "off", "y", "n"})


class YamlError(ValueError):
    """The text can't be read; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Refuses what would make one text mean another."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call] # PyYAML has no types
        is_named = isinstance(event, yaml.AliasEvent) or event.anchor is not None
        if is_named or event.tag is not None:
            line = event.start_mark.line + 1
            raise YamlError(line, "anchors, aliases and tags are not allowed here")
        return super().compose_node(parent, index)


def read(text: str) -> tuple[Plain, Mapping[Path, int]]:
    """Return the document as plain values, with the line on which each value begins.

    Raises:
        YamlError: the text is not YAML, or uses what this reader refuses.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        lines: dict[Path, int] = {}
        return (None if node is None else _plain(node, (), lines)), lines
    except RecursionError as error:
        raise YamlError(1, "not YAML: nested too deeply") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(line, f"not YAML: {error.reason}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise YamlError(line, f"not YAML: {error.problem or error.context}") from error


def _plain(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Plain:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _mapping(node.value, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, place), lines) for place, item in enumerate(node.value)]
    return _scalar(node)


def _mapping(
    pairs: Sequence[tuple[yaml.Node, yaml.Node]], path: Path, lines: dict[Path, int]
) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    for key_node, value_node in pairs:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
            raise YamlError(line, f"the key `{key_node.value}` must be a word; quote it")
        key = str(key_node.value)
        if key in found:
            raise YamlError(line, f"the key `{key}` stands here twice; keep one")
        found[key] = _plain(value_node, (*path, key), lines)
        lines[(*path, key)] = line
    return found


def _scalar(node: yaml.Node) -> Plain:
    text, kind = str(node.value), node.tag.rsplit(":", 1)[-1]
    line = node.start_mark.line + 1
    if kind == "null":
        return None
    if kind == "bool":
        if text in {"true", "false"}:
            return text == "true"
        raise YamlError(line, f"`{text}` would be read as a boolean; write true, false or quote it")
    if kind in {"int", "float"}:
        return _number(text, line)
    if kind != "str":
        raise YamlError(line, f"`{text}` would be read as a {kind}; quote it")
    if text.lower() in _LOOK_ALIKES and getattr(node, "style", None) is None:
        raise YamlError(line, f"`{text}` may be read as a boolean; write true, false or quote it")
    return text


def _number(text: str, line: int) -> int | Decimal:
    if not _NUMBER.fullmatch(text):
        raise YamlError(line, f"`{text}` is not a plain decimal number")
    return Decimal(text) if "." in text else int(text)
