"""What is asked again and again is answered from an index, however many rows there are."""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from bot.store.boxes import Inbox, Outbox
from bot.store.threads import ThreadStore
from tests.bot.world import World

Look = Callable[[World], Awaitable[object]]
LOOKS: dict[str, Look] = {
    "inbox": lambda store: Inbox(store.context).due(),
    "outbox": lambda store: Outbox(store.context).due(),
    "threads": lambda store: ThreadStore(store.context).behind(1),
    "tasks": lambda store: store.dispatcher("one").claim(1),
}


@contextmanager
def recorded() -> Iterator[list[tuple[str, Any]]]:
    """Collect the statements that are executed, with their parameters."""
    found: list[tuple[str, Any]] = []

    def note(*execution: Any) -> None:  # noqa: ANN401 - as SQLAlchemy hands it on
        found.append((execution[2], execution[3]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
async def test_a_look_for_what_is_due_reads_no_table_through(store: World, look: Look) -> None:
    with recorded() as statements:
        await look(store)
    asked = [(text, given) for text, given in statements if text.startswith("SELECT")]
    assert asked

    def plans(connection: Connection) -> list[str]:
        return [
            row.detail
            for text, given in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given)
        ]

    tables = r"SCAN (inbox|outbox|threads|tasks|ledger_index|proposals)$"
    assert [plan for plan in await store.database.read(plans) if re.match(tables, plan)] == []
