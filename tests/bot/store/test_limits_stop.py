"""A task that reaches a limit stops: what it found stays, the limit is named, people are called."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from agents.ports import Claim, ProposalRow, TaskChange
from agents.report import Report, unfinished
from agents.tasks import Task, TaskState
from bot.slack.threads import posts
from bot.store.controls import SqlControls
from bot.store.journal import SqlJournal
from bot.store.memory import SqlMemory
from bot.store.tables import executions, proposals, steps, tasks, usage
from bot.store.taskstore import SqlTaskStore
from bot.store.threads import ThreadStore
from playground.story import text_of
from policies.limits import AgentLimits, LimitReached, Limits, Usage
from policies.loader import sealed
from policies.model import Mode, ProposalState, Verdict
from tests.bot.store.workshop import FakeAgent, worker
from tests.bot.world import ANA, Wish, World, caller_of
from tests.fakes.door import FakeDoor, asks_oncall
from tests.fakes.ports import FakeDirectory
from tools.base import Evidence
from tools.gateway import Gateway
from tools.gathering import Question, gather
from tools.ports import Caller, Draft, ModelUse

LAMP = {"name": "lamp"}
SET = Draft(
    key="switch",
    tool="fake_set",
    parameters={"name": "lamp", "before": "old", "to": "new"},
    environment="staging",
)


class RealDoor(FakeDoor):
    """The fake system behind a door that counts in the real store."""

    def __init__(self, store: World, **limits: Any) -> None:  # noqa: ANN401 - as a file names them
        super().__init__()
        own = AgentLimits.model_validate(limits)
        self.rules = sealed([asks_oncall()], limits=Limits(agents={"incident": own}))
        self.directory = FakeDirectory(store.clock, self.trail)
        self.directory.members = {"oncall": {ANA}}
        parts = {
            **vars(self.gateway.parts),
            "journal": SqlJournal(store.context),
            "memory": SqlMemory(store.context),
            "directory": self.directory,
            "controls": SqlControls(store.context, {}, Mode.APPROVE),
            "clock": store.clock,
        }
        self.gateway = Gateway(type(self.gateway.parts)(**parts))


class Curious(FakeAgent):
    """Asks many things, then a model, and then wants to switch the lamp again and again."""

    def __init__(
        self, door: FakeDoor, *, questions: int = 0, answers: int = 0, drafts: int = 0
    ) -> None:
        super().__init__()
        self._door, self._questions, self._answers = door, questions, answers
        self._drafts = drafts
        self._caller: Caller | None = None

    async def gather(self, caller: Caller, task: Task) -> tuple[Evidence, ...]:
        self._caller = caller
        asked = [
            Question(label=f"lamp {number}", tool="fake_read", parameters=LAMP)
            for number in range(self._questions)
        ]
        return await gather(self._door.gateway, asked, caller)

    async def analyse(
        self, task: Task, evidence: tuple[Evidence, ...]
    ) -> tuple[Report, tuple[Draft, ...]]:
        self.analysed += 1
        for _ in range(self._answers):
            assert self._caller is not None
            budget = self._door.gateway.budget
            await budget.require_model(self._caller)
            use = ModelUse(model="m-1", tokens=400, cost=Decimal("0.0123"), currency="USD")
            await budget.model_asked(use, self._caller)
        made = tuple(
            Draft(**{**vars(SET), "key": f"switch-{number}"}) for number in range(self._drafts)
        )
        return unfinished(evidence), made

    async def follow_up(self, task: Task, row: ProposalRow) -> tuple[Draft, ...]:
        return ()


async def worked(store: World, door: FakeDoor, agent: FakeAgent) -> Report:
    """Take a new task as far as it goes by itself; returns its report."""
    await store.task()
    working = worker(store, agent=agent, door=door)
    while (await store.row(tasks)).state in {"QUEUED", "GATHERING", "ANALYSING"}:
        await working.work(await store.claimed(lease_s=100_000))
    kept = (await store.row(steps, name="report")).result
    return Report.model_validate_json(kept)


async def thread(store: World) -> str:
    """Return every word that the only thread shows."""
    reading = ThreadStore(store.context, owners=lambda _: "oncall")
    ((found,), _) = await reading.behind()
    drawn = posts(await reading.view(found), {"oncall": "<!subteam^S0ONCALL>"}, store.clock.now())
    return "\n".join(text_of({"text": one.text, "blocks": one.blocks}) for one in drawn)


async def stopped_by(store: World, reason: str) -> None:
    """Check that the task ended with people called, and that ledger and thread say why."""
    assert (await store.row(tasks)).state == TaskState.ESCALATED
    (event,) = await store.events("task.escalated")
    assert event["reasons"] == ["LIMIT_REACHED", reason]
    assert (event["escalation"], event["data"]["limit"]) == (reason, reason[6:].lower())
    shown = await thread(store)
    assert "please take over*, <!subteam^S0ONCALL>" in shown
    assert f"The limit `{reason[6:].lower()}`" in shown
    assert "Needs a person" in shown
    assert await store.events("task.failed") == []


async def test_tool_calls_end_at_the_limit_and_what_was_answered_is_reported(
    store: World,
) -> None:
    door = RealDoor(store, task={"tool_calls": 3})
    report = await worked(store, door, Curious(door, questions=8, drafts=1))
    assert door.trail == ["read"] * 3
    assert report.summary.startswith("Partial report.")
    assert len(report.evidence) == 3
    assert (
        "The limit `tool_calls` of a task of `incident` is reached: 3 tool calls"
        in (report.notes[0])
    )
    called = await store.events("tool.called")
    assert len(called) == (await store.row(usage)).tool_calls == 3
    assert {event["identity"] for event in called} == {"fake/none"}
    assert {event["on_behalf_of"] for event in called} == {"system:alertmanager"}
    assert await store.rows(proposals) == []
    await stopped_by(store, "LIMIT_TOOL_CALLS")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"tokens": 1000}, "LIMIT_TOKENS"), ({"money": "0.03 USD"}, "LIMIT_MONEY")],
)
async def test_a_model_is_asked_no_more_once_tokens_or_money_are_used_up(
    store: World, limits: dict[str, Any], reason: str
) -> None:
    door = RealDoor(store, task=limits)
    report = await worked(store, door, Curious(door, questions=2, answers=9, drafts=1))
    asked = await store.events("model.asked")
    assert len(asked) == 3
    assert {(event["cost"], event["data"]["tokens"]) for event in asked} == {("0.0123 USD", 400)}
    row = await store.row(usage)
    assert (row.tokens, json.loads(row.money)) == (1200, {"USD": "0.0369"})
    assert report.summary.startswith("Partial report.")
    assert len(report.evidence) == 2
    assert await store.rows(proposals) == []
    await stopped_by(store, reason)


async def test_the_costs_of_two_currencies_are_never_added(store: World) -> None:
    task = await store.task()
    door, caller = RealDoor(store), caller_of(await store.claimed())
    for cost, currency in (("0.10", "USD"), ("0.20", "EUR"), ("0.005", "USD")):
        use = ModelUse(model="m", tokens=1, cost=Decimal(cost), currency=currency)
        await door.gateway.budget.model_asked(use, caller)
    found = await door.gateway.parts.controls.usage(task.id)
    assert found == Usage(tokens=3, money={"USD": Decimal("0.105"), "EUR": Decimal("0.20")})


async def test_the_time_of_a_task_ends_its_analysis_and_waiting_does_not_count(
    store: World,
) -> None:
    door = RealDoor(store, task={"wall_s": 1})
    agent = FakeAgent(is_stuck=True)
    await store.task()
    working = worker(store, agent=agent, door=door)
    # A day in which nobody worked on it.
    store.clock.forward(86_400)
    began = asyncio.get_running_loop().time()
    while (await store.row(tasks)).state in {"QUEUED", "GATHERING", "ANALYSING"}:
        await working.work(await store.claimed(lease_s=100_000))
    assert asyncio.get_running_loop().time() - began >= 0.9
    report = Report.model_validate_json((await store.row(steps, name="report")).result)
    assert "The limit `wall_s` of a task of `incident` is reached: 1 seconds" in report.notes[0]
    assert (await store.row(usage)).worked_s >= 0.9
    await stopped_by(store, "LIMIT_WALL_S")


class Broken(FakeAgent):
    """Fails at every analysis."""

    async def analyse(
        self, task: Task, evidence: tuple[Evidence, ...]
    ) -> tuple[Report, tuple[Draft, ...]]:
        raise ValueError("it broke")


async def test_a_task_that_failed_as_often_as_it_may_is_left_to_people(store: World) -> None:
    door = RealDoor(store, task={"retries": 2})
    await store.task()
    working = worker(store, agent=Broken(), door=door)
    while (await store.row(tasks)).state in {"QUEUED", "GATHERING", "ANALYSING"}:
        await working.work(await store.claimed(lease_s=100_000))
        store.clock.forward(60)
    assert len(await store.events("task.failed")) == 3
    assert (await store.row(usage)).retries == 3
    (event,) = await store.events("task.escalated")
    assert event["reasons"] == ["LIMIT_REACHED", "LIMIT_RETRIES"]
    assert "The limit `retries`" in await thread(store)


class FailingStore(SqlTaskStore):
    """Never brings a change to a proposal to its end."""

    async def move(
        self, claim: Claim, row: ProposalRow, to: ProposalState, reason: str, sentence: str
    ) -> None:
        raise ValueError("it broke")


async def test_a_proposal_that_fails_as_often_as_its_task_may_goes_round_no_more(
    store: World,
) -> None:
    proposal = await store.proposed(Wish())
    store.clock.forward(86_400)
    door = RealDoor(store, task={"retries": 1})
    working = worker(store, tasks=FailingStore(store.context), door=door)
    for _ in range(2):
        await working.work(await store.claimed(lease_s=100_000))
        store.clock.forward(60)
    assert (await store.standing(proposal)).state is ProposalState.EXPIRED
    assert (await store.row(tasks)).state == TaskState.ESCALATED
    assert await store.dispatcher("worker-1").claim(1, 30) == []
    assert len(await store.events("task.escalated")) == 1


async def test_more_proposals_than_may_wait_are_not_posted_and_the_report_says_so(
    store: World,
) -> None:
    door = RealDoor(store, task={"open_proposals": 2})
    report = await worked(store, door, Curious(door, drafts=5))
    assert len(await store.rows(proposals, state="PENDING")) == 2
    too_many = [note for note in report.notes if "is not proposed" in note]
    assert len(too_many) == 3
    assert "`open_proposals` of a task of `incident` is reached: 2 proposals" in too_many[0]
    assert (await store.row(tasks)).state == TaskState.AWAITING_APPROVAL


async def test_the_proposals_of_all_tasks_of_an_agent_are_limited(store: World) -> None:
    await store.proposed(Wish(), group="other")
    door = RealDoor(store, open_proposals=2)
    await store.task()
    working = worker(store, agent=Curious(door, drafts=3), door=door)
    while await store.rows(tasks, state="QUEUED") or await store.rows(tasks, state="ANALYSING"):
        await working.work(await store.claimed(lease_s=100_000))
        if await store.rows(tasks, state="GATHERING"):
            await working.work(await store.claimed(lease_s=100_000))
    assert len(await store.rows(proposals, state="PENDING")) == 2


async def test_other_tasks_that_propose_meanwhile_leave_no_room_for_more(store: World) -> None:
    """What was counted before is counted again where the proposals are added."""
    await store.proposed(Wish(), group="fast")
    door = RealDoor(store, open_proposals=1)
    await store.task(group="late")
    working = worker(store, agent=Curious(door, drafts=1), door=door)
    await working.work(await store.claimed(lease_s=100_000))
    await working.work(await store.claimed(lease_s=100_000))
    claim = await store.claimed(lease_s=100_000)
    made = await door.gateway.consider(SET, f"{claim.task.id}-1", caller_of(claim))
    ceiling = door.gateway.budget.ceiling(caller_of(claim))
    with pytest.raises(LimitReached):
        await store.tasks.advance(claim, TaskChange(proposals=(made,), ceiling=ceiling))
    assert len(await store.rows(proposals)) == 1, "nothing of it was written"


async def test_an_action_beyond_the_limit_is_denied_with_its_name_and_its_task_stops(
    store: World,
) -> None:
    door = RealDoor(store, actions_an_hour=0)
    task = await store.task()
    working = worker(store, agent=Curious(door, drafts=2), door=door)
    for _ in range(3):
        await working.work(await store.claimed(lease_s=100_000))
    first, second = [row.proposal for row in await store.tasks.proposals(task.id)]
    await store.carded(first, task)
    assert (await store.vote(store.click(first))).refusal is None
    await working.work(await store.claimed(lease_s=100_000))
    standing = await store.row(proposals, id=first.id)
    assert (standing.state, standing.reason) == (ProposalState.DENIED, "LIMIT_ACTIONS_AN_HOUR")
    assert "`actions_an_hour` of `incident` in `staging` is reached: 0 actions" in standing.sentence
    assert standing.sentence.endswith("Nothing was done.")
    assert "act" not in door.trail
    assert await store.rows(executions) == []
    await stopped_by(store, "LIMIT_ACTIONS_AN_HOUR")
    # What waits for people still does.
    assert (await store.row(proposals, id=second.id)).state == ProposalState.PENDING


async def test_what_was_done_is_not_hidden_when_measuring_it_would_be_too_much(
    store: World,
) -> None:
    # One for the baseline, one for the action itself, and none for measuring it.
    door = RealDoor(store, task={"tool_calls": 2})
    task = await store.task()
    working = worker(store, agent=Curious(door, drafts=1), door=door)
    for _ in range(3):
        await working.work(await store.claimed(lease_s=100_000))
    (row,) = await store.tasks.proposals(task.id)
    await store.carded(row.proposal, task)
    assert (await store.vote(store.click(row.proposal))).refusal is None
    await working.work(await store.claimed(lease_s=100_000))
    store.clock.forward(61)
    await working.work(await store.claimed(lease_s=100_000))
    standing = await store.standing(row.proposal)
    assert (standing.state, standing.verdict) == (ProposalState.VERIFIED, Verdict.UNKNOWN)
    assert (standing.next_at, standing.is_followed_up) == (None, True)
    assert door.trail.count("act") == 1
    await stopped_by(store, "LIMIT_TOOL_CALLS")
    outcome = (await store.events("outcome.written"))[0]
    assert (outcome["identity"], outcome["on_behalf_of"]) == ("fake/none", ANA)
