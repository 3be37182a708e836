"""The command line: what it prints, and the exit code that says how it went."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import main
from policies.audit import Event, EventKind
from tests.bot.story import REASON, told
from tests.bot.world import START, FakeClock, opened

ROOT = Path(__file__).resolve().parents[2]
Printed = pytest.CaptureFixture[str]
OURS = ("SLACK_", "SIGNOFF_", "SHOP_", "PROMETHEUS_", "ALERTMANAGER_", "ADPLATFORM_")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("cli") / "signoff.db"
    return path, asyncio.run(told(path))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, template: tuple[Path, str]) -> str:
    """Leave only the database of the story; returns the task's id."""
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{template[0]}")
    return template[1]


def test_showing_a_task_tells_its_story_in_order(environment: str, capsys: Printed) -> None:
    assert main(["audit", "show", environment]) == 0
    out = capsys.readouterr().out
    places = [
        out.index(kind)
        for kind in (
            "task.created",
            "evidence.gathered",
            "proposal.created",
            "click.refused",
            "intent.written",
            "outcome.written",
            "effect.verified",
            "rollback.requested",
            "alert.resolved",
        )
    ]
    assert places == sorted(places)
    assert "T0PLAY/U0ZOE changed nothing: NOT_IN_GROUP. [NOT_IN_GROUP]" in out
    assert f"reason: {REASON}" in out


def test_a_task_is_found_however_its_id_is_typed(environment: str, capsys: Printed) -> None:
    assert main(["audit", "show", environment.lower()]) == 0
    assert environment in capsys.readouterr().out


def test_showing_a_task_as_json(environment: str, capsys: Printed) -> None:
    assert main(["audit", "show", environment, "--json"]) == 0
    events = json.loads(capsys.readouterr().out)
    assert {event["task_id"] for event in events} == {environment}
    assert all(len(event["hash"]) == 64 for event in events)


def test_a_task_that_never_was_is_told(capsys: Printed) -> None:
    assert main(["audit", "show", "T-NOBODY00"]) == 1
    assert capsys.readouterr() == ("", "signoff: there is no task T-NOBODY00\n")


