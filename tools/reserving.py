"""What an action takes of the limits: held against the counters in the transaction that begins it.

Counters that are read before can be overtaken: of two executors that saw the last free place both
would go. So the store counts again where it consumes the approval, and asks the same rules.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from policies.comparison import Change, compared
from policies.engine import RuleSet, decide
from policies.limits import NO_LIMITS, Ceiling, Counters, LimitReached, Usage
from policies.model import Decision, Facts, Money
from policies.money import minor_digits
from tools.base import Plan

# The facts that are counted again.
COUNTED = ("actions_last_hour", "spend_change_today", "open_proposals", "last_change_age_s")


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What is counted: lately, around one action; its own execution is left out."""

    tenant: str
    agent: str
    tool: str
    environment: str
    target: str
    task_id: str
    currency: str | None = None
    proposal_id: str | None = None


class Overtaken(Exception):  # noqa: N818 - says what happened, like a signal
    """Others were faster: with what they did the rules decide more strictly than just before."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(", ".join(decision.reasons))
        self.decision = decision


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """An action with what it was decided on; `raised` is what it adds to a day's spending."""

    scope: Scope
    facts: Facts
    decision: Decision
    rules: RuleSet
    raised: Money | None = None

    @property
    def ceiling(self) -> Ceiling:
        """The limits of the rules that were decided on."""
        limits = self.rules.limits or NO_LIMITS
        return limits.ceiling(self.scope.agent, self.scope.environment)

    def check(self, counters: Counters, usage: Usage) -> None:
        """Let the action begin, or raise.

        Raises:
            LimitReached: with it, a limit of its task or agent would be passed.
            Overtaken: the rules decide more strictly on what is counted now.
        """
        reached = self.ceiling.of_task(usage) or self.ceiling.of_action(counters, self.raised)
        if reached is not None:
            raise LimitReached(reached)
        facts = self.facts.model_copy(update=counted_facts(counters))
        again = decide(facts, self.rules)
        if compared(self.decision, again) not in {Change.SAME, Change.LOOSER}:
            raise Overtaken(again)


def counted_facts(counters: Counters) -> dict[str, Any]:
    """Return the facts that are counters."""
    return {name: getattr(counters, name) for name in COUNTED}


def daily_raise(plan: Plan) -> Money | None:
    """Return by how much a plan raises what is spent a day; what lowers it takes nothing."""
    if plan.daily_raise is not None:
        return plan.daily_raise
    if plan.absolute_change is None or plan.absolute_change <= 0 or plan.total is None:
        return None
    unit = Decimal(1).scaleb(-minor_digits(plan.total.currency))
    amount = plan.absolute_change.quantize(unit, rounding=ROUND_CEILING)
    return Money(amount=amount, currency=plan.total.currency)


def currency_of(plan: Plan) -> str | None:
    """Return the currency of every amount of a plan."""
    money = plan.total or plan.daily_raise
    return plan.currency if money is None else money.currency
