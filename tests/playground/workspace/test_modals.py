"""What the ack of a submission does to the windows on a person's screen."""

import asyncio
from dataclasses import replace

import pytest

from playground.workspace.client import PersonError
from playground.workspace.model import Json
from tests.playground.workspace.bare_app import BareApp, connect
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import button, modal

INCIDENTS = "C0INCIDENTS"
REASON: dict[str, object] = {"reason": "because"}


def titled(title: str, **extra: object) -> Json:
    return modal(title={"type": "plain_text", "text": title}, **extra)


async def answered(bare: BareApp, act: "asyncio.Task[None]", payload: Json | None = None) -> Json:
    """Ack the envelope that `act` sends, wait for the act, and return the payload."""
    envelope = await bare.next()
    await bare.ack(envelope, payload)
    await act
    sent: Json = envelope["payload"]
    return sent


async def opened(world: World, bare: BareApp, view: Json) -> Json:
    command = asyncio.create_task(world.ana.command(INCIDENTS, "/card"))
    sent = await answered(bare, command)
    answer = await world.call("views.open", trigger_id=sent["trigger_id"], view=view)
    assert answer["ok"], answer
    shown: Json = answer["view"]
    return shown


def submitted(world: World, values: dict[str, object]) -> "asyncio.Task[None]":
    return asyncio.create_task(world.ana.submit(values))


async def title_of(world: World) -> str | None:
    shown = await world.ana.modal()
    return None if shown is None else str(shown["title"]["text"])


async def test_update_replaces_the_window_and_clear_closes_all(world: World) -> None:
    bare = await connect(world)
    first = await opened(world, bare, titled("One"))
    update = {"response_action": "update", "view": titled("Two")}
    await answered(bare, submitted(world, REASON), update)
    shown = await world.ana.modal()
    assert shown is not None
    assert (shown["id"], shown["title"]["text"]) == (first["id"], "Two")
    assert shown["hash"] != first["hash"]
    push = {"response_action": "push", "view": titled("Three")}
    await answered(bare, submitted(world, REASON), push)
    top = await world.ana.modal()
    assert top is not None
    assert (top["title"]["text"], top["previous_view_id"]) == ("Three", first["id"])
    assert top["root_view_id"] == first["id"]
    await answered(bare, submitted(world, REASON), {"response_action": "clear"})
    assert await world.ana.modal() is None


async def test_a_plain_ack_closes_only_the_top_window(world: World) -> None:
    bare = await connect(world)
    await opened(world, bare, titled("One"))
    push = {"response_action": "push", "view": titled("Two")}
    await answered(bare, submitted(world, REASON), push)
    await answered(bare, submitted(world, REASON))
    assert await title_of(world) == "One"


async def test_a_wrong_ack_is_an_error_to_the_person_and_a_complaint(world: World) -> None:
    bare = await connect(world)
    await opened(world, bare, titled("One"))
    wrong = {"response_action": "errors", "errors": {"nowhere": "x"}}
    with pytest.raises(PersonError, match="trouble connecting"):
        await answered(bare, submitted(world, REASON), wrong)
    broken = {"response_action": "update", "view": titled("x" * 25)}
    with pytest.raises(PersonError, match="trouble connecting"):
        await answered(bare, submitted(world, REASON), broken)
    assert await title_of(world) == "One"
    assert world.workspace.complaints == [
        "ack of a submission: errors for ['nowhere']",
        "ack of a submission: invalid_arguments",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"response_action": "explode"},
        {"response_action": "errors"},
        {"response_action": "errors", "errors": ["reason"]},
        {"response_action": "errors", "errors": {"reason": 5}},
        {"response_action": "update"},
        {"response_action": "push", "view": "no view"},
    ],
)
async def test_an_ack_that_makes_no_sense_leaves_the_window_open(
    world: World, answer: Json
) -> None:
    bare = await connect(world)
    await opened(world, bare, titled("One"))
    with pytest.raises(PersonError, match="trouble connecting"):
        await answered(bare, submitted(world, REASON), answer)
    assert await title_of(world) == "One"
    assert len(world.workspace.complaints) == 1


