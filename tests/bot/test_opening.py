"""Opening what needs no Slack: which rules are in force when the files are wrong."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.opening import Core, core_of
from bot.policy import candidate
from bot.settings import read
from policies.loader import PolicyError


async def opened(folder: Path, **env: str) -> Core:
    """Open, look at what is there, and close again."""
    settings = read({"DATABASE_URL": f"sqlite+aiosqlite:///{folder}/signoff.db", **env})
    async with AsyncExitStack() as stack:
        return await core_of(settings, stack)


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
