"""Posts, changes and finds the messages of a thread, each known by its mark.

A message carries its mark twice: as metadata, and as the id of its first block for answers that
come without metadata. After an unclear answer it is looked for before it is posted again.
"""

import hashlib
import json
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from bot.slack.blocks import Block
from bot.slack.limits import faults
from bot.slack.parts import Wanted
from bot.slack.rates import Urgency
from bot.slack.sender import Sender, SlackRefused
from bot.slack.threads import fallback

EVENT_TYPE = "signoff_post"
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
NO_THREAD = "thread_not_found"
UNFIT = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
PAGE = 200
# How far Slack's clock and ours may be apart.
SKEW = timedelta(minutes=5)
BLOCK_ID = 255

_log = logging.getLogger(__name__)


class ThreadGoneError(Exception):
    """The thread's first message is not there any more; `misplaced` is the reply that showed it."""

    def __init__(self, misplaced: str | None = None) -> None:
        super().__init__(misplaced or "no thread")
        self.misplaced = misplaced


class Poster:
    """Speaks to Slack about messages that carry a mark."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def post(
        self, place: tuple[str, str | None], mark: dict[str, str], message: Wanted
    ) -> tuple[str, str]:
        """Post to (channel, thread or None), and return where it stands; the turn is taken.

        Raises:
            ThreadGoneError: it went to the channel, because the thread is gone.
        """
        channel, root_ts = place
        arguments: dict[str, Any] = {
            "channel": channel,
            "text": message.text,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": mark},
        }
        if message.blocks:
            arguments["blocks"] = marked(message.blocks, mark)
        if root_ts is not None:
            arguments["thread_ts"] = root_ts
        answer = await self._said("chat.postMessage", arguments, message)
        ts, posted = str(answer["ts"]), answer.get("message")
        # Slack says nothing when the parent is gone, and posts into the channel.
        if root_ts is not None and posted is not None and posted.get("thread_ts") != root_ts:
            raise ThreadGoneError(ts)
        return str(answer.get("channel", channel)), ts

    async def change(self, place: tuple[str, str], mark: dict[str, str], message: Wanted) -> bool:
        """Bring a message up to date; False when it is not there any more. The turn is taken."""
        channel, ts = place
        blocks = marked(message.blocks, mark)
        arguments = {"channel": channel, "ts": ts, "text": message.text, "blocks": blocks}
        try:
            await self._said("chat.update", arguments, message)
        except SlackRefused as refused:
            if refused.error not in GONE:
                raise
            return False
        return True

    async def remove(self, channel: str, ts: str) -> None:
        """Delete a message of ours; one that is gone already is fine."""
        arguments = {"channel": channel, "ts": ts}
        try:
            await self._sender.call("chat.delete", arguments, Urgency.DECISION)
        except SlackRefused as refused:
            _log.info("a message could not be removed: %s", refused.error)

    async def find(
        self, place: tuple[str, str | None], mark: dict[str, str], since: datetime
    ) -> str | None:
        """Look for a message whose answer was lost, and return its ts.

        Raises:
            ThreadGoneError: there is no such thread; `misplaced` is the message in the channel.
        """
        channel, root_ts = place
        try:
            async for message in self._messages(channel, root_ts, since - SKEW):
                if _carries(message, mark):
                    return str(message["ts"])
        except SlackRefused as refused:
            if refused.error != NO_THREAD:
                raise
            raise ThreadGoneError(await self.find((channel, None), mark, since)) from refused
        return None

    async def _messages(
        self, channel: str, root_ts: str | None, oldest: datetime
    ) -> AsyncIterator[dict[str, Any]]:
        arguments: dict[str, Any] = {
            "channel": channel,
            "include_all_metadata": "true",
            "limit": PAGE,
            "oldest": f"{oldest.timestamp():.6f}",
        }
        method = "conversations.history"
        if root_ts is not None:
            method = "conversations.replies"
            arguments["ts"] = root_ts
        while True:
            answer = await self._sender.call(method, arguments, Urgency.NEWS)
            for message in answer.get("messages", []):
                yield message
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
            arguments["cursor"] = cursor

    async def _said(
        self, method: str, arguments: dict[str, Any], message: Wanted
    ) -> dict[str, Any]:
        """Call Slack; what it can't lay out is said again as plain text."""
        try:
            return await self._sender.call(method, arguments, message.urgency, has_turn=True)
        except SlackRefused as refused:
            if refused.error not in UNFIT:
                raise
            simple = fallback(message)
            plain = {**arguments, "text": simple.text, "blocks": simple.blocks}
            return await self._sender.call(method, plain, message.urgency)


def marked(blocks: list[Block], mark: dict[str, str]) -> list[Block]:
    """Return the blocks, the first of which carries the mark where it has no id of its own."""
    if not blocks or "block_id" in blocks[0]:
        return blocks
    return [{**blocks[0], "block_id": _block_id(mark)}, *blocks[1:]]


def fitting(message: Wanted) -> Wanted:
    """Return the message, or plain text where Slack would refuse it."""
    found = faults(message.text, message.blocks)
    if not found:
        return message
    _log.warning("a message breaks Slack's limits: %s", "; ".join(found))
    return fallback(message)


def digest(message: Wanted) -> str:
    """Return what tells two contents apart."""
    canonical = json.dumps([message.text, message.blocks], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _block_id(mark: dict[str, str]) -> str:
    return "/".join(["signoff", *mark.values()])[:BLOCK_ID]


def _carries(message: dict[str, Any], mark: dict[str, str]) -> bool:
    payload = (message.get("metadata") or {}).get("event_payload") or {}
    if payload:
        return all(payload.get(name) == value for name, value in mark.items())
    blocks = message.get("blocks") or [{}]
    return bool(blocks[0].get("block_id") == _block_id(mark))
