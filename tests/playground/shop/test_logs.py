"""The shop's log lines: as many errors as the counters say, and hostile text among them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from playground.shop.api import Shop
from playground.shop.logs import typed_by_customers
from playground.shop.model import Fault
from playground.shop.wire import instant
from tests.playground.shop.world import BEARER, TOKEN, Client, FakeClock, serving


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def shop(clock: FakeClock) -> Shop:
    return Shop(7, clock, TOKEN)


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[Client]:
    async with serving(shop.routes(), BEARER) as client:
        yield client


async def lines(client: Client, fault: Fault, **params: str) -> list[dict[str, Any]]:
    told = {"service": fault.service, "environment": fault.environment, "limit": "1000"}
    answer = await client.get("/logs", params=told | params)
    entries: list[dict[str, Any]] = answer.body["entries"]
    return entries


def errors(entries: list[dict[str, Any]], version: str) -> list[dict[str, Any]]:
    return [e for e in entries if e["severity"] == "ERROR" and e["version"] == version]


async def test_errors_of_a_faulty_version_begin_with_its_deploy_and_are_as_many_as_counted(
    client: Client, shop: Shop, clock: FakeClock
) -> None:
    fault = shop.inject_fault()
    assert errors(await lines(client, fault), fault.version) == []
    clock.forward(90)
    entries = await lines(client, fault)
    failed = errors(entries, fault.version)
    rate_s = shop.fleet.timeline(fault.service, "staging").rate_s
    assert len(failed) == int(90 * rate_s * fault.error_ratio)
    assert all(entry["message"].startswith(fault.message) for entry in failed)
    assert min(entry["timestamp"] for entry in failed) > instant(fault.at)
    times = [entry["timestamp"] for entry in entries]
    assert times == sorted(times, reverse=True)
    assert len({entry["trace_id"] for entry in failed}) == len(failed)
    assert set(entries[0]) == {
        *("timestamp", "service", "environment", "version", "severity", "message", "trace_id"),
    }


async def test_a_line_stays_as_it_was_when_time_goes_on(
    client: Client, shop: Shop, clock: FakeClock
) -> None:
    fault = shop.inject_fault()
    clock.forward(30)
    before = await lines(client, fault)
    clock.forward(30)
    after = await lines(client, fault)
    assert after[len(after) - len(before) :] == before


async def test_since_and_limit_keep_the_newest(
    client: Client, shop: Shop, clock: FakeClock
) -> None:
    fault = shop.inject_fault()
    clock.forward(5 * 3600)
    since = instant(clock.now() - timedelta(seconds=20))
    recent = await lines(client, fault, since=since)
    assert recent
    assert all(entry["timestamp"] >= since for entry in recent)
    few = await lines(client, fault, limit="5")
    assert few == recent[:5]
    everywhere = (await client.get("/logs?limit=300")).body["entries"]
    assert len({(e["service"], e["environment"]) for e in everywhere}) > 6


async def test_some_lines_carry_hostile_text_and_no_two_seeds_share_a_token(
    client: Client, shop: Shop, clock: FakeClock
) -> None:
    fault = shop.inject_fault()
    clock.forward(120)
    text = "\n".join(entry["message"] for entry in await lines(client, fault))
    typed = typed_by_customers(7)
    assert sum(hostile in text for hostile in typed) >= 2
    tokens = {next(t for t in typed_by_customers(seed) if "xoxb" in t) for seed in range(5)}
    assert len(tokens) == 5