async def test_updates_respect_the_hash_and_a_closed_window_is_gone(world: World) -> None:
    bare = await connect(world)
    view = await opened(world, bare, titled("One", notify_on_close=True))
    place = view["id"]
    stale = await world.call("views.update", view_id=place, view=titled("Two"), hash="0.old")
    assert stale["error"] == "hash_conflict"
    fresh = view["hash"]
    taken = await world.call("views.update", view_id=place, view=titled("Two"), hash=fresh)
    assert taken["view"]["title"]["text"] == "Two"
    again = titled("Three", notify_on_close=True)
    assert (await world.call("views.update", view_id=place, view=again))["ok"]
    sent = await answered(bare, asyncio.create_task(world.ana.close()))
    assert (sent["type"], sent["view"]["id"]) == ("view_closed", place)
    assert sent["is_cleared"] is False
    gone = await world.call("views.update", view_id=place, view=titled("Four"))
    assert gone["error"] == "not_found"


async def test_the_x_closes_all_windows_and_tells_of_each_that_asks(world: World) -> None:
    bare = await connect(world)
    first = await opened(world, bare, titled("One", notify_on_close=True))
    push = {"response_action": "push", "view": titled("Two")}
    await answered(bare, submitted(world, REASON), push)
    shown = await world.ana.modal()
    assert shown is not None
    body = {"user": "U0ANA", "view_id": shown["id"], "is_all": True}
    closing = asyncio.create_task(acted(world, "close", body))
    envelope = await bare.next()
    await bare.ack(envelope, None)
    assert (await closing)["ok"]
    sent = envelope["payload"]
    assert (sent["view"]["id"], sent["is_cleared"]) == (first["id"], True)
    assert await world.ana.modal() is None


async def test_a_click_inside_a_window_carries_the_view_and_may_push_up_to_three(
    world: World,
) -> None:
    bare = await connect(world)
    more = {"type": "actions", "block_id": "b", "elements": [button("more", "More")]}
    view = modal(blocks=[*modal()["blocks"], more])
    await opened(world, bare, view)
    errors = []
    for _ in range(3):
        click = asyncio.create_task(world.ana.click_in_modal("More"))
        sent = await answered(bare, click)
        assert sent["container"]["view_id"] == sent["view"]["id"]
        assert "response_url" not in sent
        push = await world.call("views.push", trigger_id=sent["trigger_id"], view=view)
        errors.append(push.get("error"))
    assert errors == [None, None, "push_limit_reached"]


async def test_where_no_window_is_open_none_is_pushed(world: World) -> None:
    bare = await connect(world)
    sent = await answered(bare, asyncio.create_task(world.ana.command(INCIDENTS, "/card")))
    push = await world.call("views.push", trigger_id=sent["trigger_id"], view=modal())
    assert push["error"] == "not_found"
    assert await world.ana.modal() is None


async def test_a_forged_submission_skips_what_the_client_would_refuse(world: World) -> None:
    bare = await connect(world)
    await opened(world, bare, titled("One"))
    forged = asyncio.create_task(world.ana.submit({}, is_forged=True))
    sent = await answered(bare, forged)
    assert sent["view"]["state"]["values"]["reason"]["text"]["value"] is None


async def test_every_kind_of_field_has_its_own_empty_value(world: World) -> None:
    bare = await connect(world)
    said = {"type": "rich_text_section", "elements": [{"type": "text", "text": "said"}]}
    rich = {"type": "rich_text", "elements": [said]}
    fields: dict[str, Json] = {
        "file_input": {},
        "multi_users_select": {},
        "plain_text_input": {},
        "rich_text_input": {"initial_value": rich},
    }
    label = {"type": "plain_text", "text": "Field"}
    view = titled("All")
    view["blocks"] = [
        {
            "type": "input",
            "block_id": kind,
            "label": label,
            "optional": True,
            "element": {"type": kind, "action_id": "a", **more},
        }
        for kind, more in fields.items()
    ]
    await opened(world, bare, view)
    sent = await answered(bare, submitted(world, {}))
    found = {kind: entry["a"] for kind, entry in sent["view"]["state"]["values"].items()}
    assert found == {
        "file_input": {"type": "file_input", "files": []},
        "multi_users_select": {"type": "multi_users_select", "selected_users": []},
        "plain_text_input": {"type": "plain_text_input", "value": None},
        "rich_text_input": {"type": "rich_text_input", "rich_text_value": rich},
    }


