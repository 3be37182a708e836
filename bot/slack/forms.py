"""Filled-in modals: checked before the ack, worked off the inbox."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from agents.campaign.agent import LAUNCH, MOST_AT_ONCE, PAUSE
from agents.campaign.digest import Digest
from agents.campaign.planner import BriefError, plan
from agents.report import Report
from agents.tasks import NewTask, TaskKind
from bot.slack import batches, glass, modals, rollbacks
from bot.slack import blocks as kit
from bot.slack.again import under_way
from bot.slack.blocks import Block
from bot.slack.clicks import Deed, reject, settle
from bot.slack.desk import Desk, reply, who
from bot.slack.edits import edit
from bot.slack.edits import faults as edit_faults
from bot.slack.text import bullets, safe
from bot.store.boxes import Letter, letter_done
from bot.store.engine import Connection
from bot.store.holds import newest_digest
from bot.store.places import thread_of_task
from bot.store.proposals import proposal_of
from bot.store.reviews import answer_review
from bot.store.tasks import create_task
from bot.store.votes import Click
from policies.approvals import BREAK_GLASS, OPERATORS
from policies.model import DEFAULT_TENANT, Actor, ActorKind
from policies.rejections import Rejection, Why, why_of

ENVIRONMENT = "ads"


async def errors(desk: Desk, view: Mapping[str, Any], today: date) -> dict[str, str]:
    """Return what is wrong with a form, by block; empty when it can be taken."""
    filled = modals.values(view)
    callback = view.get("callback_id")
    held = _held(desk, filled) if callback in {modals.BRIEF, modals.EDIT} else {}
    if held:
        return held
    if callback == modals.BRIEF:
        try:
            plan(filled, today)
        except BriefError as error:
            return error.faults
    if callback in REASONS:
        return REASONS[callback](filled)
    if callback == modals.EDIT:
        proposal_id = str(view.get("private_metadata", "")).split(":")[0]
        found = await desk.context.database.read(
            lambda connection: proposal_of(connection, proposal_id)
        )
        return {} if found is None else edit_faults(desk, found[0], filled)
    return {}


def _reason_errors(filled: Mapping[str, str]) -> dict[str, str]:
    is_said = bool(filled.get("reason", "").strip())
    return {} if is_said else {"reason": "Please write one line: it goes on record"}


def _rejection_errors(filled: Mapping[str, str]) -> dict[str, str]:
    why = why_of(filled.get("code", ""))
    if why is None:
        return {"code": "Please choose a reason of this list"}
    if not Rejection(why=why, words=filled.get("reason", "")).is_said:
        return {"reason": "Please choose a reason above, or write one line: it goes on record"}
    return {}


# The forms that ask for a reason, and what is wrong with what was filled in.
REASONS: Mapping[object, Callable[[Mapping[str, str]], dict[str, str]]] = {
    modals.PAUSE: _reason_errors,
    modals.REVIEW: _reason_errors,
    modals.REJECT: _rejection_errors,
    modals.REJECT_ALL: _rejection_errors,
    modals.GLASS: glass.form_errors,
}


def _held(desk: Desk, filled: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that hold what may not be kept: without it they would say another thing."""
    redactor = desk.context.redactor
    found = {name: redactor.finds(value) for name, value in filled.items()}
    return {
        name: f"Take this out: it holds a {kinds[0]}, which is not kept in records"
        for name, kinds in found.items()
        if kinds
    }


async def submit(desk: Desk, letter: Letter) -> None:
    """Work off a filled-in modal."""
    view = letter.body.get("view", {})
    # The day it was sent: a night in the inbox must not void it.
    sent_at = desk.context.clock.now() - timedelta(seconds=letter.age_s)
    if await errors(desk, view, sent_at.date()):
        # The person saw the errors in the form; nothing else happens.
        await desk.done(letter, "form with errors")
        return
    callback = view.get("callback_id")
    if callback == modals.BRIEF:
        await _launch(desk, letter, view, sent_at.date())
    elif callback == modals.PAUSE:
        await _propose_pause(desk, letter, view)
    elif callback in {modals.REJECT, modals.EDIT, modals.GLASS, modals.REVIEW}:
        await _on_proposal(desk, letter, view)
    elif callback == modals.REJECT_ALL:
        await batches.rejected(desk, letter)
    elif callback == modals.ROLL_BACK:
        await rollbacks.confirmed(desk, letter)
    else:
        await desk.done(letter, "unknown form")


