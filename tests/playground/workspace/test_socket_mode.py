"""A real slack-bolt app over Socket Mode: events, commands, clicks, modals, response URLs."""

import asyncio

import pytest

from playground.workspace.client import PersonError
from playground.workspace.model import Json
from tests.playground.workspace.bare_app import connect
from tests.playground.workspace.conftest import SHORT, World
from tests.playground.workspace.sample_app import SampleApp, card, modal

INCIDENTS = "C0INCIDENTS"


async def test_a_mention_reaches_the_app_and_its_answer_lands_in_the_thread(
    world: World, app: SampleApp
) -> None:
    ts = await world.ana.say(INCIDENTS, "@Signoff what about #operations & <b>?")

    async def answered() -> list[Json] | None:
        found = await world.ana.thread(INCIDENTS, ts)
        return found if len(found) > 1 else None

    parent, answer = await world.ana.eventually(answered)
    assert parent["text"] == "<@U0SIGNOFF> what about <#C0OPERATIONS> &amp; &lt;b&gt;?"
    assert (answer["text"], answer["thread_ts"]) == ("Hello <@U0ANA>", ts)
    kinds = {body["event"]["type"] for body in app.events}
    assert kinds == {"app_mention", "message"}
    assert all(body["event"]["ts"] == ts for body in app.events)
    assert len({body["event_id"] for body in app.events}) == 2


async def test_a_command_is_answered_to_the_person_alone(world: World, app: SampleApp) -> None:
    await world.ana.command(INCIDENTS, "/card now")
    [answer] = await world.ana.ephemerals(INCIDENTS)
    assert answer["text"] == "A card is on its way: now"
    assert await world.ben.ephemerals(INCIDENTS) == []
    assert app.actions == []


async def test_an_unknown_command_is_refused_like_slack_does(world: World, app: SampleApp) -> None:
    with pytest.raises(PersonError) as refused:
        await world.ana.command(INCIDENTS, "/cord")
    assert refused.value.code == "unknown_command"
    assert app.events == []


async def test_a_click_carries_ids_the_message_and_the_value(world: World, app: SampleApp) -> None:
    ts = await world.post(text="card", blocks=card())
    await world.ben.click("Approve", INCIDENTS, ts)

    async def updated() -> bool:
        return bool((await world.ben.thread(INCIDENTS, ts))[0]["text"] == "Approved by <@U0BEN>")

    await world.ben.eventually(updated)
    [body] = app.actions
    assert body["user"] == {
        "id": "U0BEN",
        "username": "ben",
        "name": "ben",
        "team_id": "T0PLAY",
    }
    assert body["team"] == {"id": "T0PLAY", "domain": "playground"}
    assert body["channel"] == {"id": INCIDENTS, "name": "incidents"}
    assert body["container"]["message_ts"] == body["message"]["ts"] == ts
    [action] = body["actions"]
    assert (action["action_id"], action["block_id"]) == ("proposal.approve", "vote")
    assert (action["value"], action["type"]) == ("p1", "button")
    [message] = await world.ben.thread(INCIDENTS, ts)
    assert message["edited"]["user"] == "U0SIGNOFF"
    assert "blocks" not in message, "text without blocks takes the buttons away"


async def test_a_choice_of_a_menu_is_sent_with_its_option(world: World, app: SampleApp) -> None:
    ts = await world.post(text="card", blocks=card())
    await world.ben.click("proposal.delay", INCIDENTS, ts, value="3600")
    option = {"text": {"type": "plain_text", "text": "1 hour"}, "value": "3600"}
    assert app.actions[0]["actions"][0]["selected_option"] == option
    entry = app.actions[0]["state"]["values"]["vote"]["proposal.delay"]
    assert entry == {"type": "static_select", "selected_option": option}


async def test_a_button_brings_what_its_person_has_chosen_beside_it(world: World) -> None:
    bare = await connect(world)
    ts = await world.post(text="card", blocks=card())
    await bare.ack(await bare.next())  # the event of the message itself
    chosen = []
    for act in (
        world.ben.click("proposal.delay", INCIDENTS, ts, value="3600"),
        world.ben.click("Approve", INCIDENTS, ts),
        world.ana.click("Approve", INCIDENTS, ts),
    ):
        done = asyncio.create_task(act)
        envelope = await bare.next()
        await bare.ack(envelope)
        await done
        entry = envelope["payload"]["state"]["values"]["vote"]["proposal.delay"]
        chosen.append(entry["selected_option"])
    option = {"text": {"type": "plain_text", "text": "1 hour"}, "value": "3600"}
    assert chosen == [option, option, None], "what one person chose is not the other's"


