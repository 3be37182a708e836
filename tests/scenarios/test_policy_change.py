"""Changing the rules of a running bot: from Slack, from the command line, and across a kill."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from bot.cli import main
from bot.policy import SHIPPED, candidate
from playground.story import INCIDENTS, Message, text_of
from playground.workspace.client import Person
from playground.workspace.model import User
from tests.scenarios.plays import Sword
from tests.scenarios.stages import (
    Scene,
    events,
    eventually,
    press,
    require_sound,
    staged,
)

# Where the demo's checkpoints are posted, and so changes of its rules.
OPERATIONS = "C0OPERATIONS"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Return a small rule folder that the bot starts with: comparing it takes no time."""
    folder = tmp_path / "rules"
    folder.mkdir()
    for name in ("incident.yaml", "groups.yaml"):
        shutil.copy(SHIPPED / "rules" / name, folder / name)
    return folder


def tighten(folder: Path) -> None:
    """Ask one more for a rollback in staging."""
    asked = "n: 1, groups: [oncall], then: [operators], expires_s: 1800}}"
    _rewrite(folder, f"{asked}\n    reason: ROLLBACK", "n: 2,")


def loosen(folder: Path) -> None:
    """Ask one fewer for a rollback in production."""
    _rewrite(folder, "n: 2, groups: [oncall, operators]", "n: 1,")


def _rewrite(folder: Path, words: str, number: str) -> None:
    path = folder / "incident.yaml"
    text = path.read_text(encoding="utf-8")
    assert words in text
    path.write_text(text.replace(words, number + words.split(",", 1)[1]), encoding="utf-8")


