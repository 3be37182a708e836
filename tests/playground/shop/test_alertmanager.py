"""Our Alertmanager with a clock that jumps and a bot that comes and goes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from playground.shop.alertmanager import Alertmanager
from playground.shop.api import Shop
from playground.shop.model import Fault
from playground.shop.prometheus import PrometheusApi
from playground.shop.rules import HighErrorRatio, fingerprint
from playground.shop.webhook import AlertmanagerSettings
from tests.playground.shop.world import TOKEN, Client, FakeBot, FakeClock, serving, until

SETTLED_S = 100.0  # the window, the scrapes around it and the rule's patience


class World:
    """A shop, its monitoring and a bot, on a clock that stands still."""

    def __init__(self, statuses: list[int] | None = None) -> None:
        self.clock = FakeClock()
        self.shop = Shop(7, self.clock, TOKEN)
        self.bot = FakeBot(statuses or [])
        self._stack = AsyncExitStack()
        self.api: Client

    async def __aenter__(self) -> "World":
        hook = await self._stack.enter_async_context(serving(self.bot.routes()))
        settings = AlertmanagerSettings(
            bot_url=hook.base, token=TOKEN, evaluate_every_s=0.02, external_url="http://am"
        )
        alertmanager = Alertmanager(PrometheusApi(self.shop), self.clock, settings)
        self.api = await self._stack.enter_async_context(serving(alertmanager.routes()))
        await alertmanager.start()
        self._stack.push_async_callback(alertmanager.stop)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def heard(self, count: int) -> dict[str, Any]:
        await until(lambda: len(self.bot.taken) >= count)
        assert len(self.bot.taken) == count
        return self.bot.taken[-1]

    async def looked(self) -> list[dict[str, Any]]:
        """Let the rule be evaluated now, and return the alerts that fire."""
        alerts: list[dict[str, Any]] = (await self.api.get("/api/v2/alerts")).body
        return alerts

    def roll_back(self, fault: Fault) -> None:
        self.shop.fleet.roll_to(fault.service, fault.environment, fault.previous_version)

    async def silence(self, service: str, for_s: float) -> str:
        body = {
            "matchers": [{"name": "service", "value": service, "isRegex": False}],
            "startsAt": self.clock.now().isoformat(),
            "endsAt": (self.clock.now() + timedelta(seconds=for_s)).isoformat(),
            "createdBy": "ana",
            "comment": "known",
        }
        answer = await self.api.post("/api/v2/silences", body)
        return str(answer.body["silenceID"])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


async def test_an_alert_fires_after_its_patience_and_not_before(world: World) -> None:
    fault = world.shop.inject_fault()
    for _ in range(11):
        world.clock.forward(1)
        assert await world.looked() == []
    world.clock.forward(SETTLED_S)
    body = await world.heard(1)
    (told,) = body["alerts"]
    assert told["labels"] == {
        "alertname": "HighErrorRatio",
        "service": fault.service,
        "environment": "staging",
        "severity": "warning",
    }
    assert told["endsAt"] == "0001-01-01T00:00:00Z"
    assert f"to {fault.service} in staging" in told["annotations"]["summary"]
    # It fired when the patience was over, not when the clock had jumped on.
    first, second = (fault.at + timedelta(seconds=s) for s in (12, 30))
    assert first.isoformat() < told["startsAt"].replace("Z", "+00:00") < second.isoformat()
    assert world.bot.authorizations == [f"Bearer {TOKEN}"]


async def test_a_jump_of_hours_fires_at_once_and_resolves_after_the_rollback(
    world: World,
) -> None:
    fault = world.shop.inject_fault()
    world.clock.forward(5 * 3600)
    assert (await world.heard(1))["status"] == "firing"
    world.roll_back(fault)
    world.clock.forward(5)
    assert len(await world.looked()) == 1
    world.clock.forward(SETTLED_S)
    over = await world.heard(2)
    assert over["status"] == "resolved"
    (told,) = over["alerts"]
    assert told["status"] == "resolved"
    assert told["endsAt"] > told["startsAt"]
    assert await world.looked() == []


async def test_a_fault_that_came_and_went_within_one_jump_is_not_told(world: World) -> None:
    fault = world.shop.inject_fault()
    world.clock.forward(2)
    world.roll_back(fault)
    world.clock.forward(3600)
    assert await world.looked() == []
    assert world.bot.attempts == 0


async def test_a_second_fault_of_the_same_place_fires_again(world: World) -> None:
    fault = world.shop.inject_fault()
    world.clock.forward(SETTLED_S)
    first = await world.heard(1)
    world.roll_back(fault)
    world.clock.forward(SETTLED_S)
    await world.heard(2)
    world.shop.inject_fault(fault.service)
    world.clock.forward(SETTLED_S)
    again = await world.heard(3)
    assert again["status"] == "firing"
    assert again["groupKey"] == first["groupKey"]
    assert again["alerts"][0]["fingerprint"] == first["alerts"][0]["fingerprint"]
    assert again["alerts"][0]["startsAt"] > first["alerts"][0]["startsAt"]


async def test_production_is_critical_and_each_place_has_its_own_group(world: World) -> None:
    for environment in ("staging", "production"):
        world.shop.inject_fault("search", environment)
    world.clock.forward(SETTLED_S)
    await world.heard(2)
    told = {body["groupLabels"]["environment"]: body for body in world.bot.taken}
    assert told["production"]["commonLabels"]["severity"] == "critical"
    assert told["staging"]["commonLabels"]["severity"] == "warning"
    assert told["production"]["groupKey"] != told["staging"]["groupKey"]


async def test_a_lasting_alert_is_repeated_after_its_interval(world: World) -> None:
    world.shop.inject_fault()
    world.clock.forward(SETTLED_S)
    first = await world.heard(1)
    world.clock.forward(59)
    await world.looked()
    assert len(world.bot.taken) == 1
    world.clock.forward(1)
    again = await world.heard(2)
    assert again["alerts"][0]["startsAt"] == first["alerts"][0]["startsAt"]


async def test_a_webhook_is_sent_again_until_it_is_taken() -> None:
    async with World([500, 401, 302]) as world:
        world.shop.inject_fault()
        world.clock.forward(SETTLED_S)
        await until(lambda: len(world.bot.taken) == 1)
        assert world.bot.attempts == 4


async def test_a_resolution_is_told_even_when_the_firing_was_never_confirmed() -> None:
    async with World([503] * 2) as world:
        fault = world.shop.inject_fault()
        world.clock.forward(SETTLED_S)
        await until(lambda: world.bot.attempts == 1)
        world.roll_back(fault)
        world.clock.forward(SETTLED_S)
        assert (await world.heard(1))["status"] == "resolved"


async def test_a_bot_that_is_not_there_yet_hears_of_the_alert_when_it_comes(
    free_port: int,
) -> None:
    clock = FakeClock()
    shop = Shop(7, clock, TOKEN)
    settings = AlertmanagerSettings(
        bot_url=f"http://127.0.0.1:{free_port}/", token=TOKEN, evaluate_every_s=0.02
    )
    bot = FakeBot()
    alertmanager = Alertmanager(PrometheusApi(shop), clock, settings)
    await alertmanager.start()
    try:
        shop.inject_fault()
        clock.forward(SETTLED_S)
        async with serving(bot.routes(), port=free_port):
            await until(lambda: len(bot.taken) == 1)
    finally:
        await alertmanager.stop()


async def test_a_silenced_alert_is_shown_as_such_and_told_when_the_silence_ends(
    world: World,
) -> None:
    fault = world.shop.inject_fault()
    silence_id = await world.silence(fault.service, 3600)
    world.clock.forward(SETTLED_S)
    (shown,) = await world.looked()
    assert shown["status"]["state"] == "suppressed"
    assert shown["status"]["silencedBy"] == [silence_id]
    assert world.bot.attempts == 0
    world.clock.forward(3600)
    assert (await world.heard(1))["status"] == "firing"


async def test_a_silence_of_another_service_holds_nothing_back(world: World) -> None:
    world.shop.inject_fault("web")
    await world.silence("search", 3600)
    world.clock.forward(SETTLED_S)
    await world.heard(1)


async def test_an_ended_silence_holds_nothing_back(world: World) -> None:
    fault = world.shop.inject_fault()
    silence_id = await world.silence(fault.service, 3600)
    world.clock.forward(SETTLED_S)
    await world.looked()
    ended = await world.api.send("DELETE", f"/api/v2/silence/{silence_id}")
    assert ended.status == 200
    await world.heard(1)


async def test_an_alert_that_resolves_while_silenced_is_not_told(world: World) -> None:
    fault = world.shop.inject_fault()
    world.clock.forward(SETTLED_S)
    await world.heard(1)
    await world.silence(fault.service, 600)
    world.roll_back(fault)
    world.clock.forward(SETTLED_S)
    assert await world.looked() == []
    world.clock.forward(3600)
    world.shop.inject_fault("web" if fault.service != "web" else "search")
    world.clock.forward(SETTLED_S)
    body = await world.heard(2)
    assert body["commonLabels"]["service"] != fault.service


async def test_an_oversized_silence_is_refused(world: World) -> None:
    answer = await world.api.post("/api/v2/silences", {"comment": "x" * 70_000})
    assert answer.status == 413


def test_looking_once_finds_what_looking_each_second_found() -> None:
    found = []
    for step_s in (1, 240):
        clock = FakeClock()
        shop = Shop(7, clock, TOKEN)
        rule = HighErrorRatio(PrometheusApi(shop), 10.0)
        rule.evaluate(clock.now().timestamp())
        fault = shop.inject_fault()
        for end_s in (240, 480):
            for _ in range(0, 240, step_s):
                clock.forward(step_s)
                rule.evaluate(clock.now().timestamp())
            if end_s == 240:
                shop.fleet.roll_to(fault.service, "staging", fault.previous_version)
        found.append([(a.fired_at_s, a.resolved_at_s) for a in rule.alerts])
    assert found[0] == found[1]
    assert sum(fired_at_s is not None for fired_at_s, _ in found[0]) == 1


def test_the_fingerprint_is_that_of_the_real_alertmanager() -> None:
    # Taken from an Alertmanager 0.25.0 that was sent these labels.
    labels = {
        "alertname": "HighErrorRatio",
        "service": "checkout",
        "environment": "staging",
        "severity": "warning",
    }
    assert fingerprint(labels) == "516fbd1c3aab2fbd"


def test_the_token_is_not_in_the_settings_text() -> None:
    assert "secret-value" not in repr(
        AlertmanagerSettings(bot_url="http://b", token="secret-value")
    )
