"""People and executors at one proposal at once, over a real store, with a system that counts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from random import Random

from sqlalchemy import Connection

from agents.incident.agent import IncidentAgent
from agents.ports import Claim, TaskChange
from agents.services import ServiceMap
from agents.tasks import TaskKind, TaskState
from agents.worker import Worker, Workshop, caller_of
from bot.store.controls import SqlControls, pause, resume
from bot.store.dispatch import RowDispatcher
from bot.store.journal import SqlJournal
from bot.store.memory import SqlMemory
from bot.store.proposals import add_proposal, moved
from bot.store.tables import tasks
from bot.store.tasks import settle_task, task_of
from bot.store.taskstore import SqlTaskStore
from bot.store.votes import Click, cast, supersede
from policies.approvals import Ballot, Membership, Memberships, Voter
from policies.engine import Asked, RuleKind, RuleSet, When
from policies.loader import sealed
from policies.model import Mode, Proposal, ProposalState
from policies.rejections import Rejection, Why
from tests.bot.world import FakeClock, World, opened, ts_of
from tests.fakes.system import FakeConnector, FakeSystem, FakeTool, SetParameters
from tests.fakes.values import rule
from tools.base import AnyTool, Call, Effect, Plan, State
from tools.catalogue import Catalogue
from tools.gateway import Gateway, Parts
from tools.ports import Draft, LostLease

CLICKERS, EXECUTORS = 50, 40
FIRST, LAST = "first", "last"
TEAM = "T0PLAY"
REQUESTER, BOT, GUEST = f"{TEAM}/UASKER", f"{TEAM}/UBOT", f"{TEAM}/UGUEST"
OUTSIDERS = tuple(f"{TEAM}/UOUT{place}" for place in range(4))
OTHER_TEAM = "T0OTHER/U0000"
MEMBERS = tuple(f"{TEAM}/U{place:04}" for place in range(CLICKERS - len(OUTSIDERS) - 4))
# Bot, guest and requester are even in the group: that is not what keeps them out.
CROWD = (*MEMBERS, *OUTSIDERS, REQUESTER, BOT, GUEST, OTHER_TEAM)


class Street(FakeSystem):
    """Lamps by name; every key takes effect once, and what took effect stands in a log."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self.chance = chance
        self.lamps: dict[str, str] = {}
        self.log: list[tuple[str, str]] = []

    async def doze(self) -> None:
        """Answer after a while, so that others come in between."""
        await asyncio.sleep(self.chance.choice([0.0, 0.0, 0.001, 0.004]))


class StreetTool(FakeTool):
    """Set a lamp of the street."""

    # Long: a busy machine is no silence.
    timeout_s = 30.0

    def __init__(self, street: Street) -> None:
        super().__init__(street)
        self._street = street

    async def observe(self, params: SetParameters) -> State:
        await self._street.doze()
        return {"value": self._street.lamps.get(params.name, "old")}

    def plan(self, params: SetParameters, observed: State) -> Plan:
        made = super().plan(params, observed)
        return Plan(title=made.title, target=made.target, preconditions=made.preconditions)

    async def act(self, params: SetParameters, call: Call) -> Effect:
        await self._street.doze()
        if call.key not in self._street.done:
            self._street.done[call.key] = self._street.lamps[params.name] = params.to
            self._street.log.append((params.name, call.key))
        await self._street.doze()
        return Effect(sentence="The lamp is set.", left={"value": params.to})


class StreetConnector(FakeConnector):
    """The street with its one tool."""

    def __init__(self, street: Street) -> None:
        super().__init__(street)
        self._street = street

    def tools(self) -> Sequence[AnyTool]:
        return (StreetTool(self._street),)


BECAUSE = Rejection(why=Why.OTHER, words="because")


@dataclass
class Town:
    """Who is in the group, by the clock; each change is kept with its time."""

    clock: FakeClock
    members: frozenset[str] = frozenset()
    since: list[tuple[datetime, frozenset[str]]] = field(default_factory=list)

    def become(self, members: frozenset[str]) -> None:
        """Change who is in the group."""
        self.members = members
        self.since.append((self.clock.now(), members))

    async def person(self, person: str) -> Voter:
        """Return what is known of everybody: a full member."""
        return Voter(id=person, read_at=self.clock.now())

    async def memberships(self, groups: Sequence[str]) -> Memberships:
        await asyncio.sleep(0)
        now = self.clock.now()
        return {name: Membership(group=name, members=self.members, read_at=now) for name in groups}

    def within_a_minute(self, at: datetime) -> frozenset[str]:
        """Return who was in the group at any time of the minute before."""
        found = frozenset[str]()
        ends = [began for began, _ in self.since[1:]] + [datetime.max.replace(tzinfo=UTC)]
        for (began, members), ended in zip(self.since, ends, strict=True):
            if began <= at and ended >= at - timedelta(seconds=60):
                found |= members
        return found


def rules_of(race: "Race") -> RuleSet:
    """Return the rules of now."""
    kind = RuleKind.DENY if race.denies else RuleKind.APPROVE
    asked = None if race.denies else Asked(n=race.quorum, groups=("crowd",))
    return sealed([rule("crowd-decides", kind, When(tool=("fake_set",)), asked)])


