"""Every question to the record is one query, and the derived table can be made again."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from bot.audit_cli import moment
from bot.cli import main
from bot.settings import SettingsError
from bot.store.ledger import verify
from bot.store.reading import open_read_only
from bot.store.search import Question, search
from policies.audit import Event, EventKind
from policies.model import Actor, ActorKind
from tests.bot.story import FAULT, REASON, told
from tests.bot.world import START, FakeClock, opened

Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("search") / "signoff.db"

    async def made() -> str:
        task_id = await told(path)
        async with opened(path, FakeClock()) as world:
            await world.journal.record(
                [
                    Event(
                        kind=EventKind.TOOL_CALLED,
                        at=START + timedelta(days=days),
                        agent=agent,
                        environment="production",
                        actor=Actor(kind=ActorKind.AGENT, id=f"agent:{agent}"),
                        tools=("shop_list_deploys", f"{agent}_read"),
                        reasons=("READ_ALLOWED",),
                        sentence=f"The {agent} agent read 100% of day_{days}.",
                    )
                    for days in range(20)
                    for agent in ("incident", "campaign")
                ]
            )
        return task_id

    return path, asyncio.run(made())


@pytest.fixture
def connection(template: tuple[Path, str]) -> Iterator[Connection]:
    with open_read_only(f"sqlite+aiosqlite:///{template[0]}") as found:
        yield found


def sentences(found: list[dict[str, Any]]) -> list[str]:
    return [one["sentence"] for one in found]


def test_what_an_agent_did_in_a_week_is_one_query(connection: Connection) -> None:
    statements: list[str] = []

    def counted(*parts: object) -> None:
        statements.append(str(parts[2]))

    event.listen(connection.engine, "before_cursor_execute", counted)
    found = search(
        connection,
        Question(
            agent="incident",
            environment="production",
            tool="incident_read",
            reason="READ_ALLOWED",
            text="read",
            since=START + timedelta(days=3),
            until=START + timedelta(days=10),
        ),
    )
    event.remove(connection.engine, "before_cursor_execute", counted)
    assert len(statements) == 1
    assert [one["at"][:10] for one in found] == [f"2026-11-{day}" for day in range(23, 30)]
    assert {one["agent"] for one in found} == {"incident"}


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        (Question(kind="vote.cast"), {"vote.cast"}),
        (Question(kind="signoff"), {"signoff.paused", "signoff.resumed"}),
        (Question(kind="vote"), {"vote.cast"}),
        (Question(kind="vot"), set()),
        (Question(text=FAULT[:12].upper()), {"evidence.gathered"}),
        (Question(text="Jane Roe"), {"vote.cast"}),
        (Question(reason="NOT_IN_GROUP"), {"click.refused"}),
        (Question(reason="NOT_IN"), set()),
        (Question(tool="shop_list"), set()),
        (Question(actor="U0ZOE"), {"click.refused"}),
        (Question(actor="T0PLAY/U0ZOE"), {"click.refused"}),
        (Question(actor="0ZOE"), set()),
    ],
)
def test_each_filter_finds_its_own(
    connection: Connection, question: Question, kinds: set[str]
) -> None:
    assert {one["kind"] for one in search(connection, question)} >= kinds
    if not kinds or question.kind is None:
        assert {one["kind"] for one in search(connection, question)} == kinds


def test_signs_that_sql_knows_are_only_signs(connection: Connection) -> None:
    assert len(search(connection, Question(text="100% of day_1"))) == 22
    assert search(connection, Question(text="100_")) == []
    assert search(connection, Question(text="' OR 1=1 --")) == []


def test_a_task_has_its_texts_beside_it(connection: Connection, template: tuple[Path, str]) -> None:
    found = search(connection, Question(task=template[1], kind="vote.cast"))
    assert [one["texts"] for one in found if one["texts"]] == [{"reason": REASON}]


def test_a_limit_keeps_the_newest_in_order(connection: Connection) -> None:
    found = search(connection, Question(agent="campaign", limit=3))
    assert [one["at"][:10] for one in found] == ["2026-12-07", "2026-12-08", "2026-12-09"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7d", START - timedelta(days=7)),
        ("2w", START - timedelta(days=14)),
        ("90m", START - timedelta(minutes=90)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T10:00Z", START),
        ("2026-11-20T11:00+01:00", START),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, found: datetime) -> None:
    assert moment("--since", text, START) == found


@pytest.mark.parametrize("text", ["", "7", "7y", "yesterday", "999999w", "2026-13-01"])
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match="--since: "):
        moment("--since", text, START)


def test_searching_from_the_command_line(
    template: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{template[0]}")
    arguments = ["audit", "search", "--agent", "campaign", "--since", "2026-12-08", "--json"]
    assert main(arguments) == 0
    assert sentences(json.loads(capsys.readouterr().out)) == [
        "The campaign agent read 100% of day_18.",
        "The campaign agent read 100% of day_19.",
    ]
    assert main(["audit", "search", "--agent", "campaign", "--limit", "1"]) == 0
    captured = capsys.readouterr()
    assert "day_19" in captured.out
    assert "there may be more" in captured.err
    assert main(["audit", "search", "--agent", "nobody"]) == 0
    assert capsys.readouterr().err == "signoff: nothing fits\n"
    assert main(["audit", "search", "--since", "soon"]) == 2
    assert "--since: `soon` is no time" in capsys.readouterr().err


# --- the derived table ----------------------------------------------------------------------


@pytest.fixture
def spoiled(template: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "signoff.db"
    shutil.copy(template[0], path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM ledger_index WHERE seq % 2")
        db.execute("UPDATE ledger_index SET sentence = 'Nothing.', tools = ''")
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{path}")
    return path


def rows(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT * FROM ledger_index ORDER BY seq").fetchall()


def test_the_query_table_is_made_again_from_the_bodies(
    template: tuple[Path, str], spoiled: Path, capsys: Printed
) -> None:
    assert main(["audit", "verify"]) == 1
    assert main(["audit", "rebuild"]) == 0
    assert "Made the query table again from " in capsys.readouterr().out
    assert rows(spoiled) == rows(template[0])
    with open_read_only(f"sqlite:///{spoiled}") as connection:
        assert verify(connection).fault is None


def test_a_body_that_is_none_leaves_the_query_table_alone(spoiled: Path, capsys: Printed) -> None:
    with closing(sqlite3.connect(spoiled)) as db, db:
        db.execute("DROP TRIGGER ledger_no_update")
        db.execute("UPDATE ledger SET body = '{}' WHERE seq = 7")
    before = rows(spoiled)
    assert main(["audit", "rebuild"]) == 1
    assert "the body of event 7 is none" in capsys.readouterr().err
    assert rows(spoiled) == before


def test_where_there_is_no_database_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/none.db")
    assert main(["audit", "rebuild"]) == 1
    assert "DATABASE_URL names the database" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
