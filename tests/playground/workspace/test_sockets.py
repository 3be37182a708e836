"""Socket Mode's connections: how many, which one gets an envelope, and how Slack ends them."""

import asyncio
from collections import Counter

import pytest
from aiohttp import WSCloseCode, WSMsgType

from playground.workspace.client import PersonError
from playground.workspace.envelope import Patience
from playground.workspace.model import Json
from playground.workspace.sockets import MAX_SOCKETS
from tests.playground.workspace.bare_app import BareApp, connect
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import APP_TOKEN, SampleApp

INCIDENTS = "C0INCIDENTS"
EVENTS = 600


async def acknowledge(bare: BareApp, got: list[Json]) -> None:
    """Take and acknowledge whatever comes, until the socket is closed."""
    while True:
        envelope = await bare.next()
        got.append(envelope)
        await bare.ack(envelope)


async def opened(world: World) -> BareApp:
    """Open a socket without looking at what it says first."""
    address = await world.call("apps.connections.open", token=APP_TOKEN)
    return BareApp(await world.socket(address["url"]))


async def test_the_eleventh_socket_is_turned_away(world: World) -> None:
    ten = [await connect(world) for _ in range(MAX_SOCKETS)]
    eleventh = await opened(world)
    goodbye = await eleventh.next()
    assert (goodbye["type"], goodbye["reason"]) == ("disconnect", "too_many_websockets")
    assert goodbye["debug_info"]["host"]
    with pytest.raises(TypeError):
        await eleventh.next()
    assert world.workspace.sockets == len(ten) == MAX_SOCKETS


async def test_an_ack_of_bare_text_is_shown_to_the_person_alone(world: World) -> None:
    bare = await connect(world)
    command = asyncio.create_task(world.ana.command(INCIDENTS, "/card"))
    await bare.ack(await bare.next(), "done")
    await command
    assert [message["text"] for message in await world.ana.ephemerals(INCIDENTS)] == ["done"]
    assert await world.ben.ephemerals(INCIDENTS) == []


