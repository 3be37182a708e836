"""Arguments and states that a tool accepts, found by asking it: nobody lists them by hand."""

import ast
import inspect
import sys
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from tools.base import AnyTool, AnyWriteTool, Parameters, Plan, Refused

TEXTS = ("2026-11-20", "EUR", "https://shop.example/x", "50.00", "50.00 EUR", "0.25", "1")


class NotAskedYet(Exception):  # noqa: N818 - says which key the tool looked at
    """The tool looked at a key of the state that has no value yet."""


class Trial(dict[str, str]):
    """A state that tells which key is missing."""

    def __missing__(self, key: str) -> str:
        raise NotAskedYet(key)


def arguments(tool: AnyTool) -> Parameters:
    """Return arguments that the tool's model accepts: each text is the field's name, if it may."""
    fields = tool.params.model_json_schema().get("properties", {})
    given = {
        name: _candidates(name, found) for name, found in fields.items() if "default" not in found
    }
    place = dict.fromkeys(given, 0)
    while True:
        try:
            chosen = {name: given[name][place[name]] for name in given}
            made: Parameters = tool.params.model_validate(chosen)
        except ValidationError as error:
            for fault in error.errors():
                name = str(fault["loc"][0])
                place[name] += 1
                assert place[name] < len(given[name]), f"{tool.name}: no sample for `{name}`"
        else:
            return made


def _candidates(name: str, field: dict[str, Any]) -> list[str | int | bool]:
    if field.get("type") == "integer":
        return [int(field.get("minimum", 1))]
    if field.get("type") == "boolean":
        return [True]
    return [*field.get("enum", []), name, *TEXTS]


def plan(tool: AnyWriteTool, params: Parameters | None = None) -> tuple[Plan, dict[str, str]]:
    """Return a plan and the state it starts from, trying the words that the tool's code knows."""
    params = params or arguments(tool)
    words = [*params.plain().values(), *_words(tool), *TEXTS]
    known = list(dict.fromkeys(str(word) for word in words))
    found = next(_plans(tool, params, known, Trial()), None)
    assert found is not None, f"{tool.name}: no state was found from which it plans"
    return found


def _plans(
    tool: AnyWriteTool, params: Parameters, words: list[str], observed: Trial
) -> Iterator[tuple[Plan, dict[str, str]]]:
    try:
        yield tool.plan(params, observed), dict(observed)
    except NotAskedYet as missing:
        key = str(missing)
    except (Refused, ValueError, ArithmeticError):
        return
    else:
        return
    for word in words:
        yield from _plans(tool, params, words, Trial({**observed, key: word}))


def _words(tool: AnyWriteTool) -> list[str]:
    tree = ast.parse(inspect.getsource(sys.modules[type(tool).__module__]))
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return sorted({word for word in constants if isinstance(word, str) and word.isalpha()})
