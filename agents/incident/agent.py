"""The incident agent: asks in parallel, concludes, and drafts a rollback and a silence."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from agents.incident.analyst import ERRORS_BEGAN, analyse, percent
from agents.incident.evidence import Answers, leads, questions
from agents.ports import ProposalRow
from agents.report import Hypothesis, Report
from agents.services import Place, ServiceMap, most_errors, settle_s
from agents.tasks import Task
from policies.model import Comparator, ExpectedEffect, Link, Unit
from tools.base import Evidence
from tools.gateway import Gateway
from tools.gathering import gather
from tools.ports import Caller, Draft

# Below this, an action is recommended in words only.
PROPOSE_FROM = Decimal("0.5")
SILENCE_MIN = 60


class IncidentAgent:
    """Looks into one service; see `agents.ports.Agent`."""

    name = "incident"
    version = "analyst-1"

    def __init__(self, gateway: Gateway, services: ServiceMap) -> None:
        self._gateway, self._services = gateway, services

    async def gather(self, caller: Caller, task: Task) -> tuple[Evidence, ...]:
        """Ask every question at once; tools that are not configured are left out."""
        return await gather(self._gateway, questions(task, self._services), caller)

    async def analyse(
        self, task: Task, evidence: tuple[Evidence, ...]
    ) -> tuple[Report, tuple[Draft, ...]]:
        """Conclude, and draft what could be done."""
        report = analyse(task, evidence, self._services).model_copy(
            update={"campaigns": leads(task, self._services, evidence)}
        )
        drafts = [*self._rollback(task, report), *self._silence(task, evidence)]
        return report, tuple(drafts)

    async def follow_up(self, task: Task, row: ProposalRow) -> tuple[Draft, ...]:
        """Nothing follows: a rollback or a silence stands alone."""
        del task, row
        return ()

    def _rollback(self, task: Task, report: Report) -> Sequence[Draft]:
        first = report.hypotheses[0] if report.hypotheses else None
        if first is None or first.change_id is None or first.confidence < PROPOSE_FROM:
            return ()
        answers = Answers(report.evidence)
        deploys = answers.item(f"deploys of {first.component}")
        row = next(
            (
                found
                for found in (() if deploys is None else deploys.rows)
                if found["id"] == first.change_id
            ),
            None,
        )
        if row is None or row["previous_version"] in {"", "None"}:
            return ()
        return (
            Draft(
                key="rollback",
                tool="shop_rollback",
                parameters={
                    "service": first.component,
                    "environment": task.environment,
                    "from_version": str(row["version"]),
                    "to_version": str(row["previous_version"]),
                },
                environment=task.environment,
                expected_effect=self._effect(task, answers),
                rationale=first.explanation,
                confidence=first.confidence,
                observed=_observed(first, report),
                severity=task.severity,
                since_at=task.since_at,
                links=self._links(task),
                is_tainted=any(item.is_untrusted for item in report.evidence),
            ),
        )

    def _silence(self, task: Task, evidence: tuple[Evidence, ...]) -> Sequence[Draft]:
        alerts = Answers(evidence).item(f"alerts of {task.target}")
        active = [row for row in (alerts.rows if alerts else ()) if row["state"] == "active"]
        if not active or alerts is None:
            return ()
        name = str(active[0]["alertname"])
        return (
            Draft(
                key="silence",
                tool="alertmanager_silence",
                parameters={
                    "alertname": name,
                    "service": task.target,
                    "environment": task.environment,
                    "minutes": SILENCE_MIN,
                },
                environment=task.environment,
                rationale="It stops further pages while people work on it; it fixes nothing.",
                observed=(f"{alerts.id}: {name} is active and not silenced",),
                severity=task.severity,
                since_at=task.since_at,
                links=self._links(task),
                is_tainted=True,
            ),
        )

    def _effect(self, task: Task, answers: Answers) -> ExpectedEffect | None:
        place = self._services.place(task.target, task.environment)
        query = None if place is None else place.signals.get("errors")
        if place is None or query is None:
            return None
        allowed = most_errors(place)
        measured = answers.number(f"errors of {task.target}")
        settle = settle_s(query)
        return ExpectedEffect(
            tool="prometheus_query",
            parameters={"query": query},
            field="value",
            comparator=Comparator.LE,
            value=str(allowed),
            unit=Unit.RATIO,
            baseline=None if measured is None else str(measured),
            settle_s=settle,
            window_s=settle,
            deadline_s=settle * 3 + 60,
            sentence=f"Failing requests of `{task.target}` at most {percent(allowed)}.",
        )

    def _links(self, task: Task) -> tuple[Link, ...]:
        place = self._services.place(task.target, task.environment)
        return links(task, place)


def links(task: Task, place: Place | None) -> tuple[Link, ...]:
    """Return where to look: the alert, the dashboard and the runbook, as far as known."""
    known = {
        "Alert": (task.spec.get("alert_url"),),
        "Dashboard": (place.dashboard if place else None, task.spec.get("dashboard")),
        "Runbook": (place.runbook if place else None, task.spec.get("runbook")),
    }
    found = {label: next(filter(_is_web, urls), None) for label, urls in known.items()}
    return tuple(Link(label=label, url=url) for label, url in found.items() if url)


def _is_web(url: str | None) -> bool:
    return url is not None and url.startswith(("https://", "http://"))


def _observed(hypothesis: Hypothesis, report: Report) -> tuple[str, ...]:
    by_id = {item.id: item for item in report.evidence}
    began_at = next((item.at for item in report.timeline if item.what == ERRORS_BEGAN), None)
    cited = [by_id[name] for name in hypothesis.evidence if name in by_id]
    return tuple(f"{item.id}: {item.label}: {_words(item, began_at)}" for item in cited)


def _words(item: Evidence, began_at: datetime | None) -> str:
    if item.tool == "prometheus_range" and began_at is not None:
        return f"above what is fine since {began_at:%H:%M} UTC"
    value = item.data.get("value")
    if item.tool == "prometheus_query" and value is not None:
        return percent(float(value))
    first = item.excerpt.splitlines()[0] if item.excerpt else "nothing"
    return first[:160]
