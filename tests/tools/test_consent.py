"""A sign-off is held against its card and against the rules of now; what lacks goes to people."""

from datetime import timedelta

import pytest

from policies.approvals import Voter
from policies.engine import Asked, Rule, RuleKind, When
from policies.ladder import narrowed, widened
from policies.loader import sealed
from policies.model import (
    ActorKind,
    Clause,
    EffectKind,
    Mode,
    Precondition,
    Proposal,
    ProposalState,
)
from tests.fakes.door import FakeDoor, asks_oncall, denies_everything
from tests.fakes.values import ANA, BEN, MIA, action, caller, clause, decision, proposal, rule
from tools.base import Refused, Unavailable
from tools.consent import asking_people, successor_id
from tools.ports import Direction, Grant, Outcome
from tools.runs import Again

BY_ANA = Grant(approvers=(ANA,))
OLD = proposal(requesters=(MIA,), editable=("to",), rationale="it is dark")


@pytest.fixture
def door() -> FakeDoor:
    made = FakeDoor()
    made.directory.members = {"oncall": {ANA, BEN}, "operators": {BEN}}
    return made


async def run(door: FakeDoor, old: Proposal = OLD, grant: Grant = BY_ANA) -> Outcome:
    await door.execution.run(old, grant, caller())
    return door.outcome


def successor(outcome: Outcome) -> Proposal:
    assert outcome.state is ProposalState.SUPERSEDED
    assert outcome.successor is not None
    return outcome.successor


async def test_rules_that_ask_more_put_it_before_people_again(door: FakeDoor) -> None:
    door.rules = sealed([asks_oncall(n=2)])
    outcome = await run(door)
    new = successor(outcome)
    assert (new.id, new.key, new.revision, new.replaces) == ("T-1-1.2", "switch", 2, "T-1-1")
    assert [(item.n, item.groups) for item in new.decision.clauses] == [(2, ("oncall",))]
    assert (new.requesters, new.editable, new.rationale) == (("T1/UMIA",), ("to",), "it is dark")
    assert new.action.hash != OLD.action.hash
    assert new.anew is not None
    assert "2 of `oncall` (rule `ask-oncall`)" in new.anew
    assert f"The policy is `{door.rules.version}` now, and was `v`." in new.anew
    assert new.anew in outcome.sentence
    assert outcome.data == {"policy_of_card": "v", "policy_now": door.rules.version}
    assert "act" not in door.trail


async def test_another_group_that_is_asked_by_now_is_asked(door: FakeDoor) -> None:
    asked = Asked(n=1, groups=("operators",))
    more = rule("ask-operators", RuleKind.RAISE, When(tool=("fake_set",)), asked)
    door.rules = sealed([asks_oncall(), more])
    new = successor(await run(door))
    assert set(new.decision.groups) == {"oncall", "operators"}


@pytest.mark.parametrize(("requester", "is_denied"), [(MIA, True), ("system:schedule", False)])
async def test_it_is_decided_again_as_asked_by_who_asked_for_it_not_for_its_task(
    door: FakeDoor, requester: str, is_denied: bool
) -> None:
    # Asked for in the task of an alert, as what is proposed again or to be undone is.
    asked = OLD.model_copy(update={"action": action(requester=requester)})
    of_people = When(tool=("fake_set",), requester=(ActorKind.HUMAN,))
    door.rules = sealed([asks_oncall(), rule("no-people", RuleKind.DENY, of_people)])
    outcome = await run(door, asked)
    assert (outcome.state is ProposalState.DENIED) is is_denied
    assert (door.system.acted == []) is is_denied


async def test_what_asks_anew_was_asked_for_by_the_same_person(door: FakeDoor) -> None:
    asked = OLD.model_copy(update={"action": action(requester=MIA)})
    of_people = When(tool=("fake_set",), requester=(ActorKind.HUMAN,))
    two = Asked(n=2, groups=("oncall",))
    door.rules = sealed([asks_oncall(), rule("two", RuleKind.RAISE, of_people, two)])
    new = successor(await run(door, asked))
    assert (new.action.requester, new.requesters) == (MIA, (MIA,))
    assert new.facts is not None
    assert new.facts.requester is ActorKind.HUMAN
    assert "two" in new.decision.rules


