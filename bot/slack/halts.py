"""What threads say of a pause, a freeze, a hold and a mode: by whom, why, and what to do."""

from collections.abc import Iterable, Mapping, Sequence

from bot.slack.text import code, day_time, person, safe
from bot.store.cardviews import ProposalView
from bot.store.halts import Ordered, Switches
from bot.store.threads import TaskView
from bot.store.waiting import Freed
from policies.model import Mode, ProposalState
from tools.halts import Halt, HaltKind

# The short one is that of an item which shares its card with others.
LONGEST_REASON, SHORT_REASON, LONGEST_NOTICE = 300, 80, 500
# Of what goes on after a halt.
MOST_NAMES, LONGEST_NAME = 5, 120
WAITS = "Waits (see above)."
OVER = "The alert resolved since the sign-off."
# What can still be done, so that it matters whether somebody stopped it.
AHEAD = frozenset({ProposalState.PENDING, ProposalState.APPROVED, ProposalState.UNKNOWN})


def of_state(view: TaskView, state: str) -> str:
    """Return a task's state, with the pause or the freeze that stops it."""
    if view.switches.pause is not None:
        return f"Paused ({state.lower()})"
    return f"Frozen ({state.lower()})" if _freeze(view) is not None else state


def of_head(view: TaskView) -> list[str]:
    """Return the lines of a thread's first message about what stops the task."""
    paused, freeze = of_all(view.switches), _freeze(view)
    found = [] if paused is None else [paused]
    if freeze is not None:
        goes_on = "I go on looking, and change nothing."
        found.append(f"{said(freeze)} {goes_on} {lifted_by(freeze)}")
    return found


def of_card(view: TaskView, item: ProposalView, longest: int = LONGEST_REASON) -> str | None:
    """Return what a card says of what stops it; None where nothing does."""
    stop, state = _stop(view, item), item.row.state
    if stop is None:
        return None
    if isinstance(stop, Ordered):
        return _observed(stop, state, longest)
    if state is ProposalState.APPROVED:
        since = f"since {day_time(stop.at)}{why(stop.reason, longest)}"
        then = f"It is done as soon as an operator writes {lifting(stop)}."
        if item.row.is_sign_off_stale:
            then = f"{OVER} So it is not done after {lifting(stop)} either."
        elif len(view.switches.of(item.row.proposal)) > 1:
            then = f"Nothing is done before an operator writes {lifting(stop)}."
        return f"{_what(stop)} by {person(stop.by)} {since}. {then}"
    then = {
        ProposalState.PENDING: "You can sign off; nothing is done before an operator writes"
        f" {lifting(stop)}.",
        ProposalState.DENIED: f"{lifted_by(stop)} Then ask for it again.",
    }.get(state, f"So this waits for {lifting(stop)}.")
    return f"{said(stop, longest)} {then}"


def of_batch(view: TaskView, items: Iterable[ProposalView]) -> str | None:
    """Return what stops everything on a card that can still be done; None where that differs."""
    found = {_stop(view, item) for item in items if item.row.state in AHEAD}
    stop = found.pop() if len(found) == 1 else None
    if stop is None:
        return None
    if isinstance(stop, Ordered):
        return _observed(stop, ProposalState.PENDING, LONGEST_REASON)
    return f"{said(stop)} Nothing is done before an operator writes {lifting(stop)}."


def of_item(view: TaskView, item: ProposalView, *, is_said: bool) -> str | None:
    """Return what one of several on a card says; `is_said` where the card's head says it of all."""
    return WAITS if is_said and item.row.state in AHEAD else of_card(view, item, SHORT_REASON)


def of_all(switches: Switches) -> str | None:
    """Return what a pause is said of where many tasks stand; None while there is none."""
    pause = switches.pause
    return None if pause is None else f"{said(pause)} {lifted_by(pause)}"


def said(halt: Halt, longest: int = LONGEST_REASON) -> str:
    """Return what is stopped, by whom, since when and why."""
    at = f"{day_time(halt.at)}{why(halt.reason, longest)}"
    return f"*{_what(halt)}* by {person(halt.by)} at {at}."


def listed(halt: Halt) -> str:
    """Return a halt as a line of a list."""
    what = {
        HaltKind.PAUSE: "everything",
        HaltKind.TASK: f"task {code(halt.task_id or '')}",
        HaltKind.CAMPAIGN: f"campaign {code(halt.name)}",
        HaltKind.HOLD: f"campaign {code(halt.name)}, for the incident {code(halt.task_id or '')}",
    }[halt.kind]
    return f"{what}, by {person(halt.by)} at {day_time(halt.at)}{why(halt.reason)}"


def ordered_line(ordered: Ordered) -> str:
    """Return an ordered mode as a line of a list."""
    who = f"by {person(ordered.by)} at {day_time(ordered.at)}{why(ordered.reason)}"
    return f"{code(ordered.agent)} in {code(ordered.environment)}: *{ordered.mode}*, {who}"


