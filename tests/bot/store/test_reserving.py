"""Limits of actions and of spending: whoever races, never more than they allow is begun."""

import asyncio
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text, update

from agents.ports import Claim
from agents.tasks import TaskState
from bot.store.controls import SqlControls
from bot.store.proposals import add_proposal
from bot.store.tables import executions, proposals, tasks
from bot.store.tasks import create_task
from policies.engine import Asked, Rule, RuleKind, RuleSet, When, decide
from policies.limits import AgentLimits, Limit, LimitReached, Limits
from policies.loader import sealed
from policies.model import EffectKind, Facts, Mode, Money, Proposal, ProposalState
from tests.bot.world import BEN, Wish, World, caller_of, done, intent, new_task, proposal_for
from tests.fakes.values import facts, rule
from tools.ports import Basis, Direction, Intent
from tools.reserving import Overtaken, Reservation, Scope

MANY, MOST = 40, 7
ASK = rule("ask", RuleKind.APPROVE, When(environment=("staging",)), Asked(n=1, groups=("oncall",)))


def limited(*more: Rule, **limits: object) -> RuleSet:
    own = AgentLimits.model_validate(limits)
    return sealed([ASK, *more], limits=Limits(agents={"incident": own}))


def wanting(proposal: Proposal, rules: RuleSet, raised: str | None = None) -> Intent:
    """Return an intent that reserves what it takes, as it was decided when nothing was done."""
    money = None if raised is None else Money.parse(raised)
    known: Facts = facts(currency=None if money is None else money.currency)
    scope = Scope(
        tenant="default",
        agent="incident",
        tool="shop_rollback",
        environment="staging",
        target="checkout",
        task_id=proposal.task_id,
        currency=None if money is None else money.currency,
        proposal_id=proposal.id,
    )
    reservation = Reservation(
        scope=scope, facts=known, decision=decide(known, rules), rules=rules, raised=money
    )
    plain = intent(proposal)
    return Intent(
        proposal=proposal,
        direction=plain.direction,
        key=plain.key,
        system=plain.system,
        baseline=plain.baseline,
        on_behalf_of=plain.on_behalf_of,
        identity="shop/SHOP_TOKEN",
        basis=Basis(reservation=reservation),
    )


async def signed(store: World, count: int) -> list[tuple[Proposal, Claim]]:
    """Return proposals of as many tasks that are signed off, each claimed by an executor."""

    def unit(connection: Connection) -> list[tuple[Proposal, Claim]]:
        return [_signed(connection, store, number) for number in range(count)]

    return await store.database.write(unit)


def _signed(connection: Connection, store: World, number: int) -> tuple[Proposal, Claim]:
    executor = f"executor-{number}"
    task, _ = create_task(connection, store.context, new_task(f"group-{number}"))
    held = {"state": TaskState.EXECUTING, "epoch": 1, "lease_owner": executor, "wake_at": None}
    connection.execute(update(tasks).where(tasks.c.id == task.id).values(**held))
    wish = Wish(effect=EffectKind.AUTO, expected_effect=None)
    proposal = proposal_for(task, 1, store.clock.now(), wish)
    add_proposal(connection, store.context, proposal)
    return proposal, Claim(task=task, worker=executor, epoch=1)


async def raced(
    store: World, pairs: list[tuple[Proposal, Claim]], intents: list[Intent]
) -> list[BaseException | None]:
    begun = (
        store.journal.begin(wanted, caller_of(claim))
        for wanted, (_, claim) in zip(intents, pairs, strict=True)
    )
    return await asyncio.gather(*begun, return_exceptions=True)


