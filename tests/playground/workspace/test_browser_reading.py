"""How messages are read in a real Chromium: addresses, writing, many channels, the end."""

import asyncio
import struct
import zlib

import pytest
from playwright.async_api import Page, Route, expect

from playground.workspace.model import Channel, Json
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import button
from tests.playground.workspace.test_files import uploaded

pytestmark = pytest.mark.browser

INCIDENTS = "C0INCIDENTS"
ADDRESS = "https://graphs.example/d?a=1&b=2"


async def test_addresses_are_links_whoever_wrote_them(world: World, page: Page) -> None:
    await world.ben.say(INCIDENTS, f"see {ADDRESS}, <b> or xhttps://no.example")
    assert (await world.ana.messages(INCIDENTS))[0]["text"] == (
        "see <https://graphs.example/d?a=1&amp;b=2>, &lt;b&gt; or xhttps://no.example"
    )
    await world.post(text="see https://graphs.example/d?a=1&amp;b=2.")
    await world.post(text="x", blocks=[{"type": "markdown", "text": f"see ({ADDRESS})"}])
    await page.goto(world.base_url)
    links = page.locator("article .text a")
    await expect(links).to_have_text([ADDRESS] * 3)
    assert await links.evaluate_all("all => all.map((a) => a.href)") == [ADDRESS] * 3


async def test_each_line_runs_as_its_writing_does(world: World, page: Page) -> None:
    await world.ben.say(INCIDENTS, "שלום עולם\nhello")
    await page.goto(world.base_url)
    lines = page.locator("article .line")
    await expect(lines).to_have_count(2)
    gaps = await lines.evaluate_all(
        """all => all.map((line) => {
          const range = document.createRange();
          range.selectNodeContents(line);
          const [text, box] = [range.getBoundingClientRect(), line.getBoundingClientRect()];
          return Math.round(text.left - box.left) - Math.round(box.right - text.right);
        })"""
    )
    assert gaps[0] > 0 > gaps[1]


async def test_many_channels_leave_the_rest_in_reach(world: World, page: Page) -> None:
    for number in range(200):
        channel = Channel(id=f"C{number:08}", name=f"team-{number}", members={"U0ANA"})
        world.workspace.state.add_channel(channel)
    await page.goto(f"{world.base_url}/#C00000180")
    await expect(page.get_by_role("link", name="team-180")).to_be_in_viewport()
    await expect(page.get_by_role("button", name="Behind the scenes")).to_be_in_viewport()
    await page.get_by_role("link", name="team-181").click()
    await expect(page.get_by_role("heading", name="# team-181")).to_be_visible()
    await expect(page.get_by_role("link", name="team-181")).to_be_in_viewport()


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


async def test_whoever_reads_the_end_stays_there_as_pictures_arrive_and_windows_shrink(
    world: World, page: Page
) -> None:
    for number in range(30):
        await world.ben.say(INCIDENTS, f"line {number}")
    files = [{"id": await uploaded(world, "graph.png", png(300, 300))}]
    done = await world.call("files.completeUploadExternal", files=files, channel_id=INCIDENTS)
    assert done["ok"], done
    await world.ben.say(INCIDENTS, "the newest")
    await page.goto(world.base_url)
    picture = page.locator("article img")
    await expect(picture).to_have_js_property("complete", value=True)
    await expect(page.get_by_text("the newest")).to_be_in_viewport(ratio=1)
    await page.set_viewport_size({"width": 1280, "height": 500})
    await expect(page.get_by_text("the newest")).to_be_in_viewport(ratio=1)


async def test_on_a_phone_what_stands_beside_a_text_goes_below_it(world: World, page: Page) -> None:
    text: Json = {"type": "mrkdwn", "text": "What the graph shows " * 5}
    beside = button("look", "Look at the graph of the last hour")
    await world.post(text="x", blocks=[{"type": "section", "text": text, "accessory": beside}])
    await page.set_viewport_size({"width": 375, "height": 700})
    await page.goto(f"{world.base_url}/#{INCIDENTS}")
    words = await page.locator("article .section-body").bounding_box()
    below = await page.get_by_role("button", name="Look at the graph").bounding_box()
    assert words is not None
    assert below is not None
    assert below["y"] >= words["y"] + words["height"]
    assert words["width"] > 250


@pytest.mark.parametrize("width", [1280, 375])
async def test_a_thread_takes_the_focus_and_gives_it_back(
    world: World, page: Page, width: int
) -> None:
    root = await world.ana.say("D0ANA", "hello")
    await world.call("chat.postMessage", channel="D0ANA", thread_ts=root, text="an answer")
    await page.set_viewport_size({"width": width, "height": 700})
    await page.goto(f"{world.base_url}/#D0ANA")
    opener = page.get_by_role("button", name="1 reply")
    await opener.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("log", name="Messages in this thread")).to_be_focused()
    await expect(page.locator("#thread .topic")).to_have_text("Signoff")
    await page.keyboard.press("Escape")
    await expect(opener).to_be_focused()


