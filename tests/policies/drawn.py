"""Draws rule sets and facts: few values each, so that rules meet, and unknown ones among them."""

from decimal import Decimal

from hypothesis import strategies as st

from policies.calendars import Calendar, Weekly
from policies.engine import Approved, Asked, Bounds, Rule, RuleKind, RuleSet, When
from policies.facts import ActionKind, ActorKind, Facts, Mode, Severity, Tier
from policies.loader import sealed
from tests.fakes.values import facts, rule

GROUPS = ("oncall", "operators", "sre")
CALENDARS = ("freeze", "night")

NUMBERS = st.integers(0, 4).map(Decimal)
BOUNDS = [Decimal(share) for share in ("0", "0.3", "0.5", "0.8", "1")]
SHARES = st.sampled_from(BOUNDS)
# Every share that rules with these bounds can tell apart.
STEPS = sorted([*BOUNDS, *(Decimal(share) for share in ("0.1", "0.4", "0.6", "0.9"))])
ENVIRONMENTS = ("staging", "production", "ads")
ACTIONS = (ActionKind.ROLLBACK, ActionKind.SILENCE)


def some(*values: object) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True).map(tuple)


def bounds(numbers: st.SearchStrategy[Decimal]) -> st.SearchStrategy[Bounds]:
    ends = st.lists(numbers, min_size=2, max_size=2).map(sorted)
    return st.one_of(
        numbers.map(lambda least: Bounds(min=least)),
        numbers.map(lambda most: Bounds(max=most)),
        ends.map(lambda both: Bounds(min=both[0], max=both[1])),
    )


CONDITIONS = {
    "agent": some("incident", "campaign"),
    "action": some(*ACTIONS, ActionKind.READ),
    "tool": some("shop_rollback", "another"),
    "tier": some(*Tier),
    "environment": some(*ENVIRONMENTS),
    "mode": some(*Mode),
    "severity": some(Severity.SEV1, Severity.SEV3),
    "currency": some("EUR", "USD"),
    "requester_group": some(*GROUPS),
    "in_calendar": some(*CALENDARS),
    "outside": some(*CALENDARS),
    "tainted": st.booleans(),
    "reversible": st.booleans(),
    "frozen": st.booleans(),
    "confidence": bounds(SHARES),
    "exposure": bounds(NUMBERS),
    "actions_last_hour": bounds(NUMBERS),
}
ASKED = st.builds(
    Asked,
    n=st.integers(1, 3),
    groups=st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True).map(tuple),
    then=st.sampled_from([(), (), ("sre",)]),
    expires_s=st.none() | st.sampled_from([600, 1800, 86_400]),
    self_approval=st.booleans(),
)


@st.composite
def whens(draw: st.DrawFn) -> When:
    names = draw(st.lists(st.sampled_from(sorted(CONDITIONS)), min_size=1, max_size=3, unique=True))
    return When.model_validate({name: draw(CONDITIONS[name]) for name in names})


@st.composite
def rungs(draw: st.DrawFn) -> When:
    """Draw conditions that often hold at once, and differ in the confidence that they bound."""
    few = ["environment", "severity", "tainted", "exposure"]
    names = draw(st.lists(st.sampled_from(few), max_size=1))
    if draw(st.integers(0, 3)):
        names.append("confidence")
    found = {name: draw(CONDITIONS[name]) for name in names}
    return When.model_validate(found or {"environment": ENVIRONMENTS})


@st.composite
def rules(draw: st.DrawFn, drawn: st.SearchStrategy[When] | None = None) -> Rule:
    kind = draw(st.sampled_from(RuleKind))
    needs = kind in {RuleKind.APPROVE, RuleKind.RAISE}
    has = needs or (kind is RuleKind.AUTO and draw(st.booleans()))
    rule_id = f"r-{draw(st.integers(0, 10**6))}"
    when = draw(whens() if drawn is None else drawn)
    return rule(rule_id, kind, when, draw(ASKED) if has else None, rule_id.upper())


RULES = st.lists(rules(), max_size=6, unique_by=lambda found: found.id)
# Sets in which much hangs on confidence; any rule may bound it from above, from below, or both.
LADDERS = st.lists(rules(rungs()), min_size=1, max_size=7, unique_by=lambda found: found.id).map(
    sealed
)
APPROVED = st.none() | st.lists(
    st.builds(
        Approved,
        agent=some("incident", "campaign"),
        action=some(*ACTIONS),
        environment=some(*ENVIRONMENTS),
    ),
    min_size=1,
    max_size=2,
)


def calendar(name: str, until: str) -> Calendar:
    days = ("mon", "tue", "wed")
    window = Weekly.model_validate({"days": days, "from": "08:00", "to": until})
    return Calendar(name=name, zone="UTC", weekly=(window,))


SETS = st.builds(
    lambda found, untils, approved: sealed(
        found, [calendar(*pair) for pair in zip(CALENDARS, untils, strict=True)], approved
    ),
    RULES,
    st.tuples(*(st.sampled_from(["12:00", "12:00", "18:00"]) for _ in CALENDARS)),
    APPROVED,
)


@st.composite
def changes(draw: st.DrawFn) -> tuple[RuleSet, RuleSet]:
    """Draw a set, and what somebody may have made of it: rules taken out, put in, or rewritten."""
    sets = draw(st.sampled_from([SETS, LADDERS]))
    old, other = draw(sets), draw(sets)
    kept = [one for one in old.rules if draw(st.booleans())]
    taken = {one.id for one in kept}
    added = [one for one in other.rules if one.id not in taken and draw(st.booleans())]
    approved = old.approved if draw(st.booleans()) else other.approved
    calendars = old.calendars if draw(st.booleans()) else other.calendars
    return old, sealed([*kept, *added], calendars, approved)


@st.composite
def some_facts(draw: st.DrawFn) -> Facts:
    tier = draw(st.sampled_from(Tier))
    reads = ActionKind.READ if tier is Tier.READ else draw(st.sampled_from(ACTIONS))
    return facts(
        agent=draw(st.sampled_from(["incident", "campaign", "digest"])),
        action=draw(st.sampled_from([reads, reads, None])),
        tool=draw(st.sampled_from(["shop_rollback", "third"])),
        tier=tier,
        environment=draw(st.sampled_from([*ENVIRONMENTS, "sandbox"])),
        mode=draw(st.sampled_from(Mode)),
        requester=draw(st.sampled_from(ActorKind)),
        tainted=draw(st.booleans()),
        reversible=draw(st.booleans()),
        frozen=draw(st.none() | st.booleans()),
        severity=draw(st.none() | st.sampled_from(Severity)),
        currency=draw(st.none() | st.sampled_from(["EUR", "USD", "GBP"])),
        requester_groups=draw(st.none() | st.frozensets(st.sampled_from(GROUPS))),
        calendars=draw(st.none() | st.frozensets(st.sampled_from(CALENDARS))),
        confidence=draw(st.none() | SHARES | st.just(Decimal("0.4"))),
        exposure=draw(st.none() | NUMBERS | st.just(Decimal("2.5"))),
        actions_last_hour=draw(st.none() | st.integers(0, 5)),
    )


FACTS = some_facts()