async def test_of_40_executors_exactly_as_many_begin_as_the_limit_lets(store: World) -> None:
    rules, pairs = limited(actions_an_hour=MOST), await signed(store, MANY)
    ends = await raced(store, pairs, [wanting(proposal, rules) for proposal, _ in pairs])
    stopped = [end for end in ends if isinstance(end, LimitReached)]
    assert (ends.count(None), len(stopped)) == (MOST, MANY - MOST)
    assert {end.reached.limit for end in stopped} == {Limit.ACTIONS_AN_HOUR}
    assert len(await store.rows(executions)) == MOST
    assert len(await store.rows(proposals, state="EXECUTING")) == MOST
    assert len(await store.events("intent.written")) == MOST
    # Nothing of the others is consumed: their sign-off stands.
    assert len(await store.rows(proposals, state="APPROVED")) == MANY - MOST


async def test_of_40_executors_no_more_begin_than_the_hard_rule_lets(store: World) -> None:
    when = When.model_validate({"actions_last_hour": {"min": Decimal(MOST)}})
    rules = limited(rule("too-many-actions", RuleKind.DENY, when, reason="TOO_MANY_ACTIONS"))
    pairs = await signed(store, MANY)
    ends = await raced(store, pairs, [wanting(proposal, rules) for proposal, _ in pairs])
    overtaken = [end for end in ends if isinstance(end, Overtaken)]
    assert (ends.count(None), len(overtaken)) == (MOST, MANY - MOST)
    assert {end.decision.effect for end in overtaken} == {EffectKind.DENY}
    assert {end.decision.reasons for end in overtaken} == {("TOO_MANY_ACTIONS",)}


async def test_raises_at_once_never_spend_more_and_currencies_are_never_added(
    store: World,
) -> None:
    rules = limited(spend_change_a_day={"EUR": Decimal("1000"), "USD": Decimal("250")})
    pairs = await signed(store, MANY)
    amounts = [f"{150 + number}.50 {('EUR', 'USD')[number % 2]}" for number in range(MANY)]
    wanted = [
        wanting(proposal, rules, amount)
        for (proposal, _), amount in zip(pairs, amounts, strict=True)
    ]
    ends = await raced(store, pairs, wanted)
    spent = {"EUR": Decimal(0), "USD": Decimal(0)}
    for row in await store.rows(executions):
        spent[row.raised_currency] += Decimal(row.raised_amount)
    # With any one more it would be too much, of each currency by itself.
    assert Decimal(1000 - 190) < spent["EUR"] <= 1000
    assert Decimal(250 - 190) < spent["USD"] <= 250
    assert len(await store.rows(executions)) == ends.count(None)
    reached = {end.reached.limit for end in ends if isinstance(end, LimitReached)}
    assert reached == {Limit.SPEND_CHANGE_A_DAY}


async def test_what_surely_was_not_done_gives_its_place_back(store: World) -> None:
    rules = limited(actions_an_hour=1, spend_change_a_day={"EUR": Decimal(100)})
    (first, claim), (second, other) = await signed(store, 2)
    await store.journal.begin(wanting(first, rules, "100 EUR"), caller_of(claim))
    refused: dict[str, Any] = {"reason": "REFUSED_OUTSIDE", "sentence": "No.", "left": {}}
    await store.journal.settle(done(first, ProposalState.FAILED, **refused), caller_of(claim))
    await store.journal.begin(wanting(second, rules, "100 EUR"), caller_of(other))
    assert len(await store.rows(executions, state="intent")) == 1


async def test_what_may_have_happened_keeps_its_place_and_may_be_done_again(store: World) -> None:
    rules = limited(actions_an_hour=1, spend_change_a_day={"EUR": Decimal(100)})
    (first, claim), (second, other) = await signed(store, 2)
    await store.journal.begin(wanting(first, rules, "60 EUR"), caller_of(claim))
    unclear: dict[str, Any] = {
        "reason": "NO_CLEAR_ANSWER",
        "sentence": "?",
        "left": {},
        "retry_s": 5.0,
    }
    await store.journal.settle(done(first, ProposalState.UNKNOWN, **unclear), caller_of(claim))
    (end,) = await raced(store, [(second, other)], [wanting(second, rules, "60 EUR")])
    assert isinstance(end, LimitReached)
    # Its own place is no obstacle to itself.
    await store.journal.begin(wanting(first, rules, "60 EUR"), caller_of(claim))
    assert len(await store.rows(executions)) == 1


