"""Asks the rules again just before an action: never less than asked on its card, or asked now.

What is not enough any more goes back to people as a new proposal, with votes at zero.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from policies.approvals import (
    BREAK_GLASS,
    OPERATORS,
    Refusal,
    countable,
    is_member,
    is_satisfied,
    unreadable,
)
from policies.engine import DEFAULT_EXPIRES_S, asks_of_groups, is_open_denial
from policies.ladder import effective, narrowed
from policies.model import (
    Actor,
    ActorKind,
    Clause,
    Decided,
    Decision,
    EffectKind,
    Proposal,
    ProposalState,
)
from policies.standing import glass_refused, is_about_rules
from tools.base import Plan, Refused, Row, State, Unavailable
from tools.catalogue import UnknownTool
from tools.deciding import scope_of
from tools.gateway import Gateway, Parts
from tools.ports import Basis, Caller, Draft, Frozen, Grant
from tools.reserving import Reservation, daily_raise
from tools.runs import AGAIN_S, RETRY_S, Run, Stop
from tools.signers import Signers, signers, still_may, unknown_person
from tools.standing import require_open

NOT_ENOUGH = "SIGN_OFF_NOT_ENOUGH"
# In the place of a rule, on the card of what the rules alone would ask nobody for.
BY_A_PERSON = "asked-by-a-person"
_REVISION = re.compile(r"\.[0-9]+$")


@dataclass(frozen=True, kw_only=True)
class _Ground:
    """What a sign-off rests on: when each part of it was read, and whose votes still count."""

    read_at: tuple[datetime, ...] = ()
    people: tuple[str, ...] = ()


class Consent:
    """Holds a sign-off against the card that it was given on, and against the rules as they are."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._parts = gateway, gateway.parts

    async def require(self, run: Run, observed: State, grant: Grant, caller: Caller) -> Basis:
        """Return what the action may begin on.

        Raises:
            Stop: the rules deny it now; or they, or the card, ask for more than there is.
            Halted: somebody stopped it, which holds back what waits and refuses nothing.
        """
        proposal, caller = run.proposal, as_asked(run.proposal, caller)
        try:
            plan = run.tool.plan(run.arguments, observed)
        except Refused as error:
            raise Stop(
                ProposalState.FAILED, "REFUSED_BY_TOOL", f"{error}. Nothing was done."
            ) from error
        # As when it was proposed: the same draft, and only what is true of the world may differ.
        draft = replace(same_draft(proposal), proposal_id=proposal.id)
        decided = await self._gateway.decision(run.tool, plan, draft, caller)
        if decided.decision.effect is EffectKind.DENY:
            raise await self._denied(proposal, decided)
        ground = await self._ground(proposal, decided, grant, caller)
        reservation = _reservation(self._gateway, run, (plan, draft, decided), caller)
        return Basis(
            mode=reservation.facts.mode,
            read_at=min(ground.read_at, default=None),
            people=ground.people,
            reservation=reservation,
            policy=decided.decision.policy_version,
        )

    async def _denied(self, proposal: Proposal, decided: Decided) -> Stop:
        # A freeze holds back what waits, it does not refuse it.
        await require_open(self._parts, proposal)
        if decided.facts is not None and decided.facts.frozen:
            raise Frozen
        if decided.facts is not None and is_open_denial(decided.facts, self._parts.rules()):
            return _unknown_groups()
        return denied(proposal, decided.decision)

    async def _ground(
        self, proposal: Proposal, decided: Decided, grant: Grant, caller: Caller
    ) -> _Ground:
        """Return what the sign-off rests on; nothing where the rules ask nobody.

        A broken glass counts in place of all sign-offs, as long as whoever broke it may.
        """
        fresh = decided.decision
        if grant.broken_by is not None:
            if is_about_rules(proposal):
                words = "The glass can't be broken for a change of the rules: nothing was done."
                raise Stop(ProposalState.DENIED, "RULES_CHANGE", words)
            return _Ground(read_at=(await _require_breaker(self._parts, grant.broken_by),))
        signed = await signers(self._parts.directory, grant.approvers)
        ages, people = list(signed.read_at), set[str]()
        for decision in (proposal.decision, fresh):
            found = await self._rests_on(decision, proposal, (grant, signed))
            if found is None and decision is fresh:
                await self._require_known(proposal, decided, (grant, signed))
            if found is None:
                outside = await self._outside(proposal.decision, grant, signed)
                why = _why(proposal, fresh, decision, (*signed.words, *outside))
                raise await self._anew(proposal, fresh, why, caller)
            ages += found.read_at
            people |= set(found.people)
        named = tuple(name for name in grant.approvers if name in people)
        return _Ground(read_at=tuple(ages), people=named)

    async def _require_known(
        self, proposal: Proposal, decided: Decided, given: tuple[Grant, Signers]
    ) -> None:
        """Stop where the sign-off lacks nothing but what hangs on the requester's groups."""
        facts, fresh = decided.facts, decided.decision
        if facts is None or facts.requester_groups is not None:
            return
        open_ = asks_of_groups(self._parts.rules())
        sure = tuple(clause for clause in fresh.clauses if clause.rule not in open_)
        less = fresh.model_copy(update={"clauses": sure})
        if await self._rests_on(less, proposal, given) is not None:
            raise _unknown_groups()

    async def _rests_on(
        self, decision: Decision, proposal: Proposal, given: tuple[Grant, Signers]
    ) -> _Ground | None:
        """Return the groups' ages and the people that make a sign-off enough; None if it is not.

        Where the next groups were asked, answers of theirs count as well. Those of people who may
        decide nothing any more do not.
        """
        grant, signed = given
        clauses = effective(decision.clauses, is_widened=grant.is_widened)
        groups = [name for clause in clauses for name in clause.groups]
        known = await self._parts.directory.memberships(groups)
        blind = unreadable(groups, known, self._parts.clock.now())
        # Only what is known freshly counts: a group more could make it enough, never too little.
        fresh_ones = {name: known[name] for name in groups if name not in blind}
        people = countable(signed.counting, proposal, self_approval=decision.self_approval)
        if not clauses or is_satisfied(clauses, people, fresh_ones):
            return _Ground(
                read_at=tuple(membership.read_at for membership in fresh_ones.values()),
                people=tuple(name for name in people if is_member(name, groups, fresh_ones)),
            )
        if blind:
            raise Stop(None, "GROUP_UNREADABLE", f"Can't read who is in `{blind[0]}` now.", RETRY_S)
        if signed.unknown:
            raise unknown_person(signed.unknown[0])
        return None

    async def _outside(self, card: Decision, grant: Grant, signed: Signers) -> tuple[str, ...]:
        """Return whose sign-off counts no more, as they are in no group that the card asked.

        Nobody, while one of the groups is not known: they may be in it.
        """
        clauses = effective(card.clauses, is_widened=grant.is_widened)
        groups = [name for clause in clauses for name in clause.groups]
        known = await self._parts.directory.memberships(groups)
        if unreadable(groups, known, self._parts.clock.now()):
            return ()
        return tuple(
            f"The sign-off of {person} counts no more: they left the groups that the card asked."
            for person in signed.counting
            if not is_member(person, groups, known)
        )

    async def _anew(self, old: Proposal, fresh: Decision, why: str, caller: Caller) -> Stop:
        """Return the end of a sign-off that is not enough, with the proposal that asks anew."""
        try:
            draft = replace(same_draft(old, anew=why), expected=starting_state(old))
            new = await self._gateway.consider(draft, successor_id(old), caller)
        except Unavailable as error:
            return Stop(None, "NO_ANSWER", f"Can't read the state ({error}): this waits.", RETRY_S)
        except (Refused, UnknownTool) as error:
            return Stop(
                ProposalState.DENIED,
                NOT_ENOUGH,
                f"{why} It can't be proposed again: {error}. Nothing was done.",
                data=versions(old, fresh),
            )
        return Stop(
            ProposalState.SUPERSEDED,
            NOT_ENOUGH,
            f"{why} Nothing was done.",
            data=versions(old, new.decision),
            successor=asking_people(new, old).model_copy(update={"editable": old.editable}),
        )


