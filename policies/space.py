"""Cuts all facts there can be into cells in which every rule gives one answer.

A rule tells facts apart only at the values it names: each value of a set, both sides of a bound,
true and false, a name that no rule knows, and unknown. So a fact has few classes, a rule is a box
of classes, and cells are found by cutting along boxes, as far as they matter.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import chain, combinations
from typing import Any, get_args

from policies.conditions import FLAGS, NUMBERS, conditions
from policies.confidence import reaching, settled
from policies.engine import Approved, Rule, RuleKind, counts, joins
from policies.facts import ActionKind, ActorKind, Facts, Mode, Tier
from policies.rulefile import domain

MOST_NAMES = 8
MOST_CELLS = 200_000

# A tool that no rule names.
ANY = "any-tool"

ORDINARY: Mapping[str, Any] = {
    "agent": "incident",
    "tool": ANY,
    "tier": Tier.MEDIUM,
    "environment": "staging",
    "target": "any-target",
    "mode": Mode.AUTO,
    "requester": ActorKind.SYSTEM,
    "paused": False,
    "tainted": False,
    "reversible": True,
    "frozen": False,
    "calendars": frozenset(),
    "requester_groups": frozenset(),
    "confidence": Decimal(1),
    "actions_last_hour": 0,
}


class TooLargeError(ValueError):
    """The rules can't be compared exhaustively: they cut the facts into too many cells."""


class Cut(StrEnum):
    """Why a box is there."""

    COMMON = "a rule of both sets"
    CHANGED = "a rule of one set"
    AUTO = "what holds an auto rule back"
    OTHER = "what the engine looks at itself"


@dataclass(frozen=True, kw_only=True)
class Box:
    """Where a rule counts: for each fact it names a bit per class."""

    limits: Mapping[str, int]
    cut: Cut
    is_auto: bool = False
    # In which of the two sets it denies, as bits.
    denies: int = 0


Cell = dict[str, int]
BOTH = 3


