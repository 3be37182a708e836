"""Edits: a new proposal takes the old one's place, and its votes start at zero."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bot.slack import cards
from bot.slack.clicks import refusal_of
from bot.slack.desk import Desk, reply
from bot.slack.faults import in_words
from bot.slack.refusals import shown_back
from bot.slack.text import safe, shorten
from bot.store.boxes import Letter, letter_done
from bot.store.engine import Connection
from bot.store.proposals import add_proposal, proposal_count
from bot.store.tasks import settle_task
from bot.store.votes import Click, edit_denied, refused, supersede
from policies.approvals import Refusal
from policies.model import Actor, ActorKind, Decision, EffectKind, Proposal, Scalar
from tools.base import ToolError
from tools.catalogue import UnknownTool
from tools.consent import asking_people
from tools.ports import Caller, Draft, Frozen, Halted

EDITED = "EDITED_BY_A_PERSON"
# Of a value in words; the whole stands on the card.
LONGEST_VALUE = 80


def changed(proposal: Proposal, filled: dict[str, str]) -> dict[str, Scalar]:
    """Return the proposal's parameters with what the form says, each in its own type."""
    found = dict(proposal.action.parameters)
    for name in proposal.editable:
        text = filled.get(f"param.{name}")
        if text is not None:
            found[name] = _like(found.get(name), text.strip())
    return found


def faults(desk: Desk, proposal: Proposal, filled: dict[str, str]) -> dict[str, str]:
    """Return what is wrong with an edit, by block of the form; empty when it can be tried."""
    if not proposal.editable or proposal.action.tool not in desk.catalogue:
        # No field of the form is to blame: whoever sent it is answered.
        return {}
    tool = desk.catalogue.writing(proposal.action.tool)
    parameters = changed(proposal, filled)
    if parameters == proposal.action.parameters:
        return {f"param.{proposal.editable[0]}": "Nothing is changed yet"}
    try:
        tool.params.model_validate(parameters)
    except ValidationError as error:
        said = in_words(error)
        shown = {f"param.{name}": said[name] for name in proposal.editable if name in said}
        return shown or {f"param.{proposal.editable[0]}": next(iter(said.values()))}
    return {}


async def edit(desk: Desk, letter: Letter, click: Click, filled: dict[str, str]) -> None:
    """Work off an edit: consider the changed action, and put it in the old one's place."""
    refusal, old = await refusal_of(desk, click, cards.EDIT)
    if old is None or refusal is not None:
        why = refusal or Refusal.OTHER_CARD
        await _refuse(desk, letter, (click, old), why, desk.no(why, old) + _typed(filled))
        return
    number = await desk.context.database.read(
        lambda connection: proposal_count(connection, old.task_id)
    )
    try:
        considered = await desk.gateway.consider(
            _draft(old, filled, click.voter.id), f"{old.task_id}-{number + 1}", _caller(old)
        )
    except (ToolError, UnknownTool) as error:
        text = f"The edit was not taken: {safe(str(error), 300)}. The proposal stands as it was."
        why = Refusal.EDIT_IMPOSSIBLE
        await _refuse(desk, letter, (click, old), why, text + _typed(filled))
        return
    except Halted as halted:
        why = Refusal.FROZEN if isinstance(halted, Frozen) else Refusal.SIGNOFF_PAUSED
        text = _stopped(halted, desk.no(why, old))
        await _refuse(desk, letter, (click, old), why, text + _typed(filled))
        return
    new = asking_people(considered, old, EDITED)

    def unit(connection: Connection) -> None:
        if not letter_done(connection, desk.context, letter.key, "edited"):
            return
        if new.decision.effect is EffectKind.DENY:
            edit_denied(connection, desk.context, old, new, click.voter.id)
            reply(connection, desk.context, letter.body, _denied(new.decision))
            return
        why = supersede(connection, desk.context, old, new, click.voter.id)
        if why is not None:
            refused(connection, desk.context, click, old, why)
            reply(connection, desk.context, letter.body, desk.no(why, old) + _typed(filled))
            return
        add_proposal(connection, desk.context, new)
        settle_task(connection, desk.context, old.task_id, "EDITED")

    await desk.context.database.write(unit)


async def _refuse(
    desk: Desk,
    letter: Letter,
    about: tuple[Click, Proposal | None],
    why: Refusal,
    text: str,
) -> None:
    def unit(connection: Connection) -> None:
        if letter_done(connection, desk.context, letter.key, why):
            refused(connection, desk.context, *about, why)
            reply(connection, desk.context, letter.body, text)

    await desk.context.database.write(unit)


def _typed(filled: dict[str, str]) -> str:
    """Return what the editor had filled in, so that it is not lost."""
    said = ", ".join(f"{name.removeprefix('param.')}: {text}" for name, text in filled.items())
    return shown_back(said)


def _stopped(halted: Halted, usual: str) -> str:
    if isinstance(halted, Frozen):
        return f"The edit was not taken. {safe(halted.sentence)} Edit it when that is lifted."
    return usual


def _denied(decision: Decision) -> str:
    why = ", ".join([*decision.reasons, *(f"rule `{rule}`" for rule in decision.rules)])
    return (
        f"Your edit was not taken: the rules deny it ({why}). The proposal stands as it was."
        " Press Edit… again with values that the rules allow."
    )


def _draft(old: Proposal, filled: dict[str, str], editor: str) -> Draft:
    parameters = changed(old, filled)
    return Draft(
        key=old.key,
        tool=old.action.tool,
        tool_version=old.action.tool_version,
        parameters=parameters,
        environment=old.action.environment,
        expected_effect=old.action.expected_effect,
        rationale=_reason(old, parameters),
        # The agent was as sure of its own action; how sure one may be of this nobody said.
        confidence=None,
        edited_by=editor,
        observed=old.observed,
        severity=old.severity,
        since_at=old.since_at,
        links=old.links,
        is_tainted=old.tainted,
        requesters=tuple(dict.fromkeys((*old.requesters, editor))),
        revision=old.revision + 1,
        replaces=old.id,
    )


def _reason(old: Proposal, parameters: Mapping[str, Scalar]) -> str:
    """Return what an edit made of the action, and what was said of that before."""
    was = old.action.parameters
    lines = [
        f"{name} is {_brief(value)}, was {_brief(was.get(name, 'nothing'))}"
        for name, value in parameters.items()
        if was.get(name) != value
    ]
    who = f"the {old.action.agent} agent" if old.edited_by is None else "the editor before"
    before = "" if old.rationale is None else f" Before that, {who} said: {old.rationale}"
    return f"{'; '.join(lines)}.{before}"


def _brief(value: Scalar) -> str:
    return shorten(str(value), LONGEST_VALUE)


def _caller(old: Proposal) -> Caller:
    kind = ActorKind.HUMAN if "/" in old.action.requester else ActorKind.SYSTEM
    return Caller(
        tenant=old.action.tenant,
        task_id=old.task_id,
        agent=old.action.agent,
        agent_version="edit",
        environment=old.action.environment,
        requester=Actor(kind=kind, id=old.action.requester),
        correlation_id=old.task_id,
        worker="desk",
        epoch=0,
    )


def _like(before: Any, text: str) -> Scalar:  # noqa: ANN401 - a parameter of any type
    if isinstance(before, bool):
        return text.lower() == "true"
    # Plain digits only: a number like 1E999999 would keep the process busy for hours.
    if isinstance(before, int) and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    return text
