"""The mirror: renders what is stored into threads, from a stored cursor per thread.

It alone posts about tasks. Each post is begun in the store, made, and noted; after a crash in
between it is looked for by its mark before it is made again. What a message says is read when its
turn has come, never before: of many changes only the newest is told.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from bot.pulse import Pulse
from bot.slack import undoing
from bot.slack.cards import Mentions
from bot.slack.parts import Wanted
from bot.slack.places import awaited, cards_among, leading
from bot.slack.poster import Poster, ThreadGoneError, digest, fitting
from bot.slack.rates import Urgency
from bot.slack.sender import NoAnswer, NotSent, PutOff, Sender, SlackRefused
from bot.slack.threads import changes_at, posts
from bot.store.storms import STORM
from bot.store.threads import Post, Thread, ThreadStore
from policies.model import Clock, Inverse
from tools.ports import Boundary, RecordUnavailable

POLL_S, RETRY_S = 0.5, 2.0
# How often a thread that waits for its turn looks whether something more urgent came up.
LOOK_S = 0.5
# A storm changes with every task of hundreds: its list is drawn at most so often.
STORM_REST_S = 1.0
# So many threads are worked at side by side; those that wait for a person come on top.
SIDE_BY_SIDE = 64
POST, UPDATE = "chat.postMessage", "chat.update"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Glass:
    """What the mirror works with."""

    store: ThreadStore
    sender: Sender
    clock: Clock
    mentions: Callable[[], Awaitable[Mentions]]
    default_channel: str | None
    unreachable: Callable[[Thread, str], Awaitable[None]]
    boundary: Boundary
    # The address of the workspace, that of links to messages.
    workspace: Callable[[], str]
    # Why something can't be undone from here; None where it can.
    no_way_back: Callable[[Inverse], str | None]


class Step(NamedTuple):
    """The next call for a thread: post a message, or change one."""

    method: str
    urgency: Urgency
    message: Wanted
    known: Post | None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A thread as it should stand, beside what stands there."""

    thread: Thread
    wanted: list[Wanted]
    known: dict[str, Post]
    # When it looks different without any event.
    next_at: datetime | None
    # The proposals that a message would lead to, if their cards stood already.
    awaited: frozenset[str] = frozenset()

    @property
    def is_new(self) -> bool:
        """Say whether there is no first message yet."""
        return self.thread.root_ts is None

    def lost(self) -> Post | None:
        """Return a post of which it is not known whether it was made."""
        return next((post for post in self.known.values() if post.ts is None), None)

    def step(self) -> Step | None:
        """Return what to do next: the most urgent, and posts in their order."""
        # Of equal ones the change first: a decided card loses its buttons before the next one asks.
        found = [*self._updates(), *self._posts()]
        return min(found, key=lambda step: step.urgency, default=None)

    def _posts(self) -> list[Step]:
        missing = [message for message in self.wanted if message.key not in self.known]
        if not missing:
            return []
        # As urgent as the most urgent of those that come after it.
        urgency = min(message.urgency for message in missing)
        return [Step(POST, urgency, missing[0], None)]

    def _updates(self) -> list[Step]:
        found = []
        for message in self.wanted:
            post = self.known.get(message.key)
            if post is not None and post.digest != digest(message):
                found.append(Step(UPDATE, message.change, message, post))
        return found


