"""Evidence and tasks built by hand."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from agents.services import Place, Service, ServiceMap
from agents.tasks import Task, TaskKind, TaskState
from policies.model import Actor, ActorKind, Severity
from tests.playground.shop.world import NOON
from tools.base import Evidence, Row

FAULTY, FINE = 0.31, 0.002
BEGAN = NOON - timedelta(minutes=3)


def place(**limits: float) -> Place:
    """Return a place whose errors may be five in a hundred, and with the limits given."""
    signals = {"errors": "errors[1m]", "latency": "latency[1m]"}
    return Place(channel="C1", signals=signals, limits={"errors": 0.05, **limits})


def services(**limits: float) -> ServiceMap:
    """Return checkout, which calls payments and is called by web."""
    staging = {"staging": place(**limits)}
    return ServiceMap(
        services={
            "web": Service(depends_on=("checkout",), environments=staging),
            "checkout": Service(depends_on=("payments",), environments=staging),
            "payments": Service(environments=staging),
        }
    )


def task(target: str = "checkout", since_at: datetime | None = None, **spec: str) -> Task:
    """Return an incident of a service in staging."""
    return Task(
        id="T-1",
        tenant="default",
        kind=TaskKind.INCIDENT,
        state=TaskState.ANALYSING,
        group_key="incident:x",
        thread_id="T-1",
        environment="staging",
        target=target,
        title="x",
        requester=Actor(kind=ActorKind.SYSTEM, id="system:alertmanager"),
        severity=Severity.SEV3,
        since_at=since_at,
        created_at=NOON,
        updated_at=NOON,
        epoch=1,
        attempts=0,
        spec=spec,
    )


class Gathered:
    """Evidence in the order it was added, with ids E1, E2 and so on."""

    def __init__(self) -> None:
        self._items: list[Evidence] = []

    @property
    def all(self) -> tuple[Evidence, ...]:
        """Everything so far."""
        return tuple(self._items)

    def add(
        self,
        label: str,
        tool: str,
        data: Row,
        rows: Sequence[Row] = (),
        fault: str | None = None,
        excerpt: str = "seen",
    ) -> "Gathered":
        """Add one item."""
        self._items.append(
            Evidence(
                id=f"E{len(self._items) + 1}",
                label=label,
                source=tool.partition("_")[0],
                tool=tool,
                query=label,
                taken_at=NOON,
                excerpt="" if fault else excerpt,
                data={} if fault else data,
                rows=() if fault else tuple(rows),
                is_untrusted=True,
                fault=fault,
            )
        )
        return self

    def errors(self, service: str, ratio: float | None, fault: str | None = None) -> "Gathered":
        """Add how much a service fails now."""
        value = None if ratio is None else str(ratio)
        return self.add(f"errors of {service}", "prometheus_query", {"value": value}, fault=fault)

    def history(self, service: str, began: datetime = BEGAN, ratio: float = FAULTY) -> "Gathered":
        """Add an hour in which a service begins to fail."""
        times = [NOON - timedelta(minutes=60) + timedelta(seconds=15 * n) for n in range(241)]
        rows = [
            {"at": at.isoformat(), "value": str(ratio if at >= began else FINE)} for at in times
        ]
        return self.add(
            f"errors of {service} over time", "prometheus_range", {"points": len(rows)}, rows
        )

    def deploys(self, service: str, *deploys: tuple[str, datetime]) -> "Gathered":
        """Add the deploys of a service, newest first; the first one runs."""
        rows = [
            {
                "id": f"dep-{service}-{version}",
                "version": version,
                "previous_version": f"v{int(version.removeprefix('v')) - 1}",
                "at": at.isoformat(),
                "author": "mia",
                "title": "Faster basket",
                "kind": "deploy",
            }
            for version, at in deploys
        ]
        deployed = deploys[0][0] if deploys else "v1"
        return self.add(f"deploys of {service}", "shop_deploys", {"deployed": deployed}, rows)

    def logs(self, service: str, *lines: tuple[str, datetime]) -> "Gathered":
        """Add error lines of a service."""
        rows = [
            {
                "version": version,
                "timestamp": at.isoformat(),
                "severity": "error",
                "message": "TypeError: null",
            }
            for version, at in lines
        ]
        label = f"errors in the log of {service}"
        return self.add(label, "shop_logs", {"errors": len(rows)}, rows)
