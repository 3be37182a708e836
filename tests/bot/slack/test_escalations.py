"""A task that can't go on calls a person, with a mention, in a message of its own."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agents.report import FindingKind, Report
from agents.tasks import TaskKind, TaskState
from bot.slack.escalations import call
from bot.slack.parts import Wanted
from bot.slack.text import code
from bot.slack.threads import LATE_AFTER, posts
from bot.store.engine import Connection
from bot.store.tasks import keep_step
from bot.store.taskstore import MAX_ATTEMPTS
from bot.store.threads import ThreadStore
from playground.story import text_of
from policies.model import ProposalState
from tests.bot.world import Wish, World

MENTIONS = {"oncall": "<!subteam^S0ONCALL>", "operators": "<@U0ANA>"}
FAULT = "ValueError: <!channel> `it` broke"


async def given_up(store: World, task_id: str, fault: str = FAULT) -> None:
    """Let a task fail as often as it may."""
    for _ in range(MAX_ATTEMPTS):
        claims = await store.dispatcher("worker-1").claim(50, 30)
        await store.tasks.back_off(next(one for one in claims if one.task.id == task_id), fault)
        store.clock.forward(2**MAX_ATTEMPTS)


async def drawn(
    store: World,
    *,
    owners: str | None = None,
    late_by: timedelta = timedelta(),
    is_storm: bool = False,
) -> dict[str, Wanted]:
    """Return the messages of the only thread, by key."""
    threads = ThreadStore(store.context, owners=lambda _: owners)
    ((thread,), _) = await threads.behind()
    found = posts(
        await threads.view(thread), MENTIONS, store.clock.now() + late_by, is_storm=is_storm
    )
    return {message.key.split(":")[0]: message for message in found}


def words(message: Wanted) -> str:
    """Return what a person reads."""
    return text_of({"text": message.text, "blocks": message.blocks})


async def test_the_owners_are_called_and_told_what_broke(store: World) -> None:
    task = await store.task()
    await given_up(store, task.id)
    found = await drawn(store, owners="oncall")
    said = words(found["escalated"])
    assert "please take over*, <!subteam^S0ONCALL>." in said
    assert "ValueError: &lt;!channel&gt; 'it' broke" in said
    assert "Nothing was proposed, and nothing was done." in said
    assert f"`/triage {task.target} {task.environment}` looks anew." in said
    assert f"`/signoff audit {task.id}`" in said
    # What a phone shows of it.
    assert "<!subteam^S0ONCALL>" in found["escalated"].text
    assert "Needs a person: Signoff could not go on" in words(found["task"])


async def test_where_nobody_owns_it_the_operators_are_called(store: World) -> None:
    await given_up(store, (await store.task()).id)
    assert "<@U0ANA>" in words((await drawn(store))["escalated"])


async def test_a_group_that_is_not_known_is_named(store: World) -> None:
    await given_up(store, (await store.task()).id)
    assert code("sre") in words((await drawn(store, owners="sre"))["escalated"])


async def test_a_secret_in_what_broke_is_not_shown(store: World) -> None:
    await given_up(store, (await store.task()).id, "HTTPError: https://u:hunter2hunter2@host/")
    assert "hunter2" not in words((await drawn(store))["escalated"])


async def test_what_was_proposed_and_done_is_listed_and_a_click_goes_on(store: World) -> None:
    proposal = await store.proposed(Wish())
    task_id, now = proposal.task_id, store.clock.now()
    await store.database.write(lambda c: store.context.dispatcher.wake(c, task_id, now))
    await given_up(store, task_id)
    said = words((await drawn(store))["escalated"])
    assert proposal.title in said
    assert "can be answered: then I try again" in said
    assert (await store.vote(store.click(proposal))).refusal is None
    (claim,) = await store.dispatcher("worker-1").claim(1, 30)
    assert claim.task.id == task_id
    assert claim.task.state is not TaskState.ESCALATED
    assert "escalated" in await drawn(store), "it stays in the thread"


async def test_it_is_posted_however_late(store: World) -> None:
    await given_up(store, (await store.task()).id)
    assert "escalated" in await drawn(store, late_by=LATE_AFTER * 2)


async def test_a_storm_shows_it_too(store: World) -> None:
    await given_up(store, (await store.task()).id)
    found = await drawn(store, is_storm=True)
    assert "please take over" in words(found["escalated"])


async def test_a_digest_that_could_not_be_made_says_so(store: World) -> None:
    await given_up(store, (await store.task(kind=TaskKind.DIGEST)).id)
    found = await drawn(store)
    assert "could not be made" in words(found["task"])
    assert "`/signoff digest` asks anew" in words(found["escalated"])


async def test_a_card_that_still_asks_is_named_only_where_there_is_one(store: World) -> None:
    proposal = await store.proposed(Wish())
    now = store.clock.now()
    await store.database.write(lambda c: store.context.dispatcher.wake(c, proposal.task_id, now))
    await given_up(store, proposal.task_id)
    threads = ThreadStore(store.context)
    ((thread,), _) = await threads.behind()
    (view,) = await threads.view(thread)
    (asking,) = view.proposals
    failed = replace(asking, row=replace(asking.row, state=ProposalState.FAILED))
    (found,) = view.escalations
    _, blocks = call(replace(view, proposals=(failed,)), found, MENTIONS)
    assert "still asks" not in str(blocks)
    assert f"`/triage {view.task.target} {view.task.environment}` looks anew." in str(blocks)


async def test_a_pause_that_could_not_be_proposed_is_not_sent_to_the_form_of_a_launch(
    store: World,
) -> None:
    task = await store.task(kind=TaskKind.CAMPAIGN, spec={"intent": "pause"})
    await given_up(store, task.id)
    said = words((await drawn(store))["escalated"])
    assert "To ask anew: `/signoff digest`, then press Propose a pause…" in said
    assert "/launch-campaign" not in said


@pytest.mark.parametrize(
    ("kind", "is_named"), [(TaskKind.INCIDENT, True), (TaskKind.CAMPAIGN, False)]
)
async def test_numbers_of_evidence_are_named_only_where_it_stands(
    store: World, kind: TaskKind, *, is_named: bool
) -> None:
    task = await store.task(kind=kind)
    report = Report(outcome=FindingKind.HEALTHY, summary="Fine.").model_dump_json()

    def unit(connection: Connection) -> None:
        for name, body in (("evidence", "[]"), ("report", report)):
            keep_step(connection, store.context, (task.id, task.tenant), name, body)

    await store.database.write(unit)
    assert ("`E1`" in words((await drawn(store))["report"])) is is_named
