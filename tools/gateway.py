"""The one door: every read and every write passes here, under policy, pause and record."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from policies.audit import Event, EventKind
from policies.model import (
    Action,
    Actor,
    ActorKind,
    Clock,
    Decided,
    Decision,
    EffectKind,
    Proposal,
    Scalar,
)
from policies.redaction import Redactor
from tools.actions import (
    pinned,
    require_left,
    require_same_place,
    require_sayable,
    require_visible,
    starting_from,
)
from tools.base import (
    AnyReadTool,
    AnyTool,
    AnyWriteTool,
    Evidence,
    Parameters,
    Plan,
    Reading,
    Refused,
    State,
    ToolError,
    Unavailable,
)
from tools.budget import Budget
from tools.catalogue import Catalogue
from tools.deciding import Deciding
from tools.halts import Matter, Standing
from tools.ports import (
    Boundary,
    Caller,
    Controls,
    Directory,
    Draft,
    Frozen,
    Halted,
    Journal,
    Memory,
    RuleSource,
    of_caller,
    own_matter,
)

EXCERPT_LIMIT = 2000
FAULT_LIMIT = 300
# What code raises that takes an answer for something else than it is.
MISREAD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a gateway is made of."""

    catalogue: Catalogue
    journal: Journal
    memory: Memory
    controls: Controls
    directory: Directory
    rules: RuleSource
    clock: Clock
    redactor: Redactor
    boundary: Boundary


