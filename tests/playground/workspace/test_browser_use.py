"""How the page is used, in a real Chromium: keys, completion, reactions, long channels, trouble."""

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Page, Response, expect

from playground.workspace.demo import demo_workspace
from playground.workspace.guard import loopback_only
from playground.workspace.model import Message, Subscriptions
from tests.playground.workspace.conftest import FakeClock, Serve, World
from tests.playground.workspace.sample_app import APP_TOKEN, BOT_TOKEN, card

pytestmark = pytest.mark.browser

INCIDENTS = "C0INCIDENTS"
MANY = 10_000


async def test_a_reaction_is_added_seen_by_others_and_taken_back(world: World, page: Page) -> None:
    ts = await world.ben.say(INCIDENTS, "Shipped")
    await page.goto(world.base_url)
    message = page.locator("article")
    await message.hover()
    await message.get_by_role("button", name="Add a reaction").click()
    await page.get_by_label("Find an emoji").fill("tada")
    await page.keyboard.press("Enter")
    mine = message.get_by_role("button", name="tada, 1, by Ana")
    await expect(mine).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("radio", name="Mia").click()
    await message.get_by_role("button", name="tada, 1, by Ana").click()
    both = message.get_by_role("button", name="tada, 2, by Ana, Mia")
    await expect(both).to_have_attribute("aria-pressed", "true")
    await both.click()
    await expect(message.get_by_role("button", name="tada, 1, by Ana")).to_be_visible()
    kept = (await world.ana.messages(INCIDENTS))[0]
    assert (kept["ts"], kept["reactions"][0]["users"]) == (ts, ["U0ANA"])


async def test_a_command_is_completed_and_says_how_it_goes_on(serve: Serve, page: Page) -> None:
    hints = {"/triage": {"description": "Look into a service", "usage_hint": "[service]"}}
    commands = Subscriptions(commands=frozenset({"/triage", "/signoff"}), hints=hints)
    workspace = demo_workspace(FakeClock(), BOT_TOKEN, APP_TOKEN, subscriptions=commands)
    await page.goto(await serve(workspace))
    field = page.get_by_label("Message #incidents")
    await field.press_sequentially("/")
    suggestions = page.get_by_role("listbox", name="Suggestions")
    await expect(suggestions.get_by_role("option")).to_have_count(2)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(field).to_have_value("/triage ")
    await expect(suggestions).to_be_hidden()
    await expect(page.locator(".usage")).to_have_text("/triage [service] · Look into a service")


async def test_an_agent_is_asked_what_it_suggests_itself(serve: Serve, page: Page) -> None:
    prompts = ({"title": "Help", "message": "What can you do?"},)
    workspace = demo_workspace(
        FakeClock(), BOT_TOKEN, APP_TOKEN, subscriptions=Subscriptions(prompts=prompts)
    )
    await page.goto(f"{await serve(workspace)}/#D0ANA")
    await page.get_by_role("button", name="Help").click()
    await expect(page.locator("article")).to_contain_text("What can you do?")
    await expect(page.get_by_role("button", name="Help")).to_have_count(0)


async def test_people_groups_and_channels_are_completed(world: World, page: Page) -> None:
    await page.goto(world.base_url)
    field = page.get_by_label("Message #incidents")
    await field.press_sequentially("look @on")
    await page.keyboard.press("Tab")
    await field.press_sequentially("and @be")
    await page.keyboard.press("Enter")
    await field.press_sequentially("in #mar")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("listbox", name="Suggestions")).to_be_hidden()
    await field.press_sequentially("k")
    await page.keyboard.press("Tab")
    await expect(field).to_have_value("look @oncall and @ben in #marketing ")
    await page.keyboard.press("Enter")
    message = page.locator("article")
    await expect(message.locator(".mention")).to_have_text(["@oncall", "@Ben", "#marketing"])
    await expect(message.locator(".mention.mine")).to_have_text(["@oncall"])


@pytest.mark.usefixtures("app")
async def test_the_keyboard_leads_everywhere(world: World, page: Page) -> None:
    await world.ben.say(INCIDENTS, "first")
    await world.post(text="card", blocks=card())
    await page.goto(world.base_url)
    await expect(page.locator("article")).to_have_count(2)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the messages")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("log", name="Messages in # incidents")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(page.locator("article").last).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(page.locator("article").first).to_be_focused()
    await page.keyboard.press("ArrowDown")
    # Past the time, which links to the message.
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    approve = page.get_by_role("button", name="Approve")
    await expect(approve).to_be_focused()
    outline = await approve.evaluate("(node) => getComputedStyle(node).outlineStyle")
    assert outline == "solid"
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Approved by @Ana")).to_be_visible()
    await page.get_by_role("radio", name="Ana").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("radio", name="Ben")).to_be_focused()
    await expect(page.get_by_role("radio", name="Ben")).to_be_checked()


