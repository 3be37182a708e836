"""Completes the facts of a read or a planned write, and asks the rules; a failure is a deny."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from policies.approvals import unreadable
from policies.audit import Event, EventKind
from policies.calendars import holding
from policies.engine import RuleSet, decide
from policies.model import (
    Actor,
    ActorKind,
    Clock,
    Decided,
    Decision,
    EffectKind,
    Facts,
    Mode,
    Scalar,
)
from tools.base import AnyReadTool, AnyTool, AnyWriteTool, Plan
from tools.catalogue import Catalogue
from tools.halts import Matter, Standing, only_stops, subjects
from tools.ports import (
    Caller,
    Controls,
    Directory,
    Draft,
    Frozen,
    Halted,
    Journal,
    RuleSource,
    of_caller,
)
from tools.reserving import Scope, counted_facts, currency_of

FAILED = "DECIDING_FAILED"
NOT_FOR_AGENT = "TOOL_NOT_FOR_AGENT"
FROZEN, OBSERVED = "FROZEN", "MODE_OBSERVE"
NOT_FOR_ENVIRONMENT = "TOOL_NOT_FOR_ENVIRONMENT"
# The version on a decision that no rule set was there for.
NO_VERSION = "none"
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """Asks the rules; what goes wrong meanwhile denies, and is recorded."""

    catalogue: Catalogue
    journal: Journal
    controls: Controls
    directory: Directory
    rules: RuleSource
    clock: Clock

    def unauthorised(self, tool: AnyTool, agent: str, environment: str) -> str | None:
        """Return why a tool is not for an agent, or not for an environment, or None.

        What a tool declares of itself holds whatever the rules say.
        """
        if agent not in tool.agents:
            return NOT_FOR_AGENT
        places = self.catalogue.environments(tool.name)
        return None if places is None or environment in places else NOT_FOR_ENVIRONMENT

    async def write(self, tool: AnyWriteTool, plan: Plan, draft: Draft, caller: Caller) -> Decided:
        """Decide on a planned write; what is frozen, or only watched, is denied.

        Raises:
            Halted: Signoff is paused, or the task is frozen. Apart from the rules: a rule set
                without those rules must not disarm the switches.
        """
        rules = await self._guarded(self.rules, tool, caller)
        if rules is None:
            return _denied(FAILED, NO_VERSION)
        refusal = self.unauthorised(tool, caller.agent, draft.environment)
        if refusal is not None:
            return _denied(refusal, rules.version)
        # Outside of the guard: what can't be read now stops this step, and is tried again.
        standing = await self.controls.standing(self._matter(tool, plan, draft, caller))
        if standing.pause is not None:
            raise Halted
        if standing.task_freeze is not None:
            raise Frozen(standing.task_freeze)
        counters = await self.controls.counters(scope_of(tool, plan, draft, caller))
        groups = await self._requester_groups(rules, caller)

        def decided() -> Decided:
            facts = Facts(
                **self._common(tool, draft.environment, caller, rules),
                **counted_facts(counters),
                target=plan.target,
                service=plan.service,
                channel=plan.channel,
                mode=standing.mode,
                requester_groups=groups,
                paused=False,
                frozen=standing.freeze is not None,
                tainted=draft.is_tainted,
                reversible=plan.inverse is not None,
                severity=draft.severity,
                confidence=draft.confidence,
                currency=currency_of(plan),
                daily_amount=None if plan.daily is None else plan.daily.amount,
                total_amount=None if plan.total is None else plan.total.amount,
                exposure=None if plan.exposure is None else plan.exposure.amount,
                absolute_change=plan.absolute_change,
                percent_change=plan.percent_change,
                replicas=plan.replicas,
                capacity_percent=plan.capacity_percent,
                blast_radius=plan.services_changed,
            )
            decision = decide(facts, rules)
            switched = _switched_off(standing)
            if switched is not None and decision.effect is not EffectKind.DENY:
                decision = _denied(switched, rules.version).decision
            return Decided(facts=facts, decision=decision)

        return await self._guarded(decided, tool, caller) or _denied(FAILED, rules.version)

    def _matter(self, tool: AnyWriteTool, plan: Plan, draft: Draft, caller: Caller) -> Matter:
        return Matter(
            tenant=caller.tenant,
            task_id=caller.task_id,
            agent=caller.agent,
            environment=draft.environment,
            campaigns=subjects(self.catalogue.system(tool.name), plan.target, draft.parameters),
            is_stopping=only_stops(tool.action),
        )

    async def read(
        self,
        tool: AnyReadTool,
        params: Mapping[str, Scalar],
        caller: Caller,
        standing: Standing,
    ) -> Decision:
        """Decide on a read; whoever asks has seen that Signoff is not paused."""

        def decided() -> Decision:
            rules = self.rules()
            refusal = self.unauthorised(tool, caller.agent, caller.environment)
            if refusal is not None:
                return _denied(refusal, rules.version).decision
            service = params.get("service")
            facts = Facts(
                **self._common(tool, caller.environment, caller, rules),
                target="any" if service is None else str(service),
                service=None if service is None else str(service),
                mode=standing.mode,
                paused=False,
                frozen=standing.freeze is not None,
                tainted=False,
                reversible=True,
            )
            return decide(facts, rules)

        found = await self._guarded(decided, tool, caller)
        return found or _denied(FAILED, NO_VERSION).decision

    def _common(
        self, tool: AnyTool, environment: str, caller: Caller, rules: RuleSet
    ) -> dict[str, Any]:
        """Return the facts of a read as well as of a write."""
        return {
            "agent": caller.agent,
            "tool": tool.name,
            "action": tool.action,
            "tier": tool.tier,
            "environment": environment,
            "platform": self.catalogue.system(tool.name),
            "tenant": caller.tenant,
            "requester": caller.requester.kind,
            "calendars": holding(rules.calendars, self.clock.now()),
        }

    async def _requester_groups(self, rules: RuleSet, caller: Caller) -> frozenset[str] | None:
        """Return which of the groups that rules name the requester is in; None if unreadable."""
        asked = {name for rule in rules.rules for name in rule.when.requester_group or ()}
        if caller.requester.kind is not ActorKind.HUMAN or not asked:
            return frozenset()
        found = await self.directory.memberships(sorted(asked))
        # Slack away leaves what was read last: too old to permit anything on.
        if unreadable(asked, found, self.clock.now()):
            return None
        return frozenset(
            name for name, membership in found.items() if caller.requester.id in membership.members
        )

    async def _guarded(self, work: Callable[[], T], tool: AnyTool, caller: Caller) -> T | None:
        """Return what the work gives; None when it fails, which is recorded."""
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is a recorded deny
            fault = f"{type(error).__name__}: {error}"
        await self.journal.record([_failed(tool, caller, self.clock, fault)])
        return None


def scope_of(tool: AnyWriteTool, plan: Plan, draft: Draft, caller: Caller) -> Scope:
    """Return what is counted around a planned write."""
    return Scope(
        tenant=caller.tenant,
        agent=caller.agent,
        tool=tool.name,
        environment=draft.environment,
        target=plan.target,
        task_id=caller.task_id,
        currency=currency_of(plan),
        proposal_id=draft.proposal_id,
    )


def _failed(tool: AnyTool, caller: Caller, clock: Clock, fault: str) -> Event:
    return Event(
        kind=EventKind.DECISION_FAILED,
        at=clock.now(),
        actor=Actor(kind=ActorKind.SYSTEM, id="system:gateway"),
        **of_caller(caller),
        tools=(tool.name,),
        decision=EffectKind.DENY,
        reasons=(FAILED,),
        texts={"fault": fault},
        sentence=f"Deciding on `{tool.name}` failed, so it was denied.",
    )


def _switched_off(standing: Standing) -> str | None:
    """Return why nothing is written whatever the rules say: somebody froze it, or only looks."""
    if standing.freeze is not None:
        return FROZEN
    return OBSERVED if standing.mode is Mode.OBSERVE else None


def _denied(reason: str, version: str) -> Decided:
    return Decided(
        decision=Decision(
            effect=EffectKind.DENY, rules=(), reasons=(reason,), policy_version=version
        )
    )
