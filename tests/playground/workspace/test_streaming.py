"""Streams grow in their mode, end by the app, a person or the clock, and show tasks as asked."""

import asyncio

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from playground.workspace.model import Json
from tests.playground.workspace.bare_app import connect
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import BOT_TOKEN, DIVIDER

INCIDENTS = "C0INCIDENTS"
TO_ANA = {"recipient_user_id": "U0ANA", "recipient_team_id": "T0PLAY"}


def text(words: str) -> Json:
    return {"type": "markdown_text", "text": words}


def task(status: str, **extra: object) -> Json:
    return {"type": "task_update", "id": "t1", "title": "Look", "status": status, **extra}


async def streamed(world: World, **extra: object) -> Json:
    """Open a stream below a message of Ana's and return where it is."""
    parent = await world.ana.say(INCIDENTS, "Why is it slow?")
    opening: Json = {"channel": INCIDENTS, "thread_ts": parent, **TO_ANA, **extra}
    answer = await world.call("chat.startStream", **opening)
    assert answer["ok"], answer
    return {"channel": INCIDENTS, "ts": answer["ts"]}


async def shown(world: World, place: Json) -> Json:
    messages = await world.ana.messages(INCIDENTS)
    return next(message for message in messages if message["ts"] == place["ts"])


async def error(world: World, method: str, **args: object) -> str:
    return str((await world.call(method, BOT_TOKEN, **args))["error"])


async def test_text_grows_until_the_app_stops_the_stream(world: World) -> None:
    place = await streamed(world, markdown_text="**Looking** ")
    assert (await world.call("chat.appendStream", **place, markdown_text="at it"))["ok"]
    during = await shown(world, place)
    assert during["streaming"]
    assert [block["text"] for block in during["blocks"]] == ["**Looking** at it"]
    metadata = {"event_type": "answer", "event_payload": {"id": 1}}
    stop = {**place, "markdown_text": ".", "blocks": [DIVIDER], "metadata": metadata}
    stopped = await world.call("chat.stopStream", **stop)
    assert stopped["message"]["text"] == "**Looking** at it."
    assert stopped["message"]["metadata"] == metadata
    assert [block["type"] for block in stopped["message"]["blocks"]] == ["markdown", "divider"]
    after = await shown(world, place)
    assert "streaming" not in after
    over = "message_not_in_streaming_state"
    assert await error(world, "chat.appendStream", **place, markdown_text="x") == over
    assert await error(world, "chat.stopStream", **place) == over


async def test_slack_closes_a_stream_after_five_minutes_and_an_update_goes_on(
    world: World,
) -> None:
    place = await streamed(world, markdown_text="Still at it")
    world.clock.forward(290)
    assert (await world.call("chat.appendStream", **place, markdown_text=" ..."))["ok"]
    assert await error(world, "chat.update", **place, text="x") == "streaming_state_conflict"
    world.clock.forward(11)
    over = "message_not_in_streaming_state"
    assert await error(world, "chat.appendStream", **place, markdown_text="x") == over
    assert "streaming" not in await shown(world, place)
    assert (await world.call("chat.update", **place, text="Done."))["ok"]


async def test_tasks_stand_between_the_text_or_together_in_a_plan(world: World) -> None:
    details = task("in_progress", details="metrics, ")
    done = task("complete", details="logs", output="p99 tripled")
    steps = [text("First."), details, text("Then.")]
    line = await streamed(world, chunks=steps)
    assert (await world.call("chat.appendStream", **line, chunks=[done]))["ok"]
    blocks = (await shown(world, line))["blocks"]
    assert [block["type"] for block in blocks] == ["markdown", "task_card", "markdown"]
    card = blocks[1]
    assert (card["task_id"], card["title"], card["status"]) == ("t1", "Look", "complete")
    assert card["details"]["elements"][0]["elements"][0]["text"] == "metrics, logs"
    plan = await streamed(world, task_display_mode="plan", chunks=steps)
    titled = {"type": "plan_update", "title": "Two steps"}
    more = [titled, done, task("pending") | {"id": "t2"}]
    assert (await world.call("chat.appendStream", **plan, chunks=more))["ok"]
    blocks = (await shown(world, plan))["blocks"]
    assert [block["type"] for block in blocks] == ["markdown", "plan", "markdown"]
    assert blocks[1]["title"] == "Two steps"
    states = [(one["task_id"], one["status"]) for one in blocks[1]["tasks"]]
    assert states == [("t1", "complete"), ("t2", "pending")]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"recipient_team_id": ""}, "missing_recipient_team_id"),
        ({"recipient_user_id": ""}, "missing_recipient_user_id"),
        ({"recipient_user_id": "U9"}, "user_not_found"),
        ({"channel": "C9"}, "channel_not_found"),
        ({"task_display_mode": "grid"}, "invalid_arguments"),
        ({"markdown_text": "x", "chunks": []}, "cannot_provide_both_markdown_text_and_chunks"),
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"chunks": "soon"}, "invalid_chunks"),
        ({"chunks": {}}, "invalid_chunks"),
        ({"chunks": ["x"]}, "invalid_chunks"),
        ({"chunks": [{"type": "shout"}]}, "invalid_chunks"),
        ({"chunks": [text("")]}, "invalid_chunks"),
        ({"chunks": [text("x" * 12_001)]}, "msg_too_long"),
        ({"chunks": [task("waiting")]}, "invalid_chunks"),
        ({"chunks": [task("pending", title="x" * 257)]}, "msg_too_long"),
        ({"chunks": [task("pending", sources=5)]}, "invalid_chunks"),
        ({"chunks": [task("pending", sources=["https://example.com"])]}, "invalid_chunks"),
        ({"chunks": [{"type": "plan_update"}]}, "invalid_chunks"),
        ({"chunks": [{"type": "blocks", "blocks": [{"type": "alert"}]}]}, "invalid_blocks"),
        ({"chunks": [{"type": "blocks", "blocks": [DIVIDER] * 26}] * 2}, "msg_blocks_too_many"),
    ],
)
async def test_what_cannot_be_streamed_is_refused(world: World, wrong: Json, code: str) -> None:
    parent = await world.ana.say(INCIDENTS, "Why?")
    opening = {"channel": INCIDENTS, "thread_ts": parent, **TO_ANA, **wrong}
    assert await error(world, "chat.startStream", **opening) == code
    assert len(await world.ana.messages(INCIDENTS)) == 1