@dataclass(kw_only=True)
class Space:
    """The classes of every fact that is told apart, by a value that stands for each."""

    values: Mapping[str, Sequence[Any]]
    # What a tool is known for: its kind of action, its tier.
    implied: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    visited: int = 0

    def boxes(self, rule: Rule, cut: Cut, denies: int) -> Iterator[Box]:
        """Yield where a rule counts, and around that where it joins those who are asked.

        Around both lies where it counts at a higher confidence, on which a lower one may hang.
        """
        is_auto = rule.kind is RuleKind.AUTO
        seen = []
        for one in (settled(rule), reaching(rule)):
            for blind in (counts(rule, None), joins(rule) or counts(rule, None)):
                limits = self._limits(one, blind=blind)
                if limits not in seen:
                    seen.append(limits)
                    yield Box(limits=limits, cut=cut, is_auto=is_auto, denies=denies)

    def _limits(self, rule: Rule, *, blind: bool) -> dict[str, int]:
        """Return the classes that a rule lets by; `blind` is what it says of an unknown fact."""
        limits: dict[str, int] = {}
        for condition in conditions(rule.when):
            found = bits(
                blind if value is None else condition.test(value)
                for value in self.values[condition.fact]
            )
            limits[condition.fact] = limits.get(condition.fact, -1) & found
        return limits

    def where(self, cut: Cut, **wanted: Iterable[Any]) -> Box:
        """Return the box in which facts have one of these values."""
        limits = {}
        for name, values in wanted.items():
            found = set(values)
            limits[name] = bits(value in found for value in self.values[name])
        return Box(limits=limits, cut=cut)

    def whole(self) -> Cell:
        """Return the cell of all facts."""
        return {name: (1 << len(values)) - 1 for name, values in self.values.items()}

    def facts(self, cell: Cell) -> Facts:
        """Return facts that stand for a cell: the first class of each fact."""
        found = dict(ORDINARY)
        for name, mask in cell.items():
            found[name] = self.values[name][(mask & -mask).bit_length() - 1]
        known = self.implied.get(found["tool"], {})
        found |= {name: value for name, value in known.items() if name not in cell}
        return Facts.model_validate(found)

    def cells(self, boxes: Sequence[Box]) -> Iterator[Cell]:
        """Yield the cells in which a changed rule counts and not both sets deny.

        Raises:
            TooLargeError: there are too many.
        """
        yield from self._cells(self.whole(), boxes, _Met())

    def _cells(self, cell: Cell, boxes: Sequence[Box], met: "_Met") -> Iterator[Cell]:
        self.visited += 1
        if self.visited > MOST_CELLS:
            raise TooLargeError(
                f"the rules cut the facts into more than {MOST_CELLS} cells; compare fewer changes"
                " at once"
            )
        if not self._narrow(cell):
            return
        open_, met = _sorted(boxes, cell, met)
        is_open = any(box.cut is Cut.CHANGED for box in open_)
        if met.denies == BOTH or not (met.is_changed or is_open):
            return
        if not open_:
            yield cell
            return
        name = _widest(
            open_ if met.is_changed else [b for b in open_ if b.cut is Cut.CHANGED], cell
        )
        for mask in _parts(cell[name], [box.limits[name] for box in open_ if name in box.limits]):
            yield from self._cells({**cell, name: mask}, open_, met)

    def _narrow(self, cell: Cell) -> bool:
        """Leave only what can be, and what the tool is known for; False when nothing is left."""
        return self._narrow_action(cell) and self._narrow_tool(cell)

    def _narrow_action(self, cell: Cell) -> bool:
        if "action" not in cell:
            return True
        tiers, actions = self.values["tier"], self.values["action"]
        reading = bits(tier is Tier.READ for tier in tiers)
        if not cell["tier"] & ~reading:
            cell["action"] &= bits(one in {ActionKind.READ, None} for one in actions)
        elif not cell["tier"] & reading:
            cell["action"] &= bits(one is not ActionKind.READ for one in actions)
        if not cell["action"] & bits(one in {ActionKind.READ, None} for one in actions):
            cell["tier"] &= ~reading
        elif not cell["action"] & bits(one is not ActionKind.READ for one in actions):
            cell["tier"] &= reading
        return bool(cell["action"] and cell["tier"])

    def _narrow_tool(self, cell: Cell) -> bool:
        mask = cell.get("tool", 0)
        if mask.bit_count() != 1:
            return True
        known = self.implied.get(self.values["tool"][mask.bit_length() - 1], {})
        for name in cell.keys() & known.keys():
            cell[name] &= bits(value == known[name] for value in self.values[name])
            if not cell[name]:
                return False
        return True


@dataclass(frozen=True, kw_only=True)
class _Met:
    """What of the boxes covers a cell whole."""

    denies: int = 0
    is_changed: bool = False
    is_auto: bool = False


def _sorted(boxes: Sequence[Box], cell: Cell, met: _Met) -> tuple[list[Box], _Met]:
    """Return the boxes that cut a cell, and what those that cover it add; the others miss it."""
    open_: list[Box] = []
    denies, is_changed, is_auto = met.denies, met.is_changed, met.is_auto
    for box in boxes:
        state = _state(box, cell)
        if state is None:
            open_.append(box)
        elif state:
            denies |= box.denies
            is_changed |= box.cut is Cut.CHANGED
            is_auto |= box.is_auto
    if not is_auto and not any(box.is_auto for box in open_):
        open_ = [box for box in open_ if box.cut is not Cut.AUTO]
    return open_, _Met(denies=denies, is_changed=is_changed, is_auto=is_auto)


def _state(box: Box, cell: Cell) -> bool | None:
    """Say whether a box covers a cell (True), misses it (False), or cuts it (None)."""
    is_cut = False
    for name, limit in box.limits.items():
        mask = cell[name]
        inside = mask & limit
        if not inside:
            return False
        is_cut = is_cut or inside != mask
    return None if is_cut else True


def _widest(boxes: Sequence[Box], cell: Cell) -> str:
    """Return the fact along which most boxes cut."""
    found: dict[str, int] = {}
    for box in boxes:
        for name, limit in box.limits.items():
            if cell[name] & limit != cell[name]:
                found[name] = found.get(name, 0) + 1
    return max(found, key=lambda name: (found[name], name))


