"""Clicks on the buttons for all: one vote for each item that the button carries, and no other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.slack.batchcards import APPROVE_ALL, REJECT_ALL, pairs_of
from bot.slack.blocks import Block
from bot.slack.clicks import CARD_POLL_S, click_of, clicked, is_too_early, refusal_of
from bot.slack.desk import Desk, reply, who
from bot.slack.groups import Mentions
from bot.slack.modals import REJECT_ALL as REJECT_ALL_FORM
from bot.slack.modals import about_all, rejection, values
from bot.slack.refusals import words
from bot.slack.text import bullets, code, safe
from bot.store.boxes import Letter, letter_done
from bot.store.engine import Connection
from bot.store.strangers import is_strange
from bot.store.votes import Answer, Click, cast, groups_asked, refused
from policies.approvals import Ballot, Memberships, Refusal
from policies.rejections import Rejection, Why, why_of

PARTS = 3


def is_for_all(action_id: str) -> bool:
    """Say whether a button answers all that is open on its card."""
    return action_id in {APPROVE_ALL, REJECT_ALL}


async def act(desk: Desk, letter: Letter) -> float | None:
    """Work off a click on a button for all; a number means: try again in so many seconds."""
    action = letter.body["actions"][0]
    found = await _clicks_of(desk, letter.body, str(action.get("value", "")))
    if not found:
        await _not_ours(desk, letter, await click_of(desk, letter.body, ""))
        return None
    if await is_too_early(desk, letter, found[0]):
        return CARD_POLL_S
    if str(action.get("action_id")) == APPROVE_ALL:
        await _settle(desk, letter, found, Ballot.APPROVE, None)
    elif await _may_any(desk, found):
        await desk.done(letter, "opened a modal")
    else:
        # Each is refused for its own reason; nobody may reject without one, so no vote is stored.
        await _settle(desk, letter, found, Ballot.REJECT, None)
    return None


async def form(desk: Desk, body: dict[str, Any], value: str) -> Block | None:
    """Return the form that asks why not; None for who could reject none of the items."""
    found = await _clicks_of(desk, body, value)
    asked = [await refusal_of(desk, click, REJECT_ALL) for click in found]
    may = [proposal for refusal, proposal in asked if refusal is None and proposal is not None]
    if not may:
        return None
    data = f"{value}|{found[0].channel}|{found[0].message_ts}"
    return rejection(data, REJECT_ALL_FORM, about_all(may, len(found) - len(may)))


async def rejected(desk: Desk, letter: Letter) -> None:
    """Work off a rejection of all that was shown, with its reason."""
    view: Mapping[str, Any] = letter.body.get("view", {})
    parts = str(view.get("private_metadata", "")).split("|")
    pairs = pairs_of(parts[0]) if len(parts) == PARTS else None
    team, user = who(letter.body)
    voter = await desk.directory.voter(team, user)
    if pairs is None:
        await _not_ours(desk, letter, clicked(letter.body, voter, "", ""))
        return
    found = [
        Click(
            voter=voter,
            proposal_id=proposal_id,
            seen_hash=seen_hash,
            channel=parts[1],
            message_ts=parts[2],
        )
        for proposal_id, seen_hash in pairs
    ]
    placed = replace(letter, body={**letter.body, "channel": {"id": parts[1]}})
    filled = values(view)
    why = why_of(filled.get("code", "")) or Why.OTHER
    reason = Rejection(why=why, words=filled.get("reason", "").strip())
    await _settle(desk, placed, found, Ballot.REJECT, reason)


async def _not_ours(desk: Desk, letter: Letter, click: Click) -> None:
    """A value that none of our buttons carries: somebody made it up, so it is recorded."""

    def unit(connection: Connection) -> None:
        if letter_done(connection, desk.context, letter.key, "not a card"):
            refused(connection, desk.context, click, None, Refusal.OTHER_CARD)
            reply(connection, desk.context, letter.body, words(Refusal.OTHER_CARD, None))

    await desk.context.database.write(unit)


async def _clicks_of(desk: Desk, body: dict[str, Any], value: str) -> list[Click]:
    """Return a click for each item that a button carries; none when it is no button of ours."""
    pairs = pairs_of(value)
    if pairs is None:
        return []
    first = await click_of(desk, body, ":".join(pairs[0]))
    return [replace(first, proposal_id=name, seen_hash=seen) for name, seen in pairs]


async def _may_any(desk: Desk, found: Sequence[Click]) -> bool:
    for click in found:
        if (await refusal_of(desk, click, REJECT_ALL))[0] is None:
            return True
    return False


async def _settle(
    desk: Desk, letter: Letter, found: Sequence[Click], ballot: Ballot, reason: Rejection | None
) -> None:
    """Cast every vote on its own, all in the transaction that is done with the letter."""

    def groups(connection: Connection) -> list[str]:
        known = (click for click in found if not is_strange(connection, click.proposal_id))
        return [name for click in known for name in groups_asked(connection, click.proposal_id)]

    memberships = await desk.directory.memberships(await desk.context.database.read(groups))

    def unit(connection: Connection) -> None:
        if not letter_done(connection, desk.context, letter.key, "worked off"):
            return
        answers = [_cast(connection, desk, click, (ballot, reason), memberships) for click in found]
        reply(connection, desk.context, letter.body, told(found, answers, ballot, desk.mentions))

    await desk.context.database.write(unit)
    desk.context.boundary("vote.stored")


def _cast(
    connection: Connection,
    desk: Desk,
    click: Click,
    vote: tuple[Ballot, Rejection | None],
    memberships: Memberships,
) -> Answer:
    if is_strange(connection, click.proposal_id):
        return refused(connection, desk.context, click, None, Refusal.NEWER_VERSION)
    return cast(connection, desk.context, click, vote[0], memberships, vote[1])


def told(
    found: Sequence[Click], answers: Sequence[Answer], ballot: Ballot, mentions: Mentions
) -> str:
    """Return what became of each item: first in numbers, then one by one."""
    done = "signed off" if ballot is Ballot.APPROVE else "rejected"
    outcomes = [_outcome(answer, done) for answer in answers]
    counted = [f"{outcomes.count(kind)} {kind}" for kind in dict.fromkeys(outcomes)]
    lines = [
        f"{code(click.proposal_id, 80)} {_title(answer)}{outcome}{_why(answer, mentions)}"
        for click, answer, outcome in zip(found, answers, outcomes, strict=True)
    ]
    return f"Of the {len(found)} shown: {', '.join(counted)}.\n{bullets(lines)}"


def _outcome(answer: Answer, done: str) -> str:
    if answer.refusal is not None:
        return "refused"
    return f"needs {answer.missing} more" if answer.missing else done


def _title(answer: Answer) -> str:
    return "" if answer.proposal is None else f"{safe(answer.proposal.title, 120)}: "


def _why(answer: Answer, mentions: Mentions) -> str:
    if answer.refusal is None:
        return ""
    return f": {words(answer.refusal, answer.proposal, mentions=mentions)}"
