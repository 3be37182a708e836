"""An app that is not ours runs against the workspace unchanged, in both transports."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from playground.workspace.client import PersonError
from playground.workspace.model import Json
from playground.workspace.signed import RequestUrls, UnverifiedUrlError
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET

INCIDENTS = "C0INCIDENTS"
MODULE = "tests.playground.workspace.getting_started"
ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 60.0

Start = Callable[[str, str], Awaitable[None]]


@pytest.fixture
async def start(world: World) -> AsyncIterator[Start]:
    """Start the program with a way in and its secret, and end it after the test."""
    running: list[asyncio.subprocess.Process] = []

    async def run(way: str, secret: str) -> None:
        args = (world.base_url, BOT_TOKEN, way, secret)
        running.append(
            await asyncio.create_subprocess_exec(sys.executable, "-m", MODULE, *args, cwd=ROOT)
        )

    yield run
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@pytest.fixture(params=["socket", "http"])
async def newcomer(
    request: pytest.FixtureRequest, world: World, start: Start, free_port: int
) -> str:
    """The program, reachable by the transport of that name."""
    transport = str(request.param)
    if transport == "socket":
        await start("socket", APP_TOKEN)

        async def is_there() -> bool:
            return world.workspace.is_app_there
    else:
        await start(str(free_port), SIGNING_SECRET)
        urls = RequestUrls.all_at(f"http://127.0.0.1:{free_port}/slack/events")

        async def is_there() -> bool:
            try:
                await world.workspace.call_requests(urls, SIGNING_SECRET)
            except UnverifiedUrlError:
                return False
            return True

    await world.ana.eventually(is_there, WITHIN_S)
    return transport


async def test_the_guides_app_does_what_the_guide_says(world: World, newcomer: str) -> None:
    assert world.workspace.transport == newcomer

    await world.ana.say("#incidents", "hello")
    hey = await world.ana.sees("Hey there <@U0ANA>!", INCIDENTS)
    await world.ben.click("Click Me", INCIDENTS, hey["ts"])
    await world.ana.sees("<@U0BEN> clicked the button", INCIDENTS)

    await world.mia.command(INCIDENTS, "/echo one two")
    echoed = await world.mia.sees("one two", INCIDENTS)
    assert echoed["is_ephemeral"]

    await world.mia.command(INCIDENTS, "/dreams")
    modal = await world.mia.eventually(world.mia.modal, WITHIN_S)
    assert modal["title"]["text"] == "My App"
    with pytest.raises(PersonError) as refused:
        await world.mia.submit({"input_c": "nap"})
    assert refused.value.errors == {"input_c": "The value must be longer than 5 characters"}
    await world.mia.submit({"What are your hopes and dreams?": "a quiet night"})
    assert await world.mia.modal() is None
    await world.mia.sees("Your submission: a quiet night", "D0MIA")

    home = await world.ana.eventually(world.ana.home, WITHIN_S)
    assert home["blocks"][0]["text"]["text"] == "*Welcome to your _App's Home_*"

    await world.mia.command(INCIDENTS, "/dreams")
    await world.mia.eventually(world.mia.modal, WITHIN_S)
    await world.mia.click_in_modal("Click me!")

    async def updated() -> bool:
        modal: Json | None = await world.mia.modal()
        return modal is not None and modal["title"]["text"] == "Updated modal"

    await world.mia.eventually(updated, WITHIN_S)
    assert world.workspace.unknown_calls == []
    assert world.workspace.complaints == []
