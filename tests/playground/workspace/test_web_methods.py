"""The methods beside posting: what they do, and each refusal by Slack's name for it."""

import json
from datetime import UTC, datetime

import aiohttp
import pytest

from playground.workspace.demo import demo_workspace
from playground.workspace.model import Json
from tests.playground.workspace.conftest import FakeClock, Serve, World
from tests.playground.workspace.sample_app import APP_TOKEN, BOT_TOKEN, DIVIDER, modal

INCIDENTS, MARKETING = "C0INCIDENTS", "C0MARKETING"


async def error(world: World, method: str, **args: object) -> str:
    return str((await world.call(method, BOT_TOKEN, **args))["error"])


async def shown(world: World, ts: str) -> Json:
    messages = await world.ana.messages(INCIDENTS)
    return next(message for message in messages if message["ts"] == ts)


# --- chat -----------------------------------------------------------------------------------


async def test_markdown_stands_alone(world: World) -> None:
    ts = await world.post(markdown_text="**bold**")
    assert (await shown(world, ts))["blocks"][0]["type"] == "markdown"
    post = {"channel": INCIDENTS, "markdown_text": "x"}
    assert await error(world, "chat.postMessage", **post, text="y") == "markdown_text_conflict"
    long = {**post, "markdown_text": "x" * 12_001}
    assert await error(world, "chat.postMessage", **long) == "msg_too_long"


async def test_an_update_keeps_what_it_does_not_name(world: World) -> None:
    metadata = {"event_type": "card", "event_payload": {"id": 1}}
    ts = await world.post(
        text="a", blocks=[DIVIDER], attachments=[{"text": "more"}], metadata=metadata
    )
    place = {"channel": INCIDENTS, "ts": ts}
    answer = await world.call("chat.update", **place, attachments=[{"text": "other"}])
    assert (answer["message"]["text"], len(answer["message"]["blocks"])) == ("a", 1)
    answer = await world.call("chat.update", **place, text="b")
    message = answer["message"]
    assert "blocks" not in message
    assert message["attachments"] == [{"text": "other"}]
    assert message["metadata"] == metadata
    answer = await world.call("chat.update", **place, text="b", attachments=[], metadata={})
    assert not {"attachments", "metadata"} & answer["message"].keys()
    assert await error(world, "chat.update", **place) == "no_text"
    world.workspace.state.channels[INCIDENTS].is_archived = True
    assert await error(world, "chat.update", **place, text="c") == "is_inactive"


async def test_attachments_are_counted_and_looked_into(world: World) -> None:
    post = {"channel": INCIDENTS, "text": "x"}
    many = [{"text": "x"}] * 101
    assert await error(world, "chat.postMessage", **post, attachments=many) == (
        "too_many_attachments"
    )
    wrong = [{"blocks": [{"type": "alert"}]}]
    answer = await world.call("chat.postMessage", **post, attachments=wrong)
    assert answer["error"] == "invalid_attachments"
    assert answer["errors"][0].endswith("[json-pointer:/attachments/0/blocks/0/type]")


async def test_a_broadcast_reply_is_seen_in_the_channel_too(world: World) -> None:
    parent = await world.post(text="parent")
    quiet = await world.post(text="quiet", thread_ts=parent)
    loud = await world.post(text="loud", thread_ts=parent, reply_broadcast=True)
    history = await world.call("conversations.history", channel=INCIDENTS)
    stamps = [message["ts"] for message in history["messages"]]
    assert stamps == [loud, parent], quiet
    assert history["messages"][0]["subtype"] == "thread_broadcast"


async def test_a_reply_is_broadcast_afterwards_as_it_is(world: World) -> None:
    parent = await world.post(text="parent")
    reply = await world.post(text="reply", thread_ts=parent)
    update, loud = "chat.update", {"channel": INCIDENTS, "ts": reply, "reply_broadcast": True}
    both = await error(world, update, **loud, text="other")
    assert both == "no_dual_broadcast_content_update"
    answer = await world.call(update, BOT_TOKEN, **loud)
    assert (answer["text"], answer["message"]["subtype"]) == ("reply", "thread_broadcast")
    assert await error(world, update, **loud) == "cant_broadcast_message"
    assert await error(world, update, **loud | {"ts": parent}) == "cant_broadcast_message"


