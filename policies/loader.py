"""Reads rule files and their test cases from text into a rule set, or says what is wrong where."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import rfc8785
from pydantic import Field, ValidationError

from policies.engine import SELF_APPROVAL_IN, Asked, Rule, RuleKind, RuleSet, When, decide
from policies.model import (
    ActorKind,
    EffectKind,
    Facts,
    Mode,
    Strict,
    Tier,
)
from policies.yamltext import Path, YamlError, read


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong in a rule file, with its place."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class PolicyError(ValueError):
    """The rule set does not load; `problems` says why, the one before stays in force."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class EffectText(Strict):
    """The `effect` of a rule as written: exactly one of the four."""

    deny: bool | None = None
    auto: "AutoText | bool | None" = None
    approve: Asked | None = None
    raise_: Asked | None = Field(default=None, alias="raise")


class AutoText(Strict):
    """An `auto` with the people to ask where it is held back."""

    otherwise: Asked


class RuleText(Strict):
    """A rule as written."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)
    effect: EffectText
    reason: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=64)
    when: When


class RuleFile(Strict):
    """A rule file as written."""

    rules: tuple[RuleText, ...] = Field(min_length=1)


class Expectation(Strict):
    """What a test case expects of the decision."""

    effect: EffectKind
    groups: tuple[str, ...] | None = None
    rules: tuple[str, ...] | None = None


class FactsText(Strict):
    """The facts of a test case; what is left out takes an ordinary value."""

    agent: str = "incident"
    tool: str
    tier: Tier = Tier.MEDIUM
    environment: str = "staging"
    target: str = "checkout"
    mode: Mode = Mode.APPROVE
    requester: ActorKind = ActorKind.SYSTEM
    paused: bool = False
    tainted: bool = False
    reversible: bool = True
    severity: str | None = None
    confidence: Decimal | int | None = None
    currency: str | None = None
    daily_amount: Decimal | int | None = None
    total_amount: Decimal | int | None = None
    actions_last_hour: int | None = 0

    def facts(self) -> Facts:
        """Return the facts this case stands for."""
        return Facts.model_validate(self.model_dump(), strict=False)


class Case(Strict):
    """One test case of a rule set."""

    name: str
    facts: FactsText
    expect: Expectation


class CaseFile(Strict):
    """A file of test cases as written."""

    cases: tuple[Case, ...] = Field(min_length=1)


def load(hard: Mapping[str, str], rules: Mapping[str, str], cases: Mapping[str, str]) -> RuleSet:
    """Build a rule set from file texts by name: the hard rules, the soft ones, their test cases.

    Raises:
        PolicyError: a file does not read, an id stands twice, or a test case fails.
    """
    problems: list[Problem] = []
    found = [rule for name, text in hard.items() for rule in _rules(name, text, problems, True)]
    found += [rule for name, text in rules.items() for rule in _rules(name, text, problems, False)]
    if problems:
        raise PolicyError(problems)
    by_id: dict[str, _Placed] = {}
    for rule in found:
        if rule.rule.id in by_id:
            other = by_id[rule.rule.id]
            message = f"the rule id `{rule.rule.id}` is taken by {other.file}:{other.line}"
            problems.append(Problem(file=rule.file, line=rule.line, message=message))
        by_id[rule.rule.id] = rule
    if problems:
        raise PolicyError(problems)
    rule_set = sealed(rule.rule for rule in found)
    problems = [
        problem for name, text in cases.items() for problem in _failing(name, text, rule_set)
    ]
    if problems:
        raise PolicyError(problems)
    return rule_set


def sealed(rules: Iterable[Rule]) -> RuleSet:
    """Return the rules, sorted by id, with the hash of their canonical form as version."""
    ordered = tuple(sorted(rules, key=lambda rule: rule.id))
    canonical = rfc8785.dumps([rule.model_dump(mode="json") for rule in ordered])
    digest = hashlib.sha256(b"policy/v1\0" + canonical).hexdigest()
    return RuleSet(rules=ordered, version=digest[:16])


@dataclass(frozen=True, kw_only=True)
class _Placed:
    rule: Rule
    file: str
    line: int


def _rules(name: str, text: str, problems: list[Problem], is_hard: bool) -> list[_Placed]:
    parsed, lines = _parsed(name, text, RuleFile, problems)
    if not isinstance(parsed, RuleFile):
        return []
    placed = []
    for place, written in enumerate(parsed.rules):
        line = lines.get(("rules", place), 1)
        message = _fault(written)
        if message is not None:
            problems.append(Problem(file=name, line=line, message=f"{written.id}: {message}"))
            continue
        placed.append(_Placed(rule=_rule(written, is_hard), file=name, line=line))
    return placed


def _fault(written: RuleText) -> str | None:
    return _effect_fault(written.effect) or _when_fault(written.when) or _self_fault(written)


def _effect_fault(effect: EffectText) -> str | None:
    given = effect.model_fields_set
    if len(given) != 1:
        return "effect: write exactly one of deny, auto, approve, raise"
    if all(getattr(effect, name) is None for name in given):
        return "effect: it has no value"
    if (effect.deny is not None and not effect.deny) or effect.auto is False:
        return "effect: `false` means nothing here; leave the rule out"
    return None


def _when_fault(when: When) -> str | None:
    if not when.model_fields_set:
        return "when: empty matches everything; name at least one condition"
    blank = [name for name in when.model_fields_set if getattr(when, name) is None]
    if blank:
        return f"when: `{min(blank)}` has no value and would match everything"
    has_amount = when.daily_amount is not None or when.total_amount is not None
    if has_amount and (when.currency is None or len(when.currency) != 1):
        return "when: an amount means nothing without `currency: [EUR]` (exactly one) beside it"
    return None


def _self_fault(written: RuleText) -> str | None:
    asked = _asked(written.effect)
    if asked is None or not asked.self_approval:
        return None
    if set(written.when.environment or ()) - SELF_APPROVAL_IN or not written.when.environment:
        return (
            "effect: `self_approval: true` is for sandbox and staging only; leave it out, or write"
            " `environment: [sandbox, staging]` (one or both, no other) under `when`"
        )
    return None


def _asked(effect: EffectText) -> Asked | None:
    if isinstance(effect.auto, AutoText):
        return effect.auto.otherwise
    return effect.approve or effect.raise_


def _rule(written: RuleText, is_hard: bool) -> Rule:
    effect = written.effect
    kind = RuleKind.APPROVE if effect.approve is not None else RuleKind.RAISE
    if effect.deny is not None:
        kind = RuleKind.DENY
    elif effect.auto is not None:
        kind = RuleKind.AUTO
    return Rule(
        id=written.id,
        kind=kind,
        when=written.when,
        reason=written.reason,
        asked=_asked(effect),
        is_hard=is_hard,
    )


def _failing(name: str, text: str, rule_set: RuleSet) -> list[Problem]:
    problems: list[Problem] = []
    parsed, lines = _parsed(name, text, CaseFile, problems)
    if not isinstance(parsed, CaseFile):
        return problems
    for place, case in enumerate(parsed.cases):
        message = _difference(case, rule_set)
        if message is not None:
            line = lines.get(("cases", place), 1)
            problems.append(Problem(file=name, line=line, message=f"test `{case.name}`: {message}"))
    return problems


def _difference(case: Case, rule_set: RuleSet) -> str | None:
    try:
        facts = case.facts.facts()
    except ValidationError as error:
        return f"its facts do not read: {error.errors()[0]['msg']}"
    decision = decide(facts, rule_set)
    expect = case.expect
    if decision.effect is not expect.effect:
        return f"expected {expect.effect}, got {decision.effect} from {list(decision.rules)}"
    if expect.groups is not None and set(expect.groups) != set(decision.groups):
        return f"expected groups {list(expect.groups)}, got {list(decision.groups)}"
    if expect.rules is not None and set(expect.rules) != set(decision.rules):
        return f"expected rules {list(expect.rules)}, got {list(decision.rules)}"
    return None


def _parsed(
    name: str, text: str, model: type[Strict], problems: list[Problem]
) -> tuple[Strict | None, Mapping[Path, int]]:
    try:
        document, lines = read(text)
    except YamlError as error:
        problems.append(Problem(file=name, line=error.line, message=str(error)))
        return None, {}
    try:
        # Through JSON, where strict models still take words for enums and lists for tuples.
        return model.model_validate_json(json.dumps(document, default=_number)), lines
    except ValidationError as error:
        for fault in error.errors():
            path = tuple(part for part in fault["loc"] if part not in {"AutoText", "bool"})
            where = ".".join(str(part) for part in path)
            message = f"{where}: {fault['msg']}"
            problems.append(Problem(file=name, line=_line(path, lines), message=message))
        return None, lines


def _line(path: Path, lines: Mapping[Path, int]) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} is not a value of a rule file")
