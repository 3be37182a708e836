"""Alertmanager's webhook: the body of version 4, and the sender that repeats until it is taken."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import aiohttp

from playground.shop.rules import THRESHOLD, Alert, fingerprint, graph_url

logger = logging.getLogger(__name__)

RECEIVER = "signoff"
GROUPED_BY = ("alertname", "environment", "service")
NOT_ENDED = "0001-01-01T00:00:00Z"  # Go's zero time
BACK_OFF_S = (0.25, 0.5, 1.0, 2.0, 5.0)
TIMEOUT_S = 5.0

Status = Literal["firing", "resolved"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertmanagerSettings:
    """Where alerts go, and how patient the rule is; durations are seconds of the shared clock."""

    bot_url: str
    token: str = field(repr=False)
    external_url: str = "http://127.0.0.1:9093"
    prometheus_url: str = "http://127.0.0.1:9090"
    runbooks_url: str = "https://runbooks.example.com"
    for_s: float = 10.0
    repeat_interval_s: float = 60.0
    evaluate_every_s: float = 0.25  # of real time


@dataclass(kw_only=True, slots=True)
class Notice:
    """What the receiver was told of one alert since it fired at `fired_at_s`."""

    fired_at_s: float | None = None
    is_attempted: bool = False
    taken: Status | None = None
    taken_at_s: float = 0.0
    failures: int = 0
    retry_at_s: float = 0.0  # of the event loop's clock

    def due(self, alert: Alert, now_s: float, repeat_s: float) -> Status | None:
        """Return what must be sent now, if anything."""
        if alert.is_firing:
            is_news = self.taken != "firing" or now_s - self.taken_at_s >= repeat_s
            return "firing" if is_news else None
        # Also when no attempt was answered: the receiver may have taken one all the same.
        is_owed = alert.resolved_at_s is not None and self.is_attempted
        return "resolved" if is_owed and self.taken != "resolved" else None


class Sender:
    """Posts notices to the bot; a failed one is due again after a growing pause."""

    def __init__(self, settings: AlertmanagerSettings) -> None:
        self._settings = settings
        self._url = settings.bot_url.rstrip("/") + "/webhooks/alertmanager"
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the session."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        self._session = aiohttp.ClientSession(timeout=timeout)

    async def stop(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, alert: Alert, notice: Notice, status: Status, now_s: float) -> None:
        """Post once, and note on the notice how it went."""
        notice.is_attempted = True
        if await self._is_taken(body(alert, status, self._settings)):
            notice.taken, notice.taken_at_s, notice.failures = status, now_s, 0
            return
        pause_s = BACK_OFF_S[min(notice.failures, len(BACK_OFF_S) - 1)]
        notice.failures += 1
        notice.retry_at_s = asyncio.get_running_loop().time() + pause_s

    async def _is_taken(self, payload: Mapping[str, object]) -> bool:
        if self._session is None:
            raise RuntimeError("the sender is not started")
        headers = {
            "Authorization": f"Bearer {self._settings.token}",
            "User-Agent": "Alertmanager/0.25.0",
        }
        try:
            async with self._session.post(
                self._url, json=payload, headers=headers, allow_redirects=False
            ) as answer:
                is_taken = answer.ok and answer.status < 300  # noqa: PLR2004 - any 2xx
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.info("webhook not delivered: %s", type(error).__name__)
            return False
        if not is_taken:
            logger.info("webhook refused with status %s", answer.status)
        return is_taken


def annotations(alert: Alert, settings: AlertmanagerSettings) -> dict[str, str]:
    """Return the alert's annotations, with the ratio last seen above the threshold."""
    service, environment = alert.labels["service"], alert.labels["environment"]
    percent = f"{alert.ratio:.1%}".replace("%", " %")
    return {
        "dashboard": graph_url(settings.prometheus_url, alert.query),
        "description": f"The share of failed requests is above {THRESHOLD:.0%}: {alert.query}",
        "runbook_url": f"{settings.runbooks_url}/{alert.labels['alertname']}",
        "summary": f"{percent} of the requests to {service} in {environment} fail",
    }


def body(alert: Alert, status: Status, settings: AlertmanagerSettings) -> dict[str, object]:
    """Write the webhook's body, version 4: one group with one alert."""
    group = {name: alert.labels[name] for name in GROUPED_BY}
    group_key = ", ".join(f'{name}="{value}"' for name, value in group.items())
    notes = annotations(alert, settings)
    is_over = status == "resolved" and alert.resolved_at_s is not None
    told = {
        "status": status,
        "labels": dict(alert.labels),
        "annotations": notes,
        "startsAt": nanos(alert.fired_at_s or 0.0),
        "endsAt": nanos(alert.resolved_at_s or 0.0) if is_over else NOT_ENDED,
        "generatorURL": graph_url(settings.prometheus_url, f"{alert.query} > {THRESHOLD}"),
        "fingerprint": fingerprint(alert.labels),
    }
    return {
        "receiver": RECEIVER,
        "status": status,
        "alerts": [told],
        "groupLabels": group,
        "commonLabels": dict(alert.labels),
        "commonAnnotations": notes,
        "externalURL": settings.external_url,
        "version": "4",
        "groupKey": f"{{}}:{{{group_key}}}",
        "truncatedAlerts": 0,
    }


def nanos(at_s: float) -> str:
    """Write unix seconds as Go's RFC3339Nano does: no trailing zeros, Z."""
    text = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="microseconds")
    whole, _, fraction = text.removesuffix("+00:00").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"
