"""300 tasks of both halves in waves: alerts of strangers, broken services, campaigns."""

import asyncio
from dataclasses import dataclass

from tests.chaos.flight import Flight
from tests.chaos.people import ASKS, mend, run_campaign, send_brief
from tests.scenarios.outages import everything_is_told, fire
from tests.scenarios.stages import Scene

# In this order no service calls one that was left broken before.
SHOP = ("web", "checkout", "search", "payments", "shipping", "catalog")
# So many alerts at once get threads of their own; of those after them one storm is made.
OWN_THREADS, STORM_WINDOW_S = 5, 121
# What counts against "so many actions an hour" is over then, and so is every window for undoing.
HOUR_S = 3700


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the story is; campaigns of one wave stay below the limit of actions an hour."""

    waves: int = 8
    strangers: int = 174
    broken: int = 6
    campaigns: int = 120

    @property
    def tasks(self) -> int:
        """How many tasks that makes."""
        return self.strangers + self.broken + self.campaigns

    @property
    def undone(self) -> int:
        """How many of the rollbacks are rolled back again."""
        return self.broken // 2

    def strangers_of(self, wave: int) -> list[str]:
        """The services nobody knows of which alerts tell in this wave."""
        return [f"service-{number:03d}" for number in range(wave, self.strangers, self.waves)]

    def broken_of(self, wave: int) -> list[int]:
        """The services of the shop that break in this wave, by their number."""
        return list(range(wave, self.broken, self.waves))

    def campaigns_of(self, wave: int) -> list[str]:
        """The campaigns that Mia plans in this wave."""
        return [f"Autumn sale {number:03d}" for number in range(wave, self.campaigns, self.waves)]


async def play(scene: Scene, flight: Flight, size: Size) -> None:
    """Play all waves."""
    for wave in range(size.waves):
        await _play_wave(scene, flight, size, wave)
    async with flight.flies():
        await everything_is_told(scene)


async def _play_wave(scene: Scene, flight: Flight, size: Size, wave: int) -> None:
    for number in size.broken_of(wave):
        scene.world.inject(SHOP[number])
        scene.world.forward(STORM_WINDOW_S)
        await fire(scene, [SHOP[number]])
    strangers = size.strangers_of(wave)
    for batch in (strangers[:OWN_THREADS], strangers[OWN_THREADS:]):
        scene.world.forward(STORM_WINDOW_S)
        await fire(scene, batch)
    async with flight.flies():
        mending = [
            mend(scene, SHOP[number], is_undone=number % 2 == 1) for number in size.broken_of(wave)
        ]
        await asyncio.gather(_launch(scene, size.campaigns_of(wave)), *mending)
        await everything_is_told(scene)
    scene.world.forward(HOUR_S)


async def _launch(scene: Scene, names: list[str]) -> None:
    places = {name: await send_brief(scene, name) for name in names}
    # All are planned before the first is created: a plan says how many campaigns there are.
    await asyncio.gather(*(place.shows(ASKS) for place in places.values()))
    await asyncio.gather(*(run_campaign(place, name) for name, place in places.items()))