async def test_a_task_that_came_in_a_block_takes_further_details(world: World) -> None:
    link = {"type": "link", "url": "https://example.com"}
    section = {"type": "rich_text_section", "elements": [link, {"type": "text", "text": "Ask"}]}
    details = {"type": "rich_text", "elements": [section]}
    card = {"type": "task_card", "task_id": "t1", "title": "Look", "status": "complete"}
    blocks = {"type": "blocks", "blocks": [card | {"details": details}]}
    place = await streamed(world, chunks=[blocks])
    more = [task("complete", id="t1", details="ed twice")]
    assert (await world.call("chat.appendStream", **place, chunks=more))["ok"]
    [_, message] = await world.ana.messages(INCIDENTS)
    [part] = message["blocks"][0]["details"]["elements"]
    assert part["elements"] == [{"type": "text", "text": "Asked twice"}]


async def test_a_stream_keeps_to_its_mode_and_to_its_owner(world: World) -> None:
    place = await streamed(world, chunks=[text("x")])
    mixed = await error(world, "chat.appendStream", **place, markdown_text="y")
    assert mixed == "streaming_mode_mismatch"
    empty = await error(world, "chat.appendStream", **place)
    assert empty == "markdown_text_or_chunks_required"
    theirs = {"channel": INCIDENTS, "ts": await world.ana.say(INCIDENTS, "mine")}
    foreign = await error(world, "chat.appendStream", **theirs, markdown_text="y")
    assert foreign == "message_not_owned_by_app"
    plain = {"channel": INCIDENTS, "ts": await world.post(text="x")}
    never = await error(world, "chat.appendStream", **plain, markdown_text="y")
    assert never == "message_not_in_streaming_state"
    undecided = await streamed(world)
    assert (await world.call("chat.appendStream", **undecided, markdown_text="y"))["ok"]
    locked = await error(world, "chat.appendStream", **undecided, chunks=[text("z")])
    assert locked == "streaming_mode_mismatch"


async def test_a_direct_message_needs_a_thread_but_no_recipient(world: World) -> None:
    place = {"channel": "D0ANA", "markdown_text": "x"}
    assert await error(world, "chat.startStream", **place) == "invalid_arguments"
    asked = await world.ana.say("D0ANA", "Why?")
    assert (await world.call("chat.startStream", **place, thread_ts=asked))["ok"]


async def test_the_stop_button_ends_the_threads_streams_and_names_them(world: World) -> None:
    bare = await connect(world)
    parent = await world.post(text="thread")
    session = {"channel_id": INCIDENTS, "thread_ts": parent, "status": "processing"}
    assert (await world.call("agents.sessions.setStatus", **session))["ok"]
    opening = {"channel": INCIDENTS, "thread_ts": parent, "markdown_text": "x", **TO_ANA}
    place = {"channel": INCIDENTS, "ts": (await world.call("chat.startStream", **opening))["ts"]}
    stop = asyncio.create_task(world.ana.stop(INCIDENTS, parent))
    envelope = await bare.next()
    while envelope["payload"]["event"]["type"] != "agent_session_stopped":
        await bare.ack(envelope)
        envelope = await bare.next()
    await bare.ack(envelope)
    await stop
    assert envelope["payload"]["event"]["streaming_message_ts"] == [place["ts"]]
    late = await error(world, "chat.appendStream", **place, markdown_text="y")
    assert late == "stopped_by_user"
    over = await error(world, "chat.stopStream", **place)
    assert over == "message_not_in_streaming_state"


async def test_stopping_a_stream_sets_the_sessions_next_status(world: World) -> None:
    parent = await world.post(text="thread")
    session = {"channel_id": INCIDENTS, "thread_ts": parent}
    await world.call("agents.sessions.setStatus", **session, status="processing")
    opening = {"channel": INCIDENTS, "thread_ts": parent, "markdown_text": "x", **TO_ANA}
    place = {"channel": INCIDENTS, "ts": (await world.call("chat.startStream", **opening))["ts"]}
    wrong = await error(world, "chat.stopStream", **place, session_status="asleep")
    assert wrong == "invalid_arguments"
    assert (await world.call("chat.stopStream", **place, session_status="suspended"))["ok"]
    stored = world.workspace.state.sessions[INCIDENTS, parent]
    assert stored["status"] == "suspended"


async def test_slacks_own_client_streams_against_it(world: World) -> None:
    client = AsyncWebClient(token=BOT_TOKEN, base_url=f"{world.base_url}/api/")
    parent = await world.ana.say(INCIDENTS, "Why?")
    stream = await client.chat_stream(channel=INCIDENTS, thread_ts=parent, buffer_size=1, **TO_ANA)
    await stream.append(markdown_text="It is ")
    await stream.append(markdown_text="the cache.")
    await stream.stop()
    last = (await world.ana.messages(INCIDENTS))[-1]
    assert (last["text"], last["thread_ts"]) == ("It is the cache.", parent)
