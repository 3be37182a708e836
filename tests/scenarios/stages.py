"""A world on stage: how tests start it, act in it, and read what it left behind."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from bot.store.ledger import Verification, lines, verify
from bot.store.reading import open_read_only
from playground.shop.model import Fault
from playground.story import INCIDENTS, Message, Stage, text_of
from playground.workspace.client import Person, PersonError
from playground.workspace.model import User
from playground.world import Plan, World, free_port

SEED = 7
# Long enough for a busy machine to start the bot again: here nothing is held to its speed.
WITHIN_S = 60.0
Event = dict[str, Any]
T = TypeVar("T")

# What differs from run to run though the story is the same: ids, hashes, times, addresses, and
# numbers that are measured while time passes.
MOVING = (
    # What a customer wrote into an order; not every line of the log has one.
    (re.compile(r" \(order note: [^\n]*\)"), ""),
    (re.compile(r"T-[A-Z0-9]{6,}"), "T-ID"),
    (re.compile(r"action `[0-9a-f]{12}`"), "action `HASH`"),
    (re.compile(r"Plan [0-9a-f]{12}"), "Plan HASH"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "BASE"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?"), "TIME"),
    (re.compile(r"\d\d [A-Z][a-z]{2} \d\d:\d\d UTC|\d\d:\d\d UTC"), "TIME"),
    (re.compile(r"\d+(\.\d+)? (%|ms)|\d+ s before"), "NUMBER"),
)


class Scene(Stage):
    """The stage of a test: further people may join, and people are seen in every channel."""

    def __init__(self, world: World, session: aiohttp.ClientSession) -> None:
        super().__init__(world, session)
        self.session = session

    def joined(self, user: User, group: str | None = None) -> Person:
        """Let somebody join the workspace, its open channels, and perhaps a user group."""
        state = self.world.workspace.state
        state.users[user.id] = user
        for channel in state.channels.values():
            if channel.kind == "channel":
                channel.members.add(user.id)
        if group is not None:
            state.groups[group].users.append(user.id)
        return Person(self.session, self.world.base, user.id)


@asynccontextmanager
async def staged(
    folder: Path, *, seed: int = SEED, bot_env: dict[str, str] | None = None, quiet: bool = False
) -> AsyncIterator[Scene]:
    """Start a world with its bot and wait until the bot listens.

    In a `quiet` world nobody tells the bot of alerts; Alertmanager answers all the same.
    """
    port = free_port()
    plan = Plan(
        seed=seed,
        folder=folder,
        port=port,
        bot_env=bot_env or {},
        alertmanager_url=f"http://127.0.0.1:{port}/alertmanager" if quiet else None,
    )
    async with World(plan) as world, on_stage(world) as scene:
        yield scene


@asynccontextmanager
async def on_stage(world: World) -> AsyncIterator[Scene]:
    """Send the people into a running world; it must end without a call Slack does not know."""
    async with aiohttp.ClientSession() as session:
        scene = Scene(world, session)
        await scene.bot_is_here()
        yield scene
        assert world.workspace.unknown_calls == []
        assert world.workspace.complaints == []
        assert world.workspace.excesses == [], f"more than Slack takes: {world.workspace.excesses}"


@dataclass(frozen=True, kw_only=True)
class Incident:
    """A fault, and the thread about it."""

    fault: Fault
    root_ts: str

    @property
    def rollback(self) -> str:
        """The title of its rollback."""
        service, version = self.fault.service, self.fault.version
        return f"Roll back {service} from {version} to {self.fault.previous_version} in staging"


async def break_something(stage: Stage, service: str | None = None) -> Incident:
    """Inject a fault, let its alert fire, and wait until both cards stand in the thread."""
    fault = stage.world.inject(service)
    stage.world.forward(60)
    root = await stage.root(INCIDENTS, f"HighErrorRatio on {fault.service} in staging")
    found = Incident(fault=fault, root_ts=root["ts"])
    await stage.reply(INCIDENTS, found.root_ts, found.rollback)
    await stage.reply(INCIDENTS, found.root_ts, "Silence HighErrorRatio")
    return found


async def card_of(stage: Stage, incident: Incident, pattern: str | None = None) -> Message:
    """Return the newest message of the thread with this text; without one, the rollback's card."""
    return await stage.reply(INCIDENTS, incident.root_ts, pattern or incident.rollback)


