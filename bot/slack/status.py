"""`/signoff status`: whether Signoff works, what is stopped, and what waits for whom."""

import asyncio
from collections.abc import Sequence

from bot.slack import halts
from bot.slack.desk import Desk, reply
from bot.slack.groups import Mentions, any_of
from bot.slack.places import address, linked
from bot.slack.rights import PATIENCE_S, reader, refuse
from bot.slack.text import bullets, code, counted, day_time, person, shorten
from bot.store.boxes import Letter, letter_done
from bot.store.controls import waiting
from bot.store.engine import Connection
from bot.store.halts import switches
from bot.store.reviews import Review, open_reviews
from bot.store.waiting import (
    Open,
    Unfinished,
    Unread,
    asked_of_people,
    not_begun,
    open_proposals,
)
from policies.approvals import Memberships, missing, unreadable, waited_for
from policies.lockout import POLICY_AGENT
from policies.model import DEFAULT_TENANT, Clause

# Lines of proposals, and the characters of a title: the whole answer is read on a phone.
MOST, TITLE = 6, 120
# Of what people have answered already.
MOST_UNFINISHED = 3
NOTHING = "No proposal waits for a sign-off."


async def status(desk: Desk, letter: Letter, words: list[str]) -> None:
    """Work off `/signoff status`."""
    del words
    voter, refusal = await reader(desk, letter)
    if refusal is not None:
        await refuse(desk, letter, voter, ("/signoff status", "ask how Signoff stands"), refusal)
        return
    found, total = await desk.context.database.read(
        lambda connection: open_proposals(connection, DEFAULT_TENANT, MOST)
    )
    memberships = await _memberships(desk, found)

    def unit(connection: Connection) -> None:
        if not letter_done(connection, desk.context, letter.key, "status"):
            return
        now = switches(connection, DEFAULT_TENANT)
        lines = [] if now.pause is not None else ["*Signoff works.*"]
        lines += halts.status(now)
        open_tasks, _ = waiting(connection, DEFAULT_TENANT)
        lines.append(counted(open_tasks, "task is open.", "tasks are open."))
        lines += _waiting(desk, found, total, memberships)
        lines += _unfinished(desk, connection)
        lines += [_review(review) for review in open_reviews(connection, DEFAULT_TENANT)[:10]]
        outside = [part for part in desk.catalogue.connectors if part.name != POLICY_AGENT]
        names = ", ".join(part.title for part in outside) or "none"
        lines.append(f"Connected: {names}. Thinking: the built-in analyst (no model).")
        reply(connection, desk.context, letter.body, "\n".join(lines))

    await desk.context.database.write(unit)


def _waiting(
    desk: Desk, found: Sequence[Open | Unread], total: int, memberships: Memberships
) -> list[str]:
    if not total:
        return [NOTHING]
    lines = [
        _open(desk, one, memberships) if isinstance(one, Open) else _unread(desk, one)
        for one in found
    ]
    left = total - sum(1 + one.alike if isinstance(one, Open) else 1 for one in found)
    if left:
        lines.append(f"and {left} more")
    head = f"*{counted(total, 'proposal waits', 'proposals wait')} for a sign-off*"
    return [head, bullets(lines)]


def _open(desk: Desk, one: Open, memberships: Memberships) -> str:
    proposal, clauses = one.proposal, one.proposal.decision.clauses
    now, url = desk.context.clock.now(), address(desk.directory.workspace, one.place)
    title = linked(shorten(proposal.title, TITLE), url)
    alike = f" and {one.alike} alike; the first" if one.alike else ""
    is_known = not unreadable(proposal.decision.groups, memberships, now)
    needs = needed(clauses, one.approvers, memberships if is_known else {}, desk.mentions)
    where, until = code(proposal.action.environment), day_time(proposal.expires_at)
    return f"{title} in {where}{alike} needs {needs}, until {until}"


def _unread(desk: Desk, one: Unread) -> str:
    name = linked(one.id, address(desk.directory.workspace, one.place))
    return f"{name} can't be read by this version of Signoff: start the newer one that made it"


def _unfinished(desk: Desk, connection: Connection) -> list[str]:
    """Return what people have signed off and is not done, or of which nobody knows that."""
    waits = not_begun(connection, DEFAULT_TENANT)
    asked = asked_of_people(connection, DEFAULT_TENANT)
    return [
        *_listed(desk, "*Signed off and not begun yet*", waits),
        *_listed(desk, "*Somebody has to look whether it happened*", asked),
    ]


def _listed(desk: Desk, head: str, found: Sequence[Unfinished]) -> list[str]:
    if not found:
        return []
    lines = []
    for one in found[:MOST_UNFINISHED]:
        title = f"{'Undo: ' if one.is_undoing else ''}{shorten(one.proposal.title, TITLE)}"
        url = address(desk.directory.workspace, one.place)
        over = f". {halts.OVER} It is not done any more" if one.is_over else ""
        lines.append(f"{linked(title, url)} in {code(one.proposal.action.environment)}{over}")
    if len(found) > MOST_UNFINISHED:
        lines.append(f"and {len(found) - MOST_UNFINISHED} more")
    return [head, bullets(lines)]


def needed(
    clauses: Sequence[Clause],
    approvers: Sequence[str],
    memberships: Memberships,
    mentions: Mentions,
) -> str:
    """Return how many sign-offs are missing, and of whom; all that were asked where none counts.

    Without memberships nobody knows whose sign-off counts for what.
    """
    left = missing(clauses, approvers, memberships) if memberships else 0
    if approvers and left:
        whom = any_of(waited_for(clauses, approvers, memberships), mentions)
        return f"*{left}* more of {whom} ({_given(approvers)})"
    asked = " and ".join(f"*{one.n}* of {any_of(one.groups, mentions)}" for one in clauses)
    return f"{asked} ({_given(approvers)})" if approvers else asked


def _given(approvers: Sequence[str]) -> str:
    return f"signed off by {', '.join(map(person, approvers))}"


async def _memberships(desk: Desk, found: Sequence[Open | Unread]) -> Memberships:
    """Return who is in the groups of what has sign-offs already, if Slack says so soon."""
    signed = [one.proposal for one in found if isinstance(one, Open) and one.approvers]
    groups = [name for proposal in signed for name in proposal.decision.groups]
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await desk.directory.memberships(groups)
    except TimeoutError:
        return {}


def _review(review: Review) -> str:
    by, since = person(review.broken_by), day_time(review.opened_at)
    return f"• Broken glass to review: {code(review.proposal_id)}, by {by}, since {since}"
