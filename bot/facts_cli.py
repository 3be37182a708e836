"""Facts as somebody writes them on the command line: each is known by name, or refused."""

import argparse
import json
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from bot.names import AGENTS, tools
from bot.settings import SettingsError
from policies.analysis import Subject
from policies.calendars import holding
from policies.cases import ORDINARY
from policies.conditions import FLAGS, NUMBERS
from policies.engine import RuleSet
from policies.facts import ActionKind, Facts, Tier, said
from policies.faults import Detail
from policies.money import CURRENCIES
from policies.rulefile import currency_words, domain
from policies.space import ANY
from policies.vocabulary import advice

UNKNOWN, NONE = "unknown", "none"
NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
# How `policy diff` names one that no rule speaks of.
ANOTHER = "another-"
SETS = ("calendars", "requester_groups")
# Always known, and any word: alerts that name no environment are in one that is called `unknown`.
WORDS = ("environment", "target")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare an option for each fact."""
    facts = parser.add_argument_group(
        "facts",
        f"what is not given is an ordinary case; `{UNKNOWN}` is a value of what may be unknown",
    )
    for name in Facts.model_fields:
        facts.add_argument(_option(name), dest=name, help=said(name).words)


def written(parsed: argparse.Namespace) -> dict[str, str]:
    """Return the facts that were given, as they were written."""
    return {
        name: text for name in Facts.model_fields if (text := getattr(parsed, name)) is not None
    }


def facts_of(
    texts: Mapping[str, str], at: datetime | None, rules: RuleSet, groups: Iterable[str]
) -> Facts:
    """Return the facts that somebody means; `groups` are those of signoff.yaml.

    Raises:
        SettingsError: one of them can't be, with its option and what to write instead.
    """
    given = {name: _value(name, text) for name, text in texts.items()}
    if "tool" not in given and "action" not in given:
        raise SettingsError(
            "--tool: write which tool is asked for, or the kind of --action, or give a"
            " proposal's id"
        )
    held: dict[str, Any] = {}
    if at is not None:
        if "calendars" in given:
            raise SettingsError("--calendars: --at says which of them hold; write one of the two")
        held = {"calendars": sorted(holding(rules.calendars, at))}
    _require_known(given, rules, groups)
    usual = {**ORDINARY, "tool": ANY, **_of_tool(given)}
    try:
        return Facts.model_validate_json(json.dumps(usual | held | given))
    except ValidationError as error:
        fault = error.errors()[0]
        # What is wrong with several at once has no place: the tier and the action.
        name = str(fault["loc"][0]) if fault["loc"] else "action"
        raise SettingsError(f"{_option(name)}: {_said(name, fault)}") from error


def no_tools(facts: Facts) -> str | None:
    """Say so where no tool has the action, the agent and the tier asked about; else None.

    For who names an action alone: the ordinary agent and tier may not be those of its tools.
    """
    if facts.tool != ANY or facts.action is None:
        return None
    having = [one for one in tools() if one.action is facts.action]
    if any(facts.agent in one.agents and facts.tier is one.tier for one in having):
        return None
    if not having:
        return f"No tool that there is has the action `{facts.action}`."
    names = ", ".join(f"`--tool {one.tool}`" for one in having)
    asked = (
        f"the action `{facts.action}` with the agent `{facts.agent}` and the tier `{facts.tier}`"
    )
    return f"No tool has {asked}, so this never comes up: ask about {names}."


def _said(name: str, fault: Detail) -> str:
    """Return what is wrong with a fact, in words that name what it may be."""
    if fault["type"] not in {"greater_than_equal", "less_than_equal"}:
        return str(fault["msg"]).removeprefix("Value error, ")
    least, most = domain(name)
    range_ = f"from {least} to {most}" if most is not None else f"never below {least}"
    return f"it is {range_}, so it can't be `{fault['input']}`"


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _value(name: str, text: str) -> Any:  # noqa: ANN401 - as the fact's type wants it
    if name in SETS and text == NONE:
        return []
    if not text.strip():
        raise SettingsError(f"{_option(name)}: it is empty; leave it out, or write a value")
    if text == UNKNOWN and name not in WORDS:
        if Facts.model_fields[name].is_required():
            raise SettingsError(f"{_option(name)}: this is always known; write a value")
        return None
    if name in FLAGS:
        if text not in {"true", "false"}:
            raise SettingsError(f"{_option(name)}: `{text[:40]}` is neither `true` nor `false`")
        return text == "true"
    if name in SETS:
        return [one for one in re.split("[,/]", text) if one]
    return _number(name, text) if name in NUMBERS else text


def _number(name: str, text: str) -> int | str:
    if NUMBER.fullmatch(text) is None:
        raise SettingsError(
            f"{_option(name)}: `{text[:40]}` is no plain number; write one such as 5 or 0.8"
        )
    return text if "." in text else int(text)


def _require_known(given: Mapping[str, Any], rules: RuleSet, groups: Iterable[str]) -> None:
    """Refuse names that nothing has: what is asked about them would be answered all the same."""
    calendars = {calendar.name for calendar in rules.calendars}
    for name, what, known in (
        ("agent", "agent", AGENTS),
        ("tool", "tool", {one.tool for one in tools()}),
        ("tier", "tier", [tier.value for tier in Tier]),
        ("action", "kind of action", [kind.value for kind in ActionKind]),
        ("calendars", "calendar", calendars),
        ("requester_groups", "group", {*groups, *_groups(rules)}),
    ):
        found = given.get(name)
        for word in found if isinstance(found, list) else [found]:
            _require(name, (what, word), known)
    currency = given.get("currency")
    # What `diff` prints for a currency that no rule names may be asked about too.
    if currency is not None and currency not in {*CURRENCIES, f"{ANOTHER}currency"}:
        raise SettingsError(f"--currency: {currency_words(currency[:40])}")


def _require(name: str, asked: tuple[str, str | None], known: Collection[str]) -> None:
    what, word = asked
    if word is None or word in known:
        return
    if word == f"{ANOTHER}{name}" and name in {"agent", "tool"}:
        return
    raise SettingsError(f"{_option(name)}: there is no {what} `{word[:40]}`; {advice(word, known)}")


def _groups(rules: RuleSet) -> set[str]:
    found = set()
    for rule in rules.rules:
        found |= set(rule.when.requester_group or ())
        if rule.asked is not None:
            found |= {*rule.asked.groups, *rule.asked.then}
    return found


def _of_tool(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what follows from the tool; raises SettingsError where something else was written."""
    found: Subject | None = next((one for one in tools() if one.tool == given.get("tool")), None)
    if found is None:
        is_reading = given.get("action") == ActionKind.READ
        return {"tier": Tier.READ} if is_reading else {}
    for name, known in (
        ("tier", [found.tier]),
        ("action", [found.action, None]),
        ("agent", found.agents),
    ):
        if given.get(name, known[0]) not in known:
            words = " or ".join(f"`{one}`" for one in known if one is not None)
            raise SettingsError(
                f"{_option(name)}: with the tool `{found.tool}` it is {words}; leave it out"
            )
    return {"tier": found.tier, "action": found.action, "agent": found.agents[0]}
