"""The journal: an approval is consumed once, an intent comes before its effect."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from agents.ports import Claim, ProposalRow
from agents.tasks import TaskState
from bot.store.controls import SqlControls
from bot.store.tables import executions, proposals, tasks
from policies.model import Mode, Proposal, ProposalState, Verdict
from tests.bot.world import ANA, BEN, SECRET, START, Wish, World, caller_of, done, intent
from tools.halts import Matter
from tools.ports import Basis, Direction, LostLease, Stale
from tools.reserving import Scope

FAILED_OUTSIDE: dict[str, Any] = {
    "reason": "REFUSED_OUTSIDE",
    "sentence": "`shop` says no.",
    "left": {},
}
UNCLEAR: dict[str, Any] = {
    "reason": "NO_CLEAR_ANSWER",
    "sentence": "No answer.",
    "left": {},
    "retry_s": 5.0,
}


async def signed(store: World, wish: Wish | None = None) -> tuple[Proposal, Claim]:
    proposal = await store.proposed(wish)
    assert (await store.vote(store.click(proposal))).refusal is None
    return proposal, await store.claimed()


async def begun(store: World) -> tuple[Proposal, Claim]:
    proposal, claim = await signed(store)
    await store.journal.begin(intent(proposal), caller_of(claim))
    return proposal, claim


async def verified(store: World, proposal: Proposal, claim: Claim) -> None:
    store.clock.forward(75)
    row = await store.standing(proposal)
    await store.tasks.verified(claim, row, Verdict.WORKED, "0.01")


async def asked_back(store: World, proposal: Proposal) -> None:
    assert (await store.roll_back(store.click(proposal, BEN))).refusal is None


async def test_an_intent_is_on_record_before_the_effect(store: World) -> None:
    proposal, _ = await begun(store)
    standing = await store.standing(proposal)
    assert standing.state is ProposalState.EXECUTING
    execution = standing.execution(Direction.FORWARD)
    assert execution is not None
    assert (execution.state, execution.ended_at, execution.baseline) == ("intent", None, "0.31")
    (written,) = await store.events("intent.written")
    assert written["data"]["key"] == f"signoff-{proposal.id}-forward"
    assert written["checkpoint"] == "intent"
    # Found so after a crash, it is due at once.
    assert standing.next_at == store.clock.now()


@pytest.mark.parametrize(
    "state", [state for state in ProposalState if state not in {"APPROVED", "UNKNOWN"}]
)
async def test_only_what_is_approved_or_unknown_can_begin(
    store: World, state: ProposalState
) -> None:
    proposal, claim = await signed(store)
    await store.database.write(
        lambda connection: connection.execute(update(proposals).values(state=state)).rowcount
    )
    before = await store.events()
    with pytest.raises(LostLease):
        await store.journal.begin(intent(proposal), caller_of(claim))
    assert await store.rows(executions) == []
    assert await store.events() == before


async def test_another_action_under_the_same_id_consumes_nothing(store: World) -> None:
    proposal, claim = await signed(store)
    parameters = {"service": "checkout", "version": "v1"}
    action = proposal.action.model_copy(update={"parameters": parameters})
    forged = proposal.model_copy(update={"action": action})
    with pytest.raises(LostLease):
        await store.journal.begin(intent(forged), caller_of(claim))
    assert await store.rows(executions) == []


async def test_a_zombie_neither_begins_nor_settles(store: World) -> None:
    proposal, _ = await signed(store)
    await store.database.write(
        lambda connection: connection.execute(update(tasks).values(lease_until=0)).rowcount
    )
    old = await store.claimed("worker-1", lease_s=0)
    fresh = await store.claimed("worker-2")
    before = await store.events()
    with pytest.raises(LostLease):
        await store.journal.begin(intent(proposal), caller_of(old))
    assert await store.events() == before
    await store.journal.begin(intent(proposal), caller_of(fresh))
    before = await store.events()
    with pytest.raises(LostLease):
        await store.journal.settle(done(proposal, ProposalState.EXECUTED), caller_of(old))
    assert await store.events() == before


async def test_what_was_done_is_measured_after_it_settled(store: World) -> None:
    proposal, claim = await begun(store)
    await store.journal.settle(done(proposal, ProposalState.EXECUTED), caller_of(claim))
    row = await store.row(proposals)
    assert row.state == ProposalState.EXECUTED
    assert row.next_at == START + timedelta(seconds=75)
    assert row.verify_until == START + timedelta(seconds=300)
    execution = (await store.standing(proposal)).execution(Direction.FORWARD)
    assert execution is not None
    assert (execution.state, execution.left) == ("done", {"deployed": "v41"})
    assert (await store.row(tasks)).state == TaskState.VERIFYING


async def test_what_promises_nothing_is_settled_at_once(store: World) -> None:
    proposal, claim = await signed(store, Wish(expected_effect=None))
    await store.journal.begin(intent(proposal), caller_of(claim))
    await store.journal.settle(done(proposal, ProposalState.EXECUTED), caller_of(claim))
    assert (await store.row(proposals)).next_at == store.clock.now()


@pytest.mark.parametrize(
    ("state", "how", "kind", "execution_state", "task_state"),
    [
        (ProposalState.FAILED, FAILED_OUTSIDE, "tool.failed", "failed", TaskState.FAILED),
        (ProposalState.UNKNOWN, UNCLEAR, "effect.unknown", "unknown", TaskState.EXECUTING),
        (
            ProposalState.EXECUTED,
            {"reason": "RECONCILED_DONE"},
            "effect.reconciled",
            "done",
            TaskState.VERIFYING,
        ),
    ],
)
async def test_each_end_leaves_its_own_state_and_event(
    store: World,
    state: ProposalState,
    how: dict[str, Any],
    kind: str,
    execution_state: str,
    task_state: TaskState,
) -> None:
    proposal, claim = await begun(store)
    await store.journal.settle(done(proposal, state, **how), caller_of(claim))
    assert (await store.standing(proposal)).state is state
    assert (await store.row(executions)).state == execution_state
    assert (await store.row(tasks)).state == task_state
    (event,) = await store.events(kind)
    assert event["reasons"] == [how["reason"]]


async def test_an_unknown_effect_found_not_done_is_done_under_the_same_key(store: World) -> None:
    proposal, claim = await begun(store)
    await store.journal.settle(done(proposal, ProposalState.UNKNOWN, **UNCLEAR), caller_of(claim))
    await store.journal.begin(intent(proposal), caller_of(claim))
    (row,) = await store.rows(executions)
    assert (row.state, row.attempts) == ("intent", 2)
    await store.journal.settle(done(proposal, ProposalState.EXECUTED), caller_of(claim))
    assert (await store.standing(proposal)).state is ProposalState.EXECUTED


async def test_what_is_done_after_all_names_those_whose_word_counts_by_then(store: World) -> None:
    proposal, claim = await signed(store)
    both = replace(intent(proposal), on_behalf_of=f"{ANA}, {BEN}")
    await store.journal.begin(both, caller_of(claim))
    await store.journal.settle(done(proposal, ProposalState.UNKNOWN, **UNCLEAR), caller_of(claim))
    await store.journal.begin(replace(both, on_behalf_of=BEN), caller_of(claim))
    await store.journal.settle(done(proposal, ProposalState.EXECUTED), caller_of(claim))
    intents = await store.events("intent.written")
    assert [event["on_behalf_of"] for event in intents] == [f"{ANA}, {BEN}", BEN]
    (written,) = await store.events("outcome.written")
    assert written["on_behalf_of"] == BEN


async def test_an_approval_is_not_consumed_on_groups_that_were_read_a_minute_ago(
    store: World,
) -> None:
    proposal, claim = await signed(store)
    read = replace(intent(proposal), basis=Basis(read_at=store.clock.now()))
    store.clock.forward(60.1)
    with pytest.raises(Stale):
        await store.journal.begin(read, caller_of(claim))
    assert await store.rows(executions) == []
    assert (await store.standing(proposal)).state is ProposalState.APPROVED
    store.clock.forward(-60.2)
    with pytest.raises(Stale):
        await store.journal.begin(read, caller_of(claim))
    store.clock.forward(60)
    await store.journal.begin(read, caller_of(claim))


async def test_drift_before_the_intent_ends_the_proposal_without_an_execution(
    store: World,
) -> None:
    proposal, claim = await signed(store)
    drifted = done(
        proposal, ProposalState.DRIFTED, reason="STATE_CHANGED", sentence="v43 now.", left={}
    )
    await store.journal.settle(drifted, caller_of(claim))
    assert (await store.standing(proposal)).state is ProposalState.DRIFTED
    assert await store.rows(executions) == []
    assert len(await store.events("tool.denied")) == 1


async def test_waiting_for_the_same_reason_is_one_event(store: World) -> None:
    proposal, claim = await signed(store)
    held = done(proposal, None, reason="SIGNOFF_PAUSED", sentence="Paused.", left={}, retry_s=2.0)
    for _ in range(10):
        await store.journal.settle(held, caller_of(claim))
        store.clock.forward(2)
    assert len(await store.events("tool.denied")) == 1
    standing = await store.standing(proposal)
    assert (standing.state, standing.next_at) == (ProposalState.APPROVED, store.clock.now())
    other = done(proposal, None, reason="GROUP_UNREADABLE", sentence="Whose?", left={}, retry_s=5.0)
    await store.journal.settle(other, caller_of(claim))
    reasons = [event["reasons"] for event in await store.events("tool.denied")]
    assert reasons == [["SIGNOFF_PAUSED"], ["GROUP_UNREADABLE"]]


async def test_a_rollback_cannot_begin_unless_somebody_asked(store: World) -> None:
    proposal = await store.proposed()
    claim = await store.executed(proposal)
    with pytest.raises(LostLease, match="nothing to roll back"):
        await store.journal.begin(intent(proposal, Direction.INVERSE), caller_of(claim))


async def test_a_rollback_does_not_begin_on_groups_that_were_read_a_minute_ago(
    store: World,
) -> None:
    proposal = await store.proposed()
    claim = await store.executed(proposal)
    await asked_back(store, proposal)
    read_at = store.clock.now()
    read = replace(intent(proposal, Direction.INVERSE), basis=Basis(read_at=read_at))
    store.clock.forward(60.1)
    with pytest.raises(Stale):
        await store.journal.begin(read, caller_of(claim))
    assert [row.direction for row in await store.rows(executions)] == ["forward"]


async def test_a_rollback_that_is_done_recovers_the_task(store: World) -> None:
    proposal = await store.proposed()
    claim = await store.executed(proposal)
    await asked_back(store, proposal)
    await store.journal.begin(intent(proposal, Direction.INVERSE), caller_of(claim))
    await store.journal.settle(
        done(proposal, ProposalState.ROLLED_BACK, Direction.INVERSE), caller_of(claim)
    )
    assert (await store.standing(proposal)).state is ProposalState.ROLLED_BACK
    assert (await store.row(tasks)).state == TaskState.RECOVERED
    states = {row.direction: row.state for row in await store.rows(executions)}
    assert states == {"forward": "done", "inverse": "done"}


async def failed_rollback(store: World, proposal: Proposal, claim: Claim) -> ProposalRow:
    await asked_back(store, proposal)
    await store.journal.begin(intent(proposal, Direction.INVERSE), caller_of(claim))
    await store.journal.settle(
        done(proposal, None, Direction.INVERSE, **FAILED_OUTSIDE), caller_of(claim)
    )
    return await store.standing(proposal)


async def test_a_rollback_that_failed_can_be_asked_for_again(store: World) -> None:
    proposal = await store.proposed()
    claim = await store.executed(proposal)
    await verified(store, proposal, claim)
    row = await failed_rollback(store, proposal, claim)
    assert (row.state, row.roll_back_by) == (ProposalState.VERIFIED, None)
    await asked_back(store, proposal)
    await store.journal.begin(intent(proposal, Direction.INVERSE), caller_of(claim))
    await store.journal.settle(
        done(proposal, ProposalState.ROLLED_BACK, Direction.INVERSE), caller_of(claim)
    )
    assert (await store.standing(proposal)).state is ProposalState.ROLLED_BACK
    assert (await store.row(executions, direction="inverse")).attempts == 2


async def test_a_rollback_that_failed_early_leaves_the_measurement_to_come(store: World) -> None:
    proposal = await store.proposed()
    claim = await store.executed(proposal)
    store.clock.forward(10)
    row = await failed_rollback(store, proposal, claim)
    assert row.state is ProposalState.EXECUTED
    assert row.next_at == START + timedelta(seconds=75)
    assert (await store.row(tasks)).wake_at == row.next_at


async def test_a_rollback_that_failed_leaves_the_follow_up_to_come(store: World) -> None:
    proposal = await store.proposed()
    claim = await store.executed(proposal)
    await verified(store, proposal, claim)
    row = await failed_rollback(store, proposal, claim)
    assert not row.is_followed_up
    assert row.next_at == store.clock.now()
    await store.tasks.follow_up(claim, row, [])
    assert (await store.row(tasks)).state == TaskState.COMPLETED
    last = await failed_rollback(store, proposal, claim)
    assert last.next_at is None
    assert (await store.row(tasks)).state == TaskState.COMPLETED


async def test_what_the_outside_says_is_redacted_before_it_is_kept(store: World) -> None:
    proposal, claim = await begun(store)
    said = done(
        proposal, ProposalState.FAILED, reason="REFUSED_OUTSIDE", sentence=f"Said {SECRET}."
    )
    await store.journal.settle(said, caller_of(claim))
    assert (await store.row(proposals)).sentence == "Said [redacted]."
    assert (await store.row(executions)).sentence == "Said [redacted]."
    assert SECRET not in str(await store.events())


def scope(tool: str, environment: str) -> Scope:
    return Scope(
        tenant="default",
        agent="incident",
        tool=tool,
        environment=environment,
        target="checkout",
        task_id="T-1",
    )


async def test_actions_are_counted_by_tool_and_environment_for_an_hour(store: World) -> None:
    controls = SqlControls(store.context, {"production": Mode.OBSERVE}, Mode.APPROVE)
    await begun(store)
    counts = [
        (await controls.counters(scope(tool, environment))).actions_last_hour
        for tool, environment in (
            ("shop_rollback", "staging"),
            ("shop_rollback", "production"),
            ("alertmanager_silence", "staging"),
        )
    ]
    assert counts == [1, 0, 0]
    store.clock.forward(3601)
    assert (await controls.counters(scope("shop_rollback", "staging"))).actions_last_hour == 0
    for environment, mode in (("production", Mode.OBSERVE), ("staging", Mode.APPROVE)):
        asked = Matter(tenant="default", task_id="T-1", agent="incident", environment=environment)
        assert (await controls.standing(asked)).mode is mode


async def test_who_asked_is_on_record_with_the_effect(store: World) -> None:
    await begun(store)
    assert (await store.row(executions)).on_behalf_of == ANA
