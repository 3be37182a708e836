"""The Prometheus connector against the playground's Prometheus API, and odd answers."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from playground.shop.promql import error_ratio
from tests.playground.shop.world import FakeClock, serving
from tests.tools.world import Shopping, shopping
from tools.base import Reading, Refused, ToolError
from tools.catalogue import Catalogue
from tools.connectors.prometheus import Prometheus, Settings
from tools.gateway import answering, arguments_of

QUERY = error_ratio("checkout", "staging", "1m")


@pytest.fixture
async def world() -> AsyncIterator[Shopping]:
    async with shopping() as made:
        yield made


async def read(world: Shopping, tool: str, **params: str | int) -> Reading:
    found = world.catalogue.reading(tool)
    return await found.read(arguments_of(found, params))


async def test_a_query_gives_the_first_value(world: Shopping) -> None:
    fault = world.shop.fleet.inject("checkout")
    world.clock.forward(120)
    found = await read(world, "prometheus_query", query=QUERY)
    assert float(str(found.data["value"])) == pytest.approx(fault.error_ratio, abs=0.01)
    assert (found.data["series"], found.excerpt) == (1, found.data["value"])


async def test_a_series_comes_with_its_labels(world: Shopping) -> None:
    query = 'app_build_info{service="checkout",environment="staging"}'
    found = await read(world, "prometheus_query", query=query)
    (row,) = found.rows
    deployed = world.shop.fleet.deployed("checkout", "staging").version
    assert (row["service"], row["version"], row["value"]) == ("checkout", deployed, "1")


async def test_no_data_is_not_zero(world: Shopping) -> None:
    found = await read(world, "prometheus_query", query=error_ratio("nowhere", "staging", "1m"))
    assert (found.data["value"], found.excerpt) == (None, "no data")


async def test_the_link_leads_to_the_query(world: Shopping) -> None:
    found = await read(world, "prometheus_query", query=QUERY)
    assert found.link is not None
    assert parse_qs(urlsplit(found.link).query)["g0.expr"] == [QUERY]


async def test_a_range_gives_its_points_oldest_first(world: Shopping) -> None:
    world.clock.forward(300)
    fault = world.shop.fleet.inject("checkout")
    world.clock.forward(300)
    found = await read(world, "prometheus_range", query=QUERY, minutes=10, step_s=60)
    values = [float(str(row["value"])) for row in found.rows]
    times = [str(row["at"]) for row in found.rows]
    assert len(found.rows) == found.data["points"] == 11
    assert times == sorted(times)
    assert values[0] < 0.01
    assert values[-1] == pytest.approx(fault.error_ratio, abs=0.01)


@pytest.mark.parametrize("query", ["up", "sum(", "1 + 1", "http_requests_total"])
async def test_a_query_that_prometheus_refuses_is_refused_with_its_words(
    world: Shopping, query: str
) -> None:
    with pytest.raises(Refused) as caught:
        await read(world, "prometheus_query", query=query)
    assert caught.value.status == 400
    assert len(str(caught.value)) > len("answered 400: ")


@pytest.mark.parametrize("params", [{"query": ""}, {"query": "x" * 2001}, {"query": "x", "at": 1}])
async def test_arguments_that_make_no_sense_are_refused(
    world: Shopping, params: dict[str, str | int]
) -> None:
    with pytest.raises(Refused):
        await read(world, "prometheus_query", **params)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "error", "error": "later"},
        {"status": "success"},
        {"status": "success", "data": None},
        {"status": "success", "data": {"resultType": "vector"}},
        {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}}]}},
        {"status": "success", "data": {"resultType": "string", "result": [1, "abc"]}},
        {"status": "success", "data": {"resultType": "vector", "result": [1]}},
        ["not", "prometheus"],
        "words",
        None,
    ],
)
async def test_an_answer_of_another_shape_is_a_tool_error(body: object) -> None:
    with pytest.raises(ToolError):
        await reading_of(body)


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf"])
async def test_a_ratio_of_nothing_is_no_data(text: str) -> None:
    result = [{"metric": {"service": "web"}, "value": [1.5, text]}]
    data = {"resultType": "vector", "result": result}
    found = await reading_of({"status": "success", "data": data})
    assert (found.data["value"], found.excerpt) == (None, "no data")


async def test_people_are_sent_to_the_address_that_they_reach() -> None:
    data = {"resultType": "scalar", "result": [1.5, "1"]}
    found = await reading_of({"status": "success", "data": data}, "https://prometheus.example/")
    assert found.link is not None
    assert found.link.startswith("https://prometheus.example/graph?")
    assert found.data["value"] == "1"


async def reading_of(body: object, link_url: str = "https://link.example") -> Reading:
    """Return what an instant query reads from a server that answers everything with `body`."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(body)

    async with serving([web.get("/api/v1/query", answer)]) as server:
        settings = Settings.model_validate({"url": server.base, "link_url": link_url})
        catalogue = Catalogue([Prometheus.build(settings, FakeClock())])
        tool = catalogue.reading("prometheus_query")
        try:
            async with answering(tool):
                return await tool.read(arguments_of(tool, {"query": "up"}))
        finally:
            await catalogue.close()


async def test_the_check_tells_the_version(world: Shopping) -> None:
    (part,) = [one for one in world.catalogue.connectors if one.name == "prometheus"]
    assert await part.check() == "Prometheus 2.42.0"
