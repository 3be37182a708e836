"""Limits that no change of the rules can keep to are told before they lock everybody out."""

from pathlib import Path

import pytest

from policies.limits import Limits
from policies.loader import sealed
from policies.lockout import CALLS, lockouts
from policies.model import ProposalState
from tests.bot.chamber import BASE, TIGHTER_RULE, chamber
from tests.bot.world import ANA

S = ProposalState


def limited(**changes: int) -> Limits:
    """Return the limits of the start with others of every agent and task."""
    assert BASE.limits is not None
    usual = BASE.limits.agents["default"]
    assert usual.task is not None
    task = {name: value for name, value in changes.items() if hasattr(usual.task, name)}
    of_agent = {name: value for name, value in changes.items() if name not in task}
    found = usual.model_copy(update={**of_agent, "task": usual.task.model_copy(update=task)})
    return Limits(agents={**BASE.limits.agents, "default": found})


@pytest.mark.parametrize(
    ("limits", "ends"),
    [
        (limited(actions_an_hour=0), S.DENIED),
        (limited(actions_an_hour=1), S.VERIFIED),
        (limited(tool_calls=CALLS - 1), S.DENIED),
        (limited(tool_calls=CALLS), S.VERIFIED),
    ],
)
async def test_what_is_told_of_limits_before_is_what_comes_of_the_next_change(
    tmp_path: Path, limits: Limits, ends: ProposalState
) -> None:
    async with chamber(tmp_path / "signoff.db") as office:
        narrow = sealed(BASE.rules, limits=limits)
        first = await office.proposed(narrow)
        told = lockouts(narrow)
        assert len(told) == (ends is S.DENIED)
        assert all(words in (first.worst_case or "") for words in told)
        assert await office.signed(first, ANA) is S.VERIFIED
        office.store.clock.forward(3601)
        more = await office.proposed(sealed([*BASE.rules, TIGHTER_RULE], limits=limits))
        assert await office.signed(more, ANA) is ends


def test_the_limits_of_the_rules_own_agent_count_as_well() -> None:
    assert BASE.limits is not None
    own = BASE.limits.agents["default"].model_copy(update={"actions_an_hour": 0})
    found = lockouts(
        sealed(BASE.rules, limits=Limits(agents={**BASE.limits.agents, "policy": own}))
    )
    assert found == [
        "A change of these rules could not be done any more: the limit `actions_an_hour` of"
        " `policy` is 0, and it takes 1"
    ]
