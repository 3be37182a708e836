"""What a rule of Slack's is, and how one is written: what it says, where, and what tries it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from playground.workspace.model import Json

DOCS = "https://docs.slack.dev/reference"
BLOCKS, ELEMENTS = f"{DOCS}/block-kit/blocks", f"{DOCS}/block-kit/block-elements"
OBJECTS, VIEWS, METHODS = (
    f"{DOCS}/block-kit/composition-objects",
    f"{DOCS}/views",
    f"{DOCS}/methods",
)
MEASURED = "measured by others, on no page (?)"
VALIDATE = "blocks.validate"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the Web API; `{channel}` and `{ts}` in it stand for a place of the test's own."""

    method: str
    args: Json

    @property
    def code(self) -> str:
        """What blocks.validate answers where it refuses this call."""
        return "invalid_view" if "view" in self.args else "invalid_blocks"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call with the code it is refused with (None: taken), and the place that is named."""

    name: str
    call: Call
    code: str | None = None
    place: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: what it says, its source, and cases on either side of it."""

    name: str
    says: str
    source: str
    cases: Sequence[Case]

    def __post_init__(self) -> None:
        if not any(case.code for case in self.cases):
            raise ValueError(f"{self.name}: nothing is refused by it")


Build = Callable[[int], Call]


def limit(
    name: str, says: str, source: str, build: Build, sizes: tuple[int, int], place: str
) -> Rule:
    """Return a rule of a size: both ends are taken, one beyond either is refused.

    The lower end is 0 where Slack knows none.
    """
    least, most = sizes
    cases = [
        Case(name=f"{most}", call=build(most)),
        Case(name=f"{most + 1}", call=build(most + 1), code=build(1).code, place=place),
    ]
    if least:
        cases.append(Case(name=f"{least}", call=build(least)))
        below = Case(name=f"{least - 1}", call=build(least - 1), code=build(1).code, place=place)
        cases.append(below)
    return Rule(name=name, says=says, source=source, cases=cases)


def choice(
    name: str, says: str, source: str, taken: dict[str, Call], refused: dict[str, tuple[Call, str]]
) -> Rule:
    """Return a rule that is no size: calls that are taken, and calls with the place they offend."""
    cases = [Case(name=each, call=call) for each, call in taken.items()]
    cases += [
        Case(name=each, call=call, code=call.code, place=place)
        for each, (call, place) in refused.items()
    ]
    return Rule(name=name, says=says, source=source, cases=cases)


# --- payloads ---------------------------------------------------------------------------------


def message(*blocks: Json) -> Call:
    return Call(method=VALIDATE, args={"blocks": list(blocks)})


def modal(*blocks: Json, **extra: object) -> Call:
    view = {"type": "modal", "title": plain("Title"), "submit": plain("Send"), **extra}
    return Call(method=VALIDATE, args={"view": {**view, "blocks": list(blocks)}})


def home(*blocks: Json) -> Call:
    return Call(method=VALIDATE, args={"view": {"type": "home", "blocks": list(blocks)}})


def plain(words: str) -> Json:
    return {"type": "plain_text", "text": words}


def mrkdwn(words: str) -> Json:
    return {"type": "mrkdwn", "text": words}


def section(words: str = "x", **extra: object) -> Json:
    return {"type": "section", "text": mrkdwn(words), **extra}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def button(name: str = "a", **extra: object) -> Json:
    return {"type": "button", "action_id": name, "text": plain("Press"), **extra}


def option(value: str = "1", **extra: object) -> Json:
    return {"text": plain("One"), "value": value, **extra}


def options(count: int) -> list[Json]:
    return [option(str(number)) for number in range(count)]


def asking(element: Json, **extra: object) -> Json:
    return {"type": "input", "label": plain("Label"), "element": element, **extra}


def rich(*parts: Json) -> Json:
    return {"type": "rich_text", "elements": list(parts)}


def rich_section(*leaves: Json) -> Json:
    return {"type": "rich_text_section", "elements": list(leaves)}


def words(count: int) -> str:
    return "x" * count


DIVIDER: Json = {"type": "divider"}
PICTURE: Json = {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "A"}
