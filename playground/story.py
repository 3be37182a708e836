"""The story of the demo, played and checked without a browser: each step is told as it happens."""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp

from playground.shop.model import Fault
from playground.workspace.client import Person
from playground.world import World

INCIDENTS, MARKETING = "C0INCIDENTS", "C0MARKETING"
ANA, BEN, MIA = "U0ANA", "U0BEN", "U0MIA"
SAYS_WITHIN_S = 2.0
# How long a step of the story may take where other programs use the machine too.
PATIENCE_S = 60.0
Message = dict[str, Any]


class StoryError(AssertionError):
    """A step of the story did not come out."""


@dataclass(kw_only=True)
class Teller:
    """Prints each step with the time it took."""

    began_at: float

    def step(self, words: str) -> None:
        """Tell a step that came out."""
        print(f"  {time.monotonic() - self.began_at:6.1f} s  {words}", flush=True)


def require(fact: object, words: str) -> None:
    """Stop the story where it does not come out."""
    if not fact:
        raise StoryError(words)


def text_of(message: Message) -> str:
    """Return every word a person sees of a message."""
    found: list[str] = []

    def walk(part: object) -> None:
        if isinstance(part, dict):
            for key, value in part.items():
                if key == "text" and isinstance(value, str):
                    found.append(value)
                elif key not in {"value", "block_id", "action_id", "metadata"}:
                    walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    blocks = message.get("blocks")
    walk(blocks if blocks else [{"text": message.get("text", "")}])
    return "\n".join(found)


class Stage:
    """The people of the story in a running world."""

    def __init__(self, world: World, session: aiohttp.ClientSession) -> None:
        self.world = world
        self.ana = Person(session, world.base, ANA)
        self.ben = Person(session, world.base, BEN)
        self.mia = Person(session, world.base, MIA)

    async def bot_is_here(self) -> None:
        """Wait until the bot can be reached."""

        async def look() -> bool:
            return self.world.workspace.is_app_there

        try:
            await self.ana.eventually(look, timeout_s=PATIENCE_S)
        except TimeoutError as error:
            raise StoryError(f"the bot did not start:\n{self.world.bot.log_tail()}") from error

    async def root(self, channel: str, pattern: str, after: str = "0") -> Message:
        """Wait for a thread whose first message matches."""

        async def look() -> Message | None:
            for message in reversed(await self.ana.messages(channel)):
                is_root = message.get("thread_ts") in {None, message["ts"]}
                if is_root and message["ts"] > after and re.search(pattern, text_of(message)):
                    return message
            return None

        return await self._waited(look, f"a thread with /{pattern}/ in {channel}")

    async def reply(self, channel: str, root_ts: str, pattern: str) -> Message:
        """Wait for a message of a thread that matches."""

        async def look() -> Message | None:
            for message in reversed(await self.ana.thread(channel, root_ts)):
                if re.search(pattern, text_of(message)):
                    return message
            return None

        return await self._waited(look, f"a message with /{pattern}/ in the thread")

    async def told(self, person: Person, pattern: str, channel: str | None = None) -> Message:
        """Wait for a message that only this person sees."""

        async def look() -> Message | None:
            for message in reversed(await person.ephemerals(channel)):
                if re.search(pattern, text_of(message)):
                    return message
            return None

        return await self._waited(look, f"/{pattern}/ told to {person.user_id}")

    async def _waited(self, look: Callable[[], Awaitable[Message | None]], what: str) -> Message:
        try:
            return await self.ana.eventually(look, timeout_s=PATIENCE_S)
        except TimeoutError as error:
            raise StoryError(f"did not see {what}") from error


async def play(world: World) -> None:
    """Play both halves of the story; raises StoryError at the first step that does not come out."""
    teller = Teller(began_at=time.monotonic())
    async with aiohttp.ClientSession() as session:
        stage = Stage(world, session)
        await stage.bot_is_here()
        teller.step(f"the world runs at {world.base}, the bot is connected")
        await incident(stage, teller)
        await all_well(stage, teller)
        await campaign(stage, teller)
        await digest(stage, teller)
        await paused(stage, teller)


