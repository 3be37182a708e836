"""Test cases of a rule set: facts as a person writes them, and the decision that is expected."""

import json
from typing import Any

from pydantic import AwareDatetime, Field, ValidationError

from policies.calendars import holding
from policies.engine import RuleSet, decide
from policies.facts import Facts, Strict
from policies.faults import Fields, Problem, Source, problems
from policies.model import EffectKind
from policies.vocabulary import advice

# What a case does not name is ordinary: an incident in staging, no calendar holds.
ORDINARY: dict[str, Any] = {
    "agent": "incident",
    "tier": "medium",
    "environment": "staging",
    "target": "checkout",
    "mode": "approve",
    "requester": "system",
    "paused": False,
    "tainted": False,
    "reversible": True,
    "frozen": False,
    "actions_last_hour": 0,
    "calendars": [],
    "requester_groups": [],
}


class Expectation(Strict):
    """What a test case expects of the decision; `n` is how many people are asked in all."""

    effect: EffectKind
    n: int | None = Field(default=None, ge=1)
    groups: tuple[str, ...] | None = None
    rules: tuple[str, ...] | None = None


class Case(Strict):
    """One test case of a rule set; `at` is a time that the calendars are asked for."""

    name: str
    facts: dict[str, Any]
    expect: Expectation
    at: AwareDatetime | None = None


class CaseFile(Strict):
    """A file of test cases as written."""

    cases: tuple[Case, ...] = Field(min_length=1)


CASE_FIELDS: Fields = {
    "": tuple(CaseFile.model_fields),
    "cases": tuple(Case.model_fields),
    "expect": tuple(Expectation.model_fields),
    "facts": tuple(Facts.model_fields),
}


def failing(cases: CaseFile, source: Source, rules: RuleSet) -> list[Problem]:
    """Return the cases that do not come out, and those whose facts do not read."""
    found: list[Problem] = []
    for place, case in enumerate(cases.cases):
        read = facts_of(case, place, source, rules)
        if isinstance(read, list):
            found += read
            continue
        message = _difference(case, read, rules)
        if message is not None:
            found.append(source.problem(("cases", place), f"test `{case.name}`: {message}"))
    return found


def facts_of(case: Case, place: int, source: Source, rules: RuleSet) -> Facts | list[Problem]:
    """Return the facts that a case stands for, or what is wrong with them."""
    given = ORDINARY | case.facts
    if case.at is not None:
        given["calendars"] = sorted(holding(rules.calendars, case.at))
    try:
        facts = Facts.model_validate_json(json.dumps(given, default=str))
    except ValidationError as error:
        found = problems(error, source, {"": CASE_FIELDS["facts"]})
        return [
            source.problem(
                ("cases", place, "facts", fault["loc"][0]), f"{case.name}: {one.message}"
            )
            for one, fault in zip(found, error.errors(), strict=False)
        ]
    names = {calendar.name for calendar in rules.calendars}
    strangers = sorted((facts.calendars or frozenset()) - names)
    if strangers:
        words = f"there is no calendar `{strangers[0]}`; {advice(strangers[0], names)}"
        return [source.problem(("cases", place, "facts", "calendars"), f"{case.name}: {words}")]
    return facts


def _difference(case: Case, facts: Facts, rules: RuleSet) -> str | None:
    decision, expect = decide(facts, rules), case.expect
    if decision.effect is not expect.effect:
        why = list(decision.rules) or list(decision.reasons)
        return f"expected {expect.effect}, got {decision.effect} from {why}"
    if expect.n is not None and expect.n != decision.people:
        return f"expected {expect.n} people, got {decision.people} from {list(decision.rules)}"
    if expect.groups is not None and set(expect.groups) != set(decision.groups):
        return f"expected groups {list(expect.groups)}, got {list(decision.groups)}"
    if expect.rules is not None and set(expect.rules) != set(decision.rules):
        return f"expected rules {list(expect.rules)}, got {list(decision.rules)}"
    return None
