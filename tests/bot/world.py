"""A store on a real file with a clock that tests move, and short ways to make things happen."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from agents.ports import Claim, ProposalRow, TaskChange
from agents.tasks import NewTask, Task, TaskKind, TaskState
from bot.store.context import Context
from bot.store.dispatch import RowDispatcher
from bot.store.engine import Database
from bot.store.journal import SqlJournal
from bot.store.ledger import Ledger
from bot.store.proposals import add_proposal
from bot.store.records import ledger
from bot.store.schema import migrate
from bot.store.tables import posts
from bot.store.tasks import create_task, settle_task
from bot.store.taskstore import SqlTaskStore
from bot.store.votes import Answer, Click, ask_rollback, cast
from policies.approvals import Ballot, Membership, Memberships, Voter
from policies.model import (
    Action,
    Actor,
    ActorKind,
    Clause,
    Comparator,
    Decision,
    EffectKind,
    ExpectedEffect,
    Inverse,
    Precondition,
    Proposal,
    ProposalState,
    Severity,
)
from policies.redaction import Redactor
from policies.rejections import Rejection, Why
from tools.ports import Caller, Direction, Intent, Outcome

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
ANA, BEN, MIA, ZOE = (f"T0PLAY/U0{name}" for name in ("ANA", "BEN", "MIA", "ZOE"))
GROUP = "incident:staging/service=checkout"
SECRET = "correct-horse-battery-staple"
INVERSE = Inverse(
    tool="shop_rollback",
    parameters={"service": "checkout", "version": "v42"},
    window_s=3600,
    sentence="Deploys v42 again",
)
EFFECT = ExpectedEffect(
    tool="prometheus_query",
    parameters={"query": "errors"},
    field="value",
    comparator=Comparator.LE,
    value="0.05",
    baseline="0.31",
    settle_s=75,
    window_s=60,
    deadline_s=300,
    sentence="errors fall below 5 %",
)


class FakeClock:
    """Stands still until a test moves it."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@asynccontextmanager
async def opened(path: Path, clock: FakeClock) -> AsyncIterator["World"]:
    """Open the database of a file, and close it again."""
    database = Database(f"sqlite+aiosqlite:///{path}")
    redactor = Redactor([SECRET])
    passed: list[str] = []
    context = Context(
        database=database,
        ledger=Ledger(redactor),
        clock=clock,
        redactor=redactor,
        boundary=passed.append,
        dispatcher=RowDispatcher(database, clock, "worker-1"),
    )
    try:
        await database.open(migrate)
        yield World(path, clock, context, passed)
    finally:
        await database.close()