class Mirror:
    """Brings threads up to date, each serially, different ones side by side."""

    def __init__(self, glass: Glass) -> None:
        self._glass = glass
        self._pulse = Pulse(POLL_S)
        self._poster = Poster(glass.sender)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._has_looked = False

    def wake(self) -> None:
        """Look for news now."""
        self._pulse.wake()

    async def run(self) -> None:
        """Mirror until cancelled."""
        since = 0
        try:
            while True:
                # While Slack is away nothing is begun: tasks go on, and their threads wait here.
                await self._glass.sender.line.back()
                async with self._pulse.outlasting("the mirror"):
                    since = await self._hand_out(since)
                await self._pulse.rest()
        finally:
            for running in self._busy.values():
                running.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _hand_out(self, since: int) -> int:
        if not self._has_looked:
            # After an upgrade what could be undone with one click may be so no more.
            await self._glass.store.look_again()
            self._has_looked = True
        behind, since = await self._glass.store.behind(since)
        for thread in filter(self._has_room, behind):
            self._start(thread)
        return since

    def _has_room(self, thread: Thread) -> bool:
        is_free = thread.waits or len(self._busy) < SIDE_BY_SIDE
        return is_free and thread.id not in self._busy

    def _start(self, thread: Thread) -> None:
        running = asyncio.create_task(self._keep_up(thread))
        self._busy[thread.id] = running

        def done(_: asyncio.Task[None]) -> None:
            self._busy.pop(thread.id, None)
            self._pulse.wake()

        running.add_done_callback(done)

    async def _keep_up(self, thread: Thread) -> None:
        async with self._pulse.outlasting("a thread"):
            await self._render(thread)

    async def _render(self, thread: Thread) -> None:
        store = self._glass.store
        try:
            await self._bring_up(thread.id)
            if thread.kind == STORM:
                await asyncio.sleep(STORM_REST_S)
        except SlackRefused as refused:
            if await store.faulty(thread, refused.error):
                _log.warning("a thread can't be shown: %s", refused.error)
                await self._glass.unreachable(thread, refused.error)
            await asyncio.sleep(RETRY_S * 5)
        except NoAnswer as silent:
            # Told once for all by the line; here it is one of hundreds.
            _log.debug("no answer about a thread: %s", silent)
            await asyncio.sleep(RETRY_S)
        except RecordUnavailable:
            # What was posted meanwhile is found again by its mark.
            raise
        # Boundary: a thread that can't be rendered is logged and tried again, and stops no other.
        except Exception:  # noqa: BLE001 - see above
            _log.exception("a thread could not be rendered", extra={"task_id": thread.id})
            await asyncio.sleep(RETRY_S * 5)

    async def _bring_up(self, thread_id: str) -> None:
        is_anew = False
        while True:
            try:
                await self._settle(thread_id)
            except ThreadGoneError as gone:
                if is_anew:
                    # Once is an accident; twice in a row would be a loop.
                    raise SlackRefused("thread_gone") from gone
                is_anew = True
                await self._begin_anew(thread_id, gone.misplaced)
            else:
                return

    async def _settle(self, thread_id: str) -> None:
        """Make one call after the other until the thread shows what is stored."""
        picture = await self._picture(thread_id)
        while True:
            lost = picture.lost()
            if lost is not None:
                await self._look_for(picture, lost)
                picture = await self._newer(picture)
                continue
            step = picture.step()
            if step is None:
                break
            picture = await self._take(picture, step)
        await self._glass.store.rendered(picture.thread, picture.next_at)
        self._glass.boundary("thread.rendered")

    async def _take(self, picture: Picture, step: Step) -> Picture:
        """Wait for the turn, look again, and do what is to be done then."""
        sender, channel = self._glass.sender, self._channel(picture.thread)
        if not await self._has_turn(picture.thread, step):
            return await self._newer(picture)
        try:
            fresh = await self._newer(picture)
            now = fresh.step()
        except BaseException:
            sender.give_back(step.method, channel)
            raise
        if now is None or now.method != step.method or fresh.lost() is not None:
            sender.give_back(step.method, channel)
            return fresh
        # Put off: something more urgent may come up while its lane is held.
        with contextlib.suppress(PutOff):
            if now.known is None:
                await self._post(fresh, now.message)
            else:
                await self._change(fresh, now.message, now.known)
        return await self._newer(fresh)

    async def _has_turn(self, thread: Thread, step: Step) -> bool:
        """Wait for a turn; False when something more urgent came up in the thread meanwhile."""
        turn = self._glass.sender.turn(step.method, self._channel(thread), step.urgency)
        waiting = asyncio.ensure_future(turn)
        seen = thread
        try:
            while not (await asyncio.wait({waiting}, timeout=LOOK_S))[0]:
                now = await self._glass.store.thread(thread.id)
                if (now.head, now.cursor) == (seen.head, seen.cursor):
                    continue
                seen, next_step = now, (await self._picture(thread.id)).step()
                if next_step is None or next_step.urgency < step.urgency:
                    return False
            return True
        finally:
            # Takes back the turn where one was granted just now.
            if not waiting.done():
                waiting.cancel()

    async def _picture(self, thread_id: str) -> Picture:
        store = self._glass.store
        # The cursor's head first: what comes after it is rendered once more, never left out.
        thread = await store.thread(thread_id)
        views, known = await store.view(thread), await store.posts(thread)
        mentions, now = await self._glass.mentions(), self._glass.clock.now()
        led = leading(views, known, thread.root_ts, self._glass.workspace())
        shown = undoing.checked(led, self._glass.no_way_back)
        wanted = posts(shown, mentions, now, frozenset(known), is_storm=thread.kind == STORM)
        return Picture(
            thread=thread,
            wanted=[fitting(message) for message in wanted],
            known=known,
            next_at=changes_at(views, now),
            awaited=awaited(views, known),
        )

    async def _newer(self, picture: Picture) -> Picture:
        """Return the picture as it is now.

        What is wanted is drawn again only after an event, or where a card stands now that a message
        leads to.
        """
        store, before = self._glass.store, picture.thread
        thread = await store.thread(before.id)
        if (thread.head, thread.cursor) != (before.head, before.cursor):
            return await self._picture(before.id)
        known = await store.posts(thread)
        if picture.awaited and picture.awaited & cards_among(known).keys():
            return await self._picture(before.id)
        return replace(picture, thread=thread, known=known)

    async def _post(self, picture: Picture, message: Wanted) -> None:
        store, thread = self._glass.store, picture.thread
        await store.post_begun(thread, message.key, digest(message))
        self._glass.boundary("post.begun")
        place = (self._channel(thread), thread.root_ts)
        try:
            channel, ts = await self._poster.post(place, _mark(thread, message.key), message)
        except (SlackRefused, NotSent):
            await store.post_withdrawn(thread, message.key)
            raise
        self._glass.boundary(f"posted.{message.key.split(':')[0]}")
        await store.post_done(
            thread, message.key, ts, digest(message), channel, is_root=picture.is_new
        )
        self._glass.boundary("post.noted")

    async def _change(self, picture: Picture, message: Wanted, known: Post) -> None:
        store, thread = self._glass.store, picture.thread
        place = (known.channel or thread.channel, known.ts or "")
        if await self._poster.change(place, _mark(thread, message.key), message):
            self._glass.boundary("post.changed")
            await store.post_done(
                thread, message.key, place[1], digest(message), place[0], is_root=False
            )
        elif known.ts == thread.root_ts:
            raise ThreadGoneError
        else:
            # Somebody deleted it: said again at the thread's end.
            await store.post_withdrawn(thread, message.key)

    async def _look_for(self, picture: Picture, lost: Post) -> None:
        store, thread = self._glass.store, picture.thread
        mark, place = _mark(thread, lost.key), (self._channel(thread), thread.root_ts)
        ts = await self._poster.find(place, mark, lost.begun_at)
        if ts is None:
            await store.post_withdrawn(thread, lost.key)
            return
        await store.post_done(thread, lost.key, ts, lost.digest, place[0], is_root=picture.is_new)

    async def _begin_anew(self, thread_id: str, misplaced: str | None) -> None:
        """The root is gone: take away what is left of the thread, and tell it under a new one."""
        thread = await self._glass.store.thread(thread_id)
        known = await self._glass.store.posts(thread)
        _log.warning("a thread's first message is gone: told anew", extra={"task_id": thread_id})
        left = [(post.channel, post.ts) for post in known.values() if post.ts is not None]
        if misplaced is not None:
            left.insert(0, (self._channel(thread), misplaced))
        for channel, ts in left:
            await self._poster.remove(channel, ts)
        await self._glass.store.begun_anew(thread)

    def _channel(self, thread: Thread) -> str:
        return thread.channel or self._glass.default_channel or ""


def _mark(thread: Thread, key: str) -> dict[str, str]:
    return {"thread": thread.id, "key": key}
