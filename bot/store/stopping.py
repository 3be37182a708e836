"""Stops a task that has reached a limit: what is there stays, and a person is called."""

from typing import Any

from sqlalchemy import Connection, update

from agents.ports import ProposalRow
from agents.tasks import TRANSITIONS, Task, TaskState
from bot.store.context import Context
from bot.store.proposals import moved, proposal_rows, verdict_written
from bot.store.tables import proposals, tasks
from bot.store.tasks import move_task, settle_task, task_event, task_of
from policies.audit import Event, EventKind
from policies.limits import REACHED, Reached
from policies.model import ProposalState, Verdict


def stopped(connection: Connection, context: Context, task_id: str, reached: Reached) -> None:
    """Leave a task to people because of a limit.

    What was due and has not begun is not done. What may have happened goes on being asked, and what
    waits for a person or can be undone still does: no limit may hide those.
    """
    task = task_of(connection.execute(tasks.select().where(tasks.c.id == task_id)).one())
    context.ledger.append(connection, stop_event(context, task, reached))
    for row in proposal_rows(connection, task.id):
        if row.next_at is not None and row.next_at <= context.clock.now():
            _end(connection, context, row, reached)
    if task.state in _LOOKING:
        # It has no proposals yet, and nothing of it is due any more.
        context.dispatcher.wake(connection, task.id, None)
    else:
        settle_task(connection, context, task.id, reached.reason)
        task = task_of(connection.execute(tasks.select().where(tasks.c.id == task_id)).one())
    connection.execute(update(tasks).where(tasks.c.id == task.id).values(attempts=0, deaths=0))
    if TaskState.ESCALATED in TRANSITIONS[task.state]:
        move_task(connection, context, task, TaskState.ESCALATED, reached.reason)


def stop_event(context: Context, task: Task, reached: Reached) -> Event:
    """Return what the ledger says of a task that a limit ends."""
    return task_event(
        task,
        EventKind.TASK_ESCALATED,
        f"Task {task.id} is stopped: {reached.reason}.",
        context.clock.now(),
        texts={"fault": reached.sentence},
        reasons=(REACHED, reached.reason),
        escalation=reached.reason,
        data={"thread": task.thread_id, "limit": reached.limit.value, "most": reached.most},
    )


_LOOKING = frozenset({TaskState.QUEUED, TaskState.GATHERING, TaskState.ANALYSING})


def _end(connection: Connection, context: Context, row: ProposalRow, reached: Reached) -> None:
    if row.roll_back_by is not None:
        return
    if row.state is ProposalState.APPROVED:
        step = (row.state, ProposalState.DENIED)
        words = f"{reached.sentence} Nothing was done."
        moved(connection, context, row.proposal, step, reached.reason, words)
    elif row.state is ProposalState.EXECUTED:
        verdict_written(connection, context, row, Verdict.UNKNOWN, None)
        _close(connection, context, row, reached)
    elif row.state is ProposalState.VERIFIED:
        _close(connection, context, row, reached)


def _close(connection: Connection, context: Context, row: ProposalRow, reached: Reached) -> None:
    """Propose nothing more after a proposal."""
    values: dict[str, Any] = {"is_followed_up": True, "next_at": None}
    values |= {"reason": reached.reason, "sentence": context.redactor.text(reached.sentence)}
    connection.execute(update(proposals).where(proposals.c.id == row.proposal.id).values(**values))
