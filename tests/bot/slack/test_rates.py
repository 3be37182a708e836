"""Slack's rates: never too many in a minute, the urgent first, nobody starves."""

import asyncio
import re
from pathlib import Path

import pytest

from bot.slack.rates import RATES, TIER_2, TIER_3, TIER_4, Lane, Rate, Rates, Urgency, nap

ROOT = Path(__file__).resolve().parents[3]


class FakeTime:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at

    async def forward(self, seconds: float) -> None:
        """Move on, and let the timers see it."""
        self.at += seconds
        await asyncio.sleep(0.12)


async def drained(lane: Lane, time: FakeTime, calls: int) -> list[float]:
    """Return when each of so many calls was let through, the time moving in small steps."""
    passed: list[float] = []

    async def call() -> None:
        await lane.turn(Urgency.NEWS)
        passed.append(time())

    waiting = [asyncio.create_task(call()) for _ in range(calls)]
    await asyncio.sleep(0)
    while len(passed) < calls:
        time.at += 1.0
        lane.serve()
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    return passed


@pytest.mark.parametrize(("rate", "allowed"), [(TIER_2, 20), (TIER_3, 50), (TIER_4, 100)])
async def test_no_minute_sees_more_than_the_tier_allows(rate: Rate, allowed: int) -> None:
    time = FakeTime()
    passed = await drained(Lane(rate, time), time, allowed * 3)
    for start in passed:
        assert len([at for at in passed if start <= at < start + 60]) <= allowed


async def test_a_burst_of_posts_goes_out_at_once_and_then_one_a_second() -> None:
    time = FakeTime()
    lane = Rates(time)
    for _ in range(4):
        await asyncio.wait_for(lane.turn("chat.postMessage", "C1", Urgency.NEWS), 30)
    fifth = asyncio.create_task(lane.turn("chat.postMessage", "C1", Urgency.NEWS))
    await asyncio.sleep(0.1)
    assert not fifth.done()
    await asyncio.wait_for(lane.turn("chat.postMessage", "C2", Urgency.NEWS), 30)
    await time.forward(1.2)
    assert fifth.done()


@pytest.mark.parametrize(("rate", "allowed"), [(TIER_2, 20), (TIER_3, 50), (TIER_4, 100)])
async def test_a_restart_right_after_a_busy_minute_stays_within_it(
    rate: Rate, allowed: int
) -> None:
    time = FakeTime()
    passed = await drained(Lane(rate, time), time, allowed)
    fresh = Lane(rate, time, is_rested=False)
    at_once = [asyncio.create_task(fresh.turn(Urgency.NEWS)) for _ in range(allowed)]
    await asyncio.sleep(0)
    assert sum(task.done() for task in at_once) == rate.spare
    for task in at_once:
        task.cancel()
    last = [at for at in passed if at > passed[-1] - 60]
    assert len(last) + rate.spare <= allowed


async def order_of(waits: list[tuple[float, Urgency]]) -> list[int]:
    """Let calls queue up at the given moments, and return in which order they pass."""
    time = FakeTime()
    lane = Lane(Rate(1.0, 1, 1), time)
    await lane.turn(Urgency.NEWS)
    passed: list[int] = []

    async def call(number: int, urgency: Urgency) -> None:
        await lane.turn(urgency)
        passed.append(number)

    lane.hold(10_000)
    waiting = []
    for number, (after_s, urgency) in enumerate(waits):
        time.at += after_s
        waiting.append(asyncio.create_task(call(number, urgency)))
        await asyncio.sleep(0)
    time.at += 10_000
    for _ in waits:
        time.at += 1
        lane.serve()
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    return passed


async def test_an_answer_passes_a_decision_and_a_decision_passes_what_is_cosmetic() -> None:
    waits = [
        (0, Urgency.COSMETIC),
        (0, Urgency.NEWS),
        (0, Urgency.DECISION),
        (1, Urgency.ANSWER),
        (1, Urgency.DECISION),
    ]
    assert await order_of([(after, urgency) for after, urgency in waits]) == [3, 2, 4, 1, 0]


async def test_what_is_cosmetic_goes_first_in_the_end() -> None:
    assert await order_of([(0, Urgency.COSMETIC), (301, Urgency.ANSWER)]) == [0, 1]


async def test_retry_after_pauses_its_method_and_channel_only() -> None:
    time = FakeTime()
    rates = Rates(time)
    rates.hold("chat.postMessage", "C1", 30)
    rates.hold("chat.update", None, 30)
    held = [
        asyncio.create_task(rates.turn("chat.postMessage", "C1", Urgency.ANSWER)),
        asyncio.create_task(rates.turn("chat.update", "C2", Urgency.ANSWER)),
    ]
    for method, channel in (("chat.postMessage", "C2"), ("chat.postEphemeral", "C1")):
        await asyncio.wait_for(rates.turn(method, channel, Urgency.NEWS), 30)
    await time.forward(29)
    assert not any(task.done() for task in held)
    await time.forward(2)
    await asyncio.wait_for(asyncio.gather(*held), 30)


async def test_who_gives_up_waiting_takes_no_turn_away() -> None:
    time = FakeTime()
    lane = Lane(Rate(1.0, 1, 1), time)
    await lane.turn(Urgency.NEWS)
    first = asyncio.create_task(lane.turn(Urgency.NEWS))
    second = asyncio.create_task(lane.turn(Urgency.NEWS))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await time.forward(1.0)
    await asyncio.wait_for(second, 30)


async def test_a_clock_that_jumps_back_gives_nothing_and_takes_nothing() -> None:
    time = FakeTime()
    lane = Lane(Rate(1.0, 2, 2), time)
    await lane.turn(Urgency.NEWS)
    time.at -= 3600
    await asyncio.wait_for(lane.turn(Urgency.NEWS), 30)
    third = asyncio.create_task(lane.turn(Urgency.NEWS))
    await asyncio.sleep(0.1)
    assert not third.done()
    await time.forward(1)
    await asyncio.wait_for(third, 30)


async def test_a_nap_ends_with_its_own_clock() -> None:
    time = FakeTime()
    napping = asyncio.create_task(nap(time, 600))
    await asyncio.sleep(0.1)
    assert not napping.done()
    await time.forward(600)
    await asyncio.wait_for(napping, 30)


def test_every_method_that_signoff_calls_has_its_own_rate() -> None:
    sources = (ROOT / "bot" / "slack").glob("*.py")
    called = {
        name
        for path in sources
        for name in re.findall(
            r'"((?:auth|chat|conversations|usergroups|users|views)\.[a-zA-Z.]+)"',
            path.read_text(encoding="utf-8"),
        )
    }
    assert called - set(RATES) == set()
    assert {"chat.postMessage", "chat.update"} <= called
