"""Whatever breaks, at whichever call: the answer is no or a stop, and nothing is done.

Every call of every port breaks in turn, with every kind of error: about 250 cases. That each is
recorded, by a real store, is in `tests/bot/test_every_fault.py`.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from policies.audit import EventKind
from policies.engine import RuleKind, When
from policies.loader import sealed
from policies.model import Actor, ActorKind, EffectKind, Mode, Proposal, ProposalState
from tests.fakes.brittle import Broken, Fuse, brittle
from tests.fakes.door import FakeDoor, asks_oncall
from tests.fakes.values import ANA, BEN, MIA, caller, proposal, rule
from tests.tools.test_deciding import SET
from tools.base import Evidence, Refused, Unavailable
from tools.execution import Execution
from tools.gateway import Gateway
from tools.ports import Grant, Halted, LostLease, RecordUnavailable

ERRORS: tuple[Callable[[], Exception], ...] = (
    Broken,
    lambda: KeyError("value"),
    lambda: OSError("disk"),
    lambda: Unavailable("no answer"),
    lambda: Refused("no"),
    TimeoutError,
    lambda: RecordUnavailable("no store"),
)
# Asked by a person, so that their groups are read.
BY_BEN = replace(caller(), requester=Actor(kind=ActorKind.HUMAN, id=BEN))


def brittle_door(fuse: Fuse) -> FakeDoor:
    """Return a door in which everything is as usual but for the fuse."""
    door = FakeDoor()
    # Asks for the requester's groups too, so that they are read.
    when = When(tool=("fake_set",), requester_group=("sre",))
    door.directory.members["sre"] = {MIA}
    door.rules = sealed([asks_oncall(), rule("not-by-sre", RuleKind.DENY, when)])
    door.gateway = Gateway(brittle(door.gateway.parts, fuse))
    door.execution = Execution(door.gateway)
    return door


@dataclass(frozen=True)
class End:
    """How it ended: an error, or what came out."""

    error: Exception | None
    made: Proposal | None = None


async def considered(door: FakeDoor) -> End:
    try:
        return End(None, await door.gateway.consider(SET, "T-1-1", BY_BEN))
    except Exception as error:  # noqa: BLE001 - how it ends is the question
        return End(error)


async def calls_of_considering() -> list[str]:
    fuse = Fuse()
    found = await considered(brittle_door(fuse))
    assert found.made is not None
    assert found.made.decision.effect is EffectKind.APPROVE
    return fuse.calls


@pytest.mark.parametrize("error", ERRORS)
async def test_a_proposal_comes_about_only_if_nothing_broke(
    error: Callable[[], Exception],
) -> None:
    calls = await calls_of_considering()
    assert len(calls) >= 12
    for place in range(len(calls)):
        fuse = Fuse(place, error)
        door = brittle_door(fuse)
        door.controls.modes["staging"] = Mode.AUTO
        found = await considered(door)
        assert fuse.blown_at is not None
        if found.made is not None:
            assert found.made.decision.effect is EffectKind.DENY, fuse.blown_at
            kinds = [event.kind for event in door.journal.events]
            assert kinds == [EventKind.DECISION_FAILED], fuse.blown_at
        assert door.system.acted == []


async def run(door: FakeDoor) -> End:
    try:
        await door.execution.run(proposal(), Grant(approvers=(ANA,)), caller())
    except Exception as error:  # noqa: BLE001 - how it ends is the question
        return End(error)
    return End(None)


@pytest.mark.parametrize("error", [*ERRORS, Halted, lambda: LostLease("gone")])
async def test_what_was_signed_off_is_done_only_if_nothing_broke_before(
    error: Callable[[], Exception],
) -> None:
    fuse = Fuse()
    door = brittle_door(fuse)
    assert (await run(door)).error is None
    assert door.outcome.state is ProposalState.EXECUTED
    # A measurement decides nothing: without one, what was before is told as unknown.
    measures, begins = fuse.calls.index("catalogue.reading"), fuse.calls.index("journal.begin")
    for place in range(len(fuse.calls)):
        broken = Fuse(place, error)
        door = brittle_door(broken)
        found = await run(door)
        assert broken.blown_at is not None
        done = [one for one in door.journal.outcomes if one.state is ProposalState.EXECUTED]
        if measures <= place < begins and done:
            assert door.journal.intents[0].baseline is None
            continue
        assert done == [], broken.blown_at
        if place <= begins:
            assert door.system.acted == [], broken.blown_at
            assert door.journal.intents == [], broken.blown_at
        else:
            # It may have happened, once, and is not told as done: the intent stands alone.
            assert len(door.system.acted) <= 1
            assert len(door.journal.intents) == 1
        assert found.error is not None or door.journal.outcomes != []


async def looked(door: FakeDoor) -> Evidence | None:
    with contextlib.suppress(Exception):
        return await door.gateway.read("E1", "lamp", "fake_read", {"name": "lamp"}, caller())
    return None


@pytest.mark.parametrize("error", ERRORS)
async def test_a_read_that_broke_anywhere_is_no_answer(error: Callable[[], Exception]) -> None:
    fuse = Fuse()
    door = brittle_door(fuse)
    evidence = await door.gateway.read("E1", "lamp", "fake_read", {"name": "lamp"}, caller())
    assert evidence.fault is None
    for place in range(len(fuse.calls)):
        door = brittle_door(broken := Fuse(place, error))
        found = await looked(door)
        # A stop is as good.
        if found is not None:
            assert found.fault is not None, broken.blown_at
            assert found.data == {}
            assert door.journal.events != []
