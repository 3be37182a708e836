"""A small Alertmanager: evaluates the shop's rule, tells the bot, keeps silences, API v2."""

import asyncio
import logging
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from aiohttp import web

from playground.shop.model import Clock
from playground.shop.prometheus import PrometheusApi
from playground.shop.rules import THRESHOLD, Alert, HighErrorRatio, fingerprint, graph_url
from playground.shop.silences import LONGEST, Matcher, SilenceError, Silences, parse_filter, stamp
from playground.shop.webhook import (
    GROUPED_BY,
    RECEIVER,
    AlertmanagerSettings,
    Notice,
    Sender,
    annotations,
)
from playground.shop.wire import Handler, RefusalError, json_object

logger = logging.getLogger(__name__)

# Prometheus sends an alert with an end four resend delays ahead (rules/manager.go).
ENDS_AFTER = timedelta(minutes=4)
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
YES = frozenset({"1", "true", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"})


class Alertmanager:
    """Tells the bot of each place's alert at once, again while it lasts, and when it is over."""

    def __init__(
        self, prometheus: PrometheusApi, clock: Clock, settings: AlertmanagerSettings
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._rule = HighErrorRatio(prometheus, settings.for_s)
        self._silences = Silences()
        self._sender = Sender(settings)
        self._notices = {fingerprint(alert.labels): Notice() for alert in self._rule.alerts}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._started_at = clock.now()

    async def start(self) -> None:
        """Begin to evaluate and to send."""
        await self._sender.start()
        self._watch = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop evaluating and sending; an error of the watching task is raised here."""
        tasks = [*self._sending.values(), *([self._watch] if self._watch else [])]
        self._watch = None
        for task in tasks:
            task.cancel()
        try:
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
        finally:
            await self._sender.stop()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without a prefix."""
        return [
            web.get("/-/healthy", self._healthy),
            web.get("/-/ready", self._healthy),
            web.get("/api/v2/status", self._status),
            web.get("/api/v2/alerts", _answered(self._alerts)),
            web.get("/api/v2/silences", _answered(self._listed)),
            web.post("/api/v2/silences", _answered(self._put)),
            web.get("/api/v2/silence/{id}", _answered(self._silence)),
            web.delete("/api/v2/silence/{id}", _answered(self._expire)),
        ]

    async def _run(self) -> None:
        try:
            while True:
                self._look()
                await asyncio.sleep(self._settings.evaluate_every_s)
        except Exception:
            logger.exception("the rule is no longer evaluated")
            raise

    def _look(self) -> None:
        now = self._clock.now()
        self._rule.evaluate(now.timestamp())
        for alert in self._rule.alerts:
            self._tell(alert, now)

    def _tell(self, alert: Alert, now: datetime) -> None:
        key = fingerprint(alert.labels)
        notice = self._notices[key]
        if key in self._sending or asyncio.get_running_loop().time() < notice.retry_at_s:
            return
        if notice.fired_at_s != alert.fired_at_s:
            notice = self._notices[key] = Notice(fired_at_s=alert.fired_at_s)
        status = notice.due(alert, now.timestamp(), self._settings.repeat_interval_s)
        if status is None:
            return
        if self._is_held_back(alert, status, now):
            if status != "firing":
                # As the real one: what resolves while it is silenced is never told.
                notice.taken = "resolved"
            return
        sending = self._sender.send(alert, notice, status, now.timestamp())
        task = self._sending[key] = asyncio.create_task(sending)
        task.add_done_callback(lambda _: self._sending.pop(key, None))

    def _is_held_back(self, alert: Alert, status: str, now: datetime) -> bool:
        at = now
        if status == "resolved" and alert.resolved_at_s is not None:
            # Not now: the clock may have jumped past the end of the silence since.
            at = datetime.fromtimestamp(alert.resolved_at_s, UTC)
        return bool(self._silences.active_for(alert.labels, at))

    async def _healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def _status(self, _request: web.Request) -> web.Response:
        config = (
            f"route:\n  receiver: {RECEIVER}\n  group_by:\n"
            + "".join(f"  - {name}\n" for name in GROUPED_BY)
            + f"  repeat_interval: {self._settings.repeat_interval_s:g}s\n"
        )
        body = {
            "cluster": {"peers": [], "status": "disabled"},
            "config": {"original": config},
            "uptime": stamp(self._started_at),
            "versionInfo": {
                "branch": "playground",
                "buildDate": "20221222-00:00:00",
                "buildUser": "playground",
                "goVersion": "none",
                "revision": "playground",
                "version": "0.25.0",
            },
        }
        return web.json_response(body)

    async def _alerts(self, request: web.Request) -> web.Response:
        filters = [parse_filter(text) for text in request.query.getall("filter", [])]
        now = self._clock.now()
        self._rule.evaluate(now.timestamp())
        firing = [
            alert
            for alert in self._rule.alerts
            if alert.is_firing and all(f.matches(alert.labels) for f in filters)
        ]
        shown = [alert for alert in firing if self._is_wanted(request, alert, now)]
        return web.json_response([self._told(alert, now) for alert in shown])

    def _is_wanted(self, request: web.Request, alert: Alert, now: datetime) -> bool:
        receiver = request.query.get("receiver")
        if receiver and not _pattern(receiver).matches({"receiver": RECEIVER}):
            return False
        is_silenced = bool(self._silences.active_for(alert.labels, now))
        kind = "silenced" if is_silenced else "active"
        return request.query.get(kind, "true").lower() in YES

    def _told(self, alert: Alert, now: datetime) -> dict[str, object]:
        silenced_by = self._silences.active_for(alert.labels, now)
        fired_at = datetime.fromtimestamp(alert.fired_at_s or 0.0, UTC)
        return {
            "annotations": annotations(alert, self._settings),
            "endsAt": stamp(now + ENDS_AFTER),
            "fingerprint": fingerprint(alert.labels),
            "receivers": [{"name": RECEIVER}],
            "startsAt": stamp(fired_at),
            "status": {
                "inhibitedBy": [],
                "silencedBy": silenced_by,
                "state": "suppressed" if silenced_by else "active",
            },
            "updatedAt": stamp(now),
            "generatorURL": graph_url(
                self._settings.prometheus_url, f"{alert.query} > {THRESHOLD}"
            ),
            "labels": dict(alert.labels),
        }

    async def _listed(self, request: web.Request) -> web.Response:
        filters = [parse_filter(text) for text in request.query.getall("filter", [])]
        now = self._clock.now()
        found = self._silences.listed(filters, now)
        return web.json_response([silence.as_json(now) for silence in found])

    async def _put(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            message = f'unsupported media type "{request.content_type}"'
            only = "only [application/json] are allowed"
            raise SilenceError(415, {"code": 415, "message": f"{message}, {only}"})
        try:
            body = await json_object(request)
        except RefusalError as refusal:
            code = refusal.status
            raise SilenceError(code, {"code": code, "message": str(refusal)}) from refusal
        return web.json_response({"silenceID": self._silences.put(body, self._clock.now())})

    async def _silence(self, request: web.Request) -> web.Response:
        found = self._silences.find(_uuid(request))
        if found is None:
            return web.Response(status=404)
        return web.json_response(found.as_json(self._clock.now()))

    async def _expire(self, request: web.Request) -> web.Response:
        self._silences.expire(_uuid(request), self._clock.now())
        return web.Response(status=200)


def _answered(handler: Handler) -> Handler:
    """Answer a `SilenceError` with its status and body."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except SilenceError as error:
            return web.json_response(error.body, status=error.status)

    return answer


def _uuid(request: web.Request) -> str:
    silence_id = request.match_info["id"]
    if not UUID.fullmatch(silence_id):
        message = f'silenceID in path must be of type uuid: "{silence_id}"'
        raise SilenceError(422, {"code": 601, "message": message})
    return silence_id.lower()


def _pattern(text: str) -> Matcher:
    try:
        re.compile(text[:LONGEST])
    except re.error as error:
        raise SilenceError(400, f"failed to parse receiver param: {text[:LONGEST]}") from error
    return Matcher(name="receiver", value=text[:LONGEST], is_regex=True)
