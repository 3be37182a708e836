"""The faults and the log of calls, ordered and read over HTTP as the page's panel does it."""

import asyncio
import time

import aiohttp
import pytest

from playground.workspace.model import Json
from playground.workspace.panel import ORDERS
from tests.playground.workspace.bare_app import connect
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import SampleApp, card

INCIDENTS = "C0INCIDENTS"


async def order(world: World, fault: str, **fields: object) -> Json:
    url = f"{world.base_url}/page/faults"
    async with world.session.post(url, json={"fault": fault, **fields}) as response:
        answer: Json = await response.json()
        return answer


async def look(world: World, path: str) -> Json:
    async with world.session.get(f"{world.base_url}/page/{path}") as response:
        answer: Json = await response.json()
        return answer


async def test_every_fault_is_described_and_what_is_ordered_is_listed(world: World) -> None:
    found = await look(world, "faults")
    assert (found["transport"], found["sockets"], found["is_away"]) == ("socket", 0, False)
    assert [one["fault"] for one in found["known"]] == list(ORDERS)
    assert all(one["about"] for one in found["known"])
    lasting = [name for name, order in ORDERS.items() if "times" in order.fields]
    for name in lasting:
        assert (await order(world, name))["ok"]
    ordered = (await look(world, "faults"))["ordered"]
    assert sorted(one["fault"] for one in ordered) == sorted(lasting)
    async with world.session.post(f"{world.base_url}/page/faults/clear", json={}) as response:
        assert (await response.json())["ordered"] == []


async def test_an_ordered_fault_shows_in_the_next_call_and_is_used_up(world: World) -> None:
    await order(world, "fail", method="users.list", status=503, times=2)
    url = f"{world.base_url}/api/users.list"
    for _ in range(2):
        async with world.session.post(url) as response:
            assert (response.status, (await response.json())["error"]) == (
                503,
                "service_unavailable",
            )
    assert (await world.call("users.list"))["ok"]
    assert (await look(world, "faults"))["ordered"] == []


