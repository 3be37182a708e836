"""The way into Slack: its first answer, whenever that comes, and then the socket."""

import asyncio
import contextlib
from typing import Protocol

from bot.settings import SettingsError
from bot.slack.directory import SlackDirectory
from bot.slack.rates import Now, nap
from bot.slack.sender import NoAnswer, Sender, SlackRefused

# How long a start waits for Slack; after that Signoff begins without it.
START_S = 2.0
# How long a socket may take to open; the address it was asked for is good for one try only.
OPEN_S = 15.0
# `apps.connections.open` is Tier 1 (docs.slack.dev): hardly more than once a minute.
FIRST_S, LONGEST_S = 2.0, 60.0


class Socket(Protocol):
    """What brings events, commands and clicks without an address of our own."""

    async def open(self, address: str) -> None:
        """Return once it is open; it looks after itself from then on."""


class Arrival:
    """Asks who we are until Slack says it; until then Slack counts as away."""

    def __init__(self, sender: Sender, directory: SlackDirectory, now: Now) -> None:
        self._sender, self._directory, self._now = sender, directory, now

    async def begin(self) -> None:
        """Knock once, and give it a moment; raises SettingsError when the token is refused."""
        self._sender.line.begin()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                await self._knock()

    async def run(self, socket: Socket | None, app_token: str) -> None:
        """Return once Slack knows us, and the socket is open; raises SettingsError."""
        await self._sender.line.opened(self._knock)
        wait_s = FIRST_S
        while socket is not None and not await self._is_open(socket, app_token):
            await nap(self._now, wait_s)
            wait_s = min(LONGEST_S, wait_s * 2)

    async def _knock(self) -> bool:
        if self._directory.has_joined:
            return True
        try:
            found = await self._sender.first()
        except SlackRefused as refused:
            raise _refusal("SLACK_BOT_TOKEN", refused) from refused
        except NoAnswer:
            return False
        self._directory.joined(str(found["team_id"]), str(found.get("url", "")))
        return True

    async def _is_open(self, socket: Socket, app_token: str) -> bool:
        await self._sender.line.back()
        try:
            address = await self._sender.ticket(app_token)
            async with asyncio.timeout(OPEN_S):
                await socket.open(address)
        except SlackRefused as refused:
            raise _refusal("SLACK_APP_TOKEN", refused) from refused
        except (NoAnswer, TimeoutError):
            return False
        return True


def _refusal(name: str, refused: SlackRefused) -> SettingsError:
    return SettingsError(f"{name}: it is refused by Slack ({refused.error}); run `signoff doctor`")
