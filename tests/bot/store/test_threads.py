"""Which threads are behind: none is forgotten because it was at work when its news came."""

from bot.store.controls import pause, resume
from bot.store.threads import ThreadStore
from tests.bot.world import World


async def test_news_of_a_thread_that_is_shown_for_the_first_time_is_not_lost(store: World) -> None:
    threads = ThreadStore(store.context)
    task = await store.task()
    (at_work,), since = await threads.behind(0)
    await store.tasks.back_off(await store.claimed(), "something came up")
    # Seen while the thread is still at work with what it knew before.
    (again,), since = await threads.behind(since)
    assert again.id == task.thread_id
    await threads.rendered(at_work, None)
    (behind,), since = await threads.behind(since)
    assert behind.id == task.thread_id
    await threads.rendered(behind, None)
    found, since = await threads.behind(since)
    assert (found, since) == ([], behind.head)


async def test_a_pause_is_seen_by_a_mirror_that_is_at_work(store: World) -> None:
    threads = ThreadStore(store.context)
    await store.task()
    (at_work,), _ = await threads.behind(0)
    for change in (pause, resume, pause):
        before = await threads.thread(at_work.id)
        await store.database.write(
            lambda connection, change=change: change(  # type: ignore[misc] # bound early
                connection, store.context, "default", "T1/U1", "wait"
            )
        )
        assert (await threads.thread(at_work.id)).cursor != before.cursor
    # What it had drawn before does not count as the newest.
    await threads.rendered(at_work, None)
    (behind,), _ = await threads.behind(at_work.head)
    assert behind.id == at_work.id
    await threads.rendered(behind, None)
    assert (await threads.behind(behind.head))[0] == []
