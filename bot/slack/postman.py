"""Sends the outbox: to each place in order, to different places side by side.

Notices to channels and direct messages carry the parcel's number, and are looked for after an
unclear answer: they arrive once. What only one person sees can't be looked for: after an unclear
answer it is sent again, so it may arrive twice, because an answer that never comes is worse. While
Slack is away nothing is tried, and that counts as no attempt; what comes late says so, and what
comes too late is dropped.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from bot.pulse import Pulse
from bot.slack import blocks as kit
from bot.slack.halts import notice
from bot.slack.parts import Wanted
from bot.slack.poster import Poster, ThreadGoneError
from bot.slack.rates import Urgency
from bot.slack.sender import NoAnswer, NotSent, Sender, SlackRefused
from bot.slack.text import clock_time, day_time, escaped
from bot.store.boxes import Outbox, Parcel
from bot.store.checkpoints import ANCHOR
from bot.store.notices import NOTICE

POLL_S = 0.25
AGAIN_S = 2.0
EPHEMERAL, RESPONSE, CHANNEL, DIRECT, HOME = "ephemeral", "response", "channel", "dm", "home"
# To a channel, with mentions: whoever writes it makes what comes from outside harmless.
ALARM = "alarm"
LATE_S = timedelta(minutes=10).total_seconds()
DAY_S = timedelta(days=1).total_seconds()
# An answer is for what somebody is doing; a notice is still news tomorrow. A `response_url` takes
# answers for 30 minutes (docs.slack.dev, interactivity).
DROPPED_AFTER_S = {
    RESPONSE: timedelta(minutes=30).total_seconds(),
    EPHEMERAL: timedelta(hours=1).total_seconds(),
    HOME: timedelta(hours=1).total_seconds(),
    CHANNEL: DAY_S,
    DIRECT: DAY_S,
    # Who stopped what is told however late.
    NOTICE: 30 * DAY_S,
}

# A stop does not wait longer for Slack.
LAST_ROUND_S = 3.0
POSTED = frozenset({CHANNEL, ALARM, NOTICE, DIRECT})
PostAnchor = Callable[[Mapping[str, str]], Awaitable[None]]
# A channel or a person, and the thread.
Place = tuple[str, str | None]

_log = logging.getLogger(__name__)


class OutboxClerk:
    """Sends what waits; what Slack refuses for good is given up with its reason."""

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        default_channel: str | None,
        post_anchor: PostAnchor | None = None,
    ) -> None:
        self._outbox, self._sender, self._post_anchor = outbox, sender, post_anchor
        self._poster = Poster(sender)
        self._default_channel = default_channel
        self._pulse = Pulse(POLL_S)
        self._busy: dict[str, asyncio.Task[None]] = {}
        # Sent, though that could not be stored yet: never sent again by this process.
        self._gone: set[int] = set()

    def wake(self) -> None:
        """Look for parcels now."""
        self._pulse.wake()

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                await self._sender.line.back()
                async with self._pulse.outlasting("the outbox"):
                    await self._hand_out()
                await self._pulse.rest()
        finally:
            for running in self._busy.values():
                running.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def last_round(self) -> None:
        """Send what waits, after `run` was cancelled; what takes too long waits for the start."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_ROUND_S):
                await self._hand_out()
                await asyncio.gather(*self._busy.values())

    async def _hand_out(self) -> None:
        # Before the look: what is being sent during it may look due though it went meanwhile.
        busy = frozenset(self._busy)
        by_place: dict[str, list[Parcel]] = {}
        for parcel in await self._outbox.due():
            by_place.setdefault(parcel.place, []).append(parcel)
        for place, parcels in by_place.items():
            if place not in busy:
                self._start(place, parcels)

    def _start(self, place: str, parcels: list[Parcel]) -> None:
        running = asyncio.create_task(self._send_all(parcels))
        self._busy[place] = running

        def done(task: asyncio.Task[None]) -> None:
            self._busy.pop(place, None)
            if task.cancelled():
                return
            if task.exception() is not None:
                _log.error("the outbox stumbled", exc_info=task.exception())
            else:
                # What came for the place meanwhile was left out.
                self._pulse.wake()

        running.add_done_callback(done)

    async def _send_all(self, parcels: list[Parcel]) -> None:
        async with self._pulse.outlasting("a message"):
            for parcel in parcels:
                if not await self._send(parcel):
                    # What comes after it waits too: one place, one order.
                    return

    async def _send(self, parcel: Parcel) -> bool:
        """Send one; False when it is to be tried again before anything else goes there."""
        if parcel.age_s > DROPPED_AFTER_S.get(parcel.kind, DAY_S):
            await self._outbox.given_up(parcel, f"dropped: {parcel.age_s / 60:.0f} min late")
            _log.warning("a message is dropped: it would come %.0f min late", parcel.age_s / 60)
            return True
        try:
            if parcel.id not in self._gone:
                await self._deliver(parcel)
        except SlackRefused as refused:
            _log.warning("Slack refused a message: %s", refused.error)
            await self._outbox.failed(parcel, refused.error)
        except NotSent as silent:
            await self._outbox.later(parcel, AGAIN_S, f"not sent: {silent}")
            return False
        except NoAnswer as silent:
            await self._outbox.unanswered(parcel, f"no answer: {silent}")
            return False
        else:
            self._gone.add(parcel.id)
            await self._outbox.sent(parcel)
            self._gone.discard(parcel.id)
        return True

    async def _deliver(self, parcel: Parcel) -> None:
        payload = parcel.payload
        if parcel.kind == RESPONSE:
            await self._respond(parcel)
        elif parcel.kind == EPHEMERAL:
            await self._ephemeral(parcel)
        elif parcel.kind == HOME:
            view = {"type": "home", "blocks": [kit.header("Signoff"), kit.section(payload["text"])]}
            arguments = {"user_id": payload["user"], "view": view}
            await self._sender.call("views.publish", arguments, Urgency.ANSWER)
        elif parcel.kind == ANCHOR and self._post_anchor is not None:
            await self._post_anchor(payload)
        elif parcel.kind in POSTED:
            await self._post(parcel, *self._addressed(parcel))

    def _addressed(self, parcel: Parcel) -> tuple[Place, str]:
        """Return where a message goes, with its text."""
        payload = parcel.payload
        if parcel.kind == DIRECT:
            return (payload["user"], None), _said(parcel)
        if parcel.kind == NOTICE:
            # Made of marked-up words here: nothing in it is anybody's markup.
            return (payload["channel"], None), notice(payload, _since(parcel))
        channel = payload["channel"] or self._default_channel or ""
        if parcel.kind == ALARM:
            return (channel, None), _said(parcel)
        return (channel, payload.get("thread_ts")), escaped(_said(parcel))

    async def _respond(self, parcel: Parcel) -> None:
        payload = parcel.payload
        if "blocks" in payload:
            # Where Slack does not take the blocks, the text says the same; a late one says so.
            with contextlib.suppress(SlackRefused):
                blocks = json.loads(payload["blocks"])
                await self._sender.answer(payload["url"], _said(parcel), blocks)
                return
        await self._sender.answer(payload["url"], _said(parcel))

    async def _ephemeral(self, parcel: Parcel) -> None:
        payload = parcel.payload
        arguments = {name: payload[name] for name in ("channel", "user")}
        if "thread_ts" in payload:
            arguments["thread_ts"] = payload["thread_ts"]
        try:
            await self._sender.call(
                "chat.postEphemeral", {**arguments, "text": _said(parcel)}, Urgency.ANSWER
            )
        except SlackRefused:
            if "url" not in payload:
                raise
            await self._sender.answer(payload["url"], _said(parcel))

    async def _post(self, parcel: Parcel, place: Place, text: str) -> None:
        if parcel.begun_at is not None and await self._is_there(parcel, place):
            return
        # A text that a section would cut stands alone.
        blocks = [kit.section(text)] if len(text) <= kit.SECTION else []
        message = Wanted(key="parcel", text=text, blocks=blocks)
        urgency = Urgency.ANSWER if parcel.kind in {DIRECT, ALARM} else Urgency.NEWS
        await self._sender.turn("chat.postMessage", place[0], urgency)
        await self._outbox.begun(parcel)
        try:
            # Where the thread is gone it stands in the channel: better there than nowhere.
            with contextlib.suppress(ThreadGoneError):
                await self._poster.post(place, _mark(parcel), message)
        except (SlackRefused, NotSent):
            await self._outbox.not_begun(parcel)
            raise

    async def _is_there(self, parcel: Parcel, place: Place) -> bool:
        assert parcel.begun_at is not None  # noqa: S101 - asked of what was begun only
        channel, root_ts = place
        if channel.startswith(("U", "W")):
            opened = await self._sender.call("conversations.open", {"users": channel})
            channel = str(opened["channel"]["id"])
        try:
            found = await self._poster.find((channel, root_ts), _mark(parcel), parcel.begun_at)
        except ThreadGoneError as gone:
            return gone.misplaced is not None
        return found is not None


def _mark(parcel: Parcel) -> dict[str, str]:
    # Numbers begin anew with a new database; with its time a parcel is not mistaken for another.
    return {"outbox": str(parcel.id), "created_at": parcel.created_at.isoformat()}


def _said(parcel: Parcel) -> str:
    return f"{_since(parcel)}{parcel.payload['text']}"


def _since(parcel: Parcel) -> str:
    if parcel.age_s < LATE_S:
        return ""
    is_today = parcel.age_s < DAY_S / 2
    when: Any = clock_time(parcel.created_at) if is_today else day_time(parcel.created_at)
    return f"(from {when}, late: Slack was away) "
