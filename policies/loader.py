"""Reads rule files and their test cases from text into a rule set, or says what is wrong where."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import rfc8785
from pydantic import ValidationError

from policies.calendars import Calendar
from policies.cases import CASE_FIELDS, CaseFile, failing
from policies.conditions import When
from policies.engine import Approved, Rule, RuleKind, RuleSet
from policies.facts import Strict
from policies.faults import Fields, Problem, Source, problems
from policies.limitfile import faults as limit_faults
from policies.limitfile import merged
from policies.limits import DEFAULT, AgentLimits, Limits
from policies.rulefile import FIELDS, Placed, RuleFile, faults, rule_of
from policies.vocabulary import Vocabulary, advice
from policies.yamltext import Path, YamlError, read

# The conditions of the first version. They stand in the canonical form even where a rule does not
# name them, others only where it does: so the version of a set is the same in every program.
_FIRST = frozenset(list(When.model_fields)[:16])
M = TypeVar("M", bound=Strict)


class PolicyError(ValueError):
    """The rule set does not load; `problems` says why, the one before stays in force."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def load(
    hard: Mapping[str, str],
    rules: Mapping[str, str],
    cases: Mapping[str, str],
    vocabulary: Vocabulary | None = None,
) -> RuleSet:
    """Build a rule set from file texts by name: the hard rules, the soft ones, their test cases.

    With a vocabulary the tools and agents that rules name must be in it.

    Raises:
        PolicyError: a file does not read, an id stands twice, a rule names what there is not, or a
            test case fails.
    """
    read_ = _Read()
    for files, is_hard in ((hard, True), (rules, False)):
        for name, text in files.items():
            _take(read_, name, text, is_hard=is_hard)
    if not read_.is_partial:
        read_.problems += [*_taken(read_.rules), *_strangers(read_, vocabulary)]
        read_.problems += _limit_strangers(read_, vocabulary)
    _require_sound(read_.problems)
    rule_set = sealed(
        (placed.rule for placed in read_.rules),
        read_.calendars.values(),
        read_.approved or None,
        merged(merged(None, read_.shipped), read_.limits),
    )
    _require_sound(
        [problem for name, text in cases.items() for problem in _failing(name, text, rule_set)]
    )
    return rule_set


def sealed(
    rules: Iterable[Rule],
    calendars: Iterable[Calendar] = (),
    approved: Iterable[Approved] | None = None,
    limits: Limits | None = None,
) -> RuleSet:
    """Return the rules, sorted by id, with the hash of their canonical form as version."""
    ordered = tuple(sorted(rules, key=lambda rule: rule.id))
    times = tuple(sorted(calendars, key=lambda calendar: calendar.name))
    rows = None if approved is None else tuple(approved)
    written: Any = [_canonical(rule) for rule in ordered]
    if times or rows is not None or limits is not None:
        written = {
            "rules": written,
            "calendars": [calendar.model_dump(mode="json") for calendar in times],
            "approved": None if rows is None else [row.model_dump(mode="json") for row in rows],
        }
    if limits is not None:
        # Only where there are any: the versions of sets from before there were stay as they are.
        written["limits"] = limits.model_dump(mode="json", exclude_none=True)
    digest = hashlib.sha256(b"policy/v1\0" + rfc8785.dumps(written)).hexdigest()
    return RuleSet(
        rules=ordered, version=digest[:16], calendars=times, approved=rows, limits=limits
    )


def _canonical(rule: Rule) -> dict[str, Any]:
    found = rule.model_dump(mode="json")
    found["when"] = {
        name: value for name, value in found["when"].items() if name in _FIRST or value is not None
    }
    return found


