"""What a test is told when what its story names is not there, or the app is no longer welcome."""

import asyncio

import pytest

from playground.workspace.client import PersonError
from playground.workspace.model import Json
from tests.playground.workspace.bare_app import connect
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import (
    APP_TOKEN,
    BOT_TOKEN,
    button,
    card,
    modal,
    services_menu,
)

INCIDENTS = "C0INCIDENTS"


async def test_the_error_names_what_there_is_instead(world: World) -> None:
    ts = await world.post(text="card", blocks=card())
    there = r"no `Aprove` in C0INCIDENTS .*; there is: Approve, Reject, proposal\.delay"
    with pytest.raises(LookupError, match=there):
        await world.ana.click("Aprove", INCIDENTS, ts)
    with pytest.raises(LookupError, match="offered: 5 minutes, 1 hour"):
        await world.ana.select("proposal.delay", "never", INCIDENTS, ts)
    with pytest.raises(LookupError, match=r"no message 1\.000001 in C0INCIDENTS"):
        await world.ana.click("Approve", INCIDENTS, "1.000001")
    with pytest.raises(TimeoutError, match=r"`Done` was not seen in C0INCIDENTS .*'card"):
        await world.ana.sees("Done", INCIDENTS, timeout_s=0.1)
    with pytest.raises(LookupError, match="no home tab"):
        await world.ana.click_in_home("Refresh")
    with pytest.raises(LookupError, match="no modal is open"):
        await world.ana.submit({"Reason": "x"})


async def test_a_form_without_the_field_says_which_it_has(world: World) -> None:
    bare = await connect(world)
    command = asyncio.create_task(world.ana.command(INCIDENTS, "/card"))
    envelope = await bare.next()
    trigger = envelope["payload"]["trigger_id"]
    assert (await world.call("views.open", trigger_id=trigger, view=modal()))["ok"]
    await bare.ack(envelope)
    await command
    with pytest.raises(LookupError, match=r"\['Cause'\]; it has: Reason, Scope"):
        await world.ana.submit({"Cause": "x"})


@pytest.mark.parametrize("where", ["C0PRIVATE", "#nowhere"])
async def test_a_channel_that_is_not_theirs_is_told_in_words(world: World, where: str) -> None:
    with pytest.raises(PersonError, match="no such channel, or you are not in it") as refused:
        await world.ben.say(where, "hello")
    assert refused.value.code == "channel_not_found"


async def test_what_cannot_be_said_is_told(world: World) -> None:
    with pytest.raises(PersonError) as gone:
        await world.ana.say(INCIDENTS, "hello", "1.000001")
    assert gone.value.code == "thread_not_found"
    assert (await world.call("conversations.archive", channel=INCIDENTS))["ok"]
    with pytest.raises(PersonError, match="This channel is archived") as closed:
        await world.ana.say(INCIDENTS, "hello")
    assert closed.value.code == "is_archived"
    assert await world.ana.messages(INCIDENTS) == []


async def test_the_home_tab_is_clicked_and_chosen_in(world: World) -> None:
    elements = [button("refresh", "Refresh"), card()[1]["elements"][2]]
    view: Json = {"type": "home", "blocks": [{"type": "actions", "elements": elements}]}
    assert (await world.call("views.publish", user_id="U0ANA", view=view))["ok"]
    bare = await connect(world)
    chosen = []
    for what, value in (("Refresh", None), ("proposal.delay", "1 hour")):
        click = asyncio.create_task(world.ana.click_in_home(what, value))
        envelope = await bare.next()
        await bare.ack(envelope)
        await click
        assert envelope["payload"]["view"]["type"] == "home"
        [action] = envelope["payload"]["actions"]
        chosen.append((action["action_id"], (action.get("selected_option") or {}).get("value")))
    assert chosen == [("refresh", None), ("proposal.delay", "3600")]
    with pytest.raises(LookupError, match="offered: 5 minutes, 1 hour"):
        await world.ana.click_in_home("proposal.delay", "never")


@pytest.mark.parametrize("clears", [True, False])
async def test_the_app_hears_whether_all_windows_went(world: World, clears: bool) -> None:
    bare = await connect(world)
    command = asyncio.create_task(world.ana.command(INCIDENTS, "/card"))
    envelope = await bare.next()
    view = modal(notify_on_close=True, clear_on_close=clears)
    trigger = envelope["payload"]["trigger_id"]
    assert (await world.call("views.open", trigger_id=trigger, view=view))["ok"]
    await bare.ack(envelope)
    await command
    close = asyncio.create_task(world.ana.close())
    closed = await bare.next()
    await bare.ack(closed)
    await close
    assert closed["payload"]["is_cleared"] is clears


async def test_a_command_that_is_answered_with_nonsense_is_told(world: World) -> None:
    bare = await connect(world)
    command = asyncio.create_task(world.ana.command(INCIDENTS, "/card"))
    await bare.ack(await bare.next(), {"blocks": [{"type": "alert"}]})
    with pytest.raises(PersonError, match="cannot be shown") as told:
        await command
    assert told.value.code == "invalid_command_response"
    assert world.workspace.complaints == ["ack of /card: invalid_blocks"]


@pytest.mark.parametrize(
    "options", [[{"text": {"type": "plain_text", "text": "x" * 76}, "value": "1"}], ["one"], {}]
)
async def test_options_that_are_none_are_not_offered(world: World, options: object) -> None:
    bare = await connect(world)
    ts = await world.post(text="where", blocks=services_menu())
    await bare.ack(await bare.next())
    typing = asyncio.create_task(world.ana.options("services", "c", INCIDENTS, ts))
    await bare.ack(await bare.next(), {"options": options})
    with pytest.raises(PersonError, match="could not be loaded"):
        await typing
    [complaint] = world.workspace.complaints
    assert complaint.startswith("ack of the options of services: must")


async def test_a_message_that_is_deleted_is_told(world: World) -> None:
    ts = await world.post(text="soon gone")
    bare = await connect(world)
    assert (await world.call("chat.delete", channel=INCIDENTS, ts=ts))["ok"]
    events: list[Json] = []
    while not any(event.get("subtype") == "message_deleted" for event in events):
        envelope = await bare.next()
        await bare.ack(envelope)
        events.append(envelope["payload"]["event"])
    gone = events[-1]
    assert (gone["deleted_ts"], gone["previous_message"]["text"]) == (ts, "soon gone")
    assert gone["ts"] != ts


async def test_tokens_can_be_revoked_and_given_back(world: World) -> None:
    world.workspace.faults.revoke_tokens()
    for token, method in ((BOT_TOKEN, "auth.test"), (APP_TOKEN, "apps.connections.open")):
        assert (await world.call(method, token))["error"] == "token_revoked"
    assert (await world.call("auth.test", "wrong"))["error"] == "invalid_auth"
    assert world.workspace.faults.ordered() == [{"fault": "token_revoked"}]
    world.workspace.faults.revoke_tokens(is_back=True)
    assert (await world.call("auth.test"))["ok"]
