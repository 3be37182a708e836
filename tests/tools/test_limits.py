"""A token bucket lets a burst through, and then so many a second."""

import asyncio
from dataclasses import replace

from tests.fakes.door import FakeDoor
from tests.fakes.system import FakeConnector
from tests.fakes.values import caller
from tools.base import Evidence
from tools.catalogue import Catalogue
from tools.gateway import Gateway
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
    async with asyncio.timeout(30):
        await asyncio.gather(*(bucket.take() for _ in range(10)))


class Strict(FakeConnector):
    """A system that takes two calls, and then one in a while."""

    rate = Rate(burst=2, per_s=0.01)


async def test_a_system_that_is_called_too_often_is_not_called() -> None:
    door = FakeDoor()
    catalogue = Catalogue([Strict(door.system)])
    gateway = Gateway(replace(door.gateway.parts, catalogue=catalogue))

    async def read() -> Evidence:
        return await gateway.read("E1", "the lamp", "fake_read", {"name": "lamp"}, caller())

    assert (await read()).fault is None
    # The tools of one system share its bucket.
    await gateway.turn(catalogue.writing("fake_set"))
    refused = await read()
    assert (refused.fault, refused.is_silent) == ("`fake` is called too often just now", True)
    assert door.trail == ["read"]