async def test_rules_that_allow_it_alone_do_not_make_up_for_a_lost_sign_off(
    door: FakeDoor,
) -> None:
    door.controls.modes = {"staging": Mode.AUTO}
    door.rules = sealed([rule("alone", RuleKind.AUTO, When(tool=("fake_set",)))])
    nobody = Grant(approvers=())
    outcome = await run(door, grant=nobody)
    new = successor(outcome)
    assert new.decision.effect is EffectKind.APPROVE
    assert new.decision.clauses


async def test_it_goes_back_only_while_it_starts_from_the_same_state(door: FakeDoor) -> None:
    door.rules = sealed([asks_oncall(n=2)])
    stricter = replace_preconditions(OLD, Precondition(field="value", value="old"))
    new = successor(await run(door, stricter))
    assert [str(item) for item in new.action.preconditions] == ["value is old"]


def replace_preconditions(old: Proposal, *items: Precondition) -> Proposal:
    return old.model_copy(update={"action": action(preconditions=items)})


async def test_a_policy_that_denies_still_ends_it(door: FakeDoor) -> None:
    door.rules = sealed([asks_oncall(n=2), denies_everything()])
    outcome = await run(door)
    assert (outcome.state, outcome.successor) == (ProposalState.DENIED, None)
    assert outcome.data == {"policy_of_card": "v", "policy_now": door.rules.version}


async def test_while_signoff_is_paused_nothing_is_asked_anew(door: FakeDoor) -> None:
    door.rules = sealed([asks_oncall(n=2)])
    door.controls.pauses_after = "memberships"
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (None, "SIGNOFF_PAUSED")
    assert outcome.successor is None


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        (Unavailable("answered 503"), None, "NO_ANSWER"),
        (Refused("no such lamp"), ProposalState.DENIED, "SIGN_OFF_NOT_ENOUGH"),
    ],
)
async def test_what_cannot_be_asked_anew_is_told(
    door: FakeDoor, fault: Exception, state: ProposalState | None, reason: str
) -> None:
    door.rules = sealed([asks_oncall(n=2)])
    door.system.faults["observe"], door.system.spared["observe"] = fault, 1
    outcome = await run(door)
    assert (outcome.state, outcome.reason, outcome.successor) == (state, reason, None)
    assert "act" not in door.trail


async def test_both_the_card_and_the_rules_of_now_must_be_held(door: FakeDoor) -> None:
    card = OLD.model_copy(update={"decision": decision(clause(2, "oncall"))})
    assert successor(await run(door, card)).decision.clauses[0].n == 1
    assert "Not enough of those" in door.outcome.sentence


async def test_the_intent_says_under_which_policy_it_was_decided_again(door: FakeDoor) -> None:
    await run(door)
    (intent,) = door.journal.intents
    assert intent.basis.policy == door.rules.version
    assert intent.proposal.decision.policy_version == "v"


@pytest.mark.parametrize(
    ("name", "revision", "then"),
    [
        ("T-1-1", 1, "T-1-1.2"),
        ("T-1-1.2", 2, "T-1-1.3"),
        ("T-1-4", 3, "T-1-4.4"),
        ("T-1-1.2.undo", 1, "T-1-1.2.undo.2"),
        ("T-1-1.2.undo3", 3, "T-1-1.2.undo3.4"),
    ],
)
def test_what_follows_has_an_id_that_nothing_else_has(name: str, revision: int, then: str) -> None:
    assert successor_id(OLD.model_copy(update={"id": name, "revision": revision})) == then


async def test_an_unknown_effect_that_surely_did_not_happen_is_asked_anew_too(
    door: FakeDoor,
) -> None:
    door.rules = sealed([asks_oncall(n=2)])
    again = Again(grant=BY_ANA)
    await door.execution.reconcile(OLD, Direction.FORWARD, again, caller())
    assert successor(door.outcome).revision == 2


CLOSED, GUEST = Voter(id=ANA, is_deleted=True), Voter(id=ANA, is_guest=True)
# Slack answers that it knows nobody like that.
GONE = Voter(id=ANA, is_known=False, is_deleted=True)
UNHEARD = Voter(id=ANA, is_known=False)


