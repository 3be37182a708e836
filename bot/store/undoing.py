"""What may still be undone or proposed again, and by whom; every answer is of one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from agents.ports import ProposalRow
from bot.store.context import Context
from bot.store.proposals import proposal_of, proposal_rows
from bot.store.strangers import is_strange
from bot.store.tables import proposals, tasks
from bot.store.tasks import UNDO, undo_key
from bot.store.votes import Click, is_on_card
from policies.approvals import Refusal, unfit
from policies.model import Proposal, ProposalState
from tools.ports import Direction

_S = ProposalState
REVERSIBLE = frozenset({_S.EXECUTED, _S.VERIFIED})
# An undo that is under way, or done.
STANDING = REVERSIBLE | {_S.PENDING, _S.APPROVED, _S.EXECUTING, _S.UNKNOWN}


@dataclass(frozen=True, kw_only=True)
class Undoing:
    """What would be undone, until when one click is enough, and which try this is."""

    row: ProposalRow
    until: datetime
    tries: int = 0

    def is_open(self, now: datetime) -> bool:
        """Say whether one click is still enough."""
        return now <= self.until


@dataclass(frozen=True, kw_only=True)
class Past:
    """What a task did last, and what of it could be undone; `said` says why nothing could."""

    undoing: Undoing | None
    said: str


def undo_row(proposal: Proposal, rows: Sequence[ProposalRow]) -> ProposalRow | None:
    """Return the newest proposal to undo another one, if there is any."""
    found = [row for row in rows if row.proposal.key == undo_key(proposal.id)]
    return max(found, key=lambda row: row.proposal.revision, default=None)


def undo_refusal(
    connection: Connection, context: Context, click: Click, *, on_card: bool = True
) -> tuple[Refusal | None, Undoing | None, Proposal | None]:
    """Say whether a person's wish to propose an undo can count, and what it is about.

    It is for full members; who decides on the proposal is another question.
    """
    found = proposal_of(connection, click.proposal_id)
    if found is None or (on_card and not is_on_card(connection, click)):
        return Refusal.OTHER_CARD, None, None
    proposal, state = found
    rows = proposal_rows(connection, proposal.task_id)
    row = next(row for row in rows if row.proposal.id == proposal.id)
    undoing = undoing_of(row, rows)
    refusal = unfit(click.voter)
    if refusal is None and click.seen_hash != proposal.action.hash:
        refusal = Refusal.OLD_CARD
    if refusal is None and proposal.action.inverse is None:
        refusal = Refusal.NO_INVERSE
    if refusal is None and (state not in REVERSIBLE or row.roll_back_by is not None):
        refusal = Refusal.ALREADY_DECIDED
    if refusal is None and undoing is not None and undoing.is_open(context.clock.now()):
        refusal = Refusal.WINDOW_OPEN
    if refusal is None and undoing is None:
        refusal = Refusal.NO_INVERSE
    undo = undo_row(proposal, rows)
    if refusal is None and undo is not None and undo.state in STANDING:
        refusal = Refusal.ALREADY_PROPOSED
    return refusal, undoing, proposal


def again_refusal(connection: Connection, click: Click) -> tuple[Refusal | None, Proposal | None]:
    """Say whether a person's wish to propose something again can count, and what it is about."""
    found = proposal_of(connection, click.proposal_id)
    if found is None or not is_on_card(connection, click):
        return Refusal.OTHER_CARD, None
    proposal, state = found
    refusal = unfit(click.voter)
    if refusal is None and click.seen_hash != proposal.action.hash:
        refusal = Refusal.OLD_CARD
    if refusal is None and (state is not _S.DRIFTED or proposal.key.startswith(UNDO)):
        refusal = Refusal.ALREADY_DECIDED
    later = connection.execute(
        select(proposals.c.id).where(
            proposals.c.task_id == proposal.task_id,
            proposals.c.key == proposal.key,
            proposals.c.revision > proposal.revision,
        )
    ).first()
    if refusal is None and later is not None:
        refusal = Refusal.ALREADY_PROPOSED
    return refusal, proposal


def undoing_of(row: ProposalRow, rows: Sequence[ProposalRow]) -> Undoing | None:
    """Return how an executed action could be undone; None for one that can't be or was not done."""
    inverse, done = row.proposal.action.inverse, row.execution(Direction.FORWARD)
    if inverse is None or done is None or done.ended_at is None:
        return None
    undo = undo_row(row.proposal, rows)
    until = done.ended_at + timedelta(seconds=inverse.window_s)
    found = Undoing(row=row, until=until)
    return found if undo is None else replace(found, tries=undo.proposal.revision)


def last_done(rows: Sequence[ProposalRow]) -> Past:
    """Return what a task did last and has not undone, and why it can't be undone if so.

    It never reaches past something that stands: an earlier action is not undone under a later one.
    """
    ran = [(done.started_at, row) for row in rows if (done := row.execution(Direction.FORWARD))]
    said = "Nothing was done in it, so there is nothing to undo."
    for _, row in sorted(ran, key=lambda pair: pair[0], reverse=True):
        title = row.proposal.title
        if row.state is _S.ROLLED_BACK:
            said = f"The last thing done, {title}, was rolled back; nothing else is left to undo."
            continue
        undo = undo_row(row.proposal, rows)
        if undo is not None and undo.state in REVERSIBLE:
            said = f"The last thing done, {title}, was undone; nothing else is left to undo."
            continue
        blocked = _blocked(row, undo)
        if blocked is not None:
            return Past(undoing=None, said=blocked)
        if row.state in REVERSIBLE:
            return Past(undoing=undoing_of(row, rows), said="")
    return Past(undoing=None, said=said)


def past_of(connection: Connection, tenant: str, task_id: str) -> Past:
    """Return what a task of a tenant did last."""
    own = (proposals.c.task_id == task_id, proposals.c.tenant == tenant)
    ids = connection.execute(select(proposals.c.id).where(*own)).scalars().all()
    if not ids and not _is_there(connection, tenant, task_id):
        return Past(
            undoing=None, said=f"There is no task {task_id}. Each thread shows its task's id."
        )
    if any(is_strange(connection, name) for name in ids):
        return Past(undoing=None, said="Only a newer version of Signoff knows that task.")
    return last_done(proposal_rows(connection, task_id) if ids else ())


def _is_there(connection: Connection, tenant: str, task_id: str) -> bool:
    own = (tasks.c.id == task_id, tasks.c.tenant == tenant)
    return connection.execute(select(tasks.c.id).where(*own)).first() is not None


def asked_back(connection: Connection, proposal_id: str) -> tuple[str, datetime] | None:
    """Return who asked to undo it by one click, and when; None where nobody did."""
    row = connection.execute(
        select(proposals.c.roll_back_by, proposals.c.roll_back_at).where(
            proposals.c.id == proposal_id
        )
    ).first()
    if row is None or row.roll_back_by is None:
        return None
    return row.roll_back_by, row.roll_back_at


def _blocked(row: ProposalRow, undo: ProposalRow | None) -> str | None:
    title = row.proposal.title
    if row.state in {_S.EXECUTING, _S.UNKNOWN}:
        return f"{title}: it is not known yet whether that happened. Its card tells."
    if row.state not in REVERSIBLE:
        return None
    if row.roll_back_by is not None:
        return f"{title} is being rolled back already."
    if undo is not None and undo.state in STANDING:
        return f"To undo {title} is proposed already: {undo.proposal.id}. Its card asks."
    if row.proposal.action.inverse is None:
        return f"The last thing done, {title}, can't be undone."
    return None
