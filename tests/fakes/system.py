"""An outside system in memory: a lamp that can be read, set and asked what became of a call."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from policies.model import ActionKind, Clock, Inverse, Precondition, Tier
from tests.fakes.values import effect
from tools.base import (
    AnyTool,
    Call,
    Connector,
    Effect,
    Parameters,
    Plan,
    Reading,
    ReadTool,
    Refused,
    State,
    WriteTool,
)
from tools.limits import Rate

# Longer than any tool of the fake waits.
NEVER_S = 30.0
Fault = Exception | float


class FakeSettings(BaseModel):
    """The fake needs none."""

    model_config = ConfigDict(extra="forbid")


class LampParameters(Parameters):
    """Which lamp."""

    name: str = Field(min_length=1, max_length=20)


class SetParameters(LampParameters):
    """Which lamp, from what, to what."""

    before: str
    to: str


class FakeSystem:
    """The lamp's state, what is to go wrong, and the order in which everything was called."""

    def __init__(self) -> None:
        self.trail: list[str] = []
        self.value = "old"
        self.excerpt = "a lamp"
        self.faults: dict[str, Fault] = {}
        # How many calls of a step go well before its fault.
        self.spared: dict[str, int] = {}
        self.done: dict[str, str] = {}
        self.acted: list[Call] = []
        # Whether a call takes effect although it then fails.
        self.acts_before_failing = False

    async def note(self, step: str) -> None:
        """Write the step down, and fail where the test wants it."""
        self.trail.append(step)
        if self.spared.get(step, 0) > 0:
            self.spared[step] -= 1
            return
        fault = self.faults.get(step)
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            await asyncio.sleep(fault)


class FakeReader(ReadTool[LampParameters]):
    """Read the lamp."""

    name = "fake_read"
    params = LampParameters
    agents = ("incident",)
    timeout_s = 0.3
    rate: ClassVar[Rate | None] = None

    def __init__(self, system: FakeSystem) -> None:
        self._system = system

    async def read(self, params: LampParameters) -> Reading:
        await self._system.note("read")
        return Reading(
            query=f"lamp {params.name}",
            data={"value": self._system.value},
            excerpt=self._system.excerpt,
            rows=({"value": self._system.value, "note": self._system.excerpt},),
        )


class FakeTool(WriteTool[SetParameters]):
    """Set the lamp."""

    name = "fake_set"
    tier = Tier.MEDIUM
    action = ActionKind.TOGGLE
    params = SetParameters
    agents = ("incident",)
    editable = ("to",)
    timeout_s = 0.3
    rate: ClassVar[Rate | None] = None

    def __init__(self, system: FakeSystem) -> None:
        self._system = system

    async def observe(self, params: SetParameters) -> State:
        await self._system.note("observe")
        return {"value": self._system.value}

    def plan(self, params: SetParameters, observed: State) -> Plan:
        if observed["value"] != params.before:
            raise Refused(f"the lamp is {observed['value']}")
        return Plan(
            title=f"Set the lamp from {params.before} to {params.to}",
            target=params.name,
            preconditions=(Precondition(field="value", value=params.before),),
            inverse=Inverse(
                tool=self.name,
                parameters={"name": params.name, "before": params.to, "to": params.before},
                window_s=3600,
                sentence="Set it back.",
            ),
            expected_effect=effect(),
        )

    async def act(self, params: SetParameters, call: Call) -> Effect:
        if self._system.acts_before_failing:
            self._system.value = self._system.done[call.key] = params.to
        await self._system.note("act")
        self._system.acted.append(call)
        self._system.value = self._system.done[call.key] = params.to
        return _left(params.to)

    async def reconcile(self, params: SetParameters, call: Call) -> Effect | None:
        await self._system.note("reconcile")
        found = self._system.done.get(call.key)
        return None if found is None else _left(found)


class FakeConnector(Connector[FakeSettings]):
    """The system with its two tools."""

    name = "fake"
    title = "Fake"
    settings = FakeSettings

    def __init__(self, system: FakeSystem | None = None) -> None:
        self.system = system or FakeSystem()
        self.is_closed = False

    @classmethod
    def build(cls, settings: FakeSettings, clock: Clock) -> "FakeConnector":
        del settings, clock
        return cls()

    def tools(self) -> Sequence[AnyTool]:
        return (FakeReader(self.system), FakeTool(self.system))

    async def check(self) -> str:
        return "well"

    async def close(self) -> None:
        self.is_closed = True


def _left(value: str) -> Effect:
    return Effect(sentence=f"The lamp is {value}.", left={"value": value})