@pytest.mark.parametrize(
    ("now", "why"), [(CLOSED, "deactivated"), (GONE, "deactivated"), (GUEST, "a guest")]
)
async def test_whose_account_was_closed_after_they_signed_counts_no_more(
    door: FakeDoor, now: Voter, why: str
) -> None:
    door.directory.people = {ANA: now}
    new = successor(await run(door))
    assert new.anew is not None
    assert f"The sign-off of {ANA} counts no more" in new.anew
    assert why in new.anew
    assert [(item.n, item.groups) for item in new.decision.clauses] == [(1, ("oncall",))]
    assert "act" not in door.trail


async def test_who_left_the_group_is_named_on_the_new_card(door: FakeDoor) -> None:
    door.directory.members = {"oncall": {BEN}}
    new = successor(await run(door))
    assert new.anew is not None
    assert f"The sign-off of {ANA} counts no more: they left the groups" in new.anew


async def test_who_may_be_in_a_group_that_is_not_known_is_not_told_to_have_left(
    door: FakeDoor,
) -> None:
    door.directory.members = {"oncall": {ANA}, "sre": {BEN}}
    door.directory.unreadable = {"sre"}
    card = OLD.model_copy(update={"decision": decision(clause(1, "oncall", "sre"))})
    door.rules = sealed([asks_oncall(n=2)])
    outcome = await run(door, card, Grant(approvers=(ANA, BEN)))
    assert successor(outcome).anew is not None
    assert "they left" not in outcome.sentence


async def test_while_nobody_says_who_signed_off_it_waits(door: FakeDoor) -> None:
    door.directory.people = {ANA: UNHEARD}
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (None, "PERSON_UNREADABLE")
    assert outcome.retry_s is not None
    assert "act" not in door.trail


@pytest.mark.parametrize("other", [UNHEARD, CLOSED])
async def test_a_sign_off_that_is_enough_without_them_holds_and_does_not_name_them(
    door: FakeDoor, other: Voter
) -> None:
    door.directory.people = {ANA: other}
    outcome = await run(door, grant=Grant(approvers=(ANA, BEN)))
    assert outcome.state is ProposalState.EXECUTED
    assert named(door) == {BEN}


async def test_who_left_the_group_is_not_named_where_another_sign_off_is_enough(
    door: FakeDoor,
) -> None:
    door.directory.members = {"oncall": {BEN}}
    outcome = await run(door, grant=Grant(approvers=(ANA, BEN)))
    assert outcome.state is ProposalState.EXECUTED
    assert named(door) == {BEN}


async def test_whoever_counts_for_the_card_or_for_the_rules_of_now_is_named(
    door: FakeDoor,
) -> None:
    door.directory.members = {"oncall": {ANA}, "operators": {BEN}}
    card = OLD.model_copy(update={"decision": decision(clause(1, "oncall"))})
    asked = Asked(n=1, groups=("operators",))
    door.rules = sealed([rule("ask-operators", RuleKind.APPROVE, When(tool=("fake_set",)), asked)])
    outcome = await run(door, card, Grant(approvers=(BEN, ANA)))
    assert outcome.state is ProposalState.EXECUTED
    assert named(door) == {f"{BEN}, {ANA}"}


def named(door: FakeDoor) -> set[str]:
    """Return on whose behalf the outside was called, and as which the intent stands."""
    (call,), (intent,) = door.system.acted, door.journal.intents
    return {call.on_behalf_of, intent.on_behalf_of}


BY_MIA = OLD.model_copy(update={"action": action(requester=MIA)})
OF_SRE = When(tool=("fake_set",), requester_group=("sre",))
DENIES_SRE = rule("not-sre", RuleKind.DENY, OF_SRE, reason="NOT_SRE")
LETS_SRE = rule("sre-only", RuleKind.APPROVE, OF_SRE, Asked(n=1, groups=("oncall",)))
ASKS_TWO = rule("sre-two", RuleKind.RAISE, OF_SRE, Asked(n=2, groups=("oncall",)))


