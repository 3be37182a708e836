"""A full disk, and a database that another program holds: both are said, and outlasted."""

import asyncio
import os
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from bot.store.engine import PATIENCE_S
from playground.story import INCIDENTS
from playground.workspace.client import PersonError
from tests.scenarios.outages import alert
from tests.scenarios.plays import sign_off
from tests.scenarios.stages import (
    Incident,
    Scene,
    break_something,
    eventually,
    keys_posted,
    require_sound,
    staged,
)

DISK = "8m"
SAID = "nothing can be stored now"
TRACEBACK = re.compile(r"Traceback|exc_info|\"exception\"")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own; only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True, check=False)
        fault = made.stderr if made.returncode else ""
    except FileNotFoundError:
        fault = "there is no `mount`"
    if fault:
        must = os.environ.get("CI") == "true" and os.geteuid() == 0
        (pytest.fail if must else pytest.skip)(f"no disk of its own: {fault}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no room on the disk; returns the ballast."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with suppress(OSError):
            while file.write(b"x" * 65_536):
                pass
        with suppress(OSError):
            while file.write(b"x"):
                pass
    return ballast


async def webhook(scene: Scene, service: str) -> tuple[int, str]:
    """Tell the bot of an alert; returns its answer."""
    async with scene.session.post(
        f"http://127.0.0.1:{scene.world.bot_port}/webhooks/alertmanager",
        json={"version": "4", "status": "firing", "alerts": [alert(scene, service)]},
        headers={"Authorization": f"Bearer {scene.world.webhook_token}"},
    ) as answer:
        return answer.status, await answer.text()


async def readiness(scene: Scene) -> int:
    """Return the status of /readyz."""
    async with scene.session.get(f"http://127.0.0.1:{scene.world.bot_port}/readyz") as answer:
        return answer.status


def logged(scene: Scene) -> str:
    """Return the bot's log."""
    return (scene.world.plan.folder / "bot.log").read_text(encoding="utf-8")


async def require_refusals(scene: Scene, why: str) -> None:
    """While nothing can be stored, nothing is taken, and everybody is told so."""
    status, said = await webhook(scene, "search")
    assert status == 503
    assert "nothing can be stored now" in said
    assert why in said
    assert await readiness(scene) == 503
    with pytest.raises(PersonError):
        await scene.mia.command(INCIDENTS, "/signoff status")


async def require_calm(scene: Scene, why: str) -> None:
    """The log has said once what is wrong, once that it is over, and nothing in a hurry."""
    lines = logged(scene).splitlines()
    assert [why in line for line in lines if SAID in line and "waits and tries" in line] == [True]
    assert sum("takes writes again" in line for line in lines) == 1
    assert not [line for line in lines if TRACEBACK.search(line)]
    # Of the whole trouble: far fewer than one a second.
    assert len(lines) < 40, "\n".join(lines)
    assert scene.world.bot.restarts == 0


async def require_goes_on(scene: Scene, found: Incident) -> None:
    """The story that waited is completed, once, and a new one is taken."""

    async def is_ready() -> bool:
        return await readiness(scene) == 200

    await eventually(is_ready)
    await sign_off(scene, scene.ben, (INCIDENTS, found.root_ts), found.rollback)
    scene.world.forward(90)
    await scene.reply(INCIDENTS, found.root_ts, "Worked")
    status, said = await webhook(scene, "search")
    assert status == 200, said
    await scene.root(INCIDENTS, "HighErrorRatio on search in staging")
    assert len(scene.world.shop.effects) == 1
    keys = keys_posted(scene)
    assert len(keys) == len(set(keys))
    await require_sound(scene)


async def test_a_full_disk_is_said_and_the_story_goes_on_when_there_is_room(
    tmp_path: Path, disk: Path
) -> None:
    env = {"DATABASE_URL": f"sqlite+aiosqlite:///{disk / 'signoff.db'}"}
    # Where the tests read it.
    (tmp_path / "signoff.db").symlink_to(disk / "signoff.db")
    async with staged(tmp_path, bot_env=env) as scene:
        found = await break_something(scene)
        ballast = fill(disk)
        since = time.monotonic()
        await require_refusals(scene, "the disk is full")
        # Longer than a write waits: whoever waited is told, and tries again.
        await asyncio.sleep(PATIENCE_S + 4 - (time.monotonic() - since))
        await require_refusals(scene, "the disk is full")
        ballast.unlink()
        await require_goes_on(scene, found)
        await require_calm(scene, "the disk is full")


async def test_a_database_that_another_program_holds_for_half_a_minute_is_waited_for(
    tmp_path: Path,
) -> None:
    why = "another program has locked the database"
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        with closing(sqlite3.connect(tmp_path / "signoff.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            since = time.monotonic()
            # SQLite itself waits first.
            await asyncio.sleep(6)
            await require_refusals(scene, why)
            await asyncio.sleep(PATIENCE_S - (time.monotonic() - since))
            other.execute("ROLLBACK")
        await require_goes_on(scene, found)
        await require_calm(scene, why)
