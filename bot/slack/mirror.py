"""The mirror: renders what is stored into threads, from a stored cursor per thread.

It alone posts about tasks. Each post is begun in the store, made, and noted; after a crash in
between it is looked for by its metadata before it is made again.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.pulse import Pulse
from bot.slack.cards import Mentions
from bot.slack.limits import faults
from bot.slack.sender import NoAnswer, Sender, SlackRefused
from bot.slack.threads import Wanted, fallback, posts
from bot.store.threads import Post, Thread, ThreadStore
from tools.ports import Boundary

EVENT_TYPE = "signoff_post"
POLL_S, RETRY_S = 0.5, 2.0
GONE = frozenset({"message_not_found", "cant_update_message"})
UNFIT = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Glass:
    """What the mirror works with."""

    store: ThreadStore
    sender: Sender
    mentions: Callable[[], Awaitable[Mentions]]
    default_channel: str | None
    unreachable: Callable[[Thread, str], Awaitable[None]]
    boundary: Boundary


class Mirror:
    """Brings threads up to date, each serially, different ones side by side."""

    def __init__(self, glass: Glass) -> None:
        self._glass = glass
        self._pulse = Pulse(POLL_S)
        self._busy: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Look for news now."""
        self._pulse.wake()

    async def run(self) -> None:
        """Mirror until cancelled."""
        try:
            while True:
                behind = await self._glass.store.behind()
                for thread in [one for one in behind if one.id not in self._busy]:
                    self._start(thread)
                await self._pulse.rest()
        finally:
            for running in self._busy.values():
                running.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    def _start(self, thread: Thread) -> None:
        running = asyncio.create_task(self._render(thread))
        self._busy[thread.id] = running

        def done(_: asyncio.Task[None]) -> None:
            self._busy.pop(thread.id, None)
            self._pulse.wake()

        running.add_done_callback(done)

    async def _render(self, thread: Thread) -> None:
        store = self._glass.store
        try:
            await self._bring_up(thread)
            await store.rendered(thread)
        except SlackRefused as refused:
            if await store.faulty(thread, refused.error):
                _log.warning("a thread can't be shown: %s", refused.error)
                await self._glass.unreachable(thread, refused.error)
            await asyncio.sleep(RETRY_S * 5)
        except NoAnswer as silent:
            _log.warning("Slack did not answer: %s", silent)
            await asyncio.sleep(RETRY_S)
        # Boundary: a thread that can't be rendered is logged and tried again, and stops no other.
        except Exception:  # noqa: BLE001 - see above
            _log.exception("a thread could not be rendered", extra={"task_id": thread.id})
            await asyncio.sleep(RETRY_S * 5)

    async def _bring_up(self, thread: Thread) -> None:
        views = await self._glass.store.view(thread)
        wanted = posts(views, await self._glass.mentions())
        known = await self._glass.store.posts(thread)
        root_ts = thread.root_ts
        for place, message in enumerate(wanted):
            ts = await self._show(thread, _fitting(message), known.get(message.key), root_ts)
            if place == 0:
                root_ts = ts

    async def _show(
        self, thread: Thread, message: Wanted, known: Post | None, root_ts: str | None
    ) -> str:
        digest = _digest(message)
        if known is not None and known.ts is not None:
            if known.digest == digest or await self._changed(thread, message, known.ts, digest):
                return known.ts
            # Somebody deleted it. Said again, and as a new root where it was the root.
            parent = None if known.ts == root_ts else root_ts
            return await self._posted(thread, message, parent, digest)
        if known is None:
            await self._glass.store.post_begun(thread, message.key, digest)
            return await self._posted(thread, message, root_ts, digest)
        found = await self._find(thread, message.key, root_ts)
        if found is None:
            return await self._posted(thread, message, root_ts, digest)
        channel, ts = found
        # An older text may stand there.
        await self._changed(thread, message, ts, digest, channel)
        await self._glass.store.post_done(
            thread, message.key, ts, digest, channel, is_root=root_ts is None
        )
        return ts

    async def _posted(
        self, thread: Thread, message: Wanted, root_ts: str | None, digest: str
    ) -> str:
        channel, ts = await self._post(thread, message, root_ts)
        self._glass.boundary(f"posted.{message.key.split(':')[0]}")
        await self._glass.store.post_done(
            thread, message.key, ts, digest, channel, is_root=root_ts is None
        )
        return ts

    async def _post(self, thread: Thread, message: Wanted, root_ts: str | None) -> tuple[str, str]:
        arguments: dict[str, Any] = {
            "channel": thread.channel or self._glass.default_channel or "",
            "text": message.text,
            "blocks": message.blocks,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {
                "event_type": EVENT_TYPE,
                "event_payload": {"thread": thread.id, "key": message.key},
            },
        }
        if root_ts is not None:
            arguments["thread_ts"] = root_ts
        answer = await self._said("chat.postMessage", arguments, message)
        posted = answer.get("message", {})
        if root_ts is not None and posted.get("thread_ts", root_ts) != root_ts:
            # Slack says nothing when the parent is gone, and posts into the channel.
            _log.warning(
                "a reply went to the channel: its thread is gone", extra={"task_id": thread.id}
            )
        return str(answer.get("channel", thread.channel)), str(answer["ts"])

    async def _changed(
        self,
        thread: Thread,
        message: Wanted,
        ts: str,
        digest: str,
        channel: str | None = None,
    ) -> bool:
        """Bring a message up to date; False when it is not there any more."""
        where = channel or thread.channel
        arguments = {"channel": where, "ts": ts, "text": message.text, "blocks": message.blocks}
        try:
            await self._said("chat.update", arguments, message)
        except SlackRefused as refused:
            if refused.error not in GONE:
                raise
            return False
        if channel is None:
            await self._glass.store.post_done(thread, message.key, ts, digest, where, is_root=False)
        return True

    async def _said(
        self, method: str, arguments: dict[str, Any], message: Wanted
    ) -> dict[str, Any]:
        """Call Slack; what it can't lay out is said again as plain text."""
        try:
            return await self._glass.sender.call(method, arguments)
        except SlackRefused as refused:
            if refused.error not in UNFIT:
                raise
            simple = fallback(message)
            plain = {**arguments, "text": simple.text, "blocks": simple.blocks}
            return await self._glass.sender.call(method, plain)

    async def _find(self, thread: Thread, key: str, root_ts: str | None) -> tuple[str, str] | None:
        """Look for a post whose answer was lost, by its metadata."""
        arguments: dict[str, Any] = {
            "channel": thread.channel or self._glass.default_channel or "",
            "include_all_metadata": True,
            "limit": 200,
        }
        method = "conversations.history"
        if root_ts is not None:
            method = "conversations.replies"
            arguments["ts"] = root_ts
        answer = await self._glass.sender.call(method, arguments)
        for message in answer.get("messages", []):
            payload = message.get("metadata", {}).get("event_payload", {})
            if payload.get("thread") == thread.id and payload.get("key") == key:
                return arguments["channel"], str(message["ts"])
        return None


def _fitting(message: Wanted) -> Wanted:
    found = faults(message.text, message.blocks)
    if not found:
        return message
    _log.warning("a message breaks Slack's limits: %s", "; ".join(found))
    return fallback(message)


def _digest(message: Wanted) -> str:
    canonical = json.dumps([message.text, message.blocks], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
