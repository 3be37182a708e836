"""The Prometheus API's answers and refusals, with a clock that jumps."""

from collections.abc import AsyncIterator

import pytest

from playground.shop.api import Shop
from playground.shop.prometheus import PrometheusApi
from playground.shop.promql import error_ratio
from tests.playground.shop.world import NOON, TOKEN, Client, FakeClock, serving


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def shop(clock: FakeClock) -> Shop:
    return Shop(7, clock, TOKEN)


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[Client]:
    async with serving(PrometheusApi(shop).routes()) as client:
        yield client


async def ratio(client: Client, service: str) -> float:
    query = error_ratio(service, "staging", "1m")
    answer = await client.get("/api/v1/query", params={"query": query})
    return float(answer.body["data"]["result"][0]["value"][1])


async def test_the_ratio_follows_a_fault_and_a_rollback_over_one_window(
    client: Client, shop: Shop, clock: FakeClock
) -> None:
    fault = shop.inject_fault()
    assert await ratio(client, fault.service) < 0.01
    clock.forward(30)
    assert 0.1 < await ratio(client, fault.service) < fault.error_ratio
    clock.forward(6 * 3600)
    assert await ratio(client, fault.service) == pytest.approx(fault.error_ratio)
    shop.fleet.roll_to(fault.service, "staging", fault.previous_version)
    clock.forward(70)
    assert await ratio(client, fault.service) < 0.01


async def test_get_and_post_give_the_same_answer_and_time_may_be_written_both_ways(
    client: Client,
) -> None:
    query = error_ratio("web", "staging", "1m")
    stamp = NOON.timestamp()
    told = {"query": query, "time": str(stamp)}
    asked = (await client.get("/api/v1/query", params=told)).body
    posted = (await client.send("POST", "/api/v1/query", data=told)).body
    written = {"query": query, "time": "2026-11-20T12:00:00Z"}
    assert asked == posted == (await client.get("/api/v1/query", params=written)).body
    assert asked["status"] == "success"
    (element,) = asked["data"]["result"]
    assert element["metric"] == {}
    assert element["value"][0] == stamp


async def test_the_build_is_the_deployed_version_and_spaces_do_not_matter(
    client: Client, shop: Shop, clock: FakeClock
) -> None:
    fault = shop.inject_fault()
    clock.forward(6)
    query = f' app_build_info {{ environment = "staging" , service="{fault.service}" }} '
    answer = await client.get("/api/v1/query", params={"query": query})
    (element,) = answer.body["data"]["result"]
    assert element["metric"] == {
        "__name__": "app_build_info",
        "service": fault.service,
        "environment": "staging",
        "version": fault.version,
        "instance": "shop",
        "job": "shop",
    }
    assert element["value"][1] == "1"


async def test_the_alert_expression_holds_only_above_its_threshold(
    client: Client, shop: Shop, clock: FakeClock
) -> None:
    fault = shop.inject_fault()
    clock.forward(120)
    for threshold, held in (("0.05", 1), ("0.99", 0)):
        query = error_ratio(fault.service, "staging", "1m") + f" > {threshold}"
        answer = await client.get("/api/v1/query", params={"query": query})
        assert len(answer.body["data"]["result"]) == held


async def test_a_range_is_answered_step_by_step_and_not_beyond_now(
    client: Client, clock: FakeClock
) -> None:
    now_s = clock.now().timestamp()
    query = 'sum(rate(http_requests_total{service="web",environment="staging"}[1m]))'
    told = {"query": query, "start": str(now_s - 60), "end": str(now_s + 600), "step": "15s"}
    answer = await client.get("/api/v1/query_range", params=told)
    ((series),) = answer.body["data"]["result"]
    times = [at for at, _ in series["values"]]
    assert times == [now_s - 60 + 15 * step for step in range(len(times))]
    assert now_s <= times[-1] <= now_s + 60


@pytest.mark.parametrize(
    "query",
    [
        "up",
        "rate(http_requests_total[1m])",
        'sum(rate(http_requests_total{service="web"}[1m]))',
        'sum(rate(http_requests_total{service=~"web",environment="staging"}[1m]))',
        'sum(rate(http_requests_total{service="web",environment="staging"}[0s]))',
        'sum(rate(http_requests_total{service="web",environment="staging"}[1x]))',
        'sum(rate(http_requests_total{service="web",environment="staging",le="1"}[1m]))',
        error_ratio("web", "staging", "1m").replace("[1m]", "[5m]", 1),
        error_ratio("web", "staging", "1m").replace("web", "search", 1),
        error_ratio("web", "staging", "1m") + " or vector(0)",
    ],
)
async def test_a_query_outside_the_catalogue_is_refused(client: Client, query: str) -> None:
    answer = await client.get("/api/v1/query", params={"query": query})
    assert answer.status == 400
    assert (answer.body["status"], answer.body["errorType"]) == ("error", "bad_data")
    assert answer.body["error"]


async def test_an_unknown_place_has_no_data(client: Client) -> None:
    for service, environment in (("nope", "staging"), ("web", "moon")):
        query = error_ratio(service, environment, "1m")
        answer = await client.get("/api/v1/query", params={"query": query})
        assert answer.body["data"] == {"resultType": "vector", "result": []}


async def test_an_oversized_form_is_refused(client: Client) -> None:
    answer = await client.send("POST", "/api/v1/query", data={"query": "x" * 70_000})
    assert answer.status == 400
