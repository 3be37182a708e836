"""The campaigns whose landing pages an incident touches: what runs, what is held, two buttons."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from agents.report import Lead
from agents.tasks import OPEN
from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.parts import Part
from bot.slack.rates import Urgency
from bot.slack.text import bullets, code, day_time, person, safe
from bot.store.threads import TaskView
from tools.halts import Halt, HaltKind

HOLD, LIFT = "campaigns.hold", "campaigns.lift"
MOST = 10


def key(task_id: str) -> str:
    """Return the key of the list of campaigns."""
    return f"campaigns:{task_id}"


def key_after(task_id: str) -> str:
    """Return the key of what is told of held campaigns when the incident is over."""
    return f"holds:{task_id}"


def resolved_at(view: TaskView) -> datetime | None:
    """Return when the last alert resolved, or None while one fires (or there is none)."""
    times = [moment for _, _, moment in view.alerts]
    known = [moment for moment in times if moment is not None]
    return max(known) if known and len(known) == len(times) else None


def parts(view: TaskView) -> Iterator[tuple[datetime, Part]]:
    """Yield the list of campaigns: a hold is no hurry next to what is proposed."""
    if _campaigns(view):
        asked = [found.row.proposal.created_at for found in view.proposals]
        at = max(asked, default=view.task.created_at)
        yield at, Part(key=key(view.task.id), make=partial(listed, view))


def parts_after(view: TaskView) -> Iterator[tuple[datetime, Part]]:
    """Yield, when the incident is over, what is still held of its campaigns."""
    if _campaigns(view) and view.has_held and is_over(view):
        yield (
            resolved_at(view) or view.task.updated_at,
            Part(
                key=key_after(view.task.id),
                make=partial(left_held, view),
                urgency=Urgency.DECISION,
                is_needed=bool(_held(view)),
            ),
        )


def is_over(view: TaskView) -> bool:
    """Say whether an incident is over: its alerts have resolved, or without any its task is."""
    return resolved_at(view) is not None if view.alerts else view.task.state not in OPEN


def listed(view: TaskView) -> tuple[str, list[Block]]:
    """Return the fallback text and blocks of the list, with a button while it makes sense."""
    found, held = _campaigns(view), _held(view)
    lines = [_line(lead, held) for lead in found[:MOST]]
    if len(found) > MOST:
        lines.append(f"and {len(found) - MOST} more")
    title = f"Campaigns that lead here: {len(found)}"
    blocks = [kit.section("*Campaigns that lead here*\n" + bullets(lines))]
    is_held = all(_hold_of(lead, held) is not None for lead in found)
    if not is_held and not is_over(view):
        press = kit.button("Hold", HOLD, view.task.id)
        press["confirm"] = kit.confirm(
            "Hold these campaigns?",
            "Signoff changes nothing about them before an operator lifts it, and a pause of each"
            " that runs is proposed to those who sign off campaigns.",
            "Hold",
        )
        blocks.append(kit.actions(key(view.task.id), [press]))
        small = "Hold: nothing more is started there, and pausing what runs is proposed."
        blocks.append(kit.context([f"{small} Any full member may."]))
    return title, blocks


def left_held(view: TaskView) -> tuple[str, list[Block]]:
    """Return what is told when the incident is over and campaigns were held for it."""
    held = _held(view)
    if not held:
        text = "What was held for this incident is lifted."
        return text, [kit.section(text)]
    names = ", ".join(code(halt.name) for halt in held[:MOST])
    text = f"*The incident is over*; still held: {names}."
    press = kit.button("Lift the hold", LIFT, view.task.id)
    press["confirm"] = kit.confirm(
        "Lift the hold?",
        "Signoff may change these campaigns again. What was paused stays paused.",
        "Lift",
    )
    todo = "An operator lifts it here, or it stays. What was paused stays paused until somebody"
    return "The incident is over; campaigns are still held.", [
        kit.section(text),
        kit.actions(key_after(view.task.id), [press]),
        kit.context([f"{todo} starts it again."]),
    ]


def _campaigns(view: TaskView) -> tuple[Lead, ...]:
    return () if view.report is None else view.report.campaigns


def _held(view: TaskView) -> list[Halt]:
    own = (HaltKind.HOLD, view.task.id)
    return [halt for halt in view.switches.halts if (halt.kind, halt.task_id) == own]


def _hold_of(lead: Lead, held: list[Halt]) -> Halt | None:
    return next((halt for halt in held if lead.subject in halt.campaigns), None)


def _line(lead: Lead, held: list[Halt]) -> str:
    words = f"{code(lead.name)}: {safe(lead.state.lower(), 40)} (`{lead.evidence}`)"
    halt = _hold_of(lead, held)
    if halt is None:
        return words
    return f"{words} · *held* by {person(halt.by)} at {day_time(halt.at)}"
