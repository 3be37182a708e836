"""Which questions the incident agent asks first, and how their answers are found again."""

from collections.abc import Iterable

from agents.report import Lead
from agents.services import ServiceMap, leads_to
from agents.tasks import LANDING_PAGE, Task
from policies.model import Scalar
from tools.base import Evidence
from tools.gathering import Question

LOOK_BACK_MIN = 60
# What the tools that change a campaign take.
LONGEST_ID, LONGEST_NAME = 64, 120
CAMPAIGNS, ENDED = "campaigns", "ENDED"


def questions(task: Task, services: ServiceMap) -> list[Question]:
    """Return what to ask about a task's service and what it calls, most telling first."""
    service, environment = task.target, task.environment
    place = services.place(service, environment)
    # Last: nothing is concluded from it, it says who else is hurt.
    others = [Question(label=CAMPAIGNS, tool="adplatform_campaigns", parameters={})]
    others = others if _pages(task, services) else []
    if place is None:
        return others
    where: dict[str, Scalar] = {"service": service, "environment": environment}
    found = _signals(service, place.signals)
    found.append(Question(label=f"deploys of {service}", tool="shop_deploys", parameters=where))
    found.append(
        Question(
            label=f"errors in the log of {service}",
            tool="shop_logs",
            parameters={**where, "minutes": 30},
        )
    )
    found.append(
        Question(label=f"alerts of {service}", tool="alertmanager_alerts", parameters=where)
    )
    for name in services.dependencies(service, environment):
        other = services.place(name, environment)
        if other is not None and "errors" in other.signals:
            found.append(_now(name, "errors", other.signals["errors"]))
        found.append(
            Question(
                label=f"deploys of {name}",
                tool="shop_deploys",
                parameters={"service": name, "environment": environment},
            )
        )
    return [*found, *others]


def leads(task: Task, services: ServiceMap, evidence: tuple[Evidence, ...]) -> tuple[Lead, ...]:
    """Return the campaigns that lead to what is broken, but for those that have ended."""
    listed, pages = Answers(evidence).item(CAMPAIGNS), _pages(task, services)
    return tuple(
        Lead(
            platform=listed.source,
            id=str(row["id"]),
            name=str(row["name"])[:LONGEST_NAME],
            state=str(row["effective_status"]),
            evidence=listed.id,
        )
        for row in (() if listed is None else listed.rows)
        if listed is not None
        and len(str(row["id"])) <= LONGEST_ID
        and row["effective_status"] != ENDED
        and any(leads_to(str(row.get("url", "")), page) for page in pages)
    )


def _pages(task: Task, services: ServiceMap) -> tuple[str, ...]:
    """Return the pages that an incident is about: its service's, and what its alert names."""
    named = task.spec.get(LANDING_PAGE)
    own = services.landing_pages(task.target, task.environment)
    return own if named is None else (*own, named)


def _signals(service: str, signals: dict[str, str]) -> list[Question]:
    found = [_now(service, name, query) for name, query in signals.items()]
    if "errors" in signals:
        found.append(
            Question(
                label=f"errors of {service} over time",
                tool="prometheus_range",
                parameters={"query": signals["errors"], "minutes": LOOK_BACK_MIN, "step_s": 15},
            )
        )
    return found


def _now(service: str, signal: str, query: str) -> Question:
    return Question(
        label=f"{signal} of {service}", tool="prometheus_query", parameters={"query": query}
    )


class Answers:
    """Evidence by its label; an answer with a fault is not there."""

    def __init__(self, evidence: tuple[Evidence, ...]) -> None:
        self._by_label = {item.label: item for item in evidence}

    def item(self, label: str) -> Evidence | None:
        """Return the evidence of a label, if its source answered."""
        found = self._by_label.get(label)
        return None if found is None or found.fault is not None else found

    def oldest_s(self, ids: Iterable[str]) -> int | None:
        """Return the age of the oldest of these pieces that is not of now; None if all are."""
        wanted = set(ids)
        ages = [
            item.stale_s
            for item in self._by_label.values()
            if item.id in wanted and item.stale_s is not None
        ]
        return max(ages, default=None)

    def number(self, label: str) -> float | None:
        """Return the measured value of a label, if there is one."""
        found = self.item(label)
        value = None if found is None else found.data.get("value")
        return None if value is None else float(value)
