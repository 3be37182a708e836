"""Our Alertmanager against the real one: the same webhook, the same silences."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from bot.clock import WallClock
from playground.shop.alertmanager import Alertmanager
from playground.shop.api import Shop
from playground.shop.prometheus import PrometheusApi
from playground.shop.webhook import AlertmanagerSettings
from tests.playground.shop.real import RealAlertmanager
from tests.playground.shop.world import TOKEN, Client, FakeBot, serving, until

FORMATS = {
    "a time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z",
    "a fingerprint": r"[0-9a-f]{16}",
    "a uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "an address": r"https?://\S+",
}
FREE_TEXT = {"summary", "description", "original", "message"}

pytestmark = pytest.mark.monitoring


def shape(value: object, key: str = "") -> object:
    """Return the value with its times, ids, addresses and free texts replaced by their format."""
    if isinstance(value, dict):
        return {name: shape(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    if not isinstance(value, str) or value == "0001-01-01T00:00:00Z":
        return value
    formats = (name for name, pattern in FORMATS.items() if re.fullmatch(pattern, value))
    return next(formats, "a text" if key in FREE_TEXT else value)


class Both:
    """The same shop's alerts in both Alertmanagers, each with a bot that listens."""

    def __init__(self, ours: Client, real: Client, bots: tuple[FakeBot, FakeBot]) -> None:
        self.ours = ours
        self.real = real
        self.our_bot, self.real_bot = bots

    async def send(self, method: str, path: str, **kwargs: Any) -> tuple[Any, Any]:  # noqa: ANN401 - aiohttp's own
        ours = await self.ours.send(method, path, **kwargs)
        real = await self.real.send(method, path, **kwargs)
        told = (method, path, kwargs.get("json"), real.body)
        assert ours.status == real.status, told
        ours_type, real_type = (a.headers.get("Content-Type", "") for a in (ours, real))
        if real.body:
            assert ours_type.split(";")[0] == real_type.split(";")[0], told
        return ours.body, real.body


@pytest.fixture
async def firing() -> AsyncIterator[tuple[Both, Shop]]:
    """Both firing for one faulty service, and both bots told."""
    shop = Shop(7, WallClock(), TOKEN, window="2s")
    bots = (FakeBot(), FakeBot())
    async with AsyncExitStack() as stack:
        our_hook = await stack.enter_async_context(serving(bots[0].routes()))
        real_hook = await stack.enter_async_context(serving(bots[1].routes()))
        settings = AlertmanagerSettings(bot_url=our_hook.base, token=TOKEN, for_s=0.5)
        mine = Alertmanager(PrometheusApi(shop, 0.25), WallClock(), settings)
        ours = await stack.enter_async_context(serving(mine.routes()))
        await mine.start()
        stack.push_async_callback(mine.stop)
        server = RealAlertmanager(f"{real_hook.base}/webhooks/alertmanager", TOKEN)
        real = Client(await stack.enter_async_context(server))
        stack.push_async_callback(real.close)
        shop.inject_fault()
        await until(lambda: bool(bots[0].taken))
        await real.post("/api/v2/alerts", [alert_as_prometheus_sends_it(bots[0].taken[0])])
        await until(lambda: bool(bots[1].taken))
        yield Both(ours, real, bots), shop


def alert_as_prometheus_sends_it(body: dict[str, Any], **extra: str) -> dict[str, Any]:
    (told,) = body["alerts"]
    wanted = ("labels", "annotations", "generatorURL", "startsAt")
    return {name: told[name] for name in wanted} | extra


