"""Broken glass that was stored for a change of the rules is worth nothing at the effect."""

from collections.abc import Sequence
from dataclasses import replace

from policies.model import ProposalState
from tests.bot.world import MIA
from tests.fakes.door import FakeDoor
from tests.fakes.system import FakeConnector, FakeTool
from tests.fakes.values import ANA, action, caller, proposal
from tools.base import AnyTool
from tools.catalogue import Catalogue
from tools.execution import Execution
from tools.gateway import Gateway
from tools.ports import Grant


class RulesTool(FakeTool):
    """A switch that only changes of the rules may use."""

    agents = ("policy",)


class RulesConnector(FakeConnector):
    """The system with that switch."""

    def tools(self) -> Sequence[AnyTool]:
        return (RulesTool(self.system),)


async def test_glass_that_was_broken_for_the_rules_all_the_same_changes_nothing() -> None:
    door = FakeDoor()
    door.directory.members = {"oncall": {ANA}, "break-glass": {MIA}}
    catalogue = Catalogue([RulesConnector(door.system)])
    execution = Execution(Gateway(replace(door.gateway.parts, catalogue=catalogue)))
    stored = proposal(action=action(agent="policy"))
    asked_by = replace(caller(), agent="policy")
    await execution.run(stored, Grant(approvers=(), broken_by=MIA), asked_by)
    assert (door.outcome.state, door.outcome.reason) == (ProposalState.DENIED, "RULES_CHANGE")
    assert door.system.acted == []
