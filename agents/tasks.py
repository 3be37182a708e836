"""A task is one unit of agent work; its states, and how they follow from its proposals."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field

from policies.model import Actor, ProposalState, Severity, Strict


class TaskKind(StrEnum):
    """Which agent a task is for."""

    INCIDENT = "incident"
    CAMPAIGN = "campaign"
    DIGEST = "digest"
    POLICY = "policy"


# The version of how a kind of task goes through its states: one up where a waiting task of before
# can't be taken on by the new code, or one of now not by the code before.
DEFINITIONS: Mapping[TaskKind, int] = dict.fromkeys(TaskKind, 1)


# Of an incident's `spec`: the page that its alert names.
LANDING_PAGE = "landing_page"


class TaskState(StrEnum):
    """Where a task stands."""

    QUEUED = "QUEUED"
    GATHERING = "GATHERING"
    ANALYSING = "ANALYSING"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    EXECUTING = "EXECUTING"
    VERIFYING = "VERIFYING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    RECOVERED = "RECOVERED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    ESCALATED = "ESCALATED"


_S = TaskState
_ENDS = frozenset(
    {_S.COMPLETED, _S.FAILED, _S.RECOVERED, _S.REJECTED, _S.EXPIRED, _S.CANCELLED, _S.ESCALATED}
)
_WORK = frozenset({_S.AWAITING_APPROVAL, _S.EXECUTING, _S.VERIFYING})
OPEN = frozenset(_S) - _ENDS
# After the analysis a task follows its proposals, and a rollback opens an ended task again.
TRANSITIONS: Mapping[TaskState, frozenset[TaskState]] = {
    _S.QUEUED: frozenset({_S.GATHERING, _S.CANCELLED, _S.FAILED, _S.ESCALATED}),
    _S.GATHERING: frozenset({_S.ANALYSING, _S.CANCELLED, _S.FAILED, _S.ESCALATED}),
    _S.ANALYSING: _WORK | _ENDS,
    _S.AWAITING_APPROVAL: (_WORK | _ENDS) - {_S.AWAITING_APPROVAL},
    _S.EXECUTING: (_WORK | _ENDS) - {_S.EXECUTING},
    _S.VERIFYING: (_WORK | _ENDS) - {_S.VERIFYING},
    # An end is one until somebody asks for something more: to undo it, or to try once more.
    _S.COMPLETED: frozenset({_S.AWAITING_APPROVAL, _S.EXECUTING, _S.RECOVERED, _S.ESCALATED}),
    _S.ESCALATED: _WORK | (_ENDS - {_S.ESCALATED}),
    # Of two actions of a task the second may be undone after the first.
    _S.RECOVERED: frozenset({_S.AWAITING_APPROVAL, _S.EXECUTING, _S.ESCALATED}),
    _S.FAILED: frozenset({_S.AWAITING_APPROVAL, _S.EXECUTING, _S.ESCALATED}),
    _S.REJECTED: frozenset({_S.AWAITING_APPROVAL, _S.EXECUTING, _S.ESCALATED}),
    _S.EXPIRED: frozenset({_S.AWAITING_APPROVAL, _S.EXECUTING, _S.ESCALATED}),
    _S.CANCELLED: frozenset(),
}


class Task(Strict):
    """One unit of agent work, as stored."""

    id: str
    tenant: str
    kind: TaskKind
    state: TaskState
    group_key: str
    thread_id: str
    environment: str
    target: str
    title: str
    requester: Actor
    severity: Severity | None
    since_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    epoch: int
    attempts: int
    spec: dict[str, str]
    definition: int = 1


class NewTask(Strict):
    """What a task begins with; `spec` holds what its agent needs (a brief, an alert's key)."""

    kind: TaskKind
    tenant: str
    group_key: str
    environment: str
    target: str
    title: str
    requester: Actor
    channel: str
    severity: Severity | None = None
    since_at: datetime | None = None
    spec: dict[str, str] = Field(default_factory=dict)


_P = ProposalState


def derived(states: Iterable[ProposalState], *, is_rolling_back: bool = False) -> TaskState:
    """Return the state of an analysed task from the states of its proposals."""
    found = set(states) - {_P.SUPERSEDED}
    if is_rolling_back or found & {_P.EXECUTING, _P.APPROVED, _P.UNKNOWN}:
        return _S.EXECUTING
    if _P.EXECUTED in found:
        return _S.VERIFYING
    if _P.PENDING in found:
        return _S.AWAITING_APPROVAL
    return _ended(found)


def _ended(found: set[ProposalState]) -> TaskState:
    for state, means in (
        (_P.ROLLED_BACK, _S.RECOVERED),
        (_P.FAILED, _S.FAILED),
        (_P.DRIFTED, _S.FAILED),
        (_P.VERIFIED, _S.COMPLETED),
        (_P.REJECTED, _S.REJECTED),
        (_P.EXPIRED, _S.EXPIRED),
        (_P.WITHDRAWN, _S.CANCELLED),
        (_P.DENIED, _S.REJECTED),
    ):
        if state in found:
            return means
    return _S.COMPLETED
