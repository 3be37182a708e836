"""What the gateway needs from the edge, and the values that cross that line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from policies.approvals import Memberships, Voter
from policies.audit import Event
from policies.engine import RuleSet
from policies.limits import Counters, Reached, Usage
from policies.model import (
    ActionKind,
    Actor,
    ExpectedEffect,
    Link,
    Mode,
    Proposal,
    ProposalState,
    Scalar,
    Severity,
)
from tools.base import Evidence, Row
from tools.halts import Halt, HaltKind, Matter, Standing
from tools.reserving import Reservation, Scope

# Called with the name of each boundary between two writes or calls; tests stop the process there.
Boundary = Callable[[str], None]
RuleSource = Callable[[], RuleSet]


class LostLease(Exception):  # noqa: N818 - says what happened, like a signal
    """The task is no longer ours, or the proposal moved on: our work is void."""


class Halted(Exception):  # noqa: N818 - says what happened, like a signal
    """Somebody stopped this: it waits, and is neither refused nor lost.

    Halted             Signoff is paused: nothing outside may be called
     +-- Frozen        the task or the campaign is frozen: nothing of it may be changed outside
     |    +-- BackFrozen  the campaign is, and undoing would set it going again
     +-- ModeChanged   the mode is another one than it was decided in: it is decided again
     +-- RulesChanged  other rules are in force than those that decided: it is decided again
    """

    reason = "SIGNOFF_PAUSED"
    sentence = "Signoff is paused: this waits."


class Frozen(Halted):
    """The task or the campaign is frozen: its writes wait, reading goes on."""

    reason = "FROZEN"

    def __init__(self, halt: Halt | None = None) -> None:
        what = "task" if halt is None or halt.kind is HaltKind.TASK else "campaign"
        by = "" if halt is None else f" by {halt.by}{halt.why}"
        self.sentence = f"The {what} is frozen{by}. This waits."
        super().__init__(self.sentence)


class BackFrozen(Frozen):
    """To undo this would set a frozen campaign going again."""

    def __init__(self, halt: Halt) -> None:
        super().__init__(halt)
        self.sentence = (
            f"The campaign is frozen by {halt.by}{halt.why}. To undo this would change it, so it"
            f' waits until an operator writes `/signoff unfreeze campaign "{halt.name}" REASON`.'
        )
        self.args = (self.sentence,)


class ModeChanged(Halted):
    """Somebody changed the mode since this was decided."""

    reason = "MODE_CHANGED"
    sentence = "The mode was changed meanwhile: this is decided again."


class RulesChanged(Halted):
    """Other rules came into force since this was decided."""

    reason = "RULES_CHANGED"
    sentence = "The rules were changed meanwhile: this is decided again."


class Stale(Exception):  # noqa: N818 - says what happened, like a signal
    """Who may sign off was read too long ago to consume an approval on it."""


class RecordUnavailable(Exception):  # noqa: N818 - says what happened, like a signal
    """Nothing can be recorded now, so nothing may be done."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """On whose behalf a tool is called, and under which lease."""

    tenant: str
    task_id: str
    agent: str
    agent_version: str
    environment: str
    requester: Actor
    correlation_id: str
    worker: str
    epoch: int


@dataclass(frozen=True, kw_only=True)
class ModelUse:
    """One answer of a model: its tokens, and what they cost in major units, to the last digit."""

    model: str
    tokens: int
    cost: Decimal
    currency: str


def of_caller(caller: Caller) -> dict[str, Any]:
    """Return what every event of a call carries: for which task it is, and who asked for that."""
    return {
        "tenant": caller.tenant,
        # Not every call is for a task: a command may look something up.
        "task_id": caller.task_id or None,
        "parent": str(caller.requester),
        "correlation_id": caller.correlation_id or None,
        "environment": caller.environment,
        "agent": caller.agent,
        "agent_version": caller.agent_version,
        "trigger": str(caller.requester),
        "on_behalf_of": str(caller.requester),
    }


def own_matter(caller: Caller) -> Matter:
    """Return what every call of a caller is about, whatever it calls."""
    return Matter(
        tenant=caller.tenant,
        task_id=caller.task_id,
        agent=caller.agent,
        environment=caller.environment,
    )


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An action an agent would like to take; the gateway turns it into a proposal."""

    key: str
    tool: str
    parameters: dict[str, Scalar]
    environment: str
    expected_effect: ExpectedEffect | None = None
    rationale: str | None = None
    confidence: Decimal | None = None
    observed: tuple[str, ...] = ()
    severity: Severity | None = None
    since_at: datetime | None = None
    links: tuple[Link, ...] = ()
    is_tainted: bool = False
    requesters: tuple[str, ...] = ()
    expires_at: datetime | None = None
    revision: int = 1
    replaces: str | None = None
    # Of a proposal that is decided again: what it has reserved itself does not count.
    proposal_id: str | None = None
    # Why people are asked again.
    anew: str | None = None
    # Who changed what the agent wanted.
    edited_by: str | None = None
    # The version of the tool that the parameters were written for; None for whichever there is.
    tool_version: int | None = None
    # What must be so before it starts, beside what the tool itself asks for.
    expected: Mapping[str, str] = field(default_factory=dict)


