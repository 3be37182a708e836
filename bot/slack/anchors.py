"""Posts checkpoints of the ledger to their channel: one thread a day, each checkpoint a reply."""

from collections.abc import Mapping
from typing import Any

from bot.slack.sender import Sender, SlackRefused
from bot.slack.shown import Digests
from bot.store.anchors import AnchorStore

GONE = frozenset({"thread_not_found", "message_not_found"})
TOPIC = (
    "Checkpoints of Signoff's ledger, {day} (UTC). Each reply is a signed statement of how many"
    " events there are, and of their hash. They stand here so that the machine Signoff runs on"
    " can't take them back: copy one into a file and hold the ledger against it with"
    " `signoff audit verify --checkpoint FILE`."
)


class AnchorPoster:
    """Says one checkpoint twice rather than never: a lost answer is not looked for."""

    def __init__(self, store: AnchorStore, sender: Sender) -> None:
        self._store, self._sender = store, sender

    async def post(self, payload: Mapping[str, str]) -> None:
        """Post a checkpoint below its day's message; raises SlackRefused or NoAnswer."""
        channel, day = payload["channel"], payload["at"][:10]
        root = await self._store.root(channel, day) or await self._begun(channel, day)
        text = Digests(f"```\n{payload['note']}```")
        try:
            await self._say(channel, text, thread_ts=root)
        except SlackRefused as refused:
            if refused.error not in GONE:
                raise
            # Somebody deleted the day's message: a new one is begun.
            await self._say(channel, text, thread_ts=await self._begun(channel, day))

    async def _begun(self, channel: str, day: str) -> str:
        answer = await self._say(channel, TOPIC.format(day=day))
        await self._store.begun(channel, day, str(answer["ts"]))
        return str(answer["ts"])

    async def _say(self, channel: str, text: str, **more: str) -> dict[str, Any]:
        return await self._sender.call(
            "chat.postMessage",
            {
                "channel": channel,
                "text": text,
                "unfurl_links": False,
                "unfurl_media": False,
                **more,
            },
        )
