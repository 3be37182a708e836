"""Asks the switches about a proposal, just before something of it is done; apart from the rules."""

from policies.model import Proposal
from tools.base import AnyWriteTool
from tools.gateway import Parts
from tools.halts import Matter, Standing, matter_of, stops_way_back, way_back_of
from tools.ports import BackFrozen, Frozen, Halted


async def require_not_paused(parts: Parts, proposal: Proposal) -> Standing:
    """Return what the switches say about a proposal; raises Halted when all is paused."""
    return await _unpaused(parts, matter_of(proposal, _platform(parts, proposal)))


async def require_open(parts: Parts, proposal: Proposal) -> None:
    """Raise Halted while somebody stopped this."""
    standing = await require_not_paused(parts, proposal)
    if standing.freeze is not None:
        raise Frozen(standing.freeze)


async def require_way_back(parts: Parts, proposal: Proposal, tool: AnyWriteTool) -> None:
    """Raise Halted while somebody stopped undoing this with that tool; see `stops_way_back`."""
    matter = way_back_of(proposal, _platform(parts, proposal), tool.action)
    halt = stops_way_back(await _unpaused(parts, matter), matter)
    if halt is not None:
        raise BackFrozen(halt)


async def _unpaused(parts: Parts, matter: Matter) -> Standing:
    standing = await parts.controls.standing(matter)
    if standing.pause is not None:
        raise Halted
    return standing


def _platform(parts: Parts, proposal: Proposal) -> str:
    tool = proposal.action.tool
    # A tool that is gone belongs to no system; that is told where it is looked for.
    return parts.catalogue.system(tool) if tool in parts.catalogue else ""
