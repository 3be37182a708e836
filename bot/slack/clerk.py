"""Works off the inbox and sends the outbox; each letter and parcel once, in order, with retries."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping

from bot.pulse import Pulse
from bot.slack import blocks as kit
from bot.slack import clicks, commands, digests, forms
from bot.slack.desk import Desk
from bot.slack.events import take as take_event
from bot.slack.sender import NoAnswer, Sender, SlackRefused
from bot.slack.text import code, escaped
from bot.store.boxes import Inbox, Letter, Outbox, Parcel
from bot.store.checkpoints import ANCHOR

POLL_S = 0.25
# The ack goes out first: Bolt polls for it every 10 ms.
ACK_FIRST_S = 0.02
MAX_ATTEMPTS = 8
LAST_ROUND_S = 3.0
APOLOGY = (
    "Something went wrong with what you just did, and it was not done. Please try again; if it"
    " stays so, tell your operators to look at the log."
)

_log = logging.getLogger(__name__)


class InboxClerk:
    """Works letters off one by one, oldest first."""

    def __init__(self, desk: Desk, inbox: Inbox) -> None:
        self._desk, self._inbox = desk, inbox
        self._pulse = Pulse(POLL_S)

    def wake(self) -> None:
        """Look for letters now."""
        self._pulse.wake()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            for letter in await self._inbox.due():
                await self._work(letter)
            await self._pulse.rest()
            await asyncio.sleep(ACK_FIRST_S)

    async def _work(self, letter: Letter) -> None:
        if letter.kind in {"action", "view"}:
            self._desk.context.boundary("click.acknowledged")
        try:
            delay_s = await self._handle(letter)
            if delay_s is not None:
                await self._inbox.later(letter, delay_s)
        # Boundary: a letter that can't be worked off is kept, tried again, and told in the end.
        except Exception:  # noqa: BLE001 - see above
            _log.exception("a letter could not be worked off: %s", letter.kind)
            if letter.attempts + 1 >= MAX_ATTEMPTS:
                await self._desk.answer(letter, APOLOGY, "given up")
            else:
                await self._inbox.later(letter, 2.0**letter.attempts)

    async def _handle(self, letter: Letter) -> float | None:
        if letter.kind == "command":
            await commands.run(self._desk, letter)
        elif letter.kind == "view":
            await forms.submit(self._desk, letter)
        elif letter.kind == "event":
            await take_event(self._desk, letter)
        elif _is_pause(letter):
            await self._desk.done(letter, "opened a modal")
        else:
            return await clicks.act(self._desk, letter)
        return None


class OutboxClerk:
    """Sends what waits; what Slack refuses for good is given up with its reason."""

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        default_channel: str | None,
        bot_name: str = "Signoff",
        post_anchor: Callable[[Mapping[str, str]], Awaitable[None]] | None = None,
    ) -> None:
        self._outbox, self._sender, self._bot_name = outbox, sender, bot_name
        self._post_anchor = post_anchor
        self._default_channel = default_channel
        self._pulse = Pulse(POLL_S)

    def wake(self) -> None:
        """Look for parcels now."""
        self._pulse.wake()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._round()
            await self._pulse.rest()

    async def last_round(self) -> None:
        """Send what waits, after `run` was cancelled; what takes too long waits for the start."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_ROUND_S):
                await self._round()

    async def _round(self) -> None:
        for parcel in await self._outbox.due():
            await self._send(parcel)

    async def _send(self, parcel: Parcel) -> None:
        try:
            await self._deliver(parcel)
        except SlackRefused as refused:
            _log.warning("Slack refused a message: %s", refused.error)
            await self._outbox.failed(parcel, refused.error)
        except NoAnswer as silent:
            await self._outbox.failed(parcel, f"no answer: {silent}")
        else:
            await self._outbox.sent(parcel)

    async def _deliver(self, parcel: Parcel) -> None:
        payload = parcel.payload
        if parcel.kind == "response":
            await self._sender.answer(payload["url"], payload["text"])
        elif parcel.kind == "ephemeral":
            await self._ephemeral(payload)
        elif parcel.kind == "channel":
            channel = payload["channel"] or self._default_channel or ""
            await self._post(channel, escaped(payload["text"]))
        elif parcel.kind == "home":
            view = {"type": "home", "blocks": [kit.header("Signoff"), kit.section(payload["text"])]}
            await self._sender.call("views.publish", {"user_id": payload["user"], "view": view})
        elif parcel.kind == ANCHOR and self._post_anchor is not None:
            await self._post_anchor(payload)
        elif parcel.kind == "dm":
            await self._post(payload["user"], payload["text"])

    async def _ephemeral(self, payload: Mapping[str, str]) -> None:
        arguments = {name: payload[name] for name in ("channel", "user", "text")}
        if "thread_ts" in payload:
            arguments["thread_ts"] = payload["thread_ts"]
        try:
            await self._sender.call("chat.postEphemeral", arguments)
        except SlackRefused:
            if "url" not in payload:
                raise
            await self._sender.answer(payload["url"], payload["text"])

    async def _post(self, channel: str, text: str) -> None:
        await self._sender.call(
            "chat.postMessage",
            {"channel": channel, "text": text, "unfurl_links": False, "unfurl_media": False},
        )


def _is_pause(letter: Letter) -> bool:
    action_id = str(letter.body["actions"][0].get("action_id"))
    return action_id.startswith(digests.PROPOSE_PAUSE)


def fix_for(error: str, channel: str, bot: str = "Signoff") -> str:
    """Return what a person does about a channel the bot can't post to."""
    if not channel:
        return "I have an alert and no channel to tell it in: set `defaults.channel`."
    if error in {"not_in_channel", "channel_not_found"}:
        return f"I can't post in <#{channel}>: invite me there with `/invite @{bot}`."
    if error == "is_archived":
        return f"<#{channel}> is archived: name another channel in `signoff.yaml`."
    if error == "missing_scope":
        return "A Slack permission is missing: paste `manifest.yml` again and reinstall the app."
    return f"Slack does not let me post in <#{channel}> ({code(error)}). Run `signoff doctor`."
