"""One direction of one proposal on its way: what it starts from, and how it may end early."""

from dataclasses import dataclass
from datetime import datetime

from policies.model import Proposal, ProposalState
from tools.base import AnyWriteTool, Call, Effect, Parameters, Row, State
from tools.ports import Direction, Grant, Outcome

# When what could not be answered is asked again, and when what only came too early is.
RETRY_S, AGAIN_S = 5.0, 0.5


@dataclass(frozen=True, kw_only=True)
class Run:
    """One direction of one proposal, resolved: which tool, with what, from which state."""

    proposal: Proposal
    direction: Direction
    tool: AnyWriteTool
    arguments: Parameters
    expected: State
    call: Call


class Stop(Exception):  # noqa: N818 - carries an outcome, not an error
    """A run ends here; with `state` None the proposal stays as it is, until `retry_s` are over."""

    def __init__(
        self,
        state: ProposalState | None,
        reason: str,
        sentence: str,
        retry_s: float | None = None,
        *,
        data: Row | None = None,
        successor: Proposal | None = None,
    ) -> None:
        super().__init__(sentence)
        self.state, self.reason, self.sentence, self.retry_s = state, reason, sentence, retry_s
        self.data: Row = data or {}
        self.successor = successor


@dataclass(frozen=True, kw_only=True)
class Undo:
    """What a rollback starts from: the state we left, when that was, and who asked."""

    left: State
    done_at: datetime
    person: str
    # Whether the glass was broken for it: then those who may break it may undo it, too.
    is_broken: bool = False


@dataclass(frozen=True, kw_only=True)
class Again:
    """What is needed to do an unknown write again: the sign-off, or what its rollback starts from.

    `asks` counts how often the outside system was asked in vain what became of it.
    """

    grant: Grant
    undo: Undo | None = None
    asks: int = 0

    @property
    def left(self) -> State:
        """The state that a rollback starts from."""
        return {} if self.undo is None else self.undo.left

    def person(self, proposal: Proposal) -> str:
        """Return on whose behalf it happens."""
        return voices(self.grant, proposal) if self.undo is None else self.undo.person


@dataclass(frozen=True, kw_only=True)
class Word:
    """What a person says of an unknown write, and the signal that brought it."""

    person: str
    has_happened: bool
    signal: str


def voices(grant: Grant, proposal: Proposal) -> str:
    """Return on whose behalf an approved action happens."""
    people = (*grant.approvers, *([grant.broken_by] if grant.broken_by else []))
    return ", ".join(people) or proposal.action.requester


def done(run: Run, effect: Effect, reason: str) -> Outcome:
    """Return the outcome of a run that took effect."""
    is_forward = run.direction is Direction.FORWARD
    return Outcome(
        proposal=run.proposal,
        direction=run.direction,
        state=ProposalState.EXECUTED if is_forward else ProposalState.ROLLED_BACK,
        sentence=effect.sentence,
        reason=reason,
        left=effect.left,
        data=effect.data,
    )