def test_nothing_that_was_recorded_can_write_over_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    sentence = "Task began: incident for `x\x1b[2J\n     9  2026-11-20  vote.cast  forged`."

    async def hostile() -> None:
        async with opened(tmp_path / "signoff.db", FakeClock()) as world:
            task = await world.task()
            event = Event(
                kind=EventKind.TASK_MOVED,
                at=START,
                task_id=task.id,
                sentence=sentence,
                texts={"log": "\x1b]0;title\x07\u202e"},
            )
            await world.journal.record([event])
            monkeypatch.setenv("SIGNOFF_TASK", task.id)

    asyncio.run(hostile())
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/signoff.db")
    assert main(["audit", "show", os.environ["SIGNOFF_TASK"]]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert not [line for line in out.splitlines() if line.startswith("     9")]


def test_verifying_a_sound_ledger_names_its_head(
    capsys: Printed,
) -> None:
    assert main(["audit", "verify"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Sound: ")
    assert "can't be seen from inside" in out


def test_the_export_is_one_line_an_event(environment: str, tmp_path: Path, capsys: Printed) -> None:
    assert main(["audit", "export"]) == 0
    head, *whole = capsys.readouterr().out.splitlines()
    assert json.loads(head)["checkpoint"] is None
    assert [json.loads(line)["seq"] for line in whole] == list(range(1, len(whole) + 1))
    file = tmp_path / "export.ndjson"
    assert main(["audit", "export", "--output", str(file)]) == 0
    assert file.read_text(encoding="utf-8").splitlines() == [head, *whole]
    assert main(["audit", "export", environment.lower()]) == 0
    head, *part = capsys.readouterr().out.splitlines()
    assert json.loads(head)["task"] == environment
    assert set(part) < set(whole)
    assert part


def test_an_export_of_a_task_that_never_was_is_told(tmp_path: Path, capsys: Printed) -> None:
    file = tmp_path / "export.ndjson"
    for more in ([], ["--output", str(file)]):
        assert main(["audit", "export", "T-NOPE", *more]) == 1
        assert capsys.readouterr() == ("", "signoff: there is no task T-NOPE\n")
    assert not file.exists()


def test_an_export_into_nowhere_is_told(tmp_path: Path, capsys: Printed) -> None:
    assert main(["audit", "export", "--output", str(tmp_path / "nowhere" / "x")]) == 1
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("what", [["verify"], ["show", "T-NOBODY00"], ["export"]])
def test_without_a_database_the_variable_is_named(
    what: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/none.db")
    assert main(["audit", *what]) == 1
    err = capsys.readouterr().err
    assert err.startswith("signoff: `")
    assert "DATABASE_URL names the database" in err
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("url", ["nonsense", "postgresql://127.0.0.1/signoff"])
def test_a_database_that_is_none_is_told(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert main(["audit", "verify"]) == 1
    assert capsys.readouterr().err.startswith("signoff: DATABASE_URL: only")


def test_a_file_that_is_no_database_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    (tmp_path / "letter.db").write_text("Dear friend, " * 100, encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/letter.db")
    assert main(["audit", "verify"]) == 1
    assert "not a database" in capsys.readouterr().err


async def test_the_record_can_be_read_while_signoff_runs(tmp_path: Path) -> None:
    async with opened(tmp_path / "signoff.db", FakeClock()) as world:
        await world.task()
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", "audit", "verify"),
            env={"DATABASE_URL": world.url, "PATH": os.environ["PATH"]},
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(child.communicate(), 60)
        assert (child.returncode, out[:15]) == (0, b"Sound: 1 events")
        await world.task("another")


def test_the_shipped_policy_checks(capsys: Printed) -> None:
    assert main(["policy", "check"]) == 0
    assert "its tests pass" in capsys.readouterr().out


def test_a_policy_that_does_not_load_is_told_with_its_line(tmp_path: Path, capsys: Printed) -> None:
    (tmp_path / "mine.yaml").write_text("rules:\n  - {id: Bad Id}\n", encoding="utf-8")
    for command in ("check", "matrix"):
        assert main(["policy", command, str(tmp_path)]) == 1
        err = capsys.readouterr().err
        assert "the policy does not load" in err
        assert "mine.yaml:2" in err


RULE = """
rules:
  - id: mine
    effect: {approve: {n: 1, groups: [oncall]}}
    reason: MINE
    when: {agent: [incident], tool: [shop_rollback], environment: [staging]}
"""


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (RULE, 0, "The policy loads: 7 rules"),
        (
            RULE.replace("shop_rollback", "shop_rolback"),
            1,
            "mine.yaml:6: mine: when.tool: there is no tool `shop_rolback`; did you mean",
        ),
        (RULE.replace("[incident]", "[incidnt]"), 1, "did you mean `incident`?"),
        (RULE.replace("[staging]", "[stagign]"), 0, "look   rule `mine` names the environment"),
        (None, 1, "WRONG  none of the 6 rules permits anything"),
    ],
)
def test_a_policy_that_could_never_do_what_it_says_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Printed,
    text: str | None,
    code: int,
    says: str,
) -> None:
    config = "services: {a: {environments: {staging: {channel: C1}}}}"
    (tmp_path / "signoff.yaml").write_text(config, encoding="utf-8")
    monkeypatch.setenv("SIGNOFF_CONFIG", str(tmp_path / "signoff.yaml"))
    rules = tmp_path / "rules"
    rules.mkdir()
    if text is not None:
        (rules / "mine.yaml").write_text(text, encoding="utf-8")
    assert main(["policy", "check", str(rules)]) == code
    out, err = capsys.readouterr()
    assert says in out + err
    assert ("WRONG" in out or "does not load" in err) is (code == 1)


def test_a_policy_folder_that_is_none_is_told(tmp_path: Path, capsys: Printed) -> None:
    assert main(["policy", "check", str(tmp_path / "none")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_the_matrix_has_a_line_for_each_agent_tool_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    text = "services: {a: {environments: {staging: {channel: C1}, sandbox: {channel: C1}}}}"
    (tmp_path / "signoff.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("SIGNOFF_CONFIG", str(tmp_path / "signoff.yaml"))
    assert main(["policy", "matrix"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    cells = {(row[0], row[1], row[2]): row[3:] for row in rows}
    assert len(cells) == len(rows)
    rollback = cells["incident", "shop_rollback", "staging"]
    asked = ["approve", "1", "of", "oncall", "(then", "operators)"]
    assert rollback == [*asked, "rollback-staging"]
    assert cells["incident", "shop_rollback", "sandbox"][0] == "deny"
    assert ("campaign", "shop_rollback", "staging") not in cells
    assert cells["campaign", "adplatform_pause_campaign", "ads"][0] == "approve"


@pytest.mark.parametrize("arguments", [[], ["audit"], ["audit", "show"], ["fly"]])
def test_what_is_no_command_is_told_with_the_usage(arguments: list[str], capsys: Printed) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: signoff" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["doctor"], ["run"], ["audit", "verify"], ["policy", "check"]])
def test_a_wrong_setting_ends_every_command_with_its_name(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("SIGNOFF_PORT", "eighty")
    assert main(command) == 2
    assert capsys.readouterr().err == "signoff: SIGNOFF_PORT: `eighty` is not a port (0 to 65535)\n"


def run_program(tmp_path: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    usual = {"PATH": os.environ["PATH"], "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/r.db"}
    return subprocess.run(
        [sys.executable, "-m", "bot", "run"],
        env={**usual, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_running_without_a_token_says_what_to_do(tmp_path: Path) -> None:
    done = run_program(tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("signoff: SLACK_BOT_TOKEN: missing. Paste manifest.yml")
    assert not (tmp_path / "r.db").exists()


def test_an_error_of_the_settings_shows_no_token(
    monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    token = "k7Qm2vX9pL4sT8wZ1bN6cR3d"
    monkeypatch.setenv("SLACK_BOT_TOKEN", token)
    monkeypatch.setenv("SIGNOFF_CONFIG", f"/nowhere/{token}")
    assert main(["doctor"]) == 2
    said = capsys.readouterr().err
    assert "SIGNOFF_CONFIG: `/nowhere/[redacted]` does not exist" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["search", "--limit", "9" * 20], "--limit: write a number from 1 to 1000000000"),
        (["search", "--limit", "0"], "--limit: write a number from 1 to 1000000000"),
        (
            ["search", "--since", "0001-01-01T00:00+14:00"],
            "--since: `0001-01-01T00:00+14:00` is no",
        ),
        (
            ["search", "--until", "9999-12-31T23:59-23:00"],
            "--until: `9999-12-31T23:59-23:00` is no",
        ),
        (["search", "--text", "\udcff"], r"`\udcff` is not UTF-8"),
        (["search", "--actor", "\udcff\udcfe"], r"`\udcff\udcfe` is not UTF-8"),
        (["show", "\udcff"], r"`\udcff` is not UTF-8"),
    ],
)
def test_what_can_not_be_looked_for_is_told_without_a_traceback(
    arguments: list[str], says: str, capsys: Printed
) -> None:
    assert main(["audit", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"signoff: {says}")


def test_a_name_of_a_file_that_is_not_utf_8_is_told(tmp_path: Path, capsys: Printed) -> None:
    assert main(["db", "backup", f"{tmp_path}/b\udcff.db"]) == 2
    assert r"b\udcff.db` is not UTF-8: write it in UTF-8" in capsys.readouterr().err
