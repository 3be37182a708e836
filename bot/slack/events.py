"""Events: a mention or a direct message is answered with what can be asked; words never approve."""

from typing import Any

from bot.slack.commands import HELP
from bot.slack.desk import Desk
from bot.slack.text import counted
from bot.store.boxes import Letter, letter_done, send
from bot.store.controls import waiting
from bot.store.engine import Connection
from bot.store.halts import paused
from policies.model import DEFAULT_TENANT

NOTE = "I take commands and clicks only; words in a thread never approve anything.\n"


async def take(desk: Desk, letter: Letter) -> None:
    """Work off an event."""
    event: dict[str, Any] = letter.body.get("event", {})
    if event.get("type") == "app_home_opened" and event.get("user"):
        await _home(desk, letter, str(event["user"]))
        return
    is_message = event.get("type") == "message" and event.get("channel_type") == "im"
    is_from_person = not event.get("bot_id") and not event.get("subtype") and event.get("user")
    if not is_from_person or not (is_message or event.get("type") == "app_mention"):
        await desk.done(letter, "noted")
        return
    payload = {
        "channel": str(event.get("channel", "")),
        "user": str(event["user"]),
        "text": NOTE + HELP,
    }
    thread_ts = event.get("thread_ts")
    if thread_ts:
        payload["thread_ts"] = str(thread_ts)

    def unit(connection: Connection) -> None:
        if letter_done(connection, desk.context, letter.key, "answered"):
            kind = "channel" if is_message else "ephemeral"
            send(connection, desk.context, kind, payload)

    await desk.context.database.write(unit)


async def _home(desk: Desk, letter: Letter, user: str) -> None:
    def unit(connection: Connection) -> None:
        if letter_done(connection, desk.context, letter.key, "home"):
            stopped = paused(connection, DEFAULT_TENANT)
            open_tasks, pending = waiting(connection, DEFAULT_TENANT)
            state = "*Signoff works.*" if stopped is None else "*Signoff is paused.*"
            tasks = counted(open_tasks, "task is open", "tasks are open")
            proposals = counted(len(pending), "proposal waits", "proposals wait")
            text = f"{state} {tasks}; {proposals} for a sign-off.\n\n{HELP}"
            send(connection, desk.context, "home", {"user": user, "text": text})

    await desk.context.database.write(unit)
