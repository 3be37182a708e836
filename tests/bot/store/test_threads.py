"""Which threads are behind: none is forgotten because it was at work when its news came."""

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
