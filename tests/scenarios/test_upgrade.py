"""A database of the first schema, with a card that waits, is opened by today's code.

`upgrade/first_schema.sql` is the database of a bot of the first schema that was killed while a card
waited, and `upgrade/first_schema_slack.json` is what its workspace held then.
"""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from playground.story import INCIDENTS, text_of
from playground.workspace.model import Message
from playground.world import Plan, World, free_port
from tests.scenarios.plays import sign_off
from tests.scenarios.stages import SEED, events, eventually, on_stage, require_sound

LEFT = Path(__file__).parent / "upgrade"
TOLD = "A newer version of Signoff made this card"
TITLE = "Roll back web from v41 to v40 in staging"


def left_behind(folder: Path) -> datetime:
    """Restore the old database into a folder; returns when its bot was killed."""
    database = sqlite3.connect(folder / "signoff.db")
    database.executescript((LEFT / "first_schema.sql").read_text(encoding="utf-8"))
    (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    assert revision == "0001"
    (at,) = database.execute("SELECT max(at) FROM ledger_index").fetchone()
    (waiting,) = database.execute(
        "SELECT count(*) FROM proposals WHERE state = 'PENDING'"
    ).fetchone()
    assert waiting == 2
    database.close()
    return datetime.fromisoformat(at)


def old_messages(world: World) -> list[str]:
    """Put what the workspace held back into it; returns the thread's messages."""
    kept = json.loads((LEFT / "first_schema_slack.json").read_text(encoding="utf-8"))
    for messages in kept.values():
        for body in messages.values():
            world.workspace.state.add(Message(**body))
    return list(kept[INCIDENTS])


def world_of_then(folder: Path, killed_at: datetime) -> World:
    """Return a world whose clock goes on where the old bot was killed."""
    ago = killed_at + timedelta(seconds=5) - datetime.now(UTC)
    clock = {"offset_s": ago.total_seconds()}
    (folder / "clock.json").write_text(json.dumps(clock), encoding="utf-8")
    port = free_port()
    plan = Plan(
        seed=SEED,
        folder=folder,
        port=port,
        # The alert was told to the bot of then; nobody tells it again.
        alertmanager_url=f"http://127.0.0.1:{port}/alertmanager",
    )
    return World(plan)


async def test_a_card_of_the_first_schema_is_signed_off_under_todays_code(tmp_path: Path) -> None:
    world = world_of_then(tmp_path, left_behind(tmp_path))
    fault = world.inject("web")
    assert (fault.previous_version, fault.version) == ("v40", "v41")
    old = old_messages(world)
    root_ts = old[0]
    async with world, on_stage(world) as scene:
        card = await scene.reply(INCIDENTS, root_ts, TITLE)
        done = await sign_off(scene, scene.ben, (INCIDENTS, root_ts), TITLE)
        # It is the very message that the old bot posted.
        assert done["ts"] == card["ts"] in old
        assert [effect.body["version"] for effect in world.shop.effects] == ["v40"]
        world.forward(90)
        await scene.reply(INCIDENTS, root_ts, "Worked")
        kinds = [event["kind"] for event in await events(scene)]
        assert kinds.count("intent.written") == kinds.count("outcome.written") == 1
        assert kinds.count("signoff.started") == 2
        await require_sound(scene)


async def test_a_task_that_only_a_newer_version_knows_is_told_and_stops_nothing(
    tmp_path: Path,
) -> None:
    world = world_of_then(tmp_path, left_behind(tmp_path))
    database = sqlite3.connect(tmp_path / "signoff.db")
    database.execute("UPDATE tasks SET state = 'DELIBERATING'")
    database.commit()
    database.close()
    root_ts = old_messages(world)[0]
    async with world, on_stage(world) as scene:
        await scene.reply(INCIDENTS, root_ts, "Escalated: I can't go on[\\s\\S]*newer version")
        # Others are served.
        await scene.mia.command(INCIDENTS, "/signoff status")
        await scene.told(scene.mia, "1 task is open", INCIDENTS)
        world.inject("checkout")
        await scene.mia.command(INCIDENTS, "/triage checkout staging")
        await scene.root(INCIDENTS, "checkout in staging")
        log = (tmp_path / "bot.log").read_text(encoding="utf-8")
        assert log.count("left alone, since only a newer version") == 1
        assert "Traceback" not in log
        assert (world.bot.restarts, world.shop.effects) == (0, ())
        await require_sound(scene)


@pytest.mark.parametrize(
    "newer",
    [
        "UPDATE tasks SET state = 'DELIBERATING'",
        "UPDATE tasks SET kind = 'forecast'",
        "UPDATE proposals SET state = 'WEIGHED'",
    ],
)
async def test_a_click_on_a_card_of_a_newer_version_is_told_what_to_do(
    tmp_path: Path, newer: str
) -> None:
    world = world_of_then(tmp_path, left_behind(tmp_path))
    database = sqlite3.connect(tmp_path / "signoff.db")
    database.execute(newer)
    database.commit()
    database.close()
    (root_ts, *_) = old_messages(world)
    async with world, on_stage(world) as scene:
        card = await scene.reply(INCIDENTS, root_ts, TITLE)
        for number, button in enumerate(("Approve", "Reject…"), start=1):
            await scene.ben.click(button, INCIDENTS, card["ts"])

            async def is_told(wanted: int = number) -> bool:
                found = [text_of(one) for one in await scene.ben.ephemerals(INCIDENTS)]
                return len([one for one in found if TOLD in one]) == wanted

            await eventually(is_told)
        assert await scene.ben.modal() is None
        refusals = [one for one in await events(scene) if one["kind"] == "click.refused"]
        assert [one["reasons"] for one in refusals] == [["NEWER_VERSION"]] * 2
        assert (world.bot.restarts, world.shop.effects) == (0, ())
        assert "Traceback" not in (tmp_path / "bot.log").read_text(encoding="utf-8")
