"""Statements that are compiled once say the same, and fail the same, as SQLAlchemy's own."""

import pytest
from sqlalchemy import Connection, bindparam, select
from sqlalchemy.exc import IntegrityError

from bot.store.prepared import Prepared, written
from bot.store.records import texts
from bot.store.tables import controls, tasks
from tests.bot.world import World

ROW = {"seq": 1, "name": "summary", "salt": "00", "value": None, "tenant": "default"}


async def test_a_row_is_written_as_it_was_given(store: World) -> None:
    prepared = Prepared(written(texts))
    await store.database.write(lambda connection: prepared.run(connection, ROW).rowcount)
    (row,) = await store.rows(texts)
    assert row._asdict() == ROW


async def test_a_column_may_be_found_by_a_query(store: World) -> None:
    task = await store.task()
    title = select(tasks.c.title).where(tasks.c.id == bindparam("of_task"))
    prepared = Prepared(written(controls, value=title))
    values = {
        "name": "x",
        "by": "y",
        "tenant": "default",
        "at": "2026-11-20T10:00:00.000000Z",
        "reason": "",
    }
    await store.database.write(
        lambda connection: prepared.run(connection, {**values, "of_task": task.id}).rowcount
    )
    assert (await store.row(controls, name="x")).value == task.title


async def test_what_the_database_refuses_is_raised_as_sqlalchemy_raises_it(store: World) -> None:
    prepared = Prepared(written(texts))

    def twice(connection: Connection) -> None:
        prepared.run(connection, ROW)
        prepared.run(connection, ROW)

    with pytest.raises(IntegrityError, match="UNIQUE constraint failed"):
        await store.database.write(twice)
    assert await store.rows(texts) == []
