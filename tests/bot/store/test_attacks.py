"""Attacks on the ledger: what shows from inside, and what only a kept checkpoint or key shows."""

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.cli import main
from tests.bot.signing import checkpoint_file, key_file, signed_ledger
from tests.bot.store.attacks import (
    DERIVED,
    append_verbatim,
    blind_index,
    cut,
    double_line,
    drop_last_checkpoint,
    drop_line,
    edit,
    edit_file,
    exchange_key,
    forget_checkpoints,
    gap,
    go_on_in_file,
    invent,
    merge,
    put_view,
    sign_again,
    swap_everything,
    swap_tables,
    unguarded,
)
from tests.bot.world import START

Printed = pytest.CaptureFixture[str]
Attack = Callable[[Path, Path], None]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make two ledgers, of 42 and of 32 events, each with three checkpoints."""
    mine, other = (tmp_path_factory.mktemp(name) for name in ("mine", "other"))

    async def made() -> None:
        await signed_ledger(mine / "signoff.db", 40)
        await signed_ledger(other / "signoff.db", 30, START + timedelta(hours=5))

    asyncio.run(made())
    return mine, other


@pytest.fixture
def victim(
    originals: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """Return the database under attack and another one, each in a folder of its own."""
    found = []
    for name, folder in zip(("mine", "other"), originals, strict=True):
        shutil.copytree(folder, tmp_path / name)
        found.append(tmp_path / name / "signoff.db")
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{found[0]}")
    return found[0], found[1]


@pytest.fixture
def kept(originals: tuple[Path, Path], tmp_path: Path) -> Path:
    """Return the last checkpoint as somebody copied it out of Slack in time."""
    lines = checkpoint_file(originals[0] / "signoff.db").read_text().splitlines()
    note = json.loads(lines[-1])["note"]
    (tmp_path / "kept.txt").write_text(f"```\r\n{note.strip()}\n```\n", encoding="utf-8")
    return tmp_path / "kept.txt"


def verdict(capsys: Printed, *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    return main(["audit", "verify", *arguments]), capsys.readouterr().out


def recorded_key(out: str) -> str:
    found = re.search(r"Trusted: the key (\S+),", out)
    assert found
    return found[1]


def alone(*attacks: Callable[[Path], None]) -> Attack:
    def attack(mine: Path, other: Path) -> None:
        del other
        for one in attacks:
            one(mine)

    return attack


def swap_ledger(mine: Path, other: Path) -> None:
    swap_tables(mine, other, ("ledger",))


def swap_ledger_and_derived(mine: Path, other: Path) -> None:
    swap_tables(mine, other, ("ledger", *DERIVED))


def swap_all_tables(mine: Path, other: Path) -> None:
    swap_tables(mine, other, ("ledger", *DERIVED, "checkpoints"))


def exchange_file(mine: Path, other: Path) -> None:
    shutil.copy(checkpoint_file(other), checkpoint_file(mine))


def run(statement: str) -> Callable[[Path], None]:
    def attack(path: Path) -> None:
        with unguarded(path) as db:
            db.execute(statement)

    return attack


SHOWN: dict[str, tuple[Attack, str]] = {
    "update": (
        alone(run("UPDATE ledger SET body = replace(body, '.', '!') WHERE seq = 20")),
        "WRONG at event 20: its body or hash was changed",
    ),
    "delete": (alone(run("DELETE FROM ledger WHERE seq = 20")), "WRONG at event 20: it is missing"),
    "insert or replace": (
        alone(
            run(
                "INSERT OR REPLACE INTO ledger SELECT seq, '{}', prev, hash FROM ledger"
                " WHERE seq = 20"
            )
        ),
        "WRONG at event 20: its body or hash was changed",
    ),
    "gap": (alone(gap), "is over other events: one of 1 to 22 is not what was signed"),
    "tail cut": (alone(cut), "it is over 42 events, and only 40 sound ones are there"),
    "edit with re-chaining": (alone(edit), "is over other events: one of 1 to 22"),
    "ledger swapped": (swap_ledger, "WRONG at event 1: the query table says something else"),
    "ledger and derived swapped": (swap_ledger_and_derived, "of the table: it is not signed by"),
    "all tables swapped": (swap_all_tables, ".checkpoints`: it is not signed by the key"),
    "file edited": (alone(edit_file), ".checkpoints`: its signature does not fit what it says"),
    "file of another ledger": (exchange_file, ".checkpoints`: it is not signed by the key"),
    "checkpoint removed": (alone(drop_last_checkpoint), "which the table has lost"),
    "checkpoint removed inside": (
        alone(run("DELETE FROM checkpoints WHERE n = 2")),
        "checkpoint 2 of the table is missing",
    ),
    "checkpoint edited": (
        alone(run("UPDATE checkpoints SET note = replace(note, '42', '41') WHERE n = 3")),
        "checkpoint 3 of the table: its signature does not fit",
    ),
    "checkpoint of another time": (
        alone(run("UPDATE checkpoints SET at = '2031-01-01T00:00:00.000000Z' WHERE n = 2")),
        "it is not checkpoint 2 of the table, or has another time",
    ),
    "checkpoint of another size": (
        alone(run("UPDATE checkpoints SET size = 41 WHERE n = 3")),
        "checkpoint 3 of the table: the table gives it size 41",
    ),
    **{
        f"checkpoint that can't be read: {change}": (
            alone(run(f"UPDATE checkpoints SET {change} WHERE n = 2")),  # noqa: S608 - our own words
            "checkpoint 2 of the table: it was changed: no Signoff wrote it so",
        )
        for change in ("at = 'x'", "at = x'00'", "size = 'x'", "note = x'ff00'")
    },
    "file with a line twice": (alone(double_line), "checkpoint 4 should stand there"),
    "file without a line": (alone(drop_line), "checkpoint 2 should stand there"),
    "file with more at its end": (alone(go_on_in_file), "no Signoff wrote it"),
    "index that leaves an event out": (
        alone(blind_index),
        "the table `ledger_index` and its indexes do not agree: row 20 missing from index",
    ),
    "view in the query table's place": (
        alone(put_view),
        "`ledger_index` is a view where a table was",
    ),
    "ledgers merged as they are": (append_verbatim, "WRONG at event 43: it is missing"),
    "ledgers merged and re-chained": (merge, "is over other events"),
}
HIDDEN: dict[str, Attack] = {
    "edit, checkpoints forgotten": alone(edit, forget_checkpoints),
    "tail cut, checkpoints forgotten": alone(cut, forget_checkpoints),
    "edit, signed again with the stolen key": alone(edit, sign_again),
    "tail cut, signed again with the stolen key": alone(cut, sign_again),
    "key exchanged, all signed with it": alone(exchange_key),
    "edit, key exchanged, all signed with it": alone(edit, exchange_key),
    "everything swapped": swap_everything,
}


@pytest.mark.parametrize(("attack", "says"), SHOWN.values(), ids=SHOWN)
def test_what_shows_from_inside(
    victim: tuple[Path, Path], attack: Attack, says: str, capsys: Printed
) -> None:
    assert verdict(capsys)[0] == 0
    attack(*victim)
    code, out = verdict(capsys)
    assert code == 1, out
    assert says in out, out


@pytest.mark.parametrize("attack", HIDDEN.values(), ids=HIDDEN)
def test_what_only_a_kept_checkpoint_shows(
    victim: tuple[Path, Path], kept: Path, attack: Attack, capsys: Printed
) -> None:
    attack(*victim)
    code, out = verdict(capsys)
    assert code == 0, out
    assert "can't be seen from inside" in out
    code, out = verdict(capsys, "--checkpoint", str(kept))
    assert code == 1, out
    assert "kept.txt`: " in out


def test_what_shows_with_a_kept_key(victim: tuple[Path, Path], capsys: Printed) -> None:
    _, out = verdict(capsys)
    key = recorded_key(out)
    exchange_key(victim[0])
    code, out = verdict(capsys, "--key", key)
    assert code == 1
    assert "records another key than the one given" in out
    assert f"Trusted: the key {key}, which you gave." in out


def test_what_is_invented_at_the_end_is_only_not_covered(
    victim: tuple[Path, Path], kept: Path, capsys: Printed
) -> None:
    invent(victim[0])
    code, out = verdict(capsys, "--checkpoint", str(kept))
    assert code == 0
    assert "Events 43 to 43 are covered by none yet." in out


def test_an_honest_ledger_agrees_with_what_was_kept(
    victim: tuple[Path, Path], kept: Path, capsys: Printed
) -> None:
    del victim
    _, out = verdict(capsys)
    code, out = verdict(capsys, "--checkpoint", str(kept), "--key", recorded_key(out))
    assert code == 0
    assert "Events 1 to 42 are as in the checkpoint that you kept." in out
    assert "can't be seen from inside" not in out


def test_the_whole_file_may_be_what_was_kept(victim: tuple[Path, Path], capsys: Printed) -> None:
    copy = victim[0].with_name("copy.ndjson")
    shutil.copy(checkpoint_file(victim[0]), copy)
    assert verdict(capsys, "--checkpoint", str(copy))[0] == 0
    edit(victim[0])
    forget_checkpoints(victim[0])
    assert verdict(capsys, "--checkpoint", str(copy))[0] == 1


def test_what_no_checkpoint_covers_is_named(victim: tuple[Path, Path], capsys: Printed) -> None:
    with unguarded(victim[0]) as db:
        db.execute("DELETE FROM checkpoints WHERE n = 3")
    file = checkpoint_file(victim[0])
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:2]))
    code, out = verdict(capsys)
    assert code == 0
    assert re.search(
        r"Events 1 to 22 are covered by a checkpoint of 2026-11-20T10:\d\d:\d\d\+", out
    )
    assert "Events 23 to 42 are covered by none yet." in out
    forget_checkpoints(victim[0])
    _, out = verdict(capsys)
    assert "Events 1 to 42 are covered by no checkpoint." in out
    assert "There is no checkpoint file at " in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--checkpoint", "nowhere.txt"], "--checkpoint: can't read"),
        (["--checkpoint", "pyproject.toml"], "there is no checkpoint in"),
        (["--key", "nonsense"], "--key: this is no key"),
    ],
)
def test_what_can_not_be_taken_is_told(
    victim: tuple[Path, Path], arguments: list[str], says: str, capsys: Printed
) -> None:
    del victim
    assert main(["audit", "verify", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_lost_key_file_does_not_matter_for_verifying(
    victim: tuple[Path, Path], capsys: Printed
) -> None:
    key_file(victim[0]).unlink()
    assert verdict(capsys)[0] == 0


def test_a_checkpoint_file_that_can_not_be_read_is_named(
    victim: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("SIGNOFF_CHECKPOINTS", str(victim[0].parent))
    code, out = verdict(capsys)
    assert code == 1
    assert "SIGNOFF_CHECKPOINTS: it can't be read: Is a directory" in out
    assert "Events 1 to 42 are covered by a checkpoint" in out
