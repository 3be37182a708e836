"""How people ask for something once more: what it was says which command or button does that."""

from agents.campaign.agent import PAUSE
from agents.tasks import Task, TaskKind
from bot.slack.places import address
from bot.slack.text import code, link, safe
from bot.store.places import Place
from bot.store.tasks import UNDO
from policies.lockout import POLICY_AGENT
from policies.model import Proposal
from tools.halts import only_stops

ANYTHING = "`/triage` or `/launch-campaign`."
PAUSE_ANEW = "`/signoff digest`, then press Propose a pause… below a campaign."


def of_task(task: Task) -> str:
    """Return what begins a task of this kind anew."""
    if task.kind is TaskKind.CAMPAIGN and task.spec.get("intent") == PAUSE:
        return f"To ask anew: {PAUSE_ANEW}"
    return {
        TaskKind.INCIDENT: f"`/triage {safe(task.target)} {safe(task.environment)}` looks anew.",
        TaskKind.CAMPAIGN: "`/launch-campaign` begins anew.",
        TaskKind.DIGEST: "`/signoff digest` asks anew.",
        TaskKind.POLICY: "`/signoff policy propose` asks anew.",
    }[task.kind]


def of_proposal(proposal: Proposal | None) -> str:
    """Return what lets something be proposed once more."""
    if proposal is None:
        return ANYTHING
    if proposal.key.startswith(UNDO):
        # Also where it took the place of another undo: the button is on what both would undo.
        return f"press Propose to undo… on the card of {code(proposal.key.removeprefix(UNDO))}."
    if proposal.action.agent == POLICY_AGENT:
        return "`/signoff policy propose`."
    if proposal.action.agent != TaskKind.CAMPAIGN:
        return "`/triage`."
    is_pause = proposal.facts is not None and only_stops(proposal.facts.action)
    return PAUSE_ANEW if is_pause else "`/launch-campaign`."


def under_way(task: Task, place: Place | None, workspace: str) -> str:
    """Return what is said to who asks for what is looked into already."""
    url = address(workspace, place)
    where = "" if url is None else f", in {link('its thread', url)}"
    over = "Nothing new is begun for it while it is open: answer or withdraw what waits there."
    then = f"When it is over: {of_task(task)}"
    return (
        f"This is under way already{where}: task {code(task.id)}, {safe(task.title)}. {over} {then}"
    )
