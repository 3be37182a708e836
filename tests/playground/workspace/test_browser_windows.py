"""Windows and fields in a real Chromium: stacked modals, each kind of field, a narrow phone."""

from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from playground.adplatform.api import AdPlatform
from playground.panel import Panel
from playground.process import BotProcess
from playground.shop.api import Shop
from playground.valve import Flow, Valve
from playground.workspace.demo import demo_workspace
from playground.workspace.model import Json, View
from tests.playground.workspace.conftest import FakeClock, Serve, World
from tests.playground.workspace.sample_app import (
    APP_TOKEN,
    BOT_TOKEN,
    SampleApp,
    card,
    modal,
)

pytestmark = pytest.mark.browser

INCIDENTS = "C0INCIDENTS"


@pytest.mark.usefixtures("app")
async def test_a_modal_on_a_modal_leads_back_to_what_was_typed(world: World, page: Page) -> None:
    await world.post(text="card", blocks=card())
    await page.goto(world.base_url)
    await page.get_by_role("button", name="Reject").click()
    window = page.locator("#modal")
    await window.get_by_label("Reason").fill("half a sentence")
    pushed(world, modal(title={"type": "plain_text", "text": "Details"}))
    await expect(window).to_contain_text("2 of at most 3")
    await expect(window.get_by_role("heading", name="Details")).to_be_visible()
    await window.get_by_role("button", name="Back to the window below").click()
    await expect(window.get_by_role("heading", name="Reject")).to_be_visible()
    await expect(window.get_by_label("Reason")).to_have_value("half a sentence")
    pushed(world, modal(title={"type": "plain_text", "text": "Details"}))
    await window.get_by_role("button", name="Close all windows").click()
    await expect(window).to_be_hidden()


FIELDS: list[Json] = [
    {"type": "multi_users_select", "action_id": "a", "initial_users": ["U0BEN"]},
    {"type": "datetimepicker", "action_id": "a"},
    {"type": "conversations_select", "action_id": "a"},
    {"type": "rich_text_input", "action_id": "a"},
    {"type": "external_select", "action_id": "services", "min_query_length": 2},
]
LABELS = ["Who", "When", "Where", "Words", "Service"]


async def test_every_kind_of_field_is_filled_in(world: World, app: SampleApp, page: Page) -> None:
    await world.post(text="card", blocks=card())
    await page.goto(world.base_url)
    await page.get_by_role("button", name="Reject").click()
    window = page.locator("#modal")
    await window.get_by_label("Reason").fill("see below")
    blocks = [*modal()["blocks"]]
    for label, element in zip(LABELS, FIELDS, strict=True):
        text = {"type": "plain_text", "text": label}
        blocks.append({"type": "input", "block_id": label, "label": text, "element": element})
    view = world.workspace.state.stacks["U0ANA"][-1]
    answer = await world.call("views.update", view_id=view.id, view=modal(blocks=blocks))
    assert answer["ok"], answer
    await window.get_by_label("Mia").check()
    await window.get_by_label("When").fill("2026-11-20T10:30")
    await window.get_by_label("Where").select_option("C0MARKETING")
    await window.get_by_label("Words").fill("both lines")
    await window.get_by_label("Find Service").press_sequentially("ca")
    await window.get_by_role("combobox", name="Service").select_option("cart")
    await window.get_by_role("button", name="Send").click()
    await expect(window).to_be_hidden()
    values = app.submissions[-1]["view"]["state"]["values"]
    assert values["reason"]["text"]["value"] == "see below"
    assert values["Who"]["a"]["selected_users"] == ["U0BEN", "U0MIA"]
    assert isinstance(values["When"]["a"]["selected_date_time"], int)
    assert values["Where"]["a"]["selected_conversation"] == "C0MARKETING"
    words = values["Words"]["a"]["rich_text_value"]["elements"][0]["elements"]
    assert words == [{"type": "text", "text": "both lines"}]
    assert values["Service"]["services"]["selected_option"]["value"] == "cart"