async def test_a_deleted_parent_keeps_its_place_and_its_thread(world: World, page: Page) -> None:
    root = await world.post(text="card")
    await world.ana.say(INCIDENTS, "why is that?", root)
    await world.call("chat.delete", channel=INCIDENTS, ts=root)
    await page.goto(world.base_url)
    await expect(page.locator("article")).to_contain_text("This message was deleted.")
    await page.get_by_role("button", name="1 reply").click()
    await expect(page.locator("#thread").get_by_text("why is that?")).to_be_visible()


async def test_ten_thousand_messages_are_read_from_the_end_and_on_scroll(
    world: World, page: Page
) -> None:
    state = world.workspace.state
    for count in range(MANY):
        state.add(
            Message(
                channel_id=INCIDENTS, ts=state.new_ts(), user_id="U0BEN", text=f"message {count}"
            )
        )
    asked: list[int] = []

    async def weigh(response: Response) -> None:
        if "/page/messages" in response.url:
            asked.append(len(await response.body()))

    page.on("response", weigh)
    await page.goto(world.base_url)
    await expect(page.get_by_text(f"message {MANY - 1}", exact=True)).to_be_visible()
    assert await page.locator("article").count() <= 100
    log = page.get_by_role("log")
    for _ in range(12):
        first = page.locator("article").first
        before = await first.get_attribute("data-ts")
        await log.evaluate("(list) => { list.scrollTop = 0; }")
        await expect(first).not_to_have_attribute("data-ts", before or "")
    assert await page.locator("article").count() <= 300
    jump = page.get_by_role("button", name="Jump to the newest")
    await expect(jump).to_be_visible()
    await jump.click()
    await expect(page.get_by_text(f"message {MANY - 1}", exact=True)).to_be_visible()
    await world.mia.say(INCIDENTS, "and one more")
    await expect(page.get_by_text("and one more")).to_be_visible()
    assert max(asked) < 60_000


async def test_whoever_reads_older_messages_is_told_of_new_ones_and_stays(
    world: World, page: Page
) -> None:
    for count in range(60):
        await world.ana.say(INCIDENTS, f"message {count}\n" * 3)
    await page.goto(world.base_url)
    log = page.get_by_role("log")
    await expect(page.locator("article").last).to_be_visible()
    await log.evaluate("(list) => { list.scrollTop = 900; }")
    before = await log.evaluate("(list) => list.scrollTop")
    await world.ben.say(INCIDENTS, "something new")
    pill = page.get_by_role("button", name="1 new message")
    await expect(pill).to_be_visible()
    assert abs(await log.evaluate("(list) => list.scrollTop") - before) < 3
    await pill.click()
    await expect(page.get_by_text("something new")).to_be_in_viewport()
    await expect(pill).to_be_hidden()


async def test_a_long_thread_is_read_from_its_start_and_then_from_its_end(
    world: World, page: Page
) -> None:
    root = await world.ben.say(INCIDENTS, "where it began")
    for count in range(90):
        await world.ben.say(INCIDENTS, f"reply {count}", root)
    await page.goto(world.base_url)
    await page.get_by_role("button", name="90 replies").click()
    thread = page.locator("#thread")
    await expect(thread.get_by_text("where it began")).to_be_in_viewport()
    await thread.get_by_role("button", name="Jump to the newest").click()
    await expect(thread.get_by_text("reply 89", exact=True)).to_be_in_viewport()
    await thread.get_by_role("button", name="Close thread").click()
    await page.get_by_role("button", name="90 replies").click()
    await expect(thread.get_by_text("reply 89", exact=True)).to_be_in_viewport()


async def test_what_came_while_somebody_looked_elsewhere_is_marked(
    world: World, page: Page
) -> None:
    await world.ben.say(INCIDENTS, "old")
    await page.goto(world.base_url)
    await expect(page.get_by_text("old", exact=True)).to_be_visible()
    await page.get_by_role("link", name="marketing").click()
    await expect(page.get_by_role("heading", name="# marketing")).to_be_visible()
    await world.ben.say(INCIDENTS, "new here")
    unread = page.get_by_role("link", name="incidents unread")
    await expect(unread).to_be_visible()
    await unread.click()
    await expect(page.locator(".new-line")).to_be_visible()
    await expect(page.locator("article").last).to_contain_text("new here")


