"""Slack's rates: how often each method may be called, and who goes first while calls wait.

The numbers are those of docs.slack.dev/apis/web-api/rate-limits and of each method's page. Slack
counts by method, workspace and app; posts by channel too. `conversations.history` and `.replies`
are Tier 3 for an app that a customer makes for its own workspace, as Signoff's manifest does (one
call a minute with 15 messages holds for apps that are sold outside the Marketplace).
"""

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

MINUTE_S = 60.0
# How long a timer sleeps at most: the shared clock of a playground may jump meanwhile.
STEP_S = 0.05


class Urgency(IntEnum):
    """Who goes first; the lower, the sooner."""

    ANSWER = 0
    DECISION = 1
    NEWS = 2
    COSMETIC = 3


# By how much a later call of more urgency may pass an earlier one. Not for ever: what waits longer
# than that goes first, so nothing starves.
YIELDS_S: Mapping[Urgency, float] = {
    Urgency.ANSWER: 0,
    Urgency.DECISION: 15,
    Urgency.NEWS: 120,
    Urgency.COSMETIC: 300,
}


@dataclass(frozen=True)
class Rate:
    """A token bucket's measure; `spare` is what it holds right after a restart."""

    per_s: float
    burst: float
    spare: float


def per_minute(calls: int, burst: int, spare: int) -> Rate:
    """Return a rate with which no 60 seconds see more than `calls`.

    `spare` is kept back for what leaves in time and arrives in the next minute, and for the process
    before this one, which may just have used up its share.
    """
    return Rate((calls - spare - burst) / MINUTE_S, burst, spare)


TIER_2, TIER_3, TIER_4 = per_minute(20, 6, 4), per_minute(50, 15, 5), per_minute(100, 25, 10)
# "One message per second per channel", "short bursts"; "several hundred messages per minute" in
# all (docs.slack.dev, chat.postMessage).
POST, POSTS_IN_ALL = Rate(0.9, 4, 4), per_minute(300, 30, 30)
RATES: Mapping[str, Rate] = {
    "auth.test": TIER_4,  # "hundreds of requests per minute"
    "chat.delete": TIER_3,
    "chat.postEphemeral": TIER_4,
    "chat.postMessage": POSTS_IN_ALL,
    "chat.update": TIER_3,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.open": TIER_3,
    "conversations.replies": TIER_3,
    "usergroups.users.list": TIER_2,
    "users.info": TIER_4,
    "users.list": TIER_2,
    "views.open": TIER_4,
    "views.publish": TIER_4,
    "views.update": TIER_4,
}
# What is not listed is called seldom.
OTHER = TIER_2
Now = Callable[[], float]


async def nap(now: Now, seconds: float) -> None:
    """Sleep for a time of the given clock, which may jump ahead."""
    until = now() + seconds
    while (left := until - now()) > 0:  # noqa: ASYNC110 - no event tells of a clock's jump
        await asyncio.sleep(min(left, STEP_S))


class Lane:
    """A token bucket with a queue: the most urgent goes first, and of equal ones the oldest."""

    def __init__(self, rate: Rate, now: Now, *, is_rested: bool = True) -> None:
        self._rate, self._now = rate, now
        self._left, self._at = rate.burst if is_rested else rate.spare, now()
        self._held_until = -math.inf
        self._queue: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self, urgency: Urgency) -> None:
        """Wait for a token, and take it."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._now() + YIELDS_S[urgency]
        heapq.heappush(self._queue, (due, next(self._count), mine))
        self.serve()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.give_back()
            raise

    def give_back(self) -> None:
        """Return a token that was not used."""
        self._left = min(self._rate.burst, self._left + 1)

    def hold(self, seconds: float) -> None:
        """Let nobody pass for a while: Slack said `Retry-After`."""
        self._held_until = max(self._held_until, self._now() + seconds)

    def serve(self) -> None:
        """Let pass whoever may; called by timers, and again when there is somebody to wait for."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queue:
            if self._queue[0][2].done():
                heapq.heappop(self._queue)  # whoever waited has gone
                continue
            wait_s = self._wait_s()
            if wait_s > 0:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(min(wait_s, STEP_S), self.serve)
                return
            self._left -= 1
            heapq.heappop(self._queue)[2].set_result(None)

    def _wait_s(self) -> float:
        now = self._now()
        self._left = min(self._rate.burst, self._left + max(0.0, now - self._at) * self._rate.per_s)
        self._at = now
        # A hair's breadth less than a whole token is a token, or rounding would wait for ever.
        missing = 1 - 1e-9 - self._left
        return max(missing / self._rate.per_s, self._held_until - now)


class Rates:
    """The lanes of one workspace: one for each method, and for posts one for each channel.

    `is_rested` says that nobody called Slack within the last minute: no process before this one.
    """

    def __init__(self, now: Now = time.monotonic, *, is_rested: bool = True) -> None:
        self._now, self._is_rested = now, is_rested
        self._lanes: dict[tuple[str, str], Lane] = {}

    async def turn(self, method: str, channel: str | None, urgency: Urgency) -> None:
        """Wait until a call of this method, to this channel, is within Slack's rates."""
        for lane in self._of(method, channel):
            await lane.turn(urgency)

    def give_back(self, method: str, channel: str | None) -> None:
        """Return a turn that was not used."""
        for lane in self._of(method, channel):
            lane.give_back()

    def hold(self, method: str, channel: str | None, seconds: float) -> None:
        """Pause what Slack said to pause: a method, or a post's channel; nothing else."""
        self._of(method, channel)[0].hold(seconds)

    def _of(self, method: str, channel: str | None) -> list[Lane]:
        whole = self._lane((method, ""), RATES.get(method, OTHER))
        if method != "chat.postMessage" or channel is None:
            return [whole]
        # The channel first: its queue is the longer one, and what waits there holds up no other.
        return [self._lane((method, channel), POST), whole]

    def _lane(self, key: tuple[str, str], rate: Rate) -> Lane:
        if key not in self._lanes:
            self._lanes[key] = Lane(rate, self._now, is_rested=self._is_rested)
        return self._lanes[key]
