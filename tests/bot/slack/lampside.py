"""A whole bot without its process: a real workspace, store, mirror, clerk, gateway and worker.

Its agent proposes to switch lamps of a house in memory; people click on the cards that stand in the
workspace.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from agents.ports import ProposalRow
from agents.report import FindingKind, Report
from agents.tasks import Task, TaskKind
from agents.worker import Worker, Workshop
from bot.config import Config, Group
from bot.rulesets import SqlRuleSets
from bot.slack.clerk import InboxClerk
from bot.slack.desk import Desk
from bot.slack.directory import SlackDirectory
from bot.slack.undoing import no_way_back
from bot.store.boxes import Inbox
from bot.store.controls import SqlControls
from bot.store.journal import SqlJournal
from bot.store.memory import SqlMemory
from bot.store.tables import inbox, outbox
from playground.workspace.model import Message, User
from policies.engine import Asked, Rule, RuleKind, RuleSet, When
from policies.loader import sealed
from policies.model import Mode, ProposalState
from tests.bot.slack.slackside import Side, running, slackside, until
from tests.bot.world import START
from tests.fakes.system import FakeConnector, FakeReader, FakeSystem, FakeTool, SetParameters
from tests.fakes.values import rule
from tools.base import AnyTool, Call, Effect, Evidence, Plan, State
from tools.catalogue import Catalogue
from tools.gateway import Gateway, Parts
from tools.ports import Caller, Draft

TEAM = "T0PLAY"
# A busy machine is no fault.
WITHIN_S = 120.0
GUEST = User(id="U0GUS", name="gus", real_name="Gus", is_restricted=True)
ROBOT = User(id="U0ROB", name="rob", real_name="Rob", is_bot=True)
OUTSIDER = User(id="U0EVE", name="eve", real_name="Eve")


class House(FakeSystem):
    """Lamps by name, each `old` until it is switched."""

    def __init__(self) -> None:
        super().__init__()
        self.lamps: dict[str, str] = {}
        self.is_final = self.is_measured = False


class HouseTool(FakeTool):
    """Switch one lamp."""

    timeout_s = 5.0

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._house = house

    async def observe(self, params: SetParameters) -> State:
        await self._house.note("observe")
        return {"value": self._house.lamps.get(params.name, "old")}

    def plan(self, params: SetParameters, observed: State) -> Plan:
        plan = super().plan(params, observed)
        if self._house.is_final:
            plan = replace(plan, inverse=None)
        if not self._house.is_measured:
            plan = replace(plan, expected_effect=None)
        return replace(plan, title=f"{plan.title} ({params.name})", worst_case="it stays dark")

    async def act(self, params: SetParameters, call: Call) -> Effect:
        found = await super().act(params, call)
        self._house.lamps[params.name] = params.to
        return found


class HouseConnector(FakeConnector):
    """The house with its two tools."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self.house = house

    def tools(self) -> Sequence[AnyTool]:
        return (FakeReader(self.house), HouseTool(self.house))


class LampAgent:
    """Proposes to switch every lamp that the task names."""

    name, version = "incident", "lamps-1"

    async def gather(self, caller: Caller, task: Task) -> tuple[Evidence, ...]:
        del caller, task
        return ()

    async def analyse(
        self, task: Task, evidence: tuple[Evidence, ...]
    ) -> tuple[Report, tuple[Draft, ...]]:
        report = Report(outcome=FindingKind.HEALTHY, summary="Dark.", evidence=evidence)
        drafts = [
            Draft(
                key=f"lamp-{place}",
                tool="fake_set",
                parameters={"name": name, "before": "old", "to": "new"},
                environment="staging",
                rationale=f"{name} is dark",
                requesters=tuple(task.spec.get(f"asked.{name}", "").split()),
            )
            for place, name in enumerate(task.spec["lamps"].split(","), 1)
        ]
        return report, tuple(drafts)

    async def follow_up(self, task: Task, row: ProposalRow) -> tuple[Draft, ...]:
        del task, row
        return ()


