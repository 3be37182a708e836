"""The values the rules speak of: actor, action, facts, decision and proposal."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NewType, Protocol

import rfc8785
from pydantic import AwareDatetime, Field, SerializerFunctionWrapHandler, model_serializer

from policies.facts import ActionKind, ActorKind, Facts, Mode, Severity, Strict, Tier
from policies.money import Money

TenantId = NewType("TenantId", str)
TaskId = NewType("TaskId", str)
ProposalId = NewType("ProposalId", str)
ActionHash = NewType("ActionHash", str)
# A person as `team/user`, both Slack ids: a user id alone is not unique across teams.
PersonId = NewType("PersonId", str)

DEFAULT_TENANT = TenantId("default")

Scalar = str | int | bool
Parameters = Mapping[str, Scalar]


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Return the present time, aware, in UTC."""
        ...


class Actor(Strict):
    """Somebody who asks or acts; `id` is a `PersonId`, an agent's name or `system:<source>`."""

    kind: ActorKind
    id: str = Field(min_length=1, max_length=200)

    def __str__(self) -> str:
        return self.id


class Precondition(Strict):
    """A predicate over state that the action overwrites: `field` must still equal `value`."""

    field: str
    value: str
    # The same for people, where field and value alone would not say it.
    words: str | None = None

    def __str__(self) -> str:
        return self.words or f"{self.field} is {self.value}"


class Comparator(StrEnum):
    """How a measurement is held against its threshold."""

    EQ = "eq"
    LE = "le"
    GE = "ge"


class Unit(StrEnum):
    """How a measurement is shown: as it is, or as a share of a hundred."""

    TEXT = "text"
    RATIO = "ratio"


class ExpectedEffect(Strict):
    """What should be seen afterwards, measured by a reading tool.

    `settle_s` after the action is the first moment a measurement counts (at least the query's
    range window), until `settle_s + window_s` it may still come true, at `deadline_s` silence
    becomes "unknown". `baseline` is the measurement when the action was proposed.
    """

    tool: str
    parameters: dict[str, Scalar]
    field: str
    comparator: Comparator
    value: str
    unit: Unit = Unit.TEXT
    baseline: str | None
    settle_s: int = Field(ge=0)
    window_s: int = Field(ge=0)
    deadline_s: int = Field(ge=1)
    sentence: str


