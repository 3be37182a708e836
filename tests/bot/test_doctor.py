"""The doctor looks at a real workspace, says what is wrong, and what to do about it."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Protocol

import pytest
from aiohttp import web

from bot.doctor import SCOPES, Finding, Health, examine, findings
from bot.policy import candidate
from bot.settings import read
from bot.store.rules import trust_first
from playground.workspace.demo import demo_workspace
from playground.workspace.guard import loopback_only
from playground.workspace.model import ALL_SCOPES, UserGroup
from playground.workspace.workspace import Workspace
from tests.bot.world import FakeClock, opened

ROOT = Path(__file__).resolve().parents[2]
BOT, APP = "xoxb-" + "1" * 20, "xapp-" + "1" * 20
CONFIG = """
services:
  checkout: {environments: {staging: {channel: C0INCIDENTS}, production: {channel: C0INCIDENTS}}}
groups:
  oncall: {usergroup: S0ONCALL}
  marketing: {usergroup: S0MARKETING}
  operators: {users: [U0ANA, U0BEN, U0MIA]}
defaults: {channel: C0OPERATIONS}
digests: [{channel: C0MARKETING, cron: "0 9 * * mon"}]
"""


class Patient(Protocol):
    """Serves a workspace and returns the environment that points at it."""

    async def __call__(
        self, config: str = CONFIG, scopes: Collection[str] = ALL_SCOPES
    ) -> tuple[dict[str, str], Workspace]: ...


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[Patient]:
    """Serve workspaces until the test ends."""
    async with AsyncExitStack() as stack:

        async def serve(
            config: str = CONFIG, scopes: Collection[str] = ALL_SCOPES
        ) -> tuple[dict[str, str], Workspace]:
            workspace = demo_workspace(FakeClock(), BOT, APP, scopes=scopes)
            app = web.Application(middlewares=[loopback_only])
            app.add_routes(workspace.routes())
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            stack.push_async_callback(workspace.stop)
            (tmp_path / "signoff.yaml").write_text(config, encoding="utf-8")
            env = {
                "SLACK_BOT_TOKEN": BOT,
                "SLACK_APP_TOKEN": APP,
                "SLACK_API_URL": f"http://127.0.0.1:{runner.addresses[0][1]}/api/",
                "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/signoff.db",
                "SIGNOFF_CONFIG": str(tmp_path / "signoff.yaml"),
                "SIGNOFF_WEBHOOK_TOKEN": "token",
            }
            return env, workspace

        yield serve


async def found(env: dict[str, str]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in await findings(read(env))}


def wrong(report: dict[str, Finding]) -> dict[str, str]:
    return {name: one.words for name, one in report.items() if one.health is Health.BAD}


async def test_a_healthy_signoff_gets_a_good_report(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    env, workspace = await patient()
    report = await found(env)
    assert wrong(report) == {}
    assert report["SLACK_BOT_TOKEN"].words == "signoff in Playground"
    assert report["SLACK_APP_TOKEN"].words == "Socket Mode connects"
    assert report["scopes"].words == "all there"
    assert report["groups.oncall"].words == "2 members in S0ONCALL"
    assert report["channel C0INCIDENTS"].words == "#incidents"
    assert report["channel C0MARKETING"].health is Health.GOOD
    assert await examine(read(env))
    assert capsys.readouterr().out.endswith("\nAll well.\n")
    assert workspace.unknown_calls == []


@pytest.mark.parametrize("scope", sorted(SCOPES))
async def test_a_missing_scope_is_named_with_its_remedy(patient: Patient, scope: str) -> None:
    env, _ = await patient(scopes=[one for one in ALL_SCOPES if one != scope])
    words = wrong(await found(env))["scopes"]
    assert words.startswith(f"missing {scope};")
    assert "paste manifest.yml again and reinstall the app" in words


async def test_the_report_of_a_sick_signoff_says_how_much_is_wrong(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    env, _ = await patient(scopes=["chat:write"])
    assert not await examine(read(env))
    out = capsys.readouterr().out
    marked = [line for line in out.splitlines() if line.startswith("WRONG")]
    assert out.endswith(f"\n{len(marked)} to mend, marked WRONG above.\n")


async def test_an_unknown_channel_is_named(patient: Patient) -> None:
    env, _ = await patient(CONFIG.replace("C0OPERATIONS", "C0NOWHERE"))
    words = wrong(await found(env))
    assert set(words) == {"channel C0NOWHERE"}
    assert "channel_not_found" in words["channel C0NOWHERE"]


async def test_a_private_channel_without_the_bot_says_to_invite_it(patient: Patient) -> None:
    env, _ = await patient(CONFIG.replace("C0OPERATIONS", "C0PRIVATE"))
    assert "/invite @Signoff" in wrong(await found(env))["channel C0PRIVATE"]


async def test_a_group_that_slack_does_not_know_is_named(patient: Patient) -> None:
    env, _ = await patient(CONFIG.replace("S0ONCALL", "S0NOBODY"))
    words = wrong(await found(env))
    assert words["groups.oncall"] == "user group S0NOBODY: Slack says no_such_subteam"
    assert "asks 1 of `oncall`: only 0 there" in words["policy"]


async def test_groups_that_may_not_be_read_are_named(patient: Patient) -> None:
    env, _ = await patient(scopes=[one for one in ALL_SCOPES if one != "usergroups:read"])
    words = wrong(await found(env))
    assert "missing_scope" in words["groups.oncall"]
    assert "missing_scope" in words["groups.marketing"]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("  marketing: {usergroup: S0MARKETING}\n", "", "`marketing`, which signoff.yaml does not"),
        ("U0ANA, U0BEN, U0MIA", "U0ANA", "`operators`, which has 1: when one of them"),
    ],
)
async def test_a_rule_that_nobody_can_satisfy_is_named(
    patient: Patient, before: str, after: str, says: str
) -> None:
    env, _ = await patient(CONFIG.replace(before, after))
    policy = [one.words for one in await findings(read(env)) if one.subject == "policy"]
    assert [words for words in policy if says in words]


async def test_without_operators_nobody_could_resume(patient: Patient) -> None:
    env, _ = await patient(CONFIG.replace("operators:", "others:"))
    assert "nobody could resume" in wrong(await found(env))["groups.operators"]


async def test_without_a_token_the_way_to_one_is_told(patient: Patient) -> None:
    env, _ = await patient()
    bare = {name: value for name, value in env.items() if not name.startswith("SLACK_")}
    assert "Paste manifest.yml" in wrong(await found(bare))["SLACK_BOT_TOKEN"]


async def test_a_token_that_slack_refuses_is_told(patient: Patient) -> None:
    env, _ = await patient()
    words = wrong(await found({**env, "SLACK_BOT_TOKEN": "xoxb-" + "2" * 20}))
    assert words["SLACK_BOT_TOKEN"] == "Slack says invalid_auth"


async def test_an_app_token_that_slack_refuses_is_told(patient: Patient) -> None:
    env, _ = await patient()
    words = wrong(await found({**env, "SLACK_APP_TOKEN": "xapp-" + "2" * 20}))
    assert "connections:write" in words["SLACK_APP_TOKEN"]


async def test_a_slack_that_does_not_answer_is_told(patient: Patient) -> None:
    env, workspace = await patient()
    words = wrong(await found({**env, "SLACK_API_URL": "http://127.0.0.1:9/api/"}))
    assert words["SLACK_BOT_TOKEN"].startswith("no answer")
    for method in ("auth.test", "usergroups.users.list", "conversations.info"):
        workspace.lose_answer(method, times=5)
        lost = [one for one in wrong(await found(env)).values() if "no answer" in one]
        assert lost, method


async def test_a_connector_that_does_not_answer_names_its_variables(patient: Patient) -> None:
    env, _ = await patient()
    words = wrong(await found({**env, "PROMETHEUS_URL": "http://127.0.0.1:9"}))
    (name,) = words
    assert name == "Prometheus"
    assert "check the variables PROMETHEUS_" in words[name]


async def test_credentials_are_named_with_what_they_must_be_able_to_do_and_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = {"SHOP_TOKEN": "made-up-writer-1", "SHOP_READ_TOKEN": "made-up-reader-2"}
    env = {
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/none.db",
        "SHOP_URL": "http://127.0.0.1:9",
        "PROMETHEUS_URL": "http://127.0.0.1:9",
        **tokens,
    }
    report = await findings(read(env))
    said = {one.subject: one.words for one in report if one.subject.endswith("credentials")}
    assert said["Prometheus credentials"] == "reads without any"
    assert said["Shop (playground) credentials"] == (
        "reads as SHOP_READ_TOKEN, which needs services:read, deploys:read, logs:read; writes as"
        " SHOP_TOKEN, which needs services:read, deploys:read, logs:read, deploys:write"
    )
    del env["SHOP_READ_TOKEN"]
    looks = [one for one in await findings(read(env)) if one.health is Health.WARNING]
    (spare,) = [one.words for one in looks if one.subject == "Shop (playground) credentials"]
    assert spare.startswith("SHOP_READ_TOKEN is not set: reading could write too")
    await examine(read(env | tokens))
    printed = capsys.readouterr().out
    assert "reads as SHOP_READ_TOKEN, which needs services:read" in printed
    assert not any(token in printed for token in tokens.values())


async def test_a_cron_line_that_means_two_things_is_named(patient: Patient) -> None:
    env, _ = await patient(CONFIG.replace("* * mon", "* * 1"))
    assert "name the weekday" in wrong(await found(env))["digests.cron"]


async def test_a_policy_that_does_not_load_is_named_with_its_line(
    patient: Patient, tmp_path: Path
) -> None:
    env, _ = await patient()
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.yaml").write_text("rules:\n  - {id: x}\n", encoding="utf-8")
    report = await findings(read({**env, "SIGNOFF_POLICY_DIR": str(tmp_path / "rules")}))
    words = [one.words for one in report if one.subject == "policy" and one.health is Health.BAD]
    assert [one for one in words if one.startswith("mine.yaml:2: ")]


RULE = """
rules:
  - id: mine
    effect: {approve: {n: 1, groups: [oncall]}}
    reason: MINE
    when: {agent: [incident], tool: [shop_rollback], environment: [staging]}
