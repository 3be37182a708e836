"""Ready-made facts, actions and proposals; a test names only what it is about."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from policies.engine import Asked, Rule, RuleKind, When
from policies.model import (
    Action,
    ActionKind,
    Actor,
    ActorKind,
    Clause,
    Comparator,
    Decision,
    EffectKind,
    ExpectedEffect,
    Facts,
    Inverse,
    Mode,
    Precondition,
    Proposal,
    Severity,
    Tier,
)
from tests.playground.shop.world import NOON
from tools.ports import Caller

ANA, BEN, MIA = "T1/UANA", "T1/UBEN", "T1/UMIA"


def facts(**changes: Any) -> Facts:  # noqa: ANN401 - any field of Facts, which checks them
    """Return the facts of an ordinary write in staging, with changes."""
    ordinary: dict[str, Any] = {
        "agent": "incident",
        "tool": "shop_rollback",
        "action": ActionKind.ROLLBACK,
        "tier": Tier.MEDIUM,
        "environment": "staging",
        "target": "checkout",
        "mode": Mode.APPROVE,
        "requester": ActorKind.SYSTEM,
        "paused": False,
        "tainted": False,
        "reversible": True,
        "frozen": False,
        "severity": Severity.SEV3,
        "confidence": Decimal("0.8"),
        "actions_last_hour": 0,
    }
    return Facts.model_validate(ordinary | changes)


def rule(
    rule_id: str, kind: RuleKind, when: When, asked: Asked | None = None, reason: str = "BECAUSE"
) -> Rule:
    """Return one rule."""
    return Rule(id=rule_id, kind=kind, when=when, reason=reason, asked=asked)


def effect() -> ExpectedEffect:
    """Return what the fake switch promises: reading it gives `new`."""
    return ExpectedEffect(
        tool="fake_read",
        parameters={"name": "lamp"},
        field="value",
        comparator=Comparator.EQ,
        value="new",
        baseline="old",
        settle_s=60,
        window_s=60,
        deadline_s=300,
        sentence="The lamp is new.",
    )


def inverse() -> Inverse:
    """Return the way back of the fake switch."""
    return Inverse(
        tool="fake_set",
        parameters={"name": "lamp", "before": "new", "to": "old"},
        window_s=3600,
        sentence="Set it back.",
    )


def action(**changes: Any) -> Action:  # noqa: ANN401 - any field of Action, which checks them
    """Return the action of the fake switch, with changes."""
    ordinary: dict[str, Any] = {
        "tenant": "default",
        "proposal_id": "T-1-1",
        "tool": "fake_set",
        "tool_version": 1,
        "target": "lamp",
        "environment": "staging",
        "parameters": {"name": "lamp", "before": "old", "to": "new"},
        "preconditions": (Precondition(field="value", value="old"),),
        "expected_effect": effect(),
        "inverse": inverse(),
        "requester": "system:alertmanager",
        "agent": "incident",
        "not_after": NOON + timedelta(hours=2),
    }
    return Action.model_validate(ordinary | changes)


def decision(*clauses: Clause, self_approval: bool = False) -> Decision:
    """Return a decision that asks these clauses."""
    return Decision(
        effect=EffectKind.APPROVE,
        rules=tuple(clause.rule for clause in clauses),
        reasons=("BECAUSE",),
        policy_version="v",
        clauses=clauses,
        expires_s=1800,
        self_approval=self_approval,
    )


def clause(n: int, *groups: str, rule_id: str = "a-rule") -> Clause:
    """Return one clause."""
    return Clause(rule=rule_id, n=n, groups=groups)


def proposal(**changes: Any) -> Proposal:  # noqa: ANN401 - any field of Proposal, which checks them
    """Return a proposal of the fake switch that asks one of `oncall`, with changes."""
    ordinary: dict[str, Any] = {
        "id": "T-1-1",
        "task_id": "T-1",
        "key": "switch",
        "revision": 1,
        "title": "Set the lamp from old to new",
        "action": action(),
        "decision": decision(clause(1, "oncall")),
        "created_at": NOON,
        "expires_at": NOON + timedelta(minutes=30),
    }
    return Proposal.model_validate(ordinary | changes)


def caller(agent: str = "incident", task_id: str = "T-1", environment: str = "staging") -> Caller:
    """Return on whose behalf tools are called."""
    return Caller(
        tenant="default",
        task_id=task_id,
        agent=agent,
        agent_version="1",
        environment=environment,
        requester=Actor(kind=ActorKind.SYSTEM, id="system:alertmanager"),
        correlation_id=task_id,
        worker="w1",
        epoch=1,
    )
