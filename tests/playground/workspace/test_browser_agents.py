"""What agents write, in a real Chromium: streams with a stop, plans, tables, pictures."""

import pytest
from playwright.async_api import Page, expect

from playground.workspace.model import Json
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import SampleApp, button
from tests.playground.workspace.test_files import uploaded

pytestmark = pytest.mark.browser

INCIDENTS = "C0INCIDENTS"
TO_ANA = {"recipient_user_id": "U0ANA", "recipient_team_id": "T0PLAY"}


def task(name: str, title: str, status: str, **extra: object) -> Json:
    return {"type": "task_update", "id": name, "title": title, "status": status, **extra}


async def started(world: World, **extra: object) -> tuple[str, Json]:
    """Open a stream below a message of Ana's; return the thread, and where the stream is."""
    parent = await world.ana.say(INCIDENTS, "Why is it slow?")
    opening: Json = {"channel": INCIDENTS, "thread_ts": parent, **TO_ANA, **extra}
    answer = await world.call("chat.startStream", **opening)
    assert answer["ok"], answer
    return parent, {"channel": INCIDENTS, "ts": answer["ts"]}


async def test_a_stream_grows_before_the_readers_eyes_and_ends(world: World, page: Page) -> None:
    parent, place = await started(world, markdown_text="**Looking** ")
    await page.goto(f"{world.base_url}/#{INCIDENTS}/{parent}")
    message = page.locator("#thread article.streaming")
    await expect(message).to_contain_text("Looking")
    await expect(message).to_contain_text("Signoff is writing")
    await world.call("chat.appendStream", **place, markdown_text="at `checkout`, and")
    await expect(message).to_contain_text("Looking at checkout, and")
    await expect(message.locator("strong")).to_have_text("Looking")
    await world.call("chat.stopStream", **place, markdown_text=" done.")
    await expect(page.locator("#thread article.streaming")).to_have_count(0)
    await expect(page.locator("#thread article").last).to_contain_text("checkout, and done.")


async def test_a_plan_shows_how_far_each_task_is(world: World, page: Page) -> None:
    steps = [
        {"type": "plan_update", "title": "Look into checkout"},
        task("t1", "Read the alert", "complete", output="26 % fail"),
        task("t2", "Compare the deploys", "in_progress", details="v35"),
        task("t3", "Propose", "pending"),
    ]
    parent, place = await started(world, task_display_mode="plan", chunks=steps)
    await page.goto(f"{world.base_url}/#{INCIDENTS}/{parent}")
    plan = page.locator("#thread .plan")
    await expect(plan).to_contain_text("1 of 3 done")
    await expect(plan.get_by_role("img", name="Done")).to_have_count(1)
    await expect(plan.get_by_role("img", name="Running")).to_have_count(1)
    await expect(plan.get_by_text("26 % fail")).to_be_hidden()
    await plan.get_by_text("Read the alert").click()
    await expect(plan.get_by_text("26 % fail")).to_be_visible()
    failed = task("t2", "Compare the deploys", "error", output="No answer")
    await world.call("chat.appendStream", **place, chunks=[failed])
    await expect(plan.get_by_role("img", name="Failed")).to_have_count(1)
    await expect(plan.get_by_text("No answer")).to_be_visible()


async def test_stop_ends_what_an_agent_is_at(world: World, app: SampleApp, page: Page) -> None:
    parent, _ = await started(world, markdown_text="Working on it")
    session = {"channel_id": INCIDENTS, "thread_ts": parent}
    await world.call("agents.sessions.setStatus", **session, status="processing")
    await page.goto(world.base_url)
    await expect(page.locator(".thread-link")).to_contain_text("Signoff is working")
    await page.get_by_role("button", name="1 reply").click()
    bar = page.locator(".session-bar")
    await expect(bar).to_contain_text("Signoff is working")
    await bar.get_by_role("button", name="Stop").click()
    await expect(page.locator("#thread article.streaming")).to_have_count(0)
    stopped = await world.ana.eventually(lambda: heard(app, "agent_session_stopped"))
    assert (stopped["user"], stopped["thread_ts"]) == ("U0ANA", parent)
    await world.call("agents.sessions.setStatus", **session, status="suspended")
    await expect(bar).to_contain_text("waiting for a person")
    await expect(bar.get_by_role("button", name="Stop")).to_be_hidden()