@dataclass
class Bench:
    """Everything, and short ways to make things happen."""

    side: Side
    desk: Desk
    worker: Worker
    house: House
    box: Inbox
    rules: list[RuleSet]
    numbers: Any = field(default_factory=lambda: count(1))

    async def task(self, *lamps: str, **spec: str) -> Task:
        """Let a task begin, and think."""
        made = await self.side.begin(
            f"incident:{next(self.numbers)}", spec={"lamps": ",".join(lamps), **spec}
        )
        await self.work()
        return made

    async def work(self) -> None:
        """Take every due task as far as it goes."""
        dispatcher = self.side.store.dispatcher("worker-1")
        while claims := await dispatcher.claim(50, 30):
            for claim in claims:
                await self.worker.work(claim)

    async def shown(self) -> None:
        """Wait until the threads show what is stored."""
        await until(self.side.is_shown, WITHIN_S)

    async def card(self, start: str) -> Message:
        """Return the newest message with this mark, or with one that begins so."""
        await self.shown()
        found = [
            message
            for message, mark in zip(self.side.messages(), self.side.marks(), strict=True)
            if mark == start or (start.endswith(":") and mark.startswith(start))
        ]
        return found[-1]

    async def rows(self, task: Task) -> list[ProposalRow]:
        """Return the proposals of a task."""
        return await self.side.store.tasks.proposals(task.id)

    async def states(self, task: Task) -> list[ProposalState]:
        """Return the states of a task's proposals."""
        return [row.state for row in await self.rows(task)]

    async def press(self, user: str, what: str, message: Message, team: str = TEAM) -> list[str]:
        """Press the button with this text or action; returns what the person is told."""
        action = next(one for one in buttons(message) if what in (label(one), one["action_id"]))
        return await self.send(user, action["action_id"], action["value"], message.ts, team)

    async def send(
        self, user: str, action_id: str, value: str, ts: str, team: str = TEAM
    ) -> list[str]:
        """Send a click as given, whether or not there is such a button."""
        channel = {"id": "C0INCIDENTS"}
        body = {
            "type": "block_actions",
            "user": {"id": user, "team_id": team},
            "container": {"message_ts": ts, "channel_id": channel["id"]},
            "channel": channel,
            "message": {"ts": ts},
            "actions": [{"action_id": action_id, "value": value}],
        }
        return await self.letter("action", body)

    async def letter(self, kind: str, body: dict[str, Any]) -> list[str]:
        """Put an envelope into the inbox; returns what is told once it is worked off."""
        key, before = f"{kind}:{next(self.numbers)}", len(await self.told())
        await self.box.put(key, kind, body)

        async def is_done() -> bool:
            return (await self.side.store.row(inbox, key=key)).done_at is not None

        await until(is_done, WITHIN_S)
        return (await self.told())[before:]

    async def told(self) -> list[str]:
        """Return everything that was ever told to one person only."""
        rows = await self.side.store.rows(outbox)
        return [
            json.loads(row.payload)["text"] for row in rows if row.kind in {"ephemeral", "response"}
        ]


def asks(n: int = 1, *groups: str, **when: Any) -> Rule:  # noqa: ANN401 - conditions
    """Return a rule that asks `n` of the groups, else of `oncall`, for a month."""
    asked = Asked(n=n, groups=groups or ("oncall",), expires_s=30 * 86_400)
    name = f"ask-{'-'.join([*asked.groups, *when])}"
    return rule(name, RuleKind.APPROVE, When(tool=("fake_set",), **when), asked)


def buttons(message: Message) -> list[dict[str, Any]]:
    """Return the buttons of a message."""
    return [
        element
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def label(button: dict[str, Any]) -> str:
    """Return what stands on a button."""
    return str(button["text"]["text"])


def words(message: Message) -> str:
    """Return what a message says, as JSON."""
    return json.dumps(message.blocks, ensure_ascii=False)


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    """Start everything."""
    async with slackside(folder) as side:
        users = side.workspace.state.users
        users |= {user.id: user for user in (GUEST, ROBOT, OUTSIDER)}
        made = _bench(side)
        clerk = InboxClerk(made.desk, made.box)
        side.store.database.on_commit(clerk.wake)
        working = asyncio.create_task(clerk.run())
        ticking = asyncio.create_task(_tick(side))
        try:
            async with running(side, partial(no_way_back, made.desk.catalogue)):
                yield made
                assert not working.done()
        finally:
            for loop in (working, ticking):
                loop.cancel()
            await asyncio.gather(working, ticking, return_exceptions=True)


async def _tick(side: Side) -> None:
    """Let the clock, by which rates are counted too, run a few times as fast."""
    while True:
        side.store.clock.forward(1)
        await asyncio.sleep(0.2)


def _bench(side: Side) -> Bench:
    context, house = side.store.context, House()
    catalogue = Catalogue([HouseConnector(house)])
    groups = {
        "oncall": Group(usergroup="S0ONCALL"),
        "operators": Group(usergroup="S0OPERATORS"),
        "marketing": Group(usergroup="S0MARKETING"),
        "break-glass": Group(users=("U0MIA",)),
    }
    directory = SlackDirectory(side.sender, context.clock, groups)
    directory.joined(TEAM)
    rules = [sealed([asks()])]
    gateway = Gateway(
        Parts(
            catalogue=catalogue,
            journal=SqlJournal(context),
            memory=SqlMemory(context),
            controls=SqlControls(context, {}, Mode.APPROVE),
            directory=directory,
            rules=lambda: rules[-1],
            clock=context.clock,
            redactor=context.redactor,
            boundary=context.boundary,
        )
    )
    desk = Desk(
        context=context,
        config=Config(groups=groups),
        directory=directory,
        gateway=gateway,
        catalogue=catalogue,
        rule_sets=SqlRuleSets(context, sealed([])),
        policy_dir=None,
    )
    workshop = Workshop(
        store=side.store.tasks,
        agents={TaskKind.INCIDENT: LampAgent()},
        gateway=gateway,
        clock=context.clock,
        boundary=context.boundary,
    )
    assert context.clock.now() >= START
    return Bench(side, desk, Worker(workshop), house, Inbox(context), rules)
