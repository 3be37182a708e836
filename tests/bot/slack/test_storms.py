"""A storm's thread: its list, and below it everything that a person decides."""

from sqlalchemy import Connection

from agents.ports import TaskChange
from agents.report import FindingKind, Lead, Report
from agents.tasks import Task, TaskState
from bot.slack.leads import HOLD, LIFT
from bot.slack.limits import faults
from bot.slack.parts import Wanted
from bot.slack.threads import posts
from bot.slack.unknowns import HAPPENED, NOT_HAPPENED
from bot.store.cardviews import proposal_views
from bot.store.controls import pause
from bot.store.freezes import Campaign, freeze_task, hold_campaigns
from bot.store.notices import Order
from bot.store.signals import settle_unknown
from bot.store.storms import STORM_AFTER
from bot.store.tables import posts as noted
from bot.store.tasks import keep_step
from bot.store.threads import ThreadStore
from policies.model import Proposal, ProposalState
from tests.bot.world import BEN, Wish, World, caller_of, done, intent, proposal_for

ORDER = Order(person=BEN, reason="look <!channel> first")
MENTIONS = {"oncall": "<!subteam^S0ONCALL>", "operators": "<@U0ANA>"}
BOOTS = Lead(platform="ads", id="cmp-1", name="Boots", state="ACTIVE", evidence="E9")
REPORT = Report(outcome=FindingKind.FAULT, summary="It is broken.", campaigns=(BOOTS,))


async def storm(store: World, size: int = 3) -> list[Task]:
    """Let a storm begin; return what stands in its thread."""
    made = [await store.task(f"incident:{number}") for number in range(STORM_AFTER + size)]
    assert len({task.thread_id for task in made[STORM_AFTER:]}) == 1
    return made[STORM_AFTER:]


async def proposed(store: World, task: Task) -> Proposal:
    claims = await store.dispatcher("worker-1").claim(50, 30)
    claim = next(one for one in claims if one.task.id == task.id)
    for state in (TaskState.GATHERING, TaskState.ANALYSING):
        await store.tasks.advance(claim, TaskChange(state=state))
    made = proposal_for(task, 1, store.clock.now(), Wish())
    await store.tasks.advance(claim, TaskChange(proposals=(made,)))
    for one in claims:
        await store.tasks.release(one)
    await store.carded(made, task)
    return made


async def unknown(store: World, task: Task) -> Proposal:
    """Let an effect be begun of which nobody can tell."""
    proposal = await proposed(store, task)
    assert (await store.vote(store.click(proposal))).refusal is None
    claims = await store.dispatcher("worker-1").claim(50, 30)
    caller = caller_of(next(one for one in claims if one.task.id == task.id))
    await store.journal.begin(intent(proposal), caller)
    lost = done(
        proposal, ProposalState.UNKNOWN, reason="NO_CLEAR_ANSWER", sentence="No answer.", left={}
    )
    await store.journal.settle(lost, caller)
    asks = done(proposal, None, reason="NEEDS_A_PERSON", sentence="None.", left={}, retry_s=60.0)
    await store.journal.settle(asks, caller)
    for one in claims:
        await store.tasks.release(one)
    return proposal


async def drawn(store: World, task: Task) -> dict[str, Wanted]:
    """Return the messages of a storm's thread, by key."""
    threads = ThreadStore(store.context)
    views = await threads.view(await threads.thread(task.thread_id))
    found = posts(views, MENTIONS, store.clock.now(), is_storm=True)
    assert all(faults(one.text, one.blocks) == [] for one in found)
    return {one.key: one for one in found}


def pressable(message: Wanted) -> list[str]:
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [str(one["action_id"]) for row in rows for one in row]


def listed(found: dict[str, Wanted]) -> list[str]:
    """Return the lines of the list that name a task."""
    texts = [str(block.get("text", {}).get("text", "")) for block in found["storm"].blocks]
    return [line for text in texts for line in text.splitlines() if "`T-" in line]