async def heard(app: SampleApp, kind: str) -> Json | None:
    events: list[Json] = [body["event"] for body in app.events]
    return next((event for event in events if event["type"] == kind), None)


async def test_a_picture_is_shown_in_its_thread(world: World, page: Page) -> None:
    parent = await world.post(text="thread")
    files = [{"id": await uploaded(world), "title": "Latency"}]
    where = {"channel_id": INCIDENTS, "thread_ts": parent, "initial_comment": "See the knee"}
    assert (await world.call("files.completeUploadExternal", files=files, **where))["ok"]
    await page.goto(f"{world.base_url}/#{INCIDENTS}/{parent}")
    picture = page.locator("#thread").get_by_role("img", name="Latency")
    await expect(picture).to_be_visible()
    width = await picture.evaluate(
        "async (img) => { await img.decode(); return img.naturalWidth; }"
    )
    assert width == 1
    await expect(page.locator("#thread")).to_contain_text("See the knee")


async def test_other_files_are_offered_and_deleted_ones_told(world: World, page: Page) -> None:
    log = await uploaded(world, "app.log", b"x" * 2500)
    gone = await uploaded(world, "old.log", b"x")
    for file_id in (log, gone):
        await world.call(
            "files.completeUploadExternal", files=[{"id": file_id}], channel_id=INCIDENTS
        )
    await world.call("files.delete", file=gone)
    await page.goto(world.base_url)
    offered = page.get_by_role("link", name="app.log")
    await expect(offered).to_contain_text("2.5 kB")
    async with page.expect_download() as started_download:
        await offered.click()
    assert (await started_download.value).suggested_filename == "app.log"
    await expect(page.get_by_text("This file was deleted.")).to_be_visible()


def text(words: str) -> Json:
    return {"type": "raw_text", "text": words}


def number(value: float) -> Json:
    return {"type": "raw_number", "value": value, "text": str(value)}


ROWS = [("web", 2), ("checkout", 26), ("search", 10), ("catalog", 1), ("payments", 3), ("ads", 9)]


async def test_a_data_table_is_sorted_and_leafed_through(world: World, page: Page) -> None:
    rows = [
        [text("Service"), text("Errors")],
        *([text(name), number(value)] for name, value in ROWS),
    ]
    block = {"type": "data_table", "caption": "Services", "page_size": 4, "rows": rows}
    await world.post(text="table", blocks=[block])
    await page.goto(world.base_url)
    table = page.get_by_role("table", name="Services")
    names = table.locator("tbody th")
    await expect(names).to_have_text(["web", "checkout", "search", "catalog"])
    await table.get_by_role("button", name="Errors").click()
    await expect(names).to_have_text(["catalog", "web", "payments", "ads"])
    await page.get_by_role("button", name="Next").click()
    await expect(names).to_have_text(["search", "checkout"])
    await page.get_by_role("button", name="Previous").click()
    await table.get_by_role("button", name="Errors").click()
    await expect(names).to_have_text(["checkout", "search", "ads", "payments"])
    await expect(table.get_by_role("columnheader", name="Errors")).to_have_attribute(
        "aria-sort", "descending"
    )


def plain(words: str) -> Json:
    return {"type": "plain_text", "text": words}


