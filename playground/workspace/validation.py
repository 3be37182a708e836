"""The Web API method blocks.validate: docs.slack.dev/reference/methods/blocks.validate."""

from playground.workspace.bodies import parsed
from playground.workspace.context import Context
from playground.workspace.limits import block_problems, view_problems
from playground.workspace.model import ApiError, Json, invalid

GIVEN = ("blocks", "message", "view")


def validate(_context: Context, args: Json) -> Json:
    """Serve blocks.validate: exactly one of blocks, a message or a view."""
    given = [name for name in GIVEN if args.get(name) not in (None, "")]
    if len(given) != 1:
        only = "provide exactly one of `blocks`, `view` or `message`"
        raise invalid("invalid_arguments", [only])
    name = given[0]
    problems = _problems(name, _decoded(args[name]))
    if problems:
        raise invalid(f"invalid_{name}", problems)
    return {}


def _decoded(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parsed(value)
    except ValueError:
        raise ApiError("invalid_json") from None


def _problems(name: str, value: object) -> list[str]:
    if name == "blocks":
        return block_problems(value, "message")
    if not isinstance(value, dict):
        return [f"must provide an object [json-pointer:/{name}]"]
    return (
        view_problems(value) if name == "view" else block_problems(value.get("blocks"), "message")
    )
