"""A task that only a newer version knows is left alone, and told once in its thread."""

import asyncio
import contextlib
import json
import logging

import pytest
from sqlalchemy import Connection, update

from agents.ports import Claim
from agents.tasks import TaskState
from bot.slack.threads import posts
from bot.store.records import ledger
from bot.store.strangers import tell_strangers
from bot.store.tables import outbox, tasks, threads
from bot.store.tasks import create_task
from bot.store.threads import ThreadStore
from tests.bot.world import World, new_task

ROOT = "1.000100"
NEWER: list[dict[str, str | int]] = [
    {"kind": "forecast"},
    {"state": "DELIBERATING"},
    {"definition": 2},
]


async def stranger(store: World, values: dict[str, str | int]) -> str:
    """A newer version has left an open task here, with a thread; returns its id."""
    task = await store.task()

    def unit(connection: Connection) -> None:
        connection.execute(update(tasks).values(**values))
        connection.execute(update(threads).values(root_ts=ROOT))

    await store.database.write(unit)
    return task.id


async def started(store: World) -> None:
    await store.database.write(lambda connection: tell_strangers(connection, store.context))


@pytest.mark.parametrize("values", NEWER)
async def test_it_is_never_handed_out_while_others_are(
    store: World, values: dict[str, str | int]
) -> None:
    task_id = await stranger(store, values)
    before = await store.row(tasks, id=task_id)
    ours = await store.task("another group")
    given: list[str] = []

    async def handler(claim: Claim) -> None:
        given.append(claim.task.id)
        await store.tasks.release(claim)

    loop = asyncio.create_task(store.dispatcher("one").run(handler))
    await asyncio.sleep(0.6)
    loop.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loop
    assert set(given) == {ours.id}
    assert await store.row(tasks, id=task_id) == before


@pytest.mark.parametrize("values", NEWER)
async def test_each_start_logs_one_line_and_only_the_first_tells_its_thread(
    store: World, values: dict[str, str | int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    task_id = await stranger(store, values)
    before = await store.row(tasks)
    await started(store)
    await started(store)
    assert await store.row(tasks) == before
    assert [record.message for record in caplog.records] == [
        "left alone, since only a newer version of Signoff knows how to go on:"
        f" {task_id} (kind {before.kind} in version {before.definition}, state {before.state})"
    ] * 2
    (parcel,) = await store.rows(outbox)
    payload = json.loads(parcel.payload)
    assert (parcel.kind, payload["thread_ts"]) == ("channel", ROOT)
    assert payload["text"] == (
        f"Escalated: I can't go on with task {task_id}. A newer version of Signoff wrote it"
        f" (kind {before.kind} in version {before.definition}, state {before.state}),"
        " and I don't know how it goes on. Nothing is lost: start the newer version."
    )
    (event,) = await store.events("task.escalated")
    assert (event["task_id"], event["escalation"]) == (task_id, "NEEDS_NEWER_VERSION")


async def test_without_one_a_start_says_nothing(
    store: World, caplog: pytest.LogCaptureFixture
) -> None:
    await store.task()
    events = len(await store.rows(ledger))
    await started(store)
    assert (caplog.records, await store.rows(outbox)) == ([], [])
    assert len(await store.rows(ledger)) == events


@pytest.mark.parametrize("values", NEWER)
async def test_its_thread_can_be_rendered_and_stays_as_it_is(
    store: World, values: dict[str, str | int]
) -> None:
    await stranger(store, values)
    await started(store)
    shown = ThreadStore(store.context)
    ((thread,), _) = await shown.behind()
    views = await shown.view(thread)
    assert views == []
    for is_storm in (False, True):
        assert posts(views, {}, store.clock.now(), is_storm=is_storm) == []


@pytest.mark.parametrize("values", NEWER)
async def test_what_comes_for_its_group_is_worked_on_beside_it(
    store: World, values: dict[str, str | int]
) -> None:
    task_id = await stranger(store, values)

    async def came() -> tuple[str, bool]:
        task, is_new = await store.database.write(
            lambda connection: create_task(connection, store.context, new_task())
        )
        return task.id, is_new

    first, is_new = await came()
    assert (first != task_id, is_new) == (True, True)
    assert await came() == (first, False)
    assert (await store.row(tasks, id=first)).state == TaskState.QUEUED
    assert {name: getattr(await store.row(tasks, id=task_id), name) for name in values} == values