@pytest.mark.parametrize("what", ["thread", "modal", "panel", "suggestions"])
@pytest.mark.usefixtures("app")
async def test_nothing_overflows_a_narrow_phone(world: World, page: Page, what: str) -> None:
    long = "w" * 300
    root = await world.post(text="card", blocks=card(f"{long} `{long}`"))
    await world.ana.say(INCIDENTS, long, root)
    await page.set_viewport_size({"width": 375, "height": 700})
    await page.goto(f"{world.base_url}/#{INCIDENTS}")
    if what == "thread":
        await page.get_by_role("button", name="1 reply").click()
        await expect(page.get_by_role("heading", name="Thread")).to_be_visible()
    elif what == "modal":
        await page.get_by_role("button", name="Reject").click()
        await expect(page.locator("#modal").get_by_label("Reason")).to_be_in_viewport()
        await expect(page.locator("#modal").get_by_role("button", name="Send")).to_be_in_viewport()
    elif what == "panel":
        await page.get_by_role("button", name="Open list").click()
        await page.get_by_role("button", name="Behind the scenes").click()
        await expect(page.get_by_role("tab", name="Calls")).to_be_in_viewport()
    else:
        await page.get_by_label("Message #incidents").press_sequentially("/")
        suggestions = page.get_by_role("listbox", name="Suggestions")
        await expect(suggestions.get_by_role("option").first).to_be_in_viewport()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 375


def pushed(world: World, body: Json) -> None:
    """Put a window on top of the one that Ana sees."""
    state = world.workspace.state
    below = state.stacks["U0ANA"][-1]
    body = {**body, "blocks": state.with_block_ids(body["blocks"])}
    above = View(
        id="V9", user_id="U0ANA", body=body, hash="1", root_id=below.id, previous_id=below.id
    )
    state.stacks["U0ANA"].append(above)
    state.feed.publish("view", user="U0ANA")


async def test_the_shop_the_ads_and_the_parts_are_broken_and_mended_in_the_panel(
    serve: Serve, page: Page, tmp_path: Path
) -> None:
    clock = FakeClock()
    shop, ads = Shop(42, clock, "token"), AdPlatform(42, clock, "token")
    valve = Valve()
    bot = BotProcess({}, tmp_path / "bot.log")
    panel = Panel(shop=shop, ads=ads, valves={"shop": valve}, bot=bot)
    status: Json = {"now": clock.now().isoformat(), "fault": None, "links": {}}

    async def show(_request: web.Request) -> web.Response:
        return web.json_response(status | {"bot": {"running": False, "restarts": 0}})

    world = [web.get("/world/status", show), *panel.routes()]
    await page.goto(await serve(demo_workspace(clock, BOT_TOKEN, APP_TOKEN), *world))
    await page.get_by_role("button", name="Behind the scenes").click()
    await page.get_by_role("tab", name="Shop").click()
    checkout = page.locator("#panel .service").filter(has_text="checkout").first
    await checkout.get_by_role("button", name="Break").click()
    await expect(checkout.get_by_role("img", name="broken")).to_be_visible()
    fault = shop.story[-1]
    assert (fault.service, fault.environment) == ("checkout", "staging")
    await expect(checkout).to_contain_text(fault.message)
    await checkout.get_by_role("button", name=f"Back to {fault.previous_version}").click()
    await expect(checkout.get_by_role("img", name="healthy")).to_be_visible()
    await page.get_by_role("tab", name="Ads").click()
    pause = page.get_by_role("button", name="Pause by hand")
    await expect(pause.first).to_be_visible()
    active = await pause.count()
    await pause.first.click()
    await expect(pause).to_have_count(active - 1)
    await page.get_by_role("tab", name="Parts").click()
    await page.get_by_label("Shop for the bot").select_option("answers 503")
    await expect(page.get_by_role("img", name="out of order")).to_be_visible()
    assert valve.flow is Flow.REFUSING
