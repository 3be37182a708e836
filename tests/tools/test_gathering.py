"""Gathering: tried again, kept by task, and answered from before where a source stays silent."""

import asyncio

import pytest

from policies.audit import EventKind
from tests.fakes.door import FakeDoor
from tests.fakes.values import caller
from tests.playground.shop.world import NOON
from tools.base import Evidence, Refused, Unavailable
from tools.gathering import KEPT_S, OLDEST_S, WAITS_S, Question, gather
from tools.ports import Halted

LAMP = Question(label="the lamp", tool="fake_read", parameters={"name": "lamp"})
SILENT = Unavailable("answered 503")


@pytest.fixture
def door() -> FakeDoor:
    return FakeDoor()


async def ask(door: FakeDoor, task_id: str = "T-1", question: Question = LAMP) -> Evidence:
    (found,) = await gather(door.gateway, (question,), caller(task_id=task_id))
    return found


def tries(door: FakeDoor) -> int:
    return door.trail.count("read")


async def test_answers_come_in_the_order_of_the_questions(door: FakeDoor) -> None:
    questions = [
        Question(label=name, tool="fake_read", parameters={"name": name}) for name in ("a", "b")
    ]
    missing = Question(label="gone", tool="nobody_read", parameters={})
    found = await gather(door.gateway, [questions[0], missing, questions[1]], caller(), first=4)
    assert [(item.id, item.label) for item in found] == [("E4", "a"), ("E5", "b")]


async def test_a_silent_source_is_asked_again_and_each_try_is_on_record(door: FakeDoor) -> None:
    door.system.faults["read"] = SILENT
    asking = asyncio.create_task(ask(door))
    while tries(door) < len(WAITS_S) - 1:
        await asyncio.sleep(0.01)
    del door.system.faults["read"]
    found = await asking
    assert (found.fault, found.data) == (None, {"value": "old"})
    kinds = [event.kind for event in door.journal.events]
    assert kinds == [EventKind.TOOL_FAILED] * (len(WAITS_S) - 1) + [EventKind.TOOL_CALLED]


async def test_a_refusal_is_not_asked_again(door: FakeDoor) -> None:
    door.system.faults["read"] = Refused("answered 404: no such lamp", 404)
    found = await ask(door)
    assert tries(door) == 1
    assert (found.is_silent, "no such lamp" in str(found.fault)) == (False, True)


async def test_a_source_that_stays_silent_is_a_fault_where_nothing_is_known(
    door: FakeDoor,
) -> None:
    door.system.faults["read"] = SILENT
    found = await ask(door)
    assert tries(door) == len(WAITS_S)
    assert (found.fault, found.stale_s, found.excerpt) == ("answered 503", None, "")


async def test_an_earlier_answer_takes_the_place_of_none_and_says_its_age(door: FakeDoor) -> None:
    await ask(door, "T-1")
    door.clock.forward(840)
    door.system.faults["read"] = SILENT
    found = await ask(door, "T-2")
    assert (found.data, found.stale_s, found.stale_because) == (
        {"value": "old"},
        840,
        "answered 503",
    )
    assert (found.fault, found.taken_at) == (None, NOON)


async def test_an_answer_that_is_too_old_says_nothing_about_now(door: FakeDoor) -> None:
    await ask(door, "T-1")
    door.clock.forward(OLDEST_S + 1)
    door.system.faults["read"] = SILENT
    assert (await ask(door, "T-2")).fault == "answered 503"


async def test_an_answer_from_the_future_is_none(door: FakeDoor) -> None:
    """The machine's clock was set back since."""
    await ask(door, "T-1")
    door.clock.forward(-600)
    door.system.faults["read"] = SILENT
    assert (await ask(door, "T-2")).fault == "answered 503"


async def test_an_old_answer_is_never_handed_on_as_a_fresh_one(door: FakeDoor) -> None:
    await ask(door, "T-1")
    door.system.faults["read"] = SILENT
    for place in range(2, 5):
        door.clock.forward(600)
        found = await ask(door, f"T-{place}")
        assert found.stale_s == 600 * (place - 1)


async def test_other_parameters_are_another_question(door: FakeDoor) -> None:
    await ask(door, "T-1")
    door.system.faults["read"] = SILENT
    other = Question(label="the lamp", tool="fake_read", parameters={"name": "other"})
    assert (await ask(door, "T-2", other)).fault == "answered 503"


async def test_a_resumed_task_does_not_ask_twice(door: FakeDoor) -> None:
    first = await ask(door)
    assert await ask(door) == first
    assert tries(door) == 1


async def test_a_task_that_lay_still_for_long_asks_again(door: FakeDoor) -> None:
    await ask(door)
    door.clock.forward(KEPT_S + 1)
    door.system.value = "new"
    assert (await ask(door)).data == {"value": "new"}


async def test_a_pause_stops_the_gathering(door: FakeDoor) -> None:
    door.controls.paused = True
    with pytest.raises(Halted):
        await ask(door)
    assert tries(door) == 0