async def test_links_lead_to_replies_in_their_thread(world: World) -> None:
    parent = await world.post(text="parent")
    reply = await world.post(text="reply", thread_ts=parent)
    link = await world.call("chat.getPermalink", channel=INCIDENTS, message_ts=reply)
    path = f"/archives/{INCIDENTS}/p{reply.replace('.', '')}"
    assert link["permalink"] == f"{world.base_url}{path}?thread_ts={parent}&cid={INCIDENTS}"
    async with world.session.get(link["permalink"], allow_redirects=False) as response:
        assert response.headers["Location"] == f"/#{INCIDENTS}/{reply}"


async def test_a_me_message_says_so(world: World) -> None:
    answer = await world.call("chat.meMessage", channel=INCIDENTS, text="looks around")
    assert (await shown(world, answer["ts"]))["subtype"] == "me_message"


async def test_a_message_for_later_is_posted_when_its_time_has_come(world: World) -> None:
    at = int(datetime.now(UTC).timestamp()) + 600
    later = {"channel": INCIDENTS, "text": "good morning"}
    answer = await world.call("chat.scheduleMessage", **later, post_at=at)
    assert answer["post_at"] == at
    dropped = await world.call("chat.scheduleMessage", **later, post_at=at)
    gone = {"channel": INCIDENTS, "scheduled_message_id": dropped["scheduled_message_id"]}
    assert (await world.call("chat.deleteScheduledMessage", **gone))["ok"]
    again = await error(world, "chat.deleteScheduledMessage", **gone)
    assert again == "invalid_scheduled_message_id"
    listed = await world.call("chat.scheduledMessages.list")
    ids = [entry["id"] for entry in listed["scheduled_messages"]]
    assert ids == [answer["scheduled_message_id"]]
    assert await world.ana.messages(INCIDENTS) == []
    world.clock.forward(601)
    assert [m["text"] for m in await world.ana.messages(INCIDENTS)] == ["good morning"]
    history = await world.call("conversations.history", channel=INCIDENTS)
    assert [message["text"] for message in history["messages"]] == ["good morning"]
    assert (await world.call("chat.scheduledMessages.list"))["scheduled_messages"] == []


async def test_only_the_near_future_is_a_time_to_post_at(world: World) -> None:
    now = int(datetime.now(UTC).timestamp())
    later = {"channel": INCIDENTS, "text": "x"}
    schedule = "chat.scheduleMessage"
    assert await error(world, schedule, **later, post_at="soon") == "invalid_time"
    assert await error(world, schedule, **later, post_at=now - 1) == "time_in_past"
    assert await error(world, schedule, **later, post_at=now + 121 * 86_400) == "time_too_far"
    at = (now // 300 + 2) * 300
    for _ in range(30):
        assert (await world.call(schedule, **later, post_at=at))["ok"]
    assert await error(world, schedule, **later, post_at=at) == "restricted_too_many"


async def test_what_is_due_in_a_closed_channel_is_dropped_and_complained_of(world: World) -> None:
    at = int(datetime.now(UTC).timestamp()) + 60
    later: Json = {"channel": INCIDENTS, "text": "x", "post_at": at}
    entry = (await world.call("chat.scheduleMessage", **later))["scheduled_message_id"]
    world.workspace.state.channels[INCIDENTS].is_archived = True
    world.clock.forward(61)
    assert (await world.call("api.test"))["ok"]
    assert await world.ana.messages(INCIDENTS) == []
    assert world.workspace.complaints == [f"scheduled message {entry}: is_archived"]


# --- channels -------------------------------------------------------------------------------


async def test_a_channel_is_made_filled_changed_and_closed(world: World) -> None:
    made = await world.call("conversations.create", name="inc-42")
    place = {"channel": made["channel"]["id"]}
    invited = await world.call("conversations.invite", **place, users="U0ANA,U0BEN")
    assert invited["channel"]["num_members"] == 3
    topic = await world.call("conversations.setTopic", **place, topic="Checkout is slow")
    assert topic["channel"]["topic"]["value"] == "Checkout is slow"
    purpose = await world.call("conversations.setPurpose", **place, purpose="One incident")
    assert purpose["channel"]["purpose"]["value"] == "One incident"
    renamed = await world.call("conversations.rename", **place, name="inc-43")
    assert renamed["channel"]["name"] == "inc-43"
    assert (await world.call("conversations.kick", **place, user="U0BEN"))["ok"]
    found = await world.call("conversations.members", **place)
    assert found["members"] == ["U0ANA", "U0SIGNOFF"]
    assert (await world.call("conversations.archive", **place))["ok"]
    assert await error(world, "chat.postMessage", **place, text="x") == "is_archived"
    assert await error(world, "conversations.archive", **place) == "already_archived"
    assert (await world.call("conversations.unarchive", **place))["ok"]
    assert await error(world, "conversations.unarchive", **place) == "not_archived"
    assert (await world.call("conversations.leave", **place))["ok"]
    assert (await world.call("conversations.leave", **place))["not_in_channel"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "invalid_name_required"),
        ("x" * 81, "invalid_name_maxlength"),
        ("Inc", "invalid_name_specials"),
        ("two words", "invalid_name_specials"),
        ("---", "invalid_name_punctuation"),
        ("incidents", "name_taken"),
    ],
)
async def test_a_channels_name_has_rules(world: World, name: str, code: str) -> None:
    assert await error(world, "conversations.create", name=name) == code


