"""Tasks that failed again and again: they are left to a person, who is told why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, select

from agents.tasks import TRANSITIONS, Task, TaskState
from bot.store.context import Context
from bot.store.tables import ledger_index, texts
from bot.store.tasks import move_task, task_event
from policies.audit import EventKind

TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """A task was given up at the event `seq`; `fault` is missing where it was erased."""

    seq: int
    at: datetime
    fault: str | None


def give_up(connection: Connection, context: Context, task: Task, fault: str) -> None:
    """Leave a task to a person; it goes on when somebody acts on one of its cards."""
    event = task_event(
        task,
        EventKind.TASK_ESCALATED,
        f"Task {task.id} is left to a person: it failed again and again.",
        context.clock.now(),
        texts={"fault": fault},
        reasons=(TOO_MANY_ATTEMPTS,),
        escalation=TOO_MANY_ATTEMPTS,
    )
    context.ledger.append(connection, event)
    if TaskState.ESCALATED in TRANSITIONS[task.state]:
        move_task(connection, context, task, TaskState.ESCALATED, TOO_MANY_ATTEMPTS)


def escalations(
    connection: Connection, task_ids: Iterable[str]
) -> dict[str, tuple[Escalation, ...]]:
    """Return when and why each of these tasks was given up, oldest first."""
    is_fault = and_(texts.c.seq == ledger_index.c.seq, texts.c.name == "fault")
    rows = connection.execute(
        select(ledger_index.c.seq, ledger_index.c.at, ledger_index.c.task_id, texts.c.value)
        .outerjoin(texts, is_fault)
        .where(
            ledger_index.c.task_id.in_(list(task_ids)),
            ledger_index.c.kind == EventKind.TASK_ESCALATED,
            ledger_index.c.reasons.contains(f" {TOO_MANY_ATTEMPTS} "),
        )
        .order_by(ledger_index.c.seq)
    )
    found: dict[str, tuple[Escalation, ...]] = {}
    for row in rows:
        at = datetime.fromisoformat(row.at)
        known = found.get(row.task_id, ())
        found[row.task_id] = (*known, Escalation(seq=row.seq, at=at, fault=row.value))
    return found
