"""Turns an agent's drafts into proposals, as far as more of them may wait for people."""

from dataclasses import dataclass, field

from agents.ports import Claim, TaskStore
from policies.limits import Ceiling
from policies.model import EffectKind, Proposal
from tools.base import ToolError, Unavailable
from tools.catalogue import UnknownTool
from tools.gateway import Gateway
from tools.ports import Caller, Draft


@dataclass
class Considered:
    """What became of an agent's drafts so far."""

    proposals: list[Proposal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def asking(self) -> int:
        """How many of them wait for a person."""
        return sum(made.decision.effect is EffectKind.APPROVE for made in self.proposals)


class Considering:
    """Considers drafts one by one; one that would be too much becomes a note in the report."""

    def __init__(self, store: TaskStore, gateway: Gateway) -> None:
        self._store, self._gateway = store, gateway

    async def consider(
        self,
        claim: Claim,
        caller: Caller,
        drafts: tuple[Draft, ...],
        found: Considered,
        *,
        is_patient: bool = False,
    ) -> None:
        """Turn drafts into proposals; `found` has what is through when this is stopped."""
        if not drafts:
            return
        known = len(await self._store.proposals(claim.task.id))
        ceiling = self._gateway.budget.ceiling(caller)
        for draft in drafts:
            proposal_id = f"{claim.task.id}-{known + len(found.proposals) + 1}"
            try:
                made = await self._gateway.consider(draft, proposal_id, caller)
            except (ToolError, UnknownTool) as error:
                if is_patient and isinstance(error, Unavailable):
                    raise
                found.notes.append(f"`{draft.tool}` can't be proposed: {error}")
                continue
            await self._take(claim, made, found, ceiling)

    async def _take(
        self, claim: Claim, made: Proposal, found: Considered, ceiling: Ceiling
    ) -> None:
        if made.decision.effect is EffectKind.APPROVE:
            of_agent, of_task = await self._store.waiting(claim)
            reached = ceiling.of_proposals(of_task + found.asking, of_agent + found.asking)
            if reached is not None:
                found.notes.append(f"`{made.action.tool}` is not proposed. {reached.sentence}")
                return
        found.proposals.append(made)