@pytest.mark.parametrize("said", ["no JSON", "[1]", '{"payload": NaN}'])
async def test_a_socket_that_says_no_json_object_is_closed_and_named_in_the_log(
    world: World, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    bare = await connect(world)
    closed = await bare.say(said)
    assert (closed.type, closed.data) == (WSMsgType.CLOSE, WSCloseCode.UNSUPPORTED_DATA)
    [record] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert said in record.getMessage()
    assert record.exc_info is None
    again = await connect(world)
    world.workspace.acts.say("U0ANA", INCIDENTS, "still there?")
    assert (await again.next())["type"] == "events_api"


async def test_each_of_many_events_goes_to_one_of_the_sockets_and_none_is_lost(
    world: World,
) -> None:
    sockets = [await connect(world) for _ in range(4)]
    got: list[list[Json]] = [[] for _ in sockets]
    readers = [
        asyncio.create_task(acknowledge(bare, heard))
        for bare, heard in zip(sockets, got, strict=True)
    ]
    for count in range(EVENTS):
        await world.ana.say(INCIDENTS, str(count))

    async def all_came() -> bool:
        return sum(len(heard) for heard in got) >= EVENTS

    await world.ana.eventually(all_came, 60)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    texts = Counter(e["payload"]["event"]["text"] for heard in got for e in heard)
    assert texts == Counter(str(count) for count in range(EVENTS))
    assert [len(heard) for heard in got] == [EVENTS // 4] * 4


async def test_a_warning_leaves_the_socket_open(world: World) -> None:
    bare = await connect(world)
    await world.workspace.disconnect("warning")
    assert (await bare.next())["reason"] == "warning"
    await world.ana.say(INCIDENTS, "still here")
    envelope = await bare.next()
    await bare.ack(envelope)
    assert envelope["payload"]["event"]["text"] == "still here"


async def test_a_refreshed_socket_gets_nothing_more_and_may_still_ack(world: World) -> None:
    old = await connect(world)
    await world.ana.say(INCIDENTS, "just before")
    before = await old.next()
    await world.workspace.disconnect()
    assert (await old.next())["reason"] == "refresh_requested"
    assert world.workspace.sockets == 0
    newest = await connect(world)
    await old.ack(before)
    await world.ana.say(INCIDENTS, "to the newest")
    envelope = await newest.next()
    await newest.ack(envelope)
    assert envelope["payload"]["event"]["text"] == "to the newest"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(newest.next(), 0.3)


async def test_an_event_whose_socket_breaks_before_the_ack_comes_again(world: World) -> None:
    breaking = await connect(world)
    await world.ana.say(INCIDENTS, "hello")
    first = await breaking.next()
    world.workspace.cut_sockets()
    fresh = await connect(world)
    again = await fresh.next()
    await fresh.ack(again)
    assert again["payload"]["event_id"] == first["payload"]["event_id"]
    assert (again["retry_attempt"], again["retry_reason"]) == (1, "connection_failed")


async def test_a_connection_that_has_just_gone_needs_no_goodbye(world: World) -> None:
    await connect(world)
    world.workspace.cut_sockets()
    await world.workspace.disconnect()
    fresh = await connect(world)
    await world.workspace.disconnect("warning")
    assert (await fresh.next())["reason"] == "warning"


async def test_while_socket_mode_is_off_no_socket_stays(world: World) -> None:
    before = await connect(world)
    await world.workspace.disconnect("link_disabled")
    assert (await before.next())["reason"] == "link_disabled"
    refused = await opened(world)
    assert (await refused.next())["reason"] == "link_disabled"
    with pytest.raises(PersonError) as lost:
        await world.ana.command(INCIDENTS, "/card now")
    assert lost.value.code == "dispatch_failed"
    world.workspace.enable_link()
    await connect(world)
    assert world.workspace.sockets == 1


async def test_a_real_app_survives_a_warning_and_a_refresh(world: World, app: SampleApp) -> None:
    async def taken() -> bool:
        try:
            await world.ana.command(INCIDENTS, "/card now")
        except PersonError:
            return False
        return True

    for reason in ("warning", "refresh_requested"):
        await world.workspace.disconnect(reason)
        await world.ana.eventually(taken, 60)
    # What was told to go gets nothing more: the last command came by another connection.
    assert len(world.calls("apps.connections.open")) >= 2
    assert {m["text"] for m in await world.ana.ephemerals(INCIDENTS)} == {
        "A card is on its way: now"
    }
    assert app.events == []


@pytest.mark.parametrize("patience", [Patience(ack_s=0.2)])
async def test_retries_come_at_once_after_a_minute_and_after_five(world: World) -> None:
    slow = await connect(world)
    await world.ana.say(INCIDENTS, "hello")
    tries = [await slow.next(), await slow.next()]
    for seconds in (60, 300):
        # Not before the clock was moved.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting := slow.ahead()), 0.6)
        world.forward(seconds)
        tries.append(await waiting)
    assert [one["retry_attempt"] for one in tries] == [0, 1, 2, 3]
    assert [one["retry_reason"] for one in tries] == ["", "timeout", "timeout", "timeout"]
    assert len({one["payload"]["event_id"] for one in tries}) == 1
    world.forward(3600)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(slow.next(), 0.6)


@pytest.mark.parametrize("patience", [Patience(events_an_hour=2)])
async def test_too_many_events_in_an_hour_are_dropped_and_told_once_a_minute(
    world: World,
) -> None:
    bare = await connect(world)
    # At the beginning of a minute, so that it is the same one for all of them.
    world.forward(60 - world.clock.now().timestamp() % 60)
    for text in ("one", "two", "three", "four"):
        await world.ana.say(INCIDENTS, text)
    got = [await bare.next() for _ in range(3)]
    for envelope in got:
        await bare.ack(envelope)
    payloads = [envelope["payload"] for envelope in got]
    [limited] = [payload for payload in payloads if payload["type"] == "app_rate_limited"]
    assert {payload["event"]["text"] for payload in payloads if payload is not limited} == {
        "one",
        "two",
    }
    assert limited["api_app_id"] == "A0SIGNOFF"
    assert limited["minute_rate_limited"] % 60 == 0
    assert len(world.workspace.excesses) == 2
    world.forward(3600)
    await world.ana.say(INCIDENTS, "five")
    later = await bare.next()
    await bare.ack(later)
    assert later["payload"]["event"]["text"] == "five"
