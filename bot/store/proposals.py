"""Proposals as rows: added once, moved along legal transitions, each move an event."""

import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from agents.ports import ExecutionRow, ProposalRow, Reminder
from bot.store.context import Context
from bot.store.halts import frozen_words
from bot.store.tables import alerts, executions, proposals, reminders, tasks, votes
from policies.approvals import Ballot
from policies.audit import Event, EventKind
from policies.history import DECIDED
from policies.ladder import Rung, next_look_at, widened
from policies.model import (
    PROPOSAL_TRANSITIONS,
    Actor,
    ActorKind,
    Decided,
    EffectKind,
    Proposal,
    ProposalState,
    Verdict,
)
from tools.base import confidence_text
from tools.halts import is_frozen
from tools.ports import Direction, LostLease

_log = logging.getLogger(__name__)

FIRST_STATE = {
    EffectKind.DENY: ProposalState.DENIED,
    EffectKind.APPROVE: ProposalState.PENDING,
    EffectKind.AUTO: ProposalState.APPROVED,
}


def proposal_event(
    proposal: Proposal,
    kind: EventKind,
    sentence: str,
    at: datetime,
    **fields: Any,
) -> Event:
    """Return an event about a proposal, with what every event of it carries."""
    action = proposal.action
    usual: dict[str, Any] = {
        "tenant": action.tenant,
        "task_id": proposal.task_id,
        "proposal_id": proposal.id,
        "parent": action.requester,
        "correlation_id": proposal.task_id,
        "environment": action.environment,
        "agent": action.agent,
        "policy_version": proposal.decision.policy_version,
        "trigger": action.requester,
        "on_behalf_of": action.requester,
        "tools": (action.tool,),
        "confidence": confidence_text(proposal.confidence),
        "data": {"action_hash": action.hash},
    }
    return Event(kind=kind, at=at, sentence=sentence, **{**usual, **fields})


def add_proposal(
    connection: Connection, context: Context, proposal: Proposal, batch: str | None = None
) -> None:
    """Add a proposal in the state its decision gives it; with its `batch` it shares a card."""
    proposal = _clean(context, proposal)
    now = context.clock.now()
    state = FIRST_STATE[proposal.decision.effect]
    next_at = {
        ProposalState.PENDING: next_look_at(proposal, ()),
        ProposalState.APPROVED: now,
    }.get(state)
    ordinal = proposal_count(connection, proposal.task_id)
    connection.execute(
        insert(proposals).values(
            id=proposal.id,
            tenant=proposal.action.tenant,
            task_id=proposal.task_id,
            ordinal=ordinal + 1,
            key=proposal.key,
            revision=proposal.revision,
            state=state,
            action_hash=proposal.action.hash,
            body=proposal.model_dump_json(),
            created_at=now,
            expires_at=proposal.expires_at,
            next_at=next_at,
            reason=proposal.decision.reasons[0],
            sentence=frozen_words(connection, proposal) if is_frozen(proposal) else None,
            batch=batch,
        )
    )
    context.ledger.append(
        connection,
        proposal_event(
            proposal,
            EventKind.PROPOSAL_CREATED,
            f"{proposal.id} proposed: `{proposal.action.tool}`, {proposal.decision.effect}.",
            now,
            actor=Actor(kind=ActorKind.AGENT, id=proposal.action.agent),
            decision=proposal.decision.effect,
            reasons=proposal.decision.reasons,
            texts=_told(proposal),
        ),
    )


def _told(proposal: Proposal) -> dict[str, str]:
    """Return what is told of a proposal in words, with what was decided on which facts."""
    found = {"title": proposal.title}
    if proposal.rationale is not None:
        found["rationale"] = proposal.rationale
    if proposal.facts is not None:
        decided = Decided(facts=proposal.facts, decision=proposal.decision)
        found[DECIDED] = decided.model_dump_json(exclude_none=True)
    return found


def _clean(context: Context, proposal: Proposal) -> Proposal:
    """Return a proposal whose words hold no secret; its action is hashed, and stays as it is.

    The gateway refuses an action that holds a secret.
    """
    text = context.redactor.text
    return proposal.model_copy(
        update={
            "title": text(proposal.title),
            "observed": tuple(map(text, proposal.observed)),
            "rationale": None if proposal.rationale is None else text(proposal.rationale),
            "links": tuple(
                link.model_copy(update={"label": text(link.label), "url": text(link.url)})
                for link in proposal.links
            ),
            "blast_radius": tuple(map(text, proposal.blast_radius)),
            "worst_case": None if proposal.worst_case is None else text(proposal.worst_case),
        }
    )