class Gateway:
    """Reads through tools, and turns drafts into proposals; `Execution` does what was approved."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._deciding = Deciding(
            catalogue=parts.catalogue,
            journal=parts.journal,
            controls=parts.controls,
            directory=parts.directory,
            rules=parts.rules,
            clock=parts.clock,
        )
        self.budget = Budget(
            controls=parts.controls, journal=parts.journal, rules=parts.rules, clock=parts.clock
        )

    def offers(self, tool: str) -> bool:
        """Say whether a tool of this name is configured."""
        return tool in self.parts.catalogue

    async def read(
        self, evidence_id: str, label: str, tool: str, params: Mapping[str, Scalar], caller: Caller
    ) -> Evidence:
        """Call a reading tool and record it; a source that fails gives evidence with a `fault`.

        Raises:
            Halted: Signoff is paused.
            LimitReached: the task may make no more calls; nothing was called.
        """
        found = self.parts.catalogue.reading(tool)
        standing = await self._standing(own_matter(caller))
        started_at = self.parts.clock.now()
        decision = await self._deciding.read(found, params, caller, standing)
        if decision.effect is not EffectKind.DENY:
            await self.budget.admit(caller)
        query, fault, reading, is_silent = f"{tool} {dict(params)}", None, None, False
        redact = self.parts.redactor
        try:
            reading = await self._reading(found, params, decision, own_matter(caller))
        except ToolError as error:
            fault = redact.excerpt(str(error), EXCERPT_LIMIT)
            is_silent = isinstance(error, Unavailable)
        evidence = Evidence(
            id=evidence_id,
            label=label,
            source=self.parts.catalogue.system(tool),
            tool=tool,
            query=redact.text(query if reading is None else reading.query),
            taken_at=started_at,
            freshness_s=None if reading is None else reading.freshness_s,
            link=None if reading is None or reading.link is None else redact.text(reading.link),
            excerpt="" if reading is None else redact.excerpt(reading.excerpt, EXCERPT_LIMIT),
            data={} if reading is None else self._redacted(reading.data),
            rows=() if reading is None else tuple(self._redacted(row) for row in reading.rows),
            is_untrusted=found.is_untrusted,
            fault=fault,
            is_silent=is_silent,
        )
        identity = self.parts.catalogue.identity(tool)
        event = _called(evidence, caller, decision).model_copy(update={"identity": identity})
        if decision.effect is EffectKind.DENY:
            await self.parts.journal.record([event])
        else:
            await self.parts.journal.called(event, caller)
        return evidence

    async def consider(self, draft: Draft, proposal_id: str, caller: Caller) -> Proposal:
        """Turn a draft into a proposal: observe, plan, decide.

        Raises:
            ToolError: the state to start from can't be read, the tool refuses the arguments, or
                they hold a secret.
            UnknownTool: the tool is not configured, or not in the version of the draft.
            Halted: Signoff is paused, or the task is frozen.
        """
        try:
            return await self._considered(draft, proposal_id, caller)
        except ToolError as error:
            # Its words come from outside, and go on into reports and threads.
            error.args = (self.parts.redactor.excerpt(str(error), FAULT_LIMIT),)
            raise

    async def _considered(self, draft: Draft, proposal_id: str, caller: Caller) -> Proposal:
        standing = await self._standing(own_matter(caller))
        if standing.task_freeze is not None:
            raise Frozen(standing.task_freeze)
        tool = self.parts.catalogue.writing(draft.tool, draft.tool_version)
        await self._require_authority(tool, draft, caller)
        arguments = arguments_of(tool, draft.parameters)
        require_same_place(arguments, draft)
        observed = await self.observe(tool, arguments, own_matter(caller))
        require_left(draft.expected, observed)
        plan = starting_from(draft.expected, tool.plan(arguments, observed))
        decided = await self.decision(tool, plan, draft, caller)
        now = self.parts.clock.now()
        expires_at = draft.expires_at or now + timedelta(seconds=decided.decision.expires_s or 1800)
        action = Action(
            tenant=caller.tenant,
            proposal_id=proposal_id,
            tool=tool.name,
            tool_version=tool.version,
            target=plan.target,
            environment=draft.environment,
            parameters=arguments.plain(),
            preconditions=plan.preconditions,
            expected_effect=plan.expected_effect or draft.expected_effect,
            inverse=pinned(plan.inverse, self.parts.catalogue),
            requester=str(caller.requester),
            agent=caller.agent,
            not_after=expires_at + timedelta(hours=1),
        )
        require_sayable(action, self.parts.redactor)
        require_visible(action)
        return Proposal(
            id=proposal_id,
            task_id=caller.task_id,
            key=draft.key,
            revision=draft.revision,
            title=plan.title,
            action=action,
            decision=decided.decision,
            facts=decided.facts,
            created_at=now,
            expires_at=expires_at,
            observed=draft.observed,
            rationale=draft.rationale,
            confidence=draft.confidence,
            severity=draft.severity,
            since_at=draft.since_at,
            links=draft.links,
            blast_radius=plan.blast_radius,
            worst_case=plan.worst_case,
            tainted=draft.is_tainted,
            # Edited, it would not start from there.
            editable=() if draft.expected else tool.editable,
            requesters=draft.requesters or _people(caller.requester),
            replaces=draft.replaces,
            anew=draft.anew,
            edited_by=draft.edited_by,
        )

    async def observe(self, tool: AnyWriteTool, arguments: Parameters, matter: Matter) -> State:
        """Return the state a write would overwrite, within the tool's own time-out.

        Raises:
            ToolError: it can't be read.
            Halted: Signoff is paused.
        """
        await self.turn(tool)
        await self._standing(matter)
        async with answering(tool):
            return await tool.observe(arguments)

    async def turn(self, tool: AnyTool) -> None:
        """Wait until the tool's system may be called again; raises Unavailable."""
        try:
            async with asyncio.timeout(tool.timeout_s):
                for bucket in self.parts.catalogue.buckets(tool.name):
                    await bucket.take()
        except TimeoutError as error:
            system = self.parts.catalogue.system(tool.name)
            raise Unavailable(f"`{system}` is called too often just now") from error

    async def _reading(
        self,
        tool: AnyReadTool,
        params: Mapping[str, Scalar],
        decision: Decision,
        matter: Matter,
    ) -> Reading:
        if decision.effect is EffectKind.DENY:
            raise Refused(f"policy says no ({', '.join(decision.reasons)})")
        arguments = arguments_of(tool, params)
        await self.turn(tool)
        # Again: whoever waits for a turn may wait past a pause.
        await self._standing(matter)
        async with answering(tool):
            return await tool.read(arguments)

    async def decision(
        self, tool: AnyWriteTool, plan: Plan, draft: Draft, caller: Caller
    ) -> Decided:
        """Complete the facts of a planned write, and decide; raises Halted."""
        return await self._deciding.write(tool, plan, draft, caller)

    def unauthorised(self, tool: AnyTool, agent: str, environment: str) -> str | None:
        """Return why a tool is not for an agent or an environment; see `Deciding.unauthorised`."""
        return self._deciding.unauthorised(tool, agent, environment)

    async def _require_authority(self, tool: AnyWriteTool, draft: Draft, caller: Caller) -> None:
        """Refuse, and record, what is not for the agent or the environment; nothing is called."""
        reason = self.unauthorised(tool, caller.agent, draft.environment)
        if reason is None:
            return
        whose = f"`{caller.agent}` in `{draft.environment}`"
        event = Event(
            kind=EventKind.TOOL_DENIED,
            at=self.parts.clock.now(),
            actor=Actor(kind=ActorKind.AGENT, id=caller.agent),
            **of_caller(caller),
            tools=(tool.name,),
            systems=(self.parts.catalogue.system(tool.name),),
            decision=EffectKind.DENY,
            reasons=(reason,),
            sentence=f"`{tool.name}` is not for {whose}.",
        )
        await self.parts.journal.record([event])
        raise Refused(f"it is not for {whose} ({reason})")

    async def _standing(self, matter: Matter) -> Standing:
        """Return what the switches say of a call; raises Halted when all is paused."""
        # The switch is asked apart from the rules: a rule set without the rule must not disarm it.
        standing = await self.parts.controls.standing(matter)
        if standing.pause is not None:
            raise Halted
        return standing

    def _redacted(self, row: Mapping[str, Scalar | None]) -> dict[str, Scalar | None]:
        def clean(name: str, value: str) -> str:
            redact = self.parts.redactor
            whole = len(value) <= EXCERPT_LIMIT
            return redact.named(name, value if whole else redact.excerpt(value, EXCERPT_LIMIT))

        return {
            name: clean(name, value) if isinstance(value, str) else value
            for name, value in row.items()
        }


