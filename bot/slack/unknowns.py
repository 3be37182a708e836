"""The card of an effect that nobody can tell of: what is known, and two buttons for a person."""

from agents.ports import ExecutionRow
from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.cards import Mentions, button_value
from bot.slack.text import code, day_time, person, safe
from bot.store.cardviews import ProposalView
from bot.store.threads import TaskView
from policies.approvals import undo_groups
from policies.model import Proposal
from tools.ports import Direction

HAPPENED, NOT_HAPPENED = "unknown.happened", "unknown.not_happened"
PRESS = (
    "Look there yourself, then press what you saw. Nothing is done by it: the record is"
    " completed, and what follows goes on."
)


def is_resolved_soon(view: TaskView) -> bool:
    """Say whether an effect is unknown, and the outside system is about to be asked."""
    ran = [one for found in view.proposals for one in found.row.executions]
    return any(one.state == "unknown" and one.escalated_at is None for one in ran)


def card(view: ProposalView, found: ExecutionRow, mentions: Mentions) -> tuple[str, list[Block]]:
    """Return the card's fallback text and blocks."""
    proposal = view.row.proposal
    undoing = "Undoing: " if found.direction is Direction.INVERSE else ""
    title = f"Did this happen? {undoing}{proposal.title}"
    blocks = [kit.header(title), kit.section(_known(proposal, found))]
    if found.state != "unknown":
        said = _settled(found)
        blocks.append(kit.section(said))
        return f"{safe(title)}: {said}", blocks
    groups = undo_groups(proposal, is_broken=view.row.broken_by is not None)
    asked = ", ".join(mentions.get(name, code(name)) for name in groups)
    blocks.append(kit.section(f"{asked}: nobody but you can tell now. {PRESS}"))
    blocks.append(kit.actions(f"unknown:{proposal.id}:{found.direction}", _buttons(proposal)))
    if _is_asked(view, found):
        blocks.append(kit.context(["I go on asking once a minute, and say so if an answer comes."]))
    return f"{safe(title)} {asked}, please look.", blocks


def _is_asked(view: ProposalView, found: ExecutionRow) -> bool:
    """Say whether the outside system is still asked; not after Signoff failed at it for good."""
    if found.direction is Direction.INVERSE:
        return view.row.roll_back_by is not None
    return view.row.next_at is not None


def _known(proposal: Proposal, found: ExecutionRow) -> str:
    action = proposal.action
    tool, parameters = action.tool, action.parameters
    if found.direction is Direction.INVERSE and action.inverse is not None:
        tool, parameters = action.inverse.tool, action.inverse.parameters
    with_ = ", ".join(f"{code(name)} {code(str(value))}" for name, value in parameters.items())
    lines = [
        f"*Asked for* at {day_time(found.started_at)}: {code(tool)} in {code(action.environment)}",
        f"*With* {with_}"[:1500],
        f"*Under the key* {code(found.key)}",
        f"*Since then* asked {found.asks} times what became of it. {safe(found.sentence, 400)}",
    ]
    if found.direction is Direction.FORWARD:
        was = "; ".join(safe(str(item)) for item in action.preconditions)
        lines.append(f"*Just before* {was}")
    return "\n".join(lines)


def _settled(found: ExecutionRow) -> str:
    if found.settled_by is not None:
        happened = "it happened" if found.state == "done" else "it did not happen"
        return f"*Settled.* {person(found.settled_by)} looked: {happened}."
    return f"*Settled.* The outside system answered at last. {safe(found.sentence, 400)}"


def _buttons(proposal: Proposal) -> list[Block]:
    value = button_value(proposal)
    happened = kit.button("It happened", HAPPENED, value)
    happened["confirm"] = kit.confirm("Did you see it there?", "It will count as done.", "Yes")
    not_happened = kit.button("It did not happen", NOT_HAPPENED, value)
    not_happened["confirm"] = kit.confirm(
        "Did you look?", "It will count as not done, and is not tried again.", "Yes"
    )
    return [happened, not_happened]
