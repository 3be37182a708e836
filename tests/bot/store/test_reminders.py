"""The ladder while nobody answers: a reminder, the next groups, the end; each once, also late."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from agents.ports import ProposalRow
from agents.tasks import TaskState
from bot.slack.threads import posts
from bot.store.tables import proposals, tasks
from bot.store.threads import ThreadStore
from playground.story import text_of
from policies.approvals import Refusal
from policies.ladder import Rung
from policies.model import Clause, ProposalState
from tests.bot.store.workshop import worker
from tests.bot.world import ANA, BEN, MIA, START, ZOE, Wish, World, opened
from tests.fakes.door import FakeDoor
from tools.ports import LostLease

ASKS = (Clause(rule="rollback-staging", n=1, groups=("oncall",), then=("sre",)),)
ALONE = (Clause(rule="rollback-staging", n=1, groups=("oncall",)),)
MENTIONS = {"oncall": f"<@{ANA[7:]}> <@{BEN[7:]}>", "sre": "<!subteam^S0SRE>"}
# The half, three quarters and the end of half an hour.
HALF_S, LATER_S, END_S = 900, 450, 450


def door(store: World) -> FakeDoor:
    """Return a door whose clock and groups are the store's."""
    found = FakeDoor()
    found.clock.at = store.clock.at
    found.directory.members = {name: set(people) for name, people in store.groups.items()}
    return found


async def worked(store: World, seconds: float = 0) -> None:
    """Let time pass, and the worker take what is due, until nothing is."""
    store.clock.forward(seconds)
    working = worker(store, door=door(store))
    while claims := await store.dispatcher("worker-1").claim(1, 30):
        await working.work(claims[0])


