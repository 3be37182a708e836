"""Signed-off actions while Slack puts us off: they wait, hold nobody up, and then are done."""

import time
from pathlib import Path

import pytest

from agents.ports import TaskChange
from agents.tasks import TaskState
from bot.config import Group
from bot.slack import cards
from bot.store.tables import proposals
from policies.engine import Asked, RuleKind, When
from policies.loader import sealed
from policies.model import Actor, ActorKind, Proposal, ProposalState
from tests.bot.slack.office import ANA, BEN, GROUPS, MIA, Office, office
from tests.bot.slack.slackside import until
from tests.bot.world import caller_of
from tests.fakes.values import rule
from tools.ports import Draft

# What Slack said counts for a minute.
TOO_LATE_S = 61
LONG_S, RETRY_S = 600, 5
# As many patiences as a step may take at most, in the proportion of a real one.
PATIENCE_S, STEP_LIMIT_S = 0.5, 12.0
MANY = 20
ASKED_IN_SLACK = {**GROUPS, "oncall": Group(usergroup="S0ONCALL")}


async def many_signed(here: Office) -> None:
    """Let one task propose much, and two people sign off all of it."""
    here.asks(Asked(n=2, groups=("oncall",)))
    asker = Actor(kind=ActorKind.SYSTEM, id="system:alertmanager")
    task = await here.store.task("incident:many", requester=asker)
    (claim,) = await here.store.dispatcher("worker-1").claim(1, 30)
    made = []
    for number in range(MANY):
        draft = Draft(
            key=f"switch-{number}",
            tool="fake_set",
            parameters={"name": f"lamp{number}", "before": "old", "to": "new"},
            environment="staging",
        )
        name = f"{task.id}-{number + 1}"
        made.append(await here.desk.gateway.consider(draft, name, caller_of(claim)))
    for change in (
        TaskChange(state=TaskState.GATHERING),
        TaskChange(state=TaskState.ANALYSING),
        TaskChange(proposals=tuple(made)),
    ):
        await here.store.tasks.advance(claim, change)
    await here.store.tasks.release(claim)
    for one in made:
        await here.store.carded(one, task)
        for person in (ANA, BEN):
            await here.press(person, cards.APPROVE, one)
    assert await states(here) == {ProposalState.APPROVED}


async def signed(here: Office, age_s: float = TOO_LATE_S) -> Proposal:
    """Return what was signed off so long ago."""
    made = await here.proposal()
    assert await here.press(ANA, cards.APPROVE, made) == []
    here.store.clock.forward(age_s)
    return made


async def states(here: Office) -> set[str]:
    return {row.state for row in await here.store.rows(proposals)}


async def test_many_actions_of_one_task_wait_together(tmp_path: Path) -> None:
    async with office(tmp_path, GROUPS, PATIENCE_S) as here:
        await many_signed(here)
        here.store.clock.forward(TOO_LATE_S)
        here.side.workspace.faults.rate_limit("users.info", LONG_S)
        for _ in range(4):
            await here.worked(STEP_LIMIT_S)
            assert await states(here) == {ProposalState.APPROVED}
            here.store.clock.forward(RETRY_S)
        assert here.system.acted == []
        assert not await here.store.events("task.failed", "task.escalated")


@pytest.mark.parametrize(
    ("method", "reason"),
    [("users.info", "PERSON_UNREADABLE"), ("usergroups.users.list", "GROUP_UNREADABLE")],
)
async def test_one_waits_and_is_done_when_slack_answers_again(
    tmp_path: Path, method: str, reason: str
) -> None:
    async with office(tmp_path, ASKED_IN_SLACK, PATIENCE_S) as here:
        made = await signed(here)
        here.side.workspace.faults.rate_limit(method, LONG_S)
        await here.worked(STEP_LIMIT_S)
        row = await here.store.row(proposals, id=made.id)
        assert (row.state, row.reason) == (ProposalState.APPROVED, reason)
        assert here.system.acted == []
        here.store.clock.forward(LONG_S)

        async def is_done() -> bool:
            here.store.clock.forward(RETRY_S)
            await here.worked(STEP_LIMIT_S)
            return await here.state(made) is ProposalState.EXECUTED

        await until(is_done)


async def test_what_hangs_on_a_group_of_whoever_asked_waits_and_the_card_says_so(
    tmp_path: Path,
) -> None:
    groups = {**GROUPS, "sre": Group(usergroup="S0ONCALL")}
    async with office(tmp_path, groups, PATIENCE_S) as here:
        asks = here.rules[0].rules[0]
        when = When(tool=("fake_set",), requester_group=("sre",))
        here.rules[:] = [sealed([asks, rule("not-sre", RuleKind.DENY, when)])]
        made = await here.proposal(requester=MIA)
        assert await here.press(ANA, cards.APPROVE, made) == []
        here.store.clock.forward(TOO_LATE_S)
        here.side.workspace.faults.rate_limit("usergroups.users.list", LONG_S)
        await here.worked(STEP_LIMIT_S)
        row = await here.store.row(proposals, id=made.id)
        assert (row.state, row.reason) == (ProposalState.APPROVED, "GROUP_UNREADABLE")
        said = (await here.shown(made))[f"proposal:{made.id}"]
        assert "*Not begun yet:* Can't read now which groups whoever asked is in" in said
        here.store.clock.forward(LONG_S)

        async def is_done() -> bool:
            here.store.clock.forward(RETRY_S)
            await here.worked(STEP_LIMIT_S)
            return await here.state(made) is ProposalState.EXECUTED

        await until(is_done)


@pytest.mark.parametrize("method", ["users.info", "usergroups.users.list"])
async def test_one_after_the_other_does_not_wait_for_the_same_answer(
    tmp_path: Path, method: str
) -> None:
    patience_s = 3.0
    async with office(tmp_path, ASKED_IN_SLACK, patience_s) as here:
        for _ in range(10):
            await signed(here, age_s=0)
        here.store.clock.forward(TOO_LATE_S)
        here.side.workspace.faults.rate_limit(method, LONG_S)
        began = time.monotonic()
        for _ in range(2):
            await here.worked()
            here.store.clock.forward(RETRY_S)
        assert patience_s <= time.monotonic() - began < 15 * patience_s
        assert await states(here) == {ProposalState.APPROVED}
