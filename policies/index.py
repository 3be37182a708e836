"""Finds the rules that match facts without asking each: a bit per rule, a column per condition."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.conditions import Condition, Kind, When, conditions, kind_of
from policies.facts import Facts


@dataclass(kw_only=True)
class _Column:
    """What all rules say under one condition: which name it, and which of them a value lets by."""

    fact: str
    named: int = 0
    by_value: dict[Any, int] = field(default_factory=dict)
    # Where a value is no key: each thing that is asked, with the rules that ask it.
    tests: dict[Any, tuple[Callable[[Any], bool], int]] = field(default_factory=dict)

    def note(self, condition: Condition, bit: int) -> None:
        """Add what one rule says."""
        self.named |= bit
        match kind_of(condition.name):
            case Kind.ONE_OF:
                for value in condition.wanted:
                    self.by_value[value] = self.by_value.get(value, 0) | bit
            case Kind.FLAG:
                self.by_value[condition.wanted] = self.by_value.get(condition.wanted, 0) | bit
            case Kind.BOUNDS | Kind.ANY_OF | Kind.NONE_OF:
                _, rules = self.tests.get(condition.wanted, (None, 0))
                self.tests[condition.wanted] = (condition.test, rules | bit)

    def failing(self, value: Any) -> int:  # noqa: ANN401 - a known fact
        """Return the rules that the value keeps from matching."""
        if not self.tests:
            return self.named & ~self.by_value.get(value, 0)
        failing = 0
        for test, rules in self.tests.values():
            if not test(value):
                failing |= rules
        return failing


class Index:
    """The conditions of rules, which are known by their place."""

    def __init__(self, whens: Sequence[When]) -> None:
        columns: dict[str, _Column] = {}
        for number, when in enumerate(whens):
            bit = 1 << number
            for condition in conditions(when):
                column = columns.setdefault(condition.name, _Column(fact=condition.fact))
                column.note(condition, bit)
        self._columns = tuple(columns.values())
        self._all = (1 << len(whens)) - 1

    def answers(self, facts: Facts) -> tuple[int, int]:
        """Return the rules that match, and those that an unknown fact leaves open, as bits."""
        known = vars(facts)
        failing = unknown = 0
        for column in self._columns:
            value = known[column.fact]
            if value is None:
                unknown |= column.named
            else:
                failing |= column.failing(value)
        possible = self._all & ~failing
        return possible & ~unknown, possible & unknown


def places(bits: int) -> Iterator[int]:
    """Yield the numbers of the rules whose bits are set, the lowest first."""
    while bits:
        bit = bits & -bits
        yield bit.bit_length() - 1
        bits ^= bit
