"""Commands that name what there is not: each says so, in whole sentences, and what there is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.slack.office import ANA, Office, office


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "freeze T-00000000 why",
            "There is no task `T-00000000`; none is known here. Each thread shows its task's id.",
        ),
        (
            "rollback T-00000000",
            "There is no task T-00000000. Each thread shows its task's id.",
        ),
        (
            "mode incident moon observe why",
            "ENVIRONMENT: there is no `moon`; write one of `unknown`. A place that"
            " `signoff.yaml` does not name is never freer than `unknown`, and never `auto`. Write"
            " `/signoff mode AGENT ENVIRONMENT observe|approve|auto REASON`.",
        ),
        (
            "mode incident",
            "ENVIRONMENT is missing; write one of `unknown`. Write"
            " `/signoff mode AGENT ENVIRONMENT observe|approve|auto REASON`.",
        ),
    ],
)
async def test_it_is_told_in_whole_sentences(here: Office, line: str, told: str) -> None:
    assert await here.command(ANA, line) == told


async def test_a_task_in_which_nothing_was_done_is_not_taken_for_none(here: Office) -> None:
    made = await here.proposal()
    told = await here.command(ANA, f"rollback {made.task_id}")
    assert told == "Nothing was done in it, so there is nothing to undo."