async def test_what_was_rolled_back_raises_no_spending_any_more_and_was_an_action_all_the_same(
    store: World,
) -> None:
    rules = limited(actions_an_hour=5, spend_change_a_day={"EUR": Decimal(100)})
    (first, claim), (second, other) = await signed(store, 2)
    await store.journal.begin(wanting(first, rules, "100 EUR"), caller_of(claim))
    await store.journal.settle(done(first, ProposalState.EXECUTED), caller_of(claim))
    reservation = wanting(second, rules, "100 EUR").basis.reservation
    assert reservation is not None
    controls = SqlControls(store.context, {}, Mode.APPROVE)
    assert (await controls.counters(reservation.scope)).spend_change_today == 100
    await store.carded(first, claim.task)
    store.groups["operators"] = frozenset({BEN})
    assert (await store.roll_back(store.click(first, BEN))).refusal is None
    await store.journal.begin(intent(first, Direction.INVERSE), caller_of(claim))
    back = done(first, ProposalState.ROLLED_BACK, Direction.INVERSE)
    await store.journal.settle(back, caller_of(claim))
    counters = await controls.counters(reservation.scope)
    assert counters.spend_change_today == Decimal(0)
    assert counters.agent_actions_last_hour == 2
    await store.journal.begin(wanting(second, rules, "100 EUR"), caller_of(other))


async def test_an_hour_and_a_day_later_there_is_room_again(store: World) -> None:
    rules = limited(actions_an_hour=1, spend_change_a_day={"EUR": Decimal(100)})
    (first, claim), (second, other) = await signed(store, 2)
    await store.journal.begin(wanting(first, rules, "100 EUR"), caller_of(claim))
    for seconds, limit in ((0, Limit.ACTIONS_AN_HOUR), (3601, Limit.SPEND_CHANGE_A_DAY)):
        store.clock.forward(seconds)
        (end,) = await raced(store, [(second, other)], [wanting(second, rules, "1 EUR")])
        assert isinstance(end, LimitReached)
        assert end.reached.limit is limit
    store.clock.forward(86_400 - 3600)
    await store.journal.begin(wanting(second, rules, "1 EUR"), caller_of(other))


async def test_the_age_of_the_last_change_is_known_from_the_record_on(store: World) -> None:
    rules = limited()
    ((first, claim),) = await signed(store, 1)
    found = wanting(first, rules).basis.reservation
    assert found is not None
    controls = SqlControls(store.context, {}, Mode.APPROVE)
    store.clock.forward(500)
    assert (await controls.counters(found.scope)).last_change_age_s == 500
    await store.journal.begin(wanting(first, rules), caller_of(claim))
    store.clock.forward(60)
    others = Scope(**{**vars(found.scope), "proposal_id": None})
    assert (await controls.counters(others)).last_change_age_s == 60
    elsewhere = Scope(**{**vars(others), "target": "payments"})
    assert (await controls.counters(elsewhere)).last_change_age_s == 560


async def test_what_is_counted_is_found_by_an_index(store: World) -> None:
    """However many proposals and executions there were, a decision does not read them through."""
    ((first, _),) = await signed(store, 1)
    reservation = wanting(first, limited(), "1 EUR").basis.reservation
    assert reservation is not None
    plans = await store.database.read(
        lambda connection: [
            row.detail
            for query in (
                "SELECT task_id FROM proposals WHERE proposals.state = 'PENDING'"
                " AND proposals.tenant = 'default'",
                "SELECT 1 FROM executions WHERE agent = 'incident' AND environment = 'staging'"
                " AND started_at >= '2026'",
                "SELECT max(started_at) FROM executions WHERE target = 'a' AND environment = 'b'",
            )
            for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))
        ]
    )
    assert len(plans) == 3
    assert all("USING" in plan and "INDEX" in plan for plan in plans), plans