@pytest.mark.parametrize(
    "rules", [[asks_oncall(), DENIES_SRE], [LETS_SRE], [asks_oncall(), ASKS_TWO]]
)
async def test_while_nobody_says_in_which_group_whoever_asked_is_it_waits(
    door: FakeDoor, rules: list[Rule]
) -> None:
    door.rules = sealed(rules)
    door.directory.unreadable = {"sre"}
    outcome = await run(door, BY_MIA)
    assert (outcome.state, outcome.reason) == (None, "GROUP_UNREADABLE")
    assert outcome.sentence.startswith("Can't read now which groups whoever asked is in")
    assert outcome.retry_s is not None
    assert "act" not in door.trail


@pytest.mark.parametrize(
    ("rules", "members", "state"),
    [
        ([asks_oncall(), DENIES_SRE], {MIA}, ProposalState.DENIED),
        ([asks_oncall(), DENIES_SRE], {BEN}, ProposalState.EXECUTED),
        ([LETS_SRE], {MIA}, ProposalState.EXECUTED),
        ([LETS_SRE], {BEN}, ProposalState.DENIED),
        ([asks_oncall(), ASKS_TWO], {MIA}, ProposalState.SUPERSEDED),
        ([asks_oncall(), ASKS_TWO], {BEN}, ProposalState.EXECUTED),
    ],
)
async def test_once_it_is_known_in_which_group_whoever_asked_is_it_ends(
    door: FakeDoor, rules: list[Rule], members: set[str], state: ProposalState
) -> None:
    door.rules = sealed(rules)
    door.directory.members["sre"] = members
    assert (await run(door, BY_MIA)).state is state


@pytest.mark.parametrize(
    "rules", [[asks_oncall(), DENIES_SRE, denies_everything()], [asks_oncall(n=3), ASKS_TWO]]
)
async def test_what_no_group_of_whoever_asked_could_change_does_not_wait(
    door: FakeDoor, rules: list[Rule]
) -> None:
    door.rules = sealed(rules)
    door.directory.unreadable = {"sre"}
    outcome = await run(door, BY_MIA)
    assert outcome.state in {ProposalState.DENIED, ProposalState.SUPERSEDED}


async def test_what_waits_for_the_groups_of_whoever_asked_ends_in_time(door: FakeDoor) -> None:
    door.rules = sealed([asks_oncall(), DENIES_SRE])
    door.directory.unreadable = {"sre"}
    door.clock.at = BY_MIA.action.not_after
    outcome = await run(door, BY_MIA)
    assert (outcome.state, outcome.reason) == (ProposalState.EXPIRED, "TOO_LATE")
    assert "act" not in door.trail


async def test_what_slack_said_of_who_signed_off_gets_old_as_groups_do(door: FakeDoor) -> None:
    door.directory.person_age_s = 45
    await run(door)
    (intent,) = door.journal.intents
    assert intent.basis.read_at == door.clock.now() - timedelta(seconds=45)


@pytest.mark.parametrize(
    ("now", "state", "reason"),
    [
        (CLOSED, ProposalState.DENIED, "MAY_NOT_DECIDE"),
        (GUEST, ProposalState.DENIED, "MAY_NOT_DECIDE"),
        (UNHEARD, None, "PERSON_UNREADABLE"),
    ],
)
async def test_a_glass_that_was_broken_by_who_may_decide_nothing_any_more_lets_nothing_through(
    door: FakeDoor, now: Voter, state: ProposalState | None, reason: str
) -> None:
    door.directory.members["break-glass"] = {ANA}
    door.directory.people = {ANA: now}
    outcome = await run(door, grant=Grant(approvers=(), broken_by=ANA))
    assert (outcome.state, outcome.reason) == (state, reason)
    assert "act" not in door.trail


def test_a_card_in_the_place_of_a_widened_one_asks_the_next_groups_in_its_own_time() -> None:
    first = Clause(rule="a-rule", n=1, groups=("oncall",), then=("sre",))
    old = widened(OLD.model_copy(update={"decision": decision(first)}))
    assert old.decision.groups == ("oncall", "sre")
    alone = decision().model_copy(update={"effect": EffectKind.AUTO})
    new = asking_people(OLD.model_copy(update={"decision": alone}), old)
    assert new.decision.clauses == (first,)
    only = Clause(rule="a-rule", n=1, groups=("oncall",), then=("oncall",))
    assert narrowed((only,)) == (only,)
