"""The card of a proposal and its verdict, written by code from the very object that is hashed."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from agents.incident.analyst import percent
from agents.ports import ExecutionRow, ProposalRow
from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.differences import differences
from bot.slack.text import bullets, clock_time, code, day_time, link, person, safe
from bot.store.cardviews import ProposalView
from bot.store.taskstore import NO_FOLLOW_UP
from policies.approvals import BREAK_GLASS as GROUP_OF_GLASS
from policies.model import EffectKind, Proposal, ProposalState, Unit, Verdict
from policies.rejections import WORDS as REASONS
from policies.rejections import Why, why_of
from tools.consent import NOT_ENOUGH
from tools.ports import Direction

APPROVE, REJECT, EDIT = "proposal.approve", "proposal.reject", "proposal.edit"
WITHDRAW, BREAK_GLASS = "proposal.withdraw", "proposal.break_glass"
ROLL_BACK = "proposal.roll_back"
HOUR_S = 3600
# Below the limit of one section.
PARAMETERS = 2500
# Why a rollback ended without being done; some of these stop before anything was begun.
NOT_ROLLED_BACK = frozenset(
    {"NO_INVERSE", "PERSON_SAYS_NOT_DONE", "REFUSED_OUTSIDE", "STATE_CHANGED", "TOOL_GONE"}
)
# Why a rollback has not begun yet.
WAITING = frozenset({"SIGNOFF_PAUSED", "NO_ANSWER", "GROUP_UNREADABLE"})
# Why an approved one is approved, and nothing holds it back.
LET_THROUGH = ("SIGNED_OFF", "GLASS_BROKEN")
# Why it has not begun yet where somebody stopped it: that is told from the switches.
STOPPED = frozenset({*LET_THROUGH, "SIGNOFF_PAUSED", "FROZEN"})
ASKING = "I am asking the outside system; please do not repeat it by hand."
LOOK = "*Somebody has to look:* see the card below. Please do not repeat it by hand."

Mentions = Mapping[str, str]


def card(
    view: ProposalView,
    mentions: Mentions,
    *,
    held: str | None = None,
    resolved_at: datetime | None = None,
    before: ProposalView | None = None,
) -> tuple[str, list[Block]]:
    """Return the card's fallback text and blocks.

    `held` says who stopped it, and what to do; `before` is what it was edited from.
    """
    proposal = view.row.proposal
    found = [kit.header(proposal.title)]
    changes = [] if before is None else differences(before.row.proposal, proposal)
    if before is not None and changes:
        found.append(kit.section(_edited(before, proposal, changes)))
    if resolved_at is not None and view.row.state is ProposalState.PENDING:
        words = f"*The alert resolved at {clock_time(resolved_at)}.* Is this still needed?"
        found.append(kit.section(words))
    found.append(kit.section(_status(view, mentions, held)))
    if proposal.anew is not None:
        found.append(kit.section(f"*Why this card*\n{safe(proposal.anew)}"))
    # What is needed to decide stands above the buttons, what backs it up below.
    if proposal.rationale:
        who = "Why, says the " + proposal.action.agent + " agent"
        found.append(kit.section(f"*{who}*\n>{safe(proposal.rationale, 600)}"))
    found.append(kit.section(_promise(proposal)))
    buttons = _buttons(view, may_break=GROUP_OF_GLASS in mentions)
    if buttons:
        found.append(kit.actions(f"proposal:{proposal.id}", buttons))
    found.append(kit.fields(_facts(proposal)))
    found += _parameters(proposal)
    if proposal.observed:
        seen = bullets([safe(line, 300) for line in proposal.observed])
        found.append(kit.section(f"*Observed*\n{seen}"))
    found.append(kit.context(_small_print(proposal)))
    asked = ", ".join(mentions.get(name, name) for name in proposal.decision.groups)
    text = f"{safe(proposal.title)}: {_state_words(view)}"
    if view.row.state is ProposalState.PENDING:
        text = f"{safe(proposal.title)}? {asked} can sign off."
    return text, found


def line(view: ProposalView) -> str:
    """Return a proposal on one line: what it was, and what became of it."""
    words = f"*{safe(view.row.proposal.title)}*: {_state_words(view)}"
    return words if view.row.verdict is None else f"{words} {_verdict_words(view)}"


def next_groups(proposal: Proposal) -> tuple[str, ...]:
    """Return the groups that are asked when nobody answers, each once."""
    return tuple(dict.fromkeys(name for item in proposal.decision.clauses for name in item.then))


def undo_until(view: ProposalView) -> datetime | None:
    """Return until when one click undoes it; None where it can't be undone so (any more)."""
    inverse, done = view.row.proposal.action.inverse, view.row.execution(Direction.FORWARD)
    is_undone = view.row.state is ProposalState.ROLLED_BACK or view.row.roll_back_by is not None
    if inverse is None or done is None or done.ended_at is None or is_undone:
        return None
    return done.ended_at + timedelta(seconds=inverse.window_s)