def moved(
    connection: Connection,
    context: Context,
    proposal: Proposal,
    step: tuple[ProposalState, ProposalState],
    reason: str,
    sentence: str,
    **values: Any,
) -> None:
    """Move a proposal in one conditional write.

    Raises:
        LostLease: the proposal is no longer in the state we saw; nothing was written.
    """
    before, after = step
    if after not in PROPOSAL_TRANSITIONS[before]:
        raise ValueError(f"proposal {proposal.id}: {before} does not lead to {after}")
    now = context.clock.now()
    done = connection.execute(
        update(proposals)
        .where(
            proposals.c.id == proposal.id,
            proposals.c.state == before,
            proposals.c.action_hash == proposal.action.hash,
        )
        .values(
            **{
                "state": after,
                "reason": reason,
                "sentence": context.redactor.text(sentence),
                "next_at": None,
                "decided_at": now,
                **values,
            }
        )
    )
    if done.rowcount != 1:
        raise LostLease(f"proposal {proposal.id} is not {before}")
    context.ledger.append(
        connection,
        proposal_event(
            proposal,
            EventKind.PROPOSAL_MOVED,
            f"{proposal.id}: {before} to {after}.",
            now,
            decision=after,
            reasons=(reason,),
            texts={"note": sentence},
        ),
    )


def proposal_count(connection: Connection, task_id: str) -> int:
    """Return how many proposals a task has had."""
    return connection.execute(
        select(func.count()).where(proposals.c.task_id == task_id)
    ).scalar_one()


def proposal_of(connection: Connection, proposal_id: str) -> tuple[Proposal, ProposalState] | None:
    """Return a proposal and its state, or None.

    Once its next groups were asked, they stand among the groups of its decision.
    """
    row = connection.execute(
        select(proposals.c.body, proposals.c.state, _IS_WIDENED.label("is_widened")).where(
            proposals.c.id == proposal_id
        )
    ).first()
    if row is None:
        return None
    return _standing(row.body, is_widened=row.is_widened), ProposalState(row.state)


_IS_WIDENED = (
    select(reminders.c.rung)
    .where(reminders.c.proposal_id == proposals.c.id, reminders.c.rung == Rung.WIDENED)
    .correlate(proposals)
    .exists()
)


def _standing(body: str, *, is_widened: bool) -> Proposal:
    proposal = Proposal.model_validate_json(body)
    return widened(proposal) if is_widened else proposal


def _reminders(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Reminder, ...]]:
    """Return the rungs that were taken for each of these proposals, in order."""
    rows = connection.execute(
        select(reminders).where(reminders.c.proposal_id.in_(ids)).order_by(reminders.c.at)
    )
    found: dict[str, tuple[Reminder, ...]] = {}
    for row in rows:
        reminder = Reminder(rung=Rung(row.rung), at=row.at, groups=tuple(json.loads(row.groups)))
        found[row.proposal_id] = (*found.get(row.proposal_id, ()), reminder)
    return found


def proposal_rows(
    connection: Connection, *task_ids: str, unread: list[str] | None = None
) -> list[ProposalRow]:
    """Return the proposals of tasks with their votes and executions, each task's in order.

    Those that only a newer version can read are added to `unread`.

    Raises:
        ValueError: there is one, and no `unread`.
    """
    query = select(proposals).where(proposals.c.task_id.in_(task_ids))
    found = connection.execute(query.order_by(proposals.c.task_id, proposals.c.ordinal)).all()
    ids = [row.id for row in found]
    all_cast = connection.execute(
        select(votes).where(votes.c.proposal_id.in_(ids)).order_by(votes.c.at)
    ).all()
    all_ran = connection.execute(select(executions).where(executions.c.proposal_id.in_(ids))).all()
    votes_of, runs_of = _by_proposal(all_cast), _by_proposal(all_ran)
    taken = _reminders(connection, ids)
    all_resolved = resolutions(connection, task_ids)
    rows = []
    for row in found:
        called = taken.get(row.id, ())
        cast, ran = votes_of.get(row.id, ()), runs_of.get(row.id, ())
        try:
            rows.append(_row(row, cast, ran, called, all_resolved.get(row.task_id)))
        except ValueError:
            if unread is None:
                raise
            _log.exception("not shown: %s, which this version can't read", row.id)
            unread.append(row.id)
    return rows