async def shown(store: World, known: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return what the thread shows, by the kind of message."""
    threads = ThreadStore(store.context)
    (thread,) = (await threads.behind())[0]
    found = posts(await threads.view(thread), MENTIONS, store.clock.now(), known)
    return {
        message.key.split(":")[0]: text_of({"text": message.text, "blocks": message.blocks})
        for message in found
    }


async def told(store: World) -> list[str]:
    """Return which rungs are on record, in order."""
    return [e["kind"] for e in await store.events("proposal.reminded", "proposal.widened")]


async def test_at_half_of_the_time_those_asked_are_reminded_once(store: World) -> None:
    proposal = await store.proposed(Wish(clauses=ASKS))
    await worked(store, HALF_S - 1)
    assert await told(store) == []
    await worked(store, 1)
    await worked(store, 60)
    assert await told(store) == ["proposal.reminded"]
    found = await shown(store)
    assert "please look at the card above" in found["reminded"]
    assert f"<@{ANA[7:]}> <@{BEN[7:]}>" in found["reminded"]
    assert "no answer is a no" in found["reminded"]
    assert "From 20 Nov 10:22 UTC on `sre` can answer too" in found["reminded"]
    assert "<!subteam^S0SRE>" not in "".join(found.values()), "they are not asked yet"
    row = await store.standing(proposal)
    assert row.next_at == START + timedelta(seconds=HALF_S + LATER_S)


async def test_who_has_voted_or_asked_is_not_called_again(store: World) -> None:
    clauses = (Clause(rule="two", n=2, groups=("oncall",)),)
    proposal = await store.proposed(Wish(clauses=clauses))
    assert (await store.vote(store.click(proposal, ANA))).missing == 1
    await worked(store, HALF_S)
    found = await shown(store)
    assert f"<@{BEN[7:]}>" in found["reminded"]
    assert f"<@{ANA[7:]}>" not in found["reminded"]


async def test_only_groups_of_which_an_answer_would_help_are_called(store: World) -> None:
    store.groups |= {"marketing": frozenset({MIA})}
    clauses = (
        Clause(rule="one", n=1, groups=("oncall",)),
        Clause(rule="other", n=1, groups=("marketing",)),
    )
    proposal = await store.proposed(Wish(clauses=clauses))
    await store.vote(store.click(proposal, BEN))
    await worked(store, HALF_S)
    (reminder,) = (await store.standing(proposal)).reminders
    assert reminder.groups == ("marketing",)


async def test_at_three_quarters_the_next_groups_may_answer(store: World) -> None:
    store.groups |= {"sre": frozenset({ZOE})}
    proposal = await store.proposed(Wish(clauses=ASKS))
    await worked(store, HALF_S)
    early = await store.vote(store.click(proposal, ZOE))
    assert early.refusal is Refusal.NOT_IN_GROUP
    await worked(store, LATER_S)
    assert await told(store) == ["proposal.reminded", "proposal.widened"]
    found = await shown(store)
    assert "*Now also:* <!subteam^S0SRE>" in found["proposal"]
    assert "Needs *1* of <@U0ANA> <@U0BEN> (rule" in found["proposal"]
    assert "<!subteam^S0SRE>, now you can sign off too" in found["widened"]
    assert "reminded" not in found, "of two that were not posted yet only the newer is"
    assert (await store.vote(store.click(proposal, ZOE))).refusal is None
    row = await store.standing(proposal)
    assert (row.state, row.is_widened) == (ProposalState.APPROVED, True)
    assert row.proposal.action.hash == proposal.action.hash
    found = await shown(store, frozenset({f"widened:{proposal.id}"}))
    assert "The card above shows the answer" in found["widened"]
    assert "widened" not in await shown(store), "what is answered is not asked late"


async def test_without_a_next_group_nobody_is_called_twice(store: World) -> None:
    await store.proposed(Wish(clauses=ALONE))
    await worked(store, HALF_S)
    await worked(store, LATER_S + 100)
    assert await told(store) == ["proposal.reminded"]


async def test_no_answer_is_a_no_and_says_how_to_ask_again(store: World) -> None:
    proposal = await store.proposed(Wish(clauses=ASKS))
    for seconds in (HALF_S, LATER_S, END_S):
        await worked(store, seconds)
    assert (await store.standing(proposal)).state is ProposalState.EXPIRED
    assert (await store.row(tasks)).state == TaskState.EXPIRED
    said = (await shown(store))["proposal"]
    assert "Nobody signed off in time, so nothing was done." in said
    assert "`/triage checkout staging` looks anew" in said


@pytest.mark.parametrize(
    ("asleep_s", "clauses", "kinds"),
    [
        (HALF_S + 100, ASKS, ["proposal.reminded"]),
        (HALF_S + LATER_S + 100, ASKS, ["proposal.widened"]),
        (HALF_S + LATER_S + 100, ALONE, ["proposal.reminded"]),
        (86_400, ASKS, []),
    ],
    ids=["late", "the-next-groups-instead", "late-and-nobody-next", "over"],
)
async def test_after_a_downtime_only_the_last_rung_is_told(
    store: World, asleep_s: int, clauses: tuple[Clause, ...], kinds: list[str]
) -> None:
    proposal = await store.proposed(Wish(clauses=clauses))
    await worked(store, asleep_s)
    await worked(store, 1)
    assert await told(store) == kinds
    is_over = (await store.standing(proposal)).state is ProposalState.EXPIRED
    assert is_over is (kinds == [])
    if kinds == ["proposal.widened"]:
        # Nobody was reminded, so both are called.
        (reminder,) = (await store.standing(proposal)).reminders
        assert reminder.groups == ("oncall", "sre")


async def test_a_restart_between_the_rungs_changes_nothing(store: World) -> None:
    proposal = await store.proposed(Wish(clauses=ASKS))
    await worked(store, HALF_S)
    await store.database.close()
    async with opened(store.path, store.clock) as again:
        await worked(again)
        assert await told(again) == ["proposal.reminded"]
        await worked(again, LATER_S)
        assert await told(again) == ["proposal.reminded", "proposal.widened"]
        assert (await again.standing(proposal)).is_widened


async def test_two_workers_take_a_rung_once(store: World) -> None:
    proposal = await store.proposed(Wish(clauses=ASKS))
    store.clock.forward(HALF_S)
    claim = await store.claimed()
    row = await store.standing(proposal)
    await store.tasks.remind(claim, row, Rung.REMINDED, ["oncall"])
    with pytest.raises(LostLease):
        await store.tasks.remind(claim, row, Rung.REMINDED, ["oncall"])
    assert await told(store) == ["proposal.reminded"]


async def test_what_was_decided_meanwhile_is_not_asked_again(store: World) -> None:
    proposal = await store.proposed(Wish(clauses=ASKS))
    store.clock.forward(HALF_S)
    claim = await store.claimed()
    row: ProposalRow = await store.standing(proposal)
    await store.vote(store.click(proposal))
    with pytest.raises(LostLease):
        await store.tasks.remind(claim, row, Rung.REMINDED, ["oncall"])
    assert await told(store) == []
    assert (await store.row(proposals)).next_at == store.clock.now()


async def test_a_clock_that_is_set_back_takes_no_rung_early(store: World) -> None:
    proposal = await store.proposed(Wish(clauses=ASKS))
    now = store.clock.now()
    # As after a jump: it is due though its time has not come.
    due = update(proposals).where(proposals.c.id == proposal.id).values(next_at=now)
    await store.database.write(lambda connection: connection.execute(due).rowcount)
    wake = store.context.dispatcher.wake
    await store.database.write(lambda connection: wake(connection, proposal.task_id, now))
    await worked(store)
    assert await told(store) == []
    assert (await store.row(tasks)).wake_at == START + timedelta(seconds=HALF_S)