def verdict(view: ProposalView, now: datetime) -> tuple[str, list[Block]]:
    """Return the verdict's fallback text and blocks; the button goes with its window."""
    proposal, row = view.row.proposal, view.row
    said = _verdict_words(view)
    found = [kit.section(f"*{safe(proposal.title)}*\n{said}")]
    inverse = row.execution(Direction.INVERSE)
    if row.state is ProposalState.ROLLED_BACK and inverse is not None:
        by = person(view.rolled_back_by or "")
        at = day_time(inverse.ended_at or inverse.started_at)
        found.append(kit.section(f"*Rolled back* by {by} at {at}. {safe(inverse.sentence)}"))
    elif row.roll_back_by is not None:
        by = person(row.roll_back_by)
        is_waiting = inverse is not None or view.reason in WAITING
        waits = f" {safe(view.sentence)}" if view.sentence and is_waiting else ""
        if inverse is not None and inverse.state == "unknown":
            waits = f" *Unknown whether it happened.*{waits} {_asking(inverse)}"
        found.append(kit.section(f"*Rolling back*, asked by {by}.{waits}"))
    elif proposal.action.inverse is not None:
        found += _rollback(view, now)
    if view.reason == NO_FOLLOW_UP:
        found.append(kit.section(f"*No next step.* {safe(view.sentence or '')}"))
    return f"{safe(proposal.title)}: {said}", found


def button_value(proposal: Proposal) -> str:
    """Return what a button carries: the proposal, and the hash of the action on its card."""
    return f"{proposal.id}:{proposal.action.hash}"


def _rollback(view: ProposalView, now: datetime) -> list[Block]:
    proposal = view.row.proposal
    inverse, until = proposal.action.inverse, undo_until(view)
    if inverse is None or until is None:
        return []
    found = []
    if view.reason in NOT_ROLLED_BACK:
        found.append(kit.section(f"*Not rolled back.* {safe(view.sentence or '')}"))
    if now >= until:
        words = f"The time to undo it with one click ended at {day_time(until)}."
        return [*found, kit.context([f"{words} Undoing it now takes a new sign-off."])]
    press = kit.button("Roll back", ROLL_BACK, button_value(proposal), style="danger")
    press["confirm"] = kit.confirm("Undo this?", inverse.sentence, "Roll back")
    found.append(kit.actions(f"verdict:{proposal.id}", [press]))
    found.append(
        kit.context(
            [
                f"Undo: {safe(inverse.sentence)} One click of a member of an approving"
                f" group is enough until {day_time(until)}."
            ]
        )
    )
    return found


