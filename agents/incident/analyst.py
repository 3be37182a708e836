"""The model-free analyst: finds when it began, and ranks what changed just before.

Confidence is a sum of observations, each with a fixed weight (WEIGHTS). The weights are chosen, not
fitted: they order the causes, and keep anything that rests on one observation below one half.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from agents.incident.evidence import Answers
from agents.report import FindingKind, Hypothesis, Moment, Report, age, caveats
from agents.services import ServiceMap, limit, most_errors
from agents.tasks import Task
from tools.base import Evidence, Row

WEIGHTS = {
    "changed": Decimal("0.30"),
    "just before": Decimal("0.25"),
    "own errors": Decimal("0.15"),
    "new version logs": Decimal("0.20"),
    "quiet before": Decimal("0.05"),
}
# Whatever rests on old figures stays below what an action is proposed from.
OLD_COUNTS = Decimal("0.5")
JUST_BEFORE = timedelta(minutes=5)
ERRORS_BEGAN = "errors began"
BEFORE = timedelta(minutes=60)


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """What is wrong with a service: how much it fails, what is fine, and since when."""

    service: str
    errors: float | None
    allowed: float
    began_at: datetime | None
    was_quiet: bool
    # What 95 % of its answers take, where that is more than is fine.
    slow_s: float | None = None
    # How old its figures are, where they are not of now.
    age_s: int | None = None

    @property
    def is_failing(self) -> bool:
        """Say whether it fails more than is fine."""
        return self.errors is not None and self.errors > self.allowed


def analyse(task: Task, evidence: tuple[Evidence, ...], services: ServiceMap) -> Report:
    """Conclude from the first evidence about a service; "nothing is wrong" is an answer."""
    answers = Answers(evidence)
    service, environment = task.target, task.environment
    place = services.place(service, environment)
    if place is None:
        return _inconclusive(
            evidence,
            f"I know no service `{service}` in `{environment}`, so there is nothing I can measure."
            " Add it to `signoff.yaml`.",
        )
    symptom = _symptom(service, answers, most_errors(place), task.since_at)
    if symptom.errors is None:
        return _inconclusive(
            evidence,
            f"I can't measure how `{service}` does in `{environment}`: Prometheus gave no data.",
        )
    old = _measured_long_ago(service, answers)
    if old is not None and not symptom.is_failing:
        return _inconclusive(
            evidence,
            f"I can't measure how `{service}` does in `{environment}` now: the newest figures are"
            f" {age(old)} old ({percent(symptom.errors)} of its requests failed then).",
        )
    latency = answers.number(f"latency of {service}")
    slow = limit(place, "latency")
    if latency is not None and slow is not None and latency > slow:
        symptom = replace(symptom, slow_s=latency)
    elif not symptom.is_failing:
        return _healthy(task, symptom, latency, evidence)
    found = _changes(symptom, environment, answers, services)
    found += _dependencies(symptom, environment, answers, services)
    found = [_weakened(item, answers) for item in found]
    ranked = tuple(sorted(found, key=lambda item: (-item.confidence, item.component)))
    return _report(replace(symptom, age_s=old), ranked, evidence, services, environment)


def _measured_long_ago(service: str, answers: Answers) -> int | None:
    item = answers.item(f"errors of {service}")
    return None if item is None else item.stale_s


def _weakened(found: Hypothesis, answers: Answers) -> Hypothesis:
    """Halve the confidence in what rests on earlier answers: it may be over by now."""
    oldest_s = answers.oldest_s(found.evidence)
    if oldest_s is None:
        return found
    words = f"{found.explanation} This rests on figures that are {age(oldest_s)} old."
    return found.model_copy(
        update={"confidence": found.confidence * OLD_COUNTS, "explanation": words}
    )


def _symptom(service: str, answers: Answers, allowed: float, since_at: datetime | None) -> Symptom:
    history = answers.item(f"errors of {service} over time")
    points = () if history is None else history.rows
    began_at = _onset(points, allowed)
    return Symptom(
        service=service,
        errors=answers.number(f"errors of {service}"),
        allowed=allowed,
        began_at=began_at or since_at,
        was_quiet=began_at is not None and began_at != _time(points[0]),
    )


def _onset(points: tuple[Row, ...], allowed: float) -> datetime | None:
    """Return when the run of failing points that lasts until now began."""
    began: datetime | None = None
    for point in points:
        value = point.get("value")
        if value is not None and float(value) > allowed:
            began = began or _time(point)
        elif value is not None:
            began = None
    return began


def _time(point: Row) -> datetime:
    return datetime.fromisoformat(str(point["at"]))


def _changes(
    symptom: Symptom, environment: str, answers: Answers, services: ServiceMap
) -> list[Hypothesis]:
    names = (symptom.service, *services.dependencies(symptom.service, environment))
    found = []
    for name in names:
        item = answers.item(f"deploys of {name}")
        rows = () if item is None else item.rows
        for row in rows:
            hypothesis = _change(symptom, name, row, answers)
            if hypothesis is not None:
                found.append(hypothesis)
    return found


def _change(symptom: Symptom, name: str, row: Row, answers: Answers) -> Hypothesis | None:
    at = _time(row)
    deploys = answers.item(f"deploys of {name}")
    if symptom.began_at is None or deploys is None or row["version"] != deploys.data["deployed"]:
        return None
    # A rate sees a fault a little after the deploy, and a clock may be off by seconds.
    gap = symptom.began_at - at
    if gap < -timedelta(seconds=30) or gap > BEFORE:
        return None
    reasons, cites = _reasons(symptom, name, row, gap, answers)
    own = name == symptom.service or "own errors" in reasons
    if not own:
        return None
    words = f"`{name}` was deployed as {row['version']} (“{row['title']}”) "
    words += f"{_minutes(gap)} before the errors began"
    if "new version logs" in reasons:
        words += f", and every error line comes from {row['version']}"
    return Hypothesis(
        component=name,
        fault=f"deploy {row['version']}",
        change_id=str(row["id"]),
        confidence=sum((WEIGHTS[reason] for reason in reasons), Decimal(0)),
        evidence=cites,
        explanation=words + ".",
    )


def _reasons(
    symptom: Symptom, name: str, row: Row, gap: timedelta, answers: Answers
) -> tuple[list[str], tuple[str, ...]]:
    reasons = ["changed"]
    labels = [f"deploys of {name}", f"errors of {symptom.service} over time"]
    if gap <= JUST_BEFORE:
        reasons.append("just before")
    errors = answers.number(f"errors of {name}")
    if errors is not None and errors > symptom.allowed:
        reasons.append("own errors")
        labels.append(f"errors of {name}")
    logs = answers.item(f"errors in the log of {name}")
    recent = [line for line in (logs.rows if logs else ()) if _logged_at(line) >= _time(row)]
    if recent and all(line.get("version") == row["version"] for line in recent):
        reasons.append("new version logs")
        labels.append(f"errors in the log of {name}")
    if symptom.was_quiet:
        reasons.append("quiet before")
    items = [answers.item(label) for label in labels]
    return reasons, tuple(item.id for item in items if item is not None)


def _logged_at(line: Row) -> datetime:
    return datetime.fromisoformat(str(line["timestamp"]))


def _dependencies(
    symptom: Symptom, environment: str, answers: Answers, services: ServiceMap
) -> list[Hypothesis]:
    found = []
    for name in services.dependencies(symptom.service, environment):
        item = answers.item(f"errors of {name}")
        errors = answers.number(f"errors of {name}")
        if item is not None and errors is not None and errors > symptom.allowed:
            found.append(
                Hypothesis(
                    component=name,
                    fault="fails itself",
                    change_id=None,
                    confidence=Decimal("0.40"),
                    evidence=(item.id,),
                    explanation=f"`{name}`, which `{symptom.service}` calls, fails itself:"
                    f" {percent(errors)} of its requests.",
                )
            )
    return found


def _report(
    symptom: Symptom,
    ranked: tuple[Hypothesis, ...],
    evidence: tuple[Evidence, ...],
    services: ServiceMap,
    environment: str,
) -> Report:
    outcome = FindingKind.FAULT
    if ranked:
        is_change = ranked[0].change_id is not None
        outcome = FindingKind.CHANGE if is_change else FindingKind.EXTERNAL
    seen = f"`{symptom.service}` fails {percent(symptom.errors or 0)} of its requests"
    seen += f" (fine is up to {percent(symptom.allowed)})"
    if symptom.slow_s is not None:
        seen += f", and answers 95 % only within {symptom.slow_s * 1000:.0f} ms: it is slow"
    if symptom.age_s is not None:
        seen = f"{age(symptom.age_s)} ago: {seen}. I can't measure it now"
    because = "I see no deploy in the hour before that explains it."
    if ranked:
        because = f"The likeliest cause is the {ranked[0].fault} of `{ranked[0].component}`."
        if ranked[0].change_id is None:
            because = f"The likeliest cause is `{ranked[0].component}`, which it calls."
    return Report(
        outcome=outcome,
        summary=f"{seen}. {because}",
        hypotheses=ranked,
        first_failing=symptom.service,
        blast_radius=(symptom.service, *services.callers(symptom.service, environment)),
        evidence=evidence,
        timeline=_timeline(symptom, evidence),
        notes=caveats(evidence),
    )


def _timeline(symptom: Symptom, evidence: tuple[Evidence, ...]) -> tuple[Moment, ...]:
    moments = [
        Moment(
            at=_time(row),
            what=f"{_service(item)} {row['kind']} {row['version']}: {row['title']}",
            evidence=item.id,
        )
        for item in evidence
        if item.tool == "shop_deploys" and item.fault is None
        for row in item.rows[:3]
    ]
    history = [item for item in evidence if item.tool == "prometheus_range"]
    if symptom.began_at is not None and history:
        moments.append(Moment(at=symptom.began_at, what=ERRORS_BEGAN, evidence=history[0].id))
    return tuple(sorted(moments, key=lambda moment: moment.at))


def _service(item: Evidence) -> str:
    return item.label.removeprefix("deploys of ")


def _healthy(
    task: Task, symptom: Symptom, latency: float | None, evidence: tuple[Evidence, ...]
) -> Report:
    seen = f"Nothing is wrong with `{task.target}` in {task.environment}: "
    seen += f"{percent(symptom.errors or 0)} of its requests fail"
    seen += f" (fine is up to {percent(symptom.allowed)})"
    if latency is not None:
        seen += f", and 95 % are answered within {latency * 1000:.0f} ms"
    return Report(
        outcome=FindingKind.HEALTHY, summary=seen + ".", evidence=evidence, notes=caveats(evidence)
    )


def _inconclusive(evidence: tuple[Evidence, ...], summary: str) -> Report:
    return Report(
        outcome=FindingKind.INCONCLUSIVE,
        summary=summary,
        evidence=evidence,
        notes=caveats(evidence),
    )


def percent(ratio: float) -> str:
    """Return a ratio as a person reads it: `31 %`, `0.4 %`."""
    value = ratio * 100
    return f"{value:.0f} %" if value >= 1 or value == 0 else f"{value:.1f} %"


def _minutes(gap: timedelta) -> str:
    return age(max(0, int(gap.total_seconds())))