async def test_an_effect_that_nobody_can_tell_of_is_answered_in_a_storm(store: World) -> None:
    *_, last = await storm(store)
    proposal = await unknown(store, last)
    found, key = await drawn(store, last), f"unknown:{proposal.id}:forward"
    assert pressable(found[key]) == [HAPPENED, NOT_HAPPENED]
    assert "see the card below" in str(found[f"proposal:{proposal.id}"].blocks)
    first = listed(found)[0]
    assert first.startswith("*Unknown whether it happened; somebody has to look* · ")
    assert last.id in first
    row = {
        "thread_id": last.thread_id,
        "key": key,
        "channel": "C0INCIDENTS",
        "ts": "1700000000.1",
        "digest": "",
        "begun_at": store.clock.now(),
    }
    await store.database.write(lambda connection: connection.execute(noted.insert(), row))
    click, members = store.click(proposal, message_ts="1700000000.1"), store.memberships()
    answer = await store.database.write(
        lambda connection: settle_unknown(
            connection, store.context, click, members, has_happened=True
        )
    )
    assert answer.refusal is None


async def test_proposals_of_several_tasks_are_read_as_of_each_alone(store: World) -> None:
    made = await storm(store)
    await proposed(store, made[0])
    await unknown(store, made[1])
    ids = [task.id for task in made]
    together = await store.database.read(lambda connection: proposal_views(connection, *ids))
    for task_id in ids:
        alone = await store.database.read(lambda c, one=task_id: proposal_views(c, one))  # type: ignore[misc] # a default is no parameter of the type
        assert alone == {task_id: together[task_id]}
    assert [len(together[task_id].views) for task_id in ids] == [1, 1, 0]


async def test_campaigns_are_held_and_lifted_in_a_storm(store: World) -> None:
    one, other, _ = await storm(store)

    def kept(connection: Connection) -> None:
        for task, report in ((one, REPORT), (other, REPORT.model_copy(update={"campaigns": ()}))):
            owner = (task.id, task.tenant)
            keep_step(connection, store.context, owner, "report", report.model_dump_json())

    await store.database.write(kept)
    found = await drawn(store, one)
    assert pressable(found[f"campaigns:{one.id}"]) == [HOLD]
    assert [key for key in found if key.startswith("campaigns:")] == [f"campaigns:{one.id}"]
    boots = Campaign(platform="ads", key="boots", name="Boots")
    await store.database.write(
        lambda connection: hold_campaigns(connection, store.context, ORDER, [boots], one.id)
    )
    assert f"holds:{one.id}" not in await drawn(store, one), "the incident is not over"
    claims = await store.dispatcher("worker-1").claim(50, 30)
    claim = next(claim for claim in claims if claim.task.id == one.id)
    for state in (TaskState.GATHERING, TaskState.ANALYSING, TaskState.COMPLETED):
        await store.tasks.advance(claim, TaskChange(state=state))
    store.clock.forward(3600)
    assert pressable((await drawn(store, one))[f"holds:{one.id}"]) == [LIFT], "however late"


async def test_a_storm_s_list_says_what_is_frozen_and_who_paused_it(store: World) -> None:
    one, other, _ = await storm(store)
    proposal = await proposed(store, one)
    await store.database.write(
        lambda connection: freeze_task(connection, store.context, ORDER, one.id)
    )
    lines = listed(await drawn(store, one))
    assert lines[0].startswith("*Frozen (waiting for a sign-off)* · ")
    assert one.id in lines[0]
    assert lines[1].startswith("*Looking* · ")
    await store.database.write(
        lambda connection: pause(connection, store.context, "default", BEN, ORDER.reason)
    )
    found = await drawn(store, other)
    said = str(found["storm"].blocks)
    assert "*Signoff is paused* by <@U0BEN> at 20 Nov 10:00 UTC: look &lt;!channel&gt;" in said
    assert "An operator lifts it with `/signoff resume REASON`." in said
    assert "*This task is frozen*" in str(found[f"proposal:{proposal.id}"].blocks)
