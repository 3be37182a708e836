"""Tasks: one open per group, claimed under a lease, fenced at every write, never in a loop."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import Connection, update

from agents.alerts import AlertStatus
from agents.ports import Claim, TaskChange
from agents.tasks import OPEN, TRANSITIONS, TaskState
from bot.store.tables import alerts, proposals, tasks, threads
from bot.store.tasks import create_task, move_task, open_task, task_event, task_of
from bot.store.taskstore import MAX_ATTEMPTS
from policies.audit import EventKind
from policies.model import EffectKind, ProposalState, Verdict
from tests.bot.store.workshop import worker
from tests.bot.story import alert, received
from tests.bot.world import GROUP, START, Wish, World, new_task, proposal_for
from tools.ports import LostLease


async def ended(store: World, state: TaskState = TaskState.CANCELLED) -> None:
    """Claim the one task there is, and end it."""
    claim = await store.claimed()
    await store.tasks.advance(claim, TaskChange(state=state))
    await store.tasks.release(claim)


async def put(store: World, state: TaskState) -> None:
    await store.database.write(
        lambda connection: connection.execute(update(tasks).values(state=state)).rowcount
    )


async def test_many_alerts_of_one_group_at_once_open_one_task(store: World) -> None:
    counts = await asyncio.gather(
        *(received(store, alert(fingerprint=f"f{place:015}")) for place in range(50))
    )
    assert counts == [1] * 50
    (row,) = await store.rows(tasks)
    assert row.open_key == GROUP
    assert len(await store.rows(alerts, task_id=row.id)) == 50
    assert len(await store.events("task.created")) == 1


async def test_the_same_alert_many_times_at_once_is_taken_once(store: World) -> None:
    counts = await asyncio.gather(*(received(store, alert()) for _ in range(50)))
    assert sorted(counts) == [0] * 49 + [1]
    assert (await store.row(alerts)).episodes == 1
    assert len(await store.events("alert.received")) == 1


async def test_two_open_tasks_of_one_group_are_impossible_in_the_table_too(store: World) -> None:
    await store.task()
    ended_one = await store.task("incident:staging/service=payments")
    with pytest.raises(Exception, match="UNIQUE constraint"):
        await store.database.write(
            lambda connection: (
                connection.execute(
                    update(tasks).where(tasks.c.id == ended_one.id).values(open_key=GROUP)
                ).rowcount
            )
        )


async def test_groups_of_their_own_have_tasks_of_their_own(store: World) -> None:
    first, second = await store.task("a"), await store.task("b")
    assert first.thread_id != second.thread_id


@pytest.mark.parametrize(("hours", "is_same"), [(0.1, True), (23.9, True), (24.1, False)])
async def test_a_group_goes_on_in_its_thread_for_a_day(
    store: World, hours: float, is_same: bool
) -> None:
    first = await store.task()
    await ended(store)
    store.clock.forward(hours * 3600)
    second = await store.task()
    assert (second.thread_id == first.thread_id) is is_same
    assert len(await store.rows(threads)) == (1 if is_same else 2)


async def test_another_channel_gets_a_thread_of_its_own(store: World) -> None:
    first = await store.task()
    await ended(store)
    second = await store.task(GROUP, channel="C0OTHER")
    assert second.thread_id != first.thread_id


async def test_a_task_is_claimed_by_one_worker_only(store: World) -> None:
    for place in range(20):
        await store.task(f"group-{place}")
    taken = await asyncio.gather(
        *(store.dispatcher(f"worker-{place}").claim(3, 30) for place in range(10))
    )
    ids = [claim.task.id for claims in taken for claim in claims]
    assert len(ids) == len(set(ids)) == 20


async def leases_end(store: World) -> None:
    """Let the time of every lease be over."""
    await store.database.write(
        lambda connection: connection.execute(update(tasks).values(lease_until=0)).rowcount
    )


async def test_a_claim_ends_with_its_lease(store: World) -> None:
    await store.task()
    first = await store.claimed("worker-1")
    assert await store.dispatcher("worker-2").claim(1, 30) == []
    await leases_end(store)
    second = await store.claimed("worker-2")
    assert second.epoch == first.epoch + 1


async def test_fast_forwarding_the_world_ends_no_lease(store: World) -> None:
    await store.task()
    await store.claimed()
    store.clock.forward(10 * 24 * 3600)
    assert await store.dispatcher("worker-2").claim(1, 30) == []


async def test_a_heartbeat_lengthens_a_lease(store: World) -> None:
    await store.task()
    claim = await store.claimed()
    await leases_end(store)
    assert await store.dispatcher("worker-1").heartbeat(claim, 30)
    assert await store.dispatcher("worker-2").claim(1, 30) == []


async def test_a_released_task_can_be_claimed_again(store: World) -> None:
    await store.task()
    await store.tasks.release(await store.claimed())
    assert (await store.claimed("worker-2")).worker == "worker-2"


async def test_a_task_sleeps_until_it_is_due(store: World) -> None:
    await store.task()
    claim = await store.claimed()
    wake_at = START + timedelta(minutes=5)
    await store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
    await store.database.write(
        lambda connection: store.context.dispatcher.wake(connection, claim.task.id, wake_at)
    )
    await store.tasks.release(claim)
    assert await store.dispatcher("worker-1").claim(1, 30) == []
    store.clock.forward(300)
    assert (await store.claimed()).task.state is TaskState.GATHERING


async def zombie(store: World) -> Claim:
    """Return the claim of a worker whose task another one has by now."""
    await store.analysed(await store.task(), Wish())
    store.clock.forward(1801)
    old = await store.claimed("worker-1", lease_s=0)
    await store.claimed("worker-2")
    return old


ZOMBIES: dict[str, Callable[[World, Claim], Awaitable[object]]] = {
    "advance": lambda store, claim: store.tasks.advance(claim, TaskChange(steps={"report": "{}"})),
    "back_off": lambda store, claim: store.tasks.back_off(claim, "late"),
}


@pytest.mark.parametrize("name", ZOMBIES)
async def test_the_write_of_a_zombie_is_void(store: World, name: str) -> None:
    old = await zombie(store)
    before = await store.events()
    with pytest.raises(LostLease):
        await ZOMBIES[name](store, old)
    assert await store.events() == before


async def test_a_zombie_moves_no_proposal(store: World) -> None:
    old = await zombie(store)
    (row,) = await store.tasks.proposals(old.task.id)
    before = await store.events()
    for act in (
        store.tasks.move(old, row, ProposalState.EXPIRED, "NO_ANSWER_IN_TIME", "Late."),
        store.tasks.verified(old, row, Verdict.WORKED, "0.01"),
        store.tasks.measure_again(old, row, 5),
        store.tasks.follow_up(old, row, [proposal_for(old.task, 9, START, Wish(key="x"))]),
    ):
        with pytest.raises(LostLease):
            await act
    assert await store.events() == before
    assert await store.tasks.proposals(old.task.id) == [row]


async def test_a_zombie_cannot_hold_or_give_back_the_lease_of_another(store: World) -> None:
    old = await zombie(store)
    assert not await store.dispatcher("worker-1").heartbeat(old, 30)
    await store.tasks.release(old)
    row = await store.row(tasks)
    assert (row.lease_owner, row.epoch) == ("worker-2", old.epoch + 1)


async def test_an_older_claim_of_the_same_worker_is_void_too(store: World) -> None:
    await store.task()
    old = await store.claimed("worker-1", lease_s=0)
    fresh = await store.claimed("worker-1")
    assert fresh.epoch == old.epoch + 1
    with pytest.raises(LostLease):
        await store.tasks.advance(old, TaskChange(state=TaskState.GATHERING))
    await store.tasks.release(old)
    assert await store.dispatcher("worker-2").claim(1, 30) == []
    await store.tasks.advance(fresh, TaskChange(state=TaskState.GATHERING))


async def test_a_proposal_that_was_decided_meanwhile_is_not_expired(store: World) -> None:
    proposal = await store.proposed()
    row = await store.standing(proposal)
    await store.vote(store.click(proposal))
    claim = await store.claimed()
    before = await store.events()
    with pytest.raises(LostLease):
        await store.tasks.move(claim, row, ProposalState.EXPIRED, "NO_ANSWER_IN_TIME", "Late.")
    assert await store.events() == before
    assert (await store.standing(proposal)).state is ProposalState.APPROVED


async def test_a_step_is_written_whole_or_not_at_all(store: World) -> None:
    await store.task()
    claim = await store.claimed()
    note = task_event(claim.task, EventKind.EVIDENCE_GATHERED, "Gathered.", START)
    change = TaskChange(state=TaskState.VERIFYING, events=(note,), steps={"evidence": "[]"})
    before = await store.events()
    with pytest.raises(ValueError, match="QUEUED does not lead to VERIFYING"):
        await store.tasks.advance(claim, change)
    assert await store.events() == before
    assert await store.tasks.step(claim.task.id, "evidence") is None


async def test_what_a_step_found_is_kept(store: World) -> None:
    await store.task()
    claim = await store.claimed()
    change = TaskChange(state=TaskState.GATHERING, steps={"evidence": "[1]"})
    await store.tasks.advance(claim, change)
    assert await store.tasks.step(claim.task.id, "evidence") == "[1]"


async def test_a_failing_task_is_tried_later_and_later_and_then_escalated(store: World) -> None:
    await store.task()
    waits = []
    for _ in range(MAX_ATTEMPTS - 1):
        await store.tasks.back_off(await store.claimed(), "RuntimeError: it broke")
        wait = (await store.row(tasks)).wake_at - store.clock.now()
        waits.append(wait.total_seconds())
        store.clock.forward(wait.total_seconds() - 0.5)
        assert await store.dispatcher("worker-1").claim(1, 30) == []
        store.clock.forward(0.5)
    assert waits == [2, 4, 8, 16]
    await store.tasks.back_off(await store.claimed(), "RuntimeError: it broke")
    row = await store.row(tasks)
    assert (row.state, row.open_key, row.wake_at) == (TaskState.ESCALATED, None, None)
    store.clock.forward(7 * 24 * 3600)
    assert await store.dispatcher("worker-1").claim(1, 30) == []
    failed = await store.events("task.failed")
    assert [event["escalation"] for event in failed] == [None] * 4 + ["TOO_MANY_ATTEMPTS"]
    assert "it broke" not in str(failed)


async def test_a_step_that_succeeds_forgets_the_failures_before(store: World) -> None:
    await store.task()
    await store.tasks.back_off(await store.claimed(), "once")
    store.clock.forward(2)
    claim = await store.claimed()
    assert claim.task.attempts == 1
    await store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
    assert (await store.row(tasks)).attempts == 0


@pytest.mark.parametrize(
    ("before", "after"),
    list(product(TaskState, TaskState)),
)
async def test_only_the_transitions_of_the_table_happen(
    store: World, before: TaskState, after: TaskState
) -> None:
    task = await store.task()
    await put(store, before)

    def unit(connection: Connection) -> None:
        row = connection.execute(tasks.select()).one()
        move_task(connection, store.context, task_of(row), after, "TEST")

    if after in TRANSITIONS[before]:
        await store.database.write(unit)
        (moved,) = await store.events("task.moved")
        assert (moved["task_id"], moved["reasons"]) == (task.id, ["TEST"])
    else:
        with pytest.raises(ValueError, match=f"{before} does not lead to {after}"):
            await store.database.write(unit)
    row = await store.row(tasks)
    assert row.state == (after if after in TRANSITIONS[before] else before)
    if after in TRANSITIONS[before]:
        assert (row.open_key is not None) is (after in OPEN)


async def test_an_ended_task_lets_the_group_open_a_new_one(store: World) -> None:
    first = await store.task()
    await ended(store)
    second = await store.task()
    assert second.id != first.id


async def test_a_task_opened_again_leaves_the_group_to_its_successor(store: World) -> None:
    proposal = await store.proposed()
    claim = await store.executed(proposal)
    row = await store.standing(proposal)
    await store.tasks.verified(claim, row, Verdict.WORKED, "0.01")
    await store.tasks.follow_up(claim, await store.standing(proposal), [])
    await store.tasks.release(claim)
    successor = await store.task()
    assert (await store.roll_back(store.click(proposal))).refusal is None
    opened_again = await store.row(tasks, id=proposal.task_id)
    assert opened_again.state == TaskState.EXECUTING
    assert opened_again.open_key == f"{GROUP}#{proposal.task_id}"
    found = await store.database.read(lambda connection: open_task(connection, "default", GROUP))
    assert found is not None
    assert found.id == successor.id


async def test_asking_for_an_open_group_returns_its_task(store: World) -> None:
    task = await store.task()
    found, is_new = await store.database.write(
        lambda connection: create_task(connection, store.context, new_task())
    )
    assert (found.id, is_new) == (task.id, False)


async def test_a_secret_in_a_brief_is_not_kept(store: World) -> None:
    await store.task(
        GROUP, title="password: hunter2hunter2", spec={"brief": "xoxb-12345678-abcdef"}
    )
    row = await store.row(tasks)
    assert "hunter2" not in row.title
    assert "xoxb" not in row.spec


async def test_a_resolution_of_a_running_analysis_waits_for_its_end(store: World) -> None:
    await received(store, alert())
    await received(store, alert(AlertStatus.RESOLVED))
    assert (await store.row(tasks)).state == TaskState.QUEUED
    assert len(await store.events("alert.resolved")) == 1


@pytest.mark.parametrize(
    ("is_before", "state"), [(False, ProposalState.DRIFTED), (True, ProposalState.APPROVED)]
)
async def test_what_may_act_alone_does_not_once_its_alert_resolved(
    store: World, is_before: bool, state: ProposalState
) -> None:
    await received(store, alert())
    if is_before:
        # Proposed although it had resolved: that was known when it was decided.
        await received(store, alert(AlertStatus.RESOLVED))
        store.clock.forward(60)
    task = task_of(await store.row(tasks))
    (proposal,) = await store.analysed(task, Wish(effect=EffectKind.AUTO, clauses=()))
    store.clock.forward(60)
    if not is_before:
        await received(store, alert(AlertStatus.RESOLVED))
    row = await store.standing(proposal)
    assert row.is_sign_off_stale is not is_before
    if not is_before:
        await worker(store).work(await store.claimed())
        assert "resolved before this began" in (await store.row(proposals)).sentence
    assert (await store.standing(proposal)).state is state
