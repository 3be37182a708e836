"""The shipped rules: each of them, and each word in them, is held by a test case."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any, Self

from bot.policy import SHIPPED, candidate
from policies.cases import Case, CaseFile, facts_of
from policies.engine import NOT_APPROVED, RuleSet, decide
from policies.facts import ActionKind
from policies.faults import Source
from policies.ladder import effective
from policies.loader import load
from policies.model import Facts
from policies.yamltext import read
from tests.fakes.values import facts
from tests.policies.mutants import mutants

CAPACITY = ("restart", "drain", "failover", "scale")
SHIPPED_CASES = (SHIPPED / "tests" / "shipped.yaml").read_text(encoding="utf-8")
# What a folder may permit one day. The shipped rules permit none of it, so those of them that ask
# more for it decide nothing yet; beside these they do.
PERMITTING = """
approved:
  - agent: [incident]
    action: [restart, drain, failover, scale]
    environment: [staging, production]
  - {agent: [campaign], action: [budget, bid, send, schedule], environment: [ads, production]}
rules:
  - id: capacity
    effect: {approve: {n: 1, groups: [sre]}}
    reason: CAPACITY
    when: {agent: [incident], action: [restart, drain, failover, scale]}
  - id: reach
    effect: {approve: {n: 1, groups: [sre]}}
    reason: REACH
    when: {agent: [campaign], action: [budget, bid, send, schedule]}
