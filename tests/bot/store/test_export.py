"""An export is checked by the very script of the documentation, which knows no Signoff."""

import asyncio
import base64
import hashlib
import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from bot.store.export import CHUNK
from tests.bot.signing import signed_ledger
from tests.bot.store.attacks import edit, exchange_key, unguarded
from tests.bot.story import told
from tests.bot.world import FakeClock, opened

SCRIPT = Path(__file__).resolve().parents[3] / "docs" / "verify_export.py"
Lines = list[dict[str, Any]]
Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Make a ledger with a task's story in it, signed; returns its database and the task's id."""
    path = tmp_path_factory.mktemp("export") / "signoff.db"

    async def made() -> str:
        task_id = await told(path)
        await signed_ledger(path)
        return task_id

    return path, asyncio.run(made())


@pytest.fixture
def exported(original: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{original[0]}")
    assert main(["audit", "export", "--output", str(tmp_path / "export.ndjson")]) == 0
    return tmp_path / "export.ndjson"


def checked(path: Path, *key: str) -> tuple[int, str]:
    done = subprocess.run(
        # Isolated: nothing of this project can be imported by it.
        [sys.executable, "-I", str(SCRIPT), str(path), *key],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def read(path: Path) -> Lines:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, lines: Lines) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def test_the_script_is_short_and_knows_no_signoff() -> None:
    code = SCRIPT.read_text(encoding="utf-8")
    assert len([line for line in code.splitlines() if line.strip()]) < 75
    imports = {line.split()[1].split(".")[0] for line in code.splitlines() if "import " in line[:7]}
    imports |= {line.split()[1].split(".")[0] for line in code.splitlines() if line[:5] == "from "}
    assert imports - set(sys.stdlib_module_names) == {"cryptography"}


def test_a_whole_export_is_proved(exported: Path) -> None:
    head, *events = read(exported)
    code, out = checked(exported)
    assert (code, out.split(":")[0]) == (0, f"Sound to event {len(events)}")
    assert f"{head['size']} events are proved" in out
    assert "The key is the one in the export itself" in out
    code, out = checked(exported, head["key"])
    assert (code, out.splitlines()[1]) == (0, "The key is the one that you gave.")


def test_the_export_of_a_task_is_proved(
    original: tuple[Path, str], exported: Path, capsys: Printed
) -> None:
    capsys.readouterr()
    assert main(["audit", "export", original[1]]) == 0
    exported.write_text(capsys.readouterr().out, encoding="utf-8")
    head, *events = read(exported)
    assert head["task"] == original[1]
    code, out = checked(exported)
    assert code == 0, out
    assert f"{len(events)} events are proved" in out


def body_changed(lines: Lines) -> None:
    lines[9]["body"] = lines[9]["body"].replace('"retries":0', '"retries":1')


def hash_changed_too(lines: Lines) -> None:
    body_changed(lines)
    hashed = f"ledger/v1\0{lines[9]['prev']}{lines[9]['body']}"
    lines[9]["hash"] = lines[10]["prev"] = hashlib.sha256(hashed.encode()).hexdigest()


def event_left_out(lines: Lines) -> None:
    del lines[9]


def tail_left_out(lines: Lines) -> None:
    del lines[-5:]


def order_changed(lines: Lines) -> None:
    lines[8], lines[9] = lines[9], lines[8]


def proof_changed(lines: Lines) -> None:
    node = bytearray(base64.b64decode(lines[9]["proof"][1]))
    node[3] ^= 1
    lines[9]["proof"][1] = base64.b64encode(node).decode()


def proof_shortened(lines: Lines) -> None:
    lines[9]["proof"].pop()


def proof_lengthened(lines: Lines) -> None:
    lines[9]["proof"].append(lines[9]["proof"][0])


def proof_removed(lines: Lines) -> None:
    del lines[9]["proof"]


def size_changed(lines: Lines) -> None:
    origin, size, rest = lines[0]["checkpoint"].split("\n", 2)
    lines[0]["checkpoint"] = f"{origin}\n{int(size) - 1}\n{rest}"


def signature_removed(lines: Lines) -> None:
    lines[0]["checkpoint"] = lines[0]["checkpoint"].split("\n\n")[0] + "\n\n"


def format_changed(lines: Lines) -> None:
    lines[0]["format"] = "signoff-export/v9"


def all_events_left_out(lines: Lines) -> None:
    lines[0]["task"] = json.loads(lines[9]["body"])["task_id"]
    del lines[1:]


def checkpoint_removed(lines: Lines) -> None:
    lines[0]["checkpoint"] = None


@pytest.mark.parametrize(
    "change",
    [
        body_changed,
        hash_changed_too,
        event_left_out,
        tail_left_out,
        order_changed,
        proof_changed,
        proof_shortened,
        proof_lengthened,
        proof_removed,
        size_changed,
        signature_removed,
        checkpoint_removed,
        format_changed,
        all_events_left_out,
    ],
)
def test_a_changed_export_is_found(exported: Path, change: Callable[[Lines], None]) -> None:
    lines = read(exported)
    change(lines)
    write(exported, lines)
    code, out = checked(exported)
    assert code == 1, out
    assert out.startswith("WRONG: ")


def test_an_export_signed_anew_is_found_with_the_kept_key(
    original: tuple[Path, str], tmp_path: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = read(exported)[0]["key"]
    shutil.copytree(original[0].parent, tmp_path / "copy")
    path = tmp_path / "copy" / "signoff.db"
    exchange_key(path)
    exported.unlink()
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{path}")
    assert main(["audit", "export", "--output", str(exported)]) == 0
    assert checked(exported)[0] == 0
    assert checked(exported, key) == (1, "WRONG: the checkpoint is of another key\n")


def test_a_ledger_that_contradicts_its_checkpoint_is_not_exported(
    original: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Printed,
) -> None:
    shutil.copytree(original[0].parent, tmp_path / "copy")
    path = tmp_path / "copy" / "signoff.db"
    edit(path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{path}")
    assert main(["audit", "export"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "is not what its newest checkpoint says" in captured.err


@pytest.mark.parametrize("name", ["signoff.db", "signoff.db.key", "mine", "link"])
def test_an_export_writes_over_nothing(
    original: tuple[Path, str],
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Printed,
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(original[0].parent, folder)
    (folder / "mine").write_text("mine")
    (folder / "link").symlink_to("nowhere")
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{folder}/signoff.db")
    before = sorted(folder.iterdir())
    kept = (folder / name).read_bytes() if (folder / name).exists() else None
    assert main(["audit", "export", "--output", str(folder / name)]) == 1
    assert f"`{folder / name}` is there already and was not touched" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before
    assert kept == ((folder / name).read_bytes() if (folder / name).exists() else None)


def test_an_export_that_fails_leaves_no_half_file(
    original: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Printed,
) -> None:
    shutil.copytree(original[0].parent, tmp_path / "copy")
    path = tmp_path / "copy" / "signoff.db"
    with unguarded(path) as db:
        # After the checkpoint is held against the hashes, and in the middle of the lines.
        db.execute("UPDATE ledger SET body = CAST(x'ff' AS TEXT) WHERE seq = 20")
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{path}")
    (tmp_path / "out").mkdir()
    assert main(["audit", "export", "--output", str(tmp_path / "out" / "e")]) == 1
    assert "event 20 is spoiled" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_an_export_is_readable_for_nobody_else(exported: Path) -> None:
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600
    assert exported.stat().st_nlink == 1


async def test_an_export_of_several_chunks_with_a_tail_is_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "signoff.db"
    await signed_ledger(path, 2 * CHUNK + 77)
    async with opened(path, FakeClock()) as world:
        await world.task()
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{path}")
    assert main(["audit", "export", "--output", str(tmp_path / "e")]) == 0
    code, out = await asyncio.to_thread(checked, tmp_path / "e")
    assert (code, out.split(" are ")[0]) == (
        0,
        f"Sound to event {2 * CHUNK + 80}: {2 * CHUNK + 79} events",
    )


async def test_a_ledger_without_a_checkpoint_is_exported_without_proofs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "signoff.db"
    async with opened(path, FakeClock()) as world:
        await world.task()
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{path}")
    assert main(["audit", "export", "--output", str(tmp_path / "e")]) == 0
    head, event = read(tmp_path / "e")
    assert (head["checkpoint"], head["size"]) == (None, 0)
    assert "proof" not in event
    code, out = await asyncio.to_thread(checked, tmp_path / "e")
    says = "WRONG: no checkpoint yet: nothing is signed, nothing proved\n"
    assert (code, out) == (1, says)


@pytest.mark.parametrize("arguments", [[], ["a", "b", "c"]])
def test_the_script_says_how_it_is_used(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "usage: python verify_export.py FILE [KEY]\n")