async def test_who_cannot_be_invited_is_said(world: World) -> None:
    made = await world.call("conversations.create", name="war-room", is_private=True)
    place = {"channel": made["channel"]["id"]}
    invite = "conversations.invite"
    assert await error(world, invite, **place) == "no_user"
    assert await error(world, invite, **place, users="U9") == "user_not_found"
    assert await error(world, invite, **place, users="U0SIGNOFF") == "cant_invite_self"
    assert await error(world, invite, **place, users="U0ANA,U9") == "user_not_found"
    forced = await world.call(invite, **place, users="U0ANA,U9", force=True)
    assert forced["channel"]["num_members"] == 2
    assert await error(world, invite, **place, users="U0ANA") == "already_in_channel"
    direct = await error(world, invite, channel="D0ANA", users="U0BEN")
    assert direct == "method_not_supported_for_channel_type"
    long = await error(world, "conversations.setTopic", **place, topic="x" * 251)
    assert long == "too_long"


async def test_lists_come_page_by_page(world: World) -> None:
    first = await world.call("users.list", limit=3)
    cursor = first["response_metadata"]["next_cursor"]
    rest = await world.call("users.list", limit=3, cursor=cursor)
    assert [len(first["members"]), len(rest["members"])] == [3, 1]
    assert rest["response_metadata"]["next_cursor"] == ""
    assert await error(world, "users.list", cursor="nonsense") == "invalid_cursor"
    assert await error(world, "users.list", limit="many") == "invalid_limit"
    mine = await world.call("users.conversations", types="public_channel,im", user="U0MIA")
    ids = [channel["id"] for channel in mine["channels"]]
    assert ids == [INCIDENTS, MARKETING, "C0OPERATIONS", "D0MIA"]
    assert await error(world, "conversations.list", types="rooms") == "invalid_types"
    bad = await error(world, "conversations.history", channel=INCIDENTS, oldest="noon")
    assert bad == "invalid_ts_oldest"


# --- people, groups, reactions ----------------------------------------------------------------


async def test_people_are_found_by_address_and_profile(world: World) -> None:
    found = await world.call("users.lookupByEmail", email="ANA@playground.example")
    assert found["user"]["id"] == "U0ANA"
    assert await error(world, "users.lookupByEmail", email="x@y.z") == "users_not_found"
    profile = await world.call("users.profile.get", user="U0MIA")
    assert profile["profile"]["email"] == "mia@playground.example"


