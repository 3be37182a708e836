"""Slack's signed door before a real workspace and store: envelopes in, worked off by the clerk."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import Connection, func, select

from bot.config import Config, Group
from bot.rulesets import SqlRuleSets
from bot.slack.app import Reception, doorway
from bot.slack.clerk import InboxClerk
from bot.slack.clicks import CARD_POLL_S, CARD_WAIT_S
from bot.slack.desk import Desk
from bot.slack.directory import SlackDirectory
from bot.store.boxes import Inbox
from bot.store.controls import SqlControls
from bot.store.journal import SqlJournal
from bot.store.memory import SqlMemory
from bot.store.tables import inbox, outbox, posts
from playground.workspace.guard import loopback_only
from playground.workspace.model import User
from playground.workspace.shapes import message_json
from policies.engine import Rule, RuleSet
from policies.loader import sealed
from policies.model import Mode, Proposal
from tests.bot.slack.slackside import CHANNEL, TOKEN, Side, running, sending, slackside, until
from tests.fakes.door import asks_oncall
from tests.fakes.system import FakeConnector, FakeSystem
from tests.fakes.values import caller
from tools.catalogue import Catalogue
from tools.gateway import Gateway, Parts
from tools.ports import Draft

SIGNING_SECRET = "the signing secret of the door"
TEAM = "T0PLAY"
GROUPS = {
    "oncall": Group(usergroup="S0ONCALL"),
    "operators": Group(usergroup="S0OPERATORS"),
}
Payload = dict[str, Any]
SET = Draft(
    key="switch",
    tool="fake_set",
    parameters={"name": "lamp", "before": "old", "to": "new"},
    environment="staging",
)
_triggers = count(1)


@dataclass(frozen=True, kw_only=True)
class Press:
    """A press of a button as Slack would tell of it; a test names what is unusual."""

    user: str = "U0ANA"
    team: str = TEAM
    action_id: str = "proposal.approve"
    value: str
    ts: str
    channel: str = CHANNEL


@dataclass
class Door:
    """What stands behind Slack's signed requests, and what a test may turn."""

    side: Side
    desk: Desk
    system: FakeSystem
    url: str
    session: aiohttp.ClientSession
    modes: dict[str, Mode]

    async def considered(self) -> tuple[Proposal, Press]:
        """Return what the gateway made of setting the lamp, with its card."""
        task = await self.side.begin()
        asked = caller(task_id=task.id)
        proposal = await self.desk.gateway.consider(SET, f"{task.id}-1", asked)
        await self.side.conclude(task, proposal)
        await self.side.shown()
        return proposal, await self.card(proposal)

    async def card(self, proposal: Proposal) -> Press:
        """Return Ana's approval of a proposal on its card."""
        row = await self.side.store.row(posts, key=f"proposal:{proposal.id}")
        return Press(value=f"{proposal.id}:{proposal.action.hash}", ts=str(row.ts))

    def payload(self, press: Press) -> Payload:
        """Return block_actions in Slack's shape, with a trigger of its own."""
        message = self.side.workspace.state.find(press.channel, press.ts)
        where = {"type": "message", "message_ts": press.ts, "channel_id": press.channel}
        found: Payload = {
            "type": "block_actions",
            **self._by(press.user, press.team),
            "container": {**where, "is_ephemeral": False},
            "channel": {"id": press.channel, "name": "incidents"},
            "state": {"values": {}},
            "actions": [
                {
                    "type": "button",
                    "action_id": press.action_id,
                    "block_id": "any",
                    "value": press.value,
                    "action_ts": press.ts,
                }
            ],
        }
        if message is not None:
            found["message"] = message_json(self.side.workspace.state, message)
        return found

    def form(self, press: Press, callback_id: str, filled: dict[str, str]) -> Payload:
        """Return view_submission of a form that was opened by this press."""
        values = {
            name: {f"{name}.value": {"type": "plain_text_input", "value": value}}
            for name, value in filled.items()
        }
        number = next(_triggers)
        view = {
            "id": f"V{number}",
            "type": "modal",
            "callback_id": callback_id,
            "private_metadata": f"{press.value}:{press.channel}:{press.ts}",
            "state": {"values": values},
        }
        return {"type": "view_submission", **self._by(press.user, press.team), "view": view}

    async def send(self, payload: Payload, *, aged_s: int = 0, secret: str = SIGNING_SECRET) -> int:
        """Send a payload as Slack does, and wait until it was worked off; returns the status."""
        status = await self.post(payload, aged_s=aged_s, secret=secret)
        # A press may outrun the note of where its card stands, so it waits a little.
        self.side.store.clock.forward(CARD_WAIT_S)

        async def is_quiet() -> bool:
            # Put off once more just after the clock was moved, it would wait for ever.
            self.side.store.clock.forward(CARD_POLL_S)
            return await self.is_quiet()

        await until(is_quiet)
        return status

    async def post(self, payload: Payload, *, aged_s: int = 0, secret: str = SIGNING_SECRET) -> int:
        """Send a payload as Slack does; returns the status."""
        body = urlencode({"payload": json.dumps(payload)})
        at = str(int(time.time()) - aged_s)
        signature = SignatureVerifier(secret).generate_signature(timestamp=at, body=body)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": signature or "",
        }
        async with self.session.post(self.url, data=body.encode(), headers=headers) as answer:
            return answer.status

    async def press(self, press: Press) -> int:
        """Send a press."""
        return await self.send(self.payload(press))

    async def is_quiet(self) -> bool:
        """Say whether every letter was worked off."""

        def unit(connection: Connection) -> bool:
            left = connection.execute(select(func.count()).where(inbox.c.due_at.is_not(None)))
            return int(left.scalar_one()) == 0

        return await self.side.store.database.read(unit)

    async def is_said(self) -> bool:
        """Say whether every answer was sent."""
        rows = await self.side.store.rows(outbox)
        return all(row.due_at is None for row in rows)

    def told(self, user: str) -> list[str]:
        """Return what was said to a person alone, in order."""
        calls = self.side.calls("chat.postEphemeral")
        return [str(call["text"]) for call in calls if call["user"] == user]

    def joined(self, user: User, group: str | None = None) -> str:
        """Let somebody join the workspace and its channel, and perhaps a user group."""
        state = self.side.workspace.state
        state.users[user.id] = user
        state.channels[CHANNEL].members.add(user.id)
        if group is not None:
            state.groups[group].users.append(user.id)
        return user.id

    @staticmethod
    def _by(user: str, team: str) -> Payload:
        return {
            "team": {"id": TEAM, "domain": "playground"},
            "user": {"id": user, "username": "ana", "name": "ana", "team_id": team},
            "api_app_id": "A0SIGNOFF",
            "token": "verification",
            "trigger_id": f"1.{next(_triggers)}.door",
        }


