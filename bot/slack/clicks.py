"""Clicks on cards, worked off the inbox: votes and rollbacks; refusals say why."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.slack import cards, reviews, unknowns
from bot.slack.anew import propose_again, propose_undo
from bot.slack.batchcards import base_of
from bot.slack.desk import Desk, reply, who
from bot.slack.places import address
from bot.slack.refusals import shown_back
from bot.slack.text import day_time, link, person
from bot.slack.undoing import PROPOSE_AGAIN, PROPOSE_UNDO
from bot.store.boxes import Letter, letter_done
from bot.store.context import Context
from bot.store.engine import Connection
from bot.store.glass import glass_check
from bot.store.places import newest_card
from bot.store.reviews import answer_review, review_check
from bot.store.signals import settle_unknown
from bot.store.strangers import is_strange
from bot.store.undoing import asked_back
from bot.store.votes import (
    Answer,
    Click,
    ask_rollback,
    cast,
    check,
    groups_asked,
    refused,
    unknown_card,
)
from bot.store.withdrawals import withdraw
from policies.approvals import BREAK_GLASS, OPERATORS, Ballot, Memberships, Refusal, Voter
from policies.model import Proposal
from policies.rejections import Rejection

# A click can outrun the note of where its card stands, but not by long.
CARD_WAIT_S, CARD_POLL_S = 10.0, 0.3
VALUE_PARTS = 2
# After so many edits nobody knows any more what was asked at first.
MOST_REVISIONS = 10

Unit = Callable[[Connection, Context, Click, Memberships], Answer]
Check = Callable[[Connection, Context, Click, Memberships], tuple[Refusal | None, Proposal | None]]


@dataclass(frozen=True)
class Deed:
    """What a click does, and whose members must be known for it beside those asked."""

    work: Unit
    groups: tuple[str, ...] = ()
    # What the person wrote: shown back where it was in vain.
    words: str = ""


def _vote(
    ballot: Ballot,
    reason: Rejection | None,
    connection: Connection,
    context: Context,
    click: Click,
    memberships: Memberships,
) -> Answer:
    return cast(connection, context, click, ballot, memberships, reason)


# What each button does at once; the others open a form.
DEEDS: Mapping[str, Deed] = {
    cards.APPROVE: Deed(partial(_vote, Ballot.APPROVE, None)),
    cards.ROLL_BACK: Deed(ask_rollback),
    cards.WITHDRAW: Deed(withdraw, (OPERATORS,)),
    unknowns.HAPPENED: Deed(partial(settle_unknown, has_happened=True)),
    unknowns.NOT_HAPPENED: Deed(partial(settle_unknown, has_happened=False)),
    reviews.FINE_BUTTON: Deed(partial(answer_review, words=""), (OPERATORS,)),
}
# Who may open the form of a button, and whose members must be known for it.
GATES: Mapping[str, tuple[Check, tuple[str, ...]]] = {
    cards.BREAK_GLASS: (glass_check, (BREAK_GLASS,)),
    reviews.NOT_FINE_BUTTON: (review_check, (OPERATORS,)),
}


async def act(desk: Desk, letter: Letter) -> float | None:
    """Work off a click; a number means: try again in so many seconds."""
    body = letter.body
    action = body["actions"][0]
    action_id = base_of(str(action.get("action_id", "")))
    click = await click_of(desk, body, str(action.get("value", "")))
    if await is_too_early(desk, letter, click):
        return CARD_POLL_S
    asking, deed = ASKING.get(action_id), DEEDS.get(action_id)
    if asking is not None:
        await asking(desk, letter, click)
    elif deed is None:
        await _opened(desk, letter, click, action_id)
    else:
        await settle(desk, letter, click, deed)
    return None


async def reject(desk: Desk, letter: Letter, click: Click, reason: Rejection) -> None:
    """Work off a rejection with its reason."""
    deed = Deed(partial(_vote, Ballot.REJECT, reason), words=reason.words)
    await settle(desk, letter, click, deed)


async def roll_back(desk: Desk, letter: Letter, click: Click) -> None:
    """Work off a wish to undo what was done, inside its window, by who is on no card."""

    def asked(
        connection: Connection, context: Context, clicked: Click, members: Memberships
    ) -> Answer:
        answer = ask_rollback(connection, context, clicked, members, on_card=False)
        if answer.refusal is None:
            text = "Rolling back, if it is still as it was left: its card tells how it ends."
            reply(connection, context, letter.body, text)
        return answer

    await settle(desk, letter, click, Deed(asked))


async def click_of(desk: Desk, body: dict[str, Any], value: str) -> Click:
    """Return who clicked on what; a value that is none of ours names no proposal."""
    parts = value.split(":")
    if len(parts) != VALUE_PARTS:
        parts = ["", ""]
    team, user = who(body)
    voter = await desk.directory.voter(team, user)
    return clicked(body, voter, parts[0], parts[1])


def clicked(body: dict[str, Any], voter: Voter, proposal_id: str, seen_hash: str) -> Click:
    """Return a click with the message that it was on."""
    message = body.get("container") or {}
    channel = body.get("channel", {}).get("id") or message.get("channel_id") or ""
    message_ts = message.get("message_ts") or body.get("message", {}).get("ts") or ""
    return Click(
        voter=voter,
        proposal_id=proposal_id,
        seen_hash=seen_hash,
        channel=str(channel),
        message_ts=str(message_ts),
    )


async def refusal_of(
    desk: Desk, click: Click, action_id: str
) -> tuple[Refusal | None, Proposal | None]:
    """Say whether a click on a button that opens a modal could count, and what it is about."""
    gate, groups = GATES.get(action_id, (check, ()))
    memberships = await _memberships(desk, click, groups)

    def unit(connection: Connection) -> tuple[Refusal | None, Proposal | None]:
        if is_strange(connection, click.proposal_id):
            return Refusal.NEWER_VERSION, None
        return gate(connection, desk.context, click, memberships)

    refusal, proposal = await desk.context.database.read(unit)
    if action_id != cards.EDIT:
        return refusal, proposal
    # Whoever asked may edit: the sign-off starts anew, and they do not give it.
    refusal = None if refusal is Refusal.IS_REQUESTER else refusal
    if refusal is None and proposal is not None and proposal.revision >= MOST_REVISIONS:
        refusal = Refusal.TOO_MANY_EDITS
    if refusal is None and proposal is not None and not proposal.editable:
        refusal = Refusal.NOT_EDITABLE
    return refusal, proposal


async def _memberships(desk: Desk, click: Click, more: Sequence[str] = ()) -> Memberships:
    def unit(connection: Connection) -> Sequence[str]:
        if is_strange(connection, click.proposal_id):
            return ()
        return groups_asked(connection, click.proposal_id)

    groups = await desk.context.database.read(unit)
    return await desk.directory.memberships([*groups, *more])


async def settle(desk: Desk, letter: Letter, click: Click, deed: Deed) -> None:
    """Do the work and be done with the letter in one transaction."""
    memberships = await _memberships(desk, click, deed.groups)

    def unit(connection: Connection) -> None:
        if not letter_done(connection, desk.context, letter.key, "worked off"):
            return
        if is_strange(connection, click.proposal_id):
            answer = refused(connection, desk.context, click, None, Refusal.NEWER_VERSION)
        else:
            answer = deed.work(connection, desk.context, click, memberships)
        if answer.refusal is not None:
            said = desk.no(answer.refusal, answer.proposal, deed.groups)
            said = _undone_by(connection, answer) + said + _newer(desk, connection, answer)
            said += shown_back(deed.words)
            reply(connection, desk.context, letter.body, said)
        elif answer.missing:
            more = f"{answer.missing} more approval{'s' if answer.missing > 1 else ''}"
            text = f"Your sign-off is stored. It needs {more}."
            reply(connection, desk.context, letter.body, text)

    await desk.context.database.write(unit)
    desk.context.boundary("vote.stored")


def _undone_by(connection: Connection, answer: Answer) -> str:
    """Return who was quicker to ask for its undoing, and when."""
    if answer.proposal is None or answer.refusal is not Refusal.ALREADY_DECIDED:
        return ""
    found = asked_back(connection, answer.proposal.id)
    return (
        "" if found is None else f"{person(found[0])} asked to undo this at {day_time(found[1])}. "
    )


def _newer(desk: Desk, connection: Connection, answer: Answer) -> str:
    """Return where the newest card stands, for who pressed on an older one."""
    if answer.proposal is None or answer.refusal is not Refusal.OLD_CARD:
        return ""
    url = address(desk.directory.workspace, newest_card(connection, answer.proposal))
    return "" if url is None else f" {link('The newest card', url)}"


async def _opened(desk: Desk, letter: Letter, click: Click, action_id: str) -> None:
    """A click that opened a modal changes nothing yet; one that may not is told why."""
    refusal, proposal = await refusal_of(desk, click, action_id)
    if refusal is None:
        await desk.done(letter, "opened a modal")
        return

    def unit(connection: Connection) -> None:
        if letter_done(connection, desk.context, letter.key, refusal):
            refused(connection, desk.context, click, proposal, refusal)
            needed = GATES.get(action_id, (check, ()))[1]
            said = desk.no(refusal, proposal, needed)
            reply(connection, desk.context, letter.body, said)

    await desk.context.database.write(unit)


async def is_too_early(desk: Desk, letter: Letter, click: Click) -> bool:
    """Say whether the message that was clicked on may still be noted."""
    if letter.age_s >= CARD_WAIT_S:
        return False
    return await desk.context.database.read(lambda connection: unknown_card(connection, click))


ASKING: Mapping[str, Callable[[Desk, Letter, Click], Awaitable[None]]] = {
    PROPOSE_UNDO: propose_undo,
    PROPOSE_AGAIN: propose_again,
}
