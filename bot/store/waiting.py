"""What waits: proposals for people, and what people have signed off for a halt to be lifted."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Select, and_, or_, select

from bot.store.halts import Switches, switches
from bot.store.outcomes import FAILED, UNKNOWN, UNSETTLED
from bot.store.places import Place, card_of, question_of
from bot.store.proposals import is_stale, proposal_of, resolutions
from bot.store.strangers import is_strange
from bot.store.tables import executions, proposals, tasks, votes
from bot.store.tasks import KNOWN
from policies.approvals import Ballot
from policies.model import Mode, Proposal, ProposalState
from tools.halts import Halt, HaltKind
from tools.ports import Direction

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Open:
    """A proposal that waits, and how many more were made with it that wait too."""

    proposal: Proposal
    approvers: tuple[str, ...]
    alike: int
    place: Place | None


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A proposal that waits, and that only another version of Signoff can read."""

    id: str
    place: Place | None


def open_proposals(
    connection: Connection, tenant: str, most: int
) -> tuple[list[Open | Unread], int]:
    """Return what expires first, and how many proposals wait in all."""
    rows = connection.execute(
        select(proposals.c.id, proposals.c.batch)
        .where(proposals.c.tenant == tenant, proposals.c.state == ProposalState.PENDING)
        .order_by(proposals.c.expires_at, proposals.c.created_at, proposals.c.ordinal)
    ).all()
    together: dict[str, list[str]] = {}
    for row in rows:
        together.setdefault(row.batch or row.id, []).append(row.id)
    return [_open(connection, ids) for ids in list(together.values())[:most]], len(rows)


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """What was signed off, or asked to be undone, and where people see how it stands."""

    proposal: Proposal
    is_undoing: bool
    place: Place | None
    # Whether the alert resolved since the sign-off, so that it is not done any more.
    is_over: bool = False


def not_begun(connection: Connection, tenant: str) -> list[Unfinished]:
    """Return what is signed off, or is to be undone, and has not begun, oldest first."""
    begun = select(executions.c.proposal_id).where(
        executions.c.proposal_id == proposals.c.id,
        executions.c.direction == Direction.INVERSE,
        # One that failed is asked for once more.
        executions.c.state != FAILED,
    )
    is_undoing = and_(_IS_UNDOING, ~begun.exists())
    rows = connection.execute(
        _known(tenant).where(or_(proposals.c.state == ProposalState.APPROVED, is_undoing))
    ).all()
    over = _over(connection, rows)
    return [
        Unfinished(
            proposal=proposal,
            is_undoing=row.state != ProposalState.APPROVED,
            place=card_of(connection, row.id),
            is_over=row.id in over,
        )
        for row in rows
        if (proposal := _readable(row)) is not None
    ]


def asked_of_people(connection: Connection, tenant: str) -> list[Unfinished]:
    """Return what nobody but a person can tell of, and where they are asked, oldest first."""
    rows = connection.execute(
        _known(tenant)
        .add_columns(executions.c.direction)
        .join(executions, executions.c.proposal_id == proposals.c.id)
        .where(executions.c.state == UNKNOWN, executions.c.escalated_at.is_not(None))
    ).all()
    return [
        Unfinished(
            proposal=proposal,
            is_undoing=row.direction == Direction.INVERSE,
            place=question_of(connection, row.id, row.direction),
        )
        for row in rows
        if (proposal := _readable(row)) is not None
    ]


_IS_UNDOING = and_(
    proposals.c.roll_back_by.is_not(None),
    proposals.c.state.in_([ProposalState.EXECUTED, ProposalState.VERIFIED]),
)


def _known(tenant: str) -> Select[Any]:
    """Return the proposals of tasks that this version knows, oldest first."""
    return (
        select(
            proposals.c.id,
            proposals.c.task_id,
            proposals.c.body,
            proposals.c.state,
            proposals.c.action_hash,
            proposals.c.created_at,
        )
        .join(tasks, tasks.c.id == proposals.c.task_id)
        .where(tasks.c.tenant == tenant, KNOWN)
        .order_by(proposals.c.created_at, proposals.c.ordinal)
    )


@dataclass(frozen=True, kw_only=True)
class Freed:
    """What goes on because a halt was lifted: an action, or its undoing.

    Of an unknown one the outside system is asked first. What is over ends without being done: its
    alert resolved since the sign-off.
    """

    proposal: Proposal
    is_undoing: bool
    is_unknown: bool
    is_over: bool


