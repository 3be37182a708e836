"""Test cases of a rule set: facts as a person writes them, and the decision that is expected."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import AwareDatetime, Field, ValidationError

from policies.calendars import holding
from policies.conditions import NUMBERS
from policies.engine import RuleSet, decide
from policies.facts import Facts, Strict
from policies.faults import Fields, Problem, Source, problems
from policies.model import EffectKind
from policies.money import CURRENCIES
from policies.rulefile import currency_words, quoted
from policies.vocabulary import Vocabulary, advice, nearest, word_fault
from policies.yamltext import Path

# A number alone would be read as seconds since 1970; and no zone knows the end of all years.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]")
_FIRST, _LAST = 1970, 2100
# Facts that are words of which nobody knows the whole.
_WORDS = ("channel", "environment", "service", "target", "team", "tool")

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

    name: str = Field(min_length=1)
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


@dataclass(frozen=True, kw_only=True)
class Names:
    """What test cases are asked of, and what they may speak of."""

    rules: RuleSet
    groups: Collection[str] = ()
    vocabulary: Vocabulary | None = None


def failing(cases: CaseFile, source: Source, names: Names) -> list[Problem]:
    """Return the cases that do not come out, and those whose facts do not read."""
    found: list[Problem] = []
    taken: set[str] = set()
    for place, case in enumerate(cases.cases):
        faults = [*_faults(case, source.document["cases"][place], names)]
        if case.name in taken:
            faults.append((("name",), "the name stands here twice; give each case its own"))
        taken.add(case.name)
        found += [
            source.problem(("cases", place, *below), f"{case.name}: {words}")
            for below, words in faults
        ]
        if faults:
            continue
        read = facts_of(case, place, source, names.rules)
        if isinstance(read, list):
            found += read
            continue
        message = _difference(case, read, names.rules)
        if message is not None:
            found.append(source.problem(("cases", place), f"test `{case.name}`: {message}"))
    return found


def _faults(case: Case, document: Any, names: Names) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - as a file has it
    """Yield what is wrong with what a case names, each with its place below the case."""
    if case.at is not None:
        is_time = isinstance(document["at"], str) and _TIME.match(document["at"])
        if not is_time or not _FIRST <= case.at.year <= _LAST:
            words = f'write a time like "2026-12-24T10:00:00Z", from {_FIRST} to {_LAST}'
            yield ("at",), f"at: `{document['at']}` can't be asked for; {words}"
        if "calendars" in case.facts:
            yield ("facts", "calendars"), "`at` says which calendars hold; write one of the two"
    for name in sorted(NUMBERS.intersection(case.facts)):
        yield from quoted(case.facts[name], ("facts", name))
    yield from _unseen(case.facts)
    currency = case.facts.get("currency")
    if isinstance(currency, str) and currency not in CURRENCIES:
        yield ("facts", "currency"), f"facts.currency: {currency_words(currency)}"
    for name in sorted(case.expect.model_fields_set):
        if getattr(case.expect, name) is None:
            yield ("expect", name), f"expect.{name}: it has no value and would expect nothing"
    yield from _strangers(case.facts, names)
    yield from _misspelt_place(case.facts, names.rules)


def _unseen(facts: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for name in _WORDS:
        word = facts.get(name)
        fault = word_fault(word) if isinstance(word, str) else None
        if fault is not None:
            yield ("facts", name), f"facts.{name}: {fault}"


def _misspelt_place(facts: Mapping[str, Any], rules: RuleSet) -> Iterator[tuple[Path, str]]:
    """Yield an environment that was probably meant to be one of the approved actions.

    Another one may be named: that nothing is done there can be expected.
    """
    place = facts.get("environment")
    known = {name for row in rules.approved or () for name in row.environment}
    near = nearest(place, known, cutoff=0.8) if isinstance(place, str) else None
    if near is not None and place not in known:
        words = f"there is no environment `{place}`; did you mean `{near}`?"
        yield ("facts", "environment"), f"facts.environment: {words}"


def _strangers(facts: Mapping[str, Any], names: Names) -> Iterator[tuple[Path, str]]:
    known: dict[str, Collection[str] | None] = {"requester_groups": names.groups or None}
    if names.vocabulary is not None:
        known["agent"] = names.vocabulary.agents
        known["platform"] = names.vocabulary.platforms
        known["tenant"] = names.vocabulary.tenants
        yield from _of_tool(facts, names.vocabulary)
    for name, words in known.items():
        given = facts.get(name)
        for one in given if isinstance(given, list) else [given]:
            if words is not None and isinstance(one, str) and one not in words:
                what = name.removesuffix("s").replace("_", "'s ")
                said = f"there is no {what} `{one}`; {advice(one, words)}"
                yield ("facts", name), f"facts.{name}: {said}"


def _of_tool(facts: Mapping[str, Any], vocabulary: Vocabulary) -> Iterator[tuple[Path, str]]:
    """Yield where a tool is misspelt, or is said to do what it does not.

    A tool that is still to come may be named: one that is like no other, or does something else.
    """
    tool, path = facts.get("tool"), ("facts", "tool")
    if not isinstance(tool, str):
        return
    named = {name: [facts[name]] for name in ("tier", "action") if facts.get(name) is not None}
    if tool in vocabulary.tools:
        for name, own in vocabulary.contradictions(tool, named):
            words = f"the {name} of `{tool}` is `{own}`, not `{facts[name]}`"
            yield ("facts", name), f"facts.{name}: {words}"
        return
    near = nearest(tool, vocabulary.tools, cutoff=0.8)
    if near is not None and not [*vocabulary.contradictions(near, named)]:
        yield path, f"facts.tool: there is no tool `{tool}`; did you mean `{near}`?"


def facts_of(case: Case, place: int, source: Source, rules: RuleSet) -> Facts | list[Problem]:
    """Return the facts that a case stands for, or what is wrong with them."""
    given = ORDINARY | case.facts
    if case.at is not None:
        given["calendars"] = sorted(holding(rules.calendars, case.at))
    try:
        facts = Facts.model_validate_json(json.dumps(given))
    except ValidationError as error:
        return problems(error, source, CASE_FIELDS, ("cases", place, "facts"))
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
