"""The story in acts, an incident with its way back and a campaign, and what kills the bot.

Every click is made as a person makes it: one that got no answer is made again while the card still
asks for it.
"""

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from playground.story import INCIDENTS, MARKETING, Message, Stage, text_of
from playground.workspace.client import Person, PersonError
from tests.scenarios.stages import (
    WITHIN_S,
    Incident,
    break_something,
    eventually,
    happens,
    keys_posted,
    press,
    press_until,
    settled,
    submit,
    thread,
)

QUIET_S, POLL_S = 1.5, 0.1


class Sword:
    """Kills the bot at a named point, once each time it is drawn; see `bot.stops`."""

    def __init__(self, folder: Path, point: str | None) -> None:
        self._mark = folder / "signoff.db.stopped"
        self.point = point
        self.sheathe()

    @property
    def env(self) -> dict[str, str]:
        """What the bot is started with."""
        return {} if self.point is None else {"SIGNOFF_STOP_AT": self.point}

    def sheathe(self) -> None:
        """Let the bot pass the point unharmed."""
        self._mark.parent.mkdir(parents=True, exist_ok=True)
        self._mark.write_text("sheathed", encoding="utf-8")

    def draw(self) -> None:
        """Kill it the next time it passes, once."""
        self._mark.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a thread ended: its words without what moves, and how often each message was posted."""

    texts: list[str]
    posted: int


async def ending(stage: Stage, channel: str, root_ts: str) -> Ending:
    """Read a thread and the posts of the whole workspace."""
    texts = settled(await thread(stage, root_ts, channel))
    keys = keys_posted(stage)
    assert len(keys) == len(set(keys)), "a message was posted twice"
    return Ending(texts=texts, posted=len(keys))


async def quiet_ending(stage: Stage, channel: str, root_ts: str) -> Ending:
    """Return how a thread ends, once it has not changed for a while."""
    seen = await ending(stage, channel, root_ts)
    since = time.monotonic()
    while time.monotonic() - since < QUIET_S:
        await asyncio.sleep(POLL_S)
        now = await ending(stage, channel, root_ts)
        if now != seen:
            seen, since = now, time.monotonic()
    return seen


async def sign_off(
    stage: Stage,
    person: Person,
    place: tuple[str, str],
    title: str,
    *,
    within_s: float = WITHIN_S,
) -> Message:
    """Approve the card with this title in (channel, thread), and wait until it is done."""
    channel, root_ts = place

    async def card(words: str) -> Message | None:
        for message in reversed(await stage.ana.thread(channel, root_ts)):
            if re.search(rf"{title}[\s\S]*{words}", text_of(message)):
                return message
        return None

    async def asking() -> Message | None:
        return await card("no answer is a no")

    async def done() -> Message | None:
        return await card(r"\*Done\*")

    found = await eventually(asking, within_s)
    await press_until(stage, lambda: press(person, "Approve", channel, found["ts"]), done, within_s)
    return await eventually(done, within_s)


async def incident(stage: Stage) -> Incident:
    """A fault, its alert, Ben's sign-off, the rollback, and the verdict."""
    found = await break_something(stage)
    await sign_off(stage, stage.ben, (INCIDENTS, found.root_ts), found.rollback)
    stage.world.forward(90)
    await stage.reply(INCIDENTS, found.root_ts, "Worked")
    await stage.root(INCIDENTS, f"{found.fault.service} in staging[\\s\\S]*resolved at")
    return found


async def undo(stage: Stage, found: Incident) -> None:
    """Ben rolls the rollback back with one click."""
    verdict = await stage.reply(INCIDENTS, found.root_ts, "Worked")

    async def undone() -> bool:
        messages = await thread(stage, found.root_ts)
        return any("*Rolled back* by" in text_of(message) for message in messages)

    await press_until(
        stage, lambda: press(stage.ben, "Roll back", INCIDENTS, verdict["ts"]), undone
    )


def brief(stage: Stage, **changes: object) -> dict[str, object]:
    """Return what Mia writes into the form."""
    today = stage.world.clock.now().date()
    return {
        "name": "Autumn sale",
        "objective": "sales",
        "audience": "New visitors",
        "channel": "search",
        "headline": "Everything a tenth off",
        "url": "https://shop.example.com/autumn",
        "daily_budget": "50.00 EUR",
        "starts_on": today.isoformat(),
        "ends_on": (today + timedelta(days=13)).isoformat(),
        **changes,
    }


async def plan_campaign(stage: Stage) -> str:
    """Mia's brief becomes a plan; returns the thread."""
    await _asked_for_form(stage)
    try:
        await submit(stage.mia, brief(stage))
    except PersonError:
        # Slack says that it did not work, and leaves the form open: it is sent again.
        await stage.bot_is_here()
        await submit(stage.mia, brief(stage))
    root = await stage.root(MARKETING, "Campaign Autumn sale")
    return str(root["ts"])


async def _asked_for_form(stage: Stage) -> None:
    """Write the command until its form opens: one that got no answer is written again."""
    for _ in range(3):
        with contextlib.suppress(PersonError):
            await stage.mia.command(MARKETING, "/launch-campaign")
        if await happens(stage.mia.modal, 3.0):
            return
        await stage.bot_is_here()
    raise AssertionError("three commands, and no form opened")


async def create(stage: Stage, root_ts: str) -> None:
    """Ben signs off that the campaign is created; it is read back, and its start is proposed."""
    await stage.reply(MARKETING, root_ts, "Create the campaign")
    await sign_off(stage, stage.ben, (MARKETING, root_ts), "Create the campaign")
    await stage.reply(MARKETING, root_ts, "Activate the campaign")


async def activate(stage: Stage, root_ts: str) -> None:
    """Ben signs off that it starts; it is read back."""
    await sign_off(stage, stage.ben, (MARKETING, root_ts), "Activate the campaign")
    await stage.reply(MARKETING, root_ts, "Activate[\\s\\S]*Worked")
