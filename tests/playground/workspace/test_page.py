"""The page's own HTTP: a strict CSP, closed to other websites, live through a stream."""

import json
from pathlib import Path

import pytest

from playground.workspace import page
from playground.workspace.client import PersonError
from playground.workspace.manifest import read_manifest
from playground.workspace.model import Json
from playground.world import MANIFEST
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
    "host that is none": {"Host": "["},
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


VISIT = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/", {}, 200),
        ("/archives/C0INCIDENTS/p1795310000000001", {}, 302),
        ("/", {"Sec-Fetch-Dest": "iframe"}, 403),
        ("/", {"Host": "evil.example"}, 403),
        ("/page/state?user=U0ANA", {}, 403),
    ],
)
async def test_a_link_of_another_website_leads_to_the_page_and_to_nothing_else(
    world: World, path: str, more: dict[str, str], status: int
) -> None:
    headers, url = VISIT | more, world.base_url + path
    async with world.session.get(url, headers=headers, allow_redirects=False) as response:
        assert response.status == status


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


async def read(world: World, **query: object) -> Json:
    params = {"user": "U0ANA", "channel": INCIDENTS, **{k: str(v) for k, v in query.items()}}
    async with world.session.get(f"{world.base_url}/page/messages", params=params) as response:
        answer: Json = await response.json()
    assert answer["ok"], answer
    return answer


def texts(answer: Json) -> list[str]:
    return [message["text"] for message in answer["messages"]]


async def test_a_long_channel_is_read_window_by_window(world: World) -> None:
    stamps = [(await world.ana.say(INCIDENTS, f"m{number}")) for number in range(10)]
    last = await read(world, limit=4)
    assert texts(last) == ["m6", "m7", "m8", "m9"]
    assert (last["has_before"], last["has_after"]) == (True, False)
    before = await read(world, limit=4, before=stamps[6])
    assert texts(before) == ["m2", "m3", "m4", "m5"]
    first = await read(world, limit=4, before=stamps[2])
    assert (texts(first), first["has_before"]) == (["m0", "m1"], False)
    after = await read(world, limit=4, after=stamps[5])
    assert (texts(after), after["has_after"]) == (["m6", "m7", "m8", "m9"], False)
    around = await read(world, limit=4, around=stamps[3])
    assert "m3" in texts(around)
    assert (around["has_before"], around["has_after"]) == (True, True)
    assert len(texts(await read(world))) == 10


async def test_replies_are_read_in_their_thread_and_not_in_the_channel(world: World) -> None:
    root = await world.ana.say(INCIDENTS, "root")
    reply = await world.ana.say(INCIDENTS, "reply", root)
    await world.ana.say(INCIDENTS, "later")
    assert texts(await read(world, limit=9)) == ["root", "later"]
    assert texts(await read(world, limit=9, thread=root)) == ["root", "reply"]
    around = await read(world, limit=9, around=reply)
    assert texts(around) == ["root", "later"]


async def test_a_reply_that_was_also_sent_to_the_channel_stands_in_both(world: World) -> None:
    root = await world.ana.say(INCIDENTS, "root")
    await world.post(text="for all", thread_ts=root, reply_broadcast=True)
    await world.post(text="for the thread", thread_ts=root)
    assert texts(await read(world, limit=9)) == ["root", "for all"]
    assert texts(await read(world, limit=9, thread=root)) == ["root", "for all", "for the thread"]


async def test_a_few_messages_are_read_by_name_and_the_missing_are_told(world: World) -> None:
    own = await world.ana.say(INCIDENTS, "mine")
    told = {"user": "U0BEN", "text": "psst"}
    hidden = await world.call("chat.postEphemeral", channel=INCIDENTS, **told)
    other = str(hidden["message_ts"])
    found = await read(world, ts=f"{own},{other},1.1")
    assert (texts(found), found["gone"]) == (["mine"], [other, "1.1"])


@pytest.mark.parametrize("limit", ["0", "-1", "all", "²", "9999999"])
async def test_a_limit_that_makes_no_sense_is_held_to_what_a_page_can_take(
    world: World, limit: str
) -> None:
    await world.ana.say(INCIDENTS, "one")
    assert len(texts(await read(world, limit=limit))) == 1


async def test_a_change_names_the_message_and_its_thread(world: World) -> None:
    root = await world.ana.say(INCIDENTS, "root")
    async with world.session.get(f"{world.base_url}/page/feed") as response:
        await response.content.readuntil(b"\n\n")
        reply = await world.ana.say(INCIDENTS, "reply", root)
        line = await response.content.readuntil(b"\n\n")
    change = json.loads(line.removeprefix(b"data: "))
    assert (change["ts"], change["thread_ts"]) == (reply, root)


async def test_whoever_is_not_known_here_is_told_who_is(world: World) -> None:
    look = f"{world.base_url}/page/state?user=U0GONE"
    async with world.session.get(look) as response:
        answer = await response.json()
    assert answer["error"] == "user_not_found"
    assert answer["people"] == ["U0ANA", "U0BEN", "U0MIA"]


def test_the_manifest_says_what_each_command_takes_and_what_to_begin_with() -> None:
    subscriptions = read_manifest(MANIFEST).subscriptions
    assert [prompt["title"] for prompt in subscriptions.prompts] == ["What can you do?"]
    hints = subscriptions.hints
    assert hints["/triage"]["usage_hint"] == "[service] [staging|production]"
    assert all(hint["description"] for hint in hints.values())


async def test_an_act_that_makes_no_sense_is_a_clear_error(world: World) -> None:
    url = f"{world.base_url}/page/"
    async with world.session.post(f"{url}say", json={"user": "U0ANA"}) as response:
        assert (await response.json())["error"] == "missing_field"
    async with world.session.post(f"{url}dance", json={"user": "U0ANA"}) as response:
        assert response.status == 404
    headers = {"Content-Type": "application/json"}
    async with world.session.post(f"{url}say", data=b"{", headers=headers) as response:
        assert (await response.json())["error"] == "invalid_json"
    async with world.session.post(f"{url}say", data=b"\xff", headers=headers) as response:
        assert (await response.json())["error"] == "invalid_json"
    click = {"user": "U0ANA", "action_id": "a", "view_id": "V1", "values": {"b": "text"}}
    async with world.session.post(f"{url}click", json=click) as response:
        assert (await response.json())["error"] == "invalid_values"
    with pytest.raises(LookupError, match="Approve"):
        await world.ana.click("Approve", INCIDENTS, await world.post(text="x"))
