"""The ledger only grows, holds no free text and no secret, and tells a task's story."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select, update
from sqlalchemy.exc import DatabaseError

from bot.store.ledger import lines, story, verify
from bot.store.reading import open_read_only
from bot.store.records import ledger, ledger_index, texts
from policies.audit import GENESIS, Event, EventKind
from tests.bot.story import FAULT, REASON, SAID, told
from tests.bot.world import SECRET, START, FakeClock, World, opened


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("ledger") / "signoff.db"
    return path, asyncio.run(told(path))


@pytest.fixture
def copied(template: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "copy.db"
    shutil.copy(template[0], path)
    return path, template[1]


@pytest.fixture
def connection(copied: tuple[Path, str]) -> Iterator[Connection]:
    with open_read_only(f"sqlite+aiosqlite:///{copied[0]}") as found:
        yield found


def happened(sentence: str = "It happened.", **fields: Any) -> Event:  # noqa: ANN401 - any field of an event
    return Event(kind=EventKind.SIGNOFF_STARTED, at=START, sentence=sentence, **fields)


async def appended(world: World, *events: Event) -> None:
    await world.journal.record(events)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET body = body WHERE seq = 2",
        "UPDATE ledger SET seq = seq + 10",
        "DELETE FROM ledger WHERE seq = 3",
        "DELETE FROM ledger",
        "INSERT OR REPLACE INTO ledger SELECT seq, body, prev, hash FROM ledger WHERE seq = 2",
        "REPLACE INTO ledger SELECT seq, body, prev, hash FROM ledger WHERE seq = 3",
        "INSERT INTO ledger VALUES (5, '{}', (SELECT hash FROM ledger WHERE seq = 3), 'x')",
        "INSERT INTO ledger VALUES (4, '{}', (SELECT hash FROM ledger WHERE seq = 2), 'x')",
        "INSERT INTO ledger VALUES (0, '{}', 'none', 'x')",
        "INSERT OR IGNORE INTO ledger VALUES (9, '{}', 'none', 'x')",
        "INSERT INTO ledger SELECT 3, body, prev, hash FROM ledger WHERE seq = 3"
        " ON CONFLICT (seq) DO UPDATE SET body = '{}'",
    ],
)
async def test_the_guards_refuse_to_change_what_happened(store: World, statement: str) -> None:
    await appended(store, *[happened()] * 3)
    before = await store.rows(ledger)
    with pytest.raises(DatabaseError, match="append-only"):
        await store.database.write(
            lambda connection: connection.exec_driver_sql(statement).rowcount
        )
    assert await store.rows(ledger) == before


async def test_each_event_follows_the_one_before(store: World) -> None:
    await asyncio.gather(*(appended(store, happened(f"Number {place}")) for place in range(100)))
    rows = await store.rows(ledger)
    assert [row.seq for row in rows] == list(range(1, 101))
    assert [row.prev for row in rows] == [GENESIS, *(row.hash for row in rows[:-1])]


async def test_a_unit_that_fails_leaves_no_gap_in_the_chain(store: World) -> None:
    def unit(connection: Connection) -> None:
        store.context.ledger.append(connection, happened())
        raise RuntimeError("after the append")

    with pytest.raises(RuntimeError, match="after the append"):
        await store.database.write(unit)
    await appended(store, happened())
    found = await store.database.read(verify)
    assert (found.events, found.fault) == (1, None)


def test_an_untouched_copy_of_a_rich_story_is_sound(connection: Connection) -> None:
    found = verify(connection)
    assert found.fault is None
    assert found.events == len(list(connection.execute(select(ledger)))) > 30
    kinds = set(connection.execute(select(ledger_index.c.kind)).scalars())
    assert kinds >= {
        "alert.received",
        "alert.rejected",
        "alert.resolved",
        "click.refused",
        "effect.verified",
        "intent.written",
        "outcome.written",
        "policy.activated",
        "proposal.created",
        "rollback.requested",
        "signoff.paused",
        "vote.cast",
    }


def test_an_empty_ledger_is_sound(tmp_path: Path) -> None:
    async def empty() -> None:
        async with opened(tmp_path / "empty.db", FakeClock()):
            pass

    asyncio.run(empty())
    with open_read_only(f"sqlite+aiosqlite:///{tmp_path}/empty.db") as connection:
        assert verify(connection).events == 0


def test_exported_lines_hash_again_to_the_chain(connection: Connection) -> None:
    prev, seq = "0" * 64, 0
    for line in lines(connection):
        event_line = json.loads(line)
        assert (event_line["seq"], event_line["prev"]) == (seq + 1, prev)
        hashed = b"ledger/v1\0" + prev.encode() + event_line["body"].encode()
        assert hashlib.sha256(hashed).hexdigest() == event_line["hash"]
        assert json.loads(event_line["body"])["seq"] == event_line["seq"]
        prev, seq = event_line["hash"], event_line["seq"]
    assert seq == verify(connection).events


def test_exporting_one_task_leaves_out_the_others(
    connection: Connection, copied: tuple[Path, str]
) -> None:
    bodies = [json.loads(json.loads(line)["body"]) for line in lines(connection, copied[1])]
    assert {body["task_id"] for body in bodies} == {copied[1]}
    assert len(bodies) < verify(connection).events


def test_the_story_of_a_task_is_told_by_one_query(
    connection: Connection, copied: tuple[Path, str]
) -> None:
    statements: list[str] = []

    def counted(*parts: object) -> None:
        statements.append(str(parts[2]))

    event.listen(connection.engine, "before_cursor_execute", counted)
    events = story(connection, copied[1])
    event.remove(connection.engine, "before_cursor_execute", counted)
    assert len(statements) == 1
    assert [found["seq"] for found in events] == sorted(found["seq"] for found in events)
    kinds = [found["kind"] for found in events]
    assert kinds[0] == "task.created"
    assert kinds[-1] == "alert.resolved"
    said = {found["kind"]: found["texts"] for found in reversed(events) if found["texts"]}
    assert said["vote.cast"] == {"reason": REASON}
    assert said["evidence.gathered"] == {"log": FAULT}
    assert said["proposal.created"]["rationale"].startswith(SAID)


def test_a_task_that_never_was_has_no_story(connection: Connection) -> None:
    assert story(connection, "T-NOBODY00") == []


def test_no_free_text_and_no_secret_stands_in_a_body(connection: Connection) -> None:
    bodies = "\n".join(connection.execute(select(ledger.c.body)).scalars())
    index = "\n".join(connection.execute(select(ledger_index.c.sentence)).scalars())
    for text in (SAID, FAULT, REASON, "Jane Roe", SECRET):
        assert text not in bodies
        assert text not in index


def test_no_secret_stands_beside_the_ledger(connection: Connection) -> None:
    kept = [text or "" for text in connection.execute(select(texts.c.value)).scalars()]
    assert f"{SAID}, token [redacted]" in kept
    assert not [text for text in kept if SECRET in text]


async def test_what_looks_like_a_secret_is_taken_out_before_the_hash(store: World) -> None:
    token = "xoxb-" + "1234567890-abcdefghij"
    await appended(
        store, happened(f"Saw {SECRET} and {token}.", texts={"log": f"{token} {SECRET}"})
    )
    (row,) = await store.rows(ledger)
    assert json.loads(row.body)["sentence"] == "Saw [redacted] and [redacted Slack token]."
    (text,) = await store.rows(texts)
    assert text.value == "[redacted Slack token] [redacted]"
    assert (await store.database.read(verify)).fault is None


async def test_one_text_twice_has_two_digests(store: World) -> None:
    await appended(store, *[happened(texts={"log": "the same"})] * 2)
    first, second = await store.events()
    assert first["texts"]["log"] != second["texts"]["log"]


async def test_erasing_a_text_leaves_the_ledger_sound(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    task_id = await told(path)
    async with opened(path, FakeClock()) as world:
        await world.database.write(
            lambda connection: (
                connection.execute(
                    update(texts).where(texts.c.name == "reason").values(value=None)
                ).rowcount
            )
        )
        await world.database.write(
            lambda connection: (
                connection.execute(texts.delete().where(texts.c.name == "log")).rowcount
            )
        )
        found = await world.database.read(verify)
        assert found.fault is None
        events = await world.database.read(lambda connection: story(connection, task_id))
    by_kind = {event["kind"]: event["texts"] for event in events}
    assert by_kind["vote.cast"] == {} or by_kind["vote.cast"] == {"reason": None}
    assert by_kind["evidence.gathered"] == {}
    assert REASON not in json.dumps(events)


async def test_the_query_table_is_what_the_bodies_say(store: World) -> None:
    task = await store.task()
    (row,) = await store.rows(ledger_index)
    assert (row.task_id, row.thread_id, row.kind) == (task.id, task.thread_id, "task.created")
    await store.database.write(
        lambda connection: (
            connection.execute(
                insert(ledger_index).values(
                    seq=2, kind="vote.cast", at="", actor="x", sentence="Never happened."
                )
            ).rowcount
        )
    )
    found = await store.database.read(verify)
    assert (found.fault_at, found.fault) == (2, "the query table knows an event more")
