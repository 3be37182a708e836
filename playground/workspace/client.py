"""A person of the workspace over HTTP: how tests and the demo's own check act and look."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp

from playground.workspace.inputs import EXTERNAL, all_options, elements
from playground.workspace.model import Json

T = TypeVar("T")
POLL_S = 0.05
# What an error tells of the messages that were there instead: the last few, and how much of each.
LAST, EXCERPT = 3, 80
# Elements that offer options; what another one takes is its value.
CHOOSERS = ("static_select", "external_select", "radio_buttons", "checkboxes", "overflow")


class PersonError(Exception):
    """The workspace told the person that an act failed: its code, the text, errors per field."""

    def __init__(self, answer: Json) -> None:
        super().__init__(f"{answer.get('error')}: {answer.get('message')}")
        self.code = str(answer.get("error"))
        self.message = str(answer.get("message"))
        self.errors: dict[str, str] = answer.get("errors") or {}


class Person:
    """Acts as one person; every act returns once the app has acknowledged it."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, user_id: str) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self.user_id = user_id

    async def state(self) -> Json:
        """Return what the person's page shows around the messages."""
        return await self._look("state")

    async def messages(self, channel: str) -> list[Json]:
        """Return what the person sees in a channel, replies and ephemeral messages included."""
        found: list[Json] = (await self._look("messages", channel=channel))["messages"]
        return found

    async def thread(self, channel: str, ts: str) -> list[Json]:
        """Return a parent and its replies as the person sees them, oldest first."""
        messages = await self.messages(channel)
        return [m for m in messages if ts in (m["ts"], m.get("thread_ts"))]

    async def ephemerals(self, channel: str | None = None) -> list[Json]:
        """Return the messages that only this person sees, in one channel or in all."""
        channels = [channel] if channel else [c["id"] for c in (await self.state())["channels"]]
        found = [message for name in channels for message in await self.messages(name)]
        return [message for message in found if message["is_ephemeral"]]

    async def modal(self) -> Json | None:
        """Return the modal on the person's screen, if any."""
        found: Json | None = (await self.state())["modal"]
        return found

    async def home(self) -> Json | None:
        """Open the app's home tab and return it; None before the app has published one."""
        await self._do("home")
        found: Json | None = (await self.state())["home"]
        return found

    async def say(self, channel: str, text: str, thread_ts: str | None = None) -> str:
        """Say something and return its ts; `@name` and `#channel` become mentions."""
        answer = await self._do("say", channel=channel, text=text, thread_ts=thread_ts)
        return str(answer["ts"])

    async def mention(self, channel: str, text: str, thread_ts: str | None = None) -> str:
        """Say something to the app, which is mentioned first; returns its ts."""
        app = (await self.state())["app"]
        return await self.say(channel, f"<@{app['user_id']}> {text}", thread_ts)

    async def react(self, name: str, channel: str, ts: str, *, is_back: bool = False) -> None:
        """Add a reaction, such as `eyes`, to a message, or take it back."""
        await self._do("react", channel=channel, ts=ts, name=name, is_back=is_back)

    async def command(self, channel: str, line: str) -> None:
        """Run a slash command, such as `/signoff status`."""
        command, _, text = line.partition(" ")
        await self._do("command", channel=channel, command=command, text=text)

    async def click(self, what: str, channel: str, ts: str, value: object = None) -> None:
        """Click the button with the text or action id `what` in a message or below it.

        Where several match, the newest counts. `value` chooses the option of a select. Raises
        LookupError where nothing matches.
        """
        place, _ = await self._found(what, channel, ts)
        await self._do("click", **place, value=value)

    async def select(self, what: str, option: object, channel: str, ts: str) -> None:
        """Choose in a menu of a message: one option, or a list, by text or value.

        `what` is its action id or placeholder. The options of an external menu are asked for
        first. Dates, times, people and places are given as they are. Raises LookupError.
        """
        place, element = await self._found(what, channel, ts)
        await self._choose(place, element, option)

    async def _choose(self, place: Json, element: Json, option: object) -> None:
        known = all_options(element)
        if element["type"] in EXTERNAL:
            texts = option if isinstance(option, list) else [option]
            asked = [await self._do("suggest", **place, text=str(text)) for text in texts]
            known = [one for answer in asked for one in all_options(answer)]
        await self._do("click", **place, value=_chosen(element, known, option))

    async def options(self, what: str, text: str, channel: str, ts: str) -> list[str]:
        """Type into an external menu of a message and return the texts of what it offers."""
        place, _ = await self._found(what, channel, ts)
        answer = await self._do("suggest", **place, text=text)
        return [option["text"]["text"] for option in all_options(answer)]

    async def _found(self, what: str, channel: str, ts: str) -> tuple[Json, Json]:
        thread = await self.thread(channel, ts)
        if not thread:
            raise LookupError(f"no message {ts} in {channel}")
        for message in reversed(thread):
            found = _matching(message.get("blocks", []), what)
            if found is not None:
                return {"channel": channel, "ts": message["ts"], **found[0]}, found[1]
        blocks = [block for message in thread for block in message.get("blocks", [])]
        raise _missing(what, f"in {channel} {ts}", blocks)

    async def sees(
        self, text: str, channel: str, ts: str | None = None, timeout_s: float = 60.0
    ) -> Json:
        """Wait for a message with `text` in it, in a channel or in one thread; return the newest.

        Raises TimeoutError, which says what was there instead.
        """
        there: list[Json] = []

        async def look() -> Json | None:
            there[:] = await (self.thread(channel, ts) if ts else self.messages(channel))
            return next((m for m in reversed(there) if text in shown_text(m)), None)

        try:
            return await self.eventually(look, timeout_s)
        except TimeoutError:
            last = "; ".join(repr(shown_text(m)[:EXCERPT]) for m in there[-LAST:]) or "nothing"
            place = f"{channel} {ts}" if ts else channel
            raise TimeoutError(
                f"`{text}` was not seen in {place} within {timeout_s} s, but {last}"
            ) from None

    async def click_in_modal(self, what: str, value: object = None) -> None:
        """Click something inside the open modal, or choose `value` in it as `select` does."""
        await self._click_in(await self._opened(), "in the modal", what, value)

    async def click_in_home(self, what: str, value: object = None) -> None:
        """Click or choose something in the app's home tab, as `click_in_modal` does in a modal."""
        home = (await self.state())["home"]
        if home is None:
            raise LookupError("no home tab was published")
        await self._click_in(home, "in the home tab", what, value)

    async def _click_in(self, view: Json, place: str, what: str, value: object) -> None:
        found = _matching(view["blocks"], what)
        if found is None:
            raise _missing(what, place, view["blocks"])
        at = {"view_id": view["id"], **found[0]}
        if value is None:
            await self._do("click", **at)
        else:
            await self._choose(at, found[1], value)

    async def forge(self, action_id: str, channel: str, ts: str, value: str | None = None) -> None:
        """Send a button click as given, whether or not the message has such a button."""
        place = {"channel": channel, "ts": ts, "action_id": action_id}
        await self._do("click", **place, value=value, is_forged=True)

    async def submit(self, values: dict[str, object], *, is_forged: bool = False) -> None:
        """Submit the open modal; `values` are named by block id, action id or label.

        An option may be given by its text; of an external menu, as `/page/suggest` has it.
        Raises PersonError with `errors` by block id where a field is refused.
        """
        modal = await self._opened()
        typed: dict[str, Json] = {}
        labels: list[str] = []
        for block, element in elements(modal["blocks"]):
            label = (block.get("label") or {}).get("text")
            labels.append(label or element["action_id"])
            for name in (block["block_id"], element["action_id"], label):
                if name in values:
                    value = _valued(element, values[name])
                    typed.setdefault(block["block_id"], {})[element["action_id"]] = value
        if len(typed) < len(values):
            asked = ", ".join(labels)
            raise LookupError(f"the modal does not have all of {sorted(values)}; it has: {asked}")
        await self._do("submit", view_id=modal["id"], values=typed, is_forged=is_forged)

    async def stop(self, channel: str, thread_ts: str) -> None:
        """Press the stop button of an agent's session that is processing."""
        await self._do("stop", channel=channel, thread_ts=thread_ts)

    async def close(self) -> None:
        """Close the open modal."""
        await self._do("close", view_id=(await self._opened())["id"])

    async def eventually(
        self, look: Callable[[], Awaitable[T | None]], timeout_s: float = 60.0
    ) -> T:
        """Return the first true answer of `look`, asked repeatedly; TimeoutError without one."""
        until = time.monotonic() + timeout_s
        while True:
            found = await look()
            if found:
                return found
            if time.monotonic() > until:
                raise TimeoutError(f"not seen within {timeout_s} s")
            await asyncio.sleep(POLL_S)

    async def _opened(self) -> Json:
        modal = await self.modal()
        if modal is None:
            raise LookupError("no modal is open")
        return modal

    async def _look(self, what: str, **query: str) -> Json:
        params = {"user": self.user_id, **query}
        async with self._session.get(f"{self._base_url}/page/{what}", params=params) as response:
            return await _read(response)

    async def _do(self, act: str, **body: object) -> Json:
        sent = {"user": self.user_id, **body}
        async with self._session.post(f"{self._base_url}/page/{act}", json=sent) as response:
            return await _read(response)


