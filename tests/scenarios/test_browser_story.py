"""A newcomer's story in a real Chromium, over the real bot, with pictures of what was seen."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, async_playwright, expect

from playground.story import Stage
from tests.playground.conftest import CHROMIUM, FLAGS
from tests.scenarios.plays import brief
from tests.scenarios.stages import staged

pytestmark = pytest.mark.browser

DESKTOP, PHONE = (1280, 900), (390, 844)
SLOW_MS = 60_000


class Album:
    """A tab, and the pictures taken of it."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self._folder = page, folder

    async def take(self, name: str, part: Locator | None = None) -> None:
        """Take a picture in light and dark on a desktop, and on a phone; it may not overflow."""
        for scheme in ("light", "dark"):
            await self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            await self._picture(f"{name}-{scheme}", part)
        await self.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        await self._picture(f"{name}-phone", part)
        wide = await self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE[0], f"{name} scrolls sideways on a phone"
        await self.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        await self.page.emulate_media(color_scheme="light")

    async def _picture(self, name: str, part: Locator | None) -> None:
        if part is not None:
            # Not Playwright's own: it waits until nothing is drawn anew, and here much is.
            await part.evaluate("(part) => part.scrollIntoView({ block: 'center' })")
        picture = await self.page.screenshot(path=self._folder / f"{name}.png")
        assert len(picture) > 10_000, f"{name} is all but empty"


@pytest.fixture
async def album(tmp_path: Path) -> AsyncIterator[Album]:
    """A tab of a headless Chromium; the test fails if the page writes an error to its console."""
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{CHROMIUM} is missing")
        pytest.skip(f"{CHROMIUM} is missing")
    errors: list[str] = []
    folder = tmp_path / "pictures"
    folder.mkdir()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = await browser.new_page(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
        tab.set_default_timeout(SLOW_MS)
        tab.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        yield Album(tab, folder)
        await browser.close()
    assert errors == []


async def test_a_newcomer_breaks_signs_off_undoes_and_launches(
    tmp_path: Path, album: Album
) -> None:
    expect.set_options(timeout=SLOW_MS)
    async with staged(tmp_path / "world") as scene:
        await album.page.goto(scene.world.base)
        await incident(album)
        await campaign(scene, album)
        assert len(scene.world.shop.effects) == 2
        assert [effect.what for effect in scene.world.ads.effects] == ["campaign.create"]


async def incident(album: Album) -> None:
    """Break something, read the thread, sign off as Ben, see the verdict, roll back."""
    page = album.page
    await album.take("1-start")
    await page.locator(".empty-state").get_by_role("button", name="Break something").click()
    await expect(page.locator(".fault")).to_contain_text("broken: ")
    await page.get_by_role("button", name="+1 min").click()
    await page.get_by_role("button", name="replies").click()
    thread = page.locator("#thread")
    await expect(thread.get_by_role("button", name="Approve")).to_have_count(2)
    await album.take("2-card", thread.get_by_role("button", name="Approve").first)

    await page.get_by_role("radio", name="Mia").click()
    await thread.get_by_role("button", name="Approve").first.click()
    await expect(thread.get_by_text("NOT_IN_GROUP")).to_be_visible()
    await album.take("3-refused", thread.get_by_text("NOT_IN_GROUP"))

    await page.get_by_role("radio", name="Ben").click()
    await thread.get_by_role("button", name="Approve").first.click()
    await expect(thread.get_by_text("signed off by")).to_be_visible()
    await album.take("4-done", thread.get_by_text("signed off by"))
    await page.get_by_role("button", name="+10 min").click()
    await expect(thread.get_by_text("Worked.")).to_be_visible()
    await expect(page.locator(".fault")).to_have_text("all services healthy")
    await album.take("5-verdict", thread.get_by_role("button", name="Roll back", exact=True))

    await thread.get_by_role("button", name="Roll back", exact=True).click()
    await album.take("6-confirm")
    await page.locator("#confirm").get_by_role("button", name="Roll back").click()
    await expect(thread.get_by_text("Rolled back", exact=True)).to_be_visible()
    await album.take("7-undone", thread.get_by_text("Rolled back", exact=True))


async def campaign(scene: Stage, album: Album) -> None:
    """Act as Mia: fill in the brief, with an error first; see the plan; Ben signs it off."""
    page = album.page
    await page.get_by_role("radio", name="Mia").click()
    await page.get_by_role("link", name="marketing").click()
    await page.get_by_label("Message #marketing").fill("/launch-campaign")
    await page.keyboard.press("Enter")
    modal = page.locator("#modal")
    await expect(modal.get_by_label("Name")).to_be_visible()
    await album.take("8-brief")
    wanted = brief(scene)
    for label, name in (
        ("Name", "name"),
        ("For whom?", "audience"),
        ("Headline", "headline"),
        ("Landing page", "url"),
    ):
        await modal.get_by_label(label).fill(str(wanted[name]))
    await modal.get_by_label("What should it bring?").select_option("sales")
    await modal.get_by_label("Where?").select_option("search")
    await modal.get_by_label("Budget a day").fill("fifty")
    await modal.get_by_role("button", name="Plan it").click()
    await expect(modal.get_by_text("is not an amount")).to_be_visible()
    await album.take("9-brief-error", modal.get_by_label("Budget a day"))
    await modal.get_by_label("Budget a day").fill("50.00 EUR")
    await modal.get_by_role("button", name="Plan it").click()
    await expect(modal).to_be_hidden()

    await page.get_by_role("button", name="replies").click()
    thread = page.locator("#thread")
    await expect(thread.get_by_text("Worst case")).to_be_visible()
    await album.take("10-plan", thread.get_by_role("button", name="Approve"))
    await page.get_by_role("radio", name="Ben").click()
    await thread.get_by_role("button", name="Approve").click()
    await page.locator("#confirm").get_by_role("button", name="Approve").click()
    await expect(thread.get_by_role("button", name="Approve")).to_be_visible()
    await expect(thread.get_by_text("Activate the campaign").first).to_be_visible()
    await album.take("11-created", thread.get_by_role("button", name="Approve"))
