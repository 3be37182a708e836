"""Measures what an action promises, before and after it."""

from policies.model import Proposal
from tools.gateway import Gateway
from tools.ports import Caller


async def measure(gateway: Gateway, proposal: Proposal, caller: Caller, label: str) -> str | None:
    """Measure what a proposal promises; None where it promises nothing or nobody answers."""
    effect = proposal.action.expected_effect
    if effect is None or not gateway.offers(effect.tool):
        return None
    evidence = await gateway.read(
        f"{proposal.id}-{label}", label, effect.tool, effect.parameters, caller
    )
    value = evidence.data.get(effect.field)
    return None if value is None else str(value)