"""


@pytest.mark.parametrize(
    ("text", "health", "says"),
    [
        (RULE.replace("shop_rollback", "shop_rolback"), Health.BAD, "mean `shop_rollback`?"),
        (RULE.replace("[incident]", "[incidnt]"), Health.BAD, "did you mean `incident`?"),
        (RULE.replace("agent: [incident]", "platform: [shopp]"), Health.BAD, "mean `shop`?"),
        (
            RULE.replace("agent: [incident]", "requester_group: [onclal]"),
            Health.BAD,
            "which signoff.yaml does not define; did you mean `oncall`?",
        ),
        (RULE.replace("[staging]", "[moon]"), Health.WARNING, "no service in signoff.yaml has"),
        ("", Health.BAD, "none of the 6 rules permits anything"),
    ],
)
async def test_a_policy_that_could_never_do_what_it_says_is_named(
    patient: Patient, tmp_path: Path, text: str, health: Health, says: str
) -> None:
    env, _ = await patient()
    (tmp_path / "rules").mkdir()
    if text:
        (tmp_path / "rules" / "mine.yaml").write_text(text, encoding="utf-8")
    report = await findings(read({**env, "SIGNOFF_POLICY_DIR": str(tmp_path / "rules")}))
    (one,) = [one for one in report if one.subject == "policy" and says in one.words]
    assert one.health is health


async def test_files_that_are_not_in_force_are_told_with_what_to_do(
    patient: Patient, tmp_path: Path
) -> None:
    env, _ = await patient()
    async with opened(tmp_path / "signoff.db", FakeClock()) as world:
        rules = candidate(None)
        await world.database.write(lambda connection: trust_first(connection, world.context, rules))
        (tmp_path / "rules").mkdir()
        (tmp_path / "rules" / "mine.yaml").write_text(RULE, encoding="utf-8")
        report = await found({**env, "SIGNOFF_POLICY_DIR": str(tmp_path / "rules")})
    words = report["policy in force"].words
    assert rules.version in words
    assert "`/signoff policy propose` puts them before the operators" in words


@pytest.mark.parametrize(
    ("name", "subject", "says"),
    [
        ("notes.txt", "database", "file is not a database"),
        ("folder", "DATABASE_URL", "is a folder"),
        ("other.db", "database", "no such table: ledger"),
        ("books.db", "database", "is another program's"),
    ],
)
async def test_what_is_no_database_of_ours_is_named(
    patient: Patient, tmp_path: Path, name: str, subject: str, says: str
) -> None:
    env, _ = await patient()
    (tmp_path / "notes.txt").write_text("These are notes.\n" * 100, encoding="utf-8")
    (tmp_path / "folder").mkdir()
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE songs (title TEXT)")
    with closing(sqlite3.connect(tmp_path / "books.db")) as other:
        other.execute("CREATE TABLE ledger (account TEXT)")
    words = wrong(await found({**env, "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/{name}"}))
    assert list(words) == [subject]
    assert says in words[subject]


async def test_what_is_only_unusual_is_no_fault(patient: Patient) -> None:
    env, _ = await patient(CONFIG.replace("defaults: {channel: C0OPERATIONS}", ""))
    del env["SIGNOFF_WEBHOOK_TOKEN"]
    report = await found(env)
    assert wrong(report) == {}
    looks = {name for name, one in report.items() if one.health is Health.WARNING}
    assert looks >= {"SIGNOFF_WEBHOOK_TOKEN", "defaults.channel", "connectors", "database"}


async def test_a_database_that_is_there_is_opened(patient: Patient, tmp_path: Path) -> None:
    env, _ = await patient()
    async with opened(tmp_path / "signoff.db", FakeClock()):
        assert (await found(env))["database"].words == "opens"


@pytest.mark.parametrize(("scopes", "code"), [(ALL_SCOPES, 0), (("chat:write",), 1)])
async def test_the_exit_code_says_whether_something_is_wrong(
    patient: Patient, scopes: Collection[str], code: int
) -> None:
    env, _ = await patient(scopes=scopes)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", "doctor"),
        env={**env, "PATH": os.environ["PATH"]},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode == code, out.decode() + err.decode()
    assert BOT.encode() not in out + err


async def test_a_secret_that_is_too_short_to_be_taken_out_is_named(patient: Patient) -> None:
    env, _ = await patient()
    report = await found({**env, "SIGNOFF_WEBHOOK_TOKEN": "abc"})
    assert report["SIGNOFF_WEBHOOK_TOKEN"].health is Health.WARNING
    assert "shorter than 6 characters" in report["SIGNOFF_WEBHOOK_TOKEN"].words


@pytest.mark.parametrize(
    ("members", "health", "words"),
    [
        ("{users: [U0ANA, U0BEN]}", Health.GOOD, "without a sign-off: U0ANA, U0BEN"),
        ("{usergroup: S0ONCALL}", Health.GOOD, "without a sign-off: U0ANA, U0BEN"),
        ("{usergroup: S0EMPTY}", Health.WARNING, "is empty: nobody can break the glass"),
        ("{usergroup: S0NOBODY}", Health.BAD, "nobody can break the glass"),
        ("{users: [U1, U2, U3, U4, U5, U6]}", Health.WARNING, "6 people may act without"),
    ],
    ids=["named", "user-group", "empty", "unreadable", "too-many"],
)
async def test_who_may_act_without_a_sign_off_is_named(
    patient: Patient, members: str, health: Health, words: str
) -> None:
    env, workspace = await patient(
        CONFIG.replace("groups:\n", f"groups:\n  break-glass: {members}\n")
    )
    workspace.state.groups["S0EMPTY"] = UserGroup(id="S0EMPTY", handle="e", name="E", users=[])
    finding = (await found(env))["groups.break-glass"]
    assert finding.health is health
    assert words in finding.words


async def test_without_the_group_nobody_acts_without_a_sign_off(patient: Patient) -> None:
    env, _ = await patient()
    assert "nobody can act" in (await found(env))["groups.break-glass"].words