async def test_a_forged_click_is_delivered_and_may_be_answered_ephemerally(
    world: World, app: SampleApp
) -> None:
    ts = await world.post(text="card", blocks=card())
    await world.mia.forge("proposal.approve", INCIDENTS, ts, value="forged")

    async def told() -> list[Json]:
        return await world.mia.ephemerals(INCIDENTS)

    [answer] = await world.mia.eventually(told)
    assert answer["text"] == "That is not yours to decide."
    assert app.actions[0]["actions"][0]["value"] == "forged"
    assert (await world.mia.thread(INCIDENTS, ts))[0]["text"] == "card"


async def open_reject(world: World) -> Json:
    ts = await world.post(text="card", blocks=card())
    await world.ben.click("Reject", INCIDENTS, ts)
    return await world.ben.eventually(world.ben.modal)


async def test_a_modal_shows_the_apps_errors_and_closes_when_accepted(
    world: World, app: SampleApp
) -> None:
    await open_reject(world)
    with pytest.raises(PersonError) as refused:
        await world.ben.submit({"Reason": "no"})
    assert refused.value.errors == {"reason": "Say a little more."}
    shown = await world.ben.modal()
    assert shown is not None
    assert shown["errors"] == {"reason": "Say a little more."}
    await world.ben.submit({"reason": "the fix is already out", "Scope": ["All"]})
    assert await world.ben.modal() is None
    view = app.submissions[-1]["view"]
    assert view["private_metadata"] == "p1"
    assert view["state"]["values"]["reason"]["text"] == {
        "type": "plain_text_input",
        "value": "the fix is already out",
    }
    [chosen] = view["state"]["values"]["scope"]["boxes"]["selected_options"]
    assert chosen["value"] == "all"
    assert app.submissions[-1]["response_urls"] == []


async def test_a_required_field_is_refused_before_anything_is_sent(
    world: World, app: SampleApp
) -> None:
    await open_reject(world)
    with pytest.raises(PersonError) as refused:
        await world.ben.submit({})
    assert refused.value.code == "invalid_fields"
    assert list(refused.value.errors) == ["reason"]
    assert app.submissions == []


@pytest.mark.parametrize("patience", [SHORT])
async def test_a_submission_without_an_ack_tells_the_person_and_is_not_sent_again(
    world: World, app: SampleApp
) -> None:
    await open_reject(world)
    with pytest.raises(PersonError, match="did not respond") as lost:
        await world.ben.submit({"reason": "never"})
    assert lost.value.code == "operation_timeout"
    assert await world.ben.modal() is not None
    assert len(app.submissions) == 1


async def test_the_home_tab_is_published_when_it_is_opened(world: World, app: SampleApp) -> None:
    home = await world.ana.eventually(world.ana.home)
    assert home["blocks"][0]["text"]["text"] == "*Home*"
    assert app.events == []


async def test_a_click_while_the_app_is_away_is_an_error_and_is_not_queued(world: World) -> None:
    ts = await world.post(text="card", blocks=card())
    with pytest.raises(PersonError, match="Signoff did not respond") as lost:
        await world.ana.click("Approve", INCIDENTS, ts)
    assert lost.value.code == "dispatch_failed"
    late = SampleApp(world.base_url)
    await late.start()
    try:
        await world.ana.command(INCIDENTS, "/card now")
    finally:
        await late.stop()
    assert late.actions == []


async def test_a_trigger_id_works_once_and_for_three_seconds(world: World, app: SampleApp) -> None:
    await open_reject(world)
    trigger_id = app.actions[0]["trigger_id"]
    again = await world.call("views.open", trigger_id=trigger_id, view=modal())
    assert again["error"] == "exchanged_trigger_id"
    ts = await world.post(text="card", blocks=card())
    await world.ben.click("Approve", INCIDENTS, ts)
    fresh = app.actions[1]["trigger_id"]
    world.clock.forward(3.5)
    late = await world.call("views.open", trigger_id=fresh, view=modal())
    assert late["error"] == "expired_trigger_id"


