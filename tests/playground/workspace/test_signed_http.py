"""The same app by signed HTTP: events, commands, clicks, modals, retries, and what is refused."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from playground.workspace.client import PersonError
from playground.workspace.model import Json
from playground.workspace.signed import JSON, RequestUrls, UnverifiedUrlError, signed_headers
from tests.playground.workspace.conftest import SHORT, World
from tests.playground.workspace.sample_app import (
    SIGNING_SECRET,
    SampleApp,
    card,
    option,
    services_menu,
)

INCIDENTS = "C0INCIDENTS"


@pytest.fixture
async def called(world: World) -> AsyncIterator[SampleApp]:
    """The sample app, called at its request URL."""
    sample = SampleApp(world.base_url)
    runner, url = await sample.serve()
    await world.workspace.call_requests(RequestUrls.all_at(url), SIGNING_SECRET)
    yield sample
    await sample.stop()
    await runner.cleanup()


@dataclass
class Desk:
    """A request URL that keeps what it got and answers as the test says."""

    url: str = ""
    got: list[tuple[str, Json, bytes]] = field(default_factory=list)
    answer: Callable[[], web.Response] = web.Response
    pause_s: float = 0
    is_dying: bool = False

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got.append((request.path, dict(request.headers), body))
        if b"url_verification" in body:
            return web.json_response({"challenge": json.loads(body)["challenge"]})
        await asyncio.sleep(self.pause_s)
        if self.is_dying and request.transport is not None:
            request.transport.abort()
        return self.answer()


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    """A request URL under the test's own control, with one path for each kind of request."""
    desk = Desk()
    app = web.Application()
    app.add_routes([web.post("/{kind}", desk.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    desk.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    kinds = ("events", "commands", "interactivity", "options")
    urls = RequestUrls(**{kind: f"{desk.url}/{kind}" for kind in kinds})
    await world.workspace.call_requests(urls, SIGNING_SECRET)
    yield desk
    await runner.cleanup()


async def eventually(world: World, look: Callable[[], bool]) -> None:
    async def seen() -> bool:
        return look()

    await world.ana.eventually(seen, 60)


async def test_a_mention_is_answered(world: World, called: SampleApp) -> None:
    ts = await world.ana.say(INCIDENTS, "@Signoff hello")

    async def answered() -> bool:
        return len(await world.ana.thread(INCIDENTS, ts)) > 1

    await world.ana.eventually(answered, 60)
    assert (await world.ana.state())["is_bot_connected"]
    assert world.workspace.sockets == 0
    assert {body["event"]["ts"] for body in called.events} == {ts}


async def test_a_command_a_click_and_a_modal_with_errors(world: World, called: SampleApp) -> None:
    await world.ana.command(INCIDENTS, "/card now")
    [answer] = await world.ana.ephemerals(INCIDENTS)
    assert answer["text"] == "A card is on its way: now"
    ts = await world.post(text="card", blocks=card())
    await world.ben.click("Reject", INCIDENTS, ts)
    await world.ben.eventually(world.ben.modal, 60)
    with pytest.raises(PersonError) as refused:
        await world.ben.submit({"Reason": "no"})
    assert refused.value.errors == {"reason": "Say a little more."}
    await world.ben.submit({"Reason": "the fix is out"})
    assert await world.ben.modal() is None
    assert [one["view"]["private_metadata"] for one in called.submissions] == ["p1", "p1"]


async def test_a_command_that_nobody_takes_is_shown_as_the_apps_refusal(
    world: World, called: SampleApp
) -> None:
    with pytest.raises(PersonError, match="did not respond") as lost:
        await world.ana.command(INCIDENTS, "/signoff status")
    assert lost.value.code == "http_client_error"
    assert called.events == []


async def test_each_kind_of_request_goes_to_its_url_in_its_form(world: World, desk: Desk) -> None:
    path, headers, body = desk.got[0]
    assert (path, json.loads(body)["type"]) == ("/events", "url_verification")
    await world.ana.command(INCIDENTS, "/card two words")
    path, headers, body = desk.got[-1]
    assert (path, headers["Content-Type"]) == ("/commands", "application/x-www-form-urlencoded")
    assert parse_qs(body.decode())["text"] == ["two words"]
    ts = await world.post(text="card", blocks=card())
    await eventually(world, lambda: desk.got[-1][0] == "/events")
    assert json.loads(desk.got[-1][2])["event"]["text"] == "card"
    await world.ana.click("Approve", INCIDENTS, ts)
    path, headers, body = desk.got[-1]
    assert path == "/interactivity"
    assert json.loads(parse_qs(body.decode())["payload"][0])["type"] == "block_actions"
    menu = await world.post(text="where", blocks=services_menu())
    desk.answer = lambda: web.json_response({"options": [option("cart", "cart")]})
    assert await world.ana.options("services", "ca", INCIDENTS, menu) == ["cart"]
    path, headers, body = next(got for got in reversed(desk.got) if got[0] == "/options")
    asked = json.loads(parse_qs(body.decode())["payload"][0])
    assert (asked["type"], asked["value"]) == ("block_suggestion", "ca")
    for _, headers, body in desk.got:
        at = int(headers["X-Slack-Request-Timestamp"])
        assert abs(time.time() - at) < 60
        assert (
            headers["X-Slack-Signature"]
            == signed_headers(SIGNING_SECRET, body, at)["X-Slack-Signature"]
        )
        assert headers["User-Agent"].startswith("Slackbot 1.0")


def test_the_signature_is_that_of_slacks_own_example() -> None:
    # The worked example of docs.slack.dev/authentication/verifying-requests-from-slack.
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = signed_headers("8f742231b10e8888abcd99yyyzzz85a5", body, 1531420618)
    assert headers["X-Slack-Signature"] == (
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )


async def test_an_event_is_sent_again_with_its_number_and_reason(world: World, desk: Desk) -> None:
    desk.answer = lambda: web.Response(status=500)
    await world.ana.say(INCIDENTS, "hello")
    await eventually(world, lambda: len(desk.got) == 4)
    first, second, third = desk.got[1:]
    assert "X-Slack-Retry-Num" not in first[1]
    marks = [(h["X-Slack-Retry-Num"], h["X-Slack-Retry-Reason"]) for _, h, _ in (second, third)]
    assert marks == [("1", "http_error"), ("2", "http_error")]
    assert len({body for _, _, body in (first, second, third)}) == 1


async def test_an_app_can_ask_for_no_retry(world: World, desk: Desk) -> None:
    desk.answer = lambda: web.Response(status=500, headers={"X-Slack-No-Retry": "1"})
    await world.ana.say(INCIDENTS, "hello")
    await eventually(world, lambda: len(desk.got) == 2)
    desk.answer = web.Response
    await world.ana.say(INCIDENTS, "another")
    await eventually(world, lambda: len(desk.got) >= 3)
    texts = [json.loads(body)["event"]["text"] for _, _, body in desk.got[1:]]
    assert texts == ["hello", "another"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda: web.Response(status=503), "http_service_error"),
        (lambda: web.Response(status=302), "http_client_error"),
    ],
)
async def test_a_refused_command_is_told_to_the_person_and_not_sent_again(
    world: World, desk: Desk, answer: Callable[[], web.Response], code: str
) -> None:
    desk.answer = answer
    with pytest.raises(PersonError) as lost:
        await world.ana.command(INCIDENTS, "/card now")
    assert lost.value.code == code
    assert [path for path, _, _ in desk.got] == ["/events", "/commands"]


async def test_a_plain_text_answer_is_shown_to_the_person_alone(world: World, desk: Desk) -> None:
    desk.answer = lambda: web.Response(text="On its way")
    await world.ana.command(INCIDENTS, "/card now")
    assert [m["text"] for m in await world.ana.ephemerals(INCIDENTS)] == ["On its way"]


async def test_a_url_that_does_not_echo_the_challenge_is_not_used(world: World) -> None:
    async with AsyncExitStack() as stack:
        for echo in ("{}", '{"challenge": "another"}'):
            url = await _answering(stack, partial(web.Response, text=echo, content_type=JSON))
            with pytest.raises(UnverifiedUrlError, match="challenge"):
                await world.workspace.call_requests(RequestUrls.all_at(url), SIGNING_SECRET)
        url = await _answering(stack, lambda: web.Response(status=401))
        with pytest.raises(UnverifiedUrlError, match="http_error"):
            await world.workspace.call_requests(RequestUrls.all_at(url), SIGNING_SECRET)
    with pytest.raises(UnverifiedUrlError, match="connection_failed"):
        await world.workspace.call_requests(RequestUrls.all_at(url), SIGNING_SECRET)
    assert world.workspace.transport == "socket"


async def _answering(stack: AsyncExitStack, answer: Callable[[], web.Response]) -> str:
    async def serve(_request: web.Request) -> web.Response:
        return answer()

    app = web.Application()
    app.add_routes([web.post("/", serve)])
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}/"


