"""The page in a real Chromium: what a newcomer sees, what a click does, and what cannot happen."""

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from playground.workspace.demo import demo_workspace
from playground.workspace.model import Json
from tests.playground.workspace.conftest import FakeClock, Serve, World
from tests.playground.workspace.sample_app import (
    APP_TOKEN,
    BOT_TOKEN,
    SampleApp,
    button,
    card,
)

pytestmark = pytest.mark.browser

INCIDENTS = "C0INCIDENTS"


async def test_without_a_playground_the_bar_is_hidden(world: World, page: Page) -> None:
    await page.goto(world.base_url)
    await expect(page.get_by_text("Say something, or type /")).to_be_visible()
    await expect(page.locator("#controls")).to_be_hidden()


async def test_a_newcomer_is_told_what_to_press_and_the_bar_does_it(
    serve: Serve, page: Page
) -> None:
    asked: list[Json] = []
    status: Json = {"now": "2026-11-20T10:30:00+00:00", "seed": 7, "fault": None, "links": {}}

    async def show(_request: web.Request) -> web.Response:
        return web.json_response(status | {"bot": {"running": True, "restarts": 0}})

    async def note(request: web.Request) -> web.Response:
        asked.append({"path": request.path, **await request.json()})
        status["fault"] = {"service": "checkout", "environment": "staging"}
        return web.json_response({"ok": True})

    workspace = demo_workspace(FakeClock(), BOT_TOKEN, APP_TOKEN)
    world = [web.get("/world/status", show), web.post("/world/{what}", note)]
    await page.goto(await serve(workspace, *world))
    empty = page.locator(".empty-state")
    await expect(empty).to_contain_text("Press Break something, then look into #incidents.")
    await empty.get_by_role("button", name="Break something").click()
    await expect(page.locator(".fault")).to_have_text("broken: checkout staging")
    await expect(empty.get_by_role("button", name="Break something")).to_have_count(0)
    await expect(empty.get_by_text("skips the wait. Then look into")).to_be_visible()
    await page.get_by_role("button", name="+10 min").click()
    await expect(page.get_by_role("button", name="+10 min")).to_be_enabled()
    assert asked == [{"path": "/world/fault"}, {"path": "/world/forward", "seconds": 600}]


async def test_a_message_typed_on_the_keyboard_is_answered_live(
    world: World, app: SampleApp, page: Page
) -> None:
    await page.goto(world.base_url)
    await page.get_by_label("Message #incidents").press_sequentially("@Signoff hello")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="1 reply").click()
    thread = page.locator("#thread")
    await expect(thread.get_by_text("Hello @Ana")).to_be_visible()
    await page.get_by_label("Reply in the thread").fill("thanks")
    await page.keyboard.press("Enter")
    await expect(thread.get_by_text("thanks")).to_be_visible()
    assert len(app.events) >= 2
    await page.get_by_label("Message #incidents").fill("/card soon")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Only visible to you")).to_be_visible()
    await page.get_by_role("radio", name="Ben").click()
    await expect(page.get_by_role("button", name="Approve")).to_be_visible()
    await expect(page.get_by_text("Only visible to you")).to_have_count(0)


async def test_a_click_is_confirmed_then_sent_and_the_card_changes(
    world: World, app: SampleApp, page: Page
) -> None:
    blocks = card()
    plain = {"type": "plain_text", "text": "Roll back?"}
    confirm = {"title": plain, "text": plain, "confirm": plain, "deny": plain | {"text": "No"}}
    blocks[1]["elements"][0]["confirm"] = confirm
    ts = await world.post(text="card", blocks=blocks)
    await page.goto(f"{world.base_url}/#{INCIDENTS}")
    await page.get_by_role("radio", name="Ben").click()
    approve = page.get_by_role("button", name="Approve")
    await approve.click()
    await page.get_by_role("button", name="No", exact=True).click()
    assert app.actions == []
    await approve.click()
    await page.locator("#confirm").get_by_role("button", name="Roll back?").click()
    await expect(page.get_by_text("Approved by @Ben")).to_be_visible()
    await expect(page.get_by_text("(edited)")).to_be_visible()
    await expect(approve).to_have_count(0)
    assert app.actions[0]["message"]["ts"] == ts


