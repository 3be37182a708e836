"""Where things stand in Slack, as the mirror noted it: the card of a proposal, a task's thread."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from bot.store.batches import BATCH, shown_by
from bot.store.proposals import proposal_rows
from bot.store.tables import posts, proposals, tasks, threads
from bot.store.tasks import undo_key
from policies.model import Proposal


@dataclass(frozen=True, kw_only=True)
class Place:
    """A message, and the first one of the thread it stands in."""

    channel: str
    ts: str
    root_ts: str | None = None


def thread_of_task(connection: Connection, task_id: str) -> Place | None:
    """Return the first message of a task's thread; None before it is posted."""
    row = connection.execute(
        select(threads.c.channel, threads.c.root_ts)
        .join(tasks, tasks.c.thread_id == threads.c.id)
        .where(tasks.c.id == task_id)
    ).first()
    if row is None or row.root_ts is None:
        return None
    return Place(channel=row.channel, ts=row.root_ts)


def card_of(connection: Connection, proposal_id: str) -> Place | None:
    """Return the message that shows a proposal, alone or among others; None before it stands."""
    own = f"proposal:{proposal_id}"
    found = connection.execute(
        select(posts.c.key, posts.c.channel, posts.c.ts, threads.c.root_ts)
        .join(threads, threads.c.id == posts.c.thread_id)
        .join(tasks, tasks.c.thread_id == posts.c.thread_id)
        .join(proposals, proposals.c.task_id == tasks.c.id)
        .where(
            proposals.c.id == proposal_id,
            posts.c.ts.is_not(None),
            or_(posts.c.key == own, posts.c.key.startswith(f"{BATCH}:", autoescape=True)),
        )
    ).all()
    row = next((one for one in found if shows(one.key, proposal_id)), None)
    return None if row is None else Place(channel=row.channel, ts=row.ts, root_ts=row.root_ts)


def question_of(connection: Connection, proposal_id: str, direction: str) -> Place | None:
    """Return the message that asks people whether it happened; None before it stands."""
    row = connection.execute(
        select(posts.c.channel, posts.c.ts, threads.c.root_ts)
        .join(threads, threads.c.id == posts.c.thread_id)
        .where(posts.c.key == f"unknown:{proposal_id}:{direction}", posts.c.ts.is_not(None))
    ).first()
    return None if row is None else Place(channel=row.channel, ts=row.ts, root_ts=row.root_ts)


def newest_card(connection: Connection, proposal: Proposal) -> Place | None:
    """Return the card of what took a proposal's place at last; None where nothing did."""
    rows = proposal_rows(connection, proposal.task_id)
    successors = successors_of(row.proposal for row in rows)
    newest = proposal.id
    while newest in successors:
        newest = successors[newest]
    return None if newest == proposal.id else card_of(connection, newest)


def successors_of(found: Iterable[Proposal]) -> dict[str, str]:
    """Return what took the place of which proposal.

    What undoes one names it too, and takes no place; an undo may have a successor of its own.
    """
    return {one.replaces: one.id for one in found if one.replaces is not None and not undoes(one)}


def undoes(proposal: Proposal) -> bool:
    """Say whether a proposal undoes the one it names, and does not take its place."""
    return proposal.replaces is not None and proposal.key == undo_key(proposal.replaces)


def shows(key: str, proposal_id: str) -> bool:
    """Say whether the message of a key is the card of a proposal."""
    return key == f"proposal:{proposal_id}" or proposal_id in shown_by(key)
