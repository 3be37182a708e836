"""Pauses, freezes, holds and modes at the one door: whatever the rules say, and at every step."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.engine import RuleKind, RuleSet, When
from policies.facts import ActionKind, Mode
from policies.loader import sealed
from policies.model import EffectKind, ProposalState
from tests.fakes.door import FakeDoor, asks_oncall
from tests.fakes.system import FakeConnector, FakeTool
from tests.fakes.values import ANA, action, caller, facts, inverse, proposal, rule
from tests.playground.shop.world import NOON
from tests.policies.drawn import SETS
from tools.base import AnyTool
from tools.catalogue import Catalogue
from tools.execution import Execution
from tools.gateway import Gateway
from tools.halts import Halt, HaltKind, Matter, only_stops, stops, subjects
from tools.limits import Bucket, Rate
from tools.ports import Direction, Draft, Frozen, Grant, Halted
from tools.runs import Again, Undo, Word

BY_ANA = Grant(approvers=(ANA,))
OF_TASK = Halt(kind=HaltKind.TASK, by=ANA, at=NOON, reason="I want to look", task_id="T-1")
OF_OTHER = replace(OF_TASK, task_id="T-2")
OF_LAMP = Halt(
    kind=HaltKind.CAMPAIGN,
    by=ANA,
    at=NOON,
    reason="I want to look",
    campaigns=frozenset({"fake/lamp"}),
    name="lamp",
)
SWITCH = Draft(
    key="switch",
    tool="fake_set",
    parameters={"name": "lamp", "before": "old", "to": "new"},
    environment="staging",
)
OF_HELD = replace(OF_LAMP, kind=HaltKind.HOLD, task_id="T-2")
UNDO = Undo(left={"value": "new"}, done_at=NOON, person=ANA)


class Stopping(FakeTool):
    """Set the lamp, which only stops something."""

    name = "fake_stop"
    action = ActionKind.PAUSE


class WithStop(FakeConnector):
    """The fake system with a tool that only stops."""

    def tools(self) -> Sequence[AnyTool]:
        return (*super().tools(), Stopping(self.system))


@pytest.fixture
def door() -> FakeDoor:
    return FakeDoor()


async def test_a_frozen_task_goes_on_looking_and_proposes_nothing(door: FakeDoor) -> None:
    door.controls.frozen = [OF_TASK]
    seen = await door.gateway.read("E1", "lamp", "fake_read", {"name": "lamp"}, caller())
    assert seen.fault is None
    with pytest.raises(Frozen, match=f"frozen by {ANA}: I want to look"):
        await door.gateway.consider(SWITCH, "T-1-1", caller())
    assert door.trail == ["read"]


async def test_a_freeze_of_another_task_stops_nothing(door: FakeDoor) -> None:
    door.controls.frozen = [OF_OTHER]
    assert (await door.gateway.consider(SWITCH, "T-1-1", caller())).facts is not None
    await door.execution.run(proposal(), BY_ANA, caller())
    assert door.outcome.state is ProposalState.EXECUTED


@pytest.mark.parametrize("halt", [OF_TASK, OF_LAMP], ids=["task", "campaign"])
async def test_what_is_approved_waits_while_it_is_frozen(door: FakeDoor, halt: Halt) -> None:
    # No rule speaks of freezes here: the door asks the switch itself.
    door.controls.frozen = [halt]
    await door.execution.run(proposal(), BY_ANA, caller())
    outcome = door.journal.outcomes.pop()
    assert (outcome.state, outcome.reason) == (None, "FROZEN")
    assert outcome.retry_s is not None
    assert f"frozen by {ANA}" in outcome.sentence
    assert door.trail == ["settle"]
    door.controls.frozen = []
    await door.execution.run(proposal(), BY_ANA, caller())
    assert door.outcome.state is ProposalState.EXECUTED


@pytest.mark.parametrize("step", ["observe", "memberships", "read"])
@pytest.mark.parametrize("halt", [OF_TASK, OF_LAMP], ids=["task", "campaign"])
async def test_a_freeze_in_the_middle_still_stops_before_the_act(
    door: FakeDoor, halt: Halt, step: str
) -> None:
    door.controls.freezes_after = {step: halt}
    await door.execution.run(proposal(), BY_ANA, caller())
    assert (door.outcome.state, door.outcome.reason) == (None, "FROZEN")
    assert {"begin", "act"}.isdisjoint(door.trail)


async def test_a_freeze_that_a_rule_denies_too_waits_and_is_not_refused(door: FakeDoor) -> None:
    frozen = rule("frozen", RuleKind.DENY, When(frozen=True), reason="FROZEN")
    door.rules = sealed([asks_oncall(), frozen])
    door.controls.freezes_after = {"observe": OF_LAMP}
    await door.execution.run(proposal(), BY_ANA, caller())
    assert (door.outcome.state, door.outcome.reason) == (None, "FROZEN")


async def test_a_freeze_of_the_task_does_not_block_the_way_back_and_a_pause_does(
    door: FakeDoor,
) -> None:
    door.system.value = "new"
    door.controls.frozen = [OF_TASK]
    door.controls.paused = True
    await door.execution.roll_back(proposal(), UNDO, caller())
    assert door.journal.outcomes.pop().reason == "SIGNOFF_PAUSED"
    door.controls.paused = False
    await door.execution.roll_back(proposal(), UNDO, caller())
    assert door.outcome.state is ProposalState.ROLLED_BACK


@pytest.mark.parametrize("halt", [OF_LAMP, OF_HELD], ids=["freeze", "hold"])
async def test_to_undo_a_pause_does_not_start_a_frozen_campaign(door: FakeDoor, halt: Halt) -> None:
    door.system.value = "new"
    door.controls.frozen = [halt]
    # That the action itself only stopped something says nothing of its way back.
    paused = proposal(facts=facts(action=ActionKind.PAUSE))
    await door.execution.roll_back(paused, UNDO, caller())
    outcome = door.journal.outcomes.pop()
    assert (outcome.state, outcome.reason) == (None, "FROZEN")
    assert outcome.retry_s is not None
    assert f"frozen by {ANA}: I want to look" in outcome.sentence
    assert '`/signoff unfreeze campaign "lamp" REASON`' in outcome.sentence
    assert {"observe", "act"}.isdisjoint(door.trail)
    door.controls.frozen = []
    await door.execution.roll_back(paused, UNDO, caller())
    assert door.outcome.state is ProposalState.ROLLED_BACK


async def test_a_campaign_frozen_while_its_undoing_is_on_the_way_does_not_start(
    door: FakeDoor,
) -> None:
    door.system.value = "new"
    door.controls.freezes_after = {"observe": OF_LAMP}
    await door.execution.roll_back(proposal(), UNDO, caller())
    assert (door.outcome.state, door.outcome.reason) == (None, "FROZEN")
    assert {"begin", "act"}.isdisjoint(door.trail)


@pytest.mark.parametrize("halt", [OF_LAMP, OF_HELD], ids=["freeze", "hold"])
async def test_what_only_stops_a_frozen_campaign_undoes_its_start(
    door: FakeDoor, halt: Halt
) -> None:
    door.system.value = "new"
    door.controls.frozen = [halt]
    catalogue = Catalogue([WithStop(door.system)])
    execution = Execution(Gateway(replace(door.gateway.parts, catalogue=catalogue)))
    back = inverse().model_copy(update={"tool": Stopping.name})
    started = proposal(action=action(inverse=back), facts=facts(action=ActionKind.ACTIVATE))
    await execution.roll_back(started, UNDO, caller())
    assert door.outcome.state is ProposalState.ROLLED_BACK


@pytest.mark.parametrize("with_rule", [True, False])
async def test_what_is_proposed_of_a_frozen_campaign_is_denied(
    door: FakeDoor, with_rule: bool
) -> None:
    frozen = rule("frozen", RuleKind.DENY, When(frozen=True), reason="FROZEN")
    door.rules = sealed([asks_oncall(), *([frozen] if with_rule else [])])
    door.controls.frozen = [OF_LAMP]
    made = await door.gateway.consider(SWITCH, "T-1-1", caller())
    assert (made.decision.effect, made.decision.reasons) == (EffectKind.DENY, ("FROZEN",))
    assert made.decision.rules == (("frozen",) if with_rule else ())
    assert made.facts is not None
    assert made.facts.frozen is True


@pytest.mark.parametrize("with_rule", [True, False])
async def test_where_agents_only_look_nothing_is_written_whatever_the_rules_say(
    door: FakeDoor, with_rule: bool
) -> None:
    observe = rule("observe-only", RuleKind.DENY, When(mode=(Mode.OBSERVE,)), reason="MODE_OBSERVE")
    door.rules = sealed([asks_oncall(), *([observe] if with_rule else [])])
    # Set after the sign-off.
    door.controls.modes = {"staging": Mode.OBSERVE}
    await door.execution.run(proposal(), BY_ANA, caller())
    assert (door.outcome.state, door.outcome.reason) == (ProposalState.DENIED, "MODE_OBSERVE")
    assert "act" not in door.trail
    made = await door.gateway.consider(SWITCH, "T-1-1", caller())
    assert (made.decision.effect, made.decision.reasons) == (EffectKind.DENY, ("MODE_OBSERVE",))


async def test_what_was_to_act_alone_does_not_once_a_sign_off_is_wanted(door: FakeDoor) -> None:
    alone = rule("alone", RuleKind.AUTO, When(tool=("fake_set",)), asks_oncall().asked)
    door.rules = sealed([alone])
    door.controls.modes = {"staging": Mode.AUTO}
    made = await door.gateway.consider(SWITCH, "T-1-1", caller())
    assert made.decision.effect is EffectKind.AUTO
    door.controls.modes = {"staging": Mode.APPROVE}
    await door.execution.run(made, Grant(approvers=()), caller())
    assert (door.outcome.state, door.outcome.reason) == (
        ProposalState.SUPERSEDED,
        "SIGN_OFF_NOT_ENOUGH",
    )
    assert door.outcome.successor is not None
    assert door.outcome.successor.decision.effect is EffectKind.APPROVE
    assert "act" not in door.trail


async def test_the_intent_names_the_mode_that_it_was_decided_in(door: FakeDoor) -> None:
    door.controls.modes = {"staging": Mode.AUTO}
    await door.execution.run(proposal(), BY_ANA, caller())
    assert door.journal.intents[0].basis.mode is Mode.AUTO


@pytest.mark.parametrize("halt", [OF_TASK, OF_LAMP], ids=["task", "campaign"])
async def test_a_freeze_while_a_tool_waits_stops_the_next_call(door: FakeDoor, halt: Halt) -> None:
    door.system.faults["read"] = 0.03
    running = asyncio.create_task(door.execution.run(proposal(), BY_ANA, caller()))
    while "read" not in door.trail:
        await asyncio.sleep(0)
    door.controls.frozen = [halt]
    await running
    assert door.outcome.reason == "FROZEN"
    assert "act" not in door.trail


async def test_a_pause_while_a_tool_waits_stops_the_next_read(door: FakeDoor) -> None:
    door.system.faults["read"] = 0.03
    lamp = {"name": "lamp"}
    first = asyncio.create_task(door.gateway.read("E1", "x", "fake_read", lamp, caller()))
    while "read" not in door.trail:
        await asyncio.sleep(0)
    door.controls.paused = True
    assert (await first).fault is None
    with pytest.raises(Halted):
        await door.gateway.read("E2", "x", "fake_read", lamp, caller())
    assert door.trail == ["read"]


class Turn(Bucket):
    """A bucket that has a token for everybody, and notes whose turn it is."""

    def __init__(self, trail: list[str]) -> None:
        super().__init__(Rate(burst=1, per_s=1))
        self._trail = trail

    async def take(self) -> None:
        self._trail.append("turn")


class Queue(Catalogue):
    """Tools that are called in turn."""

    def __init__(self, door: FakeDoor) -> None:
        super().__init__([FakeConnector(door.system)])
        self._turn = Turn(door.trail)

    def buckets(self, name: str) -> tuple[Bucket, ...]:
        del name
        return (self._turn,)


def queued(door: FakeDoor) -> Gateway:
    """Return a gateway that is paused while its first call waits for its turn."""
    door.controls.pauses_after = "turn"
    return Gateway(replace(door.gateway.parts, catalogue=Queue(door)))


async def test_a_pause_during_the_wait_for_a_turn_stops_a_read_and_a_look(door: FakeDoor) -> None:
    gateway = queued(door)
    with pytest.raises(Halted):
        await gateway.read("E1", "x", "fake_read", {"name": "lamp"}, caller())
    assert door.trail == ["turn"]
    door.trail.clear()
    with pytest.raises(Halted):
        await gateway.consider(SWITCH, "T-1-1", caller())
    assert door.trail == ["turn"]


@pytest.mark.parametrize("what", ["run", "roll_back", "reconcile"])
async def test_a_pause_during_the_wait_for_a_turn_stops_what_was_approved(
    door: FakeDoor, what: str
) -> None:
    execution = Execution(queued(door))
    if what == "run":
        await execution.run(proposal(), BY_ANA, caller())
    elif what == "roll_back":
        await execution.roll_back(proposal(), UNDO, caller())
    else:
        await execution.reconcile(proposal(), Direction.FORWARD, Again(grant=BY_ANA), caller())
    assert (door.outcome.state, door.outcome.reason) == (None, "SIGNOFF_PAUSED")
    assert door.trail[-2:] == ["turn", "settle"]
    assert {"observe", "reconcile", "act"}.isdisjoint(door.trail)


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("in_turn", [False, True])
async def test_what_a_person_saw_is_settled_after_a_pause_and_nothing_is_called_before(
    door: FakeDoor, direction: Direction, in_turn: bool
) -> None:
    seen = Word(person=ANA, has_happened=True, signal="S-1")
    door.controls.paused = not in_turn
    held = Execution(queued(door)) if in_turn else door.execution
    with pytest.raises(Halted):
        await held.decided(proposal(), direction, seen, caller())
    assert door.trail == (["turn"] if in_turn else [])
    assert door.journal.outcomes == []
    door.controls.paused, door.controls.pauses_after = False, None
    await door.execution.decided(proposal(), direction, seen, caller())
    assert (door.outcome.reason, door.outcome.signal) == ("PERSON_SAYS_DONE", "S-1")
    assert door.outcome.left == {"value": "old"}


async def test_that_nothing_happened_is_settled_while_paused(door: FakeDoor) -> None:
    door.controls.paused = True
    word = Word(person=ANA, has_happened=False, signal="S-1")
    await door.execution.decided(proposal(), Direction.FORWARD, word, caller())
    assert door.outcome.reason == "PERSON_SAYS_NOT_DONE"
    assert door.trail == ["settle"]


@settings(max_examples=60, deadline=None)
@given(SETS, st.sampled_from(["pause", "task", "campaign"]), st.sampled_from(list(Mode)))
def test_whatever_the_rules_say_what_is_stopped_writes_nothing(
    rules: RuleSet, what: str, mode: Mode
) -> None:
    door = FakeDoor()
    door.rules = rules
    door.controls.modes = {"staging": mode}
    door.controls.paused = what == "pause"
    door.controls.frozen = {"pause": [], "task": [OF_TASK], "campaign": [OF_LAMP]}[what]

    async def tried() -> None:
        await door.execution.run(proposal(), BY_ANA, caller())
        try:
            made = await door.gateway.consider(SWITCH, "T-1-2", caller())
        except Halted:
            return
        assert made.decision.effect is EffectKind.DENY

    asyncio.run(tried())
    assert {"begin", "act"}.isdisjoint(door.trail)
    assert door.outcome.state is None


def matter(action: ActionKind | None = None) -> Matter:
    return Matter(
        tenant="default",
        task_id="T-9",
        agent="campaign",
        environment="ads",
        campaigns=subjects("adplatform", "Winter boots", {"campaign_id": "cmp-1"}),
        is_stopping=only_stops(action),
    )


@pytest.mark.parametrize(
    ("name", "is_stopped"),
    [
        ("adplatform/cmp-1", True),
        ("adplatform/Winter boots", True),
        ("elsewhere/cmp-1", False),
        ("adplatform/cmp-11", False),
        ("adplatform/winter boots", True),
        ("adplatform/Winter boot", False),
    ],
)
def test_a_campaign_is_stopped_by_its_id_or_its_name_on_its_platform(
    name: str, is_stopped: bool
) -> None:
    halt = replace(OF_LAMP, campaigns=frozenset({name}))
    assert stops(halt, matter()) is is_stopped


def test_a_hold_lets_a_pause_of_the_campaign_through_and_a_freeze_does_not() -> None:
    frozen = replace(OF_LAMP, campaigns=frozenset({"adplatform/cmp-1"}))
    held = replace(frozen, kind=HaltKind.HOLD, task_id="T-1")
    assert stops(held, matter(ActionKind.ACTIVATE))
    assert stops(held, matter(None))
    assert not stops(held, matter(ActionKind.PAUSE))
    assert stops(frozen, matter(ActionKind.PAUSE))
