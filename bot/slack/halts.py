"""What threads say of a pause, a freeze, a hold and a mode: by whom, why, and what to do."""

from collections.abc import Mapping

from bot.slack.text import clock_time, code, person, safe
from bot.store.cardviews import ProposalView
from bot.store.halts import Ordered, Switches
from bot.store.threads import TaskView
from policies.model import Mode, ProposalState
from tools.halts import Halt, HaltKind

LONGEST_REASON, LONGEST_NOTICE = 300, 500
# What can still be done, so that it matters whether somebody stopped it.
AHEAD = frozenset({ProposalState.PENDING, ProposalState.APPROVED, ProposalState.UNKNOWN})


def of_state(view: TaskView, state: str) -> str:
    """Return a task's state, with the pause or the freeze that stops it."""
    if view.switches.pause is not None:
        return f"Paused ({state.lower()})"
    return f"Frozen ({state.lower()})" if _freeze(view) is not None else state


def of_head(view: TaskView) -> list[str]:
    """Return the lines of a thread's first message about what stops the task."""
    found, freeze = [], _freeze(view)
    if view.switches.pause is not None:
        found.append(f"{said(view.switches.pause)} {_lifted_by(view.switches.pause)}")
    if freeze is not None:
        goes_on = "I go on looking, and change nothing."
        found.append(f"{said(freeze)} {goes_on} {_lifted_by(freeze)}")
    return found


def of_card(view: TaskView, item: ProposalView) -> str | None:
    """Return what a card says of what stops it; None where nothing does."""
    state, proposal = item.row.state, item.row.proposal
    is_denied = state is ProposalState.DENIED and item.reason == "FROZEN"
    if state not in AHEAD and not is_denied:
        return None
    halt = next(iter(view.switches.of(proposal)), None)
    if halt is not None:
        after = f"{_lifted_by(halt)} Then ask for it again." if is_denied else _waits(halt, state)
        return f"{said(halt)} {after}"
    ordered = view.switches.mode(proposal.action.agent, proposal.action.environment)
    if is_denied or ordered is None or ordered.mode is not Mode.OBSERVE:
        return None
    return _observed(ordered)


def said(halt: Halt) -> str:
    """Return what is stopped, by whom, since when and why."""
    what = {
        HaltKind.PAUSE: "Signoff is paused",
        HaltKind.TASK: "This task is frozen",
        HaltKind.CAMPAIGN: "The campaign is frozen",
        HaltKind.HOLD: f"The campaign is held for the incident {code(halt.task_id or '')}",
    }[halt.kind]
    return f"*{what}* by {person(halt.by)} at {clock_time(halt.at)}{why(halt.reason)}."


def listed(halt: Halt) -> str:
    """Return a halt as a line of a list."""
    what = {
        HaltKind.PAUSE: "everything",
        HaltKind.TASK: f"task {code(halt.task_id or '')}",
        HaltKind.CAMPAIGN: f"campaign {code(halt.name)}",
        HaltKind.HOLD: f"campaign {code(halt.name)}, for the incident {code(halt.task_id or '')}",
    }[halt.kind]
    return f"{what}, by {person(halt.by)} at {clock_time(halt.at)}{why(halt.reason)}"


def ordered_line(ordered: Ordered) -> str:
    """Return an ordered mode as a line of a list."""
    who = f"by {person(ordered.by)} at {clock_time(ordered.at)}{why(ordered.reason)}"
    return f"{code(ordered.agent)} in {code(ordered.environment)}: *{ordered.mode}*, {who}"


def why(reason: str) -> str:
    """Return a reason as the end of a sentence; whoever gave it can't mention or link by it."""
    return f": {safe(reason, LONGEST_REASON).rstrip('.')}" if reason else ""


def status(switches: Switches) -> list[str]:
    """Return what is stopped, and which modes are not those of the file, for `/signoff status`."""
    lines = []
    if switches.pause is not None:
        words = said(switches.pause).replace("*Signoff is paused*", "*Paused*", 1)
        lines.append(f"{words} An operator can `/signoff resume`.")
    frozen = [halt for halt in switches.halts if halt.kind is not HaltKind.PAUSE]
    lines += _some("Frozen", [listed(halt) for halt in frozen])
    lines += _some(
        "Modes that differ from `signoff.yaml`", list(map(ordered_line, switches.ordered))
    )
    return lines


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


def _lifted_by(halt: Halt) -> str:
    return f"An operator lifts it with {lifting(halt)}."


def lifting(halt: Halt) -> str:
    """Return the command that lifts a halt."""
    if halt.kind is HaltKind.PAUSE:
        return "`/signoff resume`"
    if halt.kind is HaltKind.TASK:
        return code(f"/signoff unfreeze {halt.task_id}")
    return code(f'/signoff unfreeze campaign "{halt.name}"')


def _waits(halt: Halt, state: ProposalState) -> str:
    if state is ProposalState.PENDING:
        return f"You can sign off; nothing is done before an operator writes {lifting(halt)}."
    return f"So this waits for {lifting(halt)}."


def _observed(ordered: Ordered) -> str:
    who = f"by {person(ordered.by)} at {clock_time(ordered.at)}{why(ordered.reason)}"
    again = code(f"/signoff mode {ordered.agent} {ordered.environment} approve REASON")
    return (
        f"*Only watching here*: the mode `observe` was set {who}. Signed off now, it is denied and"
        f" not done. An operator can change that with {again}."
    )
