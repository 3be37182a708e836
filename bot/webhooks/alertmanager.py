"""Alertmanager's webhook, version 4: optional fields get defaults, a bad alert spoils no other."""

import json
import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from agents.alerts import Alert, AlertStatus, fingerprint, severity
from bot.store.alerts import BadAlert
from tools.halts import NOWHERE

VERSION = "4"
MAX_ALERTS = 500
# Alertmanager writes year 1 for "not over yet".
NEVER = datetime(1, 1, 2, tzinfo=UTC)
# What may stand in the record and in Slack as it came; anything else is replaced.
PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# Stands in the body of events, where free text never does.
ENVIRONMENT = re.compile(r"[A-Za-z0-9._-]{1,100}")


class BodyError(ValueError):
    """The whole body can't be read; the message names the field."""


def _encodable(text: str) -> str:
    # JSON can write half a character (a lone surrogate), which no database takes.
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("not Unicode") from error
    return text


def _aware(moment: datetime) -> datetime:
    # The first and the last day of the calendar have no other zone.
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside of the calendar") from error


_Text = Annotated[str, AfterValidator(_encodable)]
_Moment = Annotated[datetime, AfterValidator(_aware)]


class _Alert(BaseModel):
    model_config = ConfigDict(extra="ignore")

    status: AlertStatus
    labels: dict[_Text, _Text]
    annotations: dict[_Text, _Text] = Field(default_factory=dict)
    startsAt: _Moment  # noqa: N815 - the wire's name
    endsAt: _Moment | None = None  # noqa: N815 - the wire's name
    generatorURL: _Text = ""  # noqa: N815 - the wire's name
    fingerprint: str = ""


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
    found: dict[str, Alert] = {}
    alerts: list[Alert] = []
    bad: list[BadAlert] = []
    for place, entry in enumerate(entries):
        try:
            alert = _alert(_Alert.model_validate(entry), now)
        except ValidationError as error:
            bad.append(BadAlert(body=json.dumps(entry), reason=_reason(place, error)))
            continue
        # One alert may come twice, firing and resolved; two may not share one name.
        if found.setdefault(alert.fingerprint, alert).labels != alert.labels:
            reason = f"alerts.{place}.fingerprint: another alert of this body has the same"
            bad.append(BadAlert(body=json.dumps(entry), reason=reason))
            continue
        alerts.append(alert)
    return alerts, bad


def _reason(place: int, error: ValidationError) -> str:
    fault = error.errors()[0]
    # A label's name comes from outside too.
    parts = [str(part) for part in fault["loc"]]
    where = ".".join(part if PLAIN.fullmatch(part) else "…" for part in parts)
    return f"alerts.{place}{'.' if where else ''}{where}: {fault['msg']}"


def _alert(found: _Alert, now: datetime) -> Alert:
    labels = {name[:200]: value[:2000] for name, value in found.labels.items()}
    environment = labels.get("environment") or labels.get("env") or ""
    if ENVIRONMENT.fullmatch(environment) is None:
        environment = NOWHERE
    is_plain = PLAIN.fullmatch(found.fingerprint) is not None
    return Alert(
        fingerprint=found.fingerprint if is_plain else fingerprint(labels),
        source="alertmanager",
        status=found.status,
        name=labels.get("alertname") or "unnamed alert",
        service=labels.get("service") or None,
        environment=environment,
        severity=severity(labels.get("severity", ""), environment),
        # A sender whose clock runs ahead must not make an incident that begins tomorrow.
        starts_at=min(found.startsAt, now),
        ends_at=None if found.endsAt is None or found.endsAt < NEVER else found.endsAt,
        labels=labels,
        annotations={name[:200]: value[:4000] for name, value in found.annotations.items()},
        url=found.generatorURL[:2000] or None,
    )
