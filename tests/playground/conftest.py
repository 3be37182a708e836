"""A tab of a real browser, for everything in the playground that people look at."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# Only guards against hanging: a busy machine draws late.
SLOW_MS = 60_000
# The network's own words for an answer that a test wants (nobody there, nothing known there).
EXPECTED = "Failed to load resource"


@pytest.fixture
def console_errors() -> list[str]:
    """What the page wrote to its console as errors; a test that wants some empties it."""
    return []


@pytest.fixture
async def page(console_errors: list[str]) -> AsyncIterator[Page]:
    """A tab of a headless Chromium; the test fails if the page writes an error to its console."""
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{CHROMIUM} is missing")
        pytest.skip(f"{CHROMIUM} is missing")
    errors = console_errors
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = await browser.new_page(viewport={"width": 1280, "height": 800})
        tab.set_default_timeout(SLOW_MS)
        expect.set_options(timeout=SLOW_MS)
        tab.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        yield tab
        await browser.close()
    assert [error for error in errors if EXPECTED not in error] == []
