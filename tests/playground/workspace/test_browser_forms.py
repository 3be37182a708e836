"""Fields in a real Chromium: files, what is typed, and what is kept of it."""

import pytest
from playwright.async_api import FilePayload, Page, expect

from playground.workspace.model import Json
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import BOT_TOKEN, SampleApp, card, modal, option

pytestmark = pytest.mark.browser

INCIDENTS = "C0INCIDENTS"


def field(block_id: str, label: str, element: Json, **more: object) -> Json:
    text = {"type": "plain_text", "text": label}
    return {"type": "input", "block_id": block_id, "label": text, "element": element, **more}


async def shown_modal(world: World, page: Page, *fields: Json) -> None:
    """Open the sample's modal as Ana, with further fields below its own."""
    await world.post(text="card", blocks=card())
    await page.goto(world.base_url)
    await page.get_by_role("button", name="Reject").click()
    await expect(page.locator("#modal")).to_be_visible()
    view = world.workspace.state.stacks["U0ANA"][-1]
    body = modal(blocks=[*modal()["blocks"], *fields])
    answer = await world.call("views.update", view_id=view.id, view=body)
    assert answer["ok"], answer


def payload(name: str, content: bytes) -> FilePayload:
    return FilePayload(name=name, mimeType="application/octet-stream", buffer=content)


LOGS: Json = {"type": "file_input", "action_id": "a", "filetypes": ["txt"], "max_files": 2}


async def test_a_field_for_files_says_what_it_takes_and_what_it_did_not(
    world: World, app: SampleApp, page: Page
) -> None:
    await shown_modal(world, page, field("logs", "Logs", LOGS))
    window = page.locator("#modal")
    await expect(window.get_by_text(".txt · up to 2 files · 10 MB each")).to_be_visible()
    await window.get_by_label("Reason").fill("see the logs")
    send = window.get_by_role("button", name="Send")
    await send.click()
    await expect(window.get_by_text("Please complete this required field.")).to_be_visible()
    chooser = window.get_by_label("Logs")
    await chooser.set_input_files([payload("one.txt", b"first"), payload("run.exe", b"x")])
    wrong = window.get_by_text("Not of a kind that is taken here (.txt)")
    await expect(wrong).to_be_visible()
    await send.click()
    await expect(window.get_by_text("A file was not uploaded.")).to_be_visible()
    assert app.submissions == []
    await window.get_by_role("button", name="Remove run.exe").click()
    await chooser.set_input_files([payload("two.txt", b"second"), payload("three.txt", b"third")])
    await expect(window.get_by_text("Only 1 more can be taken here.")).to_be_visible()
    await expect(chooser).to_be_disabled()
    await expect(window.locator(".chosen-files strong")).to_have_text(["one.txt", "two.txt"])


async def test_files_are_uploaded_as_they_are_chosen_and_handed_over_with_the_modal(
    world: World, app: SampleApp, page: Page
) -> None:
    await shown_modal(world, page, field("logs", "Logs", LOGS))
    window = page.locator("#modal")
    await window.get_by_label("Reason").fill("no")
    chosen = [payload("one.txt", b"first"), payload("two.txt", b"second")]
    await window.get_by_label("Logs").set_input_files(chosen)
    await expect(window.get_by_text("6 bytes")).to_be_visible()
    send = window.get_by_role("button", name="Send")
    await send.click()
    await expect(window.get_by_text("Say a little more.")).to_be_visible()
    await expect(window.locator(".chosen-files strong")).to_have_text(["one.txt", "two.txt"])
    await window.get_by_label("Reason").fill("see the logs")
    await send.click()
    await expect(window).to_be_hidden()
    sent = app.submissions[-1]["view"]["state"]["values"]["logs"]["a"]
    assert [file["name"] for file in sent["files"]] == ["one.txt", "two.txt"]
    assert {file["user"] for file in sent["files"]} == {"U0ANA"}
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    async with world.session.get(sent["files"][1]["url_private"], headers=headers) as response:
        assert await response.read() == b"second"
    assert (await world.call("files.info", file=sent["files"][0]["id"]))["ok"]


MENU: Json = {"type": "multi_users_select", "action_id": "a", "max_selected_items": 2}


@pytest.mark.usefixtures("app")
async def test_no_more_can_be_ticked_than_a_menu_takes(world: World, page: Page) -> None:
    await shown_modal(world, page, field("who", "Who", MENU))
    window = page.locator("#modal")
    await window.get_by_label("Ana").check()
    await window.get_by_label("Ben").check()
    await expect(window.get_by_label("Mia")).to_be_disabled()
    await window.get_by_label("Ana").uncheck()
    await window.get_by_label("Mia").check()
    await expect(window.get_by_label("Ana")).to_be_disabled()


NOTE: Json = {"type": "plain_text_input", "action_id": "note"}


