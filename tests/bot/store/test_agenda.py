"""An agenda asks the database only when something may be due."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from bot.store.agenda import Agenda
from bot.store.boxes import Outbox, send
from bot.store.dispatch import RowDispatcher
from tests.bot.world import START, World

LATER = START + timedelta(seconds=60)


async def asked(agenda: Agenda, next_at: datetime | None) -> None:
    """Ask, and be told when the next is due."""
    assert await agenda.ask(lambda _: ("found", next_at)) == "found"


async def test_it_is_asked_at_first_and_then_when_the_time_has_come(store: World) -> None:
    agenda = Agenda(store.database)
    assert agenda.is_due(START)
    await asked(agenda, LATER)
    assert not agenda.is_due(START)
    assert agenda.is_due(LATER)


async def test_nothing_to_come_is_nothing_due(store: World) -> None:
    agenda = Agenda(store.database)
    await asked(agenda, None)
    assert not agenda.is_due(LATER)


async def test_any_commit_makes_it_ask_again(store: World) -> None:
    agenda = Agenda(store.database)
    await asked(agenda, None)
    await store.task()
    assert agenda.is_due(START)


async def test_a_commit_during_the_question_is_of_the_next_look(store: World) -> None:
    agenda = Agenda(store.database)

    def unit(_: Connection) -> tuple[None, None]:
        agenda.forget()
        return None, None

    await agenda.ask(unit)
    assert agenda.is_due(START)


async def test_until_the_answer_is_there_nobody_else_takes_it_for_known(store: World) -> None:
    agenda, seen = Agenda(store.database), list[bool]()
    await asked(agenda, LATER)
    agenda.forget()

    def unit(_: Connection) -> tuple[None, None]:
        seen.append(agenda.is_due(START))
        return None, None

    await agenda.ask(unit)
    assert seen == [True]
    assert not agenda.is_due(START)


async def test_a_question_that_failed_is_asked_again(store: World) -> None:
    agenda = Agenda(store.database)

    def unit(_: Connection) -> tuple[None, None]:
        raise ValueError("no answer")

    with pytest.raises(ValueError, match="no answer"):
        await agenda.ask(unit)
    assert agenda.is_due(START)


async def test_a_message_put_off_is_found_when_its_time_has_come(store: World) -> None:
    box = Outbox(store.context)
    assert await box.due() == []
    await store.database.write(lambda c: send(c, store.context, "dm", {"user": "U1", "text": "x"}))
    (parcel,) = await box.due()
    await box.later(parcel, 30, "rate")
    assert await box.due() == []
    assert await box.due() == []
    store.clock.forward(30)
    assert [one.id for one in await box.due()] == [parcel.id]


async def test_a_task_is_found_when_its_time_comes_without_any_commit(store: World) -> None:
    task = await store.task()
    dispatcher = RowDispatcher(store.database, store.clock, "one")
    await store.database.write(
        lambda connection: dispatcher.wake(connection, task.id, store.clock.now() + LATER_BY)
    )
    assert await dispatcher.claim(1) == []
    assert await dispatcher.claim(1) == []
    store.clock.forward(LATER_BY.total_seconds())
    assert [claim.task.id for claim in await dispatcher.claim(1)] == [task.id]


LATER_BY = timedelta(seconds=90)