def _row(
    row: Any,
    cast: Sequence[Any],
    ran: Sequence[Any],
    called: tuple[Reminder, ...],
    resolved_at: datetime | None,
) -> ProposalRow:
    own = [vote for vote in cast if vote.action_hash == row.action_hash]
    broken = [vote for vote in own if vote.ballot == Ballot.BREAK_GLASS]
    is_widened = any(reminder.rung is Rung.WIDENED for reminder in called)
    return ProposalRow(
        proposal=_standing(row.body, is_widened=is_widened),
        state=ProposalState(row.state),
        approvers=tuple(vote.voter for vote in own if vote.ballot == Ballot.APPROVE),
        next_at=row.next_at,
        executions=tuple(map(_execution, ran)),
        verify_until=row.verify_until,
        roll_back_by=row.roll_back_by,
        verdict=None if row.verdict is None else Verdict(row.verdict),
        is_followed_up=row.is_followed_up,
        is_sign_off_stale=is_stale(row, cast, resolved_at),
        reminders=called,
        broken_by=broken[0].voter if broken else None,
    )


def is_stale(row: Any, cast: Sequence[Any], resolved_at: datetime | None) -> bool:
    """Say whether the alert of a proposal's row resolved after its newest sign-off."""
    own = [vote for vote in cast if vote.action_hash == row.action_hash]
    # What the rules let act alone has no sign-off: it was let through when it was proposed.
    let_at = row.created_at if row.state == ProposalState.APPROVED else None
    signed_at = max((vote.at for vote in own if vote.ballot != Ballot.REJECT), default=let_at)
    return signed_at is not None and resolved_at is not None and signed_at < resolved_at


def _by_proposal(found: Sequence[Any]) -> dict[str, list[Any]]:
    by_proposal: dict[str, list[Any]] = {}
    for row in found:
        by_proposal.setdefault(row.proposal_id, []).append(row)
    return by_proposal


def resolutions(connection: Connection, task_ids: Sequence[str]) -> dict[str, datetime]:
    """Return when the last alert of each task resolved; without those of which one fires."""
    rows = connection.execute(
        select(alerts.c.task_id, alerts.c.status, alerts.c.resolved_at)
        .join(tasks, tasks.c.id == alerts.c.task_id)
        .where(tasks.c.id.in_(task_ids))
    ).all()
    firing = {row.task_id for row in rows if row.status == "firing"}
    found: dict[str, datetime] = {}
    for row in rows:
        if row.resolved_at is not None and row.task_id not in firing:
            found[row.task_id] = max(row.resolved_at, found.get(row.task_id, row.resolved_at))
    return found


def _execution(row: Any) -> ExecutionRow:
    return ExecutionRow(
        direction=Direction(row.direction),
        state=row.state,
        baseline=row.baseline,
        left=json.loads(row.left_state),
        data=json.loads(row.data),
        sentence=row.sentence,
        started_at=row.started_at,
        ended_at=row.ended_at,
        key=row.key,
        asks=row.asks,
        escalated_at=row.escalated_at,
        settled_by=row.settled_by,
    )


def verdict_written(
    connection: Connection,
    context: Context,
    row: ProposalRow,
    verdict: Verdict,
    measured: str | None,
) -> None:
    """Write what the measurement after an action says."""
    proposal = row.proposal
    now = context.clock.now()
    moved(
        connection,
        context,
        proposal,
        (ProposalState.EXECUTED, ProposalState.VERIFIED),
        verdict.name,
        f"Measured again: {verdict}.",
        verdict=verdict,
        measured=measured,
        # Now, so that what follows is proposed.
        next_at=now,
    )
    context.ledger.append(
        connection,
        proposal_event(
            proposal,
            EventKind.EFFECT_VERIFIED,
            f"{proposal.id}: measured again, verdict: {verdict}.",
            now,
            decision=verdict,
            data={"measured": measured, "action_hash": proposal.action.hash},
        ),
    )


def verification_times(proposal: Proposal, now: datetime) -> tuple[datetime, datetime | None]:
    """Return when to measure first, and until when silence may last."""
    effect = proposal.action.expected_effect
    if effect is None:
        return now, None
    return (
        now + timedelta(seconds=effect.settle_s),
        now + timedelta(seconds=effect.deadline_s),
    )
