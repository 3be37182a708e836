"""What an agent found: findings that cite evidence, and the drafts of what it would do."""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime

from policies.model import Strict
from tools.base import Evidence
from tools.halts import subject

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


class Lead(Strict):
    """A campaign that leads people to a landing page of what an incident is about."""

    platform: str
    id: str
    name: str
    state: str
    evidence: str

    @property
    def subject(self) -> str:
        """The name under which the campaign is frozen."""
        return subject(self.platform, self.id)

    @property
    def is_running(self) -> bool:
        """Say whether it spends now."""
        return self.state == "ACTIVE"


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
    campaigns: tuple[Lead, ...] = ()
    # The agent's own model as JSON: a campaign plan, a digest.
    attachment: str | None = None


def unfinished(evidence: tuple[Evidence, ...]) -> Report:
    """Return what can be said when the analysis did not come to an end."""
    return Report(
        outcome=FindingKind.INCONCLUSIVE,
        summary=f"I did not come to a conclusion; {len(evidence)} pieces of evidence are there.",
        evidence=evidence,
        notes=caveats(evidence),
    )


def cited(report: Report) -> Report:
    """Drop every hypothesis that cites no evidence which exists and answered."""
    known = {item.id for item in report.evidence if item.fault is None}
    kept = tuple(
        found for found in report.hypotheses if found.evidence and known >= set(found.evidence)
    )
    return report.model_copy(update={"hypotheses": kept})


def caveats(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """Say which sources gave no answer, and which only an old one."""
    found = tuple(evidence)
    silent = [f"No answer: {item.label} ({item.fault})." for item in found if item.fault]
    old = [
        f"Not of now: {item.label} is {age(item.stale_s)} old ({item.stale_because})."
        for item in found
        if item.stale_s is not None
    ]
    return (*silent, *old)


def age(seconds: int) -> str:
    """Return an age as a person says it: `40 s`, `14 min`."""
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"  # noqa: PLR2004 - two minutes
