"""The mirror alone: posts found again, threads begun anew, newest state once, storms, late news."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.ports import TaskChange
from agents.tasks import TaskState
from bot.store.controls import pause
from bot.store.engine import Connection
from bot.store.proposals import add_proposal
from bot.store.storms import STORM_AFTER
from bot.store.tables import posts, threads
from bot.store.tasks import settle_task
from bot.store.votes import supersede
from playground.workspace.model import Message
from policies.model import Actor, ActorKind
from tests.bot.slack.slackside import (
    CHANNEL,
    WORKSPACE,
    Side,
    running,
    slackside,
    time_flies,
    until,
)
from tests.bot.world import ANA, Wish, proposal_for


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[Side]:
    async with slackside(tmp_path) as found, time_flies(found):
        yield found


def chatter(side: Side, count: int) -> None:
    """Let people talk in the channel."""
    state = side.workspace.state
    for number in range(count):
        ts = state.new_ts()
        state.add(Message(channel_id=CHANNEL, ts=ts, user_id="U0ANA", text=f"line {number}"))


async def lost_post(side: Side, method_calls: int = 1) -> None:
    """Post a root whose answer is lost, and stop right after."""
    side.workspace.lose_answer("chat.postMessage")
    await side.begin()
    async with running(side):

        async def is_posted() -> bool:
            return len(side.calls("chat.postMessage")) >= method_calls

        await until(is_posted)
    assert [row.ts for row in await side.store.rows(posts)] == [None]


async def test_a_lost_answer_is_looked_for_beyond_two_hundred_messages(side: Side) -> None:
    await lost_post(side)
    chatter(side, 450)
    async with running(side):
        await side.shown()
    assert len(side.calls("chat.postMessage")) == 1
    looks = side.calls("conversations.history")
    assert len(looks) == 3
    assert {call["limit"] for call in looks} == {"200"}
    (row,) = await side.store.rows(posts)
    assert side.workspace.state.find(CHANNEL, row.ts) is not None


async def test_what_stood_there_long_before_is_not_read(side: Side) -> None:
    chatter(side, 450)
    side.store.clock.forward(3600)
    await lost_post(side)
    async with running(side):
        await side.shown()
    (look,) = side.calls("conversations.history")
    assert float(look["oldest"]) > side.store.clock.now().timestamp() - 3600


async def test_a_post_is_found_again_though_its_metadata_does_not_come_back(side: Side) -> None:
    await lost_post(side)
    for message in side.messages():
        message.metadata = None
    async with running(side):
        await side.shown()
    assert len(side.calls("chat.postMessage")) == len(side.messages()) == 1


async def test_a_lost_reply_is_found_in_its_thread(side: Side) -> None:
    task = await side.begin()
    async with running(side):
        await side.shown()
        side.workspace.lose_answer("chat.postMessage")
        await side.propose(task, Wish())
        await side.shown()
    assert len(side.calls("conversations.replies")) == 1
    assert sorted(key.split(":")[0] for key in side.marks()) == ["proposal", "task"]


async def test_a_refused_post_is_not_looked_for(side: Side) -> None:
    side.workspace.state.channels[CHANNEL].is_archived = True
    await side.begin()
    async with running(side):

        async def is_told() -> bool:
            return bool(side.unreachable)

        await until(is_told)
    assert await side.store.rows(posts) == []
    assert side.unreachable[0].endswith("is_archived")
    assert side.calls("conversations.history") == []


async def root_of(side: Side) -> Message:
    (row,) = await side.store.rows(threads)
    found = side.workspace.state.find(CHANNEL, row.root_ts)
    assert found is not None
    return found


async def test_a_thread_whose_first_message_is_gone_is_told_anew_once(side: Side) -> None:
    task = await side.begin()
    async with running(side):
        await side.shown()
        side.workspace.state.remove(await root_of(side))
        # So that the card is what finds out, and not a change of the first message.
        side.workspace.rate_limit("chat.update", 60)
        await side.propose(task, Wish())
        await side.shown()
    root = await root_of(side)
    assert sorted(key.split(":")[0] for key in side.marks()) == ["proposal", "task"]
    (card,) = [message for message in side.messages() if message.ts != root.ts]
    assert card.thread_ts == root.ts
    # A card that went to the channel was taken away again, before the thread was begun anew.
    assert len(side.calls("chat.postMessage")) == 4
    deleted = [call for call in side.workspace.calls if call.method == "chat.delete"]
    assert [call.answer["ok"] for call in deleted] == [True, False]


async def test_what_is_left_below_a_deleted_message_goes_with_it(side: Side) -> None:
    task = await side.begin()
    async with running(side):
        await side.propose(task, Wish())
        await side.shown()
        side.workspace.state.remove(await root_of(side))
        await side.store.database.write(
            lambda connection: pause(connection, side.store.context, "default", ANA, "wait")
        )
        await side.shown()
    live = [message for message in side.messages() if not message.is_tombstone]
    assert len(live) == 2
    assert {message.thread_ts or message.ts for message in live} == {(await root_of(side)).ts}


async def test_a_reply_that_somebody_deleted_is_said_again(side: Side) -> None:
    task = await side.begin()
    async with running(side):
        await side.propose(task, Wish())
        await side.shown()
        root = await root_of(side)
        (card,) = [message for message in side.messages() if message.ts != root.ts]
        side.workspace.state.remove(card)
        await side.store.database.write(
            lambda connection: pause(connection, side.store.context, "default", ANA, "wait")
        )
        await side.shown()
    (again,) = [message for message in side.messages() if message.ts != root.ts]
    assert again.thread_ts == root.ts
    assert "paused" in json.dumps(again.blocks)


async def test_of_many_changes_only_the_newest_is_told(side: Side) -> None:
    await side.begin()
    async with running(side):
        await side.shown()
        side.workspace.rate_limit("chat.update", 60)
        claim = await side.store.claimed()
        await side.store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
        await asyncio.sleep(0.3)
        for state in (TaskState.ANALYSING, TaskState.COMPLETED):
            await side.store.tasks.advance(claim, TaskChange(state=state))
        await side.shown()
    updates = [call for call in side.workspace.calls if call.method == "chat.update"]
    told = [call.args["text"] for call in updates if call.answer["ok"]]
    assert [words.rsplit(": ", 1)[1] for words in told] in (["Finished"], ["Looking", "Finished"])
    assert "Thinking" not in " ".join(told)


async def test_a_card_goes_before_a_cosmetic_change_of_its_own_thread(side: Side) -> None:
    task = await side.begin()
    async with running(side):
        await side.shown()
        side.workspace.rate_limit("chat.update", 600)
        claim = await side.store.claimed()
        await side.store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
        await side.store.tasks.release(claim)
        await asyncio.sleep(0.3)
        await side.propose(task, Wish())

        async def is_there() -> bool:
            return len(side.messages()) == 2

        await until(is_there, 5)
        assert not await side.is_shown()


async def test_many_incidents_at_once_share_one_thread(side: Side) -> None:
    tasks = [await side.begin(f"incident:{number}") for number in range(STORM_AFTER + 20)]
    async with running(side):
        await side.shown()
        await side.propose(tasks[-1], Wish(), Wish(key="silence", tool="alertmanager_silence"))
        await side.shown()
    roots = [message for message in side.messages() if message.thread_ts in {None, message.ts}]
    assert len(roots) == STORM_AFTER + 1
    storm = next(message for message in roots if "at once" in message.text)
    listed = json.dumps(storm.blocks)
    assert all(task.id in listed for task in tasks[STORM_AFTER:])
    assert "1 waiting for a sign-off" in listed
    below = [message for message in side.messages() if message.thread_ts == storm.ts]
    assert len([message for message in below if message is not storm]) == 2


async def test_a_storm_ends_and_the_next_incident_has_its_own_thread(side: Side) -> None:
    for number in range(STORM_AFTER + 2):
        await side.begin(f"incident:{number}")
    side.store.clock.forward(121)
    late = await side.begin("incident:late")
    assert late.thread_id == late.id
    kinds = [row.kind for row in await side.store.rows(threads)]
    assert kinds.count("storm") == 1


async def test_what_a_person_asks_for_joins_no_storm(side: Side) -> None:
    for number in range(STORM_AFTER + 2):
        await side.begin(f"incident:{number}")
    asked = await side.begin("incident:asked", requester=Actor(kind=ActorKind.HUMAN, id=ANA))
    assert asked.thread_id == asked.id


async def test_what_is_long_over_is_told_in_one_message(side: Side) -> None:
    task = await side.begin()
    await side.propose(
        task, Wish(expires_s=60), Wish(key="silence", tool="alertmanager_silence", expires_s=60)
    )
    side.store.clock.forward(61)
    await side.expire(task)
    side.store.clock.forward(3600)
    async with running(side):
        await side.shown()
    assert [key.split(":")[0] for key in side.marks()] == ["task", "summary"]
    assert json.dumps(side.messages()[1].blocks).count("*Expired*") == 2


async def test_what_is_just_over_is_told_step_by_step(side: Side) -> None:
    task = await side.begin()
    await side.propose(
        task, Wish(expires_s=60), Wish(key="silence", tool="alertmanager_silence", expires_s=60)
    )
    side.store.clock.forward(61)
    await side.expire(task)
    async with running(side):
        await side.shown()
    assert [key.split(":")[0] for key in side.marks()] == ["task", "proposal", "proposal"]


async def test_after_an_absence_what_waits_for_a_person_comes_first(side: Side) -> None:
    for wave in range(3):
        for number in range(4):
            await side.begin(f"incident:{wave}-{number}")
        side.store.clock.forward(121)
    waiting = await side.begin("incident:waiting")
    await side.propose(waiting, Wish())
    async with running(side):
        await side.shown()
    # Four may pass at once, whoever they are, and some more before a busy machine has drawn it;
    # then urgency counts: it was the last of 13 to come.
    assert f"task:{waiting.id}" in side.marks()[:8]
    assert len(side.marks()) == 14


async def test_a_card_that_was_edited_leads_to_the_new_one_once_that_stands(side: Side) -> None:
    task, store = await side.begin(), side.store
    (old,) = await side.propose(task, Wish(expires_s=86_400))
    async with running(side):
        await side.shown()
        edit = Wish(version="v40", key="edited", revision=2, replaces=old.id, expires_s=86_400)
        new = proposal_for(task, 2, store.clock.now(), edit)

        def unit(connection: Connection) -> None:
            assert supersede(connection, store.context, old, new, ANA) is None
            add_proposal(connection, store.context, new)
            settle_task(connection, store.context, task.id, "EDITED")

        await store.database.write(unit)
        await side.shown()
    stands = {row.key: row.ts for row in await store.rows(posts)}
    gone = side.workspace.state.find(CHANNEL, stands[f"proposal:{old.id}"])
    assert gone is not None
    stamp = stands[f"proposal:{new.id}"].replace(".", "")
    root = stands[f"task:{task.id}"]
    there = f"{WORKSPACE}archives/{CHANNEL}/p{stamp}?thread_ts={root}&amp;cid={CHANNEL}"
    assert f"<{there}|The new card> takes its place" in json.dumps(gone.blocks)
