"""Messages with one person or with several, and what else a bot may do beside talking."""

import asyncio

import aiohttp

from playground.workspace.demo import demo_workspace
from playground.workspace.model import Json, User
from tests.playground.workspace.bare_app import connect
from tests.playground.workspace.conftest import FakeClock, Serve, World
from tests.playground.workspace.sample_app import APP_TOKEN, BOT_TOKEN

INCIDENTS = "C0INCIDENTS"


async def error(world: World, method: str, **args: object) -> object:
    return (await world.call(method, BOT_TOKEN, **args)).get("error")


async def test_several_people_and_the_app_talk_among_themselves(world: World) -> None:
    bare = await connect(world)
    opened = await world.call("conversations.open", users="U0ANA,U0BEN", return_im=True)
    group = opened["channel"]
    assert (group["is_mpim"], group["name"]) == (True, "mpdm-ana--ben--signoff-1")
    again = await world.call("conversations.open", users="U0BEN,U0ANA")
    assert (again["channel"], again["already_open"]) == ({"id": group["id"]}, True)
    said = asyncio.create_task(world.ana.say(group["id"], "<@U0SIGNOFF> only us"))
    events: list[Json] = []
    for _ in range(2):
        envelope = await bare.next()
        await bare.ack(envelope)
        events.append(envelope["payload"]["event"])
    assert {event["type"] for event in events} == {"message", "app_mention"}
    [message] = [event for event in events if event["type"] == "message"]
    assert (message["channel_type"], message["ts"]) == ("mpim", await said)
    assert (await world.call("chat.postMessage", channel=group["id"], text="aye"))["ok"]
    assert [m["text"] for m in await world.ben.messages(group["id"])][-1] == "aye"
    assert group["id"] not in {c["id"] for c in (await world.mia.state())["channels"]}
    listed = await world.call("conversations.list", types="mpim")
    assert [channel["id"] for channel in listed["channels"]] == [group["id"]]
    renamed = await error(world, "conversations.rename", channel=group["id"], name="us")
    assert renamed == "method_not_supported_for_channel_type"


async def test_who_cannot_be_talked_to_is_said(world: World) -> None:
    opening, state = "conversations.open", world.workspace.state
    for number in range(9):
        state.users[f"U1{number}"] = User(id=f"U1{number}", name=f"n{number}", real_name="N")
    nine = ",".join(f"U1{number}" for number in range(9))
    assert await error(world, opening, users=nine) == "too_many_users"
    assert await error(world, opening, users=nine[:-4]) is None
    assert await error(world, opening) == "users_list_not_supplied"
    assert await error(world, opening, users="U0NOBODY,U0ANA") == "user_not_found"
    assert await error(world, "chat.postMessage", channel="U0SIGNOFF", text="me?") == (
        "channel_not_found"
    )
    state.users["U0MIA"].is_deleted = True
    assert await error(world, opening, users="U0MIA") == "user_disabled"
    public = await error(world, opening, channel=INCIDENTS)
    assert public == "method_not_supported_for_channel_type"


async def test_a_conversation_with_several_needs_a_scope_of_its_own(serve: Serve) -> None:
    scopes = ("chat:write", "im:write")
    base_url = await serve(demo_workspace(FakeClock(), BOT_TOKEN, APP_TOKEN, scopes=scopes))
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    async with aiohttp.ClientSession(base_url, headers=headers) as session:
        url = "/api/conversations.open"
        async with session.post(url, json={"users": "U0ANA"}) as response:
            assert (await response.json())["channel"] == {"id": "D0ANA"}
        async with session.post(url, json={"users": "U0ANA,U0BEN"}) as response:
            refused = await response.json()
    assert (refused["error"], "mpim:write" in refused["needed"]) == ("missing_scope", True)


async def test_a_conversation_is_closed_and_open_again_with_the_next_word(world: World) -> None:
    place = {"channel": "D0ANA"}
    assert await world.call("conversations.close", BOT_TOKEN, **place) == {"ok": True}
    assert (await world.call("conversations.close", BOT_TOKEN, **place))["already_closed"]
    await world.ana.say("D0ANA", "hello")
    assert await world.call("conversations.close", BOT_TOKEN, **place) == {"ok": True}
    assert "no_op" not in await world.call("conversations.open", users="U0ANA")


async def test_up_to_where_the_bot_has_read_is_kept(world: World) -> None:
    ts = await world.post(text="x")
    assert (await world.call("conversations.mark", channel=INCIDENTS, ts=ts))["ok"]
    about = await world.call("conversations.info", channel=INCIDENTS)
    assert about["channel"]["last_read"] == ts
    assert await error(world, "conversations.mark", channel=INCIDENTS, ts="noon") == (
        "invalid_timestamp"
    )


async def test_a_group_that_is_disabled_is_seen_on_demand(world: World) -> None:
    group = {"usergroup": "S0ONCALL"}
    counted = await world.call("usergroups.disable", BOT_TOKEN, **group, include_count=True)
    assert counted["usergroup"]["user_count"] == 2
    assert counted["usergroup"]["date_delete"] > 0
    ids = [each["id"] for each in (await world.call("usergroups.list"))["usergroups"]]
    assert ids == ["S0MARKETING", "S0OPERATORS"]
    everything = await world.call("usergroups.list", include_disabled=True)
    assert len(everything["usergroups"]) == 3
    assert await error(world, "usergroups.users.list", **group) == "no_such_subteam"
    members = await world.call("usergroups.users.list", BOT_TOKEN, **group, include_disabled="true")
    assert members["users"] == ["U0ANA", "U0BEN"]
    assert (await world.call("usergroups.enable", BOT_TOKEN, **group))["ok"]
    assert await error(world, "usergroups.users.list", **group) is None


async def test_a_groups_handle_is_nobody_elses(world: World) -> None:
    for handle in ("ana", "incidents", "oncall"):
        named = {"name": f"The {handle}", "handle": handle}
        assert await error(world, "usergroups.create", **named) == "handle_already_exists"
    assert await error(world, "usergroups.update", usergroup="S0ONCALL", handle="oncall") is None


async def test_the_bot_says_that_it_is_away(world: World) -> None:
    assert (await world.call("users.getPresence", user="U0ANA"))["presence"] == "active"
    assert (await world.call("users.setPresence", presence="away"))["ok"]
    assert (await world.call("users.getPresence"))["presence"] == "away"
    assert await error(world, "users.setPresence", presence="asleep") == "invalid_presence"
