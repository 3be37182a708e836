"""The modals: a brief, a reason to reject, an edit, a reason to pause campaigns."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from agents.campaign.planner import CHANNELS, OBJECTIVES
from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.text import code, safe
from policies.model import Proposal
from policies.rejections import WORDS

BRIEF, REJECT, EDIT, PAUSE = (
    "campaign.brief",
    "proposal.reject",
    "proposal.edit",
    "campaign.pause",
)
GLASS, REVIEW = "proposal.break_glass", "review.not_fine"
REJECT_ALL, ROLL_BACK = "batch.reject", "task.roll_back"


def brief(today: date, channel: str) -> Block:
    """Return the form for a new campaign."""
    start = today + timedelta(days=1)
    return kit.modal(
        BRIEF,
        "Launch a campaign",
        "Plan it",
        [
            kit.section("Nothing is launched yet: you get a plan, and somebody signs it off."),
            kit.text_input("name", "Name", placeholder="Autumn sale", longest=120),
            kit.choice("objective", "What should it bring?", OBJECTIVES),
            kit.text_input("audience", "For whom?", placeholder="New visitors", longest=200),
            kit.choice("channel", "Where?", CHANNELS),
            kit.text_input("headline", "Headline", longest=120),
            kit.text_input("url", "Landing page", placeholder="https://…", longest=500),
            kit.text_input("daily_budget", "Budget a day", placeholder="300.00 EUR", longest=40),
            kit.day("starts_on", "First day", start.isoformat()),
            kit.day("ends_on", "Last day", (start + timedelta(days=13)).isoformat()),
        ],
        channel,
    )


def reason(callback_id: str, title: str, label: str, data: str, *head: Block) -> Block:
    """Return a form that asks for one reason, below what it is about."""
    field = kit.text_input("reason", label, is_long=True, longest=500)
    return kit.modal(callback_id, title, "Send", [*head, field], data)


def about(proposal: Proposal) -> Block:
    """Return what a form is about: what is to be done, where, and whether it can be undone."""
    action = proposal.action
    undo = "*It can't be undone.*" if action.inverse is None else safe(action.inverse.sentence)
    where = f"in {code(action.environment)}, `{proposal.id}`"
    return kit.section(f"*{safe(proposal.title)}*\n{where}\nUndo: {undo}")


def about_one(proposal: Proposal) -> list[Block]:
    """Return what a rejection is about, and what it ends."""
    return [about(proposal), kit.section("One rejection ends it, whoever else has signed off.")]


def about_all(found: Sequence[Proposal], left: int) -> list[Block]:
    """Return what a form for several is about, each by name; `left` more are out of its reach."""
    texts = [
        f"*These {len(found)}, and no other.* One rejection ends each, whoever has signed off."
    ]
    texts += [
        f"*{safe(one.title, 200)}*\nin {code(one.action.environment)}, `{one.id}`" for one in found
    ]
    if left:
        texts.append(f"Left out: {left} more of that card, decided already or not yours to reject.")
    return [kit.section(text) for text in texts]


def rejection(data: str, callback_id: str = REJECT, head: Sequence[Block] = ()) -> Block:
    """Return a form that asks why not: a reason of the list, words, or both."""
    options = {why.value: words for why, words in WORDS.items()}
    return kit.modal(
        callback_id,
        "Reject",
        "Reject it" if callback_id == REJECT else "Reject all shown",
        [
            *head,
            kit.choice("code", "Why not? It goes on record", options),
            kit.optional(kit.text_input("reason", "In your words", is_long=True)),
        ],
        data,
    )


def edit(proposal: Proposal, data: str) -> Block:
    """Return a form with the parameters that may be edited."""
    fields = [
        kit.text_input(
            f"param.{name}",
            name.replace("_", " ").capitalize(),
            initial=str(proposal.action.parameters.get(name, "")),
            longest=200,
        )
        for name in proposal.editable
    ]
    said = "The edited proposal gets a new card, and its votes start at zero."
    if not proposal.decision.self_approval:
        said += " Somebody else than you signs it off; if it is right as it is, approve it instead."
    head = [about(proposal), kit.section(said)]
    return kit.modal(EDIT, "Edit the proposal", "Propose it", [*head, *fields], data)


def values(view: Mapping[str, Any]) -> dict[str, str]:
    """Return what was filled in, by block."""
    found: dict[str, str] = {}
    for block_id, actions in view.get("state", {}).get("values", {}).items():
        for element in actions.values():
            option = element.get("selected_option")
            given = element.get("value") or element.get("selected_date")
            found[block_id] = str(option["value"] if option else given or "")
    return found