def _parts(mask: int, limits: Sequence[int]) -> list[int]:
    """Return the classes of a mask in groups that no box tells apart."""
    parts: dict[tuple[bool, ...], int] = {}
    rest = mask
    while rest:
        bit = rest & -rest
        rest ^= bit
        seen = tuple(bool(limit & bit) for limit in limits)
        parts[seen] = parts.get(seen, 0) | bit
    return list(parts.values())


def bits(holds: Iterable[bool]) -> int:
    """Return a bit for each answer, the first one lowest."""
    return sum(1 << place for place, value in enumerate(holds) if value)


def space_of(
    rules: Iterable[Rule],
    approved: Iterable[Approved],
    implied: Mapping[str, Mapping[str, Any]],
    held: Collection[frozenset[str]] | None = None,
) -> Space:
    """Return the classes that these rules and rows tell apart.

    `held` is which calendars can hold at once; without it any of them do.
    """
    named: dict[str, list[Any]] = {"tier": [], "mode": [], "tainted": [], "environment": []}
    for rule in rules:
        for condition in conditions(rule.when):
            wanted = condition.wanted
            values = wanted if isinstance(wanted, tuple) else (wanted,)
            named.setdefault(condition.fact, []).extend(values)
    for row in approved:
        for name in ("agent", "action", "environment"):
            named.setdefault(name, []).extend(getattr(row, name))
    named["environment"].extend(("sandbox", "staging"))
    classes: dict[str, Sequence[Any]] = {
        name: (*held, None) if name == "calendars" and held else _classes(name, found)
        for name, found in named.items()
    }
    return Space(values=classes, implied=implied)


def _classes(name: str, named: Sequence[Any]) -> tuple[Any, ...]:
    """Return a value for each class of a fact, ordinary ones first and unknown last."""
    kinds = _kinds(name)
    found: list[Any]
    if name in NUMBERS:
        ends = (value for bounds in named for value in (bounds.min, bounds.max))
        points = sorted({end for end in ends if end is not None})
        found = _whole_numbers(name, points) if int in kinds else _numbers(name, points)
    elif name in FLAGS:
        found = [False, True]
    elif name in {"calendars", "requester_groups"}:
        found = _subsets(name, sorted(set(named)))
    elif issubclass(kinds[0], StrEnum):
        found = list(kinds[0])
    else:
        words = list(dict.fromkeys(named))
        found = [*words, _another(name, words)]
    ordinary = ORDINARY.get(name)
    if ordinary in found:
        found.remove(ordinary)
        found.insert(0, ordinary)
    return (*found, None) if type(None) in kinds else tuple(found)


def _kinds(name: str) -> tuple[type, ...]:
    """Return the plain types of a fact."""
    annotation: Any = Facts.model_fields[name].annotation
    parts = get_args(annotation) or (annotation,)
    return tuple(getattr(part, "__origin__", part) for part in parts)


def _another(name: str, words: Sequence[str]) -> str:
    found = f"another-{name}"
    while found in words:
        found += "-one"
    return found


def _subsets(name: str, names: Sequence[str]) -> list[Any]:
    if len(names) > MOST_NAMES:
        raise TooLargeError(f"the rules name more than {MOST_NAMES} {name.replace('_', ' ')}")
    sizes = range(len(names) + 1)
    return [frozenset(some) for some in chain(*(combinations(names, size) for size in sizes))]


def _numbers(name: str, points: Sequence[Decimal]) -> list[Any]:
    least, most = domain(name)
    found: list[Any] = []
    if least is None or least < points[0]:
        found.append(points[0] - 1 if least is None else least)
    for place, point in enumerate(points):
        found.append(point)
        if place + 1 < len(points):
            found.append((point + points[place + 1]) / 2)
    if most is None or points[-1] < most:
        found.append(points[-1] + 1 if most is None else most)
    return found


def _whole_numbers(name: str, points: Sequence[Decimal]) -> list[Any]:
    least, _ = domain(name)
    near = {
        number
        for point in points
        for number in (
            math.ceil(point) - 1,
            math.ceil(point),
            math.floor(point),
            math.floor(point) + 1,
        )
    }
    return sorted(number for number in near if least is None or number >= least)
