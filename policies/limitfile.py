"""Limits as a rule file gives them: what is wrong in it, whose numbers count, and what changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any

from policies.facts import Strict
from policies.limits import (
    DEFAULT,
    NO_LIMITS,
    AgentLimits,
    Ceiling,
    Limit,
    Limits,
    PlaceLimits,
    TaskLimits,
    over,
)
from policies.money import CURRENCIES
from policies.rulefile import currency_words, quoted
from policies.vocabulary import word_fault
from policies.yamltext import Path


@dataclass(frozen=True, kw_only=True)
class LimitChange:
    """How a limit differs between two rule sets; None is no limit."""

    agent: str
    environment: str | None
    limit: str
    before: Decimal | None
    after: Decimal | None

    @property
    def is_looser(self) -> bool:
        """Whether more is allowed than before."""
        if self.before is None or self.after is None:
            return self.after is None
        return self.after > self.before


def limit_changes(old: Limits | None, new: Limits | None) -> list[LimitChange]:
    """Return every number that differs, for each agent and environment that either set names."""
    before, after = old or NO_LIMITS, new or NO_LIMITS
    agents = sorted({DEFAULT, *before.agents, *after.agents})
    # Of an environment that nobody names first.
    places = ("", *sorted({place for one in (before, after) for place in _places(one)}))
    found = {
        (change.agent, change.environment, change.limit): change
        for agent, place in product(agents, places)
        for change in _changes(before.ceiling(agent, place), after.ceiling(agent, place))
    }
    return list(found.values())


def _changes(before: Ceiling, after: Ceiling) -> Iterator[LimitChange]:
    old, new = _numbers(before), _numbers(after)
    for name in dict.fromkeys((*old, *new)):
        was, now = _number(old, name), _number(new, name)
        # What counts over all environments is told once.
        place = before.environment or None if name.startswith(_OF_PLACE) else None
        if was != now:
            yield LimitChange(
                agent=before.agent, environment=place, limit=name, before=was, after=now
            )


_OF_PLACE = (Limit.ACTIONS_AN_HOUR, Limit.SPEND_CHANGE_A_DAY)


def _places(limits: Limits) -> Iterator[str]:
    for found in limits.agents.values():
        yield from found.environments


def _numbers(ceiling: Ceiling) -> dict[str, Decimal]:
    task = ceiling.task.model_dump(exclude_none=True, exclude={"money"})
    found = {f"task.{name}": Decimal(value) for name, value in task.items()}
    if ceiling.task.money is not None:
        found[f"task.money in {ceiling.task.money.currency}"] = ceiling.task.money.amount
    for name in ("open_proposals", "actions_an_hour"):
        if getattr(ceiling, name) is not None:
            found[name] = Decimal(getattr(ceiling, name))
    for currency, amount in (ceiling.spend_change_a_day or {}).items():
        found[f"{Limit.SPEND_CHANGE_A_DAY} in {currency}"] = amount
    return found


def _number(numbers: Mapping[str, Decimal], name: str) -> Decimal | None:
    kind, is_amount, _ = name.partition(" in ")
    if name not in numbers and is_amount and any(other.startswith(kind) for other in numbers):
        # Of a currency that is not named nothing is allowed.
        return Decimal(0)
    return numbers.get(name)


def merged(base: Limits | None, own: Mapping[str, AgentLimits]) -> Limits | None:
    """Return limits in which every value that `own` names counts in the place of the base's."""
    if not own:
        return base
    found = dict(NO_LIMITS.agents if base is None else base.agents)
    for agent, given in own.items():
        before = found.get(agent, AgentLimits())
        places = {
            place: over(before.environments.get(place, PlaceLimits()), limits)
            for place, limits in given.environments.items()
        }
        joined = over(before, given)
        task = None if joined.task is None else over(before.task or TaskLimits(), joined.task)
        update: dict[str, Any] = {"task": task, "environments": {**before.environments, **places}}
        found[agent] = joined.model_copy(update=update)
    return Limits(agents=found)


def faults(written: AgentLimits, document: Any) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - as a file has it
    """Yield what is wrong with limits that read, each with its place below its agent.

    `document` is what stands in the file: read, a number does not show that it was a word.
    """
    parts: list[tuple[Path, Strict]] = [((), written)]
    if written.task is not None:
        parts.append((("task",), written.task))
    parts += [(("environments", name), place) for name, place in written.environments.items()]
    for path, part in parts:
        if not part.model_fields_set:
            yield path, "it limits nothing; name at least one limit or leave it out"
        for name in sorted(part.model_fields_set):
            if getattr(part, name) is None:
                yield (*path, name), "it has no value and would limit nothing; write a number"
            elif name == "environments" and not written.environments:
                yield (*path, name), "it is empty; name at least one environment or leave it out"
            elif name == "spend_change_a_day":
                yield from _amount_faults(path, getattr(part, name), document)
    yield from _name_faults(written)


def _name_faults(written: AgentLimits) -> Iterator[tuple[Path, str]]:
    for name in written.environments:
        words = word_fault(name)
        if words is not None:
            yield ("environments", name), words
    money = None if written.task is None else written.task.money
    if money is not None and money.currency not in CURRENCIES:
        yield ("task", "money"), currency_words(money.currency)


def _amount_faults(
    path: Path,
    amounts: Mapping[str, Decimal],
    document: Any,  # noqa: ANN401 - as a file has it
) -> Iterator[tuple[Path, str]]:
    for part in (*path, "spend_change_a_day"):
        document = document[part]
    for currency in amounts:
        if currency not in CURRENCIES:
            yield (*path, "spend_change_a_day", currency), currency_words(currency)
    for below, words in quoted(document):
        yield (*path, "spend_change_a_day", *below), words.partition(": ")[2]