def again(payload: Payload) -> Payload:
    """Return the same payload in an envelope of its own."""
    return {**payload, "trigger_id": f"1.{next(_triggers)}.door"}


def on(press: Press, **changes: str) -> Press:
    """Return a press with changes."""
    return replace(press, **changes)


def _desk(side: Side, system: FakeSystem, rules: RuleSet, modes: dict[str, Mode]) -> Desk:
    context = side.store.context
    directory = SlackDirectory(side.sender, side.store.clock, GROUPS)
    directory.joined(TEAM)
    catalogue = Catalogue([FakeConnector(system)])
    gateway = Gateway(
        Parts(
            catalogue=catalogue,
            journal=SqlJournal(context),
            memory=SqlMemory(context),
            controls=SqlControls(context, modes, Mode.APPROVE),
            directory=directory,
            rules=lambda: rules,
            clock=context.clock,
            redactor=context.redactor,
            boundary=context.boundary,
        )
    )
    return Desk(
        context=context,
        config=Config(groups=GROUPS),
        directory=directory,
        gateway=gateway,
        catalogue=catalogue,
        rule_sets=SqlRuleSets(context, sealed([])),
        policy_dir=None,
    )


@asynccontextmanager
async def door(folder: Path, *rules: Rule) -> AsyncIterator[Door]:
    """Open Slack's door; a mirror posts the cards, and a clerk works the inbox off."""
    async with (
        slackside(folder) as side,
        running(side),
        sending(side),
        aiohttp.ClientSession() as session,
    ):
        system = FakeSystem()
        modes: dict[str, Mode] = {}
        desk = _desk(side, system, sealed(rules or [asks_oncall()]), modes)
        opened = Door(side, desk, system, "", session, modes)
        clerk = InboxClerk(opened.desk, Inbox(side.store.context))
        reception = Reception(opened.desk, Inbox(side.store.context), side.metrics, clerk.wake)
        app = web.Application(middlewares=[loopback_only])
        bolt = reception.app(side.client, TOKEN, SIGNING_SECRET)
        app.add_routes([web.post("/slack/events", doorway(bolt))])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        opened.url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        working = asyncio.create_task(clerk.run())
        try:
            yield opened
            assert not working.done(), "the clerk must work until it is stopped"
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            await runner.cleanup()
