"""The ad platform's HTTP API, served on loopback, with a clock that jumps."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from playground.adplatform.api import AdPlatform
from playground.adplatform.money import CURRENCIES
from tests.playground.shop.world import BEARER, TOKEN, Client, FakeClock, serving

DAY_S = 86_400.0
KEYS = {
    *("id", "name", "status", "effective_status", "objective", "audience", "channel"),
    *("headline", "url", "currency", "daily_budget", "starts_on", "ends_on"),
    *("created_at", "updated_at", "created_by"),
}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def platform(clock: FakeClock) -> AdPlatform:
    return AdPlatform(7, clock, TOKEN)


@pytest.fixture
async def client(platform: AdPlatform) -> AsyncIterator[Client]:
    async with serving(platform.routes(), BEARER) as client:
        yield client


def brief(clock: FakeClock, **changes: object) -> dict[str, object]:
    today = clock.now().date()
    return {
        "name": "Spring tents",
        "objective": "sales",
        "audience": "campers",
        "channel": "social",
        "headline": "Sleep outside",
        "url": "https://shop.example/tents",
        "currency": "EUR",
        "daily_budget": 30_000,
        "starts_on": (today + timedelta(days=1)).isoformat(),
        "ends_on": (today + timedelta(days=10)).isoformat(),
        "status": "PAUSED",
    } | changes


async def created(client: Client, clock: FakeClock, **changes: object) -> dict[str, Any]:
    answer = await client.post("/campaigns", brief(clock, **changes), key="create")
    assert answer.status == 201, answer.body
    campaign: dict[str, Any] = answer.body
    return campaign


async def switch(client: Client, campaign: dict[str, Any], to: str, expected: str) -> int:
    path = f"/campaigns/{campaign['id']}/status"
    body = {"status": to, "expected_status": expected}
    return (await client.post(path, body, key=f"{to}-after-{expected}")).status


async def insights(client: Client, campaign_id: str, **params: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/campaigns/{campaign_id}/insights", params=params)
    assert answer.status == 200, answer.body
    rows: list[dict[str, Any]] = answer.body["rows"]
    return rows


async def test_nothing_is_told_without_the_token(platform: AdPlatform) -> None:
    async with serving(platform.routes(), {"Authorization": "Bearer nope"}) as stranger:
        for path in ("/account", "/campaigns", "/campaigns/x", "/log", "/changes/by-key/k"):
            assert (await stranger.get(path)).status == 401
        assert (await stranger.post("/campaigns", {}, key="k")).status == 401


async def test_the_account_tells_its_currency_and_how_far_a_day_may_overspend(
    client: Client,
) -> None:
    body = (await client.get("/account")).body
    assert set(body) == {"id", "name", "currency", "timezone", "daily_overspend_ratio"}
    assert (body["currency"], body["daily_overspend_ratio"]) == ("EUR", "0.25")


async def test_at_the_start_one_runs_one_is_paused_and_one_has_ended(client: Client) -> None:
    listed = (await client.get("/campaigns")).body["campaigns"]
    assert [c["effective_status"] for c in listed] == ["ACTIVE", "PAUSED", "ENDED"]
    assert all(set(c) == KEYS for c in listed)
    assert [c["status"] for c in listed] == ["ACTIVE", "PAUSED", "ACTIVE"]
    paused = (await client.get("/campaigns?status=PAUSED")).body["campaigns"]
    assert paused == [listed[1]]
    assert (await client.get(f"/campaigns/{listed[0]['id']}")).body == listed[0]
    assert (await client.get("/campaigns?status=ODD")).body["field"] == "status"
    assert (await client.get("/campaigns/cmp-0")).status == 404


async def test_a_campaign_is_created_once_for_a_key(
    client: Client, platform: AdPlatform, clock: FakeClock
) -> None:
    made = await created(client, clock)
    assert set(made) == KEYS
    assert (made["status"], made["effective_status"]) == ("PAUSED", "PAUSED")
    assert made["daily_budget"] == 30_000
    again = await client.post("/campaigns", brief(clock), key="create")
    assert (again.status, again.body) == (200, made)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await client.post("/campaigns", brief(clock, daily_budget=300), key="create")
    assert (other.status, other.body["error"]) == (409, "idempotency_mismatch")
    assert (await client.get("/campaigns/by-key/create")).body == made
    assert (await client.get("/campaigns/by-key/other")).status == 404
    assert [effect.key for effect in platform.effects] == ["create"]
    (effect,) = (await client.get("/log")).body["effects"]
    assert set(effect) == {"at", "key", "what", "body"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 121),
        ("objective", None),
        ("audience", 3),
        ("channel", "carrier pigeon"),
        ("headline", " "),
        ("url", "javascript:alert(1)"),
        ("url", "https://"),
        ("currency", "USD"),
        ("currency", "XXX"),
        ("daily_budget", 0),
        ("daily_budget", -5),
        ("daily_budget", 300.0),
        ("daily_budget", "300"),
        ("daily_budget", True),
        ("daily_budget", 10**13),
        ("starts_on", "tomorrow"),
        ("starts_on", "2026-02-30"),
        ("ends_on", "2020-01-01"),
        ("status", "ACTIVE"),
        ("budget", 1),
    ],
)
async def test_a_refused_campaign_names_its_field(
    client: Client, platform: AdPlatform, clock: FakeClock, field: str, value: object
) -> None:
    answer = await client.post("/campaigns", brief(clock, **{field: value}), key="k")
    assert answer.status == 422
    assert (answer.body["error"], answer.body["field"]) == ("invalid", field)
    assert platform.effects == ()


async def test_a_write_without_a_key_is_refused(client: Client, clock: FakeClock) -> None:
    made = await created(client, clock)
    assert (await client.post("/campaigns", brief(clock))).status == 400
    body = {"status": "ACTIVE", "expected_status": "PAUSED"}
    assert (await client.post(f"/campaigns/{made['id']}/status", body)).status == 400


async def test_a_switch_happens_once_and_only_from_the_expected_status(
    client: Client, platform: AdPlatform, clock: FakeClock
) -> None:
    made = await created(client, clock)
    path = f"/campaigns/{made['id']}/status"
    stale = await client.post(path, {"status": "PAUSED", "expected_status": "ACTIVE"}, key="s")
    assert (stale.status, stale.body["error"]) == (409, "status_conflict")
    assert stale.body["status"] == "PAUSED"
    on = {"status": "ACTIVE", "expected_status": "PAUSED"}
    answer = await client.post(path, on, key="on")
    assert (answer.status, answer.body["effective_status"]) == (200, "SCHEDULED")
    again = await client.post(path, on, key="on")
    assert (again.status, again.body) == (200, answer.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await client.post(path, on, key="create")).body["error"] == "idempotency_mismatch"
    change = (await client.get("/changes/by-key/on")).body
    assert set(change) == {"key", "campaign_id", "what", "at"}
    assert change["campaign_id"] == made["id"]
    assert (await client.get("/changes/by-key/s")).status == 404
    # A switch is no creation: reconciling a creation by its key must not find it.
    assert (await client.get("/campaigns/by-key/on")).status == 404
    assert len(platform.effects) == 2


async def test_a_refused_switch_names_its_field(client: Client, clock: FakeClock) -> None:
    path = f"/campaigns/{(await created(client, clock))['id']}/status"
    for body, field in (
        ({"status": "ARCHIVED", "expected_status": "PAUSED"}, "status"),
        ({"status": "ACTIVE"}, "expected_status"),
        ({"status": "ACTIVE", "expected_status": "PAUSED", "force": 1}, "force"),
    ):
        answer = await client.post(path, body, key="k")
        assert (answer.status, answer.body["field"]) == (422, field)
    missing = await client.post("/campaigns/cmp-0/status", {}, key="k")
    assert missing.status == 404


async def test_an_active_campaign_spends_only_within_its_flight(
    client: Client, clock: FakeClock
) -> None:
    made = await created(client, clock)
    assert await switch(client, made, "ACTIVE", "PAUSED") == 200
    assert await insights(client, made["id"]) == []
    clock.forward(30 * DAY_S)
    told = (await client.get(f"/campaigns/{made['id']}")).body
    assert (told["status"], told["effective_status"]) == ("ACTIVE", "ENDED")
    rows = await insights(client, made["id"], since=made["starts_on"], until="2026-12-31")
    assert [rows[0]["date"], rows[-1]["date"]] == [made["starts_on"], made["ends_on"]]
    assert len(rows) == 10
    assert all(row["impressions"] > row["clicks"] > row["conversions"] > 0 for row in rows)


@pytest.mark.parametrize("currency", ["EUR", "TWD", "JPY", "HUF"])
@pytest.mark.parametrize("seed", [1, 7])
async def test_no_day_spends_more_than_a_quarter_above_its_budget(
    clock: FakeClock, currency: str, seed: int
) -> None:
    platform = AdPlatform(seed, clock, TOKEN, account_currency=currency)
    async with serving(platform.routes(), BEARER) as client:
        budget = 300 * CURRENCIES[currency].offset
        made = await created(client, clock, currency=currency, daily_budget=budget)
        assert (made["currency"], made["daily_budget"]) == (currency, budget)
        await switch(client, made, "ACTIVE", "PAUSED")
        clock.forward(20 * DAY_S)
        rows = await insights(client, made["id"], since=made["starts_on"])
        assert len(rows) == 10
        assert all(0.7 * budget <= row["spend"] <= 1.25 * budget for row in rows)
        # Not one day is exactly on budget: what was spent has to be read, not assumed.
        assert len({row["spend"] for row in rows}) > 5


async def test_the_same_budget_in_another_unit_buys_another_amount() -> None:
    shown = {}
    for currency in ("EUR", "TWD"):
        clock = FakeClock()
        platform = AdPlatform(7, clock, TOKEN, account_currency=currency)
        async with serving(platform.routes(), BEARER) as client:
            made = await created(client, clock, currency=currency, daily_budget=30_000)
            await switch(client, made, "ACTIVE", "PAUSED")
            clock.forward(3 * DAY_S)
            shown[currency] = (await insights(client, made["id"]))[0]["impressions"]
    # 30 000 is 300.00 EUR, but NT$30 000, which is about 857 EUR.
    assert shown["TWD"] == pytest.approx(shown["EUR"] * 857 / 300, rel=0.02)


async def test_today_is_partial_and_grows_and_a_pause_stops_it(
    client: Client, clock: FakeClock
) -> None:
    (running, *_) = (await client.get("/campaigns")).body["campaigns"]
    (morning,) = await insights(client, running["id"], since="2026-11-20")
    clock.forward(3600)
    (later,) = await insights(client, running["id"], since="2026-11-20")
    assert 0 < morning["spend"] < later["spend"] < 1.25 * running["daily_budget"]
    assert await switch(client, running, "PAUSED", "ACTIVE") == 200
    clock.forward(3600)
    assert await insights(client, running["id"], since="2026-11-20") == [later]
    clock.forward(3 * DAY_S)
    assert await insights(client, running["id"], since="2026-11-21") == []


async def test_switching_often_does_not_raise_a_day_above_its_limit(
    client: Client, clock: FakeClock
) -> None:
    (running, *_) = (await client.get("/campaigns")).body["campaigns"]
    path = f"/campaigns/{running['id']}/status"
    spent = 0
    for number in range(12):
        before, after = ("ACTIVE", "PAUSED") if number % 2 == 0 else ("PAUSED", "ACTIVE")
        body = {"status": after, "expected_status": before}
        assert (await client.post(path, body, key=f"k{number}")).status == 200
        clock.forward(3600)
        (today,) = await insights(client, running["id"], since="2026-11-20", until="2026-11-20")
        assert spent <= today["spend"] <= 1.25 * running["daily_budget"]
        spent = today["spend"]


async def test_what_was_reported_for_a_past_day_does_not_change(
    client: Client, clock: FakeClock
) -> None:
    (running, *_) = (await client.get("/campaigns")).body["campaigns"]
    week = {"since": "2026-11-13", "until": "2026-11-19"}
    before = await insights(client, running["id"], **week)
    assert len(before) == 7
    clock.forward(40 * DAY_S)
    assert await insights(client, running["id"], **week) == before


async def test_days_are_those_of_the_account_and_a_long_day_spends_no_more(
    clock: FakeClock,
) -> None:
    platform = AdPlatform(7, clock, TOKEN, timezone="Asia/Tokyo")
    clock.forward(4 * 3600)  # 16:00 in UTC is the next day in Tokyo
    async with serving(platform.routes(), BEARER) as client:
        (running, *_) = (await client.get("/campaigns")).body["campaigns"]
        rows = await insights(client, running["id"])
        assert rows[-1]["date"] == "2026-11-21"
        assert rows[-1]["spend"] < rows[-2]["spend"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"since": "soon"}, "since"),
        ({"until": "2026-13-01"}, "until"),
        ({"since": "2026-11-20", "until": "2026-11-19"}, "until"),
        ({"since": "2020-01-01"}, "since"),
    ],
)
async def test_a_refused_range_names_its_field(
    client: Client, params: dict[str, str], field: str
) -> None:
    (running, *_) = (await client.get("/campaigns")).body["campaigns"]
    answer = await client.get(f"/campaigns/{running['id']}/insights", params=params)
    assert (answer.status, answer.body["field"]) == (400, field)


async def test_the_stamp_says_when_the_figures_were_taken(client: Client) -> None:
    (running, *_) = (await client.get("/campaigns")).body["campaigns"]
    answer = await client.get(f"/campaigns/{running['id']}/insights")
    assert answer.body["as_of"] == "2026-11-20T12:00:00.000000Z"
