"""What a look and an analysis come to when time or a limit cuts them short."""

from dataclasses import dataclass, field

from agents.considering import Considered
from agents.report import Report, cited
from policies.limits import REACHED, LimitReached, Reached

TOO_LONG = "STEP_TOO_LONG"


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a look or an analysis may take; `reached` if that is all the time its task has."""

    limit_s: float
    reached: Reached | None


@dataclass
class Thought:
    """What an analysis came to, as far as it came; `notes` say what cut it short."""

    report: Report
    notes: list[str]
    reached: Reached | None
    found: Considered = field(default_factory=Considered)

    @property
    def is_partial(self) -> bool:
        """Whether something is missing."""
        return bool(self.notes) or self.reached is not None

    def concluded(self) -> Report:
        """Return the report, with what is missing in it said first."""
        limit = () if self.reached is None else (self.reached.sentence,)
        notes = (*limit, *self.notes, *self.report.notes, *self.found.notes)
        said = self.report.summary
        summary = f"Partial report. {said}" if self.is_partial else said
        return cited(self.report).model_copy(update={"notes": notes, "summary": summary})


def why(reached: Reached | None, *, is_too_long: bool) -> tuple[str, ...]:
    """Return the reason codes of what was cut short."""
    if reached is not None:
        return (REACHED, reached.reason)
    return (TOO_LONG,) if is_too_long else ()


def unasked(error: LimitReached) -> str:
    """Say that a limit leaves no room for a proposal."""
    return f"Nothing more is proposed. {error}"


def looked_for(after_s: str) -> str:
    """Say that a look was stopped."""
    return (
        f"The look was stopped after {after_s} s. What had not answered by then is"
        " missing; ask again for the rest."
    )


def thought_for(after_s: float) -> str:
    """Say that an analysis was stopped."""
    return (
        f"The analysis was stopped after {after_s:g} s. What was found until then"
        " stands here; ask again for the rest."
    )