def as_asked(proposal: Proposal, caller: Caller) -> Caller:
    """Return the caller as which a proposal was decided: a person may ask in an alert's task."""
    requester = proposal.action.requester
    if requester == caller.requester.id:
        return caller
    # Ids of people hold a slash; nobody else's do.
    kind = ActorKind.HUMAN if "/" in requester else ActorKind.SYSTEM
    return replace(caller, requester=Actor(kind=kind, id=requester))


def starting_state(proposal: Proposal) -> dict[str, str]:
    """Return what must be so before the action of a proposal starts."""
    return {item.field: item.value for item in proposal.action.preconditions}


def same_draft(old: Proposal, anew: str | None = None) -> Draft:
    """Return the draft that a proposal was made from; `anew` makes it the one that follows it."""
    action, is_next = old.action, anew is not None
    return Draft(
        key=old.key,
        tool=action.tool,
        tool_version=action.tool_version,
        parameters=action.parameters,
        environment=action.environment,
        expected_effect=action.expected_effect,
        rationale=old.rationale,
        confidence=old.confidence,
        observed=old.observed,
        severity=old.severity,
        since_at=old.since_at,
        links=old.links,
        is_tainted=old.tainted,
        requesters=old.requesters,
        revision=old.revision + is_next,
        replaces=old.id if is_next else old.replaces,
        anew=anew,
        edited_by=old.edited_by,
    )


