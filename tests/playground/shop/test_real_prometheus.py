"""Our Prometheus API against a real Prometheus that scrapes the same shop."""

import asyncio
import logging
import math
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from bot.clock import WallClock
from playground.shop.api import Shop
from playground.shop.prometheus import PrometheusApi
from playground.shop.promql import error_ratio
from tests.playground.shop.real import RealPrometheus
from tests.playground.shop.world import BEARER, TOKEN, Client, serving

logger = logging.getLogger(__name__)

TOLERANCE = 0.02  # relative; what differs is when within its second a scrape reads the counters
WINDOW_S = 8
WINDOW = f"{WINDOW_S}s"

Span = tuple[float, float]

pytestmark = pytest.mark.monitoring


def catalogue(service: str) -> dict[str, str]:
    place = f'service="{service}",environment="staging"'
    ratio = error_ratio(service, "staging", WINDOW)
    return {
        "E": ratio,
        "R": f"sum(rate(http_requests_total{{{place}}}[{WINDOW}]))",
        "L": "histogram_quantile(0.95, sum by (le) "
        f"(rate(http_request_duration_seconds_bucket{{{place}}}[{WINDOW}])))",
        "V": f"app_build_info{{{place}}}",
        "above": f"{ratio} > 0.05",
    }


async def matrix(client: Client, query: str, start_s: float, end_s: float) -> dict[str, Any]:
    told = {"query": query, "start": str(start_s), "end": str(end_s), "step": "0.5"}
    answer = await client.get("/api/v1/query_range", params=told)
    assert answer.status == 200, answer.body
    assert answer.body["data"]["resultType"] == "matrix"
    return {
        series["metric"].get("version", ""): dict(series["values"])
        for series in answer.body["data"]["result"]
    }


def gap(real: str, ours: str) -> float:
    left, right = float(real), float(ours)
    if math.isnan(left) or math.isnan(right):
        return 0.0 if math.isnan(left) and math.isnan(right) else math.inf
    return abs(left - right) / abs(left)


def compare(name: str, real: dict[str, Any], ours: dict[str, Any]) -> float:
    """Return the largest gap at the instants of either; a missing point is no agreement."""
    assert real.keys() == ours.keys(), name
    assert real, name
    worst = 0.0
    for version, points in real.items():
        assert points.keys() == ours[version].keys(), (name, version)
        worst = max(worst, *(gap(value, ours[version][at]) for at, value in points.items()))
    return worst


async def scrapes(real: Client, place: str, at_s: float) -> list[float]:
    """Return when the real one has scraped the place within the last minute."""
    told = {"query": f"app_build_info{{{place}}}[1m]", "time": str(at_s)}
    answer = await real.get("/api/v1/query", params=told)
    return [at for series in answer.body["data"]["result"] for at, _ in series["values"]]


async def has_filled_a_window(real: Client, shop: Shop, place: str) -> None:
    """Wait: Prometheus looks for its targets only some seconds after it is ready."""
    async with asyncio.timeout(60):
        while len(await scrapes(real, place, shop.fleet.now().timestamp())) < WINDOW_S + 3:
            await asyncio.sleep(0.25)


async def largest_gaps(real: Client, ours: Client, service: str, span: Span) -> dict[str, float]:
    return {
        name: compare(name, await matrix(real, query, *span), await matrix(ours, query, *span))
        for name, query in catalogue(service).items()
    }


async def test_our_answers_are_those_of_a_real_prometheus_that_scraped_the_same_shop() -> None:
    shop = Shop(7, WallClock(), TOKEN)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(serving(shop.routes(), BEARER))
        target = urlsplit(client.base).netloc
        real = Client(await stack.enter_async_context(RealPrometheus([target], 1.0)))
        stack.push_async_callback(real.close)
        # The service that the seed breaks first, known from a shop drawn alike.
        victim = Shop(7, WallClock(), TOKEN).inject_fault().service
        place = f'service="{victim}",environment="staging"'
        await has_filled_a_window(real, shop, place)
        fault = shop.inject_fault()
        assert fault.service == victim
        await asyncio.sleep(WINDOW_S + 2)
        end_s = round(shop.fleet.now().timestamp() - 0.5, 3)
        phase_s = (await scrapes(real, place, end_s))[-1] % 1
        in_phase = PrometheusApi(shop, 1.0, phase_s).routes()
        ours = await stack.enter_async_context(serving(in_phase))
        whole = (round(fault.at.timestamp() - 0.5, 3), end_s)
        followed = await largest_gaps(real, ours, victim, whole)
        logger.info("largest relative gaps through the fault, scraping in phase: %s", followed)
        # With a phase of its own it sees the new version at other moments of its first second,
        # and agrees once one window lies behind the deploy.
        plain = await stack.enter_async_context(serving(PrometheusApi(shop, 1.0).routes()))
        rested = await largest_gaps(real, plain, victim, (end_s, end_s))
        logger.info("largest relative gaps after the fault, own phase: %s", rested)
        assert max(followed.values()) <= TOLERANCE, followed
        assert max(rested.values()) <= TOLERANCE, rested


async def test_refusals_and_empty_answers_have_the_shape_of_a_real_prometheus() -> None:
    shop = Shop(7, WallClock(), TOKEN)
    nowhere = catalogue("nowhere")
    asked: list[dict[str, str]] = [
        {},
        {"query": "sum("},
        {"query": nowhere["E"], "time": "yesterday"},
        *({"query": query} for query in nowhere.values()),
    ]
    ranges: list[dict[str, str]] = [
        {"query": nowhere["E"], "start": "10", "end": "5", "step": "1"},
        {"query": nowhere["E"], "start": "1", "end": "5", "step": "0"},
        {"query": nowhere["E"], "start": "1", "end": "50000", "step": "1"},
        {"query": nowhere["E"], "start": "1", "end": "5", "step": "1s"},
    ]
    paths = ("/api/v1/labels", "/api/v1/status/buildinfo", "/-/healthy", "/-/ready")
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(serving(PrometheusApi(shop).routes()))
        real = Client(await stack.enter_async_context(RealPrometheus([])))
        stack.push_async_callback(real.close)
        calls = [("/api/v1/query", told) for told in asked]
        calls += [("/api/v1/query_range", told) for told in ranges]
        for path, told in [*calls, *((path, {}) for path in paths)]:
            theirs = await real.get(path, params=told)
            answer = await ours.get(path, params=told)
            assert answer.status == theirs.status, (path, told, theirs.body)
            assert shape(answer.body) == shape(theirs.body), (path, told)


def shape(body: Any) -> object:  # noqa: ANN401 - JSON
    """Return what programs rely on: the keys, the kinds and the error type, not the wording."""
    if not isinstance(body, dict):
        return type(body).__name__ if not isinstance(body, str) else body.strip()[:10]
    fixed = {"status", "errorType", "resultType"}
    return {
        key: value if key in fixed else "text" if isinstance(value, str) else shape(value)
        for key, value in body.items()
    }
