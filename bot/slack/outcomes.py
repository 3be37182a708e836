"""What became of a proposal, in words: its state, its verdict, and what an edit changed."""

from datetime import timedelta

from agents.incident.analyst import percent
from agents.ports import ExecutionRow, ProposalRow
from bot.slack.text import (
    bullets,
    clock_time,
    code,
    day_time,
    link,
    naming,
    person,
    safe,
)
from bot.store.cardviews import ProposalView
from policies.model import Proposal, ProposalState, Unit, Verdict
from policies.rejections import WORDS as REASONS
from policies.rejections import Why, why_of
from tools.consent import NOT_ENOUGH
from tools.ports import Direction

# Why a rollback ended without being done; some of these stop before anything was begun.
NOT_ROLLED_BACK = frozenset(
    {
        "MAY_NOT_DECIDE",
        "NO_INVERSE",
        "NOT_IN_GROUP",
        "PERSON_SAYS_NOT_DONE",
        "REFUSED_OUTSIDE",
        "STATE_CHANGED",
        "TOOL_GONE",
        "WINDOW_CLOSED",
    }
)
# Why a rollback has not begun yet.
WAITING = frozenset(
    {"FROZEN", "SIGNOFF_PAUSED", "NO_ANSWER", "GROUP_UNREADABLE", "PERSON_UNREADABLE"}
)
# Why an approved one is approved, and nothing holds it back.
LET_THROUGH = ("SIGNED_OFF", "GLASS_BROKEN")
# Why it has not begun yet where somebody stopped it: that is told from the switches.
STOPPED = frozenset({*LET_THROUGH, "SIGNOFF_PAUSED", "FROZEN"})
ASKING = "I am asking the outside system; please do not repeat it by hand."
# The first id in the sentence of these is of our own words; a reason that follows is not.
ABOUT_A_PERSON = frozenset({"MAY_NOT_DECIDE", "PERSON_UNREADABLE", "FROZEN"})
LOOK = "*Somebody has to look:* see the card below. Please do not repeat it by hand."


def state_words(view: ProposalView, held: str | None = None) -> str:
    """Return where a proposal stands, in a sentence or two; `held` says what stops it."""
    row, at = view.row, view.decided_at
    when = f" at {day_time(at)}" if at is not None else ""
    consent, by = _consent(row)
    sentence = said(view)
    words = {
        ProposalState.PENDING: "Waiting for a sign-off.",
        ProposalState.APPROVED: f"{consent}. {_beginning(view, held)}",
        ProposalState.EXECUTING: f"{consent}. Acting now.",
        ProposalState.EXECUTED: f"*Done*, {by}. {_done(view)} {_measuring(view)} {_undoing(view)}",
        ProposalState.VERIFIED: f"*Done*, {by}. {_done(view)}",
        ProposalState.DENIED: f"*Not allowed.* {sentence or _denied(row.proposal)}",
        ProposalState.REJECTED: f"*Rejected* by {person(view.rejected_by or '')}{when}:"
        f" {_rejection(view)}",
        ProposalState.EXPIRED: f"*Expired*{when}. {sentence}",
        ProposalState.WITHDRAWN: f"*Withdrawn* by {person(view.decided_by or '')}{when}."
        " Nothing was done.",
        ProposalState.SUPERSEDED: f"{_replaced(view, when)}"
        f" {_successor(view)} takes its place; votes on this one count for nothing.",
        ProposalState.DRIFTED: f"*Not done*{when}. {sentence}",
        ProposalState.FAILED: f"*Failed*{when}. {sentence}",
        ProposalState.UNKNOWN: f"*Unknown whether it happened.* {sentence}"
        f" {asking(row.execution(Direction.FORWARD))}",
        ProposalState.ROLLED_BACK: f"*Done and rolled back*, {by}. {_done(view)}",
    }
    return words[row.state].strip()


def said(view: ProposalView, limit: int = 1000) -> str:
    """Return the sentence of an outcome; only our own words about a person mention them."""
    sentence = view.sentence or ""
    return naming(sentence, 1) if view.reason in ABOUT_A_PERSON else safe(sentence, limit)