def successor_id(old: Proposal) -> str:
    """Return the id of the proposal that takes one's place: the same however often it is made."""
    return f"{_REVISION.sub('', old.id)}.{old.revision + 1}"


def versions(proposal: Proposal, fresh: Decision) -> Row:
    """Return under which policy the card was written, and under which it was decided again."""
    return {
        "policy_of_card": proposal.decision.policy_version,
        "policy_now": fresh.policy_version,
    }


def asking_people(new: Proposal, old: Proposal, *why: str) -> Proposal:
    """Return a proposal that follows another: where the rules let it act alone, people are asked.

    They are those whom the other one asked, or an operator where it asked nobody: what a person had
    a hand in is no agent's action.
    """
    found, asked = new.decision, old.decision
    if found.effect is not EffectKind.AUTO:
        return new
    if asked.effect is not EffectKind.APPROVE:
        clause = Clause(rule=BY_A_PERSON, n=1, groups=(OPERATORS,))
        update = {
            "effect": EffectKind.APPROVE,
            "clauses": (clause,),
            "expires_s": DEFAULT_EXPIRES_S,
        }
        asked = found.model_copy(update=update)
    held = asked.model_copy(
        update={
            "clauses": narrowed(asked.clauses),
            "rules": tuple(dict.fromkeys((*asked.rules, *found.rules))),
            "reasons": tuple(dict.fromkeys((*why, *asked.reasons))),
            "policy_version": found.policy_version,
        }
    )
    return new.model_copy(update={"decision": held})


def _why(old: Proposal, fresh: Decision, lacking: Decision, lost: tuple[str, ...]) -> str:
    if lacking.clauses == old.decision.clauses:
        return " ".join(lost) or "Not enough of those who were asked have signed off."
    asked = ", ".join(
        f"{clause.n} of {' or '.join(f'`{name}`' for name in clause.groups)} (rule `{clause.rule}`)"
        for clause in lacking.clauses
    )
    then, now = old.decision.policy_version, fresh.policy_version
    changed = "" if then == now else f" The policy is `{now}` now, and was `{then}`."
    more = f"The rules ask for more now than the card did: {asked}.{changed}"
    return " ".join((more, *lost))


async def _require_breaker(parts: Parts, person: str) -> datetime:
    memberships = await parts.directory.memberships((BREAK_GLASS,))
    voter = await still_may(parts.directory, person, ProposalState.DENIED)
    refusal = glass_refused(voter, memberships, parts.clock.now())
    if refusal is Refusal.GROUP_UNREADABLE:
        words = f"Can't read who is in `{BREAK_GLASS}` now."
        raise Stop(None, "GROUP_UNREADABLE", words, RETRY_S)
    if refusal is not None:
        raise Stop(
            ProposalState.DENIED,
            "NOT_IN_BREAK_GLASS",
            f"Whoever broke the glass is not in `{BREAK_GLASS}` any more: nothing was done.",
        )
    read_at = memberships[BREAK_GLASS].read_at
    return min(read_at, voter.read_at or read_at)


def _reservation(
    gateway: Gateway, run: Run, found: tuple[Plan, Draft, Decided], caller: Caller
) -> Reservation:
    plan, draft, decided = found
    rules, facts = gateway.parts.rules(), decided.facts
    if facts is None or rules.version != decided.decision.policy_version:
        # Others came into force between the decision and here.
        raise Stop(None, "OVERTAKEN", "The rules changed: they are asked again.", AGAIN_S)
    return Reservation(
        scope=scope_of(run.tool, plan, draft, caller),
        facts=facts,
        decision=decided.decision,
        rules=rules,
        raised=daily_raise(plan),
    )


def _unknown_groups() -> Stop:
    words = "Can't read now which groups whoever asked is in, and the rules ask that."
    return Stop(None, "GROUP_UNREADABLE", words, RETRY_S)


def denied(proposal: Proposal, fresh: Decision) -> Stop:
    """Return the end of what the rules deny now."""
    rules = ", ".join(f"`{rule}`" for rule in fresh.rules) or "no rule allows it"
    return Stop(
        ProposalState.DENIED,
        fresh.reasons[0],
        f"Policy says no now ({fresh.reasons[0]}, {rules}): nothing was done.",
        data=versions(proposal, fresh),
    )
