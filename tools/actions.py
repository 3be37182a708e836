"""What an action must be like before people see it: as decided, whole, and without secrets."""

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace

from policies.invisible import BLANK, HIDDEN
from policies.model import Action, Inverse, Precondition
from policies.redaction import Redactor
from tools.base import Parameters, Plan, Refused, State
from tools.catalogue import Catalogue
from tools.ports import Draft

# What a card's line changes: a backtick ends the value there, and runs of blanks become one.
_CHANGED = re.compile(r"`|[^\S ]|\s\s|^\s|\s$")
# Characters of a value, as Slack counts them, that stand on a card uncut: see bot/slack/cards.py.
MOST_SHOWN, MOST_OF_PLACE = 2500, 200


def pinned(inverse: Inverse | None, catalogue: Catalogue) -> Inverse | None:
    """Return the way back with the version of its tool, which its parameters are meant for."""
    # One that is not configured can't be pinned: to undo by it is refused as long as it is gone.
    if inverse is None or inverse.tool not in catalogue:
        return inverse
    version = catalogue.writing(inverse.tool).version
    return inverse.model_copy(update={"tool_version": version})


def require_sayable(action: Action, redactor: Redactor) -> None:
    """Refuse an action that holds what is taken out of texts: without it, it would be another."""
    for name, value in _words(action):
        found = redactor.secrets_in(value)
        if found:
            raise Refused(
                f"`{name}` holds a secret ({found[0]}); actions are shown and recorded, so name"
                " where the secret is kept instead"
            )
        personal = redactor.personal_in(value)
        if personal:
            raise Refused(
                f"`{name}` holds personal data ({personal[0]}), which cards and the record do not"
                " show, so nobody could sign it off as it is: write it without, or let it be shown"
                " (`redact` in signoff.yaml)"
            )


def require_visible(action: Action) -> None:
    """Refuse values that a card can't show as they are: who signs would see another value."""
    places = {"target": action.target, "environment": action.environment}
    for name, value in (*places.items(), *action.parameters.items()):
        text, most = str(value), MOST_OF_PLACE if name in places else MOST_SHOWN
        if any(unicodedata.category(sign) in HIDDEN for sign in text) or not BLANK.isdisjoint(text):
            raise Refused(
                f"`{name}` holds a character that nobody can see, such as a control or one that"
                " turns text around: write it without"
            )
        if _CHANGED.search(text):
            raise Refused(
                f"`{name}` holds a backtick, or blanks other than single plain ones between words,"
                " which a card shows differently: write it without"
            )
        if len(html.escape(text, quote=False)) > most:
            raise Refused(
                f"`{name}` is longer than a card shows ({most} characters; `&`, `<` and `>` count"
                " several): shorten it"
            )


def require_same_place(arguments: Parameters, draft: Draft) -> None:
    """Refuse an action elsewhere than it is decided for: it would be judged by another's rules."""
    place = getattr(arguments, "environment", draft.environment)
    if place != draft.environment:
        raise Refused(
            f"`environment` is `{place}`, and what is decided is an action in"
            f" `{draft.environment}`: name the same one"
        )


def require_left(expected: Mapping[str, str], observed: State) -> None:
    """Raise Refused where the state is not the one that it is to start from."""
    for name, value in expected.items():
        found = observed.get(name, "gone")
        if found != value:
            raise Refused(f"`{name}` is `{found}` now, and was left as `{value}`")


def starting_from(expected: Mapping[str, str], plan: Plan) -> Plan:
    """Return the plan with what else must be so before it starts."""
    asked = {item.field for item in plan.preconditions}
    left = (
        Precondition(field=name, value=value)
        for name, value in expected.items()
        if name not in asked
    )
    return replace(plan, preconditions=(*plan.preconditions, *left))


def _words(action: Action) -> Iterator[tuple[str, str]]:
    yield "target", action.target
    yield "environment", action.environment
    yield from ((item.field, item.value) for item in action.preconditions)
    parameters = [action.parameters]
    if action.inverse is not None:
        parameters.append(action.inverse.parameters)
    if action.expected_effect is not None:
        parameters.append(action.expected_effect.parameters)
    for group in parameters:
        yield from ((name, f"{name}={value}") for name, value in group.items())
