"""A bot that is killed and started again while Slack is away loses nothing, and says all later."""

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path

from playground.story import INCIDENTS
from playground.workspace.client import PersonError
from tests.scenarios.outages import (
    OPERATIONS,
    UNFINISHED,
    UNWORKED,
    Picture,
    counted,
    everything_is_told,
    fire,
    metric,
    outage,
    picture,
    posted_twice,
    ready,
    require_equal,
    time_flies,
)
from tests.scenarios.plays import Sword, sign_off
from tests.scenarios.stages import (
    Scene,
    break_something,
    card_of,
    events,
    eventually,
    require_sound,
    staged,
)

BROKEN = ["checkout", "search"]
LATER = ["wave-0", "wave-1", "wave-2"]
REFUSED = "signoff: SLACK_BOT_TOKEN: it is refused by Slack (invalid_auth); run `signoff doctor`"


def log_of(scene: Scene) -> str:
    return (scene.world.plan.folder / "bot.log").read_text(encoding="utf-8")


async def killed(scene: Scene) -> None:
    """Kill the bot, and wait until it serves again."""
    starts = log_of(scene).count("Signoff runs.")
    scene.world.bot.kill()

    async def is_up() -> bool:
        return log_of(scene).count("Signoff runs.") > starts

    await eventually(is_up)


async def without_slack(scene: Scene) -> None:
    """Alerts come in while Slack is away and the bot has just started; later Slack is back."""
    scene.world.workspace.go_away()
    await killed(scene)
    assert await ready(scene) == {"ready": True, "slack": "away"}
    await fire(scene, [BROKEN[1], *LATER[:1]])
    # Once more: what was taken before is known after the second start.
    await killed(scene)
    await fire(scene, LATER[1:])

    async def is_looked_into() -> bool:
        return counted(scene, UNWORKED) == counted(scene, UNFINISHED) == 0

    await eventually(is_looked_into)
    await outage(scene)

    async def answers() -> bool:
        return bool((await ready(scene))["slack"] == "answers")

    async with time_flies(scene):
        await eventually(answers)
    await scene.bot_is_here()


async def with_slack(scene: Scene) -> None:
    """The same alerts, and nothing happens to anybody."""
    await fire(scene, [BROKEN[1], *LATER[:1]])
    await fire(scene, LATER[1:])


async def play(scene: Scene, *, is_away: bool) -> Picture:
    for service in BROKEN:
        scene.world.inject(service)
    scene.world.forward(60)
    await fire(scene, BROKEN[:1])
    root = await scene.root(INCIDENTS, f"HighErrorRatio on {BROKEN[0]} in staging")
    await scene.reply(INCIDENTS, root["ts"], f"Roll back {BROKEN[0]} from")
    await (without_slack(scene) if is_away else with_slack(scene))
    async with time_flies(scene):
        for service in BROKEN:
            found = await scene.root(INCIDENTS, f"HighErrorRatio on {service} in staging")
            place = (INCIDENTS, str(found["ts"]))
            await sign_off(scene, scene.ben, place, f"Roll back {service} from")
            # To the end of its settling time.
            scene.world.forward(90)
        await everything_is_told(scene)
    return await picture(scene)


async def test_what_came_while_slack_was_away_at_the_start_is_told_whole_and_once(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path / "calm", quiet=True) as scene:
        wanted = await play(scene, is_away=False)
    async with staged(tmp_path / "away", quiet=True) as scene:
        seen = await play(scene, is_away=True)
        require_equal(seen, wanted)
        assert posted_twice(scene) == []
        assert len(scene.world.shop.effects) == 2
        record = [event["kind"] for event in await events(scene)]
        assert record.count("task.created") == len(BROKEN) + len(LATER)
        await require_sound(scene)
        assert scene.world.bot.restarts == 2, "it runs without Slack"
        assert await metric(scene, "signoff_slack_away") == 0
        log = log_of(scene)
        assert log.count("Slack does not answer") == 2, "once each time it was started"
        assert log.count("Slack answers again") == 1
        assert f"SLACK_API_URL is {scene.world.base}/api/" in log
        knocks = scene.world.workspace.faults.knocks
        assert set(knocks) == {"auth.test"}, "one probe asks for all"
        assert knocks["auth.test"] <= 20


async def test_a_token_that_slack_refuses_when_it_is_back_ends_the_process_by_its_name(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path, quiet=True) as scene:
        scene.world.workspace.go_away()
        await killed(scene)
        restarts = scene.world.bot.restarts
        state = scene.world.workspace.state
        state.app = replace(state.app, bot_token="xoxb-another")
        await fire(scene, LATER)
        scene.world.workspace.come_back()

        async def has_ended() -> bool:
            scene.world.forward(1)
            return scene.world.bot.restarts > restarts

        await eventually(has_ended)
        log = log_of(scene)
        assert REFUSED in log
        assert "Traceback" not in log
        # With its token back it goes on where it was.
        state.app = replace(state.app, bot_token=scene.world.bot_token)
        await scene.bot_is_here()
        async with time_flies(scene):
            await everything_is_told(scene)
        assert posted_twice(scene) == []
        await asyncio.gather(*(scene.root(OPERATIONS, name) for name in LATER))


async def dies_of(scene: Scene, what: Awaitable[None]) -> None:
    """Somebody does what the bot dies of; Slack goes at once, and the bot is started without it."""
    starts = log_of(scene).count("Signoff runs.")
    acting = asyncio.ensure_future(what)
    async with asyncio.timeout(60):
        while scene.world.bot.is_running:
            await asyncio.sleep(0.01)
    scene.world.workspace.go_away()

    async def is_up() -> bool:
        return log_of(scene).count("Signoff runs.") > starts

    await eventually(is_up)
    with contextlib.suppress(PersonError):
        await acting


async def kinds(scene: Scene) -> list[str]:
    return [event["kind"] for event in await events(scene)]


async def test_a_click_that_was_stored_waits_for_slack_and_then_counts(tmp_path: Path) -> None:
    sword = Sword(tmp_path, "action.stored")
    async with staged(tmp_path, bot_env=sword.env) as scene:
        found = await break_something(scene)
        card = await card_of(scene, found)
        sword.draw()
        await dies_of(scene, scene.ben.click("Approve", INCIDENTS, card["ts"]))
        await asyncio.sleep(2)
        assert "click.refused" not in await kinds(scene)
        assert not scene.world.shop.effects
        scene.world.workspace.come_back()
        scene.world.forward(60)
        await scene.reply(INCIDENTS, found.root_ts, rf"{found.rollback}[\s\S]*\*Done\*")
        assert len(scene.world.shop.effects) == 1


async def test_a_pause_that_was_stored_holds_though_slack_is_away(tmp_path: Path) -> None:
    sword = Sword(tmp_path, "command.stored")
    async with staged(tmp_path, bot_env=sword.env) as scene:
        sword.draw()
        await dies_of(scene, scene.mia.command(INCIDENTS, "/signoff pause something is odd"))

        async def is_paused() -> bool:
            return "signoff.paused" in await kinds(scene)

        await eventually(is_paused)
        assert await ready(scene) == {"ready": True, "slack": "away"}
        scene.world.workspace.come_back()
        scene.world.forward(60)
        await scene.bot_is_here()
