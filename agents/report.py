"""What an agent found: findings that cite evidence, and the drafts of what it would do."""

from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime

from policies.model import Strict
from tools.base import Evidence

ANALYST = "analyst"


class FindingKind(StrEnum):
    """What an investigation ends with; "nothing is wrong" and "inconclusive" are answers."""

    CHANGE = "change"
    FAULT = "fault"
    EXTERNAL = "external"
    HEALTHY = "healthy"
    INCONCLUSIVE = "inconclusive"


class Hypothesis(Strict):
    """A possible cause, with the evidence it rests on; `confidence` is 0 to 1."""

    component: str
    fault: str
    change_id: str | None
    confidence: Decimal
    evidence: tuple[str, ...]
    explanation: str


class Moment(Strict):
    """One line of a timeline."""

    at: AwareDatetime
    what: str
    evidence: str


class Report(Strict):
    """What an agent concludes, ready to be shown."""

    outcome: FindingKind
    summary: str
    hypotheses: tuple[Hypothesis, ...] = ()
    first_failing: str | None = None
    blast_radius: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    timeline: tuple[Moment, ...] = ()
    analysed_by: str = ANALYST
    notes: tuple[str, ...] = ()
    # The agent's own model as JSON: a campaign plan, a digest.
    attachment: str | None = None


def cited(report: Report) -> Report:
    """Drop every hypothesis that cites no evidence which exists and answered."""
    known = {item.id for item in report.evidence if item.fault is None}
    kept = tuple(
        found for found in report.hypotheses if found.evidence and known >= set(found.evidence)
    )
    return report.model_copy(update={"hypotheses": kept})