async def test_a_response_url_works_five_times_in_thirty_minutes(
    world: World, app: SampleApp
) -> None:
    ts = await world.post(text="card", blocks=card())
    await world.ben.click("Approve", INCIDENTS, ts)
    url = app.actions[0]["response_url"]

    async def answer(**body: object) -> tuple[int, str]:
        async with world.session.post(url, json=body) as response:
            return response.status, await response.text()

    assert await answer(text="hidden") == (200, "ok")
    assert await answer(text="shown", response_type="in_channel") == (200, "ok")
    assert await answer(text="instead", replace_original=True) == (200, "ok")
    assert await answer(blocks=[{"type": "nonsense"}]) == (400, "invalid_blocks")
    assert await answer(delete_original=True) == (200, "ok")
    assert await answer(text="once more") == (404, "used_url")
    texts = [message["text"] for message in await world.ben.messages(INCIDENTS)]
    assert texts == ["hidden", "shown"]


async def test_a_response_url_is_good_for_thirty_minutes(world: World, app: SampleApp) -> None:
    ts = await world.post(text="card", blocks=card())
    await world.ben.click("Approve", INCIDENTS, ts)
    url = app.actions[0]["response_url"]
    world.forward(29 * 60)
    async with world.session.post(url, json={"text": "in time"}) as response:
        assert response.status == 200
    world.forward(2 * 60)
    async with world.session.post(url, json={"text": "late"}) as response:
        assert (response.status, await response.text()) == (404, "expired_url")
    async with world.session.post(f"{url}x", json={"text": "no such"}) as response:
        assert (response.status, await response.text()) == (404, "invalid_url")
    assert [m["text"] for m in await world.ben.ephemerals(INCIDENTS)] == ["in time"]


async def test_a_response_url_answers_in_the_thread_and_everybody_is_told(world: World) -> None:
    bare = await connect(world)
    ts = await world.post(text="card", blocks=card())
    await bare.ack(await bare.next())
    click = asyncio.create_task(world.ben.click("Approve", INCIDENTS, ts))
    envelope = await bare.next()
    await bare.ack(envelope)
    await click
    url = envelope["payload"]["response_url"]
    answers: list[Json] = [
        {"text": "in the thread", "thread_ts": ts, "response_type": "in_channel"},
        {"text": "taken", "replace_original": True},
        {"text": "for Ben alone"},
    ]
    for body in answers:
        async with world.session.post(url, json=body) as response:
            assert await response.text() == "ok"
    told = [await bare.next(), await bare.next()]
    for one in told:
        await bare.ack(one)
    events = [one["payload"]["event"] for one in told]
    assert (events[0]["text"], events[0]["thread_ts"]) == ("in the thread", ts)
    assert events[1]["subtype"] == "message_changed"
    assert (events[1]["previous_message"]["text"], events[1]["message"]["text"]) == (
        "card",
        "taken",
    )
    shown = {m["text"]: m for m in await world.ben.thread(INCIDENTS, ts)}
    assert shown["taken"]["edited"]["user"] == "U0SIGNOFF"
    assert "blocks" not in shown["taken"]
    assert [m["text"] for m in await world.ben.ephemerals(INCIDENTS)] == ["for Ben alone"]
    assert await world.ana.ephemerals(INCIDENTS) == []


async def test_the_stop_button_of_a_session_is_an_event(world: World, app: SampleApp) -> None:
    ts = await world.post(text="x")
    with pytest.raises(PersonError, match="nothing to stop"):
        await world.ana.stop(INCIDENTS, ts)
    session = await app.client.api_call(
        "agents.sessions.setStatus",
        json={"channel_id": INCIDENTS, "thread_ts": ts, "status": "processing"},
    )
    assert session.get("warning") is None
    await world.ana.stop(INCIDENTS, ts)

    async def heard() -> bool:
        return bool(app.events)

    await world.ana.eventually(heard)
    event = app.events[0]["event"]
    assert (event["type"], event["thread_ts"]) == ("agent_session_stopped", ts)
    assert (event["user"], event["streaming_message_ts"]) == ("U0ANA", [])


async def test_a_direct_message_is_an_event_of_its_kind(world: World, app: SampleApp) -> None:
    await world.mia.say("D0MIA", "hello")

    async def heard() -> bool:
        return bool(app.events)

    await world.mia.eventually(heard)
    event = app.events[0]["event"]
    assert (event["channel"], event["channel_type"], event["text"]) == ("D0MIA", "im", "hello")
