"""The Alertmanager connector against the playground's Alertmanager."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from policies.model import Verdict
from policies.verification import judge
from tests.tools.world import CALL, OTHER, Shopping, shopping
from tools.base import AnyWriteTool, Call, Effect, Parameters, Reading, Refused, State
from tools.gateway import arguments_of

SUBJECT: dict[str, str | int] = {
    "alertname": "HighErrorRatio",
    "service": "checkout",
    "environment": "staging",
}
PERSONS = Call(key="by-hand", comment="known, ana")


@pytest.fixture
async def world() -> AsyncIterator[Shopping]:
    async with shopping() as made:
        made.shop.fleet.inject("checkout")
        made.clock.forward(120)
        yield made


async def read(world: Shopping, tool: str, **params: str | int) -> Reading:
    found = world.catalogue.reading(tool)
    return await found.read(arguments_of(found, params))


def silence(world: Shopping, **changes: str | int) -> tuple[AnyWriteTool, Parameters]:
    tool = world.catalogue.writing("alertmanager_silence")
    return tool, arguments_of(tool, {**SUBJECT, "minutes": 60, **changes})


def expire(world: Shopping) -> tuple[AnyWriteTool, Parameters]:
    tool = world.catalogue.writing("alertmanager_expire")
    return tool, arguments_of(tool, SUBJECT)


async def silenced(world: Shopping, call: Call = CALL, **changes: str | int) -> Effect:
    tool, params = silence(world, **changes)
    return await tool.act(params, call)


async def state(world: Shopping) -> State:
    tool, params = silence(world)
    return await tool.observe(params)


async def test_the_alerts_of_one_place_are_told_and_no_others(world: Shopping) -> None:
    found = await read(world, "alertmanager_alerts", service="checkout", environment="staging")
    assert [(row["alertname"], row["state"]) for row in found.rows] == [
        ("HighErrorRatio", "active")
    ]
    for service, environment in (("checkout", "production"), ("web", "staging")):
        other = await read(world, "alertmanager_alerts", service=service, environment=environment)
        assert (other.rows, other.data["firing"], other.excerpt) == ((), 0, "none fires")


async def test_a_silence_holds_for_the_asked_minutes_and_says_whose_it_is(world: Shopping) -> None:
    before = await read(world, "alertmanager_silences", **SUBJECT)
    assert before.data == {"state": "not silenced", "until": None}
    done = await silenced(world, minutes=30)
    after = await read(world, "alertmanager_silences", **SUBJECT)
    assert after.data["state"] == "silenced"
    until = datetime.fromisoformat(str(after.data["until"]))
    assert until == world.clock.now() + timedelta(minutes=30)
    assert await state(world) == done.left
    alerts = await read(world, "alertmanager_alerts", service="checkout", environment="staging")
    assert [row["state"] for row in alerts.rows] == ["suppressed"]
    world.clock.forward(30 * 60)
    assert (await read(world, "alertmanager_silences", **SUBJECT)).data["state"] == "not silenced"


async def test_a_silence_covers_no_other_place(world: Shopping) -> None:
    await silenced(world)
    for changes in ({"environment": "production"}, {"service": "web"}, {"alertname": "Other"}):
        found = await read(world, "alertmanager_silences", **{**SUBJECT, **changes})
        assert found.data["state"] == "not silenced", changes


async def test_what_is_silenced_already_is_not_silenced_again(world: Shopping) -> None:
    await silenced(world, PERSONS)
    tool, params = silence(world)
    with pytest.raises(Refused, match="silenced already"):
        tool.plan(params, await tool.observe(params))


async def test_the_plan_promises_what_the_reading_then_shows(world: Shopping) -> None:
    tool, params = silence(world)
    plan = tool.plan(params, await tool.observe(params))
    assert plan.title == "Silence `HighErrorRatio` of `checkout` in staging for 60 min"
    effect = plan.expected_effect
    assert effect is not None

    async def verdict() -> Verdict:
        reading = await read(world, effect.tool, **effect.parameters)
        return judge(effect, effect.baseline, str(reading.data[effect.field]))

    assert await verdict() is Verdict.NO_CHANGE
    await tool.act(params, CALL)
    assert await verdict() is Verdict.WORKED


async def test_what_became_of_a_silence_is_found_by_its_mark(world: Shopping) -> None:
    tool, params = silence(world)
    assert await tool.reconcile(params, CALL) is None
    done = await silenced(world)
    found = await tool.reconcile(params, CALL)
    assert found is not None
    assert found.left == done.left
    assert await tool.reconcile(params, OTHER) is None


async def test_a_silence_that_ended_meanwhile_was_still_made(world: Shopping) -> None:
    tool, params = silence(world)
    await silenced(world, minutes=5)
    world.clock.forward(600)
    assert await tool.reconcile(params, CALL) is not None


async def test_ending_it_leaves_none_and_is_as_good_twice(world: Shopping) -> None:
    await silenced(world)
    tool, params = expire(world)
    assert (await tool.act(params, CALL)).left == {"silence": "none"}
    assert await state(world) == {"silence": "none"}
    assert (await tool.act(params, CALL)).left == {"silence": "none"}


async def test_an_end_is_found_done_once_nothing_is_silenced(world: Shopping) -> None:
    tool, params = expire(world)
    await silenced(world)
    assert await tool.reconcile(params, CALL) is None
    await tool.act(params, CALL)
    assert await tool.reconcile(params, CALL) is not None


async def test_a_second_silence_of_a_person_is_seen_before_ours_is_ended(world: Shopping) -> None:
    ours = await silenced(world)
    await silenced(world, PERSONS)
    tool, params = expire(world)
    assert await tool.observe(params) != ours.left


async def test_a_silence_is_neither_endless_nor_over_at_once(world: Shopping) -> None:
    for minutes in (0, 4, 1441, -60):
        with pytest.raises(Refused):
            silence(world, minutes=minutes)


async def test_hostile_labels_stay_labels(world: Shopping) -> None:
    hostile = 'x", service=~".*'
    done = await silenced(world, service=hostile)
    alerts = await read(world, "alertmanager_alerts", service="checkout", environment="staging")
    assert [row["state"] for row in alerts.rows] == ["active"]
    found = await read(world, "alertmanager_silences", **{**SUBJECT, "service": hostile})
    assert found.data["state"] == "silenced"
    assert done.left["silence"] != "none"


async def test_the_check_tells_the_version(world: Shopping) -> None:
    (part,) = [one for one in world.catalogue.connectors if one.name == "alertmanager"]
    assert await part.check() == "Alertmanager 0.25.0"