async def incident(stage: Stage, teller: Teller) -> None:
    """A fault, its alert, the sign-off, the rollback, the verdict, and the way back."""
    world = stage.world
    fault = world.inject()
    teller.step(f"{fault.service} {fault.previous_version} -> {fault.version} breaks in staging")
    # The rule waits for the ratio to hold; fast-forward plays that time.
    world.forward(60)
    root = await stage.root(INCIDENTS, f"HighErrorRatio on {fault.service} in staging")
    seen = await stage.reply(INCIDENTS, root["ts"], "What I see")
    took = float(seen["ts"]) - float(root["ts"])
    require(took <= SAYS_WITHIN_S, f"the first evidence took {took:.1f} s")
    teller.step("the thread says what it sees")
    await stage.reply(INCIDENTS, root["ts"], rf"Likely causes[\s\S]*{fault.version}")
    title = f"Roll back {fault.service} from {fault.version} to {fault.previous_version} in staging"
    card = await stage.reply(INCIDENTS, root["ts"], title)
    require("subteam^S0ONCALL" in text_of(card), "the card mentions the approving group")
    await stage.reply(INCIDENTS, root["ts"], "Silence HighErrorRatio")
    teller.step(f"proposed: {title}; and a silence")
    await _wrong_clickers(stage, root, card)
    teller.step("Mia is not on call: told why, nothing changed")
    await stage.ben.click("Approve", INCIDENTS, card["ts"])
    await stage.reply(INCIDENTS, root["ts"], rf"{title}[\s\S]*Done\*, signed off")
    await _effects(stage, 1)
    teller.step("Ben signs off; the shop rolled back once")
    world.forward(90)
    await stage.reply(INCIDENTS, root["ts"], "Worked")
    teller.step("measured again: worked")
    await _reject_silence(stage, root, teller)
    await _undo(stage, root, fault, teller)


async def _wrong_clickers(stage: Stage, root: Message, card: Message) -> None:
    await stage.mia.click("Approve", INCIDENTS, card["ts"])
    await stage.told(stage.mia, "NOT_IN_GROUP", INCIDENTS)
    card_now = await stage.reply(INCIDENTS, root["ts"], "Roll back")
    require("Signed off" not in text_of(card_now), "a refused click changed the card")


async def _effects(stage: Stage, count: int) -> None:
    async def look() -> bool:
        return len(stage.world.shop.effects) >= count

    await stage.ana.eventually(look, timeout_s=PATIENCE_S)
    found = len(stage.world.shop.effects)
    require(found == count, f"the shop executed {found} effects, not {count}")


async def _reject_silence(stage: Stage, root: Message, teller: Teller) -> None:
    silence = await stage.reply(INCIDENTS, root["ts"], "Silence HighErrorRatio")
    await stage.ana.click("Reject…", INCIDENTS, silence["ts"])

    async def opened() -> Message | None:
        return await stage.ana.modal()

    await stage.ana.eventually(opened)
    await stage.ana.submit({"reason": "It is fixed, let it page"})
    await stage.reply(INCIDENTS, root["ts"], "Rejected[\\s\\S]*let it page")
    teller.step("Ana rejects the silence, with a reason")


async def _undo(stage: Stage, root: Message, fault: Fault, teller: Teller) -> None:
    verdict = await stage.reply(INCIDENTS, root["ts"], "Worked")
    await stage.ben.click("Roll back", INCIDENTS, verdict["ts"])
    await stage.reply(INCIDENTS, root["ts"], f"Rolled back[\\s\\S]*{fault.version}")
    await _effects(stage, 2)
    teller.step(f"Roll back, one click: {fault.service} is on {fault.version} again")