async def test_a_modal_shows_field_errors_keeps_the_text_and_closes(
    world: World, app: SampleApp, page: Page
) -> None:
    await world.post(text="card", blocks=card())
    await page.goto(world.base_url)
    await page.get_by_role("button", name="Reject").click()
    modal = page.locator("#modal")
    await modal.get_by_role("button", name="Send").click()
    await expect(modal.get_by_text("Please complete this required field.")).to_be_visible()
    reason = modal.get_by_label("Reason")
    await reason.fill("no")
    await modal.get_by_role("button", name="Send").click()
    await expect(modal.get_by_text("Say a little more.")).to_be_visible()
    await expect(reason).to_have_value("no")
    await modal.get_by_label("All").check()
    await reason.fill("the fix is out")
    await modal.get_by_role("button", name="Send").click()
    await expect(modal).to_be_hidden()
    values = app.submissions[-1]["view"]["state"]["values"]
    assert values["scope"]["boxes"]["selected_options"][0]["value"] == "all"
    await page.get_by_role("button", name="Reject").click()
    await expect(modal).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(modal).to_be_hidden()
    assert await world.ana.modal() is None


async def test_a_click_that_reaches_nobody_is_told(world: World, page: Page) -> None:
    await world.post(text="card", blocks=card())
    await page.goto(world.base_url)
    await page.get_by_role("button", name="Approve").click()
    await expect(page.locator(".notice")).to_contain_text("Signoff did not respond")


HOSTILE = "<img src=x onerror=window.owned=1><script>window.owned=1</script>"


async def test_hostile_text_stays_text(world: World, page: Page) -> None:
    section: Json = {"type": "section", "text": {"type": "mrkdwn", "text": HOSTILE}}
    raw_link = {"type": "link", "url": "javascript:window.owned=1", "text": "click me"}
    rich = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [raw_link]}],
    }
    blocks: list[Json] = [
        section,
        {"type": "header", "text": {"type": "plain_text", "text": f"head {HOSTILE}"}},
        {"type": "markdown", "text": f"[click me](javascript:window.owned=1) {HOSTILE}"},
        rich,
        {"type": "actions", "elements": [button("a", HOSTILE)]},
        {"type": "image", "image_url": "https://example.invalid/x.png", "alt_text": HOSTILE},
        {"type": "card", "title": {"type": "mrkdwn", "text": HOSTILE}},
    ]
    await world.post(text=HOSTILE, blocks=blocks)
    await world.post(text=f"{HOSTILE} <javascript:window.owned=1|here> <https://a.example/|ok>")
    await world.ben.say(INCIDENTS, HOSTILE)
    await page.goto(world.base_url)
    await expect(page.locator("article")).to_have_count(3)
    await expect(page.locator("article").last).to_contain_text(HOSTILE)
    assert await page.evaluate("window.owned") is None
    assert await page.locator("article img, article script, article [onerror]").count() == 0
    hrefs = await page.eval_on_selector_all("article a", "all => all.map((a) => a.href)")
    assert all(href.startswith(("http://", "https://")) for href in hrefs), hrefs
    assert "https://a.example/" in hrefs


SCRIPT = "javascript:window.owned=1"


def rich(text: str) -> Json:
    section: Json = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [section]}


def cell(text: str) -> Json:
    return {"type": "raw_text", "text": text}


