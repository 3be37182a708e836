"""The shop's HTTP API, served on loopback."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest

from playground.shop.api import Shop
from playground.shop.flaws import DEPENDS_ON
from playground.shop.model import Fault, UnknownServiceError
from playground.shop.wire import parse_instant
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


def rollback(fault: Fault, **changes: object) -> dict[str, object]:
    return {
        "service": fault.service,
        "environment": fault.environment,
        "version": fault.previous_version,
        "expected_version": fault.version,
    } | changes


async def test_only_health_and_metrics_are_told_without_the_token(shop: Shop) -> None:
    closed = ["/services", "/services/web", "/deploys", "/logs", "/deploys/by-key/k", "/log"]
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        async with serving(shop.routes(), headers) as stranger:
            assert (await stranger.get("/healthz")).body == {"ok": True}
            assert (await stranger.get("/metrics")).status == 200
            for path in closed:
                answer = await stranger.get(path)
                assert (answer.status, answer.body["error"]) == (401, "unauthorized"), path
            assert (await stranger.post("/deploys", {}, key="k")).status == 401


async def test_an_empty_token_opens_nothing(clock: FakeClock) -> None:
    async with serving(Shop(7, clock, "").routes(), {"Authorization": "Bearer "}) as stranger:
        assert (await stranger.get("/services")).status == 401


async def test_services_tell_version_and_dependencies(client: Client) -> None:
    listed = (await client.get("/services?environment=staging")).body["services"]
    assert {entry["name"]: tuple(entry["depends_on"]) for entry in listed} == DEPENDS_ON
    assert {entry["environment"] for entry in listed} == {"staging"}
    assert len((await client.get("/services")).body["services"]) == 2 * len(DEPENDS_ON)
    one = (await client.get("/services/checkout?environment=production")).body
    assert set(one) == {
        *("name", "environment", "version", "deployed_at"),
        *("previous_version", "depends_on"),
    }
    assert one["version"] != one["previous_version"]


@pytest.mark.parametrize(
    ("path", "status", "error", "field"),
    [
        ("/services/nope?environment=staging", 404, "unknown_service", "service"),
        ("/services/web", 400, "invalid", "environment"),
        ("/services?environment=moon", 400, "invalid", "environment"),
        ("/deploys?service=nope", 404, "unknown_service", "service"),
        ("/deploys?since=yesterday", 400, "invalid", "since"),
        ("/deploys?since=2026-11-20T12:00:00", 400, "invalid", "since"),
        ("/logs?limit=0", 400, "invalid", "limit"),
        ("/logs?limit=1001", 400, "invalid", "limit"),
        ("/logs?limit=ten", 400, "invalid", "limit"),
    ],
)
async def test_a_refused_question_names_its_field(
    client: Client, path: str, status: int, error: str, field: str
) -> None:
    answer = await client.get(path)
    assert answer.status == status
    assert (answer.body["error"], answer.body["field"]) == (error, field)
    assert answer.body["message"]


async def test_history_goes_back_days_and_holds_one_fresh_harmless_deploy(
    client: Client, shop: Shop, clock: FakeClock
) -> None:
    deploys = (await client.get("/deploys")).body["deploys"]
    times = [entry["at"] for entry in deploys]
    assert times == sorted(times, reverse=True)
    since = (clock.now() - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    fresh = (await client.get("/deploys", params={"since": since})).body["deploys"]
    (decoy,) = fresh
    made_at = parse_instant(decoy["at"])
    assert made_at is not None
    age = clock.now() - made_at
    assert timedelta(minutes=5) <= age <= timedelta(minutes=15)
    fault = shop.inject_fault()
    assert (decoy["environment"], fault.environment) == ("staging", "staging")
    assert decoy["service"] != fault.service
    for service in DEPENDS_ON:
        for environment in ("staging", "production"):
            path = f"/deploys?service={service}&environment={environment}"
            chain = list(reversed((await client.get(path)).body["deploys"]))
            assert len(chain) >= 3
            for before, after in pairwise(chain):
                assert after["previous_version"] == before["version"]


@pytest.mark.parametrize("seed", range(8))
def test_a_fault_is_drawn_from_the_seed_and_the_second_is_another(seed: int) -> None:
    shops = [Shop(seed, FakeClock(), TOKEN) for _ in range(2)]
    drawn = [[shop.inject_fault() for _ in range(7)] for shop in shops]
    assert drawn[0] == drawn[1]
    assert shops[0].story == tuple(drawn[0])
    assert len({fault.service for fault in drawn[0][:6]}) == 6
    assert all(0.20 <= fault.error_ratio <= 0.45 for fault in drawn[0])
    for fault in drawn[0]:
        before, after = (int(v[1:]) for v in (fault.previous_version, fault.version))
        assert after > before


def test_a_fault_can_be_asked_for_by_name(shop: Shop) -> None:
    fault = shop.inject_fault("payments", "production")
    assert (fault.service, fault.environment) == ("payments", "production")
    for service, environment in (("nope", "staging"), ("web", "moon"), (None, "moon")):
        with pytest.raises(UnknownServiceError):
            shop.inject_fault(service, environment)
    assert shop.story == (fault,)


async def test_a_rollback_happens_once_for_a_key(client: Client, shop: Shop) -> None:
    fault = shop.inject_fault()
    made = await client.post("/deploys", rollback(fault), key="k-1")
    assert made.status == 201
    assert set(made.body) == {
        *("id", "service", "environment", "version", "previous_version", "at", "kind"),
    }
    assert (made.body["kind"], made.body["version"]) == ("rollback", fault.previous_version)
    again = await client.post("/deploys", rollback(fault), key="k-1")
    assert (again.status, again.body) == (200, made.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await client.post("/deploys", rollback(fault, version=fault.version), key="k-1")
    assert (other.status, other.body["error"]) == (409, "idempotency_mismatch")
    assert (await client.get("/deploys/by-key/k-1")).body == made.body
    missing = await client.get("/deploys/by-key/k-2")
    assert (missing.status, missing.body["error"]) == (404, "not_found")
    (effect,) = (await client.get("/log")).body["effects"]
    assert (effect["key"], effect["what"], effect["body"]) == ("k-1", "deploy", made.body)
    assert len(shop.effects) == 1


async def test_a_rollback_on_another_version_than_expected_does_nothing(
    client: Client, shop: Shop
) -> None:
    fault = shop.inject_fault()
    stale = rollback(fault, expected_version=fault.previous_version)
    answer = await client.post("/deploys", stale, key="k-1")
    assert (answer.status, answer.body["error"]) == (409, "version_conflict")
    assert answer.body["deployed"] == fault.version
    # A refusal does not bind the key: nothing was done under it.
    assert (await client.post("/deploys", rollback(fault), key="k-1")).status == 201
    assert len(shop.effects) == 1


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"version": "v9999"}, "unknown_version", "version"),
        ({"service": "nope"}, "unknown_service", "service"),
        ({"environment": "moon"}, "invalid", "environment"),
        ({"version": 41}, "invalid", "version"),
        ({"expected_version": None}, "invalid", "expected_version"),
        ({"force": True}, "invalid", "force"),
    ],
)
async def test_a_refused_rollback_names_its_field(
    client: Client, shop: Shop, changes: dict[str, object], error: str, field: str
) -> None:
    answer = await client.post("/deploys", rollback(shop.inject_fault(), **changes), key="k")
    assert answer.status == 422
    assert (answer.body["error"], answer.body["field"]) == (error, field)
    assert shop.effects == ()


async def test_rolling_to_what_is_deployed_is_refused(client: Client, shop: Shop) -> None:
    fault = shop.inject_fault()
    answer = await client.post("/deploys", rollback(fault, version=fault.version), key="k")
    assert (answer.status, answer.body["field"]) == (422, "version")


async def test_a_write_without_a_usable_key_or_body_is_refused(client: Client, shop: Shop) -> None:
    body = rollback(shop.inject_fault())
    missing = await client.post("/deploys", body)
    assert (missing.status, missing.body["error"]) == (400, "idempotency_key_required")
    assert (await client.post("/deploys", body, key="with space")).status == 400
    keyed = {"Idempotency-Key": "k"}
    for data in (b"", b"[]", b"{", b'{"service": NaN}', b"[" * 60_000):
        answer = await client.send("POST", "/deploys", data=data, headers=keyed)
        assert (answer.status, answer.body["error"]) == (400, "invalid_json")
    large = await client.send("POST", "/deploys", data=b" " * 70_000, headers=keyed)
    assert (large.status, large.body["error"]) == (413, "too_large")
    assert shop.effects == ()


async def test_rolling_forward_again_brings_the_fault_back(
    client: Client, shop: Shop, clock: FakeClock
) -> None:
    fault = shop.inject_fault()
    clock.forward(60)
    await client.post("/deploys", rollback(fault), key="back")
    timeline = shop.fleet.timeline(fault.service, fault.environment)
    assert timeline.current.error_ratio < 0.05
    clock.forward(60)
    forward = rollback(fault, version=fault.version, expected_version=fault.previous_version)
    assert (await client.post("/deploys", forward, key="forth")).status == 201
    assert timeline.current.error_ratio == fault.error_ratio


async def test_metrics_are_prometheus_text_with_the_labels_of_the_contract(
    client: Client, shop: Shop, clock: FakeClock
) -> None:
    fault = shop.inject_fault()
    clock.forward(10)
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    place = f'service="{fault.service}",environment="staging",version="{fault.version}"'
    rate_s = shop.fleet.timeline(fault.service, "staging").rate_s
    values = dict(line.rsplit(" ", 1) for line in answer.body.splitlines() if line[0] != "#")
    assert values[f"app_build_info{{{place}}}"] == "1"
    failed = float(values[f'http_requests_total{{{place},code="500"}}'])
    assert failed == pytest.approx(10 * rate_s * fault.error_ratio)
    buckets = f"http_request_duration_seconds_bucket{{{place}"
    counted = float(values[f"http_request_duration_seconds_count{{{place}}}"])
    assert float(values[f'{buckets},le="+Inf"}}']) == counted == pytest.approx(10 * rate_s)
    assert 0 < float(values[f'{buckets},le="0.1"}}']) < counted
    old = f'version="{fault.previous_version}"'
    assert not any(old in name for name in values if f"app_build_info{{{place[:30]}" in name)