async def test_groups_are_made_and_filled(world: World) -> None:
    made = await world.call("usergroups.create", name="Break glass", handle="break-glass")
    place = {"usergroup": made["usergroup"]["id"]}
    assert (await world.call("usergroups.users.update", **place, users="U0ANA,U0BEN"))["ok"]
    assert (await world.call("usergroups.users.list", **place))["users"] == ["U0ANA", "U0BEN"]
    update = "usergroups.users.update"
    assert await error(world, update, **place, users="") == "no_users_provided"
    assert await error(world, update, **place, users="U9") == "invalid_users"
    taken = await error(world, "usergroups.create", name="Other", handle="break-glass")
    assert taken == "handle_already_exists"
    assert await error(world, "usergroups.create", name="Break glass") == "name_already_exists"
    renamed = await world.call("usergroups.update", **place, handle="glass", description="d")
    assert (renamed["usergroup"]["handle"], renamed["usergroup"]["description"]) == ("glass", "d")
    assert await error(world, "usergroups.update", usergroup="S9") == "no_such_subteam"


async def test_reactions_are_added_read_and_taken_back(world: World) -> None:
    mark = {"channel": INCIDENTS, "timestamp": await world.post(text="x")}
    assert (await world.call("reactions.add", **mark, name=":eyes:"))["ok"]
    got = await world.call("reactions.get", **mark)
    assert got["message"]["reactions"] == [{"name": "eyes", "users": ["U0SIGNOFF"], "count": 1}]
    listed = await world.call("reactions.list")
    assert [item["message"]["ts"] for item in listed["items"]] == [mark["timestamp"]]
    assert (await world.call("reactions.remove", **mark, name="eyes"))["ok"]
    assert await error(world, "reactions.remove", **mark, name="eyes") == "no_reaction"
    assert await error(world, "reactions.add", **mark, name="") == "invalid_name"
    assert await error(world, "reactions.add", name="eyes") == "no_item_specified"
    gone = {**mark, "timestamp": "1.000000"}
    assert await error(world, "reactions.add", **gone, name="eyes") == "message_not_found"


async def test_one_person_gives_a_message_so_many_reactions_and_no_more(world: World) -> None:
    mark = {"channel": INCIDENTS, "timestamp": await world.post(text="x")}
    for number in range(23):
        assert (await world.call("reactions.add", **mark, name=f"e{number}"))["ok"]
    assert await error(world, "reactions.add", **mark, name="one-more") == "too_many_reactions"
    message = world.workspace.state.find(INCIDENTS, mark["timestamp"])
    assert message is not None
    message.reactions |= {f"theirs{number}": ["U0ANA"] for number in range(27)}
    assert await error(world, "reactions.add", **mark, name="one-more") == "too_many_emoji"
    assert await error(world, "reactions.add", **mark, name="e1") == "already_reacted"


# --- sessions, validation, arguments ----------------------------------------------------------


async def test_a_sessions_title_is_set_once_and_then_renamed(world: World) -> None:
    place = {"channel_id": INCIDENTS, "thread_ts": await world.post(text="x")}
    status, rename = "agents.sessions.setStatus", "agents.sessions.rename"
    assert await error(world, rename, **place, title="x") == "session_not_found"
    nowhere = {**place, "thread_ts": "1.000001"}
    assert await error(world, rename, **nowhere, title="x") == "session_not_found"
    world.workspace.state.channels[INCIDENTS].members.discard("U0MIA")
    stranger = {**place, "initiator_user_id": "U0MIA", "status": "active"}
    assert await error(world, status, **stranger) == "user_not_found"
    assert await error(world, status, channel_id=INCIDENTS, status="active") == "thread_ts_required"
    too_long = {**place, "title": "x" * 201}
    assert await error(world, status, **too_long, status="active") == "invalid_arguments"
    begun = await world.call(status, **place, status="processing", title="One")
    again = await world.call(status, **place, status="active", title="Two")
    assert (begun["title"], again["title"]) == ("One", "One")
    assert (await world.call(status, BOT_TOKEN, **stranger))["ok"], "it counts at the beginning"
    assert (await world.call(rename, **place, title="Three"))["title"] == "Three"