class Direction(StrEnum):
    """Whether an execution does the action or undoes it."""

    FORWARD = "forward"
    INVERSE = "inverse"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Who approved, as stored; nobody for an action the rules allow on their own.

    `is_widened` says that the next groups of the rules (`then`) were asked and count too.
    """

    approvers: tuple[str, ...]
    is_widened: bool = False
    # Who broke the glass: their consent counts in place of the sign-off.
    broken_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What an action may begin on, as it was just before.

    It begins in no other `mode`. `read_at` is when the oldest group was read that the sign-off
    rests on, None where on none; `people` are those whose sign-off counts. `reservation` is what
    is held against the limits, `policy` the version of the rules that allowed it.
    """

    mode: Mode | None = None
    read_at: datetime | None = None
    people: tuple[str, ...] = ()
    reservation: Reservation | None = None
    policy: str | None = None


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What is about to be done, written before it is done.

    What it rests on was read at `read_at` at the earliest; None where nothing was read for it.
    """

    proposal: Proposal
    direction: Direction
    key: str
    system: str
    baseline: str | None
    on_behalf_of: str
    # The kind of what is done: an undoing that only stops something passes every freeze.
    action: ActionKind | None = None
    # As whom the outside system is called.
    identity: str | None = None
    # A rollback has only `read_at`: it mends, and is held back by no mode and no limit.
    basis: Basis = Basis()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an execution ended; `state` is None where the proposal stays as it is (`retry_s`)."""

    proposal: Proposal
    direction: Direction
    state: ProposalState | None
    sentence: str
    reason: str
    left: dict[str, str] = field(default_factory=dict)
    data: Row = field(default_factory=dict)
    retry_s: float | None = None
    # The signal that this answers; it is taken in the same transaction.
    signal: str | None = None
    # The limit that ended it; its task stops in the same transaction.
    stopped_by: Reached | None = None
    # What asks people anew, where the sign-off was not enough; it is added in the same transaction.
    successor: Proposal | None = None


def idempotency_key(proposal: Proposal, direction: Direction) -> str:
    """Return the key under which one direction of a proposal is executed, however often tried."""
    return f"signoff-{proposal.id}-{direction}"


class Journal(Protocol):
    """The record of what is done; each method is one transaction under the caller's lease."""

    async def record(self, events: Sequence[Event]) -> None:
        """Append events."""
        ...

    async def called(self, event: Event, caller: Caller) -> None:
        """Append the event of a tool call, and count the call for its task."""
        ...

    async def asked(self, event: Event, use: ModelUse, caller: Caller) -> None:
        """Append the event of a model's answer, and count its tokens and cost for the task."""
        ...

    async def begin(self, intent: Intent, caller: Caller) -> None:
        """Consume the approval, reserve what it takes of the limits, and write the intent.

        Raises:
            LostLease: the approval is gone.
            Halted: somebody stopped it, or its mode or the rules are others than those it was
                decided by.
            Stale: the intent rests on what was read too long ago.
            LimitReached, Overtaken: see `Reservation.check`; nothing is consumed.
        """
        ...

    async def settle(self, outcome: Outcome, caller: Caller) -> None:
        """Write how it ended; raises LostLease when the proposal moved on meanwhile."""
        ...


class Memory(Protocol):
    """What was answered before, by task and by question."""

    async def kept(self, evidence_id: str, caller: Caller) -> Evidence | None:
        """Return what this task was answered."""
        ...

    async def last(self, key: str, caller: Caller) -> Evidence | None:
        """Return what anybody was answered last to a question with this key."""
        ...

    async def keep(self, evidence: Evidence, key: str, caller: Caller) -> None:
        """Keep an answer for this task and, if it is fresh, as the last one to its question."""
        ...


class Controls(Protocol):
    """The switches and counters that facts are completed from."""

    async def standing(self, matter: Matter) -> Standing:
        """Return what stands in the way of a call, and its mode, as they are at this moment."""
        ...

    async def counters(self, scope: Scope) -> Counters:
        """Return what happened lately around an action, in one look."""
        ...

    async def usage(self, task_id: str) -> Usage:
        """Return what a task has used of its limits."""
        ...


class Directory(Protocol):
    """Who is in which group, and what each person is."""

    async def memberships(self, groups: Sequence[str]) -> Memberships:
        """Return what is known of these groups; one that cannot be read is left out."""
        ...

    async def person(self, person: str) -> Voter:
        """Return what is known of a person (`team/user`) now; `is_known` where nothing is."""
        ...