def _status(view: ProposalView, mentions: Mentions, held: str | None) -> str:
    proposal, state = view.row.proposal, view.row.state
    if state is not ProposalState.PENDING:
        return _state_words(view) + (f"\n{held}" if held else "")
    lines = []
    for clause in proposal.decision.clauses:
        later = clause.then if view.row.is_widened else ()
        first = [name for name in clause.groups if name not in later] or clause.groups
        asked = " or ".join(mentions.get(name, code(name)) for name in first)
        lines.append(f"Needs *{clause.n}* of {asked} (rule `{clause.rule}`)")
    if view.row.is_widened:
        joined = " or ".join(mentions.get(name, code(name)) for name in next_groups(proposal))
        lines.append(f"*Now also:* {joined}")
    given = ", ".join(person(name) for name in view.row.approvers)
    if given:
        lines.append(f"Signed off so far by {given}.")
    if view.row.is_sign_off_stale:
        lines.append("The alert has resolved since that sign-off.")
    lines.append(f"Until {day_time(proposal.expires_at)}; no answer is a no.")
    if proposal.decision.self_approval:
        lines.append("_Whoever asked may sign off here (self-approval)._")
    if held:
        lines.append(held)
    return "\n".join(lines)


def _state_words(view: ProposalView) -> str:
    row, at = view.row, view.decided_at
    when = f" at {day_time(at)}" if at is not None else ""
    consent, by = _consent(row)
    sentence = safe(view.sentence or "")
    words = {
        ProposalState.PENDING: "Waiting for a sign-off.",
        ProposalState.APPROVED: f"{consent}. Acting now. {_held(view)}",
        ProposalState.EXECUTING: f"{consent}. Acting now.",
        ProposalState.EXECUTED: f"*Done*, {by}. {sentence} {_measuring(view)}",
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
        f" {_asking(row.execution(Direction.FORWARD))}",
        ProposalState.ROLLED_BACK: f"*Done and rolled back*, {by}. {_done(view)}",
    }
    return words[row.state].strip()


def _edited(before: ProposalView, proposal: Proposal, changes: list[str]) -> str:
    what = f"from `{before.row.proposal.id}`; votes start at zero\n{bullets(changes)}"
    if proposal.anew is not None:
        return f"*Changed* {what}"
    return f"*Changed by {person(before.decided_by or '')}* {what}"


def _successor(view: ProposalView) -> str:
    return "The card below" if view.successor is None else f"The card of `{view.successor}` below"


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
    return f"*Not done*{when}. {safe(view.sentence or '')}"


def _asking(found: ExecutionRow | None) -> str:
    return ASKING if found is None or found.escalated_at is None else LOOK


def _held(view: ProposalView) -> str:
    is_told = view.reason is None or view.reason in STOPPED
    return "" if is_told else safe(view.sentence or "")


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


def _facts(proposal: Proposal) -> list[str]:
    action = proposal.action
    found = [
        f"*Target*\n{code(action.target)}",
        f"*Environment*\n{code(action.environment)}",
        f"*Tool*\n{code(action.tool)} version {action.tool_version}",
        "*Only if still so*\n" + "\n".join(safe(str(item)) for item in action.preconditions),
    ]
    if proposal.severity is not None:
        since = "" if proposal.since_at is None else f", since {day_time(proposal.since_at)}"
        found.insert(2, f"*Severity*\n{proposal.severity}{since}")
    if proposal.blast_radius:
        found.append("*Touches*\n" + safe(", ".join(proposal.blast_radius)))
    return found


def _parameters(proposal: Proposal) -> list[Block]:
    """Show every parameter whole: what is signed off is never cut short."""
    lines = [
        f"{safe(name)}: {code(str(value), kit.SECTION)}"
        for name, value in proposal.action.parameters.items()
    ]
    texts = ["*Parameters*"]
    for line in lines:
        if len(texts[-1]) + len(line) < PARAMETERS:
            texts[-1] += f"\n{line}"
        else:
            texts.append(line)
    return [kit.section(text) for text in texts]


