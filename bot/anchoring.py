"""Joins the checkpointer with the settings, the operators and the anchor channel."""

from bot.checkpointer import Bench, Checkpointer
from bot.keeping import CheckpointFile, checkpoints_path, key_path
from bot.metrics import Metrics
from bot.settings import Settings
from bot.slack.desk import Desk
from bot.slack.text import escaped
from bot.store.checkpoints import Message

MOST_TOLD = 3


def checkpointer(settings: Settings, desk: Desk, metrics: Metrics) -> Checkpointer:
    """Return the one that signs this ledger."""
    anchor = settings.config.anchor

    async def messages(text: str) -> list[Message]:
        people = await operators(desk)
        if not people:
            return [("channel", {"channel": settings.config.defaults.channel or "", "text": text})]
        return [("dm", {"user": user, "text": escaped(text)}) for user in people]

    return Checkpointer(
        Bench(
            context=desk.context,
            key_path=key_path(settings),
            file=CheckpointFile(checkpoints_path(settings)),
            channel=None if anchor is None else anchor.channel,
            metrics=metrics,
            messages=messages,
        )
    )


async def operators(desk: Desk) -> list[str]:
    """Return the Slack ids of a few who can mend things on the machine; none when none is known."""
    members = await desk.directory.memberships(["operators"])
    found = members["operators"].members if "operators" in members else frozenset()
    return sorted(person.rsplit("/", 1)[-1] for person in found)[:MOST_TOLD]
