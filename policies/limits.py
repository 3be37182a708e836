"""How much one task, and one agent in one environment, may use; reaching a limit stops it."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
)

from policies.facts import Strict
from policies.money import Money

DEFAULT = "default"
REACHED = "LIMIT_REACHED"


class Limit(StrEnum):
    """What is limited; the words of the rule file."""

    WALL_S = "wall_s"
    TOOL_CALLS = "tool_calls"
    TOKENS = "tokens"
    MONEY = "money"
    RETRIES = "retries"
    OPEN_PROPOSALS = "open_proposals"
    ACTIONS_AN_HOUR = "actions_an_hour"
    SPEND_CHANGE_A_DAY = "spend_change_a_day"


def _money(given: object) -> object:
    if not isinstance(given, str):
        return given
    try:
        return Money.parse(given)
    except ValidationError as error:
        raise ValueError(_own_words(error)) from error


def _own_words(error: ValidationError) -> str:
    """Return the one sentence of Money's check, without what pydantic says around it."""
    return str(error.errors()[0]["msg"]).removeprefix("Value error, ")


Written = Annotated[Money, BeforeValidator(_money), PlainSerializer(str)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


def _amounts(given: dict[str, Decimal]) -> dict[str, Decimal]:
    for currency, amount in given.items():
        try:
            Money(amount=amount, currency=currency)
        except ValidationError as error:
            raise ValueError(_own_words(error)) from error
    return given


Amounts = Annotated[dict[Currency, Decimal], Field(min_length=1), AfterValidator(_amounts)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Least = Annotated[int, Field(ge=1, le=1_000_000_000)]
M = TypeVar("M", bound=Strict)


class TaskLimits(Strict):
    """What one task may use in all; None sets no limit here."""

    wall_s: Least | None = None
    tool_calls: Least | None = None
    tokens: Count | None = None
    money: Written | None = None
    retries: Count | None = None
    open_proposals: Least | None = None


class PlaceLimits(Strict):
    """What an agent may do in one environment; a currency that is not named has no allowance."""

    actions_an_hour: Count | None = None
    spend_change_a_day: Amounts | None = None


class AgentLimits(PlaceLimits):
    """The limits of one agent: of each task, of all together, and of each environment."""

    task: TaskLimits | None = None
    open_proposals: Least | None = None
    environments: dict[str, PlaceLimits] = Field(default_factory=dict)


class Limits(Strict):
    """The limits of a rule set, by agent; `default` counts where an agent names nothing itself."""

    agents: dict[str, AgentLimits]

    def ceiling(self, agent: str, environment: str) -> "Ceiling":
        """Return the numbers that hold for an agent in an environment."""
        usual = self.agents.get(DEFAULT, AgentLimits())
        own = self.agents.get(agent, AgentLimits())
        task = over(usual.task or TaskLimits(), own.task)
        everywhere = own.open_proposals or usual.open_proposals
        exact = own.environments.get(environment, PlaceLimits())
        usual_there = usual.environments.get(environment, PlaceLimits())
        actions = exact.actions_an_hour
        if actions is None:
            actions = _least(own.actions_an_hour, usual_there.actions_an_hour)
        spend = exact.spend_change_a_day
        if spend is None:
            spend = _least_amounts(own.spend_change_a_day, usual_there.spend_change_a_day)
        return Ceiling(
            agent=agent,
            environment=environment,
            task=task,
            open_proposals=everywhere,
            actions_an_hour=usual.actions_an_hour if actions is None else actions,
            spend_change_a_day=usual.spend_change_a_day if spend is None else spend,
        )


def over(base: M, own: M | None) -> M:
    """Return the limits with every value that `own` names in the place of the base's."""
    if own is None:
        return base
    named = {name: value for name, value in own if value is not None}
    return base.model_copy(update=named)


def _least(one: int | None, other: int | None) -> int | None:
    return min((found for found in (one, other) if found is not None), default=None)


def _least_amounts(one: Amounts | None, other: Amounts | None) -> Amounts | None:
    if one is None or other is None:
        return other if one is None else one
    # What one of them does not name has no allowance.
    return {currency: min(one[currency], other[currency]) for currency in one.keys() & other.keys()}


class Ceiling(Strict):
    """The numbers that hold for one agent in one environment; None is no limit."""

    agent: str
    environment: str
    task: TaskLimits = TaskLimits()
    open_proposals: int | None = None
    actions_an_hour: int | None = None
    spend_change_a_day: Amounts | None = None

    def reached(
        self, limit: Limit, most: object, used: object, *, is_of_task: bool = False
    ) -> "Reached":
        """Return that a limit of these is reached."""
        place = None if is_of_task or limit is Limit.OPEN_PROPOSALS else self.environment
        return Reached(
            limit=limit,
            agent=self.agent,
            environment=place,
            most=str(most),
            used=str(used),
            is_of_task=is_of_task,
        )

    def of_task(self, usage: "Usage") -> "Reached | None":
        """Return which limit of the task does not let it make another call, or None."""
        task = self.task
        for limit, most, used in (
            (Limit.WALL_S, task.wall_s, int(usage.worked_s)),
            (Limit.TOOL_CALLS, task.tool_calls, usage.tool_calls),
        ):
            if most is not None and used >= most:
                return self.reached(limit, most, used, is_of_task=True)
        return None

    def of_model(self, usage: "Usage") -> "Reached | None":
        """Return which limit does not let the task ask a model again, or None."""
        task = self.task
        if task.tokens is not None and usage.tokens >= task.tokens:
            return self.reached(Limit.TOKENS, task.tokens, usage.tokens, is_of_task=True)
        if task.money is None:
            return None
        for currency, amount in sorted(usage.money.items()):
            # Of another currency nobody has said how much is too much.
            most = task.money.amount if currency == task.money.currency else Decimal(0)
            if amount >= most and amount > 0:
                used = f"{amount.normalize():f} {currency}"
                return self.reached(Limit.MONEY, task.money, used, is_of_task=True)
        spent_all = task.money.amount == 0
        return self.reached(Limit.MONEY, task.money, 0, is_of_task=True) if spent_all else None

    def of_retries(self, usage: "Usage") -> "Reached | None":
        """Return that the task has failed more often than it may, or None."""
        most = self.task.retries
        if most is None or usage.retries <= most:
            return None
        return self.reached(Limit.RETRIES, most, usage.retries, is_of_task=True)

    def of_proposals(self, of_task: int, of_agent: int) -> "Reached | None":
        """Return which limit does not let another proposal wait for a person, or None."""
        most = self.task.open_proposals
        if most is not None and of_task >= most:
            return self.reached(Limit.OPEN_PROPOSALS, most, of_task, is_of_task=True)
        if self.open_proposals is not None and of_agent >= self.open_proposals:
            return self.reached(Limit.OPEN_PROPOSALS, self.open_proposals, of_agent)
        return None

    def of_action(self, counters: "Counters", raised: Money | None) -> "Reached | None":
        """Return which limit does not let one more action begin, or None.

        `raised` is by how much the action raises what is spent a day.
        """
        most = self.actions_an_hour
        if most is not None and counters.agent_actions_last_hour >= most:
            return self.reached(Limit.ACTIONS_AN_HOUR, most, counters.agent_actions_last_hour)
        if raised is None or raised.amount == 0 or self.spend_change_a_day is None:
            return None
        allowed = self.spend_change_a_day.get(raised.currency, Decimal(0))
        spent = counters.spend_change_today or Decimal(0)
        if spent + raised.amount <= allowed:
            return None
        used = f"{Money(amount=spent, currency=raised.currency)} before, and {raised} more"
        return self.reached(
            Limit.SPEND_CHANGE_A_DAY, Money(amount=allowed, currency=raised.currency), used
        )


# What holds where a rule set says nothing of limits; the program's own always does.
NO_LIMITS = Limits(agents={})


class Usage(Strict):
    """What a task has used so far; `money` is what models cost, by currency."""

    tool_calls: int = 0
    tokens: int = 0
    money: dict[str, Decimal] = Field(default_factory=dict)
    retries: int = 0
    worked_s: float = 0.0


class Counters(Strict):
    """What happened lately around an action, as counted in one look.

    `actions_last_hour` is of the tool in the environment, whoever asked; `agent_actions_last_hour`
    and `spend_change_today` (of the last 24 hours, in the action's currency, None without one) are
    of the agent in the environment; `open_proposals` are the agent's.
    """

    actions_last_hour: int = 0
    agent_actions_last_hour: int = 0
    spend_change_today: Decimal | None = None
    open_proposals: int = 0
    task_open_proposals: int = 0
    last_change_age_s: int | None = None


_WORDS: Mapping[Limit, str] = {
    Limit.WALL_S: "seconds of work",
    Limit.TOOL_CALLS: "tool calls",
    Limit.TOKENS: "tokens",
    Limit.MONEY: "money for models",
    Limit.RETRIES: "retries",
    Limit.OPEN_PROPOSALS: "proposals that wait for a person",
    Limit.ACTIONS_AN_HOUR: "actions within an hour",
    Limit.SPEND_CHANGE_A_DAY: "more spending a day within 24 hours",
}
_TODO: Mapping[Limit, str] = {
    Limit.OPEN_PROPOSALS: "Answer some of those that wait, then ask again",
    Limit.ACTIONS_AN_HOUR: "Ask again when the hour is over, or do it by hand",
    Limit.SPEND_CHANGE_A_DAY: "Ask again tomorrow, ask for less, or do it by hand",
}


class Reached(Strict):
    """A limit that is reached: which, its value, and how much was used."""

    limit: Limit
    agent: str
    environment: str | None = None
    most: str
    used: str
    is_of_task: bool

    @property
    def reason(self) -> str:
        """The reason code."""
        return f"LIMIT_{self.limit.name}"

    @property
    def sentence(self) -> str:
        """Which limit it is, with its value, and what can be done."""
        where = "" if self.environment is None else f" in `{self.environment}`"
        owner = f"a task of `{self.agent}`" if self.is_of_task else f"`{self.agent}`{where}"
        todo = _TODO.get(self.limit, "Take over by hand, or ask again with a new task")
        return (
            f"The limit `{self.limit}` of {owner} is reached: {self.most} {_WORDS[self.limit]}"
            f" ({self.used} used). {todo}; the number stands under `limits` in the rules."
        )


class LimitReached(Exception):  # noqa: N818 - says what happened, like a signal
    """A limit is reached: what would go past it is not done, and the task stops."""

    def __init__(self, reached: Reached) -> None:
        super().__init__(reached.sentence)
        self.reached = reached
