"""The first message of a storm's thread: every incident on one line, live."""

from collections.abc import Mapping

from agents.tasks import OPEN, TaskState
from bot.slack import blocks as kit
from bot.slack import halts
from bot.slack.blocks import Block
from bot.slack.text import code, safe
from bot.store.threads import TaskView
from policies.model import ProposalState

# Below Slack's limit of 12 000 characters for a message, with room for what stands around it.
ALL_LINES, ONE_SECTION = 9000, 2800


def storm_list(tasks: list[TaskView], states: Mapping[TaskState, str]) -> tuple[str, list[Block]]:
    """Return the fallback text and the blocks: what waits for a person first, what is over last."""
    waiting = sum(1 for view in tasks if asks(view))
    still_open = sum(1 for view in tasks if view.task.state in OPEN)
    head = f"{len(tasks)} incidents at once: {still_open} open, {waiting} waiting for a sign-off"
    shown = kit.section(
        "More began here within two minutes than a channel can hold in threads of their own, so"
        " they share this one. Below stands only what needs a decision."
    )
    blocks = [kit.header(head), shown]
    ordered = sorted(tasks, key=lambda view: (_rank(view), view.task.created_at, view.task.id))
    blocks += [kit.section(text) for text in _sections([_line(view, states) for view in ordered])]
    paused = halts.of_all(tasks[0].switches) if tasks else None
    if paused is not None:
        blocks.insert(1, kit.section(paused))
    blocks.append(kit.context(["One of them in full: `/signoff audit T-...`"]))
    return head, blocks


def asks(view: TaskView) -> bool:
    """Say whether a person is asked for a decision."""
    return any(found.row.state is ProposalState.PENDING for found in view.proposals)


def _is_unknown(view: TaskView) -> bool:
    """Say whether only a person can tell what became of an effect."""
    ran = [one for found in view.proposals for one in found.row.executions]
    return any(one.state == "unknown" and one.escalated_at is not None for one in ran)


def _rank(view: TaskView) -> int:
    if _is_unknown(view):
        return -1
    if asks(view) or view.task.state is TaskState.ESCALATED:
        return 0
    return 1 if view.task.state in OPEN else 2


def _line(view: TaskView, states: Mapping[TaskState, str]) -> str:
    task = view.task
    severity = task.severity or "-"
    state = states[task.state].split(";")[0]
    if _is_unknown(view):
        state = "Unknown whether it happened; somebody has to look"
    elif task.state in OPEN:
        state = halts.of_state(view, state)
    where = f"{safe(task.target, 60)} in {safe(task.environment, 40)}"
    return f"*{state}* · {severity} · {where} · {safe(task.title, 80)} {code(task.id)}"


def _sections(lines: list[str]) -> list[str]:
    """Return the lines in texts that a section takes; those that don't fit are counted."""
    found: list[str] = []
    used = 0
    for place, line in enumerate(lines):
        used += len(line) + 1
        if used > ALL_LINES:
            found.append(f"and {len(lines) - place} more")
            break
        if found and len(found[-1]) + len(line) < ONE_SECTION:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found
