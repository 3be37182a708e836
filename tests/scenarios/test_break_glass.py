"""Ana is alone at night: over the real bot she breaks the glass, and Ben reviews it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from playground.estate import signoff_yaml
from playground.story import INCIDENTS, text_of
from playground.world import Plan, World, free_port
from tests.scenarios.plays import Sword
from tests.scenarios.stages import (
    SEED,
    Incident,
    Scene,
    break_something,
    card_of,
    events,
    eventually,
    keys_posted,
    on_stage,
    require_sound,
    staged,
    submit,
)

REASON = "checkout is down and nobody answers"
CHANNELS = (INCIDENTS, "C0OPERATIONS")


@asynccontextmanager
async def at_night(folder: Path, sword: Sword) -> AsyncIterator[Scene]:
    """Let Ana be the only one who may break the glass, and only Mia be on call."""
    port = free_port()
    config = yaml.safe_load(signoff_yaml(f"http://127.0.0.1:{port}", "1m"))
    config["groups"] |= {
        "break-glass": {"users": ["U0ANA"]},
        "operators": {"users": ["U0ANA", "U0BEN"]},
        "oncall": {"users": ["U0MIA"]},
    }
    own = folder / "own.yaml"
    own.write_text(yaml.safe_dump(config), encoding="utf-8")
    env = {"SIGNOFF_CONFIG": str(own), **sword.env}
    plan = Plan(seed=SEED, folder=folder, port=port, bot_env=env)
    async with World(plan) as world, on_stage(world) as stage:
        yield stage


async def reviewed(stage: Scene, found: Incident) -> None:
    """Ben says what was not fine."""
    review = await card_of(stage, found, "please look at what was done and why")
    assert REASON in text_of(review)
    await stage.ben.click("Reviewed: not fine…", INCIDENTS, review["ts"])
    await submit(stage.ben, {"reason": "Mia was awake"})
    await card_of(stage, found, r"Reviewed\* by <@U0BEN>: not fine\. Mia was awake")


async def test_ana_breaks_the_glass_and_ben_reviews_it_around_a_kill(tmp_path: Path) -> None:
    sword = Sword(tmp_path, "vote.stored")
    async with at_night(tmp_path, sword) as stage:
        found = await break_something(stage)
        card = await card_of(stage, found)
        await stage.ana.click("Break glass…", INCIDENTS, card["ts"])
        sword.draw()
        await submit(stage.ana, {"reason": REASON, "word": "BREAK"})
        await card_of(stage, found, r"\*Done\*, the glass was broken by <@U0ANA>")
        assert stage.world.bot.restarts == 1
        assert len(stage.world.shop.effects) == 1
        record = await events(stage)
        assert [event["kind"] for event in record].count("glass.broken") == 1

        async def is_told_everywhere() -> bool:
            said = [[text_of(one) for one in await stage.ana.messages(name)] for name in CHANNELS]
            alarm = "*The glass was broken* by <@U0ANA>: Roll back"
            return all(any(alarm in text for text in texts) for texts in said)

        await eventually(is_told_everywhere)
        await reviewed(stage, found)
        keys = keys_posted(stage)
        assert len(keys) == len(set(keys))
        await require_sound(stage)


async def test_in_the_demo_as_it_is_mia_breaks_the_glass_and_ana_reviews_it(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        found = await break_something(stage)
        card = await card_of(stage, found)
        await stage.ben.click("Break glass…", INCIDENTS, card["ts"])
        await stage.told(stage.ben, "NOT_IN_BREAK_GLASS", INCIDENTS)
        await stage.mia.click("Break glass…", INCIDENTS, card["ts"])
        await submit(stage.mia, {"reason": REASON, "word": "BREAK"})
        await card_of(stage, found, r"\*Done\*, the glass was broken by <@U0MIA>")
        assert len(stage.world.shop.effects) == 1
        review = await card_of(stage, found, "please look at what was done and why")
        await stage.ana.click("Reviewed: fine", INCIDENTS, review["ts"])
        await card_of(stage, found, r"Reviewed\* by <@U0ANA>: fine")
        await require_sound(stage)


async def test_a_review_is_asked_for_once_more_around_a_kill(tmp_path: Path) -> None:
    sword = Sword(tmp_path, "review.asked")
    async with at_night(tmp_path, sword) as stage:
        found = await break_something(stage)
        card = await card_of(stage, found)
        await stage.ana.click("Break glass…", INCIDENTS, card["ts"])
        await submit(stage.ana, {"reason": REASON, "word": "BREAK"})
        await card_of(stage, found, "please look at what was done and why")
        sword.draw()
        stage.world.forward(25 * 3600)
        await card_of(stage, found, "nobody has reviewed the broken glass")

        async def is_back() -> bool:
            return stage.world.bot.restarts == 1

        await eventually(is_back)
        record = [event["kind"] for event in await events(stage)]
        assert record.count("review.reminded") == 1
        keys = keys_posted(stage)
        assert len(keys) == len(set(keys))
        await require_sound(stage)
