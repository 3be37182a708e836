"""Freezes, holds and modes as rows: once each, told and recorded, and in force at once."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import Connection

from agents.ports import TaskChange
from agents.tasks import Task, TaskKind, TaskState
from bot.store.controls import SqlControls, pause
from bot.store.freezes import (
    Campaign,
    Place,
    freeze_campaign,
    freeze_task,
    hold_campaigns,
    lift_holds,
    order_mode,
    unfreeze_campaign,
    unfreeze_task,
)
from bot.store.halts import switches
from bot.store.journal import SqlJournal
from bot.store.notices import NOTICE, Order
from bot.store.tables import controls, executions, outbox, proposals, threads
from policies.engine import RuleKind, When
from policies.loader import sealed
from policies.model import ActionKind, Mode, Proposal, ProposalState
from tests.bot.world import ANA, BEN, SECRET, World, caller_of, done, intent
from tests.fakes.door import FakeDoor, asks_oncall
from tests.fakes.ports import FakeDirectory
from tests.fakes.values import rule
from tools.execution import Execution
from tools.gateway import Gateway
from tools.halts import Halt, HaltKind, Matter, Modes
from tools.ports import (
    BackFrozen,
    Basis,
    Caller,
    Direction,
    Draft,
    Frozen,
    Grant,
    Halted,
    ModeChanged,
)

ANCHOR = "C0OPERATIONS"
BOOTS = Campaign(platform="adplatform", key="cmp-1", name="Winter boots")
LAMP = Campaign(platform="fake", key="lamp", name="lamp")
SWITCH = Draft(
    key="switch",
    tool="fake_set",
    parameters={"name": "lamp", "before": "old", "to": "new"},
    environment="staging",
)
INCIDENT = Place(agent="incident", environment="staging")
Turn = Callable[[Connection], Any]


def order(person: str = ANA, reason: str = "it is odd", anchor: str | None = ANCHOR) -> Order:
    return Order(person=person, reason=reason, anchor=anchor)


async def written(store: World, work: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - whatever the work returns
    return await store.database.write(
        lambda connection: work(connection, store.context, *arguments)
    )


async def notices(store: World) -> list[dict[str, str]]:
    return [json.loads(row.payload) for row in await store.rows(outbox, kind=NOTICE)]


async def halts(store: World) -> tuple[Halt, ...]:
    return (await store.database.read(lambda connection: switches(connection, "default"))).halts


async def test_a_task_is_frozen_once_and_everybody_is_told_by_whom(store: World) -> None:
    task = await store.task()
    asked = await asyncio.gather(
        *(written(store, freeze_task, order(who), task.id) for who in (ANA, BEN) * 3)
    )
    assert sorted(asked) == [False] * 5 + [True]
    (event,) = await store.events("task.frozen")
    (told,) = await notices(store)
    (halt,) = await halts(store)
    assert event["actor"]["id"] == told["person"] == halt.by
    assert (event["task_id"], halt.task_id, halt.reason) == (task.id, task.id, "it is odd")
    assert told["channel"] == ANCHOR
    assert (told["text"], told["reason"]) == (f"froze the task {task.id}", "it is odd")
    assert await written(store, unfreeze_task, order(), task.id)
    assert not await written(store, unfreeze_task, order(), task.id)
    assert await halts(store) == ()
    assert len(await notices(store)) == 2


async def test_without_an_anchor_channel_it_is_recorded_only(store: World) -> None:
    task = await store.task()
    await written(store, freeze_task, order(anchor=None), task.id)
    assert await notices(store) == []
    assert len(await store.events("task.frozen")) == 1


async def test_a_reason_keeps_no_secret_anywhere(store: World) -> None:
    task = await store.task()
    reason = f"the token is {SECRET} <!channel>"
    await written(store, freeze_task, order(reason=reason), task.id)
    await written(store, pause, "default", ANA, reason, ANCHOR)
    await written(store, freeze_campaign, order(reason=reason), BOOTS)
    await written(store, order_mode, order(reason=reason), INCIDENT, (Mode.AUTO, Modes()))
    stored = [*await store.rows(controls), *await store.rows(outbox), *await store.events()]
    assert SECRET not in str(stored)
    # Free text stands in the ledger by its hash only.
    assert "the token is" not in str(await store.events())


async def test_a_mode_is_ordered_over_the_file_and_back_to_it(store: World) -> None:
    file = Modes(by_environment={"staging": Mode.APPROVE})
    was, before = await written(store, order_mode, order(), INCIDENT, (Mode.AUTO, file))
    assert (was, before) == (Mode.APPROVE, None)
    was, before = await written(store, order_mode, order(BEN), INCIDENT, (Mode.AUTO, file))
    assert (was, before.by) == (Mode.AUTO, ANA)
    await written(store, order_mode, order(BEN), INCIDENT, (Mode.APPROVE, file))
    # What the file says anyway is no order.
    assert await store.rows(controls) == []
    first, second = await store.events("mode.changed")
    assert first["data"] == {"before": "approve", "after": "auto"}
    assert second["data"] == {"before": "auto", "after": "approve"}
    told, _ = await notices(store)
    assert "from approve to auto, so what a rule allows alone is done" in told["text"]


async def test_a_campaign_is_held_by_each_incident_on_its_own(store: World) -> None:
    one, two = await store.task("one"), await store.task("two")
    assert await written(store, hold_campaigns, order(), [BOOTS], one.id) == [BOOTS]
    assert await written(store, hold_campaigns, order(BEN), [BOOTS], one.id) == []
    assert await written(store, hold_campaigns, order(), [BOOTS], two.id) == [BOOTS]
    assert [halt.task_id for halt in await written(store, lift_holds, order(), one.id)] == [one.id]
    (left,) = await halts(store)
    assert (left.kind, left.task_id) == (HaltKind.HOLD, two.id)
    await written(store, freeze_campaign, order(), BOOTS)
    assert len(await written(store, unfreeze_campaign, order(), BOOTS)) == 2
    assert await halts(store) == ()
    assert await written(store, unfreeze_campaign, order(), BOOTS) == []


@pytest.mark.parametrize("name", ["a:b/c: d", "100 % `off`", "x" * 120, "pause"])
async def test_a_campaign_s_name_may_hold_anything(store: World, name: str) -> None:
    campaign = Campaign(platform="adplatform", key=name, name=name)
    task = await store.task()
    await written(store, freeze_campaign, order(), campaign)
    await written(store, hold_campaigns, order(), [campaign], task.id)
    names = {halt.name for halt in await halts(store)}
    assert names == {name}
    assert len(await written(store, unfreeze_campaign, order(), campaign)) == 2
    assert await store.rows(controls) == []


async def test_open_cards_are_drawn_again(store: World) -> None:
    incident = await store.task()
    campaign = await store.task("campaign", kind=TaskKind.CAMPAIGN, environment="ads")

    async def redrawn(work: Callable[..., Any], *arguments: object) -> set[str]:
        await store.database.write(
            lambda connection: connection.execute(threads.update().values(cursor=99)).rowcount
        )
        await written(store, work, *arguments)
        return {row.id for row in await store.rows(threads) if row.cursor < 0}

    both = {incident.thread_id, campaign.thread_id}
    assert await redrawn(freeze_task, order(), incident.id) == {incident.thread_id}
    assert await redrawn(freeze_campaign, order(), BOOTS) == both
    ads = Place(agent="campaign", environment="ads")
    change = (Mode.OBSERVE, Modes())
    assert await redrawn(order_mode, order(), ads, change) == {campaign.thread_id}


async def approved(store: World) -> tuple[Proposal, Caller]:
    proposal = await store.proposed()
    await store.vote(store.click(proposal))
    return proposal, caller_of(await store.claimed())


async def test_a_freeze_stops_what_has_not_begun_in_the_transaction_that_begins_it(
    store: World,
) -> None:
    proposal, caller = await approved(store)
    await written(store, freeze_task, order(), proposal.task_id)
    before = await store.events()
    with pytest.raises(Frozen):
        await store.journal.begin(intent(proposal), caller)
    assert await store.events() == before
    assert (await store.standing(proposal)).state is ProposalState.APPROVED
    await written(store, unfreeze_task, order(), proposal.task_id)
    checkout = Campaign(platform="shop", key="checkout", name="checkout")
    await written(store, freeze_campaign, order(), checkout)
    with pytest.raises(Frozen):
        await store.journal.begin(intent(proposal), caller)
    await written(store, unfreeze_campaign, order(), checkout)
    await store.journal.begin(intent(proposal), caller)


async def test_a_freeze_lets_a_way_back_begin_and_a_pause_does_not(store: World) -> None:
    proposal, caller = await approved(store)
    await store.journal.begin(intent(proposal), caller)
    await store.journal.settle(done(proposal, ProposalState.EXECUTED), caller)
    assert (await store.roll_back(store.click(proposal))).refusal is None
    await written(store, freeze_task, order(), proposal.task_id)
    await written(store, pause, "default", ANA, "wait")
    with pytest.raises(Halted):
        await store.journal.begin(intent(proposal, Direction.INVERSE), caller)
    await store.database.write(
        lambda connection: (
            connection.execute(controls.delete().where(controls.c.name == "pause")).rowcount
        )
    )
    await store.journal.begin(intent(proposal, Direction.INVERSE), caller)


@pytest.mark.parametrize("is_held", [False, True])
async def test_a_way_back_that_would_start_a_frozen_campaign_does_not_begin(
    store: World, is_held: bool
) -> None:
    proposal = await store.proposed()
    claim = await store.executed(proposal)
    assert (await store.roll_back(store.click(proposal))).refusal is None
    checkout = Campaign(platform="shop", key="checkout", name="checkout")
    if is_held:
        await written(store, hold_campaigns, order(), [checkout], "T-INCIDENT")
    else:
        await written(store, freeze_campaign, order(), checkout)
    back = intent(proposal, Direction.INVERSE)
    with pytest.raises(BackFrozen, match="unfreeze campaign"):
        await store.journal.begin(back, caller_of(claim))
    assert await store.rows(executions, direction="inverse") == []
    stopping = replace(back, action=ActionKind.PAUSE)
    await store.journal.begin(stopping, caller_of(claim))


async def test_what_was_frozen_by_a_name_spelled_otherwise_stops_and_is_lifted_by_either(
    store: World,
) -> None:
    # Typed while the platform did not answer, so that nobody could tell which one is meant.
    typed = Campaign(platform="fake", key="LAMP", name="LAMP")
    await written(store, freeze_campaign, order(), typed)
    found = await store.database.read(lambda connection: switches(connection, "default"))
    about = Matter(
        tenant="default",
        task_id="T-1",
        agent="incident",
        environment="staging",
        campaigns=frozenset({LAMP.subject}),
    )
    assert [halt.name for halt in found.about(about, Modes()).halts] == ["LAMP"]
    assert [halt.name for halt in await written(store, unfreeze_campaign, order(), LAMP)] == [
        "LAMP"
    ]
    assert await store.rows(controls) == []


@pytest.mark.parametrize(
    ("ordered", "now"), [(Mode.OBSERVE, Mode.OBSERVE), (Mode.AUTO, Mode.APPROVE)]
)
async def test_an_order_for_a_place_spelled_otherwise_makes_it_stricter_only(
    store: World, ordered: Mode, now: Mode
) -> None:
    await written(store, order_mode, order(), INCIDENT, (ordered, Modes()))
    found = await store.database.read(lambda connection: switches(connection, "default"))
    for environment, mode in (("staging", ordered), ("Staging", now), ("elsewhere", Mode.APPROVE)):
        about = Matter(tenant="default", task_id="T-1", agent="incident", environment=environment)
        assert found.about(about, Modes()).mode is mode


async def test_what_was_decided_in_another_mode_does_not_begin(store: World) -> None:
    proposal, caller = await approved(store)
    journal = SqlJournal(store.context, Modes(usual=Mode.AUTO))
    decided = replace(intent(proposal), basis=Basis(mode=Mode.AUTO))
    change = (Mode.APPROVE, Modes(usual=Mode.AUTO))
    await written(store, order_mode, order(), INCIDENT, change)
    with pytest.raises(ModeChanged):
        await journal.begin(decided, caller)
    assert (await store.standing(proposal)).state is ProposalState.APPROVED


@dataclass
class Waiting:
    """An approved proposal on a real store, whose execution waits in the middle for a tool."""

    store: World
    door: FakeDoor
    task: Task
    proposal: Proposal

    async def executed(self, turn: Turn | None = None) -> tuple[str, str]:
        """Execute it; `turn` a switch while a tool waits. Returns its state and reason."""
        claim = await self.store.claimed()
        caller = caller_of(claim)
        self.door.trail.clear()
        running = asyncio.create_task(
            Execution(self.door.gateway).run(self.proposal, Grant(approvers=(ANA,)), caller)
        )
        if turn is not None:
            while "read" not in self.door.trail:
                await asyncio.sleep(0)
            await self.store.database.write(turn)
        await running
        await self.store.tasks.release(claim)
        row = await self.store.row(proposals, id=self.proposal.id)
        return row.state, row.reason


@pytest.fixture
async def waiting(store: World) -> Waiting:
    door = FakeDoor()
    directory = FakeDirectory(store.clock, door.trail)
    directory.members = {"oncall": {ANA}}
    observe = rule("observe-only", RuleKind.DENY, When(mode=(Mode.OBSERVE,)), reason="MODE_OBSERVE")
    door.rules = sealed([asks_oncall(), observe])
    door.gateway = Gateway(
        replace(
            door.gateway.parts,
            clock=store.clock,
            directory=directory,
            controls=SqlControls(store.context, {}, Mode.AUTO),
            journal=SqlJournal(store.context, Modes(usual=Mode.AUTO)),
        )
    )
    task = await store.task()
    claim = await store.claimed()
    await store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
    await store.tasks.advance(claim, TaskChange(state=TaskState.ANALYSING))
    made = await door.gateway.consider(SWITCH, f"{task.id}-1", caller_of(claim))
    await store.tasks.advance(claim, TaskChange(proposals=(made,)))
    await store.tasks.release(claim)
    await store.carded(made, task)
    await store.vote(store.click(made))
    door.system.faults["read"] = 0.02
    return Waiting(store=store, door=door, task=task, proposal=made)


async def test_every_switch_counts_before_the_next_call_of_what_runs(waiting: Waiting) -> None:
    store, context = waiting.store, waiting.store.context

    def paused(connection: Connection) -> bool:
        return pause(connection, context, "default", ANA, "wait")

    def frozen(connection: Connection) -> bool:
        return freeze_task(connection, context, order(), waiting.task.id)

    def held(connection: Connection) -> bool:
        return freeze_campaign(connection, context, order(), LAMP)

    def stricter(connection: Connection) -> object:
        change = (Mode.APPROVE, Modes(usual=Mode.AUTO))
        return order_mode(connection, context, order(), INCIDENT, change)

    for turn, reason in (
        (paused, "SIGNOFF_PAUSED"),
        (frozen, "FROZEN"),
        (held, "FROZEN"),
        (stricter, "MODE_CHANGED"),
    ):
        assert await waiting.executed(turn) == (ProposalState.APPROVED, reason)
        assert "act" not in waiting.door.trail
        await store.database.write(
            lambda connection: connection.execute(controls.delete()).rowcount
        )
        store.clock.forward(5)
    assert await waiting.executed() == (ProposalState.EXECUTED, "EXECUTED")
    assert len(waiting.door.system.acted) == 1