async def test_another_secret_is_refused_by_the_app(world: World) -> None:
    sample = SampleApp(world.base_url)
    runner, url = await sample.serve()
    with pytest.raises(UnverifiedUrlError, match="http_error"):
        await world.workspace.call_requests(RequestUrls.all_at(url), "another secret")
    await sample.stop()
    await runner.cleanup()


async def test_while_the_workspace_is_away_nobody_is_called(world: World, desk: Desk) -> None:
    world.workspace.go_away()
    with pytest.raises(PersonError) as lost:
        await world.ana.command(INCIDENTS, "/card now")
    assert lost.value.code == "dispatch_failed"
    assert len(desk.got) == 1


@pytest.mark.parametrize("patience", [SHORT])
async def test_an_app_that_is_too_slow_is_named_so(world: World, desk: Desk) -> None:
    desk.pause_s = 1.0
    with pytest.raises(PersonError, match="no answer in time") as lost:
        await world.ana.command(INCIDENTS, "/card now")
    assert lost.value.code == "operation_timeout"
    await world.ana.say(INCIDENTS, "hello")
    await eventually(world, lambda: len(desk.got) == 4)
    assert desk.got[-1][1]["X-Slack-Retry-Reason"] == "http_timeout"


async def test_an_app_that_dies_on_the_way_may_have_got_it(world: World, desk: Desk) -> None:
    desk.is_dying = True
    with pytest.raises(PersonError, match="may have arrived") as lost:
        await world.ana.command(INCIDENTS, "/card now")
    assert lost.value.code == "dispatch_unknown_error"
    await world.ana.say(INCIDENTS, "hello")
    await eventually(world, lambda: len(desk.got) == 4)
    assert desk.got[-1][1]["X-Slack-Retry-Reason"] == "connection_failed"


async def test_an_app_that_listens_no_more_got_nothing(world: World) -> None:
    sample = SampleApp(world.base_url)
    runner, url = await sample.serve()
    await world.workspace.call_requests(RequestUrls.all_at(url), SIGNING_SECRET)
    await sample.stop()
    await runner.cleanup()
    with pytest.raises(PersonError, match="Nothing was sent") as lost:
        await world.ana.command(INCIDENTS, "/card now")
    assert lost.value.code == "dispatch_failed"
