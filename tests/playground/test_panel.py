"""The panel of the shop and the ad platform: what it shows, breaks, mends and refuses."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from playground.adplatform.api import AdPlatform
from playground.panel import Panel
from playground.process import BotProcess
from playground.shop.api import Shop
from playground.valve import Flow, Valve
from playground.workspace.guard import loopback_only

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
Json = dict[str, Any]


class StillClock:
    """A time that stands still."""

    def now(self) -> datetime:
        return NOW


class Rig:
    """The panel over parts that nobody else uses."""

    def __init__(self, log: Path) -> None:
        self.shop = Shop(42, StillClock(), "token")
        self.ads = AdPlatform(42, StillClock(), "token")
        self.valves = {"shop": Valve(), "ads": Valve()}
        bot = BotProcess({}, log)
        self.panel = Panel(shop=self.shop, ads=self.ads, valves=self.valves, bot=bot)
        self.client: TestClient[Any, Any]

    async def look(self) -> Json:
        async with self.client.get("/world/panel") as response:
            found: Json = await response.json()
            return found

    async def act(self, what: str, **fields: object) -> tuple[int, Json]:
        async with self.client.post(f"/world/panel/{what}", json=fields) as response:
            return response.status, await response.json()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path / "bot.log")
    app = web.Application(middlewares=[loopback_only])
    app.add_routes(made.panel.routes())
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        made.client = client
        yield made


def service(found: Json, name: str, environment: str = "staging") -> Json:
    places = found["services"]
    return next(s for s in places if (s["service"], s["environment"]) == (name, environment))


async def test_a_service_is_broken_and_mended_by_hand(rig: Rig) -> None:
    before = service(await rig.look(), "checkout")
    assert not before["is_broken"]
    place = {"service": "checkout", "environment": "staging"}
    _, after = await rig.act("break", **place)
    broken = service(after, "checkout")
    assert broken["is_broken"]
    assert broken["previous_version"] == before["version"]
    assert after["deploys"][0]["version"] == broken["version"]
    _, mended = await rig.act("mend", **place)
    assert service(mended, "checkout")["version"] == before["version"]
    assert not service(mended, "checkout")["is_broken"]
    status, refused = await rig.act("mend", **place)
    assert (status, "nothing to mend" in refused["message"]) == (422, True)


async def test_a_part_is_put_out_of_order_and_back(rig: Rig) -> None:
    _, found = await rig.act("valve", part="shop", flow="refusing")
    assert found["valves"] == {"shop": "refusing", "ads": "open"}
    assert rig.valves["shop"].flow is Flow.REFUSING
    _, found = await rig.act("valve", part="shop", flow="open")
    assert found["valves"]["shop"] == "open"


async def test_a_campaign_is_switched_beside_the_bot(rig: Rig) -> None:
    campaign = next(c for c in (await rig.look())["campaigns"] if c["status"] == "ACTIVE")
    _, found = await rig.act("campaign", id=campaign["id"], status="PAUSED")
    now = next(c for c in found["campaigns"] if c["id"] == campaign["id"])
    assert now["status"] == "PAUSED"
    assert rig.ads.effects == ()


REFUSED: dict[str, tuple[str, Json]] = {
    "an unknown service": ("break", {"service": "moon", "environment": "staging"}),
    "an unknown environment": ("break", {"service": "web", "environment": "moon"}),
    "a service that is no text": ("break", {"service": 1, "environment": "staging"}),
    "an unknown part": ("valve", {"part": "moon", "flow": "open"}),
    "an unknown flow": ("valve", {"part": "shop", "flow": "sideways"}),
    "an unknown campaign": ("campaign", {"id": "cmp-0", "status": "PAUSED"}),
    "an unknown status": ("campaign", {"id": "cmp-1", "status": "ARCHIVED"}),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_makes_no_sense_is_refused_with_a_reason(rig: Rig, case: str) -> None:
    what, fields = REFUSED[case]
    status, answer = await rig.act(what, **fields)
    assert (status, answer["ok"]) == (422, False)
    assert answer["message"]


async def test_what_is_not_json_is_refused_and_other_acts_are_not_there(rig: Rig) -> None:
    headers = {"Content-Type": "application/json"}
    async with rig.client.post("/world/panel/break", data=b"[", headers=headers) as response:
        assert response.status == 422
    status, answer = await rig.act("kill-bot")
    assert (status, answer["bot"]["running"]) == (200, False)
    async with rig.client.post("/world/panel/dance", json={}) as response:
        assert response.status == 404


async def test_another_website_cannot_break_anything(rig: Rig) -> None:
    place = {"service": "checkout", "environment": "staging"}
    headers = {"Origin": "https://evil.example"}
    async with rig.client.post("/world/panel/break", json=place, headers=headers) as response:
        assert response.status == 403
    assert not service(await rig.look(), "checkout")["is_broken"]
