"""Questions to Slack: one at a time about each thing, patience spent once, answers never lost."""

import asyncio
from collections import Counter

import pytest

from bot.slack.questions import JUST_NOW, Questions
from tests.bot.world import FakeClock

NOT_YET_S, LONG_S = 0.02, 30.0


class Oracle:
    """Answers how often it was asked about something, once it is let."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.may_answer = asyncio.Event()

    async def __call__(self, about: str) -> int:
        self.asked[about] += 1
        number = self.asked[about]
        await self.may_answer.wait()
        return number


def questions(oracle: Oracle, patience_s: float = NOT_YET_S) -> tuple[Questions[int], FakeClock]:
    clock = FakeClock()
    return Questions(oracle, clock, patience_s), clock


async def test_an_answer_that_comes_too_late_for_one_look_is_there_for_the_next() -> None:
    oracle = Oracle()
    asking, clock = questions(oracle)
    assert await asking.soon("ana") is None
    clock.forward(10)
    assert await asking.soon("ana") is None
    oracle.may_answer.set()
    assert await asking.answer("ana") == 1
    assert await asking.soon("ana") == 1
    assert oracle.asked == {"ana": 1}


async def test_who_gives_up_waiting_ends_the_question_for_nobody_else() -> None:
    oracle = Oracle()
    asking, _ = questions(oracle, LONG_S)
    waiting = asyncio.create_task(asking.answer("ana"))
    for look in (asking.answer, asking.soon):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(NOT_YET_S):
                await look("ana")
    oracle.may_answer.set()
    assert await waiting == 1


async def test_many_who_ask_at_once_ask_once() -> None:
    oracle = Oracle()
    asking, _ = questions(oracle, LONG_S)
    looks = [asyncio.create_task(asking.soon("ana")) for _ in range(50)]
    await asyncio.sleep(NOT_YET_S)
    oracle.may_answer.set()
    assert await asyncio.gather(*looks) == [1] * 50
    assert oracle.asked == {"ana": 1}


async def test_while_one_is_overdue_nobody_waits_for_another_and_all_are_heard() -> None:
    oracle = Oracle()
    asking, _ = questions(oracle, 1.0)
    assert await asking.soon("ana") is None
    people = [f"p{number}" for number in range(50)]
    async with asyncio.timeout(30):
        assert [await asking.soon(person) for person in people] == [None] * 50
    looks = [asyncio.create_task(asking.answer(person)) for person in ("ana", *people)]
    await asyncio.sleep(NOT_YET_S)
    oracle.may_answer.set()
    assert await asyncio.gather(*looks) == [1] * 51
    # Nothing is overdue any more: the next one is waited for again.
    assert await asking.soon("ben") == 1


async def test_what_was_heard_just_now_is_not_asked_again_at_once() -> None:
    oracle = Oracle()
    oracle.may_answer.set()
    asking, clock = questions(oracle, LONG_S)
    assert [await asking.soon("ana") for _ in range(3)] == [1, 1, 1]
    # Whoever waits for as long as it takes has it asked anyway.
    assert await asking.answer("ana") == 2
    clock.forward(JUST_NOW.total_seconds())
    assert await asking.soon("ana") == 3
    clock.forward(-60)
    assert await asking.soon("ana") == 4


async def test_what_is_still_asked_ends_with_it() -> None:
    asking, _ = questions(Oracle())
    assert await asking.soon("ana") is None
    await asking.close()
    assert "asking about ana" not in {task.get_name() for task in asyncio.all_tasks()}