async def test_a_chosen_channel_brings_a_response_url_where_it_is_asked_for(world: World) -> None:
    bare = await connect(world)
    place = {
        "type": "conversations_select",
        "action_id": "place",
        "response_url_enabled": True,
    }
    view = titled("Where")
    label = {"type": "plain_text", "text": "Where"}
    view["blocks"].append({"type": "input", "block_id": "to", "label": label, "element": place})
    await opened(world, bare, view)
    payload = await answered(bare, submitted(world, REASON | {"to": "C0MARKETING"}))
    [found] = payload["response_urls"]
    assert (found["block_id"], found["action_id"]) == ("to", "place")
    assert found["channel_id"] == "C0MARKETING"
    body = {"text": "hello marketing", "response_type": "in_channel"}
    async with world.session.post(found["response_url"], json=body) as response:
        assert response.status == 200
    await world.mia.sees("hello marketing", "C0MARKETING")


FILES: Json = {"type": "file_input", "action_id": "a", "filetypes": ["TXT"], "max_files": 1}


async def with_files(world: World, bare: BareApp) -> Json:
    """Open a window with a field for files; returns what an act on that field names."""
    label = {"type": "plain_text", "text": "Logs"}
    view = titled("Logs")
    view["blocks"].append({"type": "input", "block_id": "logs", "label": label, "element": FILES})
    shown = await opened(world, bare, view)
    return {"user": "U0ANA", "view_id": shown["id"], "action_id": "a", "block_id": "logs"}


async def acted(world: World, act: str, body: Json) -> Json:
    async with world.session.post(f"{world.base_url}/page/{act}", json=body) as response:
        assert response.status == 200
        answer: Json = await response.json()
        return answer


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"size": 0}, "empty_file"),
        ({"size": 10_000_001}, "file_too_large"),
        ({"size": "1"}, "invalid_size"),
        ({"block_id": "reason", "action_id": "text"}, "no_such_element"),
        ({"user": "U0BEN"}, "view_not_found"),
    ],
)
async def test_a_file_that_a_field_does_not_take_is_refused(
    world: World, wrong: Json, error: str
) -> None:
    place = await with_files(world, await connect(world))
    answer = await acted(world, "attach", {**place, "name": "a.txt", "size": 1, **wrong})
    assert answer["error"] == error
    assert world.workspace.state.files == {}


async def test_an_app_without_the_scope_gets_no_files(world: World) -> None:
    place = await with_files(world, await connect(world))
    app = world.workspace.state.app
    scopes = tuple(scope for scope in app.scopes if scope != "files:read")
    world.workspace.state.app = replace(app, scopes=scopes)
    answer = await acted(world, "attach", {**place, "name": "a.txt", "size": 1})
    assert answer["message"] == "The app may not take files: it lacks `files:read`."


async def attached(world: World, place: Json, name: str) -> str:
    answer = await acted(world, "attach", {**place, "name": name, "size": 1})
    async with world.session.post(answer["upload_url"], data=b"x") as response:
        assert response.status == 200
    return str(answer["file_id"])


async def refusal(world: World, user_files: object) -> PersonError:
    with pytest.raises(PersonError) as refused:
        await world.ana.submit({"reason": "because", "logs": user_files})
    return refused.value


async def test_a_field_takes_only_files_of_its_kind_that_this_person_uploaded(
    world: World,
) -> None:
    place = await with_files(world, await connect(world))
    announced = await acted(world, "attach", {**place, "name": "a.txt", "size": 1})
    assert (await refusal(world, [announced["file_id"]])).code == "file_not_found"
    assert (await refusal(world, ["F000000000"])).code == "file_not_found"
    assert (await refusal(world, "F000000000")).code == "invalid_values"
    one, two = await attached(world, place, "a.txt"), await attached(world, place, "b.txt")
    assert (await refusal(world, [one, two])).errors == {"logs": "Please choose at most 1."}
    program = await attached(world, place, "run.exe")
    kind = "`run.exe` is of another kind. Please choose txt."
    assert (await refusal(world, [program])).errors == {"logs": kind}
    world.workspace.state.files[one].user_id = "U0BEN"
    assert (await refusal(world, [one])).code == "file_not_found"


async def test_more_than_a_menu_takes_is_refused_before_it_is_sent(world: World) -> None:
    view = titled("Who")
    label = {"type": "plain_text", "text": "Who"}
    menu = {"type": "multi_users_select", "action_id": "a", "max_selected_items": 1}
    view["blocks"].append({"type": "input", "block_id": "who", "label": label, "element": menu})
    await opened(world, await connect(world), view)
    with pytest.raises(PersonError) as refused:
        await world.ana.submit({"reason": "because", "who": ["U0BEN", "U0MIA"]})
    assert refused.value.errors == {"who": "Please choose at most 1."}
