"""What a thread shows, as a pure function of what is stored: the same state, the same posts."""

import json
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from agents.incident.analyst import percent
from agents.report import ANALYST, FindingKind, Report
from agents.tasks import OPEN, TaskKind, TaskState
from bot.slack import blocks as kit
from bot.slack import cards, decisions, halts, leads, unknowns
from bot.slack.blocks import Block
from bot.slack.changes import change_post
from bot.slack.digests import digest_post
from bot.slack.evidence import seen as evidence_seen
from bot.slack.parts import Part, Wanted
from bot.slack.rates import Urgency
from bot.slack.reminders import reminder_parts
from bot.slack.reviews import review_parts
from bot.slack.storms import storm_list
from bot.slack.text import bullets, code, day_time, link, person, safe
from bot.store.alerts import ordinal
from bot.store.cardviews import ProposalView
from bot.store.threads import TaskView
from policies.model import ActorKind, ProposalState

MOST_CAUSES = 4
# After this time the single steps of what is over are no news; see docs/slack.md.
LATE_AFTER = timedelta(minutes=30)
ROOT_OF_STORM = "storm"

_log = logging.getLogger(__name__)

STATES = {
    TaskState.QUEUED: "Looking",
    TaskState.GATHERING: "Looking",
    TaskState.ANALYSING: "Thinking",
    TaskState.AWAITING_APPROVAL: "Waiting for a sign-off",
    TaskState.EXECUTING: "Acting",
    TaskState.VERIFYING: "Done; measuring what it did",
    TaskState.COMPLETED: "Finished",
    TaskState.FAILED: "Not everything was done; see below",
    TaskState.RECOVERED: "Rolled back",
    TaskState.REJECTED: "Turned down; nothing was done",
    TaskState.EXPIRED: "Expired; nothing was done",
    TaskState.CANCELLED: "Cancelled",
    TaskState.ESCALATED: "Needs a person: Signoff could not go on",
}


def posts(
    tasks: list[TaskView],
    mentions: cards.Mentions,
    now: datetime,
    known: Collection[str] = frozenset(),
    *,
    is_storm: bool = False,
) -> list[Wanted]:
    """Return every message of a thread in order; the first is its root.

    `known` names what stands there already: news that nobody needs any more is not posted late, one
    by one, but told in one message (see `is_late`).
    """
    parts: list[Part] = []
    if is_storm and tasks:
        parts = _storm(tasks, mentions, now, known)
    else:
        for place, view in enumerate(tasks):
            whole = list(_task(view, mentions, now, known, is_first=place == 0))
            found = _folded(view, whole, now, known)
            if unknowns.is_resolved_soon(view):
                # It is told before that, so its thread goes first.
                first = Urgency.ANSWER
                found = [replace(part, urgency=first, change=first) for part in found]
            parts += found
    return [_made(part) for part in parts if part.key in known or not part.is_moot]


def changes_at(tasks: list[TaskView], now: datetime) -> datetime | None:
    """Return when the thread looks different without any event: a rollback's window ends."""
    ends = [cards.undo_until(found) for view in tasks for found in view.proposals]
    return min((end for end in ends if end is not None and end > now), default=None)


def is_late(view: TaskView, now: datetime) -> bool:
    """Say whether a task is over for so long that its steps are no news any more."""
    return view.task.state not in OPEN and now - view.task.updated_at >= LATE_AFTER


def _folded(view: TaskView, parts: list[Part], now: datetime, known: Collection[str]) -> list[Part]:
    """Put what was never told of a task that is over into one message."""
    key = f"summary:{view.task.id}"
    if key not in known and not is_late(view, now):
        return parts
    head, *others = parts
    told = [part for part in others if part.key in known or not part.is_moot]
    missed = [part for part in told if part.key not in known and not part.is_needed]
    if key not in known and len(missed) < 2:  # noqa: PLR2004 - one message for one is no summary
        return parts
    kept = [part for part in told if part not in missed]
    return [head, Part(key=key, make=partial(_summary, view)), *kept]