"""
PERMITTING_SET = load({}, {"permitting.yaml": PERMITTING}, {})
IN_PEAK, AT_NIGHT, ON_SATURDAY = (
    "2026-11-25T12:00:00Z",
    "2026-11-25T23:00:00Z",
    "2026-11-28T12:00:00Z",
)
# Thanksgiving, which no other country has on this day; and the day before.
HOLIDAY, WORKDAY = "2026-11-26T12:00:00Z", "2026-11-25T12:00:00Z"
# What another part of the set holds as well, so that no decision tells it apart.
HELD_TWICE = {
    # The approved actions name the agent too.
    "activate-campaign: agent is missing",
    "create-paused-campaign: agent is missing",
    "end-silence: agent is missing",
    "pause-campaign: agent is missing",
    "rollback-production: agent is missing",
    "rollback-staging: agent is missing",
    "silence-alert: agent is missing",
    "silence-production: agent is missing",
    "auto-needs-confidence: agent is missing",
    # And they name these environments.
    "end-silence: environment is missing",
    # `silence-alert` permits no other.
    "auto-needs-confidence: reversible is missing",
}


def more(action: str, at: str, *asking: str, where: str = "production", **given: Any) -> Case:  # noqa: ANN401 - as a file has it
    """Return a case of what `PERMITTING` permits, with the shipped rules that ask one more each."""
    permits, agent = ("capacity", "incident") if action in CAPACITY else ("reach", "campaign")
    expect = {"effect": "approve", "n": 1 + len(asking), "rules": [permits, *asking]}
    if "groups" in given:
        expect["groups"] = given.pop("groups")
    known = {"agent": agent, "tool": "to_come", "action": action, "environment": where}
    written = {
        "name": f"{action} in {where} at {at}, {given}",
        "at": at,
        "facts": known | {"confidence": 0.8} | given,
        "expect": expect,
    }
    return Case.model_validate_json(json.dumps(written))


ALL = ["sre", "oncall", "operators"]
MORE_CASES = (
    *(
        more(action, at, *asking)
        for action in CAPACITY
        for at, asking in ((IN_PEAK, ["capacity-in-peak-hours"]), (AT_NIGHT, []), (ON_SATURDAY, []))
    ),
    *(
        more("restart", f"2026-11-{day}T{hour}:00Z", *(["capacity-in-peak-hours"] * is_peak))
        for day, hour, is_peak in (
            *((day, "12:00", True) for day in range(23, 28)),
            ("25", "07:59", False),
            ("25", "08:00", True),
            ("25", "19:59", True),
            ("25", "20:00", False),
        )
    ),
    more("restart", IN_PEAK, where="staging"),
    more("restart", IN_PEAK, "irreversible-staging", where="staging", reversible=False, groups=ALL),
    more("restart", AT_NIGHT, "unsure-production", confidence=0.5, groups=ALL),
    more("schedule", AT_NIGHT, confidence=0.5),
    *(
        more(action, at, *asking, where="ads")
        for action in ("budget", "bid", "send")
        for at, asking in ((HOLIDAY, ["spending-on-holidays"]), (WORKDAY, []))
    ),
    more("schedule", HOLIDAY, where="ads"),
)


@dataclass(frozen=True, kw_only=True)
class Held:
    """Cases with the facts that each stands for, as long as the calendars are those of `rules`."""

    cases: tuple[Case, ...]
    source: Source
    rules: RuleSet
    facts: tuple[Facts, ...]

    @classmethod
    def of(cls, cases: tuple[Case, ...], source: Source, rules: RuleSet) -> Self:
        """Ask the calendars for the times of the cases."""
        found = [facts_of(case, place, source, rules) for place, case in enumerate(cases)]
        known = tuple(one for one in found if isinstance(one, Facts))
        assert len(known) == len(cases), found
        return cls(cases=cases, source=source, rules=rules, facts=known)

    def unmet(self, rules: RuleSet) -> Iterator[str]:
        """Yield the names of the cases that do not come out by other rules."""
        here = self
        if rules.calendars is not self.rules.calendars:
            here = self.of(self.cases, self.source, rules)
        for case, known in zip(here.cases, here.facts, strict=True):
            if not comes_out(case, known, rules):
                yield case.name

    def notices(self, rules: RuleSet) -> bool:
        """Say whether a case does not come out by other rules."""
        return any(self.unmet(rules))


def comes_out(case: Case, known: Facts, rules: RuleSet) -> bool:
    """Say whether the decision on the facts is what the case expects."""
    decision, expect = decide(known, rules), case.expect
    return (
        decision.effect is expect.effect
        and expect.n in {None, decision.people}
        and (expect.groups is None or set(expect.groups) == set(decision.groups))
        and (expect.rules is None or set(expect.rules) == set(decision.rules))
    )


def permitting(rules: RuleSet) -> RuleSet:
    """Return the rules beside those that permit what the shipped ones do not."""
    return rules.model_copy(
        update={
            "rules": (*rules.rules, *PERMITTING_SET.rules),
            "approved": (*(rules.approved or ()), *(PERMITTING_SET.approved or ())),
        }
    )


def shipped_held(rules: RuleSet) -> Held:
    document, lines = read(SHIPPED_CASES)
    cases = CaseFile.model_validate_json(json.dumps(document, default=float)).cases
    return Held.of(cases, Source(file="shipped.yaml", document=document, lines=lines), rules)


def more_held(rules: RuleSet) -> Held:
    return Held.of(MORE_CASES, Source(file="more", document=None, lines={}), rules)


def test_no_slip_in_the_shipped_rules_goes_unnoticed() -> None:
    rules = candidate(None)
    shipped, beside = shipped_held(rules), more_held(rules)
    assert [*shipped.unmet(rules), *beside.unmet(permitting(rules))] == []
    unnoticed = {
        words
        for words, mutant in mutants(rules)
        if not shipped.notices(mutant) and not beside.notices(permitting(mutant))
    }
    assert unnoticed == HELD_TWICE


def test_the_shipped_cases_alone_notice_each_rule_that_decides_something() -> None:
    rules = candidate(None)
    shipped = shipped_held(rules)
    missing = {f"{rule.id} is missing" for rule in rules.rules}
    dropped = [(words, mutant) for words, mutant in mutants(rules) if words in missing]
    assert len(dropped) == len(rules.rules)
    # Nothing that these two ask more for is permitted yet.
    assert {words for words, mutant in dropped if not shipped.notices(mutant)} == {
        "capacity-in-peak-hours is missing",
        "spending-on-holidays is missing",
    }


def test_nothing_but_this_is_approved() -> None:
    rules = candidate(None)
    approved = {
        (agent, action, environment)
        for agent, actions, environments in (
            ("incident", ("rollback",), ("staging", "production")),
            ("incident", ("silence", "unsilence"), ("sandbox", "staging", "production", "unknown")),
            ("campaign", ("create", "activate", "pause"), ("ads",)),
        )
        for action, environment in product(actions, environments)
    }
    places = {environment for _, _, environment in approved} | {"signoff"}
    small = {"currency": "EUR", "exposure": Decimal(10), "calendars": frozenset()}
    kinds = [kind for kind in ActionKind if kind is not ActionKind.READ]
    found = {
        (agent, kind.value, place)
        for agent, kind, place in product(("incident", "campaign", "policy"), kinds, places)
        for known in [facts(agent=agent, action=kind, environment=place, **small)]
        if NOT_APPROVED not in decide(known, rules).reasons
    }
    assert found == approved


NEXT = {
    "rollback-staging": ("oncall", "operators"),
    "silence-alert": ("oncall", "operators"),
    "silence-production": ("oncall", "operators"),
    "end-silence": ("oncall", "operators"),
    "auto-needs-confidence": ("oncall", "operators"),
    "create-paused-campaign": ("marketing", "operators"),
    "pause-campaign": ("marketing", "operators"),
}


def test_the_operators_are_asked_next_where_nothing_is_spent_and_never_fewer_people() -> None:
    rules = candidate(None)
    shipped = shipped_held(rules)
    widened: dict[str, tuple[str, ...]] = {}
    for known in shipped.facts:
        asked = decide(known, rules).clauses
        later = effective(asked, is_widened=True)
        assert [clause.n for clause in later] == [clause.n for clause in asked]
        widened |= {clause.rule: clause.groups for clause in later if clause not in asked}
    assert widened == NEXT


def test_what_spends_waits_for_marketing_however_late() -> None:
    activation = {"agent": "campaign", "action": ActionKind.ACTIVATE, "environment": "ads"}
    money = {"currency": "EUR", "exposure": Decimal(5000), "calendars": frozenset()}
    asked = decide(facts(**activation, **money), candidate(None)).clauses
    groups = [clause.groups for clause in effective(asked, is_widened=True)]
    assert groups == [("marketing",), ("operators",)]
