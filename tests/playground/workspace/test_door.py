"""How a call gets in: its HTTP method, content type, token and scopes, and how it is logged."""

import asyncio

import aiohttp
import pytest

from playground.workspace.demo import demo_workspace
from playground.workspace.model import ALL_SCOPES, Json
from tests.playground.workspace.conftest import FakeClock, Serve, World
from tests.playground.workspace.sample_app import APP_TOKEN, BOT_TOKEN

INCIDENTS = "C0INCIDENTS"
TOKEN = {"Authorization": f"Bearer {BOT_TOKEN}"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def posted(world: World, method: str, body: bytes | None = None, **headers: str) -> Json:
    url = f"{world.base_url}/api/{method}"
    async with world.session.post(url, data=body, headers=TOKEN | headers) as response:
        answer: Json = await response.json()
        return answer


async def test_of_an_argument_that_is_given_twice_the_last_counts(world: World) -> None:
    answer = await posted(world, "api.test?a=1&a=2&b=1", b"b=2&b=3", **FORM)
    assert answer["args"] == {"a": "2", "b": "3"}


async def test_a_body_says_what_it_is(world: World) -> None:
    answer = await posted(world, "api.test", b"a=1", **{"Content-Type": "application/octet-stream"})
    assert answer["error"] == "invalid_post_type"
    port = int(world.base_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        "POST /api/api.test HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3"
    )
    writer.write(f"{head}\r\n\r\na=1".encode())
    assert b'"missing_post_type"' in await reader.read()
    writer.close()
    await writer.wait_closed()


async def test_a_call_that_is_put_off_is_logged_with_what_it_said(world: World) -> None:
    world.workspace.rate_limit("chat.postMessage", 3)
    answer = await world.call("chat.postMessage", channel=INCIDENTS, text="now")
    assert answer == {"ok": False, "error": "ratelimited"}
    assert world.calls("chat.postMessage") == [{"channel": INCIDENTS, "text": "now"}]
    world.workspace.faults.fail("chat.postMessage", 503)
    answer = await world.call("chat.postMessage", channel=INCIDENTS, text="again")
    assert answer == {"ok": False, "error": "service_unavailable"}
    assert world.calls("chat.postMessage")[-1] == {"channel": INCIDENTS, "text": "again"}
    assert await world.ana.messages(INCIDENTS) == []


async def test_a_channel_has_one_rate_by_whatever_name(world: World) -> None:
    names = ["C0INCIDENTS", "#incidents", "incidents"] * 4
    answers = [await world.call("chat.postMessage", channel=name, text="x") for name in names]
    assert [answer.get("error") for answer in answers[:10]] == [None] * 10
    assert answers[-1]["error"] == "ratelimited"
    assert (await world.call("chat.postMessage", channel="C0MARKETING", text="x"))["ok"]


async def test_calls_that_nobody_may_make_count_against_no_app(world: World) -> None:
    for _ in range(25):
        assert (await world.call("usergroups.list", "wrong"))["error"] == "invalid_auth"
    assert (await world.call("usergroups.list"))["ok"]
    assert world.workspace.excesses == []


async def test_a_socket_is_asked_for_with_the_token_in_the_header_by_post(world: World) -> None:
    url = f"{world.base_url}/api/apps.connections.open"
    headers = {"Authorization": f"Bearer {APP_TOKEN}"}
    async with world.session.get(url, headers=headers) as response:
        assert (await response.json())["error"] == "insecure_request"
    async with world.session.post(url, data={"token": APP_TOKEN}) as response:
        assert (await response.json())["error"] == "not_authed"
    for _ in range(50):
        async with world.session.post(url, headers=headers) as response:
            assert (await response.json())["ok"]
    async with world.session.post(url, headers=headers) as response:
        assert (response.status, "Retry-After" in response.headers) == (429, True)


async def test_another_name_or_picture_is_shown_and_the_last_word_is_the_emojis(
    world: World,
) -> None:
    place = {"channel": INCIDENTS, "text": "hello", "username": "Robin"}
    answer = await world.call(
        "chat.postMessage", BOT_TOKEN, **place, icon_emoji=":owl:", icon_url="https://x.example/a"
    )
    message = answer["message"]
    assert (message["subtype"], message["username"]) == ("bot_message", "Robin")
    assert message["icons"] == {"emoji": ":owl:"}
    assert "user" not in message
    assert (await world.ana.messages(INCIDENTS))[-1]["user"] == "Robin"
    whisper = {"channel": INCIDENTS, "user": "U0ANA", "text": "x", "icon_url": "https://x.example"}
    assert (await world.call("chat.postEphemeral", BOT_TOKEN, **whisper))["ok"]
    assert (await world.ana.ephemerals(INCIDENTS))[-1]["icons"] == {"image_48": "https://x.example"}


@pytest.mark.parametrize("name", ["icon_emoji", "icon_url", "username"])
async def test_another_name_or_picture_needs_a_scope_of_its_own(serve: Serve, name: str) -> None:
    scopes = [scope for scope in ALL_SCOPES if scope != "chat:write.customize"]
    base_url = await serve(demo_workspace(FakeClock(), BOT_TOKEN, APP_TOKEN, scopes=scopes))
    async with aiohttp.ClientSession(base_url, headers=TOKEN) as session:
        for method in ("chat.postMessage", "chat.startStream", "agents.sessions.setStatus"):
            args = {"channel": INCIDENTS, "text": "x", name: "robin"}
            async with session.post(f"/api/{method}", json=args) as response:
                answer = await response.json()
            assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write.customize")
