"""What people do while the bot dies again and again: what got no answer is done again."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playground.story import INCIDENTS, MARKETING, text_of
from playground.workspace.client import Person, PersonError
from playground.workspace.model import Message
from tests.scenarios.plays import brief
from tests.scenarios.stages import Scene, happens, press

WITHIN_S, AGAIN_AFTER_S, POLL_S = 120.0, 3.0, 0.1
ASKS = "no answer is a no"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A thread, and the scene it is in."""

    scene: Scene
    channel: str
    root_ts: str

    def find(self, pattern: str) -> Message | None:
        """Return the newest message of the thread with these words."""
        state = self.scene.world.workspace.state
        root = state.find(self.channel, self.root_ts)
        messages = [*([] if root is None else [root]), *state.replies(self.channel, self.root_ts)]
        found = (one for one in reversed(messages) if re.search(pattern, words(one)))
        return next(found, None)

    async def shows(self, pattern: str) -> Message:
        """Wait until the thread has a message with these words."""
        return await appears(lambda: self.find(pattern), f"/{pattern}/ in {words(self.root)}")

    @property
    def root(self) -> Message:
        """The first message."""
        found = self.scene.world.workspace.state.find(self.channel, self.root_ts)
        assert found is not None
        return found


def words(message: Message) -> str:
    """Return what a person reads of a message."""
    return text_of({"text": message.text, "blocks": message.blocks})


async def appears(look: Callable[[], Message | None], what: str) -> Message:
    """Wait for a message."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        found = look()
        if found is not None:
            return found
        await asyncio.sleep(POLL_S)
    raise AssertionError(f"there is no {what}")


async def thread(scene: Scene, channel: str, beginning: str) -> Place:
    """Wait for the thread whose first message begins so."""

    def look() -> Message | None:
        for message in scene.world.workspace.state.messages[channel].values():
            if message.thread_ts in {None, message.ts} and words(message).startswith(beginning):
                return message
        return None

    root = await appears(look, f"thread that begins with {beginning}")
    return Place(scene=scene, channel=channel, root_ts=root.ts)


@dataclass(frozen=True, kw_only=True)
class Button:
    """A button by its text, on which message it stands, and what that thread says afterwards."""

    text: str
    asks: str
    done: str


def approval(title: str) -> Button:
    """The button of a card that waits for a sign-off."""
    return Button(text="Approve", asks=rf"{title}[\s\S]*{ASKS}", done=rf"{title}[\s\S]*\*Done\*")


def undoing(title: str) -> Button:
    """The button of a verdict, while one click undoes what was done."""
    return Button(
        text="Roll back",
        asks=rf"{title}[\s\S]*Worked[\s\S]*One click",
        done=rf"{title}[\s\S]*\*Rolled back\* by",
    )


async def presses(person: Person, button: Button, place: Place) -> None:
    """Click until the click was taken, and never again after it was: then it must be done."""

    def next_look() -> Message | None:
        return place.find(button.done) or place.find(button.asks)

    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        await appears(next_look, f"{button.text} in {words(place.root)}")
        asking = place.find(button.asks)
        if asking is None:
            return
        if await _is_taken(person, button, place, asking):
            await place.shows(button.done)
            return
        await place.scene.bot_is_here()
        await happens(_seen(place, button.done), AGAIN_AFTER_S)
    raise AssertionError(f"{button.text} was never taken: {words(place.root)}")


def _seen(place: Place, pattern: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return place.find(pattern) is not None

    return look


async def _is_taken(person: Person, button: Button, place: Place, message: Message) -> bool:
    try:
        return await press(person, button.text, place.channel, message.ts) is None
    except LookupError:
        # It was drawn anew between the look and the click.
        return False


async def send_brief(scene: Scene, name: str) -> Place:
    """Mia writes the command until a form opens, and sends the form until it is taken."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        if await scene.mia.modal() is None and not await _form_opens(scene):
            continue
        try:
            await scene.mia.submit(brief(scene, name=name))
        except PersonError:
            # Slack says that it did not work, and leaves the form open.
            await scene.bot_is_here()
            continue
        return await thread(scene, MARKETING, f"Campaign {name}")
    raise AssertionError(f"the brief of {name} was never taken")


async def _form_opens(scene: Scene) -> bool:
    try:
        await scene.mia.command(MARKETING, "/launch-campaign")
    except PersonError:
        await scene.bot_is_here()
    return bool(await happens(scene.mia.modal, AGAIN_AFTER_S))


async def run_campaign(place: Place, name: str) -> None:
    """Ben signs off that it is created, and that it starts; each is read back."""
    await presses(place.scene.ben, approval("Create the campaign"), place)
    await place.shows("Activate the campaign")
    await presses(place.scene.ben, approval("Activate the campaign"), place)
    await place.shows(r"Activate[\s\S]*Worked")
    assert name in words(place.root)


async def mend(scene: Scene, service: str, *, is_undone: bool) -> None:
    """Ben rolls a service back, Ana silences its alert; Ben may undo the rollback."""
    place = await thread(scene, INCIDENTS, f"HighErrorRatio on {service} in staging")
    rollback = f"Roll back `?{service}`? from"
    await asyncio.gather(
        presses(scene.ben, approval(rollback), place),
        presses(scene.ana, approval("Silence HighErrorRatio"), place),
    )
    await place.shows(rf"{rollback}[\s\S]*Worked")
    if is_undone:
        await presses(scene.ben, undoing(rollback), place)
