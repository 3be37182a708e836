"""What people do and see, as tests tell it: mention, react, choose, act at once, wait, look."""

import pytest

from playground.workspace.client import PersonError, shown_text
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import SampleApp, card, services_menu

INCIDENTS = "C0INCIDENTS"


async def test_a_mention_is_answered_in_its_thread(world: World, app: SampleApp) -> None:
    asked = await world.ana.mention("#incidents", "what is wrong?")
    answer = await world.ben.sees("Hello <@U0ANA>", INCIDENTS, asked)
    assert answer["thread_ts"] == asked
    assert world.calls("chat.postMessage")[-1]["thread_ts"] == asked
    assert app.events[0]["event"]["text"] == "<@U0SIGNOFF> what is wrong?"


async def test_what_is_not_there_is_not_seen(world: World) -> None:
    await world.post(text="short", blocks=card("Roll back?"))
    assert shown_text(await world.ana.sees("Roll back?", INCIDENTS))
    assert shown_text(await world.ana.sees("Approve", INCIDENTS))
    with pytest.raises(TimeoutError):
        await world.ana.sees("Undone", INCIDENTS, timeout_s=0.1)


async def test_a_reaction_is_shown_told_and_taken_back(world: World, app: SampleApp) -> None:
    ts = await world.post(text="x")
    await world.ana.react("eyes", INCIDENTS, ts)
    await world.ben.react("eyes", INCIDENTS, ts)
    [message] = await world.mia.thread(INCIDENTS, ts)
    assert message["reactions"] == [{"name": "eyes", "users": ["U0ANA", "U0BEN"], "count": 2}]
    with pytest.raises(PersonError) as again:
        await world.ana.react("eyes", INCIDENTS, ts)
    assert again.value.code == "already_reacted"
    for who in (world.ana, world.ben):
        await who.react("eyes", INCIDENTS, ts, is_back=True)
    [message] = await world.mia.thread(INCIDENTS, ts)
    assert "reactions" not in message

    async def heard() -> bool:
        return len(app.events) == 4

    await world.ana.eventually(heard, 60)
    told = sorted((e["event"]["type"], e["event"]["user"]) for e in app.events)
    assert told == [
        ("reaction_added", "U0ANA"),
        ("reaction_added", "U0BEN"),
        ("reaction_removed", "U0ANA"),
        ("reaction_removed", "U0BEN"),
    ]
    item = {"type": "message", "channel": INCIDENTS, "ts": ts}
    assert all(e["event"]["item"] == item for e in app.events)


@pytest.mark.parametrize(
    ("name", "ts", "code"),
    [("Not an emoji!", "", "invalid_name"), ("eyes", "1.000001", "message_not_found")],
)
async def test_a_reaction_to_nothing_or_with_nothing_is_refused(
    world: World, name: str, ts: str, code: str
) -> None:
    posted = await world.post(text="x")
    with pytest.raises(PersonError) as refused:
        await world.ana.react(name, INCIDENTS, ts or posted)
    assert refused.value.code == code


async def test_an_option_is_chosen_by_its_text_or_value(world: World, app: SampleApp) -> None:
    ts = await world.post(text="card", blocks=card())
    await world.ben.select("proposal.delay", "1 hour", INCIDENTS, ts)
    ts = await world.post(text="card", blocks=card())
    await world.ben.select("proposal.delay", "300", INCIDENTS, ts)
    chosen = [body["actions"][0]["selected_option"]["value"] for body in app.actions]
    assert chosen == ["3600", "300"]
    ts = await world.post(text="card", blocks=card())
    with pytest.raises(LookupError, match="never"):
        await world.ben.select("proposal.delay", "never", INCIDENTS, ts)


async def test_the_options_of_an_external_menu_come_from_the_app(
    world: World, app: SampleApp
) -> None:
    ts = await world.post(text="where", blocks=services_menu())
    assert await world.ana.options("Which service?", "c", INCIDENTS, ts) == [
        "checkout",
        "cart",
        "search",
    ]
    assert await world.ana.options("Which service?", "ca", INCIDENTS, ts) == ["cart"]
    await world.ana.select("Which service?", "cart", INCIDENTS, ts)
    [action] = app.actions[0]["actions"]
    assert action["selected_option"]["value"] == "cart"
    with pytest.raises(LookupError, match="billing"):
        await world.ana.select("Which service?", "billing", INCIDENTS, ts)


async def test_only_an_external_menu_is_asked_for_options(world: World, app: SampleApp) -> None:
    ts = await world.post(text="card", blocks=card())
    with pytest.raises(PersonError, match="do not come from the app"):
        await world.ana.options("proposal.delay", "c", INCIDENTS, ts)
    assert app.actions == []


async def test_two_people_press_at_once_and_both_are_told(world: World, app: SampleApp) -> None:
    ts = await world.post(text="card", blocks=card())
    outcomes = await world.at_once(
        world.ana.click("Approve", INCIDENTS, ts), world.ben.click("Approve", INCIDENTS, ts)
    )
    assert outcomes == [None, None]
    assert {body["user"]["id"] for body in app.actions} == {"U0ANA", "U0BEN"}
