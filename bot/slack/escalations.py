"""The call for a person: Signoff could not go on with a task."""

from bot.slack import blocks as kit
from bot.slack import cards, halts
from bot.slack.again import of_task
from bot.slack.blocks import Block
from bot.slack.text import bullets, code, safe
from bot.store.escalations import Escalation
from bot.store.threads import TaskView
from policies.approvals import OPERATORS
from policies.model import ProposalState

MOST_LINES = 10


def call(view: TaskView, found: Escalation, mentions: cards.Mentions) -> tuple[str, list[Block]]:
    """Return the fallback text and blocks; who answers for the service is mentioned."""
    group = view.owners or OPERATORS
    asked = mentions.get(group, code(group))
    lines = [f"*I can't go on: please take over*, {asked}.", _why(found)]
    if view.proposals:
        shown = view.proposals[:MOST_LINES]
        lines.append(bullets([cards.line(item, halts.of_card(view, item)) for item in shown]))
    else:
        lines.append("Nothing was proposed, and nothing was done.")
    small = f"I do nothing more on my own here. {_next(view)} All of it: `/signoff audit"
    blocks = [kit.section("\n".join(lines)), kit.context([f"{small} {view.task.id}`"])]
    return f"{safe(view.task.title, 200)}: I can't go on, please take over, {asked}.", blocks


def _why(found: Escalation) -> str:
    if found.is_limit:
        return "A limit is reached." if found.fault is None else safe(found.fault, 500)
    fault = "" if found.fault is None else f" The last time: {code(found.fault, 300)}"
    return f"It failed again and again.{fault}"


def _next(view: TaskView) -> str:
    """Say what a person can do: only of a card that still asks, that it does."""
    if any(item.row.state is ProposalState.PENDING for item in view.proposals):
        return "A card above that still asks can be answered: then I try again."
    return of_task(view.task)