async def propose(folder: Path, stage: Scene, *options: str) -> tuple[int, str]:
    """Run `signoff policy propose` as a person on the server does; returns code and output."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    url = f"sqlite+aiosqlite:///{stage.world.plan.folder / 'signoff.db'}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "policy", "propose", str(folder), *options),
        env={**environment, "DATABASE_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


def operator(scene: Scene, name: str) -> Person:
    """Let another operator join."""
    return scene.joined(User(id=name, name=name.lower(), real_name=name), "S0OPERATORS")


async def thread_of(scene: Scene) -> Message:
    return await scene.root(OPERATIONS, "Change of the policy")


async def activated(scene: Scene) -> list[str]:
    return [
        event["policy_version"]
        for event in await events(scene)
        if event["kind"] == "policy.activated"
    ]


async def test_rules_are_proposed_in_slack_signed_off_and_taken_back(
    tmp_path: Path, rules: Path
) -> None:
    before = candidate(rules).version
    async with staged(tmp_path, bot_env={"SIGNOFF_POLICY_DIR": str(rules)}, quiet=True) as scene:
        zoe = operator(scene, "U0ZOE")
        await scene.ben.command(INCIDENTS, "/signoff policy propose")
        await scene.told(scene.ben, "Only members of `operators` .*can propose", INCIDENTS)
        tighten(rules)
        after = candidate(rules).version
        await scene.ana.command(INCIDENTS, "/signoff policy propose")
        root = await thread_of(scene)
        assert "<@U0ANA>" in text_of(root)
        await scene.reply(OPERATIONS, root["ts"], r"\*Tighter\*: `rollback-staging`")
        card = await scene.reply(OPERATIONS, root["ts"], "Change the policy: 0 looser, 1 tighter")
        await press(scene.ana, "Approve", OPERATIONS, card["ts"])
        await scene.told(scene.ana, "You asked for this", OPERATIONS)
        await press(scene.ben, "Approve", OPERATIONS, card["ts"])
        await scene.told(scene.ben, "can decide this", OPERATIONS)
        assert await activated(scene) == [before]
        await press(zoe, "Approve", OPERATIONS, card["ts"])
        verdict = await scene.reply(OPERATIONS, root["ts"], r"\*Worked\.\*")
        assert await activated(scene) == [before, after]
        await scene.ana.command(INCIDENTS, "/signoff policy")
        await scene.told(scene.ana, "signed off by <@U0ZOE>", INCIDENTS)
        await press(zoe, "Roll back", OPERATIONS, verdict["ts"])
        await scene.reply(OPERATIONS, root["ts"], "Rolled back")
        assert await activated(scene) == [before, after, before]
        await require_sound(scene)


async def test_slack_shows_the_matrix_to_full_members(tmp_path: Path, rules: Path) -> None:
    async with staged(tmp_path, bot_env={"SIGNOFF_POLICY_DIR": str(rules)}, quiet=True) as scene:
        await scene.ana.command(INCIDENTS, "/signoff policy matrix staging")
        told = await scene.told(scene.ana, "in the ordinary case", INCIDENTS)
        (table,) = [block for block in told["blocks"] if block["type"] == "table"]
        cells = [[cell["text"] for cell in row] for row in table["rows"]]
        assert cells[0] == ["agent", "tool", "environment", "effect", "asks", "rules"]
        assert [row[3:] for row in cells if row[1] == "shop_rollback"] == [
            ["approve", "1 of oncall (then operators)", "rollback-staging"]
        ]
        await scene.ana.command(INCIDENTS, "/signoff policy matrix moon")
        await scene.told(scene.ana, "ENVIRONMENT: I don't know `moon`", INCIDENTS)
        guest = scene.joined(User(id="U0GUEST", name="gus", real_name="Gus", is_restricted=True))
        await guest.command(INCIDENTS, "/signoff policy")
        await scene.told(guest, "Only full members", INCIDENTS)


async def test_slack_says_how_files_differ_and_why_a_decision_came_out_so(
    tmp_path: Path, rules: Path
) -> None:
    async with staged(tmp_path, bot_env={"SIGNOFF_POLICY_DIR": str(rules)}, quiet=True) as scene:
        await scene.ana.command(INCIDENTS, "/signoff policy propose")
        await scene.told(scene.ana, "Nothing changes", INCIDENTS)
        before = candidate(rules).version
        loosen(rules)
        await scene.ana.command(INCIDENTS, "/signoff policy")
        told = await scene.told(scene.ana, "are not used", INCIDENTS)
        assert f"Policy* `{before}` is in force" in text_of(told)
        assert f"`{candidate(rules).version}`) differ in 1 rules" in text_of(told)
        await scene.ana.command(INCIDENTS, "/signoff policy diff")
        await scene.told(scene.ana, "1 looser, 0 tighter", INCIDENTS)
        await scene.ana.command(INCIDENTS, "/signoff policy propose")
        root = await thread_of(scene)
        await scene.reply(OPERATIONS, root["ts"], "Change the policy: 1 looser, 0 tighter")
        found = await eventually(lambda: _proposal(scene))
        await scene.ana.command(INCIDENTS, "/signoff policy explain T-NONE-1")
        await scene.told(scene.ana, "PROPOSAL: write the id on a card", INCIDENTS)
        await scene.ana.command(INCIDENTS, f"/signoff policy explain {found.lower()}")
        told = await scene.told(scene.ana, "policy-loosening", INCIDENTS)
        assert "counts  policy-change (hard)" in text_of(told)
        assert "needs 2 of operators" in text_of(told)


async def _proposal(scene: Scene) -> str | None:
    made = [event for event in await events(scene) if event["kind"] == "proposal.created"]
    return made[-1]["proposal_id"] if made else None


async def test_the_command_line_hands_rules_to_the_running_bot(tmp_path: Path, rules: Path) -> None:
    async with staged(tmp_path, bot_env={"SIGNOFF_POLICY_DIR": str(rules)}, quiet=True) as scene:
        new = tmp_path / "new"
        shutil.copytree(rules, new)
        tighten(new)
        version = candidate(new).version
        code, out = await propose(new, scene, "--author", "U0NOBODY")
        assert (code, "--author: there is no full member U0NOBODY" in out) == (1, True), out
        code, out = await propose(new, scene, "--author", "U0BEN")
        assert code == 0, out
        assert "Proposed as T-" in out
        assert OPERATIONS in out
        code, out = await propose(new, scene, "--author", "U0MIA")
        assert (code, f"Policy {version} waits for a sign-off already: T-" in out) == (0, True), out
        root = await thread_of(scene)
        assert "<@U0BEN>" in text_of(root)
        card = await scene.reply(OPERATIONS, root["ts"], "Change the policy: 0 looser, 1 tighter")
        assert "on the server" in text_of(card)
        await press(scene.ana, "Approve", OPERATIONS, card["ts"])
        await scene.reply(OPERATIONS, root["ts"], r"\*Worked\.\*")
        code, out = await propose(new, scene, "--author", "U0BEN")
        assert (code, "Nothing changes" in out) == (0, True), out
        assert (await activated(scene))[-1] == version


@pytest.mark.parametrize("point", ["request.answered", "effect.done"])
async def test_what_the_bot_has_taken_is_done_once_across_a_kill(
    tmp_path: Path, rules: Path, point: str
) -> None:
    sword = Sword(tmp_path, point)
    env = {**sword.env, "SIGNOFF_POLICY_DIR": str(rules)}
    async with staged(tmp_path, bot_env=env, quiet=True) as scene:
        new = tmp_path / "new"
        shutil.copytree(rules, new)
        tighten(new)
        sword.draw()
        code, out = await propose(new, scene, "--author", "U0BEN", "--wait", "60")
        assert code == 0, out
        root = await thread_of(scene)
        card = await scene.reply(OPERATIONS, root["ts"], "Change the policy: 0 looser, 1 tighter")
        await press(scene.ana, "Approve", OPERATIONS, card["ts"])
        await scene.reply(OPERATIONS, root["ts"], r"\*Worked\.\*")
        assert await eventually(lambda: _restarted(scene)) >= 1
        assert await activated(scene) == [candidate(rules).version, candidate(new).version]
        kinds = [event["kind"] for event in await events(scene)]
        assert kinds.count("task.created") == 1
        left = list((tmp_path / "signoff.db.requests").iterdir())
        assert left == []


async def _restarted(scene: Scene) -> int:
    return scene.world.bot.restarts


async def test_where_no_bot_runs_nothing_is_proposed(tmp_path: Path, rules: Path) -> None:
    async with staged(tmp_path, bot_env={"SIGNOFF_POLICY_DIR": str(rules)}, quiet=True) as scene:
        await scene.world.bot.stop()
        new = tmp_path / "new"
        shutil.copytree(rules, new)
        tighten(new)
        code, out = await propose(new, scene, "--author", "U0BEN", "--wait", "1")
        assert code == 1
        assert "no Signoff takes it" in out
        assert "signoff run" in out
        folder = tmp_path / "signoff.db.requests"
        assert list(folder.iterdir()) == []
        assert folder.stat().st_mode & 0o777 == 0o700
        await scene.world.bot.start()
        await scene.bot_is_here()
        kinds = [event["kind"] for event in await events(scene)]
        assert "task.created" not in kinds


def test_what_does_not_load_is_told_like_a_check_and_not_handed_in(
    tmp_path: Path,
    rules: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'signoff.db'}")
    path = rules / "incident.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("[oncall]", "[onclal]"), "utf-8")
    assert main(["policy", "propose", str(rules), "--author", "U0BEN"]) == 1
    err = capsys.readouterr().err
    assert "signoff: the policy does not load:\nincident.yaml:" in err
    assert "rollback-staging: effect: there is no group `onclal`; did you mean `oncall`?" in err
    assert not (tmp_path / "signoff.db.requests").exists()
    assert main(["policy", "propose", str(rules), "--author", "ben"]) == 2
    assert "--author: `ben` is no user id" in capsys.readouterr().err
    assert main(["policy", "propose", str(tmp_path / "none"), "--author", "U0BEN"]) == 2
