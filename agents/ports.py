"""What the agents need from the edge: the store of tasks, and what it keeps of proposals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from agents.report import Report
from agents.tasks import Task, TaskState
from policies.audit import Event
from policies.ladder import Rung
from policies.limits import Ceiling, Reached
from policies.model import Proposal, ProposalState, Verdict
from tools.base import Evidence
from tools.ports import Caller, Direction, Draft

# The step that says: show the answers that are there, others are still to come.
AWAITED = "awaited"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A task that is ours until the lease ends; `epoch` tells our writes from a zombie's."""

    task: Task
    worker: str
    epoch: int


@dataclass(frozen=True, kw_only=True)
class ExecutionRow:
    """One direction of one proposal's execution, as stored."""

    direction: Direction
    state: str
    baseline: str | None
    left: dict[str, str]
    data: dict[str, str]
    sentence: str
    started_at: datetime
    ended_at: datetime | None
    key: str = ""
    asks: int = 0
    escalated_at: datetime | None = None
    settled_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """A rung of the ladder that was taken: when, and which groups are called by it."""

    rung: Rung
    at: datetime
    groups: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ProposalRow:
    """A proposal with everything that happened to it.

    Once its next groups were asked, they stand among the groups of its decision.
    """

    proposal: Proposal
    state: ProposalState
    approvers: tuple[str, ...]
    next_at: datetime | None
    executions: tuple[ExecutionRow, ...]
    verify_until: datetime | None
    roll_back_by: str | None
    verdict: Verdict | None
    is_followed_up: bool
    is_sign_off_stale: bool = False
    reminders: tuple[Reminder, ...] = ()
    broken_by: str | None = None

    @property
    def rungs(self) -> frozenset[Rung]:
        """The rungs of the ladder that were taken."""
        return frozenset(reminder.rung for reminder in self.reminders)

    @property
    def is_widened(self) -> bool:
        """Say whether the next groups may answer."""
        return Rung.WIDENED in self.rungs

    def execution(self, direction: Direction) -> ExecutionRow | None:
        """Return the execution in a direction, if it began."""
        return next((row for row in self.executions if row.direction is direction), None)


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What somebody says to a task: `kind` and what it takes to act on it."""

    id: str
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class TaskChange:
    """What one step of a task writes, in one transaction."""

    state: TaskState | None = None
    events: tuple[Event, ...] = ()
    steps: dict[str, str] = field(default_factory=dict)
    proposals: tuple[Proposal, ...] = ()
    # How many proposals may wait; held against those there are where these are added.
    ceiling: Ceiling | None = None
    # The limit that ends it here.
    stopped_by: Reached | None = None


class TaskStore(Protocol):
    """Tasks and their proposals. Every write is fenced by the claim and raises LostLease."""

    async def advance(self, claim: Claim, change: TaskChange) -> None:
        """Write one step; raises LimitReached when too many proposals would wait."""
        ...

    async def release(self, claim: Claim, worked_s: float = 0.0) -> None:
        """Give the task back; it wakes when its row, or a proposal of it, says so."""
        ...

    async def back_off(
        self, claim: Claim, fault: str, worked_s: float = 0.0, ceiling: Ceiling | None = None
    ) -> None:
        """Count a failed attempt, and try later or escalate."""
        ...

    async def stop(self, claim: Claim, reached: Reached) -> None:
        """Leave the task to people because of a limit."""
        ...

    async def waiting(self, claim: Claim) -> tuple[int, int]:
        """Return how many proposals wait for a person: of the task's agent, and of the task."""
        ...

    async def step(self, task_id: str, name: str) -> str | None:
        """Return the kept result of a step, or None."""
        ...

    async def answers(self, task_id: str) -> tuple[Evidence, ...]:
        """Return the answers that a task's look has had so far."""
        ...

    async def proposals(self, task_id: str) -> list[ProposalRow]:
        """Return the proposals of a task in the order they were made."""
        ...

    async def move(
        self,
        claim: Claim,
        row: ProposalRow,
        to: ProposalState,
        reason: str,
        sentence: str,
    ) -> None:
        """Move a proposal, and the task with it."""
        ...

    async def remind(
        self, claim: Claim, row: ProposalRow, rung: Rung, groups: Sequence[str]
    ) -> None:
        """Call people to a proposal that waits, once for each rung."""
        ...

    async def verified(
        self, claim: Claim, row: ProposalRow, verdict: Verdict, measured: str | None
    ) -> None:
        """Write a verdict."""
        ...

    async def measure_again(self, claim: Claim, row: ProposalRow, delay_s: float) -> None:
        """Look again later."""
        ...

    async def follow_up(
        self,
        claim: Claim,
        row: ProposalRow,
        proposals: Sequence[Proposal],
        notes: Sequence[str] = (),
        ceiling: Ceiling | None = None,
    ) -> None:
        """Write what is proposed after a proposal was carried out and read back.

        Raises LimitReached when too many proposals would wait.
        """
        ...

    async def settle(self, claim: Claim) -> None:
        """Bring the task in line with its proposals: its state, and when it wakes next."""
        ...

    async def signals(self, task_id: str) -> list[Signal]:
        """Return what was said to the task and not taken yet."""
        ...

    async def drop(self, claim: Claim, signal: Signal) -> None:
        """Take a signal that came too late."""
        ...

    async def is_told(self, task_id: str) -> bool:
        """Say whether the thread shows the newest of the task's events."""
        ...


class Agent(Protocol):
    """One kind of thinking."""

    name: str
    version: str

    async def gather(self, caller: Caller, task: Task) -> tuple[Evidence, ...]:
        """Look at what there is; slow or dead sources become evidence with a fault."""
        ...

    async def analyse(
        self, task: Task, evidence: tuple[Evidence, ...]
    ) -> tuple[Report, tuple[Draft, ...]]:
        """Conclude, and say what could be done."""
        ...

    async def follow_up(self, task: Task, row: ProposalRow) -> tuple[Draft, ...]:
        """Say what comes after a proposal that was carried out and read back."""
        ...
