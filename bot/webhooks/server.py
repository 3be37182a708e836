"""The HTTP side: webhooks, health and metrics; a webhook is answered after its commit."""

import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from agents.alerts import Alert
from agents.routing import route
from bot.metrics import Metrics
from bot.store.alerts import BadAlert, Delivery, ingest
from bot.store.context import Context
from bot.webhooks import alertmanager
from bot.webhooks.alertmanager import BodyError
from bot.webhooks.bodies import KNOWN, UnreadableError, body_of
from tools.ports import Boundary, RecordUnavailable

# Senders wait about 10 s for an answer.
STORED_WITHIN_S = 5.0
UNKNOWN_ENCODING = 415
Parser = Callable[[object, datetime], tuple[list[Alert], list[BadAlert]]]
PARSERS: Mapping[str, Parser] = {"alertmanager": alertmanager.parse}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """What the webhooks need."""

    context: Context
    metrics: Metrics
    token: str | None
    channel_of: Callable[[Alert], str | None]
    is_ready: Callable[[], Awaitable[bool]]
    boundary: Boundary
    is_slack_away: Callable[[], bool] = lambda: False


def routes(entrance: Entrance) -> list[web.RouteDef]:
    """Return the routes."""
    pages = Webhooks(entrance)
    return [
        web.post("/webhooks/{source}", pages.receive),
        web.get("/healthz", pages.healthz),
        web.get("/readyz", pages.readyz),
        web.get("/metrics", pages.metrics),
    ]


class Webhooks:
    """Handlers of the HTTP side."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    async def receive(self, request: web.Request) -> web.Response:
        """Take a webhook: 2xx only once its alerts are stored."""
        source = request.match_info["source"]
        known = source if source in PARSERS else "other"
        answer = await self._answer(source, request)
        self._entrance.metrics.webhooks.labels(known, str(answer.status)).inc()
        return answer

    async def healthz(self, request: web.Request) -> web.Response:
        """Say that the process lives."""
        del request
        return web.json_response({"ok": True})

    async def readyz(self, request: web.Request) -> web.Response:
        """Say whether work can be taken; that it can without Slack is said, and is no fault."""
        del request
        try:
            is_ready = await self._entrance.is_ready()
        except RecordUnavailable:
            is_ready = False
        slack = "away" if self._entrance.is_slack_away() else "answers"
        status = 200 if is_ready else 503
        return web.json_response({"ready": is_ready, "slack": slack}, status=status)

    async def metrics(self, request: web.Request) -> web.Response:
        """Show the numbers."""
        del request
        return web.Response(body=self._entrance.metrics.text(), content_type="text/plain")

    def _barred(self, source: str, request: web.Request) -> web.Response | None:
        if source not in PARSERS:
            return _refusal(404, f"no such source; known: {', '.join(sorted(PARSERS))}")
        if self._entrance.token is None:
            return _refusal(403, "webhooks are off: set SIGNOFF_WEBHOOK_TOKEN")
        if not _is_authorized(request, self._entrance.token):
            return _refusal(401, "send `Authorization: Bearer <SIGNOFF_WEBHOOK_TOKEN>`")
        return None

    async def _answer(self, source: str, request: web.Request) -> web.Response:
        barred = self._barred(source, request)
        if barred is not None:
            return barred
        try:
            raw = await body_of(request)
            # Before anything is cut, grouped or told: here no parser can forget it.
            body = self._entrance.context.redactor.tree(json.loads(raw))
        except UnreadableError as error:
            return _refusal(error.status, str(error))
        except (ValueError, RecursionError):
            return _refusal(400, "the body is not JSON")
        return await self._take(source, body)

    async def _take(self, source: str, body: object) -> web.Response:
        context = self._entrance.context
        try:
            alerts, bad = PARSERS[source](body, context.clock.now())
        except BodyError as error:
            return _refusal(422, str(error))
        groups, dropped = route([_bounded(alert) for alert in alerts])
        delivery = Delivery(source=source, groups=groups, dropped=dropped, bad=bad)
        try:
            changed = await context.database.write(
                lambda connection: ingest(connection, context, delivery, self._channel_of),
                within_s=STORED_WITHIN_S,
            )
        except RecordUnavailable as error:
            return _refusal(503, f"nothing can be stored now ({error}): send it again")
        self._entrance.boundary("alert.accepted")
        return web.json_response({"taken": len(alerts), "new": changed, "rejected": len(bad)})

    def _channel_of(self, alert: Alert) -> str:
        return self._entrance.channel_of(alert) or ""


def _bounded(alert: Alert) -> Alert:
    return alert.model_copy(
        update={
            "name": alert.name[:200],
            "service": None if alert.service is None else alert.service[:200],
            "environment": alert.environment[:100],
        }
    )


def _is_authorized(request: web.Request, token: str) -> bool:
    sent = request.headers.get("Authorization", "")
    # aiohttp hands on bytes that are no text as surrogates.
    given = sent.encode("utf-8", "surrogateescape")
    return hmac.compare_digest(given, f"Bearer {token}".encode())


def _refusal(status: int, message: str) -> web.Response:
    # Says what could have been sent instead (RFC 9110, 15.5.16).
    headers = {"Accept-Encoding": KNOWN} if status == UNKNOWN_ENCODING else None
    return web.json_response({"error": message}, status=status, headers=headers)