def _promise(proposal: Proposal) -> str:
    action = proposal.action
    effect, inverse = action.expected_effect, action.inverse
    expected = "Nothing is measured afterwards."
    if effect is not None:
        now = _measured(effect.baseline, effect.unit)
        was = f" Now: {now}." if effect.baseline is not None else ""
        expected = f"{safe(effect.sentence)}{was} Measured {_after(effect.settle_s)}."
    undo = "*It can't be undone.*"
    if inverse is not None:
        is_long = inverse.window_s >= HOUR_S
        window = f"{inverse.window_s // (HOUR_S if is_long else 60)} {'h' if is_long else 'min'}"
        undo = f"{safe(inverse.sentence)} One click, for {window} afterwards."
    cost = f"*Worst case*\n{safe(proposal.worst_case)}\n" if proposal.worst_case else ""
    return f"{cost}*Expected afterwards*\n{expected}\n*Undo*\n{undo}"


def _after(settle_s: int) -> str:
    return "at once" if settle_s == 0 else f"{settle_s} s after it is done"


def _small_print(proposal: Proposal) -> list[str]:
    found = [f"Proposal `{proposal.id}`, action `{proposal.action.hash[:12]}`"]
    if proposal.links:
        found.append(" · ".join(link(item.label, item.url) for item in proposal.links))
    if proposal.confidence is not None:
        found.append(f"Confidence {percent(float(proposal.confidence))}")
    reasons = ", ".join(proposal.decision.reasons)
    found.append(f"Policy `{proposal.decision.policy_version}`: {safe(reasons)}")
    if proposal.decision.effect is EffectKind.AUTO:
        found.append("Allowed without a sign-off")
    if proposal.replaces is not None:
        how = "Edited from" if proposal.anew is None else "Follows"
        found.append(f"{how} `{proposal.replaces}`; votes start at zero")
    return found


def _buttons(view: ProposalView, *, may_break: bool) -> list[Block]:
    proposal = view.row.proposal
    value = button_value(proposal)
    withdraw = kit.button("Withdraw", WITHDRAW, value)
    withdraw["confirm"] = kit.confirm(
        "Take it back?",
        "Then nothing is done, and nobody needs to decide. You can only withdraw"
        " what you asked for.",
        "Withdraw",
    )
    if view.row.state is ProposalState.APPROVED:
        # Signed off and not begun: it waits for a pause to end, or for an outside system.
        return [withdraw]
    if view.row.state is not ProposalState.PENDING:
        return []
    found = [
        kit.button("Approve", APPROVE, value, style="primary"),
        kit.button("Reject…", REJECT, value, style="danger"),
    ]
    if proposal.editable:
        found.append(kit.button("Edit…", EDIT, value))
    found.append(withdraw)
    if may_break:
        found.append(kit.button("Break glass…", BREAK_GLASS, value))
    return found


def _measured(value: str | None, unit: Unit) -> str:
    if value is None:
        return "no data"
    return percent(float(value)) if unit is Unit.RATIO else code(value)


def _verdict_words(view: ProposalView) -> str:
    row = view.row
    effect, done = row.proposal.action.expected_effect, row.execution(Direction.FORWARD)
    if row.verdict is None or effect is None:
        return "*Unknown*: nothing is measured after this action."
    before = None if done is None else done.baseline
    seen = f"Measured {_measured(view.measured, effect.unit)}"
    if before is not None:
        seen += f" (before: {_measured(before, effect.unit)})"
    wanted = f"Wanted: {safe(effect.sentence)}"
    words = {
        Verdict.WORKED: f"*Worked.* {seen}. {wanted}",
        Verdict.NO_CHANGE: f"*No change.* {seen}. {wanted} Look again, or roll back.",
        Verdict.WORSE: f"*Worse than before.* {seen}. {wanted} Consider rolling back.",
        Verdict.UNKNOWN: f"*Unknown.* Nothing could be measured. {wanted}",
    }
    return words[row.verdict]