def why(reason: str, longest: int = LONGEST_REASON) -> str:
    """Return a reason as the end of a sentence; whoever gave it can't mention or link by it."""
    return f": {safe(reason, longest).rstrip('.')}" if reason else ""


def status(switches: Switches) -> list[str]:
    """Return what is stopped, and which modes are not those of the file, for `/signoff status`."""
    lines = []
    if switches.pause is not None:
        words = said(switches.pause).replace("*Signoff is paused*", "*Paused*", 1)
        lines.append(f"{words} An operator can `/signoff resume REASON`.")
    frozen = [halt for halt in switches.halts if halt.kind is not HaltKind.PAUSE]
    lines += _some("Frozen", [listed(halt) for halt in frozen])
    lines += _some(
        "Modes that differ from `signoff.yaml`", list(map(ordered_line, switches.ordered))
    )
    return lines


def begins(found: Sequence[Freed]) -> str:
    """Return what goes on now that something was lifted: how many actions, and which."""
    if not found:
        return "Nothing that is signed off waits, so nothing is done now."
    sure = [item for item in found if not (item.is_unknown or item.is_over)]
    unsure = [item for item in found if item.is_unknown]
    over = [item for item in found if item.is_over]
    said = []
    if sure:
        one = len(sure) == 1
        head = "1 action" if one else f"{len(sure)} actions"
        said.append(
            f"{head} that waited for this {'goes' if one else 'go'} on now: {_named(sure)}."
        )
    if unsure:
        said.append(
            f"Nobody knows yet whether {_named(unsure)} happened: it is asked about now, and done"
            " if it surely was not."
        )
    if over:
        said.append(f"Not done any more: {_named(over)}. {OVER} `/triage` looks anew.")
    return " ".join(said)


def _named(found: Sequence[Freed]) -> str:
    names = [
        f"*{'Undo: ' if item.is_undoing else ''}{safe(item.proposal.title, LONGEST_NAME)}*"
        for item in found[:MOST_NAMES]
    ]
    left = len(found) - len(names)
    return f"{', '.join(names)}{f' and {left} more' if left else ''}"


def notice(payload: Mapping[str, str], since: str = "") -> str:
    """Return the line of the anchor channel: who changed a switch, and why."""
    words = safe(payload["text"], LONGEST_NOTICE)
    return f"{since}{person(payload['person'])} {words}{why(payload['reason'])}."


def _some(title: str, lines: list[str], most: int = 10) -> list[str]:
    if not lines:
        return []
    more = [f"• and {len(lines) - most} more"] if len(lines) > most else []
    return [f"*{title}*", *(f"• {line}" for line in lines[:most]), *more]


def _freeze(view: TaskView) -> Halt | None:
    of_task = (HaltKind.TASK, view.task.id)
    return next(
        (halt for halt in view.switches.halts if (halt.kind, halt.task_id) == of_task), None
    )


def lifted_by(halt: Halt) -> str:
    """Return who lifts a halt, and how."""
    return f"An operator lifts it with {lifting(halt)}."


def lifting(halt: Halt) -> str:
    """Return the command that lifts a halt."""
    if halt.kind is HaltKind.PAUSE:
        return "`/signoff resume REASON`"
    if halt.kind is HaltKind.TASK:
        return code(f"/signoff unfreeze {halt.task_id} REASON")
    return code(f'/signoff unfreeze campaign "{halt.name}" REASON')


def _what(halt: Halt) -> str:
    return {
        HaltKind.PAUSE: "Signoff is paused",
        HaltKind.TASK: "This task is frozen",
        HaltKind.CAMPAIGN: "The campaign is frozen",
        HaltKind.HOLD: f"The campaign is held for the incident {code(halt.task_id or '')}",
    }[halt.kind]


def _stop(view: TaskView, item: ProposalView) -> Halt | Ordered | None:
    """Return what stops a proposal that can still be done, or that was denied for it."""
    state, proposal = item.row.state, item.row.proposal
    is_denied = state is ProposalState.DENIED and item.reason == "FROZEN"
    if state not in AHEAD and not is_denied:
        return None
    halt = next(iter(view.switches.of(proposal)), None)
    if halt is not None or is_denied:
        return halt
    ordered = view.switches.mode(proposal.action.agent, proposal.action.environment)
    return ordered if ordered is not None and ordered.mode is Mode.OBSERVE else None


def _observed(ordered: Ordered, state: ProposalState, longest: int) -> str:
    who = f"by {person(ordered.by)} at {day_time(ordered.at)}{why(ordered.reason, longest)}"
    again = code(f"/signoff mode {ordered.agent} {ordered.environment} approve REASON")
    then = "So it is" if state is ProposalState.APPROVED else "Signed off now, it is"
    return (
        f"*Only watching here*: the mode `observe` was set {who}. {then} denied and not done. An"
        f" operator can change that with {again}."
    )
