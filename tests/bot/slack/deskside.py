"""A desk beside a real workspace, a real store and the real ad platform: commands one by one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.config import Anchor, Config, Group
from bot.rulesets import SqlRuleSets
from bot.slack import commands, holding
from bot.slack.desk import Desk
from bot.slack.directory import SlackDirectory
from bot.slack.postman import OutboxClerk
from bot.store.boxes import Inbox, Letter, Outbox
from bot.store.controls import SqlControls
from bot.store.journal import SqlJournal
from bot.store.memory import SqlMemory
from bot.store.tables import outbox
from playground.adplatform.api import AdPlatform
from policies.loader import sealed
from policies.model import Mode
from tests.bot.slack.slackside import CHANNEL, WORKSPACE, Side, slackside
from tests.bot.world import World
from tests.tools.world import advertising
from tools.gateway import Gateway, Parts

ANCHOR, TEAM = "C0OPERATIONS", "T0PLAY"
GROUPS = {
    "operators": Group(usergroup="S0OPERATORS"),
    "marketing": Group(usergroup="S0MARKETING"),
}


@dataclass
class Deskside:
    """A desk, and people who give it commands."""

    side: Side
    desk: Desk
    ads: AdPlatform
    _given: list[str] = field(default_factory=list)

    @property
    def store(self) -> World:
        return self.side.store

    async def says(self, user: str, line: str, *, team: str = TEAM, times: int = 1) -> list[str]:
        """Let somebody give a command, and return the answers; Slack may deliver it again."""
        return await self.answered(await self.waits(user, line, team=team), times)

    async def waits(self, user: str, line: str, *, team: str = TEAM) -> Letter:
        """Let somebody give a command, and leave it in the inbox."""
        command, _, text = line.partition(" ")
        body = {
            "command": command,
            "text": text,
            "team_id": team,
            "user_id": user,
            "channel_id": CHANNEL,
        }
        self._given.append(line)
        return await self._put(f"command:{len(self._given)}", "command", body)

    async def presses(
        self, user: str, action_id: str, value: str, ts: str, *, times: int = 1
    ) -> list[str]:
        """Let somebody press a button, and return the answers."""
        body = {
            "user": {"id": user, "team_id": TEAM},
            "channel": {"id": CHANNEL},
            "container": {"message_ts": ts, "channel_id": CHANNEL},
            "actions": [{"action_id": action_id, "value": value}],
        }
        self._given.append(action_id)
        letter = await self._put(f"action:{len(self._given)}", "action", body)
        return await self.answered(letter, times)

    async def told(self) -> list[str]:
        """Send what waits, and return what stands in the anchor channel."""
        clerk = OutboxClerk(Outbox(self.store.context), self.side.sender, CHANNEL)
        await clerk.last_round()
        return [message.text for message in self.side.messages(ANCHOR)]

    async def _put(self, key: str, kind: str, body: dict[str, Any]) -> Letter:
        inbox = Inbox(self.store.context)
        assert await inbox.put(key, kind, body)
        assert not await inbox.put(key, kind, body)
        (letter,) = [one for one in await inbox.due() if one.key == key]
        return letter

    async def answered(self, letter: Letter, times: int = 1) -> list[str]:
        """Work a letter off, and return the answers."""
        before = {row.id for row in await self.store.rows(outbox)}
        for _ in range(times):
            if letter.kind == "command":
                await commands.run(self.desk, letter)
            else:
                assert await holding.act(self.desk, letter) is None
        fresh = [row for row in await self.store.rows(outbox) if row.id not in before]
        answers = [row for row in fresh if row.kind == "ephemeral"]
        return [json.loads(row.payload)["text"] for row in answers]


@asynccontextmanager
async def deskside(folder: Path, **config: Any) -> AsyncIterator[Deskside]:  # noqa: ANN401 - fields of Config, which checks them
    """Serve a desk with Ana as the operator, and Ben and Mia."""
    async with slackside(folder) as side, advertising() as (ads, catalogue, _):
        context = side.store.context
        directory = SlackDirectory(side.sender, context.clock, GROUPS)
        directory.joined(TEAM, WORKSPACE)
        found = Config(groups=GROUPS, **{"anchor": Anchor(channel=ANCHOR), **config})
        gateway = Gateway(
            Parts(
                catalogue=catalogue,
                journal=SqlJournal(context, found.file_modes),
                memory=SqlMemory(context),
                controls=SqlControls(context, found.modes, found.mode, found.places),
                directory=directory,
                rules=lambda: sealed([]),
                clock=context.clock,
                redactor=context.redactor,
                boundary=context.boundary,
            )
        )
        desk = Desk(
            context=context,
            config=found,
            directory=directory,
            gateway=gateway,
            catalogue=catalogue,
            rule_sets=SqlRuleSets(context, sealed([])),
            policy_dir=None,
        )
        assert found.mode is Mode.APPROVE
        yield Deskside(side=side, desk=desk, ads=ads)
