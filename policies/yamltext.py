"""Strict YAML: duplicate keys, anchors and look-alike booleans are errors, and lines are kept."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import yaml

from policies.invisible import BLANK, HIDDEN

Path = tuple[str | int, ...]
Plain = str | int | bool | Decimal | None | list["Plain"] | dict[str, "Plain"]

# YAML 1.1 also knows 010 as eight, 1_000 and 1:30: whoever writes them may mean something else.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?")
_LOOK_ALIKES = frozenset({"yes", "no", "on", "off", "y", "n"})
# Nor does a rule file hold signs that Unicode gives to nobody, and a selector of plain text.
_UNWANTED = HIDDEN | {"Cn"}
_UNDRAWN = BLANK | {"\ufe0e"}
# A rule is nested 6 levels deep.
MOST_NESTED = 32


class YamlError(ValueError):
    """The text can't be read; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Refuses what would make one text mean another."""

    line: int
    nested = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call] # PyYAML has no types
        is_named = isinstance(event, yaml.AliasEvent) or event.anchor is not None
        line = event.start_mark.line + 1
        if is_named or event.tag is not None:
            raise YamlError(line, "anchors, aliases and tags are not allowed here")
        self.nested += 1
        if self.nested > MOST_NESTED:
            raise YamlError(line, f"nested too deeply: {MOST_NESTED} levels are the most")
        found = super().compose_node(parent, index)
        self.nested -= 1
        return found


def read(text: str) -> tuple[Plain, Mapping[Path, int]]:
    """Return the document as plain values, with the line on which each value begins.

    Raises:
        YamlError: the text is not YAML, or uses what this reader refuses.
    """
    node = _composed(text)
    lines: dict[Path, int] = {}
    return (None if node is None else _plain(node, (), lines)), lines


def _composed(text: str) -> yaml.Node | None:
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(line, f"not YAML: {error.reason}") from error
    except yaml.MarkedYAMLError as error:
        raise YamlError(_line(error), f"not YAML: {error.problem or error.context}") from error
    except YamlError:
        raise
    except (ValueError, OverflowError) as error:
        # Python's own words are about its numbers.
        line = 1 if loader is None else loader.line + 1
        words = "an escape here names a character that there is not, or a number is too large"
        raise YamlError(line, f"not YAML: {words}") from error
    finally:
        if loader is not None:
            loader.dispose()


def _line(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    if error.context == "while scanning a simple key":
        # It is the key that lacks its colon, not what follows.
        mark = error.context_mark
    return 1 if mark is None else mark.line + 1


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
        if not isinstance(key_node, yaml.ScalarNode):
            raise YamlError(line, "a list or a mapping can't be a key; write a word")
        key = _visible(str(key_node.value), line, "")
        if key_node.tag != "tag:yaml.org,2002:str":
            raise YamlError(line, f"the key `{key}` must be a word; quote it")
        if key in found:
            raise YamlError(line, f"the key `{key}` stands here twice; keep one")
        found[key] = _plain(value_node, (*path, key), lines)
        lines[(*path, key)] = line
    return found


def _scalar(node: yaml.Node) -> Plain:
    line = node.start_mark.line + 1
    text, kind = _visible(str(node.value), line), node.tag.rsplit(":", 1)[-1]
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
        raise YamlError(line, f"`{text[:60]}` is not a plain decimal number")
    if "." not in text:
        return int(text)
    # It goes on as a float, which has to be the same number.
    if Decimal(repr(float(text))) != Decimal(text):
        raise YamlError(line, f"`{text}` has too many digits; write at most 15")
    return Decimal(text)


def _visible(text: str, line: int, kept: str = "\n\t") -> str:
    if text.isascii() and text.isprintable():
        return text
    for sign in text:
        is_hidden = unicodedata.category(sign) in _UNWANTED or sign in _UNDRAWN
        if is_hidden and sign not in kept:
            words = f"an invisible character (U+{ord(sign):04X}) stands here; take it out"
            raise YamlError(line, words)
    return text
