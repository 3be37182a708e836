"""Opening what needs no Slack: which rules are in force when the files are wrong."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.opening import Core, compare_files, core_of
from bot.policy import candidate
from bot.settings import read
from bot.store.rules import trust_first
from policies.engine import RuleSet
from policies.loader import PolicyError, load, sealed
from tests.bot.world import FakeClock
from tests.bot.world import opened as world

TEAM = """\
rules:
  - id: ask
    effect: {approve: {n: 1, groups: [oncall]}}
    reason: ASKED
    when: {agent: [incident], action: [rollback]}
"""
CASE = """\
cases:
  - name: one is asked
    at: "2026-12-24T23:59:59Z"
    facts: {tool: shop_rollback, action: rollback}
    expect: {effect: approve, n: 1}
"""
# What earlier versions took.
LOOSE = """\
calendars:
  cold:
    zone: Europe/Berlin
    weekly: [{days: [mon], from: "24:00", to: "08:00"}]
    dates: [{from: "12-18", to: "01-03"}, {from: "2027-12-20", to: "2027-12-21"}]
rules:
  - id: huge
    effect: {deny: true}
    reason: HUGE
    when: {currency: [eur], platform: [shopp], exposure: {min: '1e3'}, in_calendar: [cold]}
"""

# Of what it says what is asked of files today.
TAKEN = {
    "eur": "EUR",
    "shopp": "shop",
    "24:00": "20:00",
    "2027-12-20": "2027-02-20",
    "2027-12-21": "2027-02-21",
}


async def opened(folder: Path, **env: str) -> Core:
    """Open, look at what is there, and close again."""
    settings = read({"DATABASE_URL": f"sqlite+aiosqlite:///{folder}/signoff.db", **env})
    async with AsyncExitStack() as stack:
        core = await core_of(settings, stack)
        if not core.is_first:
            await compare_files(settings, core.rule_sets.rules)
        return core


def broken(folder: Path) -> str:
    rules = folder / "rules"
    rules.mkdir()
    (rules / "team.yaml").write_text("rules: [oops", encoding="utf-8")
    return str(rules)


async def test_rules_that_do_not_load_leave_the_set_before_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await opened(tmp_path)
    found = await opened(tmp_path, SIGNOFF_POLICY_DIR=broken(tmp_path))
    assert found.rule_sets.rules() == candidate(None)
    assert "the rule files do not load, the set in force stays" in caplog.text
    assert "team.yaml:1" in caplog.text


async def test_rules_that_do_not_load_at_the_first_start_end_it(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"team\.yaml"):
        await opened(tmp_path, SIGNOFF_POLICY_DIR=broken(tmp_path))


@pytest.mark.parametrize(
    "files",
    [
        # Each of them once ended the start with something else than words.
        {
            "team.yaml": TEAM,
            "tests/team.yaml": CASE.replace("action: rollback", "action: read"),
        },
        {"team.yaml": TEAM.replace("reason: ASKED", 'reason: "\\U00110000"')},
        {"team.yaml": TEAM, "tests/team.yaml": CASE.replace("2026-12-24", "9999-12-31")},
        {"team.yml": TEAM},
        {"hard.yaml": TEAM},
        {"team.yaml": "\udcff"},
    ],
)
async def test_whatever_the_folder_holds_the_set_before_stays_in_force(
    tmp_path: Path, files: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    await opened(tmp_path)
    rules = tmp_path / "rules"
    (rules / "tests").mkdir(parents=True)
    for name, text in files.items():
        (rules / name).write_bytes(text.encode(errors="surrogateescape"))
    found = await opened(tmp_path, SIGNOFF_POLICY_DIR=str(rules))
    assert found.rule_sets.rules() == candidate(None)
    assert f"{[*files][-1]}:" in caplog.text
    assert "the set in force stays" in caplog.text


async def test_a_set_of_an_earlier_version_stays_in_force_though_its_files_would_be_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is stored is held to what it was accepted by, not to what is asked of files today."""
    sound = LOOSE.replace("'1e3'", "1000")
    for loose, strict in TAKEN.items():
        sound = sound.replace(loose, strict)
    body = load({}, {"team.yaml": sound}, {}).model_dump_json().replace('"1000"', '"1E+3"')
    for loose, strict in TAKEN.items():
        body = body.replace(f'"{strict}"', f'"{loose}"')
    read_ = RuleSet.model_validate_json(body)
    before = sealed(read_.rules, read_.calendars, read_.approved, read_.limits)
    async with world(tmp_path / "signoff.db", FakeClock()) as store:
        await store.database.write(lambda c: trust_first(c, store.context, before))

    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "team.yaml").write_text(LOOSE, encoding="utf-8")
    found = (await opened(tmp_path, SIGNOFF_POLICY_DIR=str(rules))).rule_sets.rules()
    assert [rule for rule in found.rules if not rule.is_hard] == list(before.rules)
    assert found.calendars == before.calendars
    assert (before.rules[0].when.currency, found.calendars[0].weekly[0].from_) == (
        ("eur",),
        "24:00",
    )
    assert "the rule files do not load, the set in force stays" in caplog.text
