"""The Web API answers as Slack does: shapes, refusals with Slack's codes, limits."""

import json
import time

import aiohttp
import pytest

from playground.workspace.demo import demo_workspace
from playground.workspace.model import Json
from tests.playground.workspace.conftest import FakeClock, Serve, World
from tests.playground.workspace.sample_app import APP_TOKEN, BOT_TOKEN, DIVIDER, button, modal

INCIDENTS = "C0INCIDENTS"


def section(text: str, **extra: object) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **extra}


def actions(*elements: Json, **extra: object) -> Json:
    return {"type": "actions", "elements": list(elements), **extra}


def option(number: int) -> Json:
    return {"text": {"type": "plain_text", "text": f"option {number}"}, "value": str(number)}


TOO_LONG = "must be less than {} characters [json-pointer:/blocks/0/{}]"
REFUSED: dict[str, tuple[list[Json], str]] = {
    "51 blocks": ([DIVIDER] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    "section of 3001": ([section("x" * 3001)], TOO_LONG.format(3001, "text/text")),
    "empty text": (
        [section("")],
        "must be more than 0 characters [json-pointer:/blocks/0/text/text]",
    ),
    "header of 151": (
        [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
        TOO_LONG.format(151, "text/text"),
    ),
    "mrkdwn in a header": (
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    "11 fields": (
        [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
    ),
    "field of 2001": (
        [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}],
        TOO_LONG.format(2001, "fields/0/text"),
    ),
    "26 buttons": (
        [actions(*(button(f"a{n}", "x") for n in range(26)))],
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "button text of 76": (
        [actions(button("a", "x" * 76))],
        TOO_LONG.format(76, "elements/0/text/text"),
    ),
    "value of 2001": (
        [actions(button("a", "x", "v" * 2001))],
        TOO_LONG.format(2001, "elements/0/value"),
    ),
    "action_id twice": (
        [actions(button("a", "x"), button("a", "y"))],
        '`action_id` "a" already exists [json-pointer:/blocks/0/elements/1/action_id]',
    ),
    "block_id twice": (
        [{**DIVIDER, "block_id": "b"}, {**DIVIDER, "block_id": "b"}],
        '`block_id` "b" already exists [json-pointer:/blocks/1/block_id]',
    ),
    "block_id of 256": ([{**DIVIDER, "block_id": "b" * 256}], TOO_LONG.format(256, "block_id")),
    "overflow of 6": (
        [actions({"type": "overflow", "action_id": "o", "options": [option(n) for n in range(6)]})],
        "no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    "unknown key": (
        [section("x", colour="red")],
        "invalid additional property: colour [json-pointer:/blocks/0]",
    ),
    "unknown block": (
        [{"type": "banner"}],
        "unsupported type: banner [json-pointer:/blocks/0/type]",
    ),
    "alert in a message": (
        [{"type": "alert"}],
        "unsupported type: alert [json-pointer:/blocks/0/type]",
    ),
    "unknown style": (
        [actions(button("a", "x") | {"style": "green"})],
        "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]",
    ),
    "no text": ([{"type": "section"}], "missing required field: text [json-pointer:/blocks/0]"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_slack_refuses_is_refused_with_its_words(world: World, case: str) -> None:
    blocks, problem = REFUSED[case]
    answer = await world.call("chat.postMessage", channel=INCIDENTS, text="x", blocks=blocks)
    assert answer["error"] == "invalid_blocks"
    assert problem in answer["errors"]
    assert f"[ERROR] {problem}" in answer["response_metadata"]["messages"]
    assert await world.ana.messages(INCIDENTS) == []


async def test_what_is_just_allowed_is_taken(world: World) -> None:
    blocks = [
        section("x" * 3000),
        actions(*(button(f"a{n}", "y" * 75) for n in range(25))),
        *([DIVIDER] * 48),
    ]
    await world.post(blocks=blocks, text="x")
    far_too_much = [section("x" * 3000)] * 4 + [section("y")]
    answer = await world.call("chat.postMessage", channel=INCIDENTS, blocks=far_too_much)
    assert answer["error"] == "msg_blocks_too_long"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": {"type": "plain_text", "text": "x" * 25}}, "/view/title/text"),
        ({"private_metadata": "x" * 3001}, "/view/private_metadata"),
        ({"blocks": [DIVIDER] * 101}, "/view/blocks"),
        ({"submit": None}, "/view"),
        ({"blocks": [{"type": "markdown", "text": "x"}]}, "/view/blocks/0/type"),
        ({"type": "window"}, "/view/type"),
    ],
)
async def test_a_modal_that_breaks_the_rules_is_refused(
    world: World, change: Json, pointer: str
) -> None:
    answer = await world.call("views.open", trigger_id="1.2.x", view=modal(**change))
    assert answer["error"] == "invalid_arguments"
    assert any(problem.endswith(f"[json-pointer:{pointer}]") for problem in answer["errors"])


async def test_arguments_may_come_as_query_form_or_json(world: World) -> None:
    blocks = json.dumps([section("from a form")])
    url = f"{world.base_url}/api/chat.postMessage?channel={INCIDENTS}"
    async with world.session.post(url, data={"token": BOT_TOKEN, "blocks": blocks}) as response:
        answer = await response.json()
        scopes = response.headers["x-oauth-scopes"]
    assert answer["message"]["blocks"][0]["text"]["text"] == "from a form"
    assert "chat:write" in scopes.split(",")
    async with world.session.post(url, data={"token": BOT_TOKEN, "blocks": "[{"}) as response:
        assert (await response.json())["error"] == "invalid_blocks_format"


async def test_tokens_are_checked(world: World) -> None:
    async with world.session.get(f"{world.base_url}/api/auth.test") as response:
        assert (await response.json())["error"] == "not_authed"
    assert (await world.call("auth.test", token="wrong"))["error"] == "invalid_auth"
    assert (await world.call("auth.test", token=APP_TOKEN))["error"] == "not_allowed_token_type"
    assert (await world.call("apps.connections.open"))["error"] == "not_allowed_token_type"
    who = await world.call("auth.test")
    assert (who["user_id"], who["bot_id"], who["team_id"]) == ("U0SIGNOFF", "B0SIGNOFF", "T0PLAY")


async def test_an_unknown_method_is_answered_and_remembered(world: World) -> None:
    answer = await world.call("chat.shout", text="x")
    assert answer == {"ok": False, "error": "unknown_method", "req_method": "chat.shout"}
    assert world.workspace.unknown_calls == ["chat.shout"]
    call = world.workspace.calls[-1]
    assert (call.method, call.args, call.answer) == ("chat.shout", {"text": "x"}, answer)


async def test_channels_are_hidden_or_closed_as_in_slack(world: World) -> None:
    hidden = await world.call("chat.postMessage", channel="C0PRIVATE", text="x")
    assert hidden["error"] == "channel_not_found"
    assert (await world.call("chat.postMessage", channel="C9", text="x"))[
        "error"
    ] == "channel_not_found"
    assert (await world.call("chat.postMessage", channel=INCIDENTS))["error"] == "no_text"
    world.workspace.state.channels[INCIDENTS].members.discard("U0SIGNOFF")
    assert (await world.call("chat.postMessage", channel="#incidents", text="x"))["ok"]
    history = await world.call("conversations.history", channel=INCIDENTS)
    assert history["error"] == "not_in_channel"
    assert (await world.call("conversations.join", channel=INCIDENTS))["ok"]
    assert (await world.call("conversations.history", channel=INCIDENTS))["ok"]


async def test_without_its_scope_a_call_is_refused_by_name(serve: Serve) -> None:
    workspace = demo_workspace(FakeClock(), BOT_TOKEN, APP_TOKEN, scopes=("chat:write",))
    base_url = await serve(workspace)
    workspace.state.channels[INCIDENTS].members.discard("U0SIGNOFF")
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    async with aiohttp.ClientSession(base_url, headers=headers) as session:
        async with session.post("/api/usergroups.list") as response:
            answer = await response.json()
        body = {"channel": INCIDENTS, "text": "x"}
        async with session.post("/api/chat.postMessage", json=body) as response:
            closed = await response.json()
    assert (answer["error"], answer["needed"]) == ("missing_scope", "usergroups:read")
    assert closed["error"] == "not_in_channel", "chat:write.public is not there"


async def test_updates_and_deletes_are_for_own_messages(world: World) -> None:
    theirs = await world.ana.say(INCIDENTS, "mine")
    place = {"channel": INCIDENTS, "ts": theirs}
    assert (await world.call("chat.update", **place, text="x"))["error"] == "cant_update_message"
    assert (await world.call("chat.delete", **place))["error"] == "cant_delete_message"
    gone = {"channel": INCIDENTS, "ts": "1.000000"}
    assert (await world.call("chat.update", **gone, text="x"))["error"] == "message_not_found"
    own = {"channel": INCIDENTS, "ts": await world.post(text="x")}
    assert (await world.call("chat.update", **own, text="y" * 4001))["error"] == "msg_too_long"
    assert (await world.call("chat.delete", **own))["ok"]
    assert (await world.call("chat.delete", **own))["error"] == "message_not_found"


async def test_a_reply_to_a_missing_parent_is_posted_top_level(world: World) -> None:
    parent = await world.post(text="parent")
    reply = await world.call("chat.postMessage", channel=INCIDENTS, text="below", thread_ts=parent)
    assert reply["message"]["thread_ts"] == parent
    nested = await world.call(
        "chat.postMessage", channel=INCIDENTS, text="below", thread_ts=reply["ts"]
    )
    assert nested["message"]["thread_ts"] == parent
    lost = await world.call(
        "chat.postMessage", channel=INCIDENTS, text="lost", thread_ts="1.000000"
    )
    assert lost["ok"]
    assert "thread_ts" not in lost["message"]


async def test_history_and_replies_are_paged_and_carry_metadata_on_demand(world: World) -> None:
    metadata = {"event_type": "mirror.post", "event_payload": {"thread": "t1", "seq": 1}}
    stamps = [await world.post(text=str(n), metadata=metadata) for n in range(3)]
    await world.post(text="reply", thread_ts=stamps[0], metadata=metadata)
    first = await world.call("conversations.history", channel=INCIDENTS, limit=2)
    assert [message["text"] for message in first["messages"]] == ["2", "1"]
    assert first["has_more"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await world.call("conversations.history", channel=INCIDENTS, limit=2, cursor=cursor)
    assert [message["text"] for message in rest["messages"]] == ["0"]
    assert rest["messages"][0]["reply_count"] == 1
    assert "metadata" not in rest["messages"][0]
    thread = await world.call(
        "conversations.replies", channel=INCIDENTS, ts=stamps[0], include_all_metadata=True
    )
    assert [message["metadata"] for message in thread["messages"]] == [metadata, metadata]
    assert (await world.call("conversations.replies", channel=INCIDENTS, ts="1.0"))["error"] == (
        "thread_not_found"
    )
    bad = await world.call("chat.postMessage", channel=INCIDENTS, text="x", metadata={"a": 1})
    assert bad["error"] == "invalid_metadata_schema"


async def test_an_ephemeral_message_is_seen_by_one_person_only(world: World) -> None:
    body = {"channel": INCIDENTS, "user": "U0ANA", "text": "for you"}
    assert (await world.call("chat.postEphemeral", **body))["ok"]
    assert [m["text"] for m in await world.ana.ephemerals()] == ["for you"]
    assert await world.ben.messages(INCIDENTS) == []
    assert (await world.call("conversations.history", channel=INCIDENTS))["messages"] == []
    world.workspace.state.channels[INCIDENTS].members.discard("U0ANA")
    assert (await world.call("chat.postEphemeral", **body))["error"] == "user_not_in_channel"


async def test_people_groups_and_conversations_are_listed(world: World) -> None:
    assert (await world.call("users.info", user="U0MIA"))["user"]["real_name"] == "Mia"
    assert (await world.call("users.info", user="U9"))["error"] == "user_not_found"
    assert len((await world.call("users.list"))["members"]) == 4
    groups = await world.call("usergroups.list", include_users=True)
    assert {g["handle"]: g["users"] for g in groups["usergroups"]} == {
        "oncall": ["U0ANA", "U0BEN"],
        "marketing": ["U0MIA", "U0BEN"],
        "operators": ["U0ANA"],
    }
    oncall = await world.call("usergroups.users.list", usergroup="S0ONCALL")
    assert oncall["users"] == ["U0ANA", "U0BEN"]
    missing = await world.call("usergroups.users.list", usergroup="S9")
    assert missing["error"] == "no_such_subteam"
    listed = await world.call("conversations.list", types="public_channel,private_channel")
    names = [channel["name"] for channel in listed["channels"]]
    assert names == ["incidents", "marketing", "operations"], "the private one is not seen"
    direct = await world.call("conversations.open", users="U0ANA")
    assert direct["channel"]["id"] == "D0ANA"
    assert (await world.call("conversations.info", channel="D0ANA"))["channel"]["is_im"]
    found = await world.call("conversations.members", channel=INCIDENTS)
    assert found["members"] == ["U0ANA", "U0BEN", "U0MIA", "U0SIGNOFF"]
    assert (await world.call("bots.info", bot="B0SIGNOFF"))["bot"]["user_id"] == "U0SIGNOFF"


async def test_links_reactions_and_session_status(world: World) -> None:
    ts = await world.post(text="x")
    link = await world.call("chat.getPermalink", channel=INCIDENTS, message_ts=ts)
    address = f"{world.base_url}/archives/{INCIDENTS}/p{ts.replace('.', '')}"
    assert link["permalink"] == address
    mark = {"channel": INCIDENTS, "timestamp": ts, "name": "eyes"}
    assert (await world.call("reactions.add", **mark))["ok"]
    assert (await world.call("reactions.add", **mark))["error"] == "already_reacted"
    session = {"channel_id": INCIDENTS, "thread_ts": ts, "title": "checkout"}
    answer = await world.call("agents.sessions.setStatus", **session, status="suspended")
    assert (answer["agent_status"], answer["title"]) == ("suspended", "checkout")
    wrong = await world.call("agents.sessions.setStatus", **session, status="asleep")
    assert wrong["error"] == "invalid_status"


async def test_timestamps_rise_even_when_the_clock_stands(world: World) -> None:
    stamps = [world.workspace.state.new_ts() for _ in range(1000)]
    assert stamps == sorted(set(stamps))
    assert abs(float(stamps[0]) - time.time()) < 60
