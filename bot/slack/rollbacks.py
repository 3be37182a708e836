"""`/signoff rollback TASK`: names what would be undone, asks, and does what its button would do."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.slack import anew, modals
from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.clicks import roll_back
from bot.slack.desk import Desk, who
from bot.slack.groups import any_of
from bot.slack.rights import reader, refuse
from bot.slack.text import day_time, safe
from bot.slack.undoing import no_way_back
from bot.store.boxes import Letter
from bot.store.halts import paused
from bot.store.undoing import Past, Undoing, past_of
from bot.store.votes import Click
from policies.approvals import undo_groups, unfit
from policies.model import DEFAULT_TENANT
from tools.ports import Direction

WHICH = "Which task? Write `/signoff rollback T-…`; each thread shows its task's id."
ONE_CLICK, PROPOSED = "one click", "proposal"
PARTS = 4


def task_named(text: str) -> str | None:
    """Return the task that the command's text names after its first word, if any."""
    words = text.split()
    is_one = len(words) == 2 and words[0].lower() == "rollback"  # noqa: PLR2004 - with its task
    return words[1].strip("`").upper() if is_one else None


async def form(desk: Desk, body: dict[str, Any]) -> Block | None:
    """Return the form that asks to confirm; None where there is nothing to confirm.

    Nor for who may not read what was done: the answer to the command says why.
    """
    task_id = task_named(str(body.get("text", "")))
    if task_id is None or unfit(await desk.directory.person("/".join(who(body)))) is not None:
        return None
    found = (await _past(desk, task_id)).undoing
    if found is None or _gone(desk, found) is not None:
        return None
    proposal, is_open = found.row.proposal, found.is_open(desk.context.clock.now())
    how = ONE_CLICK if is_open else PROPOSED
    channel = str(body.get("channel_id", ""))
    data = f"{proposal.id}|{proposal.action.hash}|{how}|{channel}"
    stopped = await desk.context.database.read(lambda one: paused(one, proposal.action.tenant))
    sections = [kit.section(text) for text in _asked(desk, found, is_open, stopped is not None)]
    # The title and the button say what is done by it, in the words of the card's own button.
    press = "Roll back" if is_open else "Propose to undo"
    return kit.modal(modals.ROLL_BACK, press, press, sections, data)


async def command(desk: Desk, letter: Letter, words: Sequence[str]) -> None:
    """Answer the command where there is no form to fill in."""
    voter, refusal = await reader(desk, letter)
    if refusal is not None:
        await refuse(desk, letter, voter, ("/signoff rollback", "read what was done"), refusal)
        return
    task_id = task_named(" ".join(["rollback", *words]))
    if task_id is None:
        await desk.answer(letter, WHICH, "which task")
        return
    past = await _past(desk, task_id)
    if past.undoing is None:
        await desk.answer(letter, safe(past.said, 600), "nothing to roll back")
        return
    title = safe(past.undoing.row.proposal.title, 300)
    gone = _gone(desk, past.undoing)
    if gone is not None:
        await desk.answer(letter, f"This is about {title}. {gone}", "no way back")
        return
    text = f"This is about {title}. The form that opened asks you to confirm; if none did, write it"
    await desk.answer(letter, f"{text} again. Nothing is done by the command alone.", "asked")


async def confirmed(desk: Desk, letter: Letter) -> None:
    """Work off the confirmation, held to what the button on the card is held to."""
    view = letter.body.get("view", {})
    parts = str(view.get("private_metadata", "")).split("|")
    if len(parts) != PARTS:
        await desk.done(letter, "unknown form")
        return
    team, user = who(letter.body)
    click = Click(
        voter=await desk.directory.voter(team, user),
        proposal_id=parts[0],
        seen_hash=parts[1],
        channel=parts[3],
        message_ts="",
    )
    # The answer goes where the command was written: a form has no channel of its own.
    placed = replace(letter, body={**letter.body, "channel": {"id": click.channel}})
    if parts[2] == PROPOSED:
        await anew.propose_undo(desk, placed, click, on_card=False)
    else:
        await roll_back(desk, placed, click)


async def _past(desk: Desk, task_id: str) -> Past:
    return await desk.context.database.read(lambda one: past_of(one, DEFAULT_TENANT, task_id))


def _asked(desk: Desk, found: Undoing, is_open: bool, is_paused: bool) -> list[str]:
    proposal, done = found.row.proposal, found.row.execution(Direction.FORWARD)
    inverse = proposal.action.inverse
    at = "" if done is None else f" at {day_time(done.ended_at or done.started_at)}"
    what = "" if inverse is None else safe(inverse.sentence)
    texts = [f"*Done last*{at}: {safe(proposal.title)}\n*Undoing it:* {what}"]
    is_broken = found.row.broken_by is not None
    groups = any_of(undo_groups(proposal, is_broken=is_broken), desk.mentions)
    if is_open:
        texts.append(
            f"One click of a member of {groups} is enough until {day_time(found.until)}. It is done"
            " only if the state is still as it was left."
        )
    else:
        texts.append(
            f"The time for one click ended at {day_time(found.until)}: this makes a proposal, which"
            " somebody else signs off."
        )
    if is_paused:
        texts.append("*Signoff is paused:* nothing is undone before `/signoff resume REASON`.")
    return texts


def _gone(desk: Desk, found: Undoing) -> str | None:
    inverse = found.row.proposal.action.inverse
    return None if inverse is None else no_way_back(desk.catalogue, inverse)
