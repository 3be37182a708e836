"""Whether a rule set could still be changed once it is in force: what would be asked, of whom."""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal

from policies.approvals import OPERATORS, Memberships, is_satisfied
from policies.engine import RuleSet, decide
from policies.facts import ActionKind, ActorKind, Facts, Mode, Tier
from policies.limits import NO_LIMITS, Limit
from policies.model import Decision, EffectKind

# Where a change of the rules takes place, and who proposes it; see `tools.policy`.
POLICY_ENVIRONMENT, POLICY_AGENT = "signoff", "policy"
# What the hard rules speak of: any change, and one that lets something more through.
ACTIVATE, LOOSEN = "policy_activate", "policy_loosen"
# Comparing, looking what is in force, and the change itself.
CALLS = 3
CHANGES: Mapping[str, str] = {ACTIVATE: "A tighter change", LOOSEN: "A looser change"}


def next_change(rules: RuleSet, tool: str, mode: Mode, held: frozenset[str]) -> Decision:
    """Return what these rules say to a person's wish to change them, while calendars hold."""
    return decide(
        Facts(
            agent=POLICY_AGENT,
            tool=tool,
            action=ActionKind.ADOPT,
            tier=Tier.HIGH,
            environment=POLICY_ENVIRONMENT,
            target=POLICY_AGENT,
            service=POLICY_ENVIRONMENT,
            platform=POLICY_AGENT,
            mode=mode,
            requester=ActorKind.HUMAN,
            requester_groups=frozenset(),
            calendars=held,
            paused=False,
            frozen=False,
            tainted=False,
            reversible=True,
            confidence=Decimal(1),
            replicas=0,
            blast_radius=0,
            actions_last_hour=0,
        ),
        rules,
    )


def lockouts(
    rules: RuleSet, memberships: Memberships | None = None, mode: Mode = Mode.APPROVE
) -> list[str]:
    """Say why nobody could change the rules again; empty where somebody can.

    A calendar may well forbid it for a time: it is a lock-out if it is forbidden with each of them.
    Without memberships it is not known who is in the groups.
    """
    found = []
    for tool, words in CHANGES.items():
        times = [frozenset[str](), *(frozenset({one.name}) for one in rules.calendars)]
        decisions = [next_change(rules, tool, mode, held) for held in times]
        fault = _fault(decisions, memberships)
        if fault is not None:
            found.append(f"{words} of these rules could not be signed off any more: {fault}")
    return [*found, *_limits(rules)]


def _limits(rules: RuleSet) -> Iterator[str]:
    """Yield the limits that no change of the rules can keep to, whoever signs it off."""
    held = (rules.limits or NO_LIMITS).ceiling(POLICY_AGENT, POLICY_ENVIRONMENT)
    for limit, most, needed in (
        (Limit.ACTIONS_AN_HOUR, held.actions_an_hour, 1),
        (Limit.TOOL_CALLS, held.task.tool_calls, CALLS),
    ):
        if most is not None and most < needed:
            yield (
                f"A change of these rules could not be done any more: the limit `{limit}` of"
                f" `{POLICY_AGENT}` is {most}, and it takes {needed}"
            )


def _fault(decisions: list[Decision], memberships: Memberships | None) -> str | None:
    open_ = [one for one in decisions if one.effect is not EffectKind.DENY]
    if not open_:
        denied = decisions[0]
        names = ", ".join(f"`{rule}`" for rule in denied.rules) or ", ".join(denied.reasons)
        return f"denied by {names}"
    if memberships is None:
        return None
    faults = [fault for one in open_ for fault in _people(one, memberships)]
    # One moment at which it works is enough.
    return faults[0] if len(faults) == len(open_) else None


def _people(decision: Decision, memberships: Memberships) -> Iterator[str]:
    """Yield why nobody who is there could sign it off, at most once."""
    there = {name for group in memberships.values() for name in group.members}
    if is_satisfied(decision.clauses, there, memberships):
        return
    wanted: Counter[tuple[str, ...]] = Counter()
    for clause in decision.clauses:
        wanted[clause.groups] += clause.n
    asked = " and ".join(
        f"{n} of {'/'.join(f'`{name}`' for name in groups)}" for groups, n in wanted.items()
    )
    counts = ", ".join(
        f"`{name}` has {len(memberships[name].members) if name in memberships else 0}"
        for name in decision.groups
    )
    yield f"it asks {asked}, none of them its author; {counts}"


__all__ = [
    "ACTIVATE",
    "CHANGES",
    "LOOSEN",
    "OPERATORS",
    "POLICY_AGENT",
    "POLICY_ENVIRONMENT",
    "lockouts",
    "next_change",
]