async def _on_proposal(desk: Desk, letter: Letter, view: Mapping[str, Any]) -> None:
    team, user = who(letter.body)
    parts = [*str(view.get("private_metadata", "")).split(":"), "", "", "", ""]
    click = Click(
        voter=await desk.directory.voter(team, user),
        proposal_id=parts[0],
        seen_hash=parts[1],
        channel=parts[2],
        message_ts=parts[3],
    )
    # The answer goes where the card is: a form has no channel of its own.
    placed = replace(letter, body={**letter.body, "channel": {"id": click.channel}})
    filled = modals.values(view)
    callback, said = view.get("callback_id"), filled.get("reason", "").strip()
    if callback == modals.GLASS:
        deed = Deed(await glass.breaking(desk, said), (BREAK_GLASS, OPERATORS), said)
        await settle(desk, placed, click, deed)
    elif callback == modals.REVIEW:
        deed = Deed(partial(answer_review, words=said), (OPERATORS,), said)
        await settle(desk, placed, click, deed)
    elif callback == modals.REJECT:
        why = why_of(filled.get("code", "")) or Why.OTHER
        await reject(desk, placed, click, Rejection(why=why, words=said))
    else:
        await edit(desk, placed, click, filled)


async def _launch(desk: Desk, letter: Letter, view: Mapping[str, Any], sent_on: date) -> None:
    filled = modals.values(view)
    made = plan(filled, sent_on)
    await _begin(
        desk,
        letter,
        channel=str(view.get("private_metadata", "")),
        group=f"campaign:launch:{made.name}:{made.digest[:16]}",
        title=f"Campaign {made.name}",
        target=made.name,
        spec={**filled, "intent": LAUNCH, "sent_on": sent_on.isoformat()},
    )


async def pause_form(desk: Desk, campaign_ids: str, channel: str) -> Block:
    """Return the form that asks why campaigns should stop, below their names."""
    names = await _names_of(desk, campaign_ids)
    lines = [safe(name, 100) for name in names[:MOST_AT_ONCE]]
    if len(names) > MOST_AT_ONCE:
        lines.append(f"not {len(names) - MOST_AT_ONCE} more: {MOST_AT_ONCE} are the most at once")
    nothing = "Nothing stops yet: somebody signs it off."
    head = kit.section(f"*A pause is proposed of*\n{bullets(lines)}\n{nothing}")
    label, data = "Why should it stop?", f"{campaign_ids}:{channel}"
    return modals.reason(modals.PAUSE, "Propose a pause", label, data, head)


async def _propose_pause(desk: Desk, letter: Letter, view: Mapping[str, Any]) -> None:
    campaign_id, _, channel = str(view.get("private_metadata", "")).rpartition(":")
    many = len(campaign_id.split(","))
    (name, *_) = await _names_of(desk, campaign_id)
    digest = sha256(campaign_id.encode()).hexdigest()[:16]
    await _begin(
        desk,
        letter,
        channel=channel,
        group=f"campaign:pause:{campaign_id if many == 1 else digest}",
        title=f"Pause campaign {name}" if many == 1 else f"Pause {many} campaigns",
        target=campaign_id if many == 1 else "campaigns",
        spec={
            "intent": PAUSE,
            "campaign_id": campaign_id,
            "reason": modals.values(view)["reason"].strip(),
        },
    )


async def _names_of(desk: Desk, campaign_ids: str) -> list[str]:
    """Return campaigns' names as the newest digest tells them; the id of one that it does not."""
    report = await desk.context.database.read(
        lambda connection: newest_digest(connection, DEFAULT_TENANT)
    )
    attached = None if report is None else Report.model_validate_json(report).attachment
    rows = () if attached is None else Digest.model_validate_json(attached).rows
    known = {row.campaign_id: row.name for row in rows}
    return [known.get(one, one) for one in campaign_ids.split(",")]


async def _begin(  # noqa: PLR0913 - a task's fields
    desk: Desk,
    letter: Letter,
    *,
    channel: str,
    group: str,
    title: str,
    target: str,
    spec: dict[str, str],
) -> None:
    team, user = who(letter.body)
    new = NewTask(
        kind=TaskKind.CAMPAIGN,
        tenant=DEFAULT_TENANT,
        group_key=group,
        environment=ENVIRONMENT,
        target=target,
        title=title,
        requester=Actor(kind=ActorKind.HUMAN, id=f"{team}/{user}"),
        channel=channel,
        spec=spec,
    )

    def unit(connection: Connection) -> None:
        if not letter_done(connection, desk.context, letter.key, "task"):
            return
        task, is_new = create_task(connection, desk.context, new)
        if not is_new:
            body = {**letter.body, "channel": {"id": channel}}
            place = thread_of_task(connection, task.id)
            text = under_way(task, place, desk.directory.workspace)
            reply(connection, desk.context, body, text)

    await desk.context.database.write(unit)
