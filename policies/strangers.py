"""What was read from all files of a rule folder, and which names in it there are not."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from policies.calendars import Calendar
from policies.engine import Approved, Rule, RuleKind
from policies.facts import ActionKind
from policies.faults import Problem, Source
from policies.limits import DEFAULT, AgentLimits
from policies.rulefile import Placed, word_faults
from policies.vocabulary import Vocabulary, advice
from policies.yamltext import Path


@dataclass
class Gathered:
    """What was read so far, with the places that names were given at."""

    rules: list[Placed] = field(default_factory=list)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    approved: list[Approved] = field(default_factory=list)
    # Of each row of `approved` its file, and which of the file's rows it is.
    approved_places: list[tuple[Source, int]] = field(default_factory=list)
    # The program's own limits, and those of the folder, which count in their place.
    shipped: dict[str, AgentLimits] = field(default_factory=dict)
    limits: dict[str, AgentLimits] = field(default_factory=dict)
    limit_places: list[tuple[Source, str]] = field(default_factory=list)
    places: dict[tuple[str, str], str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    # Whether a file did not read: what others speak of may stand in it.
    is_partial: bool = False


def strangers(read: Gathered, vocabulary: Vocabulary | None) -> Iterator[Problem]:
    """Yield where rules, approved actions and limits name what there is not."""
    known: dict[str, Iterable[str] | None] = {
        "in_calendar": read.calendars,
        "outside": read.calendars,
        "requester_group": read.groups or None,
        "environment": {name for row in read.approved for name in row.environment} or None,
    }
    if vocabulary is not None:
        known |= {
            "tool": vocabulary.tools,
            "agent": vocabulary.agents,
            "platform": vocabulary.platforms,
            "tenant": vocabulary.tenants,
        }
    sets = {name: frozenset(names) for name, names in known.items() if names is not None}
    for placed in read.rules:
        yield from _of_rule(placed, read, sets, vocabulary)
    yield from _of_approved(read, vocabulary)
    yield from _of_limits(read, vocabulary)


def _of_rule(
    placed: Placed, read: Gathered, sets: dict[str, frozenset[str]], vocabulary: Vocabulary | None
) -> Iterator[Problem]:
    is_known = True
    for name, names in sets.items():
        for problem in _unknown(placed, ("when", name), getattr(placed.rule.when, name), names):
            is_known = False
            yield problem
    asked = placed.rule.asked
    # The hard rules' own group need not be declared by a folder.
    if asked is not None and read.groups and not placed.rule.is_hard:
        named = (*asked.groups, *asked.then)
        for problem in _unknown(placed, ("effect",), named, frozenset(read.groups)):
            is_known = False
            yield problem
    if vocabulary is not None:
        yield from _contradictions(placed, vocabulary)
    if is_known and not _is_reachable(placed.rule, read.approved):
        words = "the approved actions have no row for it, so it never permits anything; add one"
        yield placed.source.problem(placed.path, f"{placed.rule.id}: when: {words}")


def _unknown(
    placed: Placed, path: Path, given: Iterable[str] | None, known: Collection[str]
) -> Iterator[Problem]:
    what = "group" if path == ("effect",) else str(path[-1])
    what = "calendar" if what in {"in_calendar", "outside"} else what.replace("_", "'s ")
    for name in given or ():
        if name not in known:
            where = ".".join(map(str, path))
            words = f"there is no {what} `{name}`; {advice(name, known)}"
            yield placed.source.problem(
                (*placed.path, *path), f"{placed.rule.id}: {where}: {words}"
            )


def _contradictions(placed: Placed, vocabulary: Vocabulary) -> Iterator[Problem]:
    """Yield the tools that the rule never holds for, for what it names beside them."""
    when = placed.rule.when
    named = {
        name: values
        for name in ("agent", "tier", "action", "platform")
        if (values := getattr(when, name)) is not None
    }
    for tool in when.tool or ():
        for name, own in vocabulary.contradictions(tool, named):
            words = f"the {name} of `{tool}` is `{own}`, which `{name}` does not name"
            yield placed.source.problem(
                (*placed.path, "when", name),
                f"{placed.rule.id}: when.{name}: {words}, so it never holds; leave one out",
            )


def _is_reachable(rule: Rule, approved: Collection[Approved]) -> bool:
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


def _of_approved(read: Gathered, vocabulary: Vocabulary | None) -> Iterator[Problem]:
    rows = Counter[tuple[frozenset[str], ...]]()
    for row, (source, place) in zip(read.approved, read.approved_places, strict=True):
        found = [
            fault
            for name in ("agent", "action", "environment")
            for fault in word_faults(getattr(row, name), (name,), name)
        ]
        if ActionKind.READ in row.action:
            found.append((("action",), "action: reading needs no row; take `read` out"))
        if vocabulary is not None:
            found += [
                (("agent",), f"agent: there is no agent `{one}`; {advice(one, vocabulary.agents)}")
                for one in row.agent
                if one not in vocabulary.agents
            ]
        key = (frozenset(row.agent), frozenset(row.action), frozenset(row.environment))
        rows[key] += 1
        if rows[key] > 1:
            found.append(((), ": this row stands here twice; keep one"))
        for below, words in found:
            yield source.problem(
                ("approved", place, *below), f"approved.{place}.{words}".replace(".:", ":")
            )


def _of_limits(read: Gathered, vocabulary: Vocabulary | None) -> Iterator[Problem]:
    places = {name for row in read.approved for name in row.environment}
    for source, agent in read.limit_places:
        if vocabulary is not None and agent not in {DEFAULT, *vocabulary.agents}:
            words = f"there is no agent `{agent}`; {advice(agent, {DEFAULT, *vocabulary.agents})}"
            yield source.problem(("limits", agent), f"limits: {words}")
        for place in read.limits[agent].environments if places else ():
            if place not in places:
                path: Path = ("limits", agent, "environments", place)
                words = f"there is no environment `{place}`; {advice(place, places)}"
                yield source.problem(path, f"{'.'.join(map(str, path[:-1]))}: {words}")