async def thread(stage: Stage, root_ts: str, channel: str = INCIDENTS) -> list[Message]:
    """Return what everybody sees of a thread, in order."""
    found = await stage.ana.thread(channel, root_ts)
    return [message for message in found if not message["is_ephemeral"]]


def settled(messages: list[Message]) -> list[str]:
    """Return the messages' words without what moves with time."""
    return [still(text_of(message)) for message in messages]


def still(text: str) -> str:
    """Return a text without what moves with time."""
    for pattern, name in MOVING:
        text = pattern.sub(name, text)
    return text


async def press(person: Person, what: str, channel: str, ts: str) -> str | None:
    """Click once; returns what a person sees when the click got no answer, such as `timeout`."""
    try:
        await person.click(what, channel, ts)
    except PersonError as error:
        return error.code
    return None


async def press_until(
    stage: Stage,
    act: Callable[[], Awaitable[str | None]],
    is_done: Callable[[], Awaitable[object]],
    within_s: float = WITHIN_S,
) -> None:
    """Do as a person does: click, and click again when nothing came of it."""
    for _ in range(3):
        error = await act()
        if error is None:
            await eventually(is_done, within_s)
            return
        await stage.bot_is_here()
        if await happens(is_done, 3.0):
            return
    raise AssertionError("three clicks, and nothing came of them")


async def happens(look: Callable[[], Awaitable[T | None]], within_s: float) -> T | None:
    """Return the first true answer of `look` within a time, or None."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.05)
    return None


async def eventually(look: Callable[[], Awaitable[T | None]], within_s: float = WITHIN_S) -> T:
    """Return the first true answer of `look`; fails when there is none in time."""
    found = await happens(look, within_s)
    assert found, f"{look} did not come true within {within_s:g} s"
    return found


async def submit(person: Person, values: dict[str, object]) -> None:
    """Wait for the modal, fill it in and send it."""
    await eventually(person.modal)
    await person.submit(values)


async def events(stage: Stage) -> list[Event]:
    """Return the record, oldest first."""
    return await asyncio.to_thread(_recorded, _url(stage))


async def require_sound(stage: Stage) -> None:
    """Verify the record; it fails where it is not sound."""
    found = await asyncio.to_thread(_verified, _url(stage))
    assert found.fault is None
    assert found.events > 0


def _recorded(url: str) -> list[Event]:
    with open_read_only(url) as connection:
        return [json.loads(json.loads(line)["body"]) for line in lines(connection)]


def _verified(url: str) -> Verification:
    with open_read_only(url) as connection:
        return verify(connection)


def _url(stage: Stage) -> str:
    return f"sqlite+aiosqlite:///{stage.world.plan.folder / 'signoff.db'}"


def is_said(stage: Stage, pattern: str) -> bool:
    """Say whether any message of the bot matched at some time."""
    return any(
        re.search(pattern, json.dumps(call.args, ensure_ascii=False))
        for call in stage.world.workspace.calls
        if call.method in {"chat.postMessage", "chat.update"} and call.answer["ok"]
    )


def keys_posted(stage: Stage) -> list[str]:
    """Return the mark of each message that the mirror posted and that stands in a channel."""
    found = []
    for messages in stage.world.workspace.state.messages.values():
        for message in messages.values():
            mark = mark_of(message.metadata)
            if mark is not None:
                found.append(mark)
    return found


def mark_of(metadata: Any) -> str | None:  # noqa: ANN401 - as Slack hands it on
    """Return by what the bot knows a message again; None for what has no mark."""
    payload = (metadata or {}).get("event_payload", {})
    return "/".join(str(value) for value in payload.values()) or None