SERIES = [
    {"name": "checkout", "data": [{"label": "12:00", "value": 1}, {"label": "12:05", "value": 26}]}
]
AXES = {"categories": ["12:00", "12:05"]}
LINES = {"type": "line", "series": SERIES, "axis_config": AXES}
SLICES = {"type": "pie", "segments": [{"label": "a", "value": 1}]}
JACKETS = {"type": "mrkdwn", "text": "*Rain jackets*"}
KINDS: list[Json] = [
    {"type": "data_visualization", "title": "Lines", "chart": LINES},
    {"type": "data_visualization", "title": "Pie", "chart": SLICES},
    {"type": "table", "rows": [[text("Campaign")], [text("Winter boots")]]},
    {"type": "card", "title": JACKETS, "actions": [button("card.open", "Open it")]},
    {
        "type": "container",
        "title": plain("Evidence"),
        "is_collapsible": True,
        "default_collapsed": True,
        "child_blocks": [{"type": "section", "text": plain("E1: a deploy")}],
    },
    {"type": "video", "title": plain("How it works"), "alt_text": "a video", "video_url": "https://v.example/e",
     "thumbnail_url": "https://v.example/t.png"},
]  # fmt: skip


async def test_each_kind_of_block_is_drawn_and_the_unknown_is_shown_as_it_was_sent(
    world: World, page: Page
) -> None:
    for block in KINDS:
        await world.post(text="x", blocks=[block])
    await world.ana.say(INCIDENTS, "said")
    # Slack would refuse it; a newer Slack would not.
    newest = list(world.workspace.state.messages[INCIDENTS].values())[-1]
    newest.blocks = [{"type": "hologram", "block_id": "h", "depth": "<b>3</b>"}]
    await page.goto(world.base_url)
    article = page.locator("article")
    await expect(article).to_have_count(len(KINDS) + 1)
    await expect(page.get_by_role("img", name="Line chart")).to_be_visible()
    await expect(page.get_by_role("img", name="Pie chart")).to_be_visible()
    await expect(page.get_by_role("cell", name="Winter boots")).to_be_visible()
    await expect(page.get_by_role("button", name="Open it")).to_be_visible()
    await expect(page.get_by_text("E1: a deploy")).to_be_hidden()
    await page.get_by_text("Evidence").click()
    await expect(page.get_by_text("E1: a deploy")).to_be_visible()
    await expect(page.get_by_text("How it works")).to_be_visible()
    await page.get_by_text("Block of type hologram, shown as it was sent").click()
    await expect(page.locator("article pre")).to_contain_text('"depth": "<b>3</b>"')
    assert await page.locator("article b").count() == 0


INLINE: list[Json] = [
    {"type": "text", "text": "marked", "style": {"highlight": True, "bold": True}},
    {"type": "emoji", "name": "not_known_here", "unicode": "0041-0042"},
    {"type": "tag", "text": "urgent", "color": "red"},
    {"type": "message_mention", "channel_id": INCIDENTS, "message_ts": "1.2", "text": "that one"},
    {"type": "date", "timestamp": 1763778373, "format": "{date_num}", "fallback": "then"},
    {"type": "color", "value": "#00ff00"},
]


async def test_rich_text_is_drawn_with_all_that_stands_in_a_line(world: World, page: Page) -> None:
    section = {"type": "rich_text_section", "elements": INLINE}
    await world.post(text="x", blocks=[{"type": "rich_text", "elements": [section]}])
    await page.goto(world.base_url)
    line = page.locator("article .line")
    await expect(line).to_have_text("markedABurgentthat one2025-11-22#00ff00")
    await expect(line.locator("mark")).to_have_text("marked")
    await expect(line.get_by_role("link", name="that one")).to_have_attribute(
        "href", f"{world.base_url}/#{INCIDENTS}/1.2"
    )
    assert await page.locator("article details").count() == 0


async def test_a_message_is_shown_as_json_on_request(world: World, page: Page) -> None:
    metadata = {"event_type": "proposal", "event_payload": {"id": "p1"}}
    await world.post(text="card", blocks=[{"type": "divider"}], metadata=metadata)
    await page.goto(world.base_url)
    message = page.locator("article")
    await message.hover()
    await message.get_by_role("button", name="Show as JSON").click()
    raw = page.locator("#raw")
    await expect(raw.locator("pre")).to_contain_text('"event_type": "proposal"')
    await page.keyboard.press("Escape")
    await expect(raw).to_be_hidden()