async def test_a_slow_answer_comes_after_the_work_was_done(world: World) -> None:
    await order(world, "slow", seconds=0.3)
    before = time.monotonic()
    await world.post(text="late")
    assert time.monotonic() - before >= 0.3
    world.workspace.faults.slow_down("*", 30)
    with pytest.raises(TimeoutError):
        async with world.session.post(
            f"{world.base_url}/api/chat.postMessage",
            json={"channel": INCIDENTS, "text": "unheard"},
            headers={"Authorization": f"Bearer {world.workspace.state.app.bot_token}"},
            timeout=aiohttp.ClientTimeout(total=0.3),
        ):
            pytest.fail("it must not be answered in time")
    assert [m["text"] for m in await world.ana.messages(INCIDENTS)] == ["late", "unheard"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"fault": "flood"}, "unknown_fault"),
        ({"fault": "fail", "status": 404}, "invalid_field"),
        ({"fault": "fail", "method": ""}, "invalid_field"),
        ({"fault": "duplicate", "times": 0}, "invalid_field"),
        ({"fault": "duplicate", "times": True}, "invalid_field"),
        ({"fault": "delay", "seconds": "5"}, "invalid_field"),
        ({"fault": "disconnect", "reason": "boredom"}, "invalid_field"),
        ([], "unknown_fault"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_in_words(
    world: World, body: Json, error: str
) -> None:
    async with world.session.post(f"{world.base_url}/page/faults", json=body) as response:
        answer = await response.json()
    assert (answer["ok"], answer["error"]) == (False, error)
    assert answer["message"].endswith(".")
    assert world.workspace.faults.ordered() == []


@pytest.mark.parametrize("path", ["/page/faults", "/page/faults/clear"])
async def test_another_website_may_not_order_faults(world: World, path: str) -> None:
    foreign = {"Origin": "http://evil.example"}
    async with world.session.post(
        world.base_url + path, json={"fault": "away"}, headers=foreign
    ) as response:
        assert response.status == 403
    form = {"Content-Type": "text/plain"}
    async with world.session.post(world.base_url + path, data="{}", headers=form) as response:
        assert response.status == 403
    assert not world.workspace.faults.is_away


async def test_away_and_back_by_the_panel(world: World) -> None:
    assert (await order(world, "away"))["is_away"]
    with pytest.raises(aiohttp.ClientError):
        await world.post(text="into the void")
    assert not (await order(world, "back"))["is_away"]
    await world.post(text="here again")


async def test_the_log_of_calls_is_read_page_by_page(world: World) -> None:
    for _ in range(3):
        await world.call("auth.test")
    everything = await look(world, "calls?since=0")
    assert [call["method"] for call in everything["calls"]] == ["auth.test"] * 3
    assert everything["calls"][0]["seq"] == 1
    assert everything["calls"][0]["answer"]["ok"]
    later = await look(world, f"calls?since={everything['next'] - 1}")
    assert (len(later["calls"]), later["total"]) == (1, 3)
    for nowhere in ("9" * 5000, "-1", "x"):
        assert len((await look(world, f"calls?since={nowhere}"))["calls"]) == 3
    world.workspace.calls.extend(world.workspace.calls * 100)
    assert len((await look(world, "calls"))["calls"]) == 200


async def test_a_restart_keeps_what_was_said_and_loses_sockets_and_tickets(
    world: World, app: SampleApp
) -> None:
    await world.ana.say(INCIDENTS, "before")
    opened = await world.call("apps.connections.open", token=world.workspace.state.app.app_token)
    await order(world, "restart")
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await world.socket(opened["url"])

    async def back() -> bool:
        return world.workspace.sockets == 1

    await world.ana.eventually(back, 60)
    assert [m["text"] for m in await world.ana.messages(INCIDENTS)] == ["before"]
    await world.ana.command(INCIDENTS, "/card now")
    # Perhaps told twice, when the restart came before its ack; never as another event.
    assert len({event["event_id"] for event in app.events}) == 1


async def test_two_people_click_at_the_same_moment(world: World) -> None:
    bare = await connect(world)
    ts = await world.post(text="card", blocks=card())
    await bare.ack(await bare.next())
    await order(world, "together", times=2)
    clicks = asyncio.gather(*(w.click("Approve", INCIDENTS, ts) for w in (world.ana, world.ben)))
    # Both are there before either is answered.
    both = [await bare.next(), await bare.next()]
    for envelope in both:
        await bare.ack(envelope)
    await clicks
    assert {one["payload"]["user"]["id"] for one in both} == {"U0ANA", "U0BEN"}


async def test_a_click_does_not_wait_for_ever_for_another(world: World, app: SampleApp) -> None:
    await order(world, "together", times=2)
    ts = await world.post(text="card", blocks=card())
    await world.ana.click("Approve", INCIDENTS, ts)
    assert len(app.actions) == 1


async def test_a_cut_connection_is_gone_without_a_word(world: World) -> None:
    bare = await connect(world)
    await order(world, "socket_cut")
    with pytest.raises(TypeError, match=r"CLOSED|CLOSING|ERROR|257"):
        await bare.next()
    assert world.workspace.sockets == 0


async def test_an_app_comes_back_after_its_connection_was_cut(world: World, app: SampleApp) -> None:
    await order(world, "socket_cut")

    async def back() -> bool:
        return world.workspace.sockets == 1

    await world.ana.eventually(back, 60)
    await world.ana.command(INCIDENTS, "/card now")
    assert len(await world.ana.ephemerals(INCIDENTS)) == 1
    assert app.events == []


async def test_a_delayed_envelope_is_overtaken_by_time_that_is_moved(world: World) -> None:
    bare = await connect(world)
    await order(world, "delay", seconds=600)
    await world.ana.say(INCIDENTS, "late")
    await world.ana.say(INCIDENTS, "soon")
    soon = await bare.next()
    await bare.ack(soon)
    world.clock.forward(600)
    late = await bare.next()
    await bare.ack(late)
    assert [one["payload"]["event"]["text"] for one in (soon, late)] == ["soon", "late"]


async def test_a_stream_is_cut_and_takes_nothing_more(world: World) -> None:
    root = await world.post(text="x")
    who = {"recipient_team_id": "T0PLAY", "recipient_user_id": "U0ANA"}
    started = await world.call("chat.startStream", channel=INCIDENTS, thread_ts=root, **who)
    place = {"channel": INCIDENTS, "ts": started["ts"]}
    assert (await world.call("chat.appendStream", markdown_text="one", **place))["ok"]
    await order(world, "stream_cut")
    refused = await world.call("chat.appendStream", markdown_text="two", **place)
    assert refused["error"] == "message_not_in_streaming_state"
    assert (await world.call("chat.update", text="one and two", **place))["ok"]


async def test_an_answer_by_response_url_can_fail_be_put_off_and_be_lost(
    world: World, app: SampleApp
) -> None:
    ts = await world.post(text="card", blocks=card())
    await world.ben.click("Approve", INCIDENTS, ts)
    url = app.actions[0]["response_url"]
    await order(world, "fail", method="response_url")
    async with world.session.post(url, json={"text": "failed"}) as response:
        assert response.status == 500
    await order(world, "rate_limit", method="response_url", retry_after_s=3)
    async with world.session.post(url, json={"text": "put off"}) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "3")
    await order(world, "lose_answer", method="response_url")
    with pytest.raises(aiohttp.ClientError):
        await world.session.post(url, json={"text": "shown"})
    assert [m["text"] for m in await world.ben.ephemerals(INCIDENTS)] == ["shown"]