async def test_what_is_typed_into_a_message_is_kept_and_sent_with_a_click(
    world: World, app: SampleApp, page: Page
) -> None:
    boxes: Json = {"type": "checkboxes", "action_id": "b", "options": [option("Sure", "sure")]}
    blocks = [field("words", "Note", NOTE), field("tick", "Really", boxes), *card()]
    ts = await world.post(text="card", blocks=blocks)
    await page.goto(world.base_url)
    note = page.get_by_label("Note")
    await note.fill("half a sentence")
    await page.get_by_label("Sure").check()
    await world.ben.react("eyes", INCIDENTS, ts)
    await expect(page.get_by_role("button", name="eyes, 1, by Ben")).to_be_visible()
    await expect(note).to_have_value("half a sentence")
    await expect(page.get_by_label("Sure")).to_be_checked()
    await page.get_by_role("radio", name="Ben").click()
    await expect(note).to_have_value("")
    await page.get_by_role("radio", name="Ana").click()
    await expect(note).to_have_value("half a sentence")
    await page.get_by_role("button", name="Reject").click()
    await expect(page.locator("#modal")).to_be_visible()
    values = app.actions[-1]["state"]["values"]
    assert values["words"]["note"]["value"] == "half a sentence"
    assert [one["value"] for one in values["tick"]["b"]["selected_options"]] == ["sure"]


async def test_enter_in_a_field_that_asks_for_it_tells_the_app_and_sends_nothing_else(
    world: World, app: SampleApp, page: Page
) -> None:
    element = {**NOTE, "action_id": "services"}
    await shown_modal(world, page, field("words", "Service", element, dispatch_action=True))
    window = page.locator("#modal")
    await window.get_by_label("Service").fill("checkout")
    async with page.expect_response("**/page/click"):
        await page.keyboard.press("Enter")
    await expect(window).to_be_visible()
    assert app.submissions == []
    await window.get_by_label("Reason").fill("it is told")
    await window.get_by_role("button", name="Send").click()
    await expect(window).to_be_hidden()
    told = [body["actions"][0] for body in app.actions]
    assert [one["action_id"] for one in told] == ["proposal.reject", "services"]
    assert told[-1]["value"] == "checkout"


@pytest.mark.usefixtures("app")
async def test_the_focus_comes_back_from_a_window_and_from_a_question(
    world: World, page: Page
) -> None:
    blocks = card()
    plain = {"type": "plain_text", "text": "Roll back?"}
    confirm = {"title": plain, "text": plain, "confirm": plain, "deny": plain | {"text": "No"}}
    blocks[1]["elements"][0]["confirm"] = confirm
    ts = await world.post(text="card", blocks=blocks)
    await page.goto(world.base_url)
    approve = page.get_by_role("button", name="Approve")
    await approve.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#confirm")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(approve).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#modal")).to_be_visible()
    # Drawn anew while the window lies above it.
    await world.ben.react("eyes", INCIDENTS, ts)
    await expect(page.locator(".reaction").first).to_be_attached()
    await page.keyboard.press("Escape")
    await expect(page.locator("#modal")).to_be_hidden()
    await expect(page.get_by_role("button", name="Reject")).to_be_focused()


async def test_a_home_tab_that_is_published_anew_keeps_text_and_focus(
    world: World, page: Page
) -> None:
    async def publish(title: str) -> None:
        header = {"type": "header", "text": {"type": "plain_text", "text": title}}
        blocks = [header, field("words", "Note", NOTE)]
        view = {"type": "home", "blocks": blocks}
        answer = await world.call("views.publish", user_id="U0ANA", view=view)
        assert answer["ok"], answer

    await publish("First")
    await page.goto(f"{world.base_url}/#D0ANA")
    await page.get_by_role("button", name="Home").click()
    note = page.get_by_label("Note")
    await note.fill("half a sentence")
    await publish("Second")
    await expect(page.get_by_role("heading", name="Second")).to_be_visible()
    await expect(note).to_have_value("half a sentence")
    await expect(note).to_be_focused()


async def test_an_arrow_on_a_menu_opens_it_and_does_not_yet_act(
    world: World, app: SampleApp, page: Page
) -> None:
    more: Json = {"type": "overflow", "action_id": "proposal.delay"}
    more["options"] = [option("Later", "later"), option("Never", "never")]
    blocks = [{"type": "actions", "block_id": "more", "elements": [more]}]
    await world.post(text="card", blocks=blocks)
    await page.goto(world.base_url)
    menu = page.get_by_label("More actions")
    await menu.focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("select:open")).to_have_count(1)
    assert app.actions == []
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Approved by @Ana")).to_be_visible()
    [told] = [body["actions"][0] for body in app.actions]
    assert told["selected_option"]["value"] == "never"


async def test_a_date_that_is_typed_is_told_once_when_it_is_whole(
    world: World, app: SampleApp, page: Page
) -> None:
    day: Json = {"type": "datepicker", "action_id": "services"}
    await world.post(text="x", blocks=[{"type": "actions", "elements": [day]}])
    await page.goto(world.base_url)
    picker = page.locator("article input[type=date]")
    await picker.focus()
    await page.keyboard.type("11222026")
    async with page.expect_response("**/page/click"):
        await page.keyboard.press("Enter")
    async with page.expect_response("**/page/click"):
        await picker.fill("2026-12-24")
    dates = [body["actions"][0]["selected_date"] for body in app.actions]
    assert dates == ["2026-11-22", "2026-12-24"]
