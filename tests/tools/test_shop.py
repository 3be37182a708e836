"""The shop's connector against the playground's shop."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from playground.shop.model import Fault
from tests.playground.shop.world import FakeClock
from tests.tools.world import CALL, OTHER, Shopping, shopping
from tools.base import Call, Effect, Reading, Refused
from tools.gateway import arguments_of

# Each would, put into a path as it is, reach another place than /services/{name}.
HOSTILE = (
    "..",
    ".",
    "../log",
    "../../deploys",
    "..%2flog",
    "%2e%2e",
    "checkout/../../log",
    "checkout?environment=production",
    "checkout#",
    "checkout\\..\\log",
    "checkout\r\nX-Evil: 1",
    "\x00",
    " ",
    "http://evil.example/",
    "//evil.example",
    "@evil.example",
)


@pytest.fixture
async def world() -> AsyncIterator[Shopping]:
    async with shopping() as made:
        yield made


async def read(world: Shopping, tool: str, **params: Any) -> Reading:  # noqa: ANN401 - JSON
    found = world.catalogue.reading(tool)
    return await found.read(arguments_of(found, params))


async def act(world: Shopping, fault: Fault, call: Call = CALL, **changes: str) -> Effect:
    tool = world.catalogue.writing("shop_rollback")
    return await tool.act(arguments_of(tool, back(fault) | changes), call)


def back(fault: Fault) -> dict[str, str]:
    return {
        "service": fault.service,
        "environment": fault.environment,
        "from_version": fault.version,
        "to_version": fault.previous_version,
    }


async def test_the_deploys_of_a_service_come_newest_first_with_what_runs(world: Shopping) -> None:
    fault = world.shop.fleet.inject("checkout")
    found = await read(world, "shop_deploys", service="checkout", environment="staging")
    assert found.data["deployed"] == fault.version
    assert (found.rows[0]["version"], found.rows[0]["previous_version"]) == (
        fault.version,
        fault.previous_version,
    )
    times = [str(row["at"]) for row in found.rows]
    assert times == sorted(times, reverse=True)
    assert fault.title in found.excerpt


async def test_only_the_deploys_of_the_asked_time_are_told(world: Shopping) -> None:
    fault = world.shop.fleet.inject("checkout")
    found = await read(world, "shop_deploys", service="checkout", environment="staging", minutes=1)
    assert [row["version"] for row in found.rows] == [fault.version]
    world.clock.forward(120)
    later = await read(world, "shop_deploys", service="checkout", environment="staging", minutes=1)
    assert (later.rows, later.excerpt, later.data["deployed"]) == ((), "no deploy", fault.version)


async def test_the_log_tells_error_lines_of_the_faulty_version(world: Shopping) -> None:
    fault = world.shop.fleet.inject("checkout")
    world.clock.forward(120)
    found = await read(world, "shop_logs", service="checkout", environment="staging", minutes=2)
    assert found.rows
    assert {row["severity"].lower() for row in found.rows if isinstance(row["severity"], str)} <= {
        "error",
        "critical",
        "fatal",
    }
    assert any(row["message"] == fault.message for row in found.rows)
    assert found.data["errors"] == len(found.rows)


@pytest.mark.parametrize("tool", ["shop_deploys", "shop_logs"])
async def test_an_unknown_service_is_refused(world: Shopping, tool: str) -> None:
    with pytest.raises(Refused) as caught:
        await read(world, tool, service="nowhere", environment="staging")
    assert caught.value.status in {400, 404}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_service_name_cannot_escape_its_path(world: Shopping, name: str) -> None:
    with pytest.raises(Refused):
        await read(world, "shop_deploys", service=name, environment="staging")
    tool = world.catalogue.writing("shop_rollback")
    params = {"service": name, "environment": "staging", "from_version": "a", "to_version": "b"}
    with pytest.raises(Refused):
        await tool.observe(arguments_of(tool, params))


async def test_a_rollback_is_planned_from_the_version_that_runs(world: Shopping) -> None:
    fault = world.shop.fleet.inject("checkout")
    tool = world.catalogue.writing("shop_rollback")
    params = arguments_of(tool, back(fault))
    observed = await tool.observe(params)
    plan = tool.plan(params, observed)
    assert plan.title == (
        f"Roll back `checkout` from {fault.version} to {fault.previous_version} in staging"
    )
    assert [str(one) for one in plan.preconditions] == [f"deployed is {fault.version}"]
    assert plan.inverse is not None
    assert plan.inverse.parameters == {
        **back(fault),
        "from_version": fault.previous_version,
        "to_version": fault.version,
    }


@pytest.mark.parametrize("changes", [{"from_version": "v1"}, {"to_version": "SAME"}])
async def test_a_rollback_from_another_version_is_not_planned(
    world: Shopping, changes: dict[str, str]
) -> None:
    fault = world.shop.fleet.inject("checkout")
    changes = {name: fault.version if to == "SAME" else to for name, to in changes.items()}
    tool = world.catalogue.writing("shop_rollback")
    params = arguments_of(tool, back(fault) | changes)
    with pytest.raises(Refused):
        tool.plan(params, await tool.observe(params))


async def test_a_rollback_puts_the_earlier_version_back_once_however_often_it_is_sent(
    world: Shopping,
) -> None:
    fault = world.shop.fleet.inject("checkout")
    first, second = await act(world, fault), await act(world, fault)
    assert first == second
    assert first.left == {"deployed": fault.previous_version}
    assert len(world.shop.effects) == 1
    assert world.shop.effects[0].key == CALL.key
    now = world.shop.fleet.deployed("checkout", "staging")
    assert now.version == fault.previous_version


async def test_one_key_never_stands_for_two_rollbacks(world: Shopping) -> None:
    fault = world.shop.fleet.inject("checkout")
    await act(world, fault)
    other = world.shop.fleet.inject("payments")
    with pytest.raises(Refused) as caught:
        await act(world, other)
    assert caught.value.status == 409
    assert len(world.shop.effects) == 1


async def test_a_version_that_changed_meanwhile_is_a_conflict(world: Shopping) -> None:
    fault = world.shop.fleet.inject("checkout")
    newer = world.shop.fleet.inject("checkout")
    with pytest.raises(Refused) as caught:
        await act(world, fault)
    assert caught.value.status == 409
    assert world.shop.fleet.deployed("checkout", "staging").version == newer.version
    assert world.shop.effects == ()


async def test_a_version_nobody_knows_is_refused(world: Shopping) -> None:
    fault = world.shop.fleet.inject("checkout")
    with pytest.raises(Refused) as caught:
        await act(world, fault, to_version="v9999")
    assert caught.value.status == 422


async def test_what_became_of_a_rollback_is_found_by_its_key(world: Shopping) -> None:
    fault = world.shop.fleet.inject("checkout")
    tool = world.catalogue.writing("shop_rollback")
    params = arguments_of(tool, back(fault))
    assert await tool.reconcile(params, CALL) is None
    done = await act(world, fault)
    assert await tool.reconcile(params, CALL) == done
    assert await tool.reconcile(params, OTHER) is None


async def test_the_check_says_how_much_runs(world: Shopping) -> None:
    (shop,) = [part for part in world.catalogue.connectors if part.name == "shop"]
    assert isinstance(world.clock, FakeClock)
    assert "services" in await shop.check()
