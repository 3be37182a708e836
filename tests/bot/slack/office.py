"""The desk over a real store and a real workspace, with a fake system behind the real gateway.

What people do is put into the inbox as Slack sends it, and worked off; no time passes by itself.
"""

import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.ports import TaskChange
from agents.tasks import TaskKind, TaskState
from agents.worker import STEP_LIMIT_S, Worker, Workshop
from bot.config import Config, Group
from bot.rulesets import SqlRuleSets
from bot.slack import clicks, commands, forms
from bot.slack.desk import Desk
from bot.slack.directory import SlackDirectory
from bot.slack.questions import PATIENCE_S
from bot.slack.threads import posts
from bot.store.boxes import Inbox
from bot.store.controls import SqlControls
from bot.store.memory import SqlMemory
from bot.store.tables import outbox
from bot.store.tables import posts as cards
from bot.store.tables import tasks as _tasks
from playground.story import text_of
from playground.workspace.model import User
from policies.engine import Asked, RuleKind, RuleSet, When
from policies.loader import sealed
from policies.model import Actor, ActorKind, Mode, Proposal, ProposalState
from tests.bot.slack.slackside import CHANNEL, WORKSPACE, Side, slackside
from tests.bot.store.workshop import FakeAgent
from tests.bot.world import World, caller_of, ts_of
from tests.fakes.system import FakeConnector, FakeSystem
from tests.fakes.values import rule
from tools.catalogue import Catalogue
from tools.gateway import Gateway, Parts
from tools.ports import Draft

TEAM = "T0PLAY"
ANA, BEN, MIA, ZOE = "U0ANA", "U0BEN", "U0MIA", "U0ZOE"
ROBOT, GUEST, GONE, EVE = "U0ROBOT", "U0GUEST", "U0GONE", "U0EVE"
STRANGERS = (
    User(id=ZOE, name="zoe", real_name="Zoe"),
    User(id=ROBOT, name="robot", real_name="Robot", is_bot=True),
    User(id=GUEST, name="gus", real_name="Gus", is_restricted=True),
    User(id=GONE, name="gone", real_name="Gone", is_deleted=True),
    User(id=EVE, name="eve", real_name="Eve"),
)
UNFIT = (ROBOT, GUEST, GONE)
GROUPS = {
    "oncall": Group(users=(ANA, BEN, *UNFIT)),
    "operators": Group(users=(ANA, ZOE, *UNFIT)),
    "sre": Group(users=(ZOE,)),
}
ASKS_ONCALL = Asked(n=1, groups=("oncall",))


