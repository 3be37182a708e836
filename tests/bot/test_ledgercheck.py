"""The doctor says whether the ledger is signed, with which key, and what keeps it from being so."""

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.cli import main
from bot.findings import Finding, Health
from bot.ledgercheck import ledger_findings
from bot.settings import read
from policies.checkpoints import VerifierKey
from tests.bot.signing import checkpoint_file, key_file, signed_ledger
from tests.bot.store.attacks import cut, edit, exchange_key, forget_checkpoints, unguarded
from tests.bot.world import FakeClock, opened


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ledger")
    asyncio.run(signed_ledger(folder / "signoff.db"))
    return folder


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "copy")
    return tmp_path / "copy" / "signoff.db"


def found(path: Path, config: str = "{}") -> dict[str, Finding]:
    (path.parent / "signoff.yaml").write_text(config, encoding="utf-8")
    settings = read(
        {
            "DATABASE_URL": f"sqlite+aiosqlite:///{path}",
            "SIGNOFF_CONFIG": str(path.parent / "signoff.yaml"),
        }
    )
    return {one.subject: one for one in ledger_findings(settings)}


def test_a_signed_ledger_is_well_and_shows_its_key(path: Path) -> None:
    seen = found(path, "anchor: {channel: C0AUDIT}")
    assert {one.health for one in seen.values()} == {Health.GOOD}
    assert seen["ledger key"].words.startswith("signoff/")
    says = r"42 events; a checkpoint of 2026-11-20 10:\d\d UTC covers 42"
    assert re.fullmatch(says, seen["ledger"].words)


def test_without_an_anchor_channel_it_says_what_that_means(path: Path) -> None:
    anchor = found(path)["anchor"]
    assert anchor.health is Health.WARNING
    assert "checkpoints stay on this machine" in anchor.words


def opened_up(path: Path) -> None:
    key_file(path).chmod(0o644)


def lost(path: Path) -> None:
    key_file(path).unlink()


def other_key(path: Path) -> None:
    copy = path.parent.parent / "other"
    shutil.copytree(path.parent, copy)
    exchange_key(copy / "signoff.db")
    shutil.copy(key_file(copy / "signoff.db"), key_file(path))


def body_edited(path: Path) -> None:
    with unguarded(path) as db:
        db.execute("UPDATE ledger SET body = replace(body, 'Number', 'number') WHERE seq = 9")


def body_spoiled(path: Path) -> None:
    with unguarded(path) as db:
        db.execute("UPDATE ledger SET body = CAST(x'ff' AS TEXT) WHERE seq = 9")


def spoiled_file(path: Path) -> None:
    checkpoint_file(path).write_text("Dear friend\n")


@pytest.mark.parametrize(
    ("change", "subject", "says"),
    [
        (opened_up, "ledger key", "chmod 600"),
        (lost, "ledger key", "put it back from where you keep it"),
        (other_key, "ledger key", "holds another key than the ledger's, signoff/"),
        (cut, "ledger", "its end was cut off"),
        (edit, "ledger", "is over other events"),
        (body_edited, "ledger", "the body or the hash of event 9 was changed"),
        (body_spoiled, "ledger", "the body or the hash of event 9 was changed"),
        (spoiled_file, "SIGNOFF_CHECKPOINTS", "the last line of"),
    ],
)
def test_what_keeps_it_from_being_signed_is_wrong(
    path: Path, change: Callable[[Path], None], subject: str, says: str
) -> None:
    change(path)
    finding = found(path)[subject]
    assert finding.health is Health.BAD
    assert says in finding.words
    assert "nothing is signed" in finding.words


def test_a_ledger_without_checkpoints_is_something_to_look_at(path: Path) -> None:
    forget_checkpoints(path)
    assert found(path)["ledger"].health is Health.WARNING


async def test_before_the_first_start_it_says_that_a_key_will_be_made(tmp_path: Path) -> None:
    async with opened(tmp_path / "signoff.db", FakeClock()) as world:
        await world.task()
    assert "its key is made at the next start" in found(tmp_path / "signoff.db")["ledger"].words


def test_of_a_database_that_is_not_there_it_says_nothing(tmp_path: Path) -> None:
    assert found(tmp_path / "signoff.db") == {}


def test_the_printed_report_shows_the_key_whatever_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{path}")
    for _ in range(6):
        exchange_key(path)
        main(["doctor"])
        (line,) = [one for one in capsys.readouterr().out.splitlines() if "ledger key:" in one]
        shown = line.removeprefix("ok     ledger key: ").removesuffix(
            "; keep a copy of this line elsewhere"
        )
        assert str(VerifierKey.parse(shown)) == shown
