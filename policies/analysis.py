"""Answers questions about a rule set: the decision matrix, and rules that nobody could satisfy."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from policies.engine import Rule, RuleKind, RuleSet, decide
from policies.model import ActionKind, ActorKind, Decision, Facts, Mode, Money, Severity, Tier
from policies.vocabulary import Does, advice


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A writing tool as the matrix sees it."""

    tool: str
    tier: Tier
    action: ActionKind | None = None
    agents: tuple[str, ...]
    is_reversible: bool
    # The only environment it is ever used in, where there is just one.
    only_in: str | None = None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One line of the matrix."""

    agent: str
    tool: str
    environment: str
    decision: Decision


def matrix(
    rules: RuleSet,
    subjects: Iterable[Subject],
    agents: Iterable[str],
    environments: Iterable[str],
    mode: Callable[[str], Mode] = lambda _: Mode.AUTO,
) -> list[Cell]:
    """Return what is decided for each agent, tool and environment in the ordinary case.

    Ordinary means: in the mode of the environment, not paused or frozen, untainted, full
    confidence, no calendar holds, nothing else happened within the hour, and a small amount.
    """
    names, places = list(agents), list(environments)
    return [
        Cell(
            agent=agent,
            tool=subject.tool,
            environment=environment,
            decision=decide(_ordinary(agent, subject, environment, mode(environment)), rules),
        )
        for subject in subjects
        for agent in names
        # A tool that is not for an agent is refused before any rule is asked.
        if agent in subject.agents
        for environment in (places if subject.only_in is None else [subject.only_in])
    ]


@dataclass(frozen=True, kw_only=True)
class Dead:
    """A rule that can't do what it says: never, or only in some cases."""

    is_always: bool
    words: str


def unsatisfiable(rules: RuleSet, sizes: Mapping[str, int]) -> list[Dead]:
    """Return the rules that nobody could satisfy with groups of these sizes, and why."""
    found: list[Dead] = []
    for rule in rules.rules:
        if rule.asked is None:
            continue
        unknown = [name for name in (*rule.asked.groups, *rule.asked.then) if name not in sizes]
        people = sum(sizes.get(name, 0) for name in rule.asked.groups)
        asked = ", ".join(f"`{name}`" for name in rule.asked.groups)
        if unknown:
            names = ", ".join(f"`{name}`" for name in unknown)
            words = f"rule `{rule.id}` asks {names}, which signoff.yaml does not define"
            found.append(Dead(is_always=True, words=words))
        elif people < rule.asked.n:
            words = f"rule `{rule.id}` asks {rule.asked.n} of {asked}: only {people} there"
            found.append(Dead(is_always=True, words=words))
        elif people == rule.asked.n and not rule.asked.self_approval:
            words = f"rule `{rule.id}` asks {rule.asked.n} of {asked}, which has {people}: when"
            words += " one of them is the requester, nobody can approve"
            found.append(Dead(is_always=False, words=words))
    return found


@dataclass(frozen=True, kw_only=True)
class Known:
    """The names that rules may speak of; None while nobody knows them."""

    tools: Collection[str]
    agents: Collection[str]
    environments: Collection[str] | None
    groups: Collection[str] | None = None
    # What the tools are known by; where there are none, nobody asks which rules they leave idle.
    does: Collection[Does] = ()


def unmatchable(rules: RuleSet, known: Known) -> list[Dead]:
    """Return where rules name what there is not, or permit nothing at all, and what to do."""
    found = []
    permits = {RuleKind.APPROVE, RuleKind.AUTO}
    # The hard rules permit but one thing: to change the others.
    if not any(rule.kind in permits and not rule.is_hard for rule in rules.rules):
        words = f"none of the {len(rules.rules)} rules permits anything, so whatever writes is"
        words += " denied; put rule files (*.yaml) into the folder of SIGNOFF_POLICY_DIR, or unset"
        words += " it and use the shipped rules"
        found.append(Dead(is_always=True, words=words))
    for rule in rules.rules:
        found += _strangers(rule, "tool", rule.when.tool, known.tools)
        found += _strangers(rule, "agent", rule.when.agent, known.agents)
        if known.environments is not None:
            found += _strangers(rule, "environment", rule.when.environment, known.environments)
        if known.groups is not None:
            found += _strangers(rule, "group", rule.when.requester_group, known.groups)
        found += _nobody_next(rule)
    return [*found, *_idle(rules, known)]


def _nobody_next(rule: Rule) -> list[Dead]:
    asked = rule.asked
    if asked is None or not asked.then or not set(asked.then) <= set(asked.groups):
        return []
    words = f"rule `{rule.id}` asks next (`then`) whom it asks from the start, so nobody new is"
    return [Dead(is_always=False, words=f"{words}; name another group, or leave `then` out")]


def _idle(rules: RuleSet, known: Known) -> list[Dead]:
    """Return which rules are about what no tool does: those for one to come, and slips."""
    idle = [
        f"`{rule.id}`"
        for rule in rules.rules
        if not set(rule.when.tool or ()) - set(known.tools) and not _is_done(rule, known.does)
    ]
    if not known.does or not idle:
        return []
    one = len(idle) == 1
    words = f"{'rule' if one else 'rules'} {', '.join(idle)}: no tool there is has the agent,"
    words += f" action, tier and platform named there, so {'it decides' if one else 'they decide'}"
    words += " nothing until one comes; `signoff policy matrix` shows which there are"
    return [Dead(is_always=False, words=words)]


def _is_done(rule: Rule, does: Iterable[Does]) -> bool:
    named = {
        name: values
        for name in ("agent", "action", "tier", "platform")
        if (values := getattr(rule.when, name)) is not None
    }
    return any(
        all(one.against(name, values) is None for name, values in named.items()) for one in does
    )


_NOT_THERE = {
    "environment": "no service in signoff.yaml has",
    "group": "signoff.yaml does not define",
}


def _strangers(
    rule: Rule, what: str, names: Iterable[str] | None, known: Collection[str]
) -> list[Dead]:
    is_place = what == "environment"
    return [
        Dead(
            # A service may get a new environment; a tool or an agent comes with the program.
            is_always=not is_place,
            words=f"rule `{rule.id}` names the {what} `{name}`, which"
            f" {_NOT_THERE.get(what, 'there is not')};"
            f" {advice(name, known)}",
        )
        for name in names or ()
        if name not in known
    ]


def _ordinary(agent: str, subject: Subject, environment: str, mode: Mode) -> Facts:
    small = Money(amount=Decimal(10), currency="EUR")
    return Facts(
        agent=agent,
        tool=subject.tool,
        action=subject.action,
        tier=subject.tier,
        environment=environment,
        target="any",
        mode=mode,
        requester=ActorKind.SYSTEM,
        paused=False,
        tainted=False,
        reversible=subject.is_reversible,
        severity=Severity.SEV3,
        confidence=Decimal(1),
        currency=small.currency,
        daily_amount=small.amount,
        total_amount=small.amount,
        exposure=small.amount,
        absolute_change=Decimal(0),
        percent_change=Decimal(0),
        spend_change_today=Decimal(0),
        replicas=1,
        capacity_percent=Decimal(1),
        blast_radius=1,
        open_proposals=0,
        last_change_age_s=86_400,
        frozen=False,
        calendars=frozenset(),
        requester_groups=frozenset(),
        actions_last_hour=0,
    )