async def test_blocks_are_validated_without_being_posted(world: World) -> None:
    validate = "blocks.validate"
    assert (await world.call(validate, blocks=[DIVIDER]))["ok"]
    assert (await world.call(validate, view=json.dumps(modal())))["ok"]
    assert (await world.call(validate, message={"blocks": [DIVIDER]}))["ok"]
    assert await error(world, validate, blocks=[{"type": "alert"}]) == "invalid_blocks"
    assert await error(world, validate, view={"type": "modal"}) == "invalid_view"
    assert await error(world, validate, message={"blocks": "x"}) == "invalid_message"
    assert await error(world, validate, message="{") == "invalid_json"
    assert await error(world, validate) == "invalid_arguments"
    assert await error(world, validate, blocks=[DIVIDER], view={}) == "invalid_arguments"


async def test_an_id_of_the_apps_own_is_for_one_view(world: World) -> None:
    home = {"type": "home", "blocks": [DIVIDER], "external_id": "home-1"}
    assert (await world.call("views.publish", user_id="U0ANA", view=home))["ok"]
    assert (await world.call("views.publish", user_id="U0ANA", view=home))["ok"], "its own"
    taken = await error(world, "views.publish", user_id="U0BEN", view=home)
    assert taken == "duplicate_external_id"


async def test_a_view_has_up_to_250_kilobytes(world: World) -> None:
    text = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}
    fits = {"type": "home", "blocks": [text] * 80}
    assert (await world.call("views.publish", user_id="U0ANA", view=fits))["ok"]
    bulky = {"type": "home", "blocks": [text] * 84}
    assert await error(world, "views.publish", user_id="U0ANA", view=bulky) == "view_too_large"


async def test_scopes_go_by_the_kind_of_the_conversation(serve: Serve) -> None:
    scopes = ("channels:history", "channels:read", "channels:manage", "chat:write")
    base_url = await serve(demo_workspace(FakeClock(), BOT_TOKEN, APP_TOKEN, scopes=scopes))
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    async with aiohttp.ClientSession(base_url, headers=headers) as session:

        async def needed(method: str, **args: object) -> str | None:
            """Return the scopes that a call lacks; None where it is answered."""
            async with session.post(f"/api/{method}", json=args) as response:
                answer = await response.json()
            assert answer["ok"] or answer["error"] == "missing_scope"
            found: str | None = answer.get("needed")
            return found

        assert await needed("conversations.history", channel=INCIDENTS) is None
        assert await needed("conversations.history", channel="D0ANA") == "im:history"
        # Where a call names no conversation, by the kinds that it asks for.
        for method in ("conversations.list", "users.conversations"):
            assert await needed(method) is None
            kinds = "public_channel,im,private_channel"
            assert await needed(method, types=kinds) == "groups:read,im:read"
        assert await needed("conversations.create", name="open") is None
        lacking = "groups:manage,groups:write"
        assert await needed("conversations.create", name="closed", is_private=True) == lacking


async def test_a_token_in_a_json_body_does_not_count(world: World) -> None:
    url = f"{world.base_url}/api/auth.test"
    async with world.session.post(url, json={"token": BOT_TOKEN}) as response:
        assert (await response.json())["error"] == "not_authed"
    async with world.session.post(url, data={"token": BOT_TOKEN}) as response:
        assert (await response.json())["ok"]
    headers = {"Content-Type": "application/xml"}
    async with world.session.post(url, data=b"<x/>", headers=headers) as response:
        assert (await response.json())["error"] == "invalid_post_type"
    assert (await world.call("api.test", APP_TOKEN, error="oh"))["error"] == "oh"
    async with aiohttp.ClientSession(world.base_url) as nobody, nobody.get("/api/api.test") as said:
        assert (await said.json())["ok"], "the one method that takes no token"
    assert (await world.call("api.test", foo="bar"))["args"] == {"foo": "bar"}


async def test_what_is_more_than_a_methods_tier_is_put_off(world: World) -> None:
    for _ in range(20):
        assert (await world.call("usergroups.list"))["ok"]
    url = f"{world.base_url}/api/usergroups.list"
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    async with world.session.post(url, headers=headers) as response:
        assert response.status == 429
        assert 0 < int(response.headers["Retry-After"]) <= 60
        assert (await response.json())["error"] == "ratelimited"
    world.clock.forward(61)
    assert (await world.call("usergroups.list"))["ok"]
