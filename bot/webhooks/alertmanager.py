"""Alertmanager's webhook, version 4: optional fields get defaults, a bad alert spoils no other."""

import json
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.alerts import Alert, AlertStatus, fingerprint, severity
from bot.store.alerts import BadAlert

VERSION = "4"
MAX_ALERTS = 500
# Alertmanager writes year 1 for "not over yet".
NEVER = datetime(1, 1, 2, tzinfo=UTC)


class BodyError(ValueError):
    """The whole body can't be read; the message names the field."""


class _Alert(BaseModel):
    model_config = ConfigDict(extra="ignore")

    status: AlertStatus
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: datetime  # noqa: N815 - the wire's name
    endsAt: datetime | None = None  # noqa: N815 - the wire's name
    generatorURL: str = ""  # noqa: N815 - the wire's name
    fingerprint: str = Field(default="", max_length=128)


def parse(body: object, now: datetime) -> tuple[list[Alert], list[BadAlert]]:
    """Return the alerts of a body, and those that can't be read.

    Raises:
        BodyError: the body is no Alertmanager webhook of version 4.
    """
    if not isinstance(body, dict):
        raise BodyError("the body must be a JSON object")
    version = body.get("version", VERSION)
    if version != VERSION:
        raise BodyError(f"version: `{str(version)[:20]}` is unknown; this reads version 4")
    entries = body.get("alerts")
    if not isinstance(entries, list):
        raise BodyError("alerts: missing, or not a list")
    if len(entries) > MAX_ALERTS:
        raise BodyError(f"alerts: {len(entries)} in one body; at most {MAX_ALERTS} are taken")
    alerts: list[Alert] = []
    bad: list[BadAlert] = []
    for place, entry in enumerate(entries):
        try:
            alerts.append(_alert(_Alert.model_validate(entry), now))
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in ("alerts", place, *fault["loc"]))
            bad.append(BadAlert(body=json.dumps(entry), reason=f"{where}: {fault['msg']}"))
    return alerts, bad


def _alert(found: _Alert, now: datetime) -> Alert:
    labels = {name[:200]: value[:2000] for name, value in found.labels.items()}
    environment = labels.get("environment") or labels.get("env") or "unknown"
    starts_at = _aware(found.startsAt)
    return Alert(
        fingerprint=found.fingerprint or fingerprint(labels),
        source="alertmanager",
        status=found.status,
        name=labels.get("alertname") or "unnamed alert",
        service=labels.get("service") or None,
        environment=environment,
        severity=severity(labels.get("severity", ""), environment),
        # A sender whose clock runs ahead must not make an incident that begins tomorrow.
        starts_at=min(starts_at, now),
        ends_at=_ends_at(found.endsAt),
        labels=labels,
        annotations={name[:200]: value[:4000] for name, value in found.annotations.items()},
        url=found.generatorURL[:2000] or None,
    )


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _ends_at(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return None if aware < NEVER else aware.astimezone(UTC)
