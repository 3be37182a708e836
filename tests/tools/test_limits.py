"""A token bucket lets a burst through, and then so many a second."""

import asyncio

import pytest

from tests.fakes.door import FakeDoor
from tests.fakes.values import caller
from tools.base import Unavailable
from tools.limits import Bucket, Rate


class FakeMonotonic:
    """Time that only a test moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


async def at_once(bucket: Bucket) -> int:
    """Count how many tokens can be taken without waiting."""
    count = 0
    while True:
        taking = asyncio.create_task(bucket.take())
        await asyncio.sleep(0)
        if not taking.done():
            taking.cancel()
            return count
        count += 1


async def test_a_burst_and_then_so_many_a_second() -> None:
    clock = FakeMonotonic()
    bucket = Bucket(Rate(burst=5, per_s=2), clock)
    assert await at_once(bucket) == 5
    clock.at += 1.0
    assert await at_once(bucket) == 2
    clock.at += 3600.0
    assert await at_once(bucket) == 5


async def test_whoever_waits_gets_a_token_in_its_time() -> None:
    bucket = Bucket(Rate(burst=1, per_s=50))
    async with asyncio.timeout(2):
        await asyncio.gather(*(bucket.take() for _ in range(10)))


async def test_a_system_that_is_called_too_often_is_not_called() -> None:
    door = FakeDoor()
    bucket = door.catalogue.bucket("fake_read")
    assert bucket is door.catalogue.bucket("fake_set"), "one bucket for one system"
    # More than the tool's time-out gives back.
    await at_once(bucket)
    for _ in range(5):
        await bucket.take()
    tool = door.catalogue.reading("fake_read")
    taken = [asyncio.create_task(bucket.take()) for _ in range(5)]
    with pytest.raises(Unavailable, match="`fake` is called too often"):
        await door.gateway.turn(tool)
    await asyncio.gather(*taken)
    found = await door.gateway.read("E1", "the lamp", "fake_read", {"name": "lamp"}, caller())
    assert found.fault is None