def new_task(group: str = GROUP, **fields: object) -> NewTask:
    usual: dict[str, Any] = {
        "kind": TaskKind.INCIDENT,
        "tenant": "default",
        "group_key": group,
        "environment": "staging",
        "target": "checkout",
        "title": "HighErrorRatio on checkout in staging",
        "requester": Actor(kind=ActorKind.SYSTEM, id="system:alertmanager"),
        "channel": "C0INCIDENTS",
        "severity": Severity.SEV3,
        "since_at": START,
    }
    usual.update(fields)
    return NewTask(**usual)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is unusual about a proposal; the rest is a rollback that one on-call engineer signs."""

    clauses: tuple[Clause, ...] = (Clause(rule="rollback-staging", n=1, groups=("oncall",)),)
    effect: EffectKind = EffectKind.APPROVE
    inverse: Inverse | None = INVERSE
    expected_effect: ExpectedEffect | None = EFFECT
    requesters: tuple[str, ...] = ()
    expires_s: int = 1800
    rationale: str | None = None
    revision: int = 1
    key: str = "rollback"
    version: str = "v41"
    tool: str = "shop_rollback"
    replaces: str | None = None


def proposal_for(task: Task, number: int, now: datetime, wish: Wish) -> Proposal:
    name = f"{task.id}-{number}"
    expires_at = now + timedelta(seconds=wish.expires_s)
    action = Action(
        tenant=task.tenant,
        proposal_id=name,
        tool=wish.tool,
        tool_version=1,
        target="checkout",
        environment=task.environment,
        parameters={"service": "checkout", "version": wish.version},
        preconditions=(Precondition(field="deployed", value="v42"),),
        expected_effect=wish.expected_effect,
        inverse=wish.inverse,
        requester=str(task.requester),
        agent="incident",
        not_after=expires_at + timedelta(hours=1),
    )
    decision = Decision(
        effect=wish.effect,
        rules=("rollback-staging",),
        reasons=("ROLLBACK_NEEDS_ONCALL",),
        policy_version="abc123",
        clauses=wish.clauses,
        expires_s=wish.expires_s,
    )
    return Proposal(
        id=name,
        task_id=task.id,
        key=wish.key,
        revision=wish.revision,
        title=f"Roll back `checkout` from v42 to {wish.version} in staging",
        action=action,
        decision=decision,
        created_at=now,
        expires_at=expires_at,
        rationale=wish.rationale,
        requesters=wish.requesters,
        replaces=wish.replaces,
        editable=("version",),
    )


@dataclass
class World:
    """An open store and what happens in it."""

    path: Path
    clock: FakeClock
    context: Context
    passed: list[str]
    groups: dict[str, frozenset[str]] = field(
        default_factory=lambda: {"oncall": frozenset({ANA, BEN})}
    )

    @property
    def database(self) -> Database:
        return self.context.database

    @property
    def tasks(self) -> SqlTaskStore:
        return SqlTaskStore(self.context)

    @property
    def journal(self) -> SqlJournal:
        return SqlJournal(self.context)

    @property
    def url(self) -> str:
        return f"sqlite+aiosqlite:///{self.path}"

    def memberships(self, age_s: float = 0) -> Memberships:
        read_at = self.clock.now() - timedelta(seconds=age_s)
        return {
            name: Membership(group=name, members=members, read_at=read_at)
            for name, members in self.groups.items()
        }

    async def rows(self, table: Table, **equal: object) -> list[Row[Any]]:
        """Return the rows of a table that equal what is named."""
        query = select(table).where(*(table.c[name] == value for name, value in equal.items()))

        def unit(connection: Connection) -> list[Row[Any]]:
            return list(connection.execute(query).all())

        return await self.database.read(unit)

    async def row(self, table: Table, **equal: object) -> Row[Any]:
        (found,) = await self.rows(table, **equal)
        return found

    async def events(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the bodies of the ledger, of these kinds if any is named."""
        bodies = [json.loads(row.body) for row in await self.rows(ledger)]
        return [body for body in bodies if not kinds or body["kind"] in kinds]

    async def task(self, group: str = GROUP, **fields: object) -> Task:
        made, is_new = await self.database.write(
            lambda connection: create_task(connection, self.context, new_task(group, **fields))
        )
        assert is_new
        return made

    async def claimed(self, worker: str = "worker-1", lease_s: float = 30) -> Claim:
        (claim,) = await self.dispatcher(worker).claim(1, lease_s)
        return claim

    def dispatcher(self, name: str) -> RowDispatcher:
        """Return what hands out tasks to a worker of this name."""
        return RowDispatcher(self.database, self.clock, name)

    async def concluded(self) -> None:
        """Take the one task that is due through an analysis that proposes nothing."""
        await self.analysed((await self.dispatcher("looks").claim(1, 0))[0].task)

    async def analysed(self, task: Task, *wishes: Wish) -> list[Proposal]:
        """Take a fresh task through its analysis; it proposes what is wished."""
        claim = await self.claimed()
        assert claim.task.id == task.id
        await self.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
        await self.tasks.advance(claim, TaskChange(state=TaskState.ANALYSING))
        made = [
            proposal_for(task, place, self.clock.now(), wish)
            for place, wish in enumerate(wishes, start=1)
        ]
        await self.tasks.advance(claim, TaskChange(proposals=tuple(made)))
        await self.tasks.release(claim)
        for proposal in made:
            await self.carded(proposal, task)
        return made

    async def proposed(self, wish: Wish | None = None, group: str = GROUP) -> Proposal:
        """Make a task with one proposal, and its card."""
        task = await self.task(group)
        (proposal,) = await self.analysed(task, wish or Wish())
        return proposal

    async def added(self, proposal: Proposal, task: Task) -> None:
        """Add a further proposal with its card."""

        def unit(connection: Connection) -> None:
            add_proposal(connection, self.context, proposal)
            settle_task(connection, self.context, task.id, "EDITED")

        await self.database.write(unit)
        await self.carded(proposal, task)

    async def carded(self, proposal: Proposal, task: Task) -> None:
        """Note a card in Slack, as the mirror does."""
        row = {
            "thread_id": task.thread_id,
            "key": f"proposal:{proposal.id}",
            "channel": "C0INCIDENTS",
            "ts": ts_of(proposal.id),
            "digest": "",
            "begun_at": self.clock.now(),
        }
        await self.database.write(lambda connection: connection.execute(posts.insert(), row))

    def click(self, proposal: Proposal, voter: str | Voter = ANA, **fields: object) -> Click:
        usual: dict[str, Any] = {
            "voter": Voter(id=voter) if isinstance(voter, str) else voter,
            "proposal_id": proposal.id,
            "seen_hash": proposal.action.hash,
            "channel": "C0INCIDENTS",
            "message_ts": ts_of(proposal.id),
        }
        usual.update(fields)
        return Click(**usual)

    async def vote(
        self,
        click: Click,
        ballot: Ballot = Ballot.APPROVE,
        reason: str | None = None,
        *,
        age_s: float = 0,
    ) -> Answer:
        members = self.memberships(age_s)
        said = None if reason is None else Rejection(why=Why.OTHER, words=reason)
        return await self.database.write(
            lambda connection: cast(connection, self.context, click, ballot, members, said)
        )

    async def roll_back(self, click: Click) -> Answer:
        members = self.memberships()
        return await self.database.write(
            lambda connection: ask_rollback(connection, self.context, click, members)
        )

    async def standing(self, proposal: Proposal) -> ProposalRow:
        """Return a proposal as it stands now."""
        rows = await self.tasks.proposals(proposal.task_id)
        return next(row for row in rows if row.proposal.id == proposal.id)

    async def executed(self, proposal: Proposal) -> Claim:
        """Sign a proposal off and carry it out; returns the claim that did it."""
        assert (await self.vote(self.click(proposal))).refusal is None
        claim = await self.claimed()
        caller = caller_of(claim)
        await self.journal.begin(intent(proposal), caller)
        await self.journal.settle(done(proposal, ProposalState.EXECUTED), caller)
        return claim


def ts_of(proposal_id: str) -> str:
    return f"1700000000.{proposal_id}"


def caller_of(claim: Claim) -> Caller:
    return Caller(
        tenant="default",
        task_id=claim.task.id,
        agent="incident",
        agent_version="1",
        environment="staging",
        requester=claim.task.requester,
        correlation_id=claim.task.id,
        worker=claim.worker,
        epoch=claim.epoch,
    )


def intent(proposal: Proposal, direction: Direction = Direction.FORWARD) -> Intent:
    return Intent(
        proposal=proposal,
        direction=direction,
        key=f"signoff-{proposal.id}-{direction}",
        system="shop",
        baseline="0.31",
        on_behalf_of=ANA,
    )


def done(
    proposal: Proposal,
    state: ProposalState | None,
    direction: Direction = Direction.FORWARD,
    **fields: object,
) -> Outcome:
    usual: dict[str, Any] = {
        "sentence": "`checkout` runs v41",
        "reason": "EXECUTED",
        "left": {"deployed": "v41"},
    }
    usual.update(fields)
    return Outcome(proposal=proposal, direction=direction, state=state, **usual)