def silence(service: str, **changes: object) -> dict[str, Any]:
    now = WallClock().now()
    return {
        "matchers": [{"name": "service", "value": service, "isRegex": False}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "ana",
        "comment": "we look into it",
    } | changes


async def test_the_webhook_of_a_firing_and_of_a_resolved_alert_is_the_real_one(
    firing: tuple[Both, Shop],
) -> None:
    both, shop = firing
    ours, theirs = both.our_bot.taken[0], both.real_bot.taken[0]
    assert list(ours) == list(theirs)
    assert list(ours["alerts"][0]) == list(theirs["alerts"][0])
    assert shape(ours) == shape(theirs)
    assert ours["alerts"][0]["fingerprint"] == theirs["alerts"][0]["fingerprint"]
    assert both.our_bot.authorizations[0] == both.real_bot.authorizations[0] == f"Bearer {TOKEN}"

    fault = shop.story[-1]
    shop.fleet.roll_to(fault.service, fault.environment, fault.previous_version)
    await until(lambda: both.our_bot.taken[-1]["status"] == "resolved")
    over = both.our_bot.taken[-1]
    ended = {"endsAt": over["alerts"][0]["endsAt"]}
    await both.real.post("/api/v2/alerts", [alert_as_prometheus_sends_it(over, **ended)])
    await until(lambda: both.real_bot.taken[-1]["status"] == "resolved")
    assert shape(over) == shape(both.real_bot.taken[-1])


async def test_the_listed_alert_is_the_real_one_before_and_after_a_silence(
    firing: tuple[Both, Shop],
) -> None:
    both, shop = firing
    service = shop.story[-1].service
    filters = [
        "",
        f'?filter=service="{service}"',
        f"?filter=service={service}&filter=severity=~warn.*",
        "?filter=service!~.*",
        "?filter=nope=x",
        "?filter={bad",
        "?active=false",
        "?silenced=false",
        "?active=maybe",
        "?receiver=sign.*",
        "?receiver=other",
        "?receiver=[",
    ]
    for path in filters:
        ours, theirs = await both.send("GET", f"/api/v2/alerts{path}")
        assert _kind(shape(ours)) == _kind(shape(theirs)), path
        assert path or len(ours) == 1
    await both.send("POST", "/api/v2/silences", json=silence(service))
    for path in filters:
        ours, theirs = await both.send("GET", f"/api/v2/alerts{path}")
        assert _kind(shape(ours)) == _kind(shape(theirs)), path


def _kind(found: object) -> object:
    # A refusal's wording is Go's; that it is one text counts.
    return "text" if isinstance(found, str) else found


BAD_SILENCES: list[Any] = [
    {},
    [],
    silence("web", matchers=[]),
    silence("web", comment=None),
    silence("web", comment=1),
    silence("web", startsAt="soon"),
    silence("web", endsAt="2020-01-01T00:00:00Z"),
    silence("web", startsAt="2020-01-01T00:00:00Z", endsAt="2020-01-02T00:00:00Z"),
    silence("web", matchers=[{"name": "service", "value": "web"}]),
    silence("web", matchers=[{"name": "service", "value": "", "isRegex": False}]),
    silence("web", matchers=[{"name": "service", "value": ".*", "isRegex": True}]),
    silence("web", matchers=[{"name": "service", "value": "[", "isRegex": True}]),
    silence("web", id="00000000-0000-0000-0000-000000000000"),
]


async def test_silences_are_kept_and_refused_as_by_the_real_one(
    firing: tuple[Both, Shop],
) -> None:
    both, _ = firing
    for body in BAD_SILENCES:
        ours, theirs = await both.send("POST", "/api/v2/silences", json=body)
        assert isinstance(ours, type(theirs)), (body, theirs)
        if isinstance(theirs, dict):
            assert ours["code"] == theirs["code"], (body, theirs)
    await both.send("POST", "/api/v2/silences", data="{}")
    await both.send("POST", "/api/v2/silences", data="no", headers=_JSON)

    first = await both.send("POST", "/api/v2/silences", json=silence("web"))
    await both.send("POST", "/api/v2/silences", json=silence("shipping"))
    for path in ("", '?filter=service="web"', '?filter=service="none"', "?filter={"):
        ours, theirs = await both.send("GET", f"/api/v2/silences{path}")
        assert _kind(shape(ours)) == _kind(shape(theirs)), path

    # The same matchers and start keep the id; other matchers end the silence and begin another.
    for changes in ({"comment": "still"}, {"matchers": silence("search")["matchers"]}):
        told: list[str] = []
        for client, answer in zip((both.ours, both.real), first, strict=True):
            known = (await client.get(f"/api/v2/silence/{answer['silenceID']}")).body
            body = {**known, **changes}
            put = await client.post("/api/v2/silences", body)
            assert put.status == 200
            told.append("kept" if put.body == answer else "new")
        assert told[0] == told[1]
    ours, theirs = await both.send("GET", "/api/v2/silences")
    assert shape(ours) == shape(theirs)


_JSON = {"Content-Type": "application/json"}


async def test_one_silence_is_shown_ended_and_missed_as_by_the_real_one(
    firing: tuple[Both, Shop],
) -> None:
    both, _ = firing
    ours, real = await both.send("POST", "/api/v2/silences", json=silence("web"))
    for method in ("GET", "DELETE", "DELETE", "GET"):
        answers = []
        for client, made in ((both.ours, ours), (both.real, real)):
            answers.append(await client.send(method, f"/api/v2/silence/{made['silenceID']}"))
        assert answers[0].status == answers[1].status
        assert shape(answers[0].body) == shape(answers[1].body)
    for unknown in ("00000000-0000-0000-0000-000000000000", "not-a-uuid"):
        for method in ("GET", "DELETE"):
            mine, theirs = await both.send(method, f"/api/v2/silence/{unknown}")
            assert mine == theirs
    for path in ("/api/v2/status", "/-/healthy", "/-/ready"):
        mine, theirs = await both.send("GET", path)
        assert _keys(mine) == _keys(theirs)


def _keys(found: object) -> object:
    if isinstance(found, dict):
        return {name: _keys(inner) for name, inner in found.items()}
    return type(found).__name__