def _summary(view: TaskView) -> tuple[str, list[Block]]:
    lines = [] if view.report is None else [safe(view.report.summary, 600)]
    lines += [cards.line(found) for found in view.proposals]
    text = "*Meanwhile, told late*\n" + bullets(lines or ["It is over; nothing was proposed."])
    return "Meanwhile, told late", [kit.section(text)]


def _storm(
    tasks: list[TaskView], mentions: cards.Mentions, now: datetime, known: Collection[str]
) -> list[Part]:
    """One live list of all, and below it only what a person has to decide."""
    root = Part(key=ROOT_OF_STORM, make=partial(storm_list, tasks, STATES))
    timed: list[tuple[datetime, Part]] = []
    for view in tasks:
        asked = [found for found in view.proposals if found.needed_a_person]
        found = [*_timed(view, asked, mentions, now, known), *leads.parts_after(view)]
        late = is_late(view, now)
        timed += [
            (at, part) for at, part in found if part.key in known or part.is_needed or not late
        ]
    return [root, *(part for _, part in sorted(timed, key=lambda item: item[0]))]


def _timed(
    view: TaskView,
    found: Sequence[ProposalView],
    mentions: cards.Mentions,
    now: datetime,
    known: Collection[str],
) -> decisions.Timed:
    """Everything of a task that a person decides or is called for, whatever thread it stands in."""
    yield from decisions.unread(view)
    yield from decisions.asked(view, found, mentions, known)
    yield from reminder_parts(found, mentions)
    yield from review_parts(found, mentions)
    yield from decisions.verdicts(view, found, now)
    yield from decisions.unknown_effects(view, mentions)
    yield from decisions.calls(view, mentions)
    yield from leads.parts(view)


def _made(part: Part) -> Wanted:
    try:
        text, blocks = part.make()
    # Boundary: one message that can't be laid out must not hide the others of its thread.
    except Exception:  # noqa: BLE001 - see above
        _log.exception("a message could not be laid out: %s", part.key)
        text = f"This part (`{part.key}`) can't be shown. `/signoff audit` tells what happened."
        blocks = [kit.section(text)]
    return Wanted(key=part.key, text=text, blocks=blocks, urgency=part.urgency, change=part.change)


def _task(
    view: TaskView,
    mentions: cards.Mentions,
    now: datetime,
    known: Collection[str],
    *,
    is_first: bool,
) -> Iterator[Part]:
    task, evidence, report = view.task, view.evidence, view.report
    if task.kind is TaskKind.DIGEST:
        yield Part(key=f"task:{task.id}", make=lambda: _digest(view))
        yield from (part for _, part in decisions.calls(view, mentions))
        return
    yield Part(key=f"task:{task.id}", make=lambda: _head(view, is_again=not is_first))
    if evidence is not None and task.kind is TaskKind.INCIDENT:
        make = partial(evidence_seen, evidence, is_all=not view.is_gathering)
        yield Part(key=f"evidence:{task.id}", make=make)
    if report is not None:
        is_policy = task.kind is TaskKind.POLICY
        make = partial(change_post, report) if is_policy else partial(_report, view, report)
        yield Part(key=f"report:{task.id}", make=make)
    # By time, as they come about one after the other when nobody is away.
    timed = _timed(view, view.proposals, mentions, now, known)
    yield from (part for _, part in sorted(timed, key=lambda item: item[0]))
    yield from (part for _, part in leads.parts_after(view))
    for seq, times in view.refires:
        yield Part(key=f"refired:{seq}", make=partial(_refired, times))


def _refired(times: int) -> tuple[str, list[Block]]:
    text = f"Still firing: the alert came back, for the {ordinal(times)} time."
    return text, [kit.section(text)]


