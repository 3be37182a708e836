"""Links that an app shows more of: which it hears of, and what chat.unfurl adds to them."""

from dataclasses import replace
from pathlib import Path

import pytest

from playground.workspace.manifest import read_manifest
from playground.workspace.model import Json
from tests.playground.workspace.bare_app import connect
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import BOT_TOKEN

INCIDENTS, UNFURL = "C0INCIDENTS", "chat.unfurl"
DASHBOARD = "https://grafana.example.com/d/1?a=1&b=2"
SECTION: Json = {"type": "section", "text": {"type": "mrkdwn", "text": "*Checkout*: 3 % errors"}}


async def test_a_link_is_told_and_shown_more_of(world: World) -> None:
    state = world.workspace.state
    state.app = replace(state.app, domains=frozenset({"example.com"}))
    bare = await connect(world)
    ts = await world.ana.say(INCIDENTS, f"look: {DASHBOARD} and https://else.example.org/x")
    events = []
    for _ in range(2):
        envelope = await bare.next()
        await bare.ack(envelope)
        events.append(envelope["payload"]["event"])
    [shared] = [event for event in events if event["type"] == "link_shared"]
    assert shared["links"] == [{"domain": "example.com", "url": DASHBOARD}]
    assert (shared["message_ts"], shared["is_bot_user_member"]) == (ts, True)
    named = {"unfurl_id": shared["unfurl_id"], "source": shared["source"]}
    unfurls: Json = {DASHBOARD: {"blocks": [SECTION]}}
    assert await world.call(UNFURL, BOT_TOKEN, **named, unfurls=unfurls) == {"ok": True}
    again = {DASHBOARD: {"text": "better now"}}
    place = {"channel": INCIDENTS, "ts": ts}
    assert (await world.call(UNFURL, BOT_TOKEN, **place, unfurls=again))["ok"]
    [message] = await world.ben.thread(INCIDENTS, ts)
    [attachment] = message["attachments"]
    assert (attachment["text"], attachment["from_url"]) == ("better now", DASHBOARD)
    changed = (await bare.next())["payload"]["event"]
    assert (changed["subtype"], changed["message"]["ts"]) == ("message_changed", ts)
    foreign = {"https://else.example.org/x": {"text": "x"}}
    answer = await world.call(UNFURL, BOT_TOKEN, **place, unfurls=foreign)
    assert answer["error"] == "cannot_unfurl_url"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({}, "missing_unfurls"),
        ({"unfurls": "[1"}, "invalid_unfurls_format"),
        ({"unfurls": {DASHBOARD: "x"}}, "cannot_parse_attachment"),
        ({"unfurls": {DASHBOARD: {"blocks": [{"type": "alert"}]}}}, "cannot_parse_attachment"),
        ({"unfurls": {"https://example.com/other": {}}}, "cannot_unfurl_message"),
        ({"unfurls": {"https://[odd": {}}}, "cannot_unfurl_url"),
        ({"unfurls": {DASHBOARD: {}}, "ts": "1.000001"}, "cannot_find_message"),
        ({"unfurls": {DASHBOARD: {}}, "ts": ""}, "missing_ts"),
        ({"unfurls": {DASHBOARD: {}}, "channel": ""}, "missing_channel"),
        ({"unfurls": {DASHBOARD: {}}, "channel": "C0PRIVATE"}, "cannot_find_channel"),
        ({"unfurls": {DASHBOARD: {}}, "unfurl_id": "x"}, "missing_source"),
        ({"unfurls": {DASHBOARD: {}}, "source": "composer"}, "missing_unfurl_id"),
        ({"unfurls": {DASHBOARD: {}}, "unfurl_id": "x", "source": "air"}, "invalid_source"),
        ({"unfurls": {DASHBOARD: {}}, "unfurl_id": "x", "source": "composer"}, "invalid_unfurl_id"),
    ],
)
async def test_what_cannot_be_shown_is_said(world: World, args: Json, code: str) -> None:
    ts = await world.ana.say(INCIDENTS, f"{DASHBOARD} https://[odd")
    answer = await world.call(UNFURL, BOT_TOKEN, **{"channel": INCIDENTS, "ts": ts} | args)
    assert answer["error"] == code
    [message] = await world.ana.thread(INCIDENTS, ts)
    assert "attachments" not in message


def test_the_domains_are_those_of_the_manifest(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yml"
    path.write_text(
        "features: {slash_commands: [], unfurl_domains: [example.com]}\n"
        "settings: {event_subscriptions: {bot_events: [link_shared]}}\n"
        "oauth_config: {scopes: {bot: [links:read]}}\n",
        encoding="utf-8",
    )
    assert read_manifest(path).subscriptions.domains == frozenset({"example.com"})