async def all_well(stage: Stage, teller: Teller) -> None:
    """`/triage` of a healthy service says that nothing is wrong."""
    broken = {fault.service for fault in stage.world.shop.story}
    service = next(name for name in ("checkout", "search", "web") if name not in broken)
    await stage.ana.command(INCIDENTS, f"/triage {service} staging")
    root = await stage.root(INCIDENTS, f"Triage of {service} in staging")
    await stage.reply(INCIDENTS, root["ts"], "All well[\\s\\S]*Nothing is wrong")
    teller.step(f"/triage {service}: nothing is wrong, and it says so")


async def campaign(stage: Stage, teller: Teller) -> None:
    """A brief becomes a plan, is created paused, read back, and activated as a second step."""
    today = stage.world.clock.now().date()
    await stage.mia.command(MARKETING, "/launch-campaign")

    async def opened() -> Message | None:
        return await stage.mia.modal()

    await stage.mia.eventually(opened)
    brief: dict[str, object] = {
        "name": "Autumn sale",
        "objective": "sales",
        "audience": "New visitors",
        "channel": "search",
        "headline": "Everything a tenth off",
        "url": "https://shop.example.com/autumn",
        "daily_budget": "50.00 EUR",
        "starts_on": today.isoformat(),
        "ends_on": (today + timedelta(days=13)).isoformat(),
    }
    await stage.mia.submit(brief)
    root = await stage.root(MARKETING, "Campaign Autumn sale")
    card = await stage.reply(MARKETING, root["ts"], "Create the campaign")
    require("875.00 EUR" in text_of(card), "the card shows the worst case, 875.00 EUR")
    teller.step("Mia's brief became a plan: at worst 875.00 EUR")
    await stage.mia.click("Approve", MARKETING, card["ts"])
    await stage.told(stage.mia, "IS_REQUESTER", MARKETING)
    teller.step("Mia asked for it, so she can't sign it off; told why")
    await stage.ben.click("Approve", MARKETING, card["ts"])
    second = await stage.reply(MARKETING, root["ts"], "Activate the campaign")
    teller.step("Ben signs off; created paused and read back; activating is proposed")
    await stage.ben.click("Approve", MARKETING, second["ts"])
    await stage.reply(MARKETING, root["ts"], "Activate[\\s\\S]*Worked")
    teller.step("Ben signs off; it is active, read back")


async def digest(stage: Stage, teller: Teller) -> None:
    """The digest lists campaigns, and one of them is paused from it."""
    await stage.mia.command(MARKETING, "/signoff digest")
    found = await stage.root(MARKETING, "Campaigns, \\d{4}")
    require("planned" in text_of(found), "the digest shows spend against plan")
    teller.step("/signoff digest: spend against plan")
    await stage.mia.click("campaign.propose_pause.0", MARKETING, found["ts"])

    async def opened() -> Message | None:
        return await stage.mia.modal()

    await stage.mia.eventually(opened)
    await stage.mia.submit({"reason": "The landing page is down"})
    root = await stage.root(MARKETING, "Pause campaign")
    card = await stage.reply(MARKETING, root["ts"], "landing page is down")
    await stage.ben.click("Approve", MARKETING, card["ts"])
    await stage.reply(MARKETING, root["ts"], "Pause the campaign[\\s\\S]*Worked")
    teller.step("a running campaign is paused from the digest, and read back")


async def paused(stage: Stage, teller: Teller) -> None:
    """Anybody pauses; only an operator resumes."""
    await stage.mia.command(MARKETING, "/signoff pause trying it")
    await stage.told(stage.mia, "Signoff is paused", MARKETING)
    await stage.mia.command(MARKETING, "/signoff resume")
    await stage.told(stage.mia, "Only members of", MARKETING)
    await stage.ana.command(MARKETING, "/signoff resume tried it")
    await stage.told(stage.ana, "goes on", MARKETING)
    teller.step("Mia pauses everything; only Ana, an operator, resumes")
