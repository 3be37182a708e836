"""The faults that a test can order, and what is sent again after a missing ack."""

import asyncio
import time

import aiohttp
import pytest

from playground.workspace.client import PersonError
from tests.playground.workspace.bare_app import connect
from tests.playground.workspace.conftest import SHORT, World
from tests.playground.workspace.sample_app import APP_TOKEN, SampleApp, card

INCIDENTS = "C0INCIDENTS"


@pytest.mark.parametrize("patience", [SHORT])
async def test_an_event_without_an_ack_is_sent_again_with_its_attempt(world: World) -> None:
    slow = await connect(world)
    await world.ana.say(INCIDENTS, "hello")
    first, second = await slow.next(), await slow.next()
    await slow.ack(second)
    assert first["payload"] == second["payload"]
    assert first["envelope_id"] != second["envelope_id"]
    assert (first["retry_attempt"], first["retry_reason"]) == (0, "")
    assert (second["retry_attempt"], second["retry_reason"]) == (1, "timeout")
    assert not second["accepts_response_payload"]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(slow.next(), 0.6)


@pytest.mark.parametrize("patience", [SHORT])
async def test_a_click_without_an_ack_is_never_sent_again(world: World) -> None:
    slow = await connect(world)
    ts = await world.post(text="card", blocks=card())
    own = await slow.next()
    await slow.ack(own)
    assert own["payload"]["event"]["bot_id"] == "B0SIGNOFF", "the bot hears itself, as in Slack"
    before = time.monotonic()
    with pytest.raises(PersonError, match="did not respond") as lost:
        await world.ana.click("Approve", INCIDENTS, ts)
    assert lost.value.code == "operation_timeout"
    assert time.monotonic() - before < 2
    sent = await slow.next()
    assert (sent["type"], sent["accepts_response_payload"]) == ("interactive", True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(slow.next(), 0.6)


async def test_each_envelope_goes_to_one_of_several_sockets(world: World) -> None:
    one, two = await connect(world), await connect(world)
    assert world.workspace.sockets == 2
    for text in ("a", "b"):
        await world.ana.say(INCIDENTS, text)
    first, second = await one.next(), await two.next()
    await one.ack(first)
    await two.ack(second)
    assert {e["payload"]["event"]["text"] for e in (first, second)} == {"a", "b"}


async def test_an_envelope_can_be_delivered_twice(world: World, app: SampleApp) -> None:
    world.workspace.duplicate_next()
    await world.ana.command(INCIDENTS, "/card now")

    async def twice() -> bool:
        found = await world.ana.messages(INCIDENTS)
        return [message["text"] for message in found].count("card") == 2

    await world.ana.eventually(twice)
    assert len(await world.ana.ephemerals()) == 1, "one ack is enough"
    await world.ana.command(INCIDENTS, "/card once")
    assert app.events == []


async def test_a_rate_limit_names_its_method_and_its_time(world: World) -> None:
    world.workspace.rate_limit("chat.postMessage", retry_after_s=7, times=1)
    url = f"{world.base_url}/api/chat.postMessage"
    async with world.session.post(url, json={"channel": INCIDENTS, "text": "x"}) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
        assert (await response.json())["error"] == "ratelimited"
    assert (await world.call("users.list"))["ok"]
    await world.post(text="x")


async def test_a_lost_answer_leaves_the_work_done(world: World) -> None:
    world.workspace.lose_answer("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await world.post(text="once")
    assert [m["text"] for m in await world.ana.messages(INCIDENTS)] == ["once"]
    await world.post(text="twice")


async def test_the_app_survives_a_refresh_of_its_socket(world: World, app: SampleApp) -> None:
    await world.workspace.refresh_sockets()

    async def back() -> bool:
        return world.workspace.sockets == 1

    await world.ana.eventually(back)
    await world.ana.command(INCIDENTS, "/card now")
    assert len(await world.ana.ephemerals(INCIDENTS)) == 1
    assert app.events == []


async def test_a_ticket_opens_one_socket(world: World) -> None:
    opened = await world.call("apps.connections.open", token=APP_TOKEN)
    await world.socket(opened["url"])
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await world.socket(opened["url"])


async def test_too_many_calls_are_put_off_and_noted(world: World) -> None:
    answers = [await world.call("users.list") for _ in range(22)]
    assert [answer["ok"] for answer in answers] == [True] * 20 + [False] * 2
    assert answers[-1]["error"] == "ratelimited"
    assert len(world.workspace.excesses) == 2
    world.clock.forward(60)
    assert (await world.call("users.list"))["ok"]


async def test_posts_to_a_channel_may_burst_and_then_come_one_a_second(world: World) -> None:
    for _ in range(10):
        await world.post(text="x")
    refused = await world.call("chat.postMessage", channel=INCIDENTS, text="one too many")
    assert refused["error"] == "ratelimited"
    await world.post(channel="C0MARKETING", text="another channel")
    world.clock.forward(2)
    await world.post(text="x")
    assert len(world.workspace.excesses) == 1


async def test_while_it_is_away_nobody_answers_and_nothing_is_done(
    world: World, app: SampleApp
) -> None:
    world.workspace.go_away()
    with pytest.raises(aiohttp.ClientError):
        await world.post(text="into the void")
    with pytest.raises(PersonError, match="did not respond"):
        await world.ana.command(INCIDENTS, "/card now")
    assert world.workspace.faults.knocks["chat.postMessage"] == 1
    world.workspace.come_back()
    assert await world.ana.messages(INCIDENTS) == []
    await world.post(text="here again")
    assert app.events == []


async def test_every_second_call_can_be_put_off(world: World) -> None:
    world.workspace.faults.rate_limit_every(2)
    answers = [(await world.call("users.list"))["ok"] for _ in range(4)]
    assert answers == [True, False, True, False]
    world.workspace.faults.rate_limit_every(0)
    assert [(await world.call("users.list"))["ok"] for _ in range(4)] == [True] * 4


async def test_every_third_answer_of_a_writing_call_can_be_lost(world: World) -> None:
    world.workspace.faults.lose_every(3)
    await world.post(text="1")
    await world.post(text="2")
    with pytest.raises(aiohttp.ClientError):
        await world.post(text="3")
    assert [m["text"] for m in await world.ana.messages(INCIDENTS)] == ["1", "2", "3"]


async def test_an_envelope_can_be_overtaken_by_the_next_one(world: World) -> None:
    slow = await connect(world)
    world.workspace.faults.reorder_next()
    for words in ("first", "second"):
        await world.ana.say(INCIDENTS, words)
    found = []
    for _ in range(2):
        envelope = await slow.next()
        await slow.ack(envelope)
        found.append(envelope["payload"]["event"]["text"])
    assert found == ["second", "first"]
