"""A change of the rules: proposed, signed off by others than its author, put in force once."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from agents.steps import AGAIN
from agents.tasks import TaskKind, TaskState
from bot.store.changes import UnsoundError, candidate_set
from bot.store.engine import StoreError
from bot.store.glass import break_glass
from bot.store.records import rule_candidates
from bot.store.tables import proposals, tasks
from policies.approvals import Refusal
from policies.engine import Approved, RuleKind, RuleSet, When
from policies.facts import ActionKind, Tier
from policies.limits import Limits
from policies.loader import sealed
from policies.model import ProposalState
from tests.bot.chamber import (
    BASE,
    OPERATORS,
    Chamber,
    Killed,
    chamber,
    looser,
    tighter,
    with_rules,
)
from tests.bot.world import ANA, BEN, MIA, SECRET, ZOE
from tests.fakes.values import caller, rule
from tools.base import Refused
from tools.ports import Draft


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Chamber]:
    """A few rules are in force, and three people are operators."""
    async with chamber(tmp_path / "signoff.db") as found:
        yield found


async def test_limits_alone_make_a_change_and_raising_one_takes_two(office: Chamber) -> None:
    loosening = await office.proposed(sealed(BASE.rules, limits=hourly(1000)))
    assert loosening.action.tool == "policy_loosen"
    assert sum(clause.n for clause in loosening.decision.clauses) == 2
    limiting = await office.proposed(sealed(BASE.rules, limits=hourly(10)))
    assert limiting.action.tool == "policy_activate"
    assert await office.signed(limiting, ANA) is ProposalState.VERIFIED
    assert office.sets.rules().limits == hourly(10)


def hourly(actions: int) -> Limits:
    """Return the shipped limits with another number of actions an hour."""
    assert BASE.limits is not None
    said = BASE.limits.model_dump_json()
    assert '"actions_an_hour":100' in said
    changed = said.replace('"actions_an_hour":100', f'"actions_an_hour":{actions}')
    return Limits.model_validate_json(changed)


async def test_one_operator_puts_a_tighter_set_in_force_for_the_next_decision(
    office: Chamber,
) -> None:
    proposal = await office.proposed(tighter())
    assert proposal.action.tool == "policy_activate"
    assert proposal.title == "Change the policy: 0 looser, 1 tighter"
    assert [(clause.n, clause.groups) for clause in proposal.decision.clauses] == [
        (1, ("operators",))
    ]
    assert office.sets.rules() == BASE, "proposing alone changes nothing"
    assert await office.signed(proposal, ANA) is ProposalState.VERIFIED
    assert office.sets.rules().version == tighter().version
    assert await office.kept() == office.sets.rules()
    (event,) = (await office.store.events("policy.activated"))[1:]
    assert (event["proposal_id"], event["parent"]) == (proposal.id, MIA)
    assert event["data"]["on_behalf_of"] == ANA
    assert event["data"]["digest"] == proposal.action.parameters["sha256"]
    assert event["task_id"] == proposal.task_id


async def test_a_looser_set_needs_two_operators(office: Chamber) -> None:
    proposal = await office.proposed(looser())
    assert proposal.action.tool == "policy_loosen"
    assert proposal.decision.people == 2
    assert proposal.worst_case is not None
    assert "Looser: unsure-production; was: it needs 3 of oncall/operators" in proposal.worst_case
    assert await office.signed(proposal, ANA) is ProposalState.PENDING
    assert office.sets.rules() == BASE
    assert await office.signed(proposal, BEN) is ProposalState.VERIFIED
    assert office.sets.rules().version == looser().version


@pytest.mark.parametrize("author", [ANA, MIA])
async def test_its_author_never_signs_it_off(office: Chamber, author: str) -> None:
    proposal = await office.proposed(tighter(), author)
    answer = await office.store.vote(office.store.click(proposal, author))
    assert answer.refusal is Refusal.IS_REQUESTER
    assert await office.signed(proposal) is ProposalState.PENDING
    assert await office.signed(proposal, ZOE) is ProposalState.VERIFIED


async def test_nobody_chooses_the_way_that_asks_fewer(office: Chamber) -> None:
    made = await office.proposed(looser())
    draft = Draft(
        key="policy",
        tool="policy_activate",
        parameters=made.action.parameters,
        environment="signoff",
    )
    with pytest.raises(Refused, match=r"lets more through \(1 looser, 0 tighter\)"):
        await office.gateway.consider(draft, "T-1-1", caller("policy"))


async def test_another_agent_can_not_change_the_rules(office: Chamber) -> None:
    made = await office.proposed(tighter())
    draft = Draft(
        key="policy",
        tool="policy_activate",
        parameters=made.action.parameters,
        environment="signoff",
    )
    with pytest.raises(Refused, match="TOOL_NOT_FOR_AGENT"):
        await office.gateway.consider(draft, "T-1-1", caller("incident"))
    (event,) = await office.store.events("tool.denied")
    assert event["reasons"] == ["TOOL_NOT_FOR_AGENT"]


async def test_of_two_changes_the_second_drifts_after_the_first(office: Chamber) -> None:
    first, second = [await office.proposed(tighter(name)) for name in ("ask-sre", "ask-more")]
    assert await office.signed(first, ANA) is ProposalState.VERIFIED
    assert await office.signed(second, ANA) is ProposalState.DRIFTED
    assert office.sets.rules().version == tighter("ask-sre").version
    assert await office.activations() == [BASE.version, tighter("ask-sre").version]


@pytest.mark.parametrize("point", ["signoff.checked", "intent.written", "effect.done"])
async def test_killed_on_the_way_it_is_in_force_once(tmp_path: Path, point: str) -> None:
    path = tmp_path / "signoff.db"
    async with chamber(path) as before:
        proposal = await before.proposed(looser())
        before.dies_at.append(point)
        with pytest.raises(Killed):
            await before.signed(proposal, ANA, BEN)
    async with chamber(path) as after:
        is_done = point == "effect.done"
        assert after.sets.rules().version == (looser() if is_done else BASE).version
        await after.work()
        # What became of it is unknown until the thread had time to say so.
        after.store.clock.forward(60)
        await after.work()
        assert (await after.store.standing(proposal)).state is ProposalState.VERIFIED
        assert after.sets.rules().version == looser().version
        assert await after.activations() == [BASE.version, looser().version]


async def test_one_click_goes_back_to_the_rules_of_before(office: Chamber) -> None:
    proposal = await office.proposed(looser())
    await office.signed(proposal, ANA, BEN)
    office.store.clock.forward(23 * 3600)
    assert (await office.store.roll_back(office.store.click(proposal, ZOE))).refusal is None
    await office.work()
    assert (await office.store.standing(proposal)).state is ProposalState.ROLLED_BACK
    assert office.sets.rules() == BASE == await office.kept()
    assert await office.activations() == [BASE.version, looser().version, BASE.version]
    again = await office.proposed(looser())
    assert again.id != proposal.id, "what was taken back can be proposed again"


async def test_going_back_is_refused_once_something_else_is_in_force(office: Chamber) -> None:
    first = await office.proposed(tighter())
    await office.signed(first, ANA)
    second = await office.proposed(tighter("ask-more"))
    await office.signed(second, ANA)
    assert office.sets.rules().version == tighter("ask-more").version
    assert (await office.store.roll_back(office.store.click(first, ZOE))).refusal is None
    await office.work()
    assert (await office.store.standing(first)).state is ProposalState.VERIFIED
    assert office.sets.rules().version == tighter("ask-more").version


async def test_going_back_is_over_after_a_day(office: Chamber) -> None:
    proposal = await office.proposed(tighter())
    await office.signed(proposal, ANA)
    office.store.clock.forward(25 * 3600)
    answer = await office.store.roll_back(office.store.click(proposal, ZOE))
    assert answer.refusal is Refusal.WINDOW_CLOSED


def rewritten(path: Path, *statements: str) -> None:
    """Change a database past Signoff, guards and all."""
    with closing(sqlite3.connect(path)) as db, db:
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        """UPDATE rule_candidates SET body = replace(body, '["oncall"]', '["marketing"]')""",
        "UPDATE rule_candidates SET body = 'no rules'",
        "DELETE FROM rule_candidates",
    ],
)
async def test_a_proposed_set_that_was_changed_in_the_database_is_not_put_in_force(
    office: Chamber, statement: str
) -> None:
    proposal = await office.proposed(looser())
    rewritten(office.store.path, statement)
    assert await office.signed(proposal, ANA, BEN) is ProposalState.FAILED
    assert office.sets.rules() == BASE
    assert await office.activations() == [BASE.version]
    row = await office.store.standing(proposal)
    assert row.state is ProposalState.FAILED


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rule_candidates SET body = '{}'",
        "DELETE FROM rule_candidates",
        "REPLACE INTO rule_candidates SELECT * FROM rule_candidates",
    ],
)
async def test_a_proposed_set_is_guarded(office: Chamber, statement: str) -> None:
    await office.proposed(tighter())
    with pytest.raises(Exception, match="never changed"):
        await office.store.database.write(
            lambda connection: connection.exec_driver_sql(statement).rowcount
        )


@pytest.mark.parametrize(
    "statement",
    [
        # Back to rules that were in force once, without anybody's sign-off.
        "UPDATE rule_sets SET is_active = (version <> (SELECT version FROM rule_sets"
        " WHERE is_active))",
        # Then the next start would trust the files.
        "UPDATE rule_sets SET is_active = 0",
        "UPDATE rule_sets SET is_active = 1",
    ],
)
async def test_which_rules_are_in_force_can_not_be_turned_past_signoff(
    tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "signoff.db"
    async with chamber(path) as office:
        await office.signed(await office.proposed(tighter()), ANA)
        waiting = await office.proposed(tighter("ask-more"))
        rewritten(path, statement)
        state = await office.signed(waiting, ANA)
        assert state is ProposalState.FAILED
    with pytest.raises(StoreError, match="changed in the database, past Signoff"):
        async with chamber(path):
            pass


async def test_the_rules_in_force_and_those_that_wait_are_not_proposed_again(
    office: Chamber,
) -> None:
    same = await office.propose(BASE)
    assert same.task_id is None
    first = await office.propose(tighter())
    again = await office.propose(tighter(), BEN)
    assert (again.is_new, again.task_id) == (False, first.task_id)
    assert again.proposal_id == f"{first.task_id}-1"
    assert len(await office.store.rows(rule_candidates)) == 1


async def test_rules_that_were_in_force_before_come_back_as_a_proposal(office: Chamber) -> None:
    await office.signed(await office.proposed(tighter()), ANA)
    back = await office.proposed(BASE)
    assert back.action.tool == "policy_loosen", "it takes away what was added"
    assert await office.signed(back, ANA, BEN) is ProposalState.VERIFIED
    assert office.sets.rules() == BASE == await office.kept()


async def test_a_candidate_that_lies_there_under_a_false_name_is_not_used(office: Chamber) -> None:
    values = {
        "version": tighter().version,
        "body": looser().model_dump_json(),
        "proposed_at": office.store.clock.now(),
        "proposed_by": MIA,
    }
    await office.store.database.write(lambda c: c.execute(rule_candidates.insert(), values))
    with pytest.raises(UnsoundError, match="changed in the database past Signoff"):
        await office.propose(tighter())
    with pytest.raises(UnsoundError, match="changed in the database past Signoff"):
        await office.store.database.read(lambda c: candidate_set(c, tighter().version, BASE))


async def test_rules_that_hold_a_secret_are_not_kept(office: Chamber) -> None:
    leak = rule("leak", RuleKind.DENY, When(target=(SECRET,)))
    with pytest.raises(UnsoundError, match="hold a secret"):
        await office.propose(with_rules(leak))
    assert await office.store.rows(rule_candidates) == []


def cluttered() -> RuleSet:
    """Return rules that name too many groups to compare them with others."""
    groups = tuple(f"group-{number}" for number in range(9))
    return with_rules(rule("x", RuleKind.DENY, When(requester_group=groups)))


async def test_what_can_not_be_compared_counts_as_looser(office: Chamber) -> None:
    proposal = await office.proposed(cluttered())
    assert proposal.action.tool == "policy_loosen"
    assert proposal.title == "Change the policy: can't be compared, so it counts as looser"
    assert await office.signed(proposal, ANA) is ProposalState.PENDING


async def test_the_approved_actions_of_a_folder_do_not_shut_a_change_out(office: Chamber) -> None:
    row = Approved(agent=("incident",), action=(ActionKind.ROLLBACK,), environment=("staging",))
    narrow = sealed(BASE.rules, approved=[row])
    await office.signed(await office.proposed(narrow), ANA)
    assert office.sets.rules().approved == (row,)
    assert await office.signed(await office.proposed(BASE), ANA, BEN) is ProposalState.VERIFIED


async def test_a_change_after_which_nobody_could_change_the_rules_says_so(
    office: Chamber,
) -> None:
    locked = with_rules(
        rule("no-high-risk", RuleKind.DENY, When(agent=("policy",), tier=(Tier.HIGH,)))
    )
    proposal = await office.proposed(locked)
    assert proposal.worst_case is not None
    assert "could not be signed off any more: denied by `no-high-risk`" in proposal.worst_case
    await office.signed(proposal, ANA)
    (denied,) = await office.store.tasks.proposals(str((await office.propose(tighter())).task_id))
    assert denied.state is ProposalState.DENIED
    # The sign-off covers the way back, which asks no rule.
    assert (await office.store.roll_back(office.store.click(proposal, ZOE))).refusal is None
    await office.work()
    assert office.sets.rules() == BASE


async def test_too_few_operators_are_told_before_the_sign_off(tmp_path: Path) -> None:
    async with chamber(tmp_path / "signoff.db", frozenset({ANA})) as office:
        proposal = await office.proposed(tighter())
        assert proposal.worst_case is not None
        assert "A looser change of these rules could not be signed" in proposal.worst_case
        assert "`operators` has 1" in proposal.worst_case
    assert len(OPERATORS) > 2


async def test_an_undo_asks_for_an_operator(office: Chamber) -> None:
    proposal = await office.proposed(tighter())
    await office.signed(proposal, ANA)
    answer = await office.store.roll_back(office.store.click(proposal, MIA))
    assert answer.refusal is Refusal.NOT_IN_GROUP


async def test_nobody_breaks_the_glass_for_a_change_of_the_rules(office: Chamber) -> None:
    office.store.groups["break-glass"] = frozenset({MIA, BEN})
    proposal = await office.proposed(looser(), MIA)
    for person in (MIA, BEN):
        click, groups = office.store.click(proposal, person), office.store.memberships()
        context, why = office.store.context, "because I say so, alone"
        breaking = partial(
            break_glass, context=context, click=click, memberships=groups, reason=why
        )
        answer = await office.store.database.write(breaking)
        assert answer.refusal is Refusal.RULES_CHANGE
    await office.work()
    assert (await office.store.standing(proposal)).state is ProposalState.PENDING
    assert office.sets.rules() == BASE


async def test_a_change_that_nobody_answers_expires_and_says_how_to_ask_again(
    office: Chamber,
) -> None:
    proposal = await office.proposed(tighter())
    office.store.clock.at = proposal.expires_at
    await office.work()
    row = await office.store.row(proposals, id=proposal.id)
    assert (row.state, row.reason) == (ProposalState.EXPIRED, "NO_ANSWER_IN_TIME")
    assert row.sentence.endswith("`/signoff policy propose` proposes the files anew.")
    assert (await office.store.row(tasks)).state == TaskState.EXPIRED
    assert await office.store.events("task.failed") == []
    assert office.sets.rules() == BASE


def test_whatever_nobody_answered_says_how_it_is_asked_for_again() -> None:
    assert set(AGAIN) == set(TaskKind)
