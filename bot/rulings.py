"""Puts decisions, and what they come from, into lines of text for a terminal."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.commandline import harmless
from bot.config import ADS, Config
from bot.names import AGENTS, subjects
from policies.analysis import Cell, matrix
from policies.comparison import Change
from policies.difference import Difference
from policies.engine import RuleSet
from policies.explanation import Explanation
from policies.history import Replay
from policies.limitfile import LimitChange
from policies.limits import DEFAULT
from policies.model import Clause, Decision, EffectKind

MARKS = {
    Change.LOOSER: "LOOSER",
    Change.OTHER: "LOOSER (asks others)",
    Change.TIGHTER: "tighter",
    Change.SAME: "same",
}


def asked(clauses: Iterable[Clause]) -> str:
    """Return whom clauses ask: `1 of oncall + 2 of sre/operators`."""
    people: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
    for clause in clauses:
        key = (clause.groups, clause.then)
        people[key] = people.get(key, 0) + clause.n
    return " + ".join(
        f"{n} of {'/'.join(groups)}" + (f" (then {'/'.join(then)})" if then else "")
        for (groups, then), n in people.items()
    )


def ruling(decision: Decision) -> str:
    """Return a decision in a few words."""
    if decision.effect is EffectKind.APPROVE:
        found = f"needs {asked(decision.clauses)} within {_span(decision.expires_s or 0)}"
        return found + (", who may have asked for it" if decision.self_approval else "")
    return "acts alone" if decision.effect is EffectKind.AUTO else "is denied"


def because(decision: Decision) -> str:
    """Return the rules of a decision, or the reason where none decided."""
    return ", ".join(decision.rules) or ", ".join(decision.reasons)


def _span(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def matrix_rows(cells: Sequence[Cell]) -> list[tuple[str, ...]]:
    """Return the decision matrix as rows of words, its heading first."""
    rows: list[tuple[str, ...]] = [("agent", "tool", "environment", "effect", "asks", "rules")]
    for cell in cells:
        decision = cell.decision
        who = asked(decision.clauses) or "-"
        place = (cell.agent, cell.tool, cell.environment)
        rows.append((*place, str(decision.effect), who, because(decision)))
    return rows


def matrix_of(rules: RuleSet, config: Config) -> list[Cell]:
    """Return the decision matrix in the environments and modes of `signoff.yaml`."""
    approved = {name for row in rules.approved or () for name in row.environment}
    own = config.environments
    environments = (*own, *sorted({ADS, *approved} - set(own)))
    return matrix(rules, subjects(), AGENTS, environments, config.file_modes.of)


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with columns under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def differing(found: Difference) -> list[str]:
    """Return what changes, and one case of it."""
    rules = ", ".join(sorted(found.rules)) or "the approved actions"
    return [
        f"{MARKS[found.change]}: {rules}",
        f"  was: it {ruling(found.before)} ({because(found.before)})",
        f"  now: it {ruling(found.after)} ({because(found.after)})",
        f"  for example: {example_line(found)}",
    ]


def limit_line(change: LimitChange) -> str:
    """Return how a limit changes."""
    name, was, now = limit_words(change)
    mark = MARKS[Change.LOOSER if change.is_looser else Change.TIGHTER]
    return f"{mark}: {name}: {was} -> {now}"


def limit_words(change: LimitChange) -> tuple[str, str, str]:
    """Return which limit changes, and what it was and is then."""
    whose = "every other agent" if change.agent == DEFAULT else change.agent
    where = "" if change.environment is None else f" in {change.environment}"
    was, now = ("no limit" if one is None else f"{one:f}" for one in (change.before, change.after))
    return f"limit {change.limit} of {whose}{where}", was, now


def example_line(found: Difference) -> str:
    """Return a case in one line: what it leaves out is ordinary, as `explain` takes it."""
    facts = found.example
    return ", ".join(
        _moment(found, found.at)
        if name == "calendars" and found.at is not None
        else f"{name} {_fact(getattr(facts, name))}"
        for name in found.telling
    )


def _moment(found: Difference, at: datetime) -> str:
    before, after = _fact(found.example.calendars), _fact(found.calendars)
    change = "" if before == after else f" (calendars: {before}, now {after})"
    return f"at {at:%Y-%m-%dT%H:%MZ}{change}"


def _fact(value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, frozenset):
        return "/".join(sorted(value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def explained(found: Explanation) -> list[str]:
    """Return a decision, what the engine added, and every rule with what decided about it."""
    lines = [f"It {ruling(found.decision)} ({', '.join(found.decision.reasons)})."]
    lines += [f"  {note}" for note in found.notes]
    rows = [
        (
            "counts" if reading.counts else "-",
            f"{reading.rule.id}{' (hard)' if reading.rule.is_hard else ''}",
            str(reading.rule.kind),
            harmless(reading.words),
        )
        for reading in sorted(found.readings, key=lambda reading: not reading.counts)
    ]
    return lines + (table(rows) if rows else [])


def replayed(found: Replay, since: str) -> list[str]:
    """Return what other rules would have said to the decisions of the past."""
    looked_at = found.same + len(found.turned)
    looser = sum(turned.change.is_looser for turned in found.turned)
    lines = [
        f"{looked_at} decisions {since}: {found.same} the same, {looser} looser,"
        f" {len(found.turned) - looser} tighter."
    ]
    if found.left_out:
        lines.append(
            f"{found.left_out} more were left out: the facts they were taken on were not recorded,"
            " or are erased."
        )
    for turned in sorted(found.turned, key=lambda turned: not turned.change.is_looser):
        lines += [
            f"{MARKS[turned.change]}: {turned.past.proposal_id} of {turned.past.at:%Y-%m-%d %H:%M}"
            f" {ruling(turned.before)} ({because(turned.before)})",
            f"  -> {ruling(turned.after)} ({because(turned.after)})",
        ]
    return lines