def verdict_words(view: ProposalView) -> str:
    """Return what was measured after the action, and what that means."""
    row = view.row
    effect, done = row.proposal.action.expected_effect, row.execution(Direction.FORWARD)
    if row.verdict is None or effect is None:
        return "*Unknown*: nothing is measured after this action."
    before = None if done is None else done.baseline
    seen = f"Measured {measured(view.measured, effect.unit)}"
    if before is not None:
        seen += f" (before: {measured(before, effect.unit)})"
    wanted = f"Wanted: {safe(effect.sentence)}"
    words = {
        Verdict.WORKED: f"*Worked.* {seen}. {wanted}",
        Verdict.NO_CHANGE: f"*No change.* {seen}. {wanted} Look again, or roll back.",
        Verdict.WORSE: f"*Worse than before.* {seen}. {wanted} Consider rolling back.",
        Verdict.UNKNOWN: f"*Unknown.* Nothing could be measured. {wanted}",
    }
    return words[row.verdict]


def edited(before: ProposalView, proposal: Proposal, changes: list[str]) -> str:
    """Return what a proposal has that the one in whose place it is had not."""
    what = f"from `{before.row.proposal.id}`; votes start at zero\n{bullets(changes)}"
    if proposal.anew is not None:
        return f"*Changed* {what}"
    return f"*Changed by {person(before.decided_by or '')}* {what}"


def measured(value: str | None, unit: Unit) -> str:
    """Return a measurement as people read it."""
    if value is None:
        return "no data"
    return percent(float(value)) if unit is Unit.RATIO else code(value)


def asking(found: ExecutionRow | None) -> str:
    """Return what is done about an effect that nobody knows of yet."""
    return ASKING if found is None or found.escalated_at is None else LOOK


def _successor(view: ProposalView) -> str:
    if view.successor is None:
        return "The card below"
    if view.successor_link is None:
        return f"The card of `{view.successor}` below"
    return link("The new card", view.successor_link)


def _consent(row: ProposalRow) -> tuple[str, str]:
    """Return by whom it was let through, as a sentence's beginning and as its end."""
    if row.broken_by is not None:
        who = person(row.broken_by)
        return f"*Glass broken* by {who}, without the sign-off", f"the glass was broken by {who}"
    people = ", ".join(person(name) for name in row.approvers) or "the rules"
    return f"*Signed off* by {people}", f"signed off by {people}"


def _rejection(view: ProposalView) -> str:
    why = why_of(view.rejection_code or "")
    said = safe(view.rejection or "", 500)
    if why is None or why is Why.OTHER:
        return said
    return f"{REASONS[why]}. {said}".strip()


def _replaced(view: ProposalView, when: str) -> str:
    if view.reason != NOT_ENOUGH:
        return f"*Edited* by {person(view.decided_by or '')}{when}."
    return f"*Not done*{when}. {naming(view.sentence or '')}"


def _undoing(view: ProposalView) -> str:
    """Say what became of a rollback that was asked for before anything was measured."""
    if view.row.roll_back_by is not None:
        waits = said(view) if view.reason in WAITING else ""
        return f"*Rolling back*, asked by {person(view.row.roll_back_by)}. {waits}".strip()
    return f"*Not rolled back.* {said(view)}" if view.reason in NOT_ROLLED_BACK else ""


def _beginning(view: ProposalView, held: str | None) -> str:
    """Say of what may be done whether it is, and otherwise what it waits for."""
    if held is None and view.sentence and view.reason not in STOPPED:
        held = f"{said(view, 200)} I try again by myself."
    return "Acting now." if held is None else f"*Not begun yet:* {held}"


def _done(view: ProposalView) -> str:
    done = view.row.execution(Direction.FORWARD)
    return "" if done is None else safe(done.sentence)


def _measuring(view: ProposalView) -> str:
    effect, done = view.row.proposal.action.expected_effect, view.row.execution(Direction.FORWARD)
    if effect is None or done is None or done.ended_at is None or effect.settle_s == 0:
        return ""
    at = done.ended_at + timedelta(seconds=effect.settle_s)
    return f"Measuring again at {clock_time(at)}."


def _denied(proposal: Proposal) -> str:
    rules = ", ".join(f"`{rule}`" for rule in proposal.decision.rules)
    reason = proposal.decision.reasons[0]
    if not rules:
        return f"No rule allows it ({reason})."
    return f"Rule {rules} says no ({reason})."