def _head(view: TaskView, *, is_again: bool) -> tuple[str, list[Block]]:
    task = view.task
    state = halts.of_state(view, STATES[task.state])
    lines = [f"*{state}*{_waiting(view)}", *halts.of_head(view)]
    severity = "" if task.severity is None else f"{task.severity} · "
    since = "" if task.since_at is None else f"since {day_time(task.since_at)} · "
    asked = f"asked by {_asker(view)}"
    lines.append(f"{severity}{since}{asked}")
    for alert, _, resolved_at in view.alerts:
        if resolved_at is not None:
            lines.append(f"{code(alert.name)} resolved at {day_time(resolved_at)}.")
    summary = task.spec.get("summary")
    if summary:
        lines.append(f">{safe(summary, 300)}")
    small = [f"Task `{task.id}` · `/signoff audit {task.id}`"]
    links = _links(view)
    if links:
        small.append(links)
    again = "Again: " if is_again else ""
    text = f"{again}{safe(task.title, 200)}: {state}"
    blocks = [kit.header(f"{again}{task.title}"), kit.section("\n".join(lines)), kit.context(small)]
    return text, blocks


def _waiting(view: TaskView) -> str:
    pending = [found for found in view.proposals if found.row.state is ProposalState.PENDING]
    if view.task.state is not TaskState.AWAITING_APPROVAL or not pending:
        return ""
    return f": {len(pending)} proposal{'s' if len(pending) > 1 else ''} below"


def _asker(view: TaskView) -> str:
    requester = view.task.requester
    if requester.kind is ActorKind.HUMAN:
        return person(requester.id)
    return safe(requester.id.removeprefix("system:").capitalize())


def _links(view: TaskView) -> str:
    spec = view.task.spec
    names = {"Alert": "alert_url", "Dashboard": "dashboard", "Runbook": "runbook"}
    found = [link(label, spec[name]) for label, name in names.items() if spec.get(name)]
    return " · ".join(found)


def _report(view: TaskView, report: Report) -> tuple[str, list[Block]]:
    title = {
        FindingKind.HEALTHY: "All well" if view.task.kind is TaskKind.INCIDENT else "Plan",
        FindingKind.INCONCLUSIVE: "Inconclusive",
    }.get(report.outcome, "Likely causes")
    found = [kit.section(f"*{title}*\n{safe(report.summary, 1500)}")]
    causes = [
        f"{place}. *{percent(float(cause.confidence))}* {safe(cause.explanation, 400)}"
        f" ({', '.join(f'`{name}`' for name in cause.evidence)})"
        for place, cause in enumerate(report.hypotheses[:MOST_CAUSES], 1)
    ]
    if causes:
        found.append(kit.section("\n".join(causes)))
    if report.timeline:
        moments = [f"{day_time(item.at)} {safe(item.what, 160)}" for item in report.timeline[-5:]]
        found.append(kit.section("*Timeline*\n" + bullets(moments)))
    if report.notes:
        found.append(kit.section(bullets([safe(note, 300) for note in report.notes[:5]])))
    by = (
        "the built-in analyst (no model)"
        if report.analysed_by == ANALYST
        else code(report.analysed_by)
    )
    is_shown = view.evidence is not None and view.task.kind is TaskKind.INCIDENT
    numbers = " Numbers like `E1` name the evidence above." if is_shown else ""
    found.append(kit.context([f"By {by}.{numbers}"]))
    return safe(report.summary, 1500), found


def _digest(view: TaskView) -> tuple[str, list[Block]]:
    task = view.task
    if view.report is None:
        is_open = task.state in OPEN
        text = f"Campaign digest: {'reading the campaigns…' if is_open else 'it could not be made'}"
        return text, [kit.section(text)]
    text, blocks = digest_post(view.report, late_since=task.spec.get("late_since"))
    small = kit.context([f"Task `{task.id}` · asked by {_asker(view)}"])
    return text, [*blocks, small]


def fallback(wanted: Wanted) -> Wanted:
    """Return a message as plain text, for one that can't be rendered within Slack's limits."""
    raw = json.dumps(wanted.blocks, ensure_ascii=False)
    text = f"{wanted.text}\n(This message could not be laid out; its content: {safe(raw, 1500)})"
    return replace(wanted, text=text[:3500], blocks=[kit.section(text[:2900])])
