"""Reads rule files and their test cases from text into a rule set, or says what is wrong where."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain, islice
from typing import Any, TypeVar

import rfc8785
from pydantic import ValidationError

from policies.calendars import Calendar
from policies.calendars import faults as calendar_faults
from policies.cases import CASE_FIELDS, CaseFile, Names, failing
from policies.conditions import When
from policies.engine import Approved, Rule, RuleSet
from policies.facts import Strict
from policies.faults import MOST_TOLD, Fields, Problem, Source, problems
from policies.limitfile import faults as limit_faults
from policies.limitfile import merged
from policies.limits import AgentLimits, Limits
from policies.rulefile import FIELDS, Placed, RuleFile, RuleText, faults, quoted_bounds, rule_of
from policies.strangers import Gathered, strangers
from policies.vocabulary import Vocabulary
from policies.yamltext import Path, YamlError, read

# The conditions of the first version. They stand in the canonical form even where a rule does not
# name them, others only where it does: so the version of a set is the same in every program.
_FIRST = frozenset(list(When.model_fields)[:16])
M = TypeVar("M", bound=Strict)

# More takes minutes to load, and nobody reads it: a rule has some 150 characters.
MOST_OF_FILE, MOST_OF_ALL = 200_000, 400_000
TOO_LONG = f"and {MOST_OF_FILE:,} are the most; split it"
# In a list of rules or test cases, and in any other list or mapping.
MOST_ITEMS, MOST_NAMED = 1000, 500


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
    read_ = Gathered()
    _require_sound(_too_large({**rules, **cases}))
    for files, is_hard in ((hard, True), (rules, False)):
        for name, text in files.items():
            _take(read_, name, text, is_hard=is_hard)
    if not read_.is_partial:
        read_.problems += _taken(read_.rules)
        read_.problems += islice(strangers(read_, vocabulary), MOST_TOLD)
    _require_sound(read_.problems)
    rule_set = sealed(
        (placed.rule for placed in read_.rules),
        read_.calendars.values(),
        read_.approved or None,
        merged(merged(None, read_.shipped), read_.limits),
    )
    names = Names(rules=rule_set, groups=read_.groups, vocabulary=vocabulary)
    _require_sound(
        [problem for name, text in cases.items() for problem in _failing(name, text, names)]
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


def _require_sound(found: Sequence[Problem]) -> None:
    if found:
        raise PolicyError(found)


def _take(read_: Gathered, name: str, text: str, *, is_hard: bool) -> None:
    source, parsed = _parsed(name, text, RuleFile, FIELDS, read_.problems)
    if source is None or parsed is None:
        read_.is_partial = True
        return
    if not parsed.model_fields_set:
        words = f"write at least one of {', '.join(RuleFile.model_fields)}"
        read_.problems.append(source.problem((), words))
    _take_rules(read_, source, parsed.rules, is_hard=is_hard)
    for calendar, times in parsed.calendars.items():
        _name(read_, source, "calendars", calendar)
        read_.calendars[calendar] = Calendar(name=calendar, **dict(times))
        for below, words in calendar_faults(times):
            at: Path = ("calendars", calendar, *below)
            read_.problems.append(source.problem(at, f"{'.'.join(map(str, at))}: {words}"))
    for group, words in parsed.groups.items():
        _name(read_, source, "groups", group)
        read_.groups[group] = words
    read_.approved += parsed.approved
    read_.approved_places += [(source, place) for place in range(len(parsed.approved))]
    _take_limits(read_, source, parsed.limits, is_hard=is_hard)


def _take_rules(
    read_: Gathered, source: Source, rules: Sequence[RuleText], *, is_hard: bool
) -> None:
    for place, written in enumerate(rules):
        path: Path = ("rules", place)
        if len(read_.problems) >= MOST_TOLD:
            # Each with its advice, which takes time: of very many nobody reads more.
            read_.is_partial = True
            return
        every = chain(faults(written), quoted_bounds(source.document["rules"][place]))
        found = list(islice(every, MOST_TOLD))
        read_.problems += [
            source.problem((*path, *below), f"{written.id}: {words}") for below, words in found
        ]
        if not found:
            rule = rule_of(written, is_hard=is_hard)
            read_.rules.append(Placed(rule=rule, source=source, path=path))


def _take_limits(
    read_: Gathered, source: Source, given: Mapping[str, AgentLimits], *, is_hard: bool
) -> None:
    for agent, limits in given.items():
        if is_hard:
            read_.shipped[agent] = limits
            continue
        _name(read_, source, "limits", agent)
        read_.limits[agent] = limits
        read_.limit_places.append((source, agent))
        for below, words in limit_faults(limits, source.document["limits"][agent]):
            where = ".".join(("limits", agent, *map(str, below)))
            read_.problems.append(source.problem(("limits", agent, *below), f"{where}: {words}"))


def _name(read_: Gathered, source: Source, section: str, name: str) -> None:
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


def _failing(name: str, text: str, names: Names) -> list[Problem]:
    found: list[Problem] = []
    source, parsed = _parsed(name, text, CaseFile, CASE_FIELDS, found)
    if source is None or parsed is None:
        return found
    return failing(parsed, source, names)


def _too_large(files: Mapping[str, str]) -> list[Problem]:
    found = [
        Problem(file=name, line=1, message=f"it has {len(text):,} characters, {TOO_LONG}")
        for name, text in files.items()
        if len(text) > MOST_OF_FILE
    ]
    size = sum(map(len, files.values()))
    if size > MOST_OF_ALL and not found:
        words = f"all files have {size:,} characters, and {MOST_OF_ALL:,} are the most"
        found.append(
            Problem(file=max(files, key=lambda name: len(files[name])), line=1, message=words)
        )
    return found


def _parsed(
    name: str, text: str, model: type[M], fields: Fields, found: list[Problem]
) -> tuple[Source | None, M | None]:
    try:
        document, lines = read(text)
    except YamlError as error:
        found.append(Problem(file=name, line=error.line, message=str(error)))
        return None, None
    source = Source(file=name, document=document, lines=lines)
    long = list(_too_many(document))
    if long:
        found += [source.problem(path, words) for path, words in long]
        return source, None
    try:
        # Through JSON, where strict models still take words for enums and lists for tuples.
        return source, model.model_validate_json(json.dumps(document, default=_number))
    except ValidationError as error:
        found += problems(error, source, fields)
        return source, None


def _too_many(document: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the lists and mappings of a file that are too long to be looked at in time."""
    if not isinstance(document, list | dict):
        return
    most = MOST_ITEMS if path in {("rules",), ("cases",)} else MOST_NAMED
    if len(document) > most:
        where = ".".join(map(str, path))
        yield path, f"{where}: {len(document):,} stand here, and {most} are the most".strip(": ")
        return
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for name, value in items:
        yield from _too_many(value, (*path, name))


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} is not a value of a rule file")
