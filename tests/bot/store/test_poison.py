"""A task that is given up leaves nothing in the air, and its other appointments stand."""

from datetime import timedelta

from agents.ports import Claim, ProposalRow
from agents.tasks import TaskState
from bot.slack.threads import posts
from bot.store.tables import tasks
from bot.store.taskstore import MAX_ATTEMPTS, SqlTaskStore
from bot.store.threads import ThreadStore
from policies.ladder import Rung, rung_at
from policies.model import Proposal, ProposalState, Verdict
from tests.bot.store.workshop import worker
from tests.bot.world import Wish, World, caller_of, done, intent
from tests.fakes.door import FakeDoor
from tools.ports import Direction

FAULT = "KeyError: 'x'"


async def woken(store: World, task_id: str) -> None:
    """Let the task be due now."""
    dispatcher, now = store.context.dispatcher, store.clock.now()
    await store.database.write(lambda connection: dispatcher.wake(connection, task_id, now))


async def given_up(store: World, proposal: Proposal) -> None:
    """Let the task fail as often as it may, beginning now."""
    task_id = proposal.task_id
    for _ in range(MAX_ATTEMPTS):
        await woken(store, task_id)
        await store.tasks.back_off(await store.claimed(), FAULT)
    assert (await store.row(tasks, id=task_id)).state == TaskState.ESCALATED


async def shown(store: World, key: str) -> str:
    """Return a message of the only thread, as its blocks."""
    threads = ThreadStore(store.context)
    ((thread,), _) = await threads.behind()
    found = posts(await threads.view(thread), {}, store.clock.now())
    return next(str(message.blocks) for message in found if message.key.startswith(key))


async def test_a_card_that_nobody_answers_still_expires_in_its_time(store: World) -> None:
    proposal = await store.proposed(Wish())
    await given_up(store, proposal)
    assert (await store.standing(proposal)).state is ProposalState.PENDING
    reminded_at = rung_at(proposal, Rung.REMINDED)
    assert (await store.row(tasks)).wake_at == reminded_at
    assert (await store.row(tasks)).attempts == 0, "who answers has five tries again"


async def test_a_reminder_that_fails_again_and_again_does_not_shorten_the_cards_time(
    store: World,
) -> None:
    proposal = await store.proposed(Wish())
    store.clock.forward(900)
    await given_up(store, proposal)
    row = await store.standing(proposal)
    assert (row.state, row.next_at) == (ProposalState.PENDING, proposal.expires_at)
    assert (await store.row(tasks)).wake_at == proposal.expires_at


async def test_an_expiry_that_was_due_is_done(store: World) -> None:
    proposal = await store.proposed(Wish())
    store.clock.forward(1800)
    await given_up(store, proposal)
    assert (await store.standing(proposal)).state is ProposalState.EXPIRED


async def test_what_was_signed_off_and_not_begun_has_failed(store: World) -> None:
    proposal = await store.proposed(Wish())
    await store.vote(store.click(proposal))
    await given_up(store, proposal)
    assert (await store.standing(proposal)).state is ProposalState.FAILED
    assert "again and again: nothing was done" in await shown(store, "proposal")


async def begun(store: World) -> tuple[Proposal, Claim]:
    """Sign off, write the intent, and stop there."""
    proposal = await store.proposed(Wish())
    await store.vote(store.click(proposal))
    claim = await store.claimed()
    await store.journal.begin(intent(proposal), caller_of(claim))
    return proposal, claim


async def test_what_may_have_happened_is_put_before_a_person(store: World) -> None:
    proposal, claim = await begun(store)
    await store.tasks.release(claim)
    await given_up(store, proposal)
    row = await store.standing(proposal)
    assert (row.state, row.next_at) == (ProposalState.UNKNOWN, None)
    assert row.executions[0].escalated_at is not None
    card = await shown(store, "unknown")
    assert "It happened" in card
    assert "go on asking" not in card
    assert len(await store.events("effect.escalated")) == 1


async def test_an_effect_that_could_not_be_measured_is_of_unknown_success(store: World) -> None:
    proposal = await store.proposed(Wish())
    await store.tasks.release(await store.executed(proposal))
    store.clock.forward(3600)
    await given_up(store, proposal)
    row = await store.standing(proposal)
    assert (row.state, row.verdict) == (ProposalState.VERIFIED, Verdict.UNKNOWN)
    # What follows is still to come: the task tries that next, and gives it up too.
    assert (await store.row(tasks)).wake_at == store.clock.now()
    await given_up(store, proposal)
    row = await store.standing(proposal)
    assert (row.is_followed_up, row.next_at) == (True, None)
    assert (await store.row(tasks)).wake_at is None


async def test_a_rollback_that_was_not_begun_is_not_done(store: World) -> None:
    proposal = await store.proposed(Wish())
    await store.tasks.release(await store.executed(proposal))
    assert (await store.roll_back(store.click(proposal))).refusal is None
    await given_up(store, proposal)
    row = await store.standing(proposal)
    assert (row.state, row.roll_back_by) == (ProposalState.EXECUTED, None)
    undone = row.execution(Direction.INVERSE)
    assert undone is not None
    assert undone.state == "failed"
    assert undone.sentence is not None
    assert "nothing was undone" in undone.sentence


async def test_a_rollback_that_may_have_happened_is_put_before_a_person(store: World) -> None:
    proposal = await store.proposed(Wish())
    await store.tasks.release(await store.executed(proposal))
    await store.roll_back(store.click(proposal))
    claim = await store.claimed()
    await store.journal.begin(intent(proposal, Direction.INVERSE), caller_of(claim))
    await store.tasks.release(claim)
    await given_up(store, proposal)
    card = await shown(store, "unknown")
    assert "Did this happen? Undoing: " in card
    assert "go on asking" not in card
    # A person says so, and that is the end of it.
    await woken(store, proposal.task_id)
    claim = await store.claimed()
    seen = done(proposal, ProposalState.ROLLED_BACK, Direction.INVERSE, reason="PERSON_SAYS_DONE")
    await store.journal.settle(seen, caller_of(claim))
    assert (await store.standing(proposal)).state is ProposalState.ROLLED_BACK


class BrokenStore(SqlTaskStore):
    """Fails at ending one proposal."""

    broken = ""

    async def move(
        self, claim: Claim, row: ProposalRow, to: ProposalState, reason: str, sentence: str
    ) -> None:
        if row.proposal.id == self.broken:
            raise KeyError(row.proposal.id)
        await super().move(claim, row, to, reason, sentence)


async def test_one_bad_proposal_does_not_hold_up_the_others_of_its_task(store: World) -> None:
    task = await store.task()
    first, second = await store.analysed(task, Wish(), Wish(key="other"))
    broken = BrokenStore(store.context)
    broken.broken = first.id
    door = FakeDoor()
    working = worker(store, tasks=broken, door=door)
    late = max(store.clock.now(), door.clock.now()) + timedelta(days=1)
    for clock in (store.clock, door.clock):
        clock.forward((late - clock.now()).total_seconds())
    await working.work(await store.claimed())
    assert (await store.standing(first)).state is ProposalState.PENDING
    assert (await store.standing(second)).state is ProposalState.EXPIRED
    for _ in range(MAX_ATTEMPTS - 1):
        store.clock.forward(2**MAX_ATTEMPTS)
        await working.work(await store.claimed())
    assert (await store.standing(first)).state is ProposalState.EXPIRED
    assert (await store.row(tasks)).wake_at is None