async def _read(response: aiohttp.ClientResponse) -> Json:
    answer: Json = await response.json()
    if not answer.get("ok"):
        raise PersonError(answer)
    return answer


def _matching(blocks: list[Json], what: str) -> tuple[Json, Json] | None:
    for block, element in elements(blocks):
        if what in (element["action_id"], *_shown(element)):
            place = {"action_id": element["action_id"], "block_id": block.get("block_id")}
            return place, element
    return None


def _shown(element: Json) -> list[object]:
    return [_text(element.get("text")), _text(element.get("placeholder"))]


def _missing(what: str, place: str, blocks: list[Json]) -> LookupError:
    """Return the error that names what there is beside what was looked for."""
    there = [
        next((str(name) for name in _shown(element) if name), element["action_id"])
        for _, element in elements(blocks)
    ]
    return LookupError(f"no `{what}` {place}; there is: {', '.join(there) or 'nothing to click'}")


def _text(found: object) -> object:
    return found.get("text") if isinstance(found, dict) else None


def _chosen(element: Json, known: list[Json], wanted: object) -> object:
    if isinstance(wanted, list):
        return [_chosen(element, known, one) for one in wanted]
    if not element["type"].endswith(CHOOSERS):
        return wanted
    for option in known:
        if wanted in (_text(option.get("text")), option.get("value")):
            return option if element["type"] in EXTERNAL else option["value"]
    offered = ", ".join(str(_text(option.get("text"))) for option in known) or "none"
    raise LookupError(f"no option `{wanted}` in {element['action_id']}; offered: {offered}")


def _valued(element: Json, given: object) -> object:
    """Return what a form sends for `given`: an option's value for its text, all else as it is."""
    if isinstance(given, list):
        return [_valued(element, one) for one in given]
    values = {_text(option.get("text")): option.get("value") for option in all_options(element)}
    return values.get(given, given) if isinstance(given, str) else given


def shown_text(message: Json) -> str:
    """Return every text of a message as one: its own, and those of its blocks."""
    found = [str(message.get("text") or "")]
    waiting: list[object] = [message.get("blocks"), message.get("attachments")]
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, list):
            waiting = [*part, *waiting]
        elif isinstance(part, dict):
            waiting = [value for key, value in part.items() if key != "type"] + waiting
            if isinstance(part.get("text"), str):
                found.append(part["text"])
    return "\n".join(found)