class Inverse(Strict):
    """How the action is undone; the sign-off covers it for `window_s` after the execution.

    It is meant for one version of its tool, as the action is; None where that was not kept.
    """

    tool: str
    parameters: dict[str, Scalar]
    window_s: int = Field(ge=0)
    sentence: str
    tool_version: int | None = None

    @model_serializer(mode="wrap")
    def _kept(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = inner(self)
        if self.tool_version is None:
            # Those of earlier versions keep their hash, and with it their sign-off.
            del found["tool_version"]
        return found


class Action(Strict):
    """One change to one outside system: exactly what a sign-off is bound to."""

    tenant: str
    proposal_id: str
    tool: str
    tool_version: int
    target: str
    environment: str
    parameters: dict[str, Scalar]
    preconditions: tuple[Precondition, ...]
    expected_effect: ExpectedEffect | None
    inverse: Inverse | None
    requester: str
    agent: str
    not_after: AwareDatetime

    @property
    def hash(self) -> ActionHash:
        """SHA-256 over the RFC 8785 form of every field, under the label `action/v1`."""
        canonical = rfc8785.dumps(self.model_dump(mode="json"))
        return ActionHash(hashlib.sha256(b"action/v1\0" + canonical).hexdigest())


class EffectKind(StrEnum):
    """What a decision comes to."""

    DENY = "deny"
    APPROVE = "approve"
    AUTO = "auto"


class Clause(Strict):
    """`n` different members of any of `groups` must approve; `then` is who is asked next."""

    rule: str
    n: int = Field(ge=1, le=10)
    groups: tuple[str, ...] = Field(min_length=1)
    then: tuple[str, ...] = ()


class Decision(Strict):
    """The answer of the rules, with the rules and reason codes that led to it."""

    effect: EffectKind
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    policy_version: str
    clauses: tuple[Clause, ...] = ()
    expires_s: int | None = None
    self_approval: bool = False

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group that is asked, in order, each once."""
        return tuple(dict.fromkeys(name for clause in self.clauses for name in clause.groups))

    @property
    def people(self) -> int:
        """How many people must approve in all: one person counts for one clause only."""
        return sum(clause.n for clause in self.clauses)


class Decided(Strict):
    """A decision with the facts that it was taken on; None where no rule was asked."""

    decision: Decision
    facts: Facts | None = None


class Link(Strict):
    """A place to look, with the words to click on."""

    label: str
    url: str


class Proposal(Strict):
    """One action put before people, with what they need to decide; state lives in its row."""

    id: str
    task_id: str
    key: str
    revision: int = Field(ge=1)
    title: str
    action: Action
    decision: Decision
    created_at: AwareDatetime
    expires_at: AwareDatetime
    observed: tuple[str, ...] = ()
    rationale: str | None = None
    confidence: Decimal | None = None
    severity: Severity | None = None
    since_at: AwareDatetime | None = None
    links: tuple[Link, ...] = ()
    blast_radius: tuple[str, ...] = ()
    worst_case: str | None = None
    tainted: bool = False
    editable: tuple[str, ...] = ()
    requesters: tuple[str, ...] = ()
    replaces: str | None = None
    # What was decided on; None where no rule was asked.
    facts: Facts | None = None
    # Who changed it last; then the rationale says what, and the agent's confidence is not kept.
    edited_by: str | None = None
    # Why people are asked again; None for what they are asked for the first time.
    anew: str | None = None

    @model_serializer(mode="wrap")
    def _kept(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = inner(self)
        if self.edited_by is None:
            # The version before knows no such field, and reads what nobody edited.
            found.pop("edited_by", None)
        return found


class ProposalState(StrEnum):
    """Where a proposal stands."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    EXECUTING = "EXECUTING"
    EXECUTED = "EXECUTED"
    VERIFIED = "VERIFIED"
    DENIED = "DENIED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"
    SUPERSEDED = "SUPERSEDED"
    DRIFTED = "DRIFTED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    ROLLED_BACK = "ROLLED_BACK"


_S = ProposalState
PROPOSAL_TRANSITIONS: Mapping[ProposalState, frozenset[ProposalState]] = {
    _S.PENDING: frozenset(
        {_S.APPROVED, _S.DENIED, _S.REJECTED, _S.EXPIRED, _S.WITHDRAWN, _S.SUPERSEDED}
    ),
    _S.APPROVED: frozenset(
        {
            _S.EXECUTING,
            _S.DENIED,
            _S.DRIFTED,
            _S.EXPIRED,
            _S.FAILED,
            _S.SUPERSEDED,
            _S.WITHDRAWN,
        }
    ),
    _S.EXECUTING: frozenset({_S.EXECUTED, _S.FAILED, _S.UNKNOWN, _S.DRIFTED}),
    # Found "surely not done" on asking, an unknown goes where an approved one would.
    _S.UNKNOWN: frozenset(
        {
            _S.EXECUTING,
            _S.EXECUTED,
            _S.FAILED,
            _S.DRIFTED,
            _S.DENIED,
            _S.EXPIRED,
            _S.SUPERSEDED,
        }
    ),
    _S.EXECUTED: frozenset({_S.VERIFIED, _S.ROLLED_BACK}),
    _S.VERIFIED: frozenset({_S.ROLLED_BACK}),
    _S.DENIED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.WITHDRAWN: frozenset(),
    _S.SUPERSEDED: frozenset(),
    _S.DRIFTED: frozenset(),
    _S.FAILED: frozenset(),
    _S.ROLLED_BACK: frozenset(),
}


class Verdict(StrEnum):
    """What the measurement after the action says."""

    WORKED = "worked"
    NO_CHANGE = "no change"
    WORSE = "worse"
    UNKNOWN = "unknown"


__all__ = [
    "DEFAULT_TENANT",
    "PROPOSAL_TRANSITIONS",
    "Action",
    "ActionHash",
    "ActionKind",
    "Actor",
    "ActorKind",
    "Clause",
    "Clock",
    "Comparator",
    "Decided",
    "Decision",
    "EffectKind",
    "ExpectedEffect",
    "Facts",
    "Inverse",
    "Link",
    "Mode",
    "Money",
    "Parameters",
    "PersonId",
    "Precondition",
    "Proposal",
    "ProposalId",
    "ProposalState",
    "Scalar",
    "Severity",
    "Strict",
    "TaskId",
    "TenantId",
    "Tier",
    "Unit",
    "Verdict",
]