async def test_a_workspace_that_is_gone_is_told_and_found_again(page: Page) -> None:
    workspace = demo_workspace(FakeClock(), BOT_TOKEN, APP_TOKEN)
    runner, port = await served(workspace.routes(), 0)
    await page.goto(f"http://127.0.0.1:{port}/")
    await expect(page.get_by_text("Nothing was said here yet.")).to_be_visible()
    await workspace.stop()
    await runner.cleanup()
    banner = page.locator("#away")
    await expect(banner).to_contain_text("The workspace does not answer.")
    await page.get_by_label("Message #incidents").fill("is anybody there?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".notice")).to_contain_text("The playground did not answer")
    await expect(page.get_by_label("Message #incidents")).to_have_value("is anybody there?")
    again = demo_workspace(FakeClock(), BOT_TOKEN, APP_TOKEN)
    runner, _ = await served(again.routes(), port)
    await expect(banner).to_be_hidden()
    async with aiohttp.ClientSession() as session:
        body = {"user": "U0BEN", "channel": INCIDENTS, "text": "I am back"}
        async with session.post(f"http://127.0.0.1:{port}/page/say", json=body) as response:
            assert (await response.json())["ok"]
    await expect(page.get_by_text("I am back")).to_be_visible()
    await again.stop()
    await runner.cleanup()


async def served(routes: list[web.RouteDef], port: int) -> tuple[web.AppRunner, int]:
    app = web.Application(middlewares=[loopback_only])
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    return runner, runner.addresses[0][1]


async def test_colours_follow_the_system_until_somebody_chooses(world: World, page: Page) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    await page.emulate_media(color_scheme="dark")
    await page.goto(world.base_url)
    switch = page.get_by_role("button", name="Colours: as the system")
    await expect(switch).to_be_visible()
    dark = await page.evaluate(back)
    assert dark != "rgb(255, 255, 255)"
    await switch.click()
    await expect(page.get_by_role("button", name="Colours: light")).to_be_visible()
    assert await page.evaluate(back) == "rgb(255, 255, 255)"
    await page.reload()
    await expect(page.get_by_role("button", name="Colours: light")).to_be_visible()
    assert await page.evaluate(back) == "rgb(255, 255, 255)"
    await page.get_by_role("button", name="Colours: light").click()
    await page.emulate_media(color_scheme="light")
    assert await page.evaluate(back) == dark


async def test_the_panel_logs_the_calls_and_orders_faults(world: World, page: Page) -> None:
    await world.post(text="logged")
    await world.call("chat.postMessage", channel="C0NOWHERE", text="lost")
    await page.goto(world.base_url)
    await page.get_by_role("button", name="Behind the scenes").click()
    panel = page.locator("#panel")
    calls = panel.locator(".calls li")
    await expect(calls).to_have_count(2)
    await expect(calls.first).to_contain_text("channel_not_found")
    await panel.get_by_label("Filter the calls").fill("error")
    await expect(calls.filter(visible=True)).to_have_count(1)
    await calls.first.click()
    await expect(calls.first.locator("pre").first).to_contain_text('"text": "lost"')
    await panel.get_by_role("tab", name="Calls").focus()
    await page.keyboard.press("ArrowRight")
    await expect(panel.get_by_role("tab", name="Faults")).to_be_focused()
    await panel.get_by_label("rate_limit: retry_after_s").fill("7")
    await panel.get_by_role("button", name="Order rate_limit").click()
    await expect(panel.locator(".chips")).to_contain_text("retry_after_s 7")
    await panel.get_by_role("button", name="Take all faults back").click()
    await expect(panel.get_by_text("Nothing is out of order.")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()


@pytest.mark.parametrize("what", ["script", "style", "image", "connection", "frame"])
async def test_the_policy_lets_nothing_in_from_outside(
    world: World, page: Page, console_errors: list[str], what: str
) -> None:
    await page.goto(world.base_url)
    await expect(page.get_by_text("Nothing was said here yet.")).to_be_visible()
    blocked = await page.evaluate(TRY_OUTSIDE, what)
    assert blocked == "blocked"
    assert any("Content Security Policy" in error for error in console_errors)
    console_errors.clear()


TRY_OUTSIDE = """
(what) => new Promise((done) => {
  document.addEventListener("securitypolicyviolation", () => done("blocked"), { once: true });
  const make = (tag, values) =>
    document.body.append(Object.assign(document.createElement(tag), values));
  const tries = {
    script: () => make("script", { textContent: "window.owned = 1" }),
    style: () => make("style", { textContent: "body { display: none }" }),
    image: () => make("img", { src: "https://outside.example/x.png" }),
    connection: () => fetch("https://outside.example/").catch(() => {}),
    frame: () => make("iframe", { src: "https://outside.example/" }),
  };
  tries[what]();
  setTimeout(() => done(window.owned ? "ran" : "let through"), 30000);
})
"""