def freed(
    connection: Connection, tenant: str, lifted: Sequence[Halt], now: datetime
) -> list[Freed]:
    """Return what was signed off, or asked to be undone, and was stopped by these halts alone."""
    before, still = Switches(halts=tuple(lifted)), switches(connection, tenant)
    is_unknown = and_(
        proposals.c.state == ProposalState.UNKNOWN,
        # Not after Signoff failed at it for good: then nobody but a person is asked.
        proposals.c.next_at.is_not(None),
    )
    rows = connection.execute(
        _known(tenant).where(
            or_(tasks.c.open_key.is_not(None), tasks.c.wake_at.is_not(None)),
            or_(proposals.c.state == ProposalState.APPROVED, _IS_UNDOING, is_unknown),
        )
    ).all()
    ran, over = _ran(connection, [row.id for row in rows]), _over(connection, rows)
    found = (one for row in rows if (one := _freed(row, ran, over, now)) is not None)
    return [one for one in found if _stops(before, one) and not _stops(still, one)]


def _ran(connection: Connection, ids: Sequence[str]) -> dict[tuple[str, str], Any]:
    """Return what was begun of these proposals, by its direction."""
    query = select(executions).where(executions.c.proposal_id.in_(ids))
    return {(row.proposal_id, row.direction): row for row in connection.execute(query)}


def _over(connection: Connection, rows: Sequence[Any]) -> frozenset[str]:
    """Return what was let through, and is not done since its alert resolved."""
    approved = [row for row in rows if row.state == ProposalState.APPROVED]
    named = votes.c.proposal_id.in_([row.id for row in approved])
    cast: dict[str, list[Any]] = {}
    for vote in connection.execute(select(votes).where(named)):
        cast.setdefault(vote.proposal_id, []).append(vote)
    resolved = resolutions(connection, [row.task_id for row in approved])
    return frozenset(
        row.id for row in approved if is_stale(row, cast.get(row.id, ()), resolved.get(row.task_id))
    )


def _freed(
    row: Any, ran: Mapping[tuple[str, str], Any], over: Collection[str], now: datetime
) -> Freed | None:
    """Return what may begin; None for what is too late by now, which ends without being done."""
    proposal = _readable(row)
    if proposal is None:
        return None
    is_undoing = row.state in {ProposalState.EXECUTED, ProposalState.VERIFIED}
    direction = Direction.INVERSE if is_undoing else Direction.FORWARD
    asked = ran.get((row.id, direction))
    if is_undoing:
        is_late = _is_closed(proposal, ran.get((row.id, Direction.FORWARD)), now)
    else:
        is_late = now >= proposal.action.not_after
    if is_late:
        return None
    is_unknown = asked is not None and asked.state in UNSETTLED
    return Freed(
        proposal=proposal,
        is_undoing=is_undoing,
        is_unknown=is_unknown,
        is_over=row.id in over,
    )


def _is_closed(proposal: Proposal, done: Any, now: datetime) -> bool:
    """Say whether the time is over in which one click undoes it."""
    inverse = proposal.action.inverse
    if inverse is None or done is None or done.ended_at is None:
        return False
    return bool(now > done.ended_at + timedelta(seconds=inverse.window_s))


def _readable(row: Any) -> Proposal | None:
    """Return a row's proposal; None for one that can't be read, without which the rest is told.

    What is told must not keep anybody from the switch that it is told of.
    """
    try:
        return Proposal.model_validate_json(row.body)
    except ValidationError:
        _log.exception("not told of %s: this version can't read it", row.id)
        return None


def _stops(switched: Switches, one: Freed) -> bool:
    """Say whether it is stopped; a frozen task still undoes what it did."""
    found = switched.of(one.proposal)
    if one.is_undoing:
        return any(halt.kind is not HaltKind.TASK for halt in found)
    action = one.proposal.action
    ordered = switched.mode(action.agent, action.environment)
    return bool(found) or (ordered is not None and ordered.mode is Mode.OBSERVE)


def _open(connection: Connection, ids: list[str]) -> Open | Unread:
    """Return the first of these."""
    proposal = _known_one(connection, ids[0])
    if proposal is None:
        return Unread(id=ids[0], place=card_of(connection, ids[0]))
    given = connection.execute(
        select(votes.c.voter)
        .where(
            votes.c.proposal_id == proposal.id,
            votes.c.ballot == Ballot.APPROVE,
            votes.c.action_hash == proposal.action.hash,
        )
        .order_by(votes.c.at)
    ).scalars()
    return Open(
        proposal=proposal,
        approvers=tuple(given),
        alike=len(ids) - 1,
        place=card_of(connection, proposal.id),
    )


def _known_one(connection: Connection, proposal_id: str) -> Proposal | None:
    """Return a proposal; None for one that can't be read, without which the rest is told."""
    if is_strange(connection, proposal_id):
        _log.warning("told of %s without what it asks: this version can't read it", proposal_id)
        return None
    found = proposal_of(connection, proposal_id)
    return None if found is None else found[0]
