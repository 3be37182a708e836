"""Fields in a real Chromium: files, what is typed, and what is kept of it."""

import pytest
from playwright.async_api import FilePayload, Page, expect

from playground.workspace.model import Json
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import BOT_TOKEN, SampleApp, card, modal

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
