"""How long one decision takes at 500 rules, beside a loop of dict look-ups in the same run.

Two sets of 500 rules: `by tool`, nine in ten of which name one of 25 tools, as rule files do; and
`any tool`, none of which names one, so that each is asked. A rule has three conditions more, drawn;
one in ten names a calendar or an amount. Every decision is timed alone, over facts drawn from the
names that the rules speak of; once with all of them known, and once with a third of those unknown
that may be, which leaves rules open. The reference is timed alone as often: it looks up each rule's
id in a dict, and nothing else. Only decisions are timed, not the look-ups in the database that
complete facts; and in the processor's time of the thread, so that what else runs on the machine
does not count.
"""

import itertools
import random
import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from policies.engine import Asked, Bounds, Rule, RuleKind, When, decide
from policies.facts import ActionKind, Facts, Mode, Severity, Tier
from policies.loader import sealed
from tests.benchmarks.conftest import Show
from tests.fakes.values import facts, rule

RULES, DECISIONS, SEED = 500, 5_000, 20261121
TOOLS = [f"tool_{number}" for number in range(25)]
ENVIRONMENTS = ["sandbox", "staging", "production", "ads"]
SERVICES = [f"service-{number}" for number in range(40)]
WRITES = [Tier.LOW, Tier.MEDIUM, Tier.HIGH]
ACTIONS = [ActionKind.ROLLBACK, ActionKind.SCALE, ActionKind.SILENCE, ActionKind.CREATE]
FORGOTTEN = ["service", "severity", "confidence", "blast_radius", "calendars", "exposure"]
ASKED = Asked(n=1, groups=("oncall",))


def condition(chance: random.Random) -> dict[str, Any]:
    share = Decimal(chance.randint(1, 9)) / 10
    return chance.choice(
        [
            {"environment": (chance.choice(ENVIRONMENTS),)},
            {"service": tuple(chance.sample(SERVICES, 3))},
            {"tier": (chance.choice(WRITES),)},
            {"action": (chance.choice(ACTIONS),)},
            {"severity": (Severity.SEV1, Severity.SEV2)},
            {"tainted": chance.random() < 0.5},
            {"confidence": Bounds(max=share)},
            {"blast_radius": Bounds(min=Decimal(chance.randint(1, 9)))},
        ]
    )


def drawn_rule(number: int, chance: random.Random, *, by_tool: bool) -> Rule:
    named: dict[str, Any] = {}
    for _ in range(3):
        named |= condition(chance)
    if by_tool and chance.random() < 0.9:
        named["tool"] = (chance.choice(TOOLS),)
    if chance.random() < 0.1:
        named |= chance.choice(
            [
                {"in_calendar": ("freeze", "night")},
                {"currency": ("EUR",), "exposure": Bounds(min=Decimal(1000))},
            ]
        )
    kinds = [RuleKind.APPROVE, RuleKind.APPROVE, RuleKind.RAISE, RuleKind.AUTO, RuleKind.DENY]
    kind = chance.choice(kinds)
    asked = None if kind is RuleKind.DENY else ASKED
    return rule(f"rule-{number}", kind, When.model_validate(named), asked)


def forgetful(known: Facts, chance: random.Random) -> Facts:
    """Return the facts with a third of those unknown that may be."""
    return known.model_copy(
        update=dict.fromkeys(name for name in FORGOTTEN if chance.random() < 1 / 3)
    )


def drawn_facts(chance: random.Random) -> Facts:
    return facts(
        tool=chance.choice(TOOLS),
        action=chance.choice(ACTIONS),
        tier=chance.choice(WRITES),
        environment=chance.choice(ENVIRONMENTS),
        service=chance.choice(SERVICES),
        mode=Mode.AUTO,
        severity=chance.choice([*Severity]),
        tainted=chance.random() < 0.5,
        confidence=Decimal(chance.randint(0, 100)) / 100,
        blast_radius=chance.randint(0, 10),
        calendars=frozenset(chance.sample(["freeze", "night", "peak"], 1)),
        currency="EUR",
        exposure=Decimal(chance.randint(1, 5000)),
    )


def timed(work: Callable[[int], object]) -> list[float]:
    found = []
    for number in range(DECISIONS):
        began = time.thread_time()
        work(number)
        found.append(time.thread_time() - began)
    return found


def percentiles(seconds: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(seconds, n=100)
    return cuts[49] * 1e6, cuts[98] * 1e6


def test_a_decision_at_500_rules(show: Show) -> None:
    chance = random.Random(SEED)
    known = [drawn_facts(chance) for _ in range(DECISIONS)]
    facts_of = {"known": known, "a third unknown": [forgetful(one, chance) for one in known]}
    table: list[tuple[object, ...]] = [
        ("500 rules", "p50 us", "p99 us", "dict p50 us", "dict p99 us", "ratio p50", "ratio p99")
    ]
    sets = {
        name: sealed(drawn_rule(number, chance, by_tool=by_tool) for number in range(RULES))
        for name, by_tool in (("by tool", True), ("any tool", False))
    }
    for (name, rules), (how, cases) in itertools.product(sets.items(), facts_of.items()):
        ids = [one.id for one in rules.rules]
        reasons = {one.id: one.reason for one in rules.rules}

        def look_up(_: int, ids: list[str] = ids, reasons: dict[str, str] = reasons) -> None:
            for rule_id in ids:
                reasons[rule_id]

        effects = {decide(case, rules).effect for case in cases}
        assert len(effects) > 1, "the drawn rules decide something"
        bare = percentiles(timed(look_up))
        own = percentiles(
            timed(lambda number, cases=cases, rules=rules: decide(cases[number], rules))  # type: ignore[misc] # a default is no parameter of the type
        )
        table.append((f"{name}, {how}", *own, *bare, own[0] / bare[0], own[1] / bare[1]))
    show("One decision, against looking up each rule's id in a dict", table)
