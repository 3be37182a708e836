"""How much a list gives at once, what it leaves out, and what it is told to look for."""

from datetime import UTC, datetime

import pytest

from playground.workspace.conversations import MAX_LIMIT
from playground.workspace.model import Json, User
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import BOT_TOKEN

INCIDENTS = "C0INCIDENTS"


async def error(world: World, method: str, **args: object) -> object:
    return (await world.call(method, BOT_TOKEN, **args)).get("error")


@pytest.mark.parametrize("method", ["conversations.list", "users.conversations"])
async def test_a_list_of_conversations_has_up_to_999_at_once(world: World, method: str) -> None:
    assert await error(world, method, limit=MAX_LIMIT) is None
    assert await error(world, method, limit=MAX_LIMIT + 1) == "invalid_limit"
    assert await error(world, method, limit=-1) == "invalid_limit"


async def test_a_thread_is_given_whole_and_a_history_by_the_hundred(world: World) -> None:
    acts = world.workspace.acts
    parent = acts.say("U0ANA", INCIDENTS, "parent")
    for number in range(150):
        acts.say("U0ANA", INCIDENTS, f"reply {number}", parent.ts)
        acts.say("U0BEN", INCIDENTS, f"beside it {number}")
    thread = await world.call("conversations.replies", channel=INCIDENTS, ts=parent.ts)
    assert (len(thread["messages"]), thread["has_more"]) == (151, False)
    history = await world.call("conversations.history", channel=INCIDENTS)
    assert (len(history["messages"]), history["has_more"]) == (100, True)
    most = await world.call("conversations.history", channel=INCIDENTS, limit=5000)
    assert len(most["messages"]) == 151


async def test_everybody_is_listed_unless_a_limit_is_named(world: World) -> None:
    for number in range(200):
        name = f"guest{number}"
        user = User(id=f"U1{number:04d}", name=name, real_name=name, is_restricted=True)
        world.workspace.state.users[user.id] = user
    assert len((await world.call("users.list"))["members"]) == 204
    first = await world.call("users.list", limit=200)
    cursor = first["response_metadata"]["next_cursor"]
    rest = await world.call("users.list", limit=200, cursor=cursor)
    assert (len(first["members"]), len(rest["members"])) == (200, 4)


async def test_how_many_members_there_are_is_said_on_demand(world: World) -> None:
    plain = await world.call("conversations.info", channel=INCIDENTS)
    assert "num_members" not in plain["channel"]
    asked = await world.call("conversations.info", channel=INCIDENTS, include_num_members="true")
    assert asked["channel"]["num_members"] == 4


async def test_messages_for_later_are_listed_by_their_time(world: World) -> None:
    now = int(datetime.now(UTC).timestamp())
    for minutes in (10, 20, 30):
        at = now + minutes * 60
        later: Json = {"channel": INCIDENTS, "text": str(minutes), "post_at": at}
        assert (await world.call("chat.scheduleMessage", BOT_TOKEN, **later))["ok"]
    listing = "chat.scheduledMessages.list"
    span = {"oldest": now + 1200, "latest": now + 1500}
    listed = await world.call(listing, BOT_TOKEN, **span)
    assert [entry["text"] for entry in listed["scheduled_messages"]] == ["20"]
    assert await error(world, listing, oldest=now + 9, latest=now) == "invalid_arguments"
    assert await error(world, listing, oldest="noon") == "invalid_ts_oldest"
    assert await error(world, listing, channel="C000000000") == "invalid_channel"


async def test_files_are_listed_page_by_page(world: World) -> None:
    for number in range(5):
        asked = await world.call("files.getUploadURLExternal", filename=f"{number}.txt", length=1)
        async with world.session.post(asked["upload_url"], data=b"x") as response:
            assert response.status == 200
        files = [{"id": asked["file_id"]}]
        done = await world.call("files.completeUploadExternal", files=files, channels="U0ANA")
        assert done["files"][0]["ims"] == ["D0ANA"], "a person is a place for a file"
    listed = await world.call("files.list", count=2, page=3)
    assert [file["name"] for file in listed["files"]] == ["4.txt"]
    assert listed["paging"] == {"count": 2, "total": 5, "page": 3, "pages": 3}


async def test_a_text_that_is_cut_is_posted_with_a_warning(world: World) -> None:
    whole = await world.call("chat.postMessage", channel=INCIDENTS, text="x" * 40_000)
    assert "response_metadata" not in whole
    cut = await world.call("chat.postMessage", channel=INCIDENTS, text="x" * 40_001)
    assert len(cut["message"]["text"]) == 40_000
    assert cut["response_metadata"]["warnings"] == ["message_truncated"]
    whisper = {"channel": INCIDENTS, "user": "U0ANA", "text": "x" * 40_001}
    said = await world.call("chat.postEphemeral", BOT_TOKEN, metadata={"odd": 1}, **whisper)
    assert said["response_metadata"]["messages"][0].startswith("[WARN] Your message was truncated")
