"""`signoff policy`: what it prints, and the exit code that says how it went."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from bot.cli import main
from bot.policy import SHIPPED, candidate
from bot.store.engine import Connection
from bot.store.proposals import add_proposal
from bot.store.rules import trust_first
from policies.engine import decide
from policies.facts import ActionKind, Facts
from policies.model import Proposal
from tests.bot.world import FakeClock, World, opened
from tests.fakes.values import facts, proposal

Printed = pytest.CaptureFixture[str]
OURS = ("SLACK_", "SIGNOFF_", "SHOP_", "PROMETHEUS_", "ALERTMANAGER_", "ADPLATFORM_")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Leave only an empty database; returns its path."""
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    path = tmp_path / "signoff.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """Return a copy of the shipped rules, to be changed."""
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED / "rules", folder)
    (folder / "hard.yaml").unlink()
    return folder


def rewrite(folder: Path, name: str, right: str, wrong: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert right in text
    (folder / name).write_text(text.replace(right, wrong), encoding="utf-8")


def test_the_same_rules_differ_in_nothing(changed: Path, capsys: Printed) -> None:
    assert main(["policy", "diff", "shipped", str(changed)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["Nothing is decided differently."]


def test_a_slip_after_which_a_rule_is_about_no_tool_is_told_and_loads(
    changed: Path, capsys: Printed
) -> None:
    assert main(["policy", "check", str(changed)]) == 0
    before = capsys.readouterr().out
    assert "`no-sending-in-quiet-hours`" in before
    assert "`silence-alert`" not in before
    rewrite(
        changed,
        "incident.yaml",
        "tier: [low]\n      environment: [sandbox, staging]\n",
        "tier: [medium]\n      environment: [sandbox, staging]\n",
    )
    assert main(["policy", "check", str(changed)]) == 0
    assert "`silence-alert`" in capsys.readouterr().out


def test_the_shipped_rules_speak_of_what_is_to_come_and_nothing_is_said(capsys: Printed) -> None:
    assert main(["policy", "check"]) == 0
    assert "look" not in capsys.readouterr().out


def test_a_looser_rule_is_told_with_an_example_and_by_the_exit_code(
    changed: Path, capsys: Printed
) -> None:
    rewrite(
        changed,
        "incident.yaml",
        "n: 2, groups: [oncall, operators]",
        "n: 1, groups: [oncall, operators]",
    )
    assert main(["policy", "diff", "shipped", str(changed)]) == 2
    out = capsys.readouterr().out
    assert "LOOSER: rollback-production" in out
    assert "was: it needs 2 of oncall/operators within 30 min (rollback-production)" in out
    assert "now: it needs 1 of oncall/operators within 30 min (rollback-production)" in out
    assert "for example: agent incident, environment production, action rollback" in out


def test_asking_others_is_told_as_looser(changed: Path, capsys: Printed) -> None:
    rewrite(changed, "incident.yaml", "n: 1, groups: [oncall]", "n: 1, groups: [operators]")
    assert main(["policy", "diff", "shipped", str(changed)]) == 2
    assert "LOOSER (asks others): rollback-staging" in capsys.readouterr().out


def test_a_tighter_rule_is_told_and_no_failure(changed: Path, capsys: Printed) -> None:
    rewrite(changed, "campaign.yaml", "exposure: {min: 5000}", "exposure: {min: 4000}")
    assert main(["policy", "diff", "shipped", str(changed)]) == 0
    out = capsys.readouterr().out
    assert "tighter: large-budget-eur" in out
    assert "LOOSER" not in out


def test_rules_are_found_by_the_names_of_a_version(
    environment: Path, changed: Path, capsys: Printed
) -> None:
    async def started() -> None:
        async with opened(environment, FakeClock()) as world:
            rules = candidate(None)
            await world.database.write(
                lambda connection: trust_first(connection, world.context, rules)
            )

    asyncio.run(started())
    for name in ("active", candidate(None).version[:8]):
        assert main(["policy", "diff", name, str(changed)]) == 0
        assert "Nothing is decided differently." in capsys.readouterr().out
    assert main(["policy", "diff", "0000", str(changed)]) == 2
    assert "`0000` is neither a folder nor a version" in capsys.readouterr().err


def test_why_a_decision_is_told_rule_by_rule(capsys: Printed) -> None:
    asked = ["--tool", "shop_rollback", "--environment", "production", "--confidence", "0.4"]
    assert main(["policy", "explain", *asked, "--at", "2026-12-24T12:00Z"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("It needs 1 of operators + 3 of oncall/operators within 30 min")
    counting = [line.split()[1] for line in lines if line.startswith("counts")]
    assert counting == ["change-freeze", "rollback-production", "unsure-production"]
    (staging,) = [line for line in lines if " rollback-staging " in line]
    assert staging.endswith("environment is production, not staging")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            ["--action", "silence", "--environment", "staging"],
            "No tool has the action `silence` with the agent `incident` and the tier `medium`, so"
            " this never comes up: ask about `--tool alertmanager_silence`.",
        ),
        (["--action", "deploy"], "No tool that there is has the action `deploy`."),
        (["--action", "rollback"], None),
        (["--action", "silence", "--tier", "low"], None),
        (["--tool", "alertmanager_silence"], None),
        (["--tool", "another-tool", "--action", "deploy"], None),
    ],
)
def test_what_no_tool_does_is_explained_and_said_so(
    asked: list[str], says: str | None, capsys: Printed
) -> None:
    assert main(["policy", "explain", *asked]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("No tool")] == ([says] if says else [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--tool: write which tool is asked for"),
        (["--tool", "shop_rollback", "--tainted", "yes"], "--tainted: "),
        (["--tool", "shop_rollback", "--confidence", "80"], "--confidence: "),
        (["--tool", "shop_rollback", "--at", "noon"], "--at: `noon` is no time"),
        (["--tool", "shop_rollback", "--rules", "active"], "no rules are in force yet"),
    ],
)
def test_what_can_not_be_explained_says_which_option(
    environment: Path, arguments: list[str], says: str, capsys: Printed
) -> None:
    async def made() -> None:
        async with opened(environment, FakeClock()):
            pass

    asyncio.run(made())
    assert main(["policy", "explain", *arguments]) == 2
    assert says in capsys.readouterr().err


async def proposed(world: World) -> str:
    """Leave a decision with its facts, and one of the time before facts were recorded."""
    task = await world.task("web")
    found: Facts = facts(action=ActionKind.ROLLBACK, calendars=frozenset())
    for name, known in (("1", found), ("1.undo", None)):
        made = proposal(
            id=f"{task.id}-{name}",
            task_id=task.id,
            key=f"k{name}",
            decision=decide(found, candidate(None)),
            facts=known,
        )

        def unit(connection: Connection, made: Proposal = made) -> None:
            add_proposal(connection, world.context, made)

        await world.database.write(unit)
    return task.id


def left(path: Path) -> str:
    async def leave() -> str:
        async with opened(path, FakeClock()) as world:
            return await proposed(world)

    return asyncio.run(leave())


def test_the_past_is_replayed_on_recorded_facts(
    environment: Path, changed: Path, capsys: Printed
) -> None:
    left(environment)
    assert main(["policy", "replay", "--since", "2020-01-01"]) == 0
    out = capsys.readouterr().out
    assert "1 decisions since 2020-01-01: 1 the same, 0 looser, 0 tighter." in out
    assert "1 more were left out: the facts they were taken on were not recorded" in out
    rewrite(changed, "incident.yaml", "n: 1, groups: [oncall]", "n: 2, groups: [oncall]")
    assert main(["policy", "replay", str(changed), "--since", "2020-01-01"]) == 0
    out = capsys.readouterr().out
    assert "0 the same, 0 looser, 1 tighter." in out
    assert "-> needs 2 of oncall (then operators) within 30 min (rollback-staging)" in out


def test_a_decision_of_a_proposal_is_explained(environment: Path, capsys: Printed) -> None:
    task = left(environment)
    assert main(["policy", "explain", f"{task}-1".lower()]) == 0
    out = capsys.readouterr().out
    asked = "1 of oncall (then operators) within 30 min"
    assert out.startswith(f"On the card: it needs {asked} (rollback-staging).")
    assert "counts  rollback-staging" in out
    assert main(["policy", "explain", f"{task}-1.undo"]) == 0
    assert "The facts of this decision were not recorded" in capsys.readouterr().out
    assert main(["policy", "explain", "T-NONE-1"]) == 1
    assert "there is no proposal T-NONE-1" in capsys.readouterr().err
