"""Prometheus' HTTP API over the shop's counters, for the queries of the shop's catalogue."""

import math
from decimal import Decimal
from urllib.parse import parse_qsl

from aiohttp import web

from playground.shop.api import Shop
from playground.shop.promql import Sample, Scrapes, UnknownQueryError, duration_ms, parse
from playground.shop.wire import RefusalError, bounded_body, parse_instant

MOST_POINTS = 11_000
LATEST_S = 253_402_300_799.0  # the end of the year 9999
LABELS = ["__name__", "code", "environment", "instance", "job", "le", "service", "version"]
BUILD = {
    "version": "2.42.0",
    "revision": "playground",
    "branch": "playground",
    "buildUser": "playground",
    "buildDate": "20230131-00:00:00",
    "goVersion": "none",
}


class BadDataError(ValueError):
    """A parameter that Prometheus would refuse with errorType bad_data."""


class PrometheusApi:
    """A Prometheus that scrapes one shop each `scrape_interval_s`, at `phase_s` past the grid."""

    def __init__(self, shop: Shop, scrape_interval_s: float = 5.0, phase_s: float = 0.0) -> None:
        self.shop = shop
        self.scrape_interval_s = scrape_interval_s
        self._scrapes = Scrapes(shop.fleet, scrape_interval_s, phase_s)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without a prefix."""
        return [
            web.get("/api/v1/query", self._query),
            web.post("/api/v1/query", self._query),
            web.get("/api/v1/query_range", self._query_range),
            web.post("/api/v1/query_range", self._query_range),
            web.get("/api/v1/labels", self._labels),
            web.post("/api/v1/labels", self._labels),
            web.get("/api/v1/status/buildinfo", self._build),
            web.get("/-/healthy", self._healthy),
            web.get("/-/ready", self._ready),
        ]

    def query(self, text: str, at_s: float) -> list[Sample]:
        """Answer an instant query at a time (unix seconds); raises `UnknownQueryError`."""
        return self._scrapes.evaluate(parse(text), at_s)

    async def _query(self, request: web.Request) -> web.Response:
        try:
            told = await _parameters(request)
            at_s = _time(told, "time") if told.get("time") else self._now_s()
            found = self.query(_text(told), at_s)
        except (BadDataError, UnknownQueryError) as error:
            return _bad_data(error)
        result = [
            {"metric": dict(sample.labels), "value": [_stamp(at_s), _number(sample.value)]}
            for sample in found
        ]
        return _success({"resultType": "vector", "result": result})

    async def _query_range(self, request: web.Request) -> web.Response:
        try:
            told = await _parameters(request)
            result = self._matrix(_text(told), *_grid(told))
        except (BadDataError, UnknownQueryError) as error:
            return _bad_data(error)
        return _success({"resultType": "matrix", "result": result})

    def _matrix(self, text: str, start_s: float, end_s: float, step_s: float) -> list[object]:
        query = parse(text)
        series: dict[tuple[tuple[str, str], ...], list[object]] = {}
        for index in range(math.floor((end_s - start_s) / step_s + 1e-9) + 1):
            at_s = start_s + index * step_s
            for sample in self._scrapes.evaluate(query, at_s):
                values = series.setdefault(tuple(sorted(sample.labels.items())), [])
                values.append([_stamp(at_s), _number(sample.value)])
        return [{"metric": dict(labels), "values": values} for labels, values in series.items()]

    async def _labels(self, _request: web.Request) -> web.Response:
        return _success(LABELS)

    async def _build(self, _request: web.Request) -> web.Response:
        return _success(BUILD)

    async def _healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text="Prometheus Server is Healthy.\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        return web.Response(text="Prometheus Server is Ready.\n")

    def _now_s(self) -> float:
        return self.shop.fleet.now().timestamp()


async def _parameters(request: web.Request) -> dict[str, str]:
    told = dict(request.query)
    if request.method == "POST":
        try:
            body = await bounded_body(request)
            told |= dict(parse_qsl(body.decode("utf-8"), strict_parsing=bool(body)))
        except RefusalError as refusal:
            raise BadDataError(str(refusal)) from refusal
        except ValueError as error:
            raise BadDataError(f"error parsing form values: {error}") from error
    return told


def _text(told: dict[str, str]) -> str:
    text = told.get("query", "")
    if not text.strip():
        raise BadDataError(
            'invalid parameter "query": unknown position: parse error: no expression'
        )
    return text


def _time(told: dict[str, str], name: str) -> float:
    text = told.get(name, "")
    try:
        found = float(text)
    except ValueError:
        at = parse_instant(text)
        found = at.timestamp() if at is not None else math.nan
    if not -LATEST_S <= found <= LATEST_S:  # false for NaN as well
        message = f'cannot parse "{text[:80]}" to a valid timestamp'
        raise BadDataError(f'invalid parameter "{name}": {message}')
    return round(found, 3)


def _step_s(told: dict[str, str]) -> float:
    text = told.get("step", "")
    try:
        step_s = float(text) if text[-1:].isdigit() else duration_ms(text) / 1000
    except ValueError as error:
        message = f'cannot parse "{text[:80]}" to a valid duration'
        raise BadDataError(f'invalid parameter "step": {message}') from error
    if step_s <= 0:
        message = "zero or negative query resolution step widths are not accepted"
        raise BadDataError(f'invalid parameter "step": {message}. Try a positive integer')
    return step_s


def _grid(told: dict[str, str]) -> tuple[float, float, float]:
    start_s, end_s = _time(told, "start"), _time(told, "end")
    if end_s < start_s:
        raise BadDataError('invalid parameter "end": end timestamp must not be before start time')
    step_s = _step_s(told)
    if (end_s - start_s) / step_s > MOST_POINTS:
        limit = "exceeded maximum resolution of 11,000 points per timeseries"
        raise BadDataError(f"{limit}. Try decreasing the query resolution (?step=XX)")
    return start_s, end_s, step_s


def _stamp(at_s: float) -> float | int:
    return int(at_s) if at_s == int(at_s) else round(at_s, 3)


def _number(value: float) -> str:
    """Write a value as Go's strconv.FormatFloat(value, 'f', -1, 64)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else format(Decimal(repr(value)), "f")


def _success(data: object) -> web.Response:
    return web.json_response({"status": "success", "data": data})


def _bad_data(error: Exception) -> web.Response:
    body = {"status": "error", "errorType": "bad_data", "error": str(error)}
    return web.json_response(body, status=400)