def everywhere(text: str) -> list[Json]:
    """Return every other kind of block with the text wherever a text can be."""
    plain, marked = {"type": "plain_text", "text": text}, {"type": "mrkdwn", "text": text}
    named: Json = {"label": text, "value": 1}
    series = [{"name": text, "data": [named]}]
    source: Json = {"type": "url", "url": SCRIPT, "text": text}
    task: Json = {"type": "task_card", "task_id": "t", "title": text, "status": "in_progress"}
    task |= {"details": rich(text), "output": rich(text), "sources": [source]}
    image: Json = {"type": "image", "image_url": SCRIPT, "alt_text": text}
    bars: Json = {"type": "bar", "series": series, "axis_config": {"categories": [text]}}
    card: Json = {
        "type": "card",
        "title": marked,
        "subtitle": marked,
        "body": marked,
        "icon": image,
    }
    rows: list[list[Json]] = [[cell(text)], [rich(text)]]
    return [
        {"type": "plan", "title": text, "tasks": [task]},
        {"type": "alert", "level": text, "text": marked},
        {"type": "carousel", "elements": [card, {**card, "hero_image": image}]},
        {"type": "container", "title": plain, "subtitle": marked, "child_blocks": [card]},
        {"type": "table", "rows": rows},
        {"type": "data_table", "caption": text, "rows": rows},
        {"type": "data_visualization", "title": text, "chart": bars},
        {
            "type": "data_visualization",
            "title": text,
            "chart": {"type": "pie", "segments": [named]},
        },
        {"type": "data_visualization", "title": text, "chart": {"type": "constructor"}},
        {
            "type": "video",
            "title": plain,
            "title_url": SCRIPT,
            "video_url": SCRIPT,
            "alt_text": text,
        },
        {"type": "file", "external_id": text, "source": text},
        {"type": "constructor", "text": text},
        {"type": text},
    ]


async def test_hostile_text_stays_text_in_every_block_name_and_file(
    world: World, page: Page
) -> None:
    state = world.workspace.state
    state.users["U0BEN"].real_name = HOSTILE
    state.channels[INCIDENTS].topic = HOSTILE
    await world.ben.say(INCIDENTS, ":constructor: :__proto__: <@U0BEN>")
    message = list(state.messages[INCIDENTS].values())[-1]
    message.blocks = state.with_block_ids(everywhere(HOSTILE))
    message.reactions = {HOSTILE: ["U0BEN"], "constructor": ["U0BEN"]}
    message.attachments = [
        {"title": HOSTILE, "title_link": SCRIPT, "color": HOSTILE, "text": HOSTILE, "fallback": "x"}
    ]
    link = button("link", "Open") | {"url": SCRIPT}
    await world.ben.say(INCIDENTS, ":constructor: :__proto__:")
    list(state.messages[INCIDENTS].values())[-1].blocks = [
        {"type": "actions", "block_id": "__proto__", "elements": [link]}
    ]
    await world.ben.say(INCIDENTS, ":constructor: :__proto__:")
    await page.goto(world.base_url)
    articles = page.locator("article")
    await expect(articles).to_have_count(3)
    await expect(articles.last).to_contain_text(":constructor: :__proto__:")
    for folded in await articles.locator("details").all():
        await folded.evaluate("(node) => { node.open = true; }")
    await page.get_by_role("button", name="Open", exact=True).click()
    await expect(page.locator(".notice")).to_contain_text("Signoff did not respond")
    assert await page.get_by_text("could not be drawn").count() == 0
    assert await page.evaluate("window.owned") is None
    assert await page.locator("article :is(img, script, iframe, [onerror])").count() == 0
    hrefs = await page.eval_on_selector_all("a", "all => all.map((a) => a.href)")
    assert all(href.startswith(("http://", "https://")) for href in hrefs), hrefs
    assert len(page.context.pages) == 1


async def test_a_permalink_opens_the_thread_of_its_message(world: World, page: Page) -> None:
    parent = await world.post(text="parent")
    reply = await world.post(text="the reply", thread_ts=parent)
    link = await world.call("chat.getPermalink", channel=INCIDENTS, message_ts=reply)
    await page.goto(link["permalink"])
    marked = page.locator("#thread article.highlight")
    await expect(marked).to_contain_text("the reply")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_phone_shows_it_without_scrolling_sideways(
    world: World, page: Page, scheme: str
) -> None:
    await world.post(text="card", blocks=card(f"A long word: {'x' * 200} and `{'y' * 120}`"))
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(world.base_url)
    await expect(page.get_by_role("button", name="Approve")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.get_by_role("button", name="Open list").click()
    await page.get_by_role("link", name="marketing").click()
    await expect(page.get_by_role("heading", name="# marketing")).to_be_visible()
    light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (light == "rgb(255, 255, 255)") == (scheme == "light")
