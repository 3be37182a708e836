"""The card of a proposal and its verdict, written by code from the very object that is hashed."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from agents.incident.analyst import percent
from agents.tasks import TaskKind
from bot.slack import blocks as kit
from bot.slack import outcomes, undoing
from bot.slack.blocks import Block
from bot.slack.differences import differences
from bot.slack.outcomes import (
    NOT_ROLLED_BACK,
    WAITING,
    asking,
    edited,
    measured,
    state_words,
    verdict_words,
)
from bot.slack.text import bullets, clock_time, code, day_time, link, naming, person, safe
from bot.store.cardviews import ProposalView
from bot.store.places import undoes
from bot.store.taskstore import NO_FOLLOW_UP
from policies.approvals import BREAK_GLASS as GROUP_OF_GLASS
from policies.model import EffectKind, Proposal, ProposalState
from policies.standing import is_about_rules
from tools.ports import Direction

APPROVE, REJECT, EDIT = "proposal.approve", "proposal.reject", "proposal.edit"
WITHDRAW, BREAK_GLASS = "proposal.withdraw", "proposal.break_glass"
ROLL_BACK = "proposal.roll_back"
HOUR_S = 3600
# Below the limit of one section.
PARAMETERS = 2500

Mentions = Mapping[str, str]


def card(
    view: ProposalView,
    mentions: Mentions,
    *,
    held: str | None = None,
    resolved_at: datetime | None = None,
    before: ProposalView | None = None,
    may_again: bool = False,
) -> tuple[str, list[Block]]:
    """Return the card's fallback text and blocks.

    `held` says who stopped it, and what to do; `before` is what it was edited from; `may_again`
    offers to propose it once more.
    """
    proposal = view.row.proposal
    found = [kit.header(proposal.title), *_change(before, proposal)]
    if resolved_at is not None and view.row.state is ProposalState.PENDING:
        words = f"*The alert resolved at {clock_time(resolved_at)}.* Is this still needed?"
        found.append(kit.section(words))
    found.append(kit.section(_status(view, mentions, held)))
    if proposal.anew is not None:
        found.append(kit.section(f"*Why this card*\n{naming(proposal.anew)}"))
    if may_again:
        found += undoing.once_more(proposal)
    # What is needed to decide stands above the buttons, what backs it up below.
    found += _why(proposal)
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
    text = f"{safe(proposal.title)}: {state_words(view, held)}"
    if view.row.state is ProposalState.PENDING:
        text = f"{safe(proposal.title)}? {asked} can sign off."
    return text, found


def _change(before: ProposalView | None, proposal: Proposal) -> list[Block]:
    if before is None:
        return []
    changes = differences(before.row.proposal, proposal)
    return [kit.section(edited(before, proposal, changes))] if changes else []


def _why(proposal: Proposal) -> list[Block]:
    if not proposal.rationale:
        return []
    return [kit.section(f"*{_whose(proposal)}*\n>{safe(proposal.rationale, 600)}")]


def line(view: ProposalView, held: str | None = None) -> str:
    """Return a proposal on one line: what it was, and what became of it."""
    words = f"*{safe(view.row.proposal.title)}*: {state_words(view, held)}"
    return words if view.row.verdict is None else f"{words} {verdict_words(view)}"


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


def verdict(
    view: ProposalView, now: datetime, undo: ProposalView | None = None
) -> tuple[str, list[Block]]:
    """Return the verdict's fallback text and blocks; the button goes with its window.

    `undo` is what was proposed to undo it, if anything was.
    """
    proposal, row = view.row.proposal, view.row
    said = verdict_words(view)
    found = [kit.section(f"*{safe(proposal.title)}*\n{said}")]
    inverse = row.execution(Direction.INVERSE)
    if row.state is ProposalState.ROLLED_BACK and inverse is not None:
        by = person(view.rolled_back_by or "")
        at = day_time(inverse.ended_at or inverse.started_at)
        found.append(kit.section(f"*Rolled back* by {by} at {at}. {safe(inverse.sentence)}"))
    elif row.roll_back_by is not None:
        by = person(row.roll_back_by)
        is_waiting = inverse is not None or view.reason in WAITING
        waits = f" {outcomes.said(view)}" if view.sentence and is_waiting else ""
        if inverse is not None and inverse.state == "unknown":
            waits = f" *Unknown whether it happened.*{waits} {asking(inverse)}"
        found.append(kit.section(f"*Rolling back*, asked by {by}.{waits}"))
    elif proposal.action.inverse is not None:
        found += _rollback(view, now, undo)
    if view.reason == NO_FOLLOW_UP:
        found.append(kit.section(f"*No next step.* {safe(view.sentence or '')}"))
    return f"{safe(proposal.title)}: {said}", found


def button_value(proposal: Proposal) -> str:
    """Return what a button carries: the proposal, and the hash of the action on its card."""
    return f"{proposal.id}:{proposal.action.hash}"


def _rollback(view: ProposalView, now: datetime, undo: ProposalView | None) -> list[Block]:
    proposal = view.row.proposal
    inverse, until = proposal.action.inverse, undo_until(view)
    if inverse is None or until is None:
        return []
    found = []
    if view.reason in NOT_ROLLED_BACK:
        found.append(kit.section(f"*Not rolled back.* {outcomes.said(view)}"))
    if now >= until:
        return [*found, *undoing.afterwards(view, undo, until)]
    if view.no_way_back is not None:
        return [*found, *undoing.without(view)]
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
        is_said = held is None or state is ProposalState.APPROVED
        return state_words(view, held) + ("" if is_said else f"\n{held}")
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
        lines.append("The alert has resolved since that sign-off, which still counts.")
    lines.append(f"Until {day_time(proposal.expires_at)}; no answer is a no.")
    lines += _asked_by(proposal)
    if held:
        lines.append(held)
    return "\n".join(lines)


def _whose(proposal: Proposal) -> str:
    """Say whose reason is given: for a campaign it is that of whoever asked."""
    if proposal.edited_by is not None:
        return f"Why, since {person(proposal.edited_by)} changed it"
    people = [name for name in proposal.requesters if "/" in name]
    if proposal.action.agent == TaskKind.CAMPAIGN and people:
        return f"Why {person(people[0])} asked for it"
    return f"Why, says the {proposal.action.agent} agent"


def _asked_by(proposal: Proposal) -> list[str]:
    """Say who asked for it, and so whether they may sign it off."""
    people = " and ".join(person(name) for name in proposal.requesters if "/" in name)
    if proposal.decision.self_approval:
        by = f" Asked by {people}." if people else ""
        return [f"_Whoever asked may sign off here (self-approval)._{by}"]
    is_edited = proposal.replaces is not None and proposal.anew is None
    how = "Asked or edited" if is_edited else "Asked"
    return [f"{how} by {people}, who may not sign this."] if people else []


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
        now = measured(effect.baseline, effect.unit)
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
        how = "Undoes" if undoes(proposal) else how
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
    approve = kit.button("Approve", APPROVE, value, style="primary")
    if proposal.action.inverse is None:
        where = f"{proposal.title}, in {proposal.action.environment}."
        approve["confirm"] = kit.confirm("This can't be undone", where, "Approve")
    found = [approve, kit.button("Reject…", REJECT, value, style="danger")]
    if proposal.editable:
        found.append(kit.button("Edit…", EDIT, value))
    found.append(withdraw)
    if may_break and not is_about_rules(proposal):
        found.append(kit.button("Break glass…", BREAK_GLASS, value))
    return found
