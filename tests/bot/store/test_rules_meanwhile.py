"""Rules that come into force between a decision and the write that begins what it allowed."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from agents.ports import TaskChange
from agents.tasks import Task, TaskState
from bot.rulesets import SqlRuleSets
from bot.store.changes import activate
from bot.store.controls import SqlControls
from bot.store.engine import Connection, StoreError
from bot.store.journal import SqlJournal
from bot.store.records import rule_candidates, rule_sets
from bot.store.rules import digest_of, trust_first
from bot.store.tables import executions, proposals
from policies.engine import RuleKind, RuleSet, When
from policies.loader import sealed
from policies.model import EffectKind, Mode, Proposal, ProposalState
from tests.bot.store.test_freezes import SWITCH
from tests.bot.world import ANA, MIA, World, caller_of
from tests.fakes.door import FakeDoor, asks_oncall
from tests.fakes.ports import FakeDirectory
from tests.fakes.values import rule
from tools.base import Call
from tools.execution import Execution
from tools.gateway import Gateway
from tools.halts import Modes
from tools.policy import ChangeParameters
from tools.ports import Grant

ASKS_ONE = sealed([asks_oncall()])
ASKS_TWO = sealed([asks_oncall(n=2)])
ALONE = sealed([rule("alone", RuleKind.AUTO, When(tool=("fake_set",)))])
CALL = Call(key="signoff-T-9-1-forward", comment="Signoff T-9-1 (forward)")


def changed(connection: Connection, store: World, rules: RuleSet) -> None:
    """Put rules in force in the place of those of the start, as a signed-off change does."""
    replaces = connection.execute(rule_sets.select().where(rule_sets.c.is_active)).one().version
    body, now = rules.model_dump_json(), store.clock.now()
    kept = {"version": rules.version, "body": body, "proposed_at": now, "proposed_by": MIA}
    connection.execute(rule_candidates.insert().values(**kept))
    wanted = ChangeParameters(version=rules.version, sha256=digest_of(body), replaces=replaces)
    activate(connection, store.context, wanted, CALL, rules)


@dataclass
class Waiting:
    """A proposal that may begin, and the rules that the gateway decides by."""

    store: World
    door: FakeDoor
    task: Task
    proposal: Proposal

    async def tried(self, meanwhile: RuleSet | None = None) -> tuple[str, str | None]:
        """Execute once; other rules may come into force while the outside is asked."""
        self.store.clock.forward(5)
        claim = await self.store.claimed()
        people = () if self.proposal.decision.effect is EffectKind.AUTO else (ANA,)
        run = Execution(self.door.gateway).run
        running = asyncio.create_task(run(self.proposal, Grant(approvers=people), caller_of(claim)))
        if meanwhile is not None:
            while "read" not in self.door.trail:
                await asyncio.sleep(0)
            found = meanwhile
            await self.store.database.write(
                lambda connection: changed(connection, self.store, found)
            )
        await running
        await self.store.tasks.release(claim)
        row = await self.store.row(proposals, id=self.proposal.id)
        return row.state, row.reason


async def waiting(store: World, rules: RuleSet, mode: Mode = Mode.APPROVE) -> Waiting:
    """Return what is signed off, or may act alone, by rules that are in force."""
    await store.database.write(lambda connection: trust_first(connection, store.context, rules))
    door = FakeDoor()
    directory = FakeDirectory(store.clock, door.trail)
    directory.members = {"oncall": {ANA}}
    door.rules = rules
    door.gateway = Gateway(
        replace(
            door.gateway.parts,
            clock=store.clock,
            directory=directory,
            controls=SqlControls(store.context, {}, mode),
            journal=SqlJournal(store.context, Modes(usual=mode)),
        )
    )
    task = await store.task()
    claim = await store.claimed()
    await store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
    await store.tasks.advance(claim, TaskChange(state=TaskState.ANALYSING))
    made = await door.gateway.consider(SWITCH, f"{task.id}-1", caller_of(claim))
    await store.tasks.advance(claim, TaskChange(proposals=(made,)))
    await store.tasks.release(claim)
    if made.decision.effect is EffectKind.APPROVE:
        await store.carded(made, task)
        assert (await store.vote(store.click(made))).refusal is None
    door.system.faults["read"] = 0.02
    return Waiting(store=store, door=door, task=task, proposal=made)


@pytest.mark.parametrize(("before", "mode"), [(ASKS_ONE, Mode.APPROVE), (ALONE, Mode.AUTO)])
async def test_what_other_rules_decided_does_not_begin_and_is_put_before_people_by_the_new_ones(
    store: World, before: RuleSet, mode: Mode
) -> None:
    made = await waiting(store, before, mode)
    assert await made.tried(ASKS_TWO) == (ProposalState.APPROVED, "RULES_CHANGED")
    assert "act" not in made.door.trail
    assert await store.rows(executions) == []
    made.door.rules = ASKS_TWO
    assert await made.tried() == (ProposalState.SUPERSEDED, "SIGN_OFF_NOT_ENOUGH")
    assert "act" not in made.door.trail
    successor = next(
        row for row in await store.tasks.proposals(made.task.id) if row.proposal.revision == 2
    )
    assert successor.state is ProposalState.PENDING
    assert [clause.n for clause in successor.proposal.decision.clauses] == [2]


async def test_rules_that_ask_no_more_let_it_begin_at_the_next_try(store: World) -> None:
    made = await waiting(store, ASKS_ONE)
    others = sealed([asks_oncall(), rule("no-lamps", RuleKind.DENY, When(tool=("other",)))])
    assert await made.tried(others) == (ProposalState.APPROVED, "RULES_CHANGED")
    made.door.rules = others
    assert (await made.tried())[0] == ProposalState.EXECUTED
    (event,) = await store.events("intent.written")
    assert event["data"]["policy_now"] == others.version
    assert made.door.trail.count("act") == 1


async def test_as_long_as_the_gateway_decides_by_old_rules_it_waits_and_says_so_once(
    store: World,
) -> None:
    made = await waiting(store, ASKS_ONE)
    await made.tried(ASKS_TWO)
    for _ in range(3):
        assert await made.tried() == (ProposalState.APPROVED, "RULES_CHANGED")
    assert len(await store.events("tool.denied")) == 1
    store.clock.forward(2 * 3600)
    assert (await made.tried())[0] == ProposalState.EXPIRED


async def test_rules_that_were_changed_past_signoff_let_nothing_begin(store: World) -> None:
    made = await waiting(store, ASKS_ONE)

    def forged(connection: Connection) -> None:
        connection.exec_driver_sql("DROP TRIGGER rule_sets_no_update")
        connection.exec_driver_sql("UPDATE rule_sets SET body = replace(body, '1', '2')")

    await store.database.write(forged)
    with pytest.raises(StoreError, match="past Signoff"):
        await made.tried()
    assert await store.rows(executions) == []
    assert "act" not in made.door.trail


async def test_a_change_whose_answer_was_lost_decides_once_it_is_asked_about(
    store: World,
) -> None:
    def begin(connection: Connection) -> None:
        trust_first(connection, store.context, ASKS_ONE)
        changed(connection, store, ASKS_TWO)

    sets = SqlRuleSets(store.context, ASKS_ONE)
    await store.database.write(begin)
    assert not await sets.has_activated(replace(CALL, key="another"))
    assert sets.rules() == ASKS_ONE
    assert await sets.has_activated(CALL)
    assert sets.rules() == ASKS_TWO


async def test_a_comparison_that_failed_is_made_again_for_who_asks_next(store: World) -> None:
    sets, loop = SqlRuleSets(store.context, ASKS_ONE), asyncio.get_running_loop()
    ended = ThreadPoolExecutor()
    ended.shutdown()
    loop.set_default_executor(ended)
    with pytest.raises(RuntimeError, match="after shutdown"):
        await sets.comparison(ASKS_ONE, ASKS_TWO)
    loop.set_default_executor(ThreadPoolExecutor())
    assert (await sets.comparison(ASKS_ONE, ASKS_TWO)).tighter == 1