def arguments_of(tool: AnyTool, params: Mapping[str, Scalar]) -> Parameters:
    """Validate arguments against the tool's own model; raises Refused naming the field."""
    try:
        arguments: Parameters = tool.params.model_validate(dict(params))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise Refused(f"`{tool.name}` can't take `{where}`: {fault['msg']}") from error
    return arguments


@asynccontextmanager
async def answering(tool: AnyTool) -> AsyncIterator[None]:
    """Hold a call to the tool's time-out; silence and a misread answer become Unavailable."""
    try:
        async with asyncio.timeout(tool.timeout_s):
            yield
    except TimeoutError as error:
        raise Unavailable(f"no answer within {tool.timeout_s:g} s") from error
    except MISREAD as error:
        name = type(error).__name__
        raise Unavailable(f"its answer is not what `{tool.name}` expects ({name})") from error


def _called(evidence: Evidence, caller: Caller, decision: Decision) -> Event:
    kind = EventKind.TOOL_CALLED if evidence.fault is None else EventKind.TOOL_FAILED
    said = "read" if evidence.fault is None else "no answer from"
    if decision.effect is EffectKind.DENY:
        kind, said = EventKind.TOOL_DENIED, "not allowed to read"
    return Event(
        kind=kind,
        at=evidence.taken_at,
        actor=Actor(kind=ActorKind.AGENT, id=caller.agent),
        **of_caller(caller),
        policy_version=decision.policy_version,
        tools=(evidence.tool,),
        systems=(evidence.source,),
        decision=decision.effect,
        reasons=decision.reasons,
        texts={"query": evidence.query, **({"fault": evidence.fault} if evidence.fault else {})},
        data={
            "evidence": evidence.id,
            "digest": hashlib.sha256(evidence.excerpt.encode()).hexdigest(),
        },
        sentence=f"{evidence.id}: {said} `{evidence.source}` with `{evidence.tool}`.",
    )


def _people(actor: Actor) -> tuple[str, ...]:
    return (actor.id,) if actor.kind is ActorKind.HUMAN else ()
