"""What happens to incoming alerts, as a list of stages; each drop has a named reason."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.alerts import Alert, AlertStatus
from agents.services import is_page
from agents.tasks import LANDING_PAGE, NewTask, TaskKind
from policies.model import DEFAULT_TENANT, Actor, ActorKind, Severity

HEARTBEATS = frozenset({"Watchdog", "DeadMansSwitch"})
# Where alerts name the page that they are about; probes name it as their `instance`.
PAGE_LABELS = (LANDING_PAGE, "url", "instance", "target")
# Of a pointer; a page of `signoff.yaml` has no more either.
LONGEST = 500


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """An alert that goes no further, and why."""

    alert: Alert
    reason: str


@dataclass(frozen=True, kw_only=True)
class AlertGroup:
    """Alerts that are one incident, firing and resolved ones together."""

    key: str
    alerts: tuple[Alert, ...]

    @property
    def firing(self) -> tuple[Alert, ...]:
        """Those that fire."""
        return tuple(alert for alert in self.alerts if alert.status is AlertStatus.FIRING)


Stage = Callable[[Sequence[Alert]], tuple[Sequence[Alert], Sequence[Dropped]]]


def without_heartbeats(alerts: Sequence[Alert]) -> tuple[Sequence[Alert], Sequence[Dropped]]:
    """Drop alerts that always fire, to show that the pipe works."""
    kept = [alert for alert in alerts if alert.name not in HEARTBEATS]
    dropped = [
        Dropped(alert=alert, reason="HEARTBEAT") for alert in alerts if alert.name in HEARTBEATS
    ]
    return kept, dropped


def without_repeats(alerts: Sequence[Alert]) -> tuple[Sequence[Alert], Sequence[Dropped]]:
    """Drop the second of two alerts with one fingerprint, status and start."""
    seen: set[tuple[str, str, str]] = set()
    kept, dropped = [], []
    for alert in alerts:
        key = (alert.fingerprint, alert.status, alert.starts_at.isoformat())
        if key in seen:
            dropped.append(Dropped(alert=alert, reason="DUPLICATE"))
        else:
            kept.append(alert)
        seen.add(key)
    return kept, dropped


STAGES: tuple[Stage, ...] = (without_heartbeats, without_repeats)


def route(
    alerts: Sequence[Alert], stages: Sequence[Stage] = STAGES
) -> tuple[tuple[AlertGroup, ...], tuple[Dropped, ...]]:
    """Run the stages, and group what is left by environment and service."""
    dropped: list[Dropped] = []
    for stage in stages:
        alerts, gone = stage(alerts)
        dropped.extend(gone)
    groups: dict[str, list[Alert]] = {}
    for alert in alerts:
        groups.setdefault(alert.group_key, []).append(alert)
    return (
        tuple(AlertGroup(key=key, alerts=tuple(found)) for key, found in groups.items()),
        tuple(dropped),
    )


def incident(group: AlertGroup, channel: str) -> NewTask:
    """Return the task for a group that fires."""
    first = min(group.firing, key=lambda alert: (alert.starts_at, alert.fingerprint))
    worst = min((alert.severity for alert in group.firing), default=Severity.SEV3)
    subject = first.service or first.name
    return NewTask(
        kind=TaskKind.INCIDENT,
        tenant=DEFAULT_TENANT,
        group_key=f"incident:{group.key}",
        environment=first.environment,
        target=subject,
        title=f"{first.name} on {subject} in {first.environment}",
        requester=Actor(kind=ActorKind.SYSTEM, id=f"system:{first.source}"),
        channel=channel,
        severity=worst,
        since_at=first.starts_at,
        spec={"alert": first.fingerprint, **_pointers(first)},
    )


def _pointers(alert: Alert) -> Mapping[str, str]:
    wanted = {
        "alert_name": alert.name,
        "alert_url": alert.url or "",
        "summary": alert.annotations.get("summary", ""),
        "dashboard": alert.annotations.get("dashboard", alert.annotations.get("dashboard_url", "")),
        "runbook": alert.annotations.get("runbook_url", alert.annotations.get("runbook", "")),
        LANDING_PAGE: next((page for page in _pages(alert) if is_page(page)), ""),
    }
    return {name: value[:LONGEST] for name, value in wanted.items() if value}


def _pages(alert: Alert) -> Iterator[str]:
    """Yield what may be the address of the page that an alert is about; a cut one is another."""
    named = [alert.labels.get(name, "") for name in PAGE_LABELS]
    named.append(alert.annotations.get(LANDING_PAGE, ""))
    yield from (page for page in named if len(page) <= LONGEST)
