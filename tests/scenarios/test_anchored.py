"""The whole bot signs its ledger: killed between any two steps of a checkpoint, it catches up."""

import asyncio
import json
from pathlib import Path

import pytest

from bot.audit_cli import given
from bot.store.proving import Proof, Sources, prove
from bot.store.reading import open_read_only
from playground.story import Stage
from tests.scenarios.plays import incident
from tests.scenarios.stages import eventually, staged

CHANNEL = "C0OPERATIONS"


def posted(stage: Stage) -> list[str]:
    """Return the checkpoints that stand in the channel."""
    said = stage.world.workspace.state.messages.get(CHANNEL, {}).values()
    return [one.text for one in said if one.text.startswith("```\nsignoff/")]


def proof(folder: Path, *kept: Path) -> Proof:
    claims = [claim for path in kept for claim in given(path)]
    with open_read_only(f"sqlite:///{folder / 'signoff.db'}") as connection:
        return prove(connection, Sources(given=claims))


def lines(folder: Path) -> list[int]:
    file = folder / "signoff.db.checkpoints"
    return [json.loads(line)["n"] for line in file.read_text(encoding="utf-8").splitlines()]


async def test_a_story_ends_signed_kept_and_posted(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await incident(stage)
        stage.world.forward(61)

        async def is_posted() -> bool:
            return len(posted(stage)) > 1

        await eventually(is_posted)
        folder, seen = stage.world.plan.folder, posted(stage)
        kept = tmp_path / "kept.txt"
        kept.write_text(seen[-1], encoding="utf-8")
        found = await asyncio.to_thread(proof, folder, kept)
        assert found.is_sound, found.faults
        assert found.given is not None
    # After the stop everything is covered.
    found = await asyncio.to_thread(proof, folder, kept)
    assert found.is_sound
    assert found.cover is not None
    assert found.cover.size == found.chain.events
    assert len(posted(stage)) > len(seen)


@pytest.mark.parametrize("point", ["checkpoint.stored", "checkpoint.kept"])
async def test_killed_in_the_middle_of_a_checkpoint_it_catches_up(
    tmp_path: Path, point: str
) -> None:
    async with staged(tmp_path, bot_env={"SIGNOFF_STOP_AT": point}) as stage:

        async def is_back() -> bool:
            file = stage.world.plan.folder / "signoff.db.checkpoints"
            return stage.world.bot.restarts > 0 and file.exists() and len(lines(file.parent)) > 1

        await eventually(is_back)
        folder = stage.world.plan.folder
        await incident(stage)
        assert lines(folder) == list(range(1, len(lines(folder)) + 1))
    found = await asyncio.to_thread(proof, folder)
    assert found.is_sound, found.faults
    assert lines(folder) == list(range(1, len(lines(folder)) + 1))