@dataclass
class Race:
    """One database for all rounds, and everybody who races."""

    store: World
    town: Town
    street: Street
    gateway: Gateway
    chance: Random
    # As the rules ask now; a round may change it under way.
    quorum: int = 1
    denies: bool = False
    executors: dict[str, RowDispatcher] = field(default_factory=dict)
    # As many as read at once without a connection more.
    looking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))

    async def proposed(self, lamp: str) -> Proposal:
        """Return a proposal to set a lamp, with its card."""
        task = await self.store.task(f"incident:{lamp}")
        claim = next(
            one for one in await self.executors[FIRST].claim(500, 30) if one.task.id == task.id
        )
        store = self.store.tasks
        await store.advance(claim, TaskChange(state=TaskState.GATHERING))
        await store.advance(claim, TaskChange(state=TaskState.ANALYSING))
        made = await self.considered(claim, lamp)
        await store.advance(claim, TaskChange(proposals=(made,)))
        await store.release(claim)
        await self.store.carded(made, task)
        return made

    async def considered(self, claim: Claim, lamp: str, to: str = "new") -> Proposal:
        """Return what the gateway makes of setting a lamp."""
        draft = Draft(
            key="switch",
            tool="fake_set",
            parameters={"name": lamp, "before": "old", "to": to},
            environment="staging",
            requesters=(REQUESTER,),
            revision=1 if to == "new" else 2,
        )
        agent = IncidentAgent(self.gateway, ServiceMap(services={}))
        number = 1 if to == "new" else 2
        return await self.gateway.consider(
            draft, f"{claim.task.id}-{number}", caller_of(claim, agent)
        )

    async def click(self, person: str, proposal: Proposal, ballot: Ballot) -> None:
        """Let a person press a button, as the desk works it off."""
        voter = Voter(id=person, is_bot=person == BOT, is_guest=person == GUEST)
        pressed = Click(
            voter=voter,
            proposal_id=proposal.id,
            seen_hash=proposal.action.hash,
            channel="C0INCIDENTS",
            message_ts=ts_of(proposal.id),
        )
        members = await self.town.memberships(["crowd"])
        await self.store.database.write(
            lambda connection: cast(
                connection, self.store.context, pressed, ballot, members, BECAUSE
            )
        )

    async def execute(self, name: str, lease_s: float) -> bool:
        """Let an executor take a task a step further; False where there was none for it."""
        async with self.looking:
            found = await self.executors[name].claim(1, lease_s)
        for claim in found:
            await self.worker.work(claim)
        return bool(found)

    @cached_property
    def worker(self) -> Worker:
        """The one that all executors lend their names."""
        context = self.store.context
        agent = IncidentAgent(self.gateway, ServiceMap(services={}))
        workshop = Workshop(
            store=SqlTaskStore(context),
            agents={TaskKind.INCIDENT: agent},
            gateway=self.gateway,
            clock=context.clock,
            boundary=context.boundary,
        )
        return Worker(workshop)

    async def write(self, unit: Callable[[Connection], object]) -> None:
        """Write, or find that it came too late."""
        try:
            await self.store.database.write(unit)
        except LostLease:
            return

    async def withdraw(self, proposal: Proposal) -> None:
        """Take a proposal back while it waits."""

        def unit(connection: Connection) -> None:
            step = (ProposalState.PENDING, ProposalState.WITHDRAWN)
            moved(connection, self.store.context, proposal, step, "WITHDRAWN", "Taken back.")
            settle_task(connection, self.store.context, proposal.task_id, "WITHDRAWN")

        await self.write(unit)

    async def edit(self, proposal: Proposal, lamp: str) -> Proposal:
        """Put another one in its place, if it still waits."""
        row = await self.store.row(tasks, id=proposal.task_id)
        task = task_of(row)
        claim = Claim(task=task, worker="desk", epoch=0)
        new = await self.considered(claim, lamp, "newer")

        def unit(connection: Connection) -> None:
            context = self.store.context
            if supersede(connection, context, proposal, new, MEMBERS[0]):
                add_proposal(connection, context, new)
                settle_task(connection, context, proposal.task_id, "EDITED")

        await self.write(unit)
        await self.store.carded(new, task)
        return new

    async def pause(self) -> None:
        """Stop everything, and go on a little later."""
        context = self.store.context
        await self.write(lambda found: pause(found, context, "default", MEMBERS[0], "race"))
        await asyncio.sleep(self.chance.choice([0.0, 0.01, 0.03]))
        await self.write(lambda found: resume(found, context, "default", MEMBERS[0], "race"))

    async def leave(self) -> None:
        """Take half of the people out of the group; sometimes that is a minute ago."""
        left = frozenset(self.chance.sample(sorted(self.town.members), len(self.town.members) // 2))
        self.town.become(left)
        if self.chance.random() < 0.5:
            self.store.clock.forward(61)

    async def at(self, delay_s: float, act: Callable[[], Awaitable[object]]) -> None:
        """Do something after a while."""
        await asyncio.sleep(delay_s)
        await act()


@asynccontextmanager
async def racing(folder: Path, seed: int) -> AsyncIterator[Race]:
    """Open a store for a race."""
    clock, chance = FakeClock(), Random(seed)
    async with opened(folder / "signoff.db", clock) as store:
        town, street = Town(clock), Street(chance)
        race: Race
        parts = Parts(
            catalogue=Catalogue([StreetConnector(street)]),
            journal=SqlJournal(store.context),
            memory=SqlMemory(store.context),
            controls=SqlControls(store.context, {}, Mode.APPROVE),
            directory=town,
            # Read at each decision: a round changes its rules under way.
            rules=lambda: rules_of(race),
            clock=clock,
            redactor=store.context.redactor,
            boundary=store.context.boundary,
        )
        race = Race(store, town, street, Gateway(parts), chance)
        for name in (FIRST, LAST, *(f"executor-{place}" for place in range(EXECUTORS))):
            race.executors[name] = RowDispatcher(store.database, clock, name)
        yield race
