"""Who may ask about the rules, and who may propose them; who may not is told why, and recorded."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.tables import tasks
from tests.bot.slack.office import ANA, BEN, GONE, GUEST, ROBOT, TEAM, Office, office


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("person", "line", "told", "why"),
    [
        (GUEST, "policy", "Only full members can ask about the rules.", "IS_GUEST"),
        (ROBOT, "policy matrix", "bots and deactivated accounts can't", "IS_BOT"),
        (GONE, "policy propose", "bots and deactivated accounts can't", "IS_BOT"),
        (BEN, "policy propose", "Only members of `operators`", "NOT_IN_GROUP"),
    ],
)
async def test_who_may_not_is_told_why_and_recorded(
    here: Office, person: str, line: str, told: str, why: str
) -> None:
    said = await here.command(person, line)
    assert told in said
    assert why in said
    (refused,) = await here.store.events("command.refused")
    assert refused["actor"]["id"] == f"{TEAM}/{person}"
    assert refused["reasons"] == [why]
    command = "/signoff policy propose" if person == BEN else "/signoff policy"
    assert refused["data"]["command"] == command
    assert await here.store.rows(tasks) == []


async def test_whoever_is_a_full_member_asks_about_the_rules(here: Office) -> None:
    for person in (ANA, BEN):
        assert "is in force" in await here.command(person, "policy")
    assert await here.store.events("command.refused") == []
