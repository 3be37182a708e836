"""How a verdict's card offers the way back after its window, and a drifted one another try."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.text import code, day_time, link, safe
from bot.store.cardviews import ProposalView
from bot.store.tasks import UNDO, undo_key
from bot.store.threads import TaskView
from bot.store.undoing import REVERSIBLE, STANDING
from policies.model import Inverse, Proposal, ProposalState
from tools.catalogue import Catalogue, UnknownTool

TOOL_GONE = "TOOL_GONE"
PROPOSE_UNDO, PROPOSE_AGAIN = "proposal.propose_undo", "proposal.propose_again"
_LATER_NEEDS = "Undoing it now takes a new sign-off: whoever asks for it can't give it."


def no_way_back(catalogue: Catalogue, inverse: Inverse) -> str | None:
    """Return why a tool can't undo what it was meant to; None where it is still the same one."""
    if inverse.tool not in catalogue:
        return f"*The tool* {code(inverse.tool)} *is gone:* it can't be undone from here."
    try:
        catalogue.writing(inverse.tool, inverse.tool_version)
    except UnknownTool as error:
        return f"*It can't be undone from here:* {safe(str(error))}. Undo it by hand if need be."
    return None


def checked(views: Collection[TaskView], why: Callable[[Inverse], str | None]) -> list[TaskView]:
    """Return the views with the reason where there is no way back for what was done."""

    def of(view: ProposalView) -> ProposalView:
        inverse = view.row.proposal.action.inverse
        if inverse is None or view.row.state not in REVERSIBLE:
            return view
        return replace(view, no_way_back=why(inverse))

    return [replace(view, proposals=tuple(map(of, view.proposals))) for view in views]


def undo_of(proposal: Proposal, found: Sequence[ProposalView]) -> ProposalView | None:
    """Return the newest proposal to undo another one, if there is any."""
    key = undo_key(proposal.id)
    undos = [view for view in found if view.row.proposal.key == key]
    return max(undos, key=lambda view: view.row.proposal.revision, default=None)


def may_again(found: Sequence[ProposalView]) -> frozenset[str]:
    """Return what drifted, and was not proposed again since."""
    newest: dict[str, Proposal] = {}
    for view in found:
        proposal = view.row.proposal
        before = newest.get(proposal.key)
        if before is None or proposal.revision > before.revision:
            newest[proposal.key] = proposal
    return frozenset(
        view.row.proposal.id
        for view in found
        if view.row.state is ProposalState.DRIFTED
        and newest[view.row.proposal.key].id == view.row.proposal.id
        and not view.row.proposal.key.startswith(UNDO)
    )


def is_undone(undo: ProposalView | None) -> bool:
    """Say whether a proposal to undo was carried out."""
    return undo is not None and undo.row.state in REVERSIBLE


def afterwards(view: ProposalView, undo: ProposalView | None, until: datetime) -> list[Block]:
    """Return what stands on a verdict's card after the time for one click."""
    proposal = view.row.proposal
    if undo is not None and undo.row.state in STANDING:
        name = code(undo.row.proposal.id)
        see = f"see the card of {name} below" if undo.link is None else link("its card", undo.link)
        if is_undone(undo):
            return [kit.section(f"*Undone* by proposal {name}: {see}.")]
        return [kit.section(f"*To undo it is proposed:* {see}.")]
    if view.no_way_back is not None:
        return without(view)
    press = kit.button("Propose to undo…", PROPOSE_UNDO, f"{proposal.id}:{proposal.action.hash}")
    inverse = proposal.action.inverse
    words = "" if inverse is None else inverse.sentence
    press["confirm"] = kit.confirm("Propose to undo this?", f"{words} {_LATER_NEEDS}", "Propose")
    ended = f"The time to undo it with one click ended at {day_time(until)}. {_LATER_NEEDS}"
    return [
        kit.actions(f"verdict:{proposal.id}", [press]),
        kit.context([f"{ended} Undo: {safe(words)}"]),
    ]


def without(view: ProposalView) -> list[Block]:
    """Return why there is no way back, where a rollback in vain has not said so already."""
    is_said = view.reason == TOOL_GONE
    return [] if view.no_way_back is None or is_said else [kit.section(view.no_way_back)]


def once_more(proposal: Proposal) -> list[Block]:
    """Return the way on from a proposal that drifted."""
    value = f"{proposal.id}:{proposal.action.hash}"
    press = kit.button("Propose again", PROPOSE_AGAIN, value)
    about = (
        "Propose again looks at the present state and makes a new card, with votes at zero."
        " Whoever asks for it can't sign it off."
    )
    return [kit.actions(f"proposal:{proposal.id}", [press]), kit.context([about])]
