"""What a task may still use: the door asks before each call, and counts what was used."""

from collections import OrderedDict
from dataclasses import dataclass, field

from policies.audit import Event, EventKind
from policies.limits import NO_LIMITS, Ceiling, LimitReached
from policies.model import Actor, ActorKind, Clock
from tools.ports import (
    Caller,
    Controls,
    Halted,
    Journal,
    ModelUse,
    RuleSource,
    of_caller,
    own_matter,
)

# Of so many tasks it is known how many calls were let through, also while they are under way.
MOST_REMEMBERED = 1000


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Holds tasks to the limits of the rules in force."""

    controls: Controls
    journal: Journal
    rules: RuleSource
    clock: Clock
    _admitted: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def ceiling(self, caller: Caller) -> Ceiling:
        """Return the limits that hold for whoever calls."""
        limits = self.rules().limits or NO_LIMITS
        return limits.ceiling(caller.agent, caller.environment)

    async def admit(self, caller: Caller) -> None:
        """Let one more tool call through; those under way count as if they had ended.

        Raises:
            LimitReached: the task may make no more calls.
        """
        usage = await self.controls.usage(caller.task_id)
        # From here on nothing waits: of many calls at once each sees those before it.
        calls = max(self._admitted.get(caller.task_id, 0), usage.tool_calls)
        reached = self.ceiling(caller).of_task(usage.model_copy(update={"tool_calls": calls}))
        if reached is not None:
            raise LimitReached(reached)
        self._admitted[caller.task_id] = calls + 1
        self._admitted.move_to_end(caller.task_id)
        while len(self._admitted) > MOST_REMEMBERED:
            self._admitted.popitem(last=False)

    async def require_model(self, caller: Caller) -> None:
        """Let the task ask a model once more; to be called before each question.

        Raises:
            Halted: Signoff is paused.
            LimitReached: its tokens, its money or its time are used up.
        """
        if (await self.controls.standing(own_matter(caller))).pause is not None:
            raise Halted
        ceiling, usage = self.ceiling(caller), await self.controls.usage(caller.task_id)
        reached = ceiling.of_task(usage) or ceiling.of_model(usage)
        if reached is not None:
            raise LimitReached(reached)

    async def model_asked(self, use: ModelUse, caller: Caller) -> None:
        """Record a model's answer with its tokens and its cost, and count both for the task."""
        cost = f"{use.cost.normalize():f} {use.currency}"
        event = Event(
            kind=EventKind.MODEL_ASKED,
            at=self.clock.now(),
            actor=Actor(kind=ActorKind.AGENT, id=caller.agent),
            **of_caller(caller),
            policy_version=self.rules().version,
            cost=cost,
            data={"model": use.model, "tokens": use.tokens},
            sentence=f"`{use.model}` was asked: {use.tokens} tokens, {cost}.",
        )
        await self.journal.asked(event, use, caller)
