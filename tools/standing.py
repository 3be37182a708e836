"""Asks the switches about a proposal, just before something of it is done; apart from the rules."""

from policies.model import Proposal
from tools.gateway import Parts
from tools.halts import Standing, matter_of
from tools.ports import Direction, Frozen, Halted


async def require_not_paused(parts: Parts, proposal: Proposal) -> Standing:
    """Return what the switches say about a proposal; raises Halted when all is paused."""
    tool = proposal.action.tool
    # A tool that is gone belongs to no system; that is told where it is looked for.
    platform = parts.catalogue.system(tool) if tool in parts.catalogue else ""
    standing = await parts.controls.standing(matter_of(proposal, platform))
    if standing.pause is not None:
        raise Halted
    return standing


async def require_open(parts: Parts, proposal: Proposal, direction: Direction) -> None:
    """Raise Halted while somebody stopped this; a freeze does not hold back its undoing."""
    standing = await require_not_paused(parts, proposal)
    if standing.freeze is not None and direction is Direction.FORWARD:
        raise Frozen(standing.freeze)
