"""200 tasks run while Slack is gone, slow to take, and deaf: afterwards nothing shows of it.

Rates, back-off and every timer of the bot's that matters here follow the shared clock, so ten
minutes without Slack take six seconds.
"""

import asyncio
from pathlib import Path

import pytest

from playground.story import INCIDENTS
from tests.scenarios.outages import (
    Picture,
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
from tests.scenarios.plays import sign_off
from tests.scenarios.stages import Scene, events, eventually, require_sound, staged

BROKEN = ["checkout", "search"]
WAVES = [[f"wave-{wave}-{number}" for number in range(5)] for wave in range(2)]
MANY = [f"batch-{number:03d}" for number in range(188)]
TASKS = len(BROKEN) + sum(len(wave) for wave in WAVES) + len(MANY)
# Reads of a probe that waits twice as long each time, up to a minute, for ten minutes.
PROBES = 20
# How long a sign-off may take while every second call is refused and 200 threads are told.
BUSY_S = 240.0


class Trouble:
    """What happens to Slack in the story; nothing, in the undisturbed one."""

    def begins(self, scene: Scene) -> None:
        """Slack goes away, or not."""

    async def lasts(self, scene: Scene) -> None:
        """Ten minutes pass."""
        for _ in range(20):
            scene.world.forward(30)
            await asyncio.sleep(0.05)

    def strikes(self, scene: Scene) -> None:
        """Something is wrong with what comes in next."""


async def restarted(scene: Scene) -> None:
    """Kill the bot, and wait until it is here again."""
    restarts = scene.world.bot.restarts
    scene.world.bot.kill()

    async def is_back() -> bool:
        return scene.world.bot.restarts > restarts and bool(scene.world.workspace.sockets)

    await eventually(is_back)


class Outage(Trouble):
    """Nobody there; then a kill, 429 for every second call, lost answers, twice, out of order."""

    def begins(self, scene: Scene) -> None:
        scene.world.workspace.go_away()

    async def lasts(self, scene: Scene) -> None:
        async def is_noticed() -> bool:
            return (await ready(scene)) == {"ready": True, "slack": "away"}

        await eventually(is_noticed)
        assert await metric(scene, "signoff_slack_away") == 1
        await outage(scene)

        async def is_back() -> bool:
            return bool((await ready(scene))["slack"] == "answers")

        async with time_flies(scene):
            await eventually(is_back)
        await scene.bot_is_here()
        assert await metric(scene, "signoff_slack_outages_total") == 1
        scene.world.workspace.faults.lose_every(5)
        await restarted(scene)
        scene.world.workspace.faults.rate_limit_every(2)

    def strikes(self, scene: Scene) -> None:
        scene.world.workspace.faults.duplicate_next(2)
        scene.world.workspace.faults.reorder_next()


async def play(scene: Scene, trouble: Trouble) -> Picture:
    """Tell the bot of 200 incidents around the trouble, and return what its channels show."""
    for service in BROKEN:
        scene.world.inject(service)
    scene.world.forward(60)
    await fire(scene, BROKEN)
    first, second = [
        str((await scene.root(INCIDENTS, f"HighErrorRatio on {service} in staging"))["ts"])
        for service in BROKEN
    ]
    await sign_off(scene, scene.ben, (INCIDENTS, first), "Roll back checkout from")
    for wave in WAVES[:1]:
        await fire(scene, wave)
        scene.world.forward(121)
    trouble.begins(scene)
    for wave in WAVES[1:]:
        await fire(scene, wave)
        scene.world.forward(121)
    await fire(scene, MANY)
    await trouble.lasts(scene)
    async with time_flies(scene):
        trouble.strikes(scene)
        await asyncio.gather(
            sign_off(
                scene, scene.ben, (INCIDENTS, second), "Roll back search from", within_s=BUSY_S
            ),
            sign_off(
                scene, scene.ana, (INCIDENTS, second), "Silence HighErrorRatio", within_s=BUSY_S
            ),
        )
        await everything_is_told(scene)
    return await picture(scene)


class Undisturbed:
    """How the story ends when nothing happens to Slack; played once a session."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._known: Picture | None = None

    async def picture(self) -> Picture:
        if self._known is None:
            async with staged(self._factory.mktemp("calm"), quiet=True) as scene:
                self._known = await play(scene, Trouble())
                assert posted_twice(scene) == []
        return self._known


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The story without its trouble."""
    return Undisturbed(tmp_path_factory)


async def require_whole(scene: Scene, seen: Picture, wanted: Picture) -> None:
    """Every thread as it should be, every message once, and the record whole."""
    require_equal(seen, wanted)
    assert posted_twice(scene) == []
    assert len(scene.world.shop.effects) == 2
    record = [event["kind"] for event in await events(scene)]
    assert record.count("task.created") == TASKS == 200
    await require_sound(scene)


async def test_after_ten_minutes_without_slack_nothing_is_missing_and_nothing_twice(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    wanted = await undisturbed.picture()
    async with staged(tmp_path, quiet=True) as scene:
        seen = await play(scene, Outage())
        await require_whole(scene, seen, wanted)
        knocks = scene.world.workspace.faults.knocks
        assert knocks["auth.test"] <= PROBES, "one probe asks for all"
        # What was on its way when Slack went, and nothing after.
        assert knocks["chat.postMessage"] + knocks["chat.update"] <= 20, "nobody hammers"
        assert scene.world.bot.restarts == 1
        assert (await ready(scene)) == {"ready": True, "slack": "answers"}
        log = (tmp_path / "bot.log").read_text(encoding="utf-8")
        assert log.count("Slack does not answer") == log.count("Slack answers again") == 1