@dataclass
class Office:
    """Everything that a click goes through, and short ways to make clicks happen."""

    side: Side
    desk: Desk
    system: FakeSystem
    rules: list[RuleSet]
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def store(self) -> World:
        return self.side.store

    def asks(self, *asked: Asked) -> None:
        """Let each of these be asked from now on."""
        found = [
            rule(f"ask-{number}", RuleKind.APPROVE, When(tool=("fake_set",)), one)
            for number, one in enumerate(asked)
        ]
        self.rules[:] = [sealed(found)]

    async def proposal(
        self,
        requester: str | None = None,
        to: str = "new",
        **said: Any,  # noqa: ANN401 - fields of Draft
    ) -> Proposal:
        """Let an agent propose to set the lamp, asked by an alert or by a person."""
        actor = Actor(kind=ActorKind.SYSTEM, id="system:alertmanager")
        if requester is not None:
            actor = Actor(kind=ActorKind.HUMAN, id=f"{TEAM}/{requester}")
        task = await self.store.task(f"incident:{next(self.numbers)}", requester=actor)
        claims = await self.store.dispatcher("worker-1").claim(50, 30)
        claim = next(one for one in claims if one.task.id == task.id)
        await self.store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
        await self.store.tasks.advance(claim, TaskChange(state=TaskState.ANALYSING))
        parameters: dict[str, Any] = {"name": "lamp", "before": "old", "to": to}
        draft = Draft(
            key="switch", tool="fake_set", parameters=parameters, environment="staging", **said
        )
        made = await self.desk.gateway.consider(draft, f"{task.id}-1", caller_of(claim))
        await self.store.tasks.advance(claim, TaskChange(proposals=(made,)))
        for one in claims:
            await self.store.tasks.release(one)
        await self.store.carded(made, task)
        return made

    async def press(
        self, person: str, action_id: str, proposal: Proposal, **changes: str
    ) -> list[str]:
        """Click, and return what only the person is told.

        `value`, `ts`, `team` and `trigger` replace what Slack would send.
        """
        body = self._body(person, changes)
        value = changes.get("value", f"{proposal.id}:{proposal.action.hash}")
        body |= {
            "type": "block_actions",
            "container": {"channel_id": CHANNEL, "message_ts": _ts(proposal, changes)},
            "actions": [{"action_id": action_id, "value": value}],
        }
        return await self._delivered("action", person, body)

    async def submit(
        self,
        person: str,
        callback: str,
        proposal: Proposal,
        filled: Mapping[str, str],
        **changes: str,
    ) -> list[str]:
        """Send a form, and return what only the person is told."""
        value = changes.get("value", f"{proposal.id}:{proposal.action.hash}")
        view = {
            "id": f"V{next(self.numbers)}",
            "callback_id": callback,
            "private_metadata": f"{value}:{CHANNEL}:{_ts(proposal, changes)}",
            "state": {
                "values": {
                    name: {f"{name}.value": {"value": text}} for name, text in filled.items()
                }
            },
        }
        body = {**self._body(person, changes), "type": "view_submission", "view": view}
        del body["channel"]
        return await self._delivered("view", person, body)

    async def errors(
        self, callback: str, proposal: Proposal, filled: Mapping[str, str]
    ) -> dict[str, str]:
        """Return what a form shows at once as wrong."""
        view = {
            "callback_id": callback,
            "private_metadata": f"{proposal.id}:{proposal.action.hash}:{CHANNEL}:1",
            "state": {"values": _filled(filled)},
        }
        return await forms.errors(self.desk, view, self.store.clock.now().date())

    async def command(self, person: str, text: str) -> str:
        """Write `/signoff TEXT`, and return the answer."""
        body = {
            "command": "/signoff",
            "text": text,
            "team_id": TEAM,
            "user_id": person,
            "channel_id": CHANNEL,
            "trigger_id": f"c{next(self.numbers)}",
        }
        (answer,) = await self._delivered("command", person, body)
        return answer

    async def noted(self, key: str, task_id: str, ts: str) -> None:
        """Note a message of a thread, as the mirror does."""
        task = await self.store.row(_tasks, id=task_id)
        row = {"thread_id": task.thread_id, "key": key, "channel": CHANNEL, "ts": ts}
        row |= {"digest": "", "begun_at": self.store.clock.now()}
        await self.store.database.write(lambda connection: connection.execute(cards.insert(), row))

    async def worked(self, step_limit_s: float = STEP_LIMIT_S) -> None:
        """Let the worker take what is due, until nothing is."""
        worker = Worker(
            Workshop(
                store=self.store.tasks,
                agents={TaskKind.INCIDENT: FakeAgent()},
                gateway=self.desk.gateway,
                clock=self.store.clock,
                boundary=self.store.context.boundary,
                step_limit_s=step_limit_s,
            )
        )
        while claims := await self.store.dispatcher("worker-1").claim(1, 30):
            await worker.work(claims[0])

    async def state(self, proposal: Proposal) -> ProposalState:
        """Return where a proposal stands."""
        return (await self.store.standing(proposal)).state

    async def shown(
        self, proposal: Proposal, known: frozenset[str] = frozenset()
    ) -> dict[str, str]:
        """Return what the proposal's thread shows, by key."""
        threads = self.side.threads
        found = (await threads.behind())[0]
        task = await self.store.row(_tasks, id=proposal.task_id)
        thread = next(one for one in found if one.id == task.thread_id)
        mentions = await self.desk.directory.mentions()
        wanted = posts(await threads.view(thread), mentions, self.store.clock.now(), known)
        return {one.key: text_of({"text": one.text, "blocks": one.blocks}) for one in wanted}

    async def sent(self, kind: str) -> list[dict[str, str]]:
        """Return what waits in the outbox, of one kind."""
        return [json.loads(row.payload) for row in await self.store.rows(outbox, kind=kind)]

    async def refusals(self) -> list[tuple[str, str]]:
        """Return who was refused, and why, as the record says."""
        found = await self.store.events("click.refused")
        return [(event["actor"]["id"], event["reasons"][0]) for event in found]

    def _body(self, person: str, changes: Mapping[str, str]) -> dict[str, Any]:
        team = changes.get("team", TEAM)
        return {
            "user": {"id": person, "team_id": team},
            "team": {"id": TEAM},
            "channel": {"id": CHANNEL},
            "trigger_id": changes.get("trigger", f"t{next(self.numbers)}"),
        }

    async def _delivered(self, kind: str, person: str, body: dict[str, Any]) -> list[str]:
        inbox = Inbox(self.store.context)
        before = len(await self._told(person))
        await inbox.put(f"{kind}:{body['trigger_id']}", kind, body)
        for letter in await inbox.due():
            if kind == "command":
                await commands.run(self.desk, letter)
            elif kind == "view":
                await forms.submit(self.desk, letter)
            else:
                assert await clicks.act(self.desk, letter) is None
        return (await self._told(person))[before:]

    async def _told(self, person: str) -> list[str]:
        return [one["text"] for one in await self.sent("ephemeral") if one["user"] == person]


def _ts(proposal: Proposal, changes: Mapping[str, str]) -> str:
    return changes.get("ts", ts_of(proposal.id))


def _filled(filled: Mapping[str, str]) -> dict[str, Any]:
    """Return a form's values as Slack sends them; `code` is a menu."""
    return {
        name: {
            f"{name}.value": {"selected_option": {"value": text}}
            if name == "code"
            else {"value": text}
        }
        for name, text in filled.items()
    }


@asynccontextmanager
async def office(
    folder: Path, groups: Mapping[str, Group] = GROUPS, patience_s: float = PATIENCE_S
) -> AsyncIterator[Office]:
    """Open the office."""
    async with slackside(folder) as side:
        store, system = side.store, FakeSystem()
        side.workspace.state.users.update({user.id: user for user in STRANGERS})
        directory = SlackDirectory(side.sender, store.clock, groups, patience_s)
        directory.joined(TEAM, WORKSPACE)
        catalogue = Catalogue([FakeConnector(system)])
        rules: list[RuleSet] = []
        gateway = Gateway(
            Parts(
                catalogue=catalogue,
                journal=store.journal,
                memory=SqlMemory(store.context),
                controls=SqlControls(store.context, {}, Mode.APPROVE),
                directory=directory,
                rules=lambda: rules[0],
                clock=store.clock,
                redactor=store.context.redactor,
                boundary=store.context.boundary,
            )
        )
        desk = Desk(
            context=store.context,
            config=Config(groups=dict(groups)),
            directory=directory,
            gateway=gateway,
            catalogue=catalogue,
            rule_sets=SqlRuleSets(store.context, sealed([])),
            policy_dir=None,
        )
        found = Office(side, desk, system, rules)
        found.asks(ASKS_ONCALL)
        try:
            yield found
        finally:
            await directory.close()
