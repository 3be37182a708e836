"""The bot without a socket: Slack's signed requests to /slack/events carry the whole main job."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import aiohttp

from playground.story import BEN, INCIDENTS, MARKETING, Message
from playground.workspace.envelope import Patience
from playground.workspace.inputs import elements
from playground.workspace.signed import FORM, JSON, RequestUrls, UnverifiedUrlError, signed_headers
from playground.world import Plan, World, free_port
from tests.scenarios.plays import brief, incident, sign_off, undo
from tests.scenarios.stages import (
    SEED,
    WITHIN_S,
    Scene,
    break_something,
    card_of,
    events,
    eventually,
    on_stage,
    submit,
)

SECRET = "the signing secret of this play"
FIVE_MINUTES_S = 5 * 60
RETRY_S = 600.0


def url_of(world: World) -> str:
    return f"http://127.0.0.1:{world.bot_port}/slack/events"


@asynccontextmanager
async def staged_by_http(folder: Path) -> AsyncIterator[Scene]:
    """Start a world whose bot has a signing secret and no app token."""
    env = {"SLACK_APP_TOKEN": "", "SLACK_SIGNING_SECRET": SECRET}
    patience = Patience(retry_delays_s=(0.0, RETRY_S))
    plan = Plan(seed=SEED, folder=folder, port=free_port(), bot_env=env, patience=patience)
    async with World(plan) as world:
        urls = RequestUrls.all_at(url_of(world))

        async def verified() -> bool:
            try:
                await world.workspace.call_requests(urls, SECRET)
            except UnverifiedUrlError:
                return False
            return True

        await eventually(verified, WITHIN_S)
        async with on_stage(world) as scene:
            yield scene


async def kinds(scene: Scene) -> list[str]:
    return [event["kind"] for event in await events(scene)]


async def test_an_incident_is_signed_off_and_undone(tmp_path: Path) -> None:
    async with staged_by_http(tmp_path) as scene:
        found = await incident(scene)
        await undo(scene, found)
        assert scene.world.workspace.sockets == 0
        assert scene.world.workspace.transport == "http"
        assert len(scene.world.shop.effects) == 2
        record = await kinds(scene)
        assert record.count("vote.cast") == 1


async def test_a_campaign_is_planned_in_a_form_and_a_click_twice_counts_once(
    tmp_path: Path,
) -> None:
    async with staged_by_http(tmp_path) as scene:
        await scene.mia.command(MARKETING, "/launch-campaign")
        await submit(scene.mia, brief(scene))
        root = await scene.root(MARKETING, "Campaign Autumn sale")
        scene.world.workspace.duplicate_next()
        await sign_off(scene, scene.ben, (MARKETING, root["ts"]), "Create the campaign")
        assert (await kinds(scene)).count("vote.cast") == 1


async def test_what_was_said_while_the_bot_was_down_is_told_again(tmp_path: Path) -> None:
    async with staged_by_http(tmp_path) as scene:
        await scene.world.bot.stop()
        await scene.ana.say("D0ANA", "status")
        await scene.world.bot.start()
        await eventually(lambda: _is_listening(scene), WITHIN_S)
        scene.world.forward(RETRY_S)

        async def answers() -> list[Message]:
            return [m for m in await scene.ana.messages("D0ANA") if m.get("bot_id")]

        await eventually(answers, WITHIN_S)
        assert len(await answers()) == 1


async def test_what_slack_did_not_sign_just_now_is_refused_and_does_nothing(
    tmp_path: Path,
) -> None:
    async with staged_by_http(tmp_path) as scene:
        found = await break_something(scene)
        card = await card_of(scene, found)
        before = await kinds(scene)
        for body, kind in _bodies(scene, card).items():
            for name, headers in _forgeries(body).items():
                status = await _posted(scene, body, headers | {"Content-Type": kind})
                assert status == 401, name
        assert await kinds(scene) == before
        assert card == await card_of(scene, found)


def _bodies(scene: Scene, card: Message) -> dict[bytes, str]:
    """Return an event and a click on Approve, as Slack would send them."""
    button = next(e for _, e in elements(card["blocks"]) if e["text"]["text"] == "Approve")
    click = {
        "type": "block_actions",
        "team": {"id": "T0PLAY", "domain": "playground"},
        "user": {"id": BEN, "name": "ben", "team_id": "T0PLAY"},
        "api_app_id": scene.world.workspace.state.app.id,
        "trigger_id": "1.2.3",
        "container": {"type": "message", "message_ts": card["ts"], "channel_id": INCIDENTS},
        "channel": {"id": INCIDENTS, "name": "incidents"},
        "message": card,
        "actions": [{**button, "block_id": "x", "action_ts": "1.000001"}],
    }
    return {
        json.dumps(_event("forged")).encode(): JSON,
        urlencode({"payload": json.dumps(click)}).encode(): FORM,
    }


def _forgeries(body: bytes) -> dict[str, dict[str, str]]:
    now = int(time.time())
    genuine = signed_headers(SECRET, body, now)
    at, signature = genuine["X-Slack-Request-Timestamp"], genuine["X-Slack-Signature"]
    return {
        "another secret": signed_headers("another secret", body, now),
        "another body": signed_headers(SECRET, body + b" ", now),
        "another digit": genuine | {"X-Slack-Signature": signature[:-1] + "x"},
        "another time": genuine | {"X-Slack-Request-Timestamp": str(now - 1)},
        "too old": signed_headers(SECRET, body, now - FIVE_MINUTES_S - 60),
        "from the future": signed_headers(SECRET, body, now + FIVE_MINUTES_S + 60),
        "no signature": {"X-Slack-Request-Timestamp": at},
        "no time": {"X-Slack-Signature": signature},
        "nothing": {},
    }


async def _is_listening(scene: Scene) -> bool:
    try:
        return await _posted(scene, b"{}", {"Content-Type": JSON}) == 401
    except aiohttp.ClientConnectionError:
        return False


def _event(text: str) -> dict[str, object]:
    event = {"type": "message", "channel_type": "im", "channel": "D0ANA", "user": "U0ANA"}
    return {
        "type": "event_callback",
        "team_id": "T0PLAY",
        "event_id": "Ev0FORGED",
        "event": event | {"text": text, "ts": "1.000001"},
    }


async def _posted(scene: Scene, body: bytes, headers: dict[str, str]) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url_of(scene.world), data=body, headers=headers) as response,
    ):
        return response.status