async def test_an_answer_for_one_person_out_of_sight_says_so(world: World, page: Page) -> None:
    for number in range(40):
        await world.ben.say(INCIDENTS, f"line {number}")
    await page.goto(world.base_url)
    await expect(page.get_by_text("line 39")).to_be_in_viewport()
    log = page.get_by_role("log", name="Messages in # incidents")
    await log.evaluate("(list) => { list.scrollTop = 0; }")
    await world.call("chat.postEphemeral", channel=INCIDENTS, user="U0ANA", text="You may not.")
    pill = page.get_by_role("button", name="1 new message, for you alone")
    await expect(pill).to_be_visible()
    await world.ben.say(INCIDENTS, "and more")
    await page.get_by_role("button", name="2 new messages, one for you alone").click()
    await expect(page.get_by_text("You may not.")).to_be_in_viewport()


async def test_what_was_not_sent_does_not_write_over_what_was_typed_since(
    world: World, page: Page
) -> None:
    lost = asyncio.Event()

    async def lose(route: Route) -> None:
        await lost.wait()
        await route.abort()

    await page.goto(f"{world.base_url}/#{INCIDENTS}")
    await page.route("**/page/say", lose)
    field = page.get_by_label("Message #incidents")
    await field.fill("the first")
    await page.keyboard.press("Enter")
    await expect(field).to_have_value("")
    await field.fill("the second")
    lost.set()
    await expect(field).to_have_value("the first\nthe second")
    await expect(page.locator(".notice")).to_contain_text("The playground did not answer")


async def test_a_workspace_that_hangs_is_told_and_found_again(world: World, page: Page) -> None:
    back = asyncio.Event()

    async def hang(route: Route) -> None:
        await back.wait()
        await route.continue_()

    await page.clock.install()
    await page.goto(f"{world.base_url}/#{INCIDENTS}")
    await expect(page.locator(".empty-state")).to_be_visible()
    await page.route("**/page/**", hang)
    await page.get_by_label("Message #incidents").fill("is anybody there?")
    async with page.expect_request("**/page/say"):
        await page.keyboard.press("Enter")
    await page.clock.fast_forward(60_000)
    await expect(page.locator("#away")).to_contain_text("The workspace does not answer.")
    await expect(page.locator(".notice")).to_contain_text("look before you repeat it")
    await expect(page.get_by_label("Message #incidents")).to_have_value("is anybody there?")
    await world.ben.say(INCIDENTS, "said meanwhile")
    back.set()
    await expect(page.get_by_text("said meanwhile")).to_be_visible()
    await expect(page.locator("#away")).to_be_hidden()


async def test_of_an_attachment_nothing_is_dropped(world: World, page: Page) -> None:
    shown = {"title": "Latency", "image_url": "https://graphs.example/a.png", "fallback": "A graph"}
    actions = [{"name": "go", "text": "Go", "type": "button"}]
    await world.post(text="x", attachments=[shown, {"text": "old", "actions": actions}])
    await page.goto(world.base_url)
    await expect(page.get_by_role("link", name="[image] A graph")).to_be_visible()
    await page.get_by_text("More of an attachment, shown as it was sent").click()
    await expect(page.locator("article pre")).to_contain_text('"name": "go"')


async def test_on_a_phone_a_tap_beside_the_list_of_channels_closes_it(
    world: World, page: Page
) -> None:
    await page.set_viewport_size({"width": 375, "height": 700})
    await page.goto(f"{world.base_url}/#{INCIDENTS}")
    await page.get_by_role("button", name="Open list").click()
    marketing = page.get_by_role("link", name="marketing")
    await expect(marketing).to_be_in_viewport()
    await page.mouse.click(360, 300)
    await expect(marketing).to_be_hidden()
    await page.get_by_role("button", name="Open list").click()
    await marketing.click()
    await expect(page.get_by_role("heading", name="# marketing")).to_be_visible()


async def test_a_channel_that_changes_is_shown_as_it_is_now(world: World, page: Page) -> None:
    room = {"channel": (await world.call("conversations.create", name="inc-1"))["channel"]["id"]}
    assert (await world.call("conversations.invite", **room, users="U0ANA"))["ok"]
    await page.goto(f"{world.base_url}/#{room['channel']}")
    head = page.locator("#channel .pane-head")
    await expect(head).to_contain_text("# inc-1")
    assert (await world.call("conversations.rename", **room, name="inc-2"))["ok"]
    assert (await world.call("conversations.setTopic", **room, topic="Who has it: Ben"))["ok"]
    await expect(head).to_contain_text("# inc-2")
    await expect(head).to_contain_text("Who has it: Ben")
    assert (await world.call("conversations.archive", **room))["ok"]
    await expect(head).to_contain_text("archived")
    await page.get_by_label("Message #inc-1").fill("too late")
    await page.keyboard.press("Enter")
    await expect(page.locator(".notice")).to_contain_text("it can only be read")
    assert (await world.call("conversations.unarchive", **room))["ok"]
    assert (await world.call("conversations.kick", **room, user="U0ANA"))["ok"]
    await expect(page.locator(".notice").last).to_contain_text("Ana cannot see this channel.")
    await expect(head).to_contain_text("# incidents")
