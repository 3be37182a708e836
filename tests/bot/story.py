"""A rich story of one task as rows: alert, evidence, votes, effect, rollback, refusal, pause."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from agents.alerts import Alert, AlertStatus
from agents.ports import Claim, TaskChange
from agents.routing import AlertGroup
from agents.tasks import TaskState
from bot.policy import candidate
from bot.store.alerts import BadAlert, Delivery, ingest
from bot.store.controls import pause, resume
from bot.store.rules import trust_first
from bot.store.tasks import open_task, task_event
from policies.approvals import Ballot
from policies.audit import EventKind
from policies.model import Proposal, ProposalState, Severity, Verdict
from tests.bot.world import (
    ANA,
    BEN,
    SECRET,
    START,
    ZOE,
    FakeClock,
    Wish,
    World,
    caller_of,
    done,
    intent,
    opened,
    proposal_for,
)
from tools.ports import Direction

SAID = "the canary of checkout looked odd since lunch"
FAULT = "TypeError: cannot read 'currency' of null"
REASON = "the customer Jane Roe is on the phone, wait"


def alert(status: AlertStatus = AlertStatus.FIRING, fingerprint: str = "feedc0de00000001") -> Alert:
    return Alert(
        fingerprint=fingerprint,
        source="alertmanager",
        status=status,
        name="HighErrorRatio",
        service="checkout",
        environment="staging",
        severity=Severity.SEV3,
        starts_at=START,
        ends_at=None,
        labels={"alertname": "HighErrorRatio", "service": "checkout"},
        annotations={"summary": SAID},
        url=None,
    )


async def received(world: World, *alerts: Alert, bad: Sequence[BadAlert] = ()) -> int:
    group = AlertGroup(key="staging/service=checkout", alerts=alerts)
    delivery = Delivery(source="alertmanager", groups=(group,), dropped=(), bad=bad)
    return await world.database.write(
        lambda connection: ingest(connection, world.context, delivery, lambda _: "C0INCIDENTS")
    )


async def analysed(world: World) -> tuple[Proposal, Proposal]:
    claim = await world.claimed()
    task, now = claim.task, world.clock.now()
    first = proposal_for(task, 1, now, Wish(rationale=f"{SAID}, token {SECRET}"))
    second = proposal_for(task, 2, now, Wish(key="again"))
    gathered = task_event(
        task, EventKind.EVIDENCE_GATHERED, "Gathered 3 pieces.", now, texts={"log": FAULT}
    )
    for change in (
        TaskChange(state=TaskState.GATHERING),
        TaskChange(state=TaskState.ANALYSING, events=(gathered,), steps={"evidence": "[]"}),
        TaskChange(proposals=(first, second)),
    ):
        await world.tasks.advance(claim, change)
    await world.tasks.release(claim)
    for proposal in (first, second):
        await world.carded(proposal, task)
    return first, second


async def undone(world: World, proposal: Proposal, claim: Claim) -> None:
    world.clock.forward(90)
    row = await world.standing(proposal)
    await world.tasks.verified(claim, row, Verdict.WORSE, "0.44")
    assert (await world.roll_back(world.click(proposal, BEN))).refusal is None
    await world.journal.begin(intent(proposal, Direction.INVERSE), caller_of(claim))
    await world.journal.settle(
        done(proposal, ProposalState.ROLLED_BACK, Direction.INVERSE), caller_of(claim)
    )


def prologue(connection: Connection, world: World) -> None:
    trust_first(connection, world.context, candidate(None))
    pause(connection, world.context, "default", ANA, f"{SAID} ({SECRET})")
    resume(connection, world.context, "default", ANA, "")


async def told(path: Path) -> str:
    """Play the story into the database at `path`; returns the task's id."""
    async with opened(path, FakeClock()) as world:
        await world.database.write(lambda connection: prologue(connection, world))
        bad = BadAlert(body="{}", reason=f"alerts.1.labels: {SAID}")
        assert await received(world, alert(), bad=[bad]) == 1
        task = await world.database.read(
            lambda connection: open_task(connection, "default", "incident:staging/service=checkout")
        )
        assert task is not None
        proposal, second = await analysed(world)
        no = await world.vote(world.click(proposal, ZOE), Ballot.REJECT, REASON)
        assert no.refusal is not None
        yes = await world.vote(world.click(second, BEN), Ballot.REJECT, REASON)
        assert yes.refusal is None
        await undone(world, proposal, await world.executed(proposal))
        world.clock.forward(60)
        assert await received(world, alert(AlertStatus.RESOLVED)) == 1
        return task.id
