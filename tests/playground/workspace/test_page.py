"""The page's own HTTP: a strict CSP, closed to other websites, live through a stream."""

import json
from pathlib import Path

import pytest

from playground.workspace import page
from playground.workspace.client import PersonError
from tests.playground.workspace.conftest import World

INCIDENTS = "C0INCIDENTS"


async def test_the_page_is_served_with_a_policy_that_runs_only_its_own_scripts(
    world: World,
) -> None:
    async with world.session.get(f"{world.base_url}/") as response:
        text = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert response.status == 200
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http://" not in text
    assert "https://" not in text
    assert "<script>" not in text
    async with world.session.get(f"{world.base_url}/static/app.js") as response:
        assert (response.status, response.content_type) == (200, "text/javascript")
    for outside in ("..%2f__init__.py", "nothing.js"):
        async with world.session.get(f"{world.base_url}/static/{outside}") as response:
            assert response.status == 404


async def test_the_address_that_slack_gives_a_message_leads_to_it(world: World) -> None:
    ts = await world.post(text="x")
    given = f"{world.base_url}/archives/{INCIDENTS}/p{ts.replace('.', '')}?thread_ts={ts}"
    async with world.session.get(given, allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"] == f"/#{INCIDENTS}/{ts}"


def test_no_script_parses_markup_or_loads_from_elsewhere() -> None:
    scripts = [path for path in page.STATIC.iterdir() if path.suffix == ".js"]
    assert len(scripts) > 5
    for path in scripts:
        text = Path(path).read_text(encoding="utf-8")
        for dangerous in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ):
            assert dangerous not in text, f"{path.name}: {dangerous}"
        assert "//cdn" not in text
        assert len(text.splitlines()) <= 400


FOREIGN = {
    "origin": {"Origin": "https://evil.example"},
    "another port of this machine": {"Origin": "http://127.0.0.1:1"},
    "rebound host": {"Host": "evil.example"},
    "null origin": {"Origin": "null"},
    "fetch metadata": {"Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.parametrize("case", FOREIGN)
async def test_another_website_cannot_drive_the_workspace(world: World, case: str) -> None:
    body = {"user": "U0ANA", "channel": INCIDENTS, "text": "forged"}
    url = f"{world.base_url}/page/say"
    async with world.session.post(url, json=body, headers=FOREIGN[case]) as response:
        assert response.status == 403
    look = f"{world.base_url}/page/state?user=U0ANA"
    async with world.session.get(look, headers=FOREIGN[case]) as response:
        assert response.status == 403
    assert await world.ana.messages(INCIDENTS) == []


async def test_a_plain_form_cannot_drive_the_workspace(world: World) -> None:
    form = {"user": "U0ANA", "channel": INCIDENTS, "text": "forged"}
    async with world.session.post(f"{world.base_url}/page/say", data=form) as response:
        assert response.status == 403
    assert await world.ana.messages(INCIDENTS) == []


async def test_people_see_only_their_channels(world: World) -> None:
    mine = {channel["id"] for channel in (await world.ana.state())["channels"]}
    assert mine == {INCIDENTS, "C0MARKETING", "C0OPERATIONS", "C0PRIVATE", "D0ANA"}
    with pytest.raises(PersonError, match="channel_not_found"):
        await world.ben.messages("C0PRIVATE")
    with pytest.raises(PersonError, match="channel_not_found"):
        await world.ben.say("D0ANA", "hello")


async def test_changes_arrive_on_the_stream(world: World) -> None:
    async with world.session.get(f"{world.base_url}/page/feed") as response:
        assert response.content_type == "text/event-stream"
        assert await response.content.readuntil(b"\n\n") == b": open\n\n"
        await world.post(text="x")
        line = await response.content.readuntil(b"\n\n")
    change = json.loads(line.removeprefix(b"data: "))
    assert (change["kind"], change["channel"]) == ("message", INCIDENTS)


async def test_an_act_that_makes_no_sense_is_a_clear_error(world: World) -> None:
    url = f"{world.base_url}/page/"
    async with world.session.post(f"{url}say", json={"user": "U0ANA"}) as response:
        assert (await response.json())["error"] == "missing_field"
    async with world.session.post(f"{url}dance", json={"user": "U0ANA"}) as response:
        assert response.status == 404
    headers = {"Content-Type": "application/json"}
    async with world.session.post(f"{url}say", data=b"{", headers=headers) as response:
        assert (await response.json())["error"] == "invalid_json"
    with pytest.raises(LookupError, match="Approve"):
        await world.ana.click("Approve", INCIDENTS, await world.post(text="x"))
