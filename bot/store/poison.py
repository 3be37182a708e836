"""Gives up a task that fails again and again: what it has due is ended, and a person is called."""

from typing import Any

from sqlalchemy import Connection, update

from agents.ports import ProposalRow
from agents.tasks import TRANSITIONS, Task, TaskState
from bot.store.context import Context
from bot.store.escalations import TOO_MANY_ATTEMPTS
from bot.store.outcomes import UNSETTLED, settled
from bot.store.proposals import moved, proposal_rows, verdict_written
from bot.store.stopping import stop_event
from bot.store.tables import proposals, tasks
from bot.store.tasks import move_task, task_event
from policies.audit import Event, EventKind
from policies.limits import Reached
from policies.model import ProposalState, Verdict
from tools.ports import Direction, Outcome

GAVE_UP = "GAVE_UP"
NOTHING_DONE = "Signoff failed at it again and again: nothing was done."
NOTHING_UNDONE = "Signoff failed at undoing it again and again: nothing was undone."
NO_ANSWER = "Signoff failed again and again at finding out whether it happened."
NO_NEXT_STEP = "Signoff failed again and again at proposing the next step."


def give_up(
    connection: Connection,
    context: Context,
    task: Task,
    fault: str,
    reached: Reached | None = None,
) -> None:
    """Leave a task to a person; `reached` is the limit of failures, where it is not their row.

    Nothing that was due stays in the air: what has not begun is not done, what may have happened is
    a person's to say. Other appointments stay, and an answer to a card lets the task try again.
    """
    reason = TOO_MANY_ATTEMPTS if reached is None else reached.reason
    context.ledger.append(
        connection,
        _failed(context, task, fault) if reached is None else stop_event(context, task, reached),
    )
    for row in proposal_rows(connection, task.id):
        if row.next_at is not None and row.next_at <= context.clock.now():
            _end(connection, context, row)
    left = [row.next_at for row in proposal_rows(connection, task.id)]
    wake_at = min((at for at in left if at is not None), default=None)
    context.dispatcher.wake(connection, task.id, wake_at)
    connection.execute(update(tasks).where(tasks.c.id == task.id).values(attempts=0, deaths=0))
    if TaskState.ESCALATED in TRANSITIONS[task.state]:
        move_task(connection, context, task, TaskState.ESCALATED, reason)


def _failed(context: Context, task: Task, fault: str) -> Event:
    return task_event(
        task,
        EventKind.TASK_ESCALATED,
        f"Task {task.id} is left to a person: it failed again and again.",
        context.clock.now(),
        texts={"fault": fault},
        reasons=(TOO_MANY_ATTEMPTS,),
        escalation=TOO_MANY_ATTEMPTS,
    )


def _end(connection: Connection, context: Context, row: ProposalRow) -> None:
    """End what a proposal has due, in the way that promises least."""
    own = proposals.c.id == row.proposal.id
    if row.roll_back_by is not None:
        _end_rollback(connection, context, row)
    elif row.state is ProposalState.PENDING and context.clock.now() < row.proposal.expires_at:
        # Only calling people failed: they are not called again, and the card keeps its time.
        expires_at = row.proposal.expires_at
        connection.execute(update(proposals).where(own).values(next_at=expires_at))
    elif row.state is ProposalState.PENDING:
        words = ("NO_ANSWER_IN_TIME", "Nobody signed off in time.")
        moved(connection, context, row.proposal, (row.state, ProposalState.EXPIRED), *words)
    elif row.state is ProposalState.APPROVED:
        words = (GAVE_UP, NOTHING_DONE)
        moved(connection, context, row.proposal, (row.state, ProposalState.FAILED), *words)
    elif row.state in {ProposalState.EXECUTING, ProposalState.UNKNOWN}:
        _left_to_person(connection, context, row, Direction.FORWARD)
    elif row.state is ProposalState.EXECUTED:
        verdict_written(connection, context, row, Verdict.UNKNOWN, None)
    else:
        values: dict[str, Any] = {"is_followed_up": True, "next_at": None}
        values |= {"reason": GAVE_UP, "sentence": NO_NEXT_STEP}
        connection.execute(update(proposals).where(own).values(**values))


def _end_rollback(connection: Connection, context: Context, row: ProposalRow) -> None:
    found = row.execution(Direction.INVERSE)
    if found is not None and found.state in UNSETTLED:
        _left_to_person(connection, context, row, Direction.INVERSE)
        return
    outcome = Outcome(
        proposal=row.proposal,
        direction=Direction.INVERSE,
        state=None,
        sentence=NOTHING_UNDONE,
        reason=GAVE_UP,
    )
    settled(connection, context, outcome)


def _left_to_person(
    connection: Connection, context: Context, row: ProposalRow, direction: Direction
) -> None:
    outcome = Outcome(
        proposal=row.proposal,
        direction=direction,
        state=ProposalState.UNKNOWN if direction is Direction.FORWARD else None,
        sentence=NO_ANSWER,
        reason="NEEDS_A_PERSON",
    )
    settled(connection, context, outcome)