@dataclass
class _Read:
    """What was read so far, with the places that names were given at."""

    rules: list[Placed] = field(default_factory=list)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    approved: list[Approved] = field(default_factory=list)
    # The program's own limits, and those of the folder, which count in their place.
    shipped: dict[str, AgentLimits] = field(default_factory=dict)
    limits: dict[str, AgentLimits] = field(default_factory=dict)
    limit_places: list[tuple[Source, str]] = field(default_factory=list)
    places: dict[tuple[str, str], str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    # Whether a file did not read: what others speak of may stand in it.
    is_partial: bool = False


def _require_sound(found: Sequence[Problem]) -> None:
    if found:
        raise PolicyError(found)


def _take(read_: _Read, name: str, text: str, *, is_hard: bool) -> None:
    source, parsed = _parsed(name, text, RuleFile, FIELDS, read_.problems)
    if source is None or parsed is None:
        read_.is_partial = True
        return
    if not parsed.model_fields_set:
        words = f"write at least one of {', '.join(RuleFile.model_fields)}"
        read_.problems.append(source.problem((), words))
    for place, written in enumerate(parsed.rules):
        path: Path = ("rules", place)
        found = list(faults(written))
        read_.problems += [
            source.problem((*path, *below), f"{written.id}: {words}") for below, words in found
        ]
        if not found:
            rule = rule_of(written, is_hard=is_hard)
            read_.rules.append(Placed(rule=rule, source=source, path=path))
    for calendar, times in parsed.calendars.items():
        _name(read_, source, "calendars", calendar)
        read_.calendars[calendar] = Calendar(name=calendar, **dict(times))
    for group, words in parsed.groups.items():
        _name(read_, source, "groups", group)
        read_.groups[group] = words
    read_.approved += parsed.approved
    _take_limits(read_, source, parsed.limits, is_hard=is_hard)


def _take_limits(
    read_: _Read, source: Source, given: Mapping[str, AgentLimits], *, is_hard: bool
) -> None:
    for agent, limits in given.items():
        if is_hard:
            read_.shipped[agent] = limits
            continue
        _name(read_, source, "limits", agent)
        read_.limits[agent] = limits
        read_.limit_places.append((source, agent))
        for below, words in limit_faults(limits):
            where = ".".join(("limits", agent, *map(str, below)))
            read_.problems.append(source.problem(("limits", agent, *below), f"{where}: {words}"))


def _limit_strangers(read_: _Read, vocabulary: Vocabulary | None) -> Iterator[Problem]:
    """Yield where limits name an agent or an environment that there is not."""
    places = {name for row in read_.approved for name in row.environment}
    for source, agent in read_.limit_places:
        if vocabulary is not None and agent not in {DEFAULT, *vocabulary.agents}:
            words = f"there is no agent `{agent}`; {advice(agent, {DEFAULT, *vocabulary.agents})}"
            yield source.problem(("limits", agent), f"limits: {words}")
        for place in read_.limits[agent].environments if places else ():
            if place not in places:
                path: Path = ("limits", agent, "environments", place)
                words = f"there is no environment `{place}`; {advice(place, places)}"
                yield source.problem(path, f"{'.'.join(map(str, path[:-1]))}: {words}")


def _name(read_: _Read, source: Source, section: str, name: str) -> None:
    """Note where a name is given; one that is taken in another file is a problem."""
    other = read_.places.setdefault((section, name), f"{source.file}:{source.line(section, name)}")
    problem = source.problem((section, name), f"{section}: `{name}` is taken by {other}")
    if other != f"{problem.file}:{problem.line}":
        read_.problems.append(problem)


def _taken(rules: Sequence[Placed]) -> Iterator[Problem]:
    by_id: dict[str, Placed] = {}
    for placed in rules:
        other = by_id.setdefault(placed.rule.id, placed)
        if other is not placed:
            message = f"the rule id `{placed.rule.id}` is taken by {other.at}"
            yield placed.source.problem(placed.path, message)


def _strangers(read_: _Read, vocabulary: Vocabulary | None) -> Iterator[Problem]:
    """Yield where rules name what there is not."""
    known: dict[str, Iterable[str] | None] = {
        "in_calendar": read_.calendars,
        "outside": read_.calendars,
        "requester_group": read_.groups or None,
        "environment": {name for row in read_.approved for name in row.environment} or None,
        "tool": None if vocabulary is None else vocabulary.tools,
        "agent": None if vocabulary is None else vocabulary.agents,
    }
    for placed in read_.rules:
        found = [
            problem
            for name, names in known.items()
            if names is not None
            for given in [getattr(placed.rule.when, name) or ()]
            for problem in _unknown(placed, ("when", name), given, set(names))
        ]
        asked = placed.rule.asked
        # The hard rules' own group need not be declared by a folder.
        if asked is not None and read_.groups and not placed.rule.is_hard:
            named = (*asked.groups, *asked.then)
            found += _unknown(placed, ("effect",), named, set(read_.groups))
        yield from found
        if not found and not _is_reachable(placed.rule, read_.approved):
            words = "the approved actions have no row for it, so it never permits anything; add one"
            yield placed.source.problem(placed.path, f"{placed.rule.id}: when: {words}")


def _unknown(
    placed: Placed, path: Path, given: Iterable[str], known: set[str]
) -> Iterator[Problem]:
    what = "group" if path == ("effect",) else str(path[-1])
    what = "calendar" if what in {"in_calendar", "outside"} else what.replace("_", "'s ")
    for name in given:
        if name not in known:
            where = ".".join(map(str, path))
            words = f"there is no {what} `{name}`; {advice(name, known)}"
            yield placed.source.problem(
                (*placed.path, *path), f"{placed.rule.id}: {where}: {words}"
            )


def _is_reachable(rule: Rule, approved: Sequence[Approved]) -> bool:
    if rule.kind not in {RuleKind.APPROVE, RuleKind.AUTO} or not approved:
        return True
    return any(
        all(
            named is None or not set(named).isdisjoint(getattr(row, name))
            for name in ("agent", "action", "environment")
            for named in [getattr(rule.when, name)]
        )
        for row in approved
    )


def _failing(name: str, text: str, rule_set: RuleSet) -> list[Problem]:
    found: list[Problem] = []
    source, parsed = _parsed(name, text, CaseFile, CASE_FIELDS, found)
    if source is None or parsed is None:
        return found
    return failing(parsed, source, rule_set)


def _parsed(
    name: str, text: str, model: type[M], fields: Fields, found: list[Problem]
) -> tuple[Source | None, M | None]:
    try:
        document, lines = read(text)
    except YamlError as error:
        found.append(Problem(file=name, line=error.line, message=str(error)))
        return None, None
    source = Source(file=name, document=document, lines=lines)
    try:
        # Through JSON, where strict models still take words for enums and lists for tuples.
        return source, model.model_validate_json(json.dumps(document, default=_number))
    except ValidationError as error:
        found += problems(error, source, fields)
        return source, None


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} is not a value of a rule file")
