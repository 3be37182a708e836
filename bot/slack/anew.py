"""New proposals that people ask for: the same after a drift, the way back after its window.

Both go through the gateway as any proposal does. Whoever asks for one cannot approve it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bot.slack.desk import Desk, reply
from bot.slack.text import day_time, safe
from bot.store.boxes import Letter, letter_done
from bot.store.engine import Connection
from bot.store.proposals import add_proposal, proposal_event, proposal_of
from bot.store.strangers import is_strange
from bot.store.tasks import settle_task, undo_key
from bot.store.undoing import Undoing, again_refusal, undo_refusal
from bot.store.votes import Click, refused
from policies.approvals import Refusal
from policies.audit import EventKind
from policies.model import Actor, ActorKind, EffectKind, Proposal
from tools.base import ToolError
from tools.catalogue import UnknownTool
from tools.consent import asking_people, same_draft, successor_id
from tools.ports import Caller, Direction, Draft, Frozen, Halted

ASKED = "ASKED_BY_A_PERSON"
PROPOSED = (
    "Proposed: its card stands in the thread. You asked for it, so somebody else signs it off."
)
Verdict = tuple[Refusal | None, Proposal | None]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a person asks to be proposed, and the check that is made again when it is written."""

    draft: Draft
    proposal_id: str
    old: Proposal
    check: Callable[[Connection], Verdict]


async def propose_again(desk: Desk, letter: Letter, click: Click) -> None:
    """Let the same draft be considered on the present state."""

    def check(connection: Connection) -> Verdict:
        if is_strange(connection, click.proposal_id):
            return Refusal.NEWER_VERSION, None
        return again_refusal(connection, click)

    refusal, old = await desk.context.database.read(check)
    if old is None or refusal is not None:
        await _refuse(desk, letter, click, (refusal or Refusal.OTHER_CARD, old))
        return
    row = "Proposed again, because the state had changed before it could be done."
    people = tuple(dict.fromkeys((*old.requesters, click.voter.id)))
    draft = replace(same_draft(old, anew=row), requesters=people)
    wanted = Wanted(draft=draft, proposal_id=successor_id(old), old=old, check=check)
    await _propose(desk, letter, click, wanted)


async def propose_undo(desk: Desk, letter: Letter, click: Click, *, on_card: bool = True) -> None:
    """Let the way back be considered as a proposal of its own."""

    def look(connection: Connection) -> tuple[Refusal | None, Undoing | None, Proposal | None]:
        if is_strange(connection, click.proposal_id):
            return Refusal.NEWER_VERSION, None, None
        return undo_refusal(connection, desk.context, click, on_card=on_card)

    refusal, undoing, old = await desk.context.database.read(look)
    if old is None or undoing is None or refusal is not None:
        await _refuse(desk, letter, click, (refusal or Refusal.NO_INVERSE, old))
        return

    def check(connection: Connection) -> Verdict:
        again, _, proposal = look(connection)
        return again, proposal

    tries = undoing.tries + 1
    name = f"{old.id}.undo{tries if tries > 1 else ''}"
    draft = _way_back(undoing, tries, click.voter.id)
    await _propose(desk, letter, click, Wanted(draft=draft, proposal_id=name, old=old, check=check))


def _way_back(undoing: Undoing, tries: int, person: str) -> Draft:
    old, done = undoing.row.proposal, undoing.row.execution(Direction.FORWARD)
    inverse = old.action.inverse
    assert inverse is not None  # noqa: S101 - there is an Undoing only where there is a way back
    assert done is not None  # noqa: S101 - the same
    at = day_time(done.ended_at or done.started_at)
    return Draft(
        key=undo_key(old.id),
        tool=inverse.tool,
        tool_version=inverse.tool_version,
        parameters=inverse.parameters,
        environment=old.action.environment,
        observed=(f"{old.id} was done at {at}: {old.title}", f"Undo: {inverse.sentence}"),
        severity=old.severity,
        since_at=old.since_at,
        links=old.links,
        is_tainted=old.tainted,
        requesters=(person,),
        revision=tries,
        replaces=old.id,
        anew=f"This undoes {old.id}, after the time for one click.",
        expected=done.left,
    )


async def _propose(desk: Desk, letter: Letter, click: Click, wanted: Wanted) -> None:
    try:
        found = await desk.gateway.consider(
            wanted.draft, wanted.proposal_id, _caller(wanted.old, click.voter.id)
        )
    except (ToolError, UnknownTool) as error:
        await _impossible(desk, letter, click, wanted.old, str(error))
        return
    except Halted as halted:
        why = Refusal.FROZEN if isinstance(halted, Frozen) else Refusal.SIGNOFF_PAUSED
        await _refuse(desk, letter, click, (why, wanted.old))
        return
    new = asking_people(found, wanted.old, ASKED)

    def unit(connection: Connection) -> None:
        if not letter_done(connection, desk.context, letter.key, "proposed"):
            return
        # Again: while the outside was asked, somebody else may have been quicker.
        refusal, _ = wanted.check(connection)
        if refusal is None and proposal_of(connection, new.id) is not None:
            refusal = Refusal.ALREADY_PROPOSED
        if refusal is not None:
            refused(connection, desk.context, click, wanted.old, refusal)
            reply(connection, desk.context, letter.body, desk.no(refusal, wanted.old))
            return
        if new.decision.effect is EffectKind.DENY:
            why = ", ".join([*new.decision.reasons, *(f"rule `{n}`" for n in new.decision.rules)])
            _note(connection, desk, click, wanted.old, *new.decision.reasons)
            text = f"It can't be proposed: the rules deny it ({why}). Nothing was changed."
            reply(connection, desk.context, letter.body, text)
            return
        add_proposal(connection, desk.context, new)
        settle_task(connection, desk.context, new.task_id, "ASKED_ANEW")
        reply(connection, desk.context, letter.body, PROPOSED)

    await desk.context.database.write(unit)
    desk.context.boundary("proposed.anew")


async def _refuse(
    desk: Desk, letter: Letter, click: Click, found: tuple[Refusal, Proposal | None]
) -> None:
    refusal, proposal = found

    def unit(connection: Connection) -> None:
        if letter_done(connection, desk.context, letter.key, refusal):
            refused(connection, desk.context, click, proposal, refusal)
            reply(connection, desk.context, letter.body, desk.no(refusal, proposal))

    await desk.context.database.write(unit)


async def _impossible(desk: Desk, letter: Letter, click: Click, old: Proposal, why: str) -> None:
    def unit(connection: Connection) -> None:
        if letter_done(connection, desk.context, letter.key, "can't be proposed"):
            _note(connection, desk, click, old, "CAN_NOT_BE_PROPOSED")
            text = f"It can't be proposed: {safe(why, 400)}. Nothing was changed."
            reply(connection, desk.context, letter.body, text)

    await desk.context.database.write(unit)


def _note(connection: Connection, desk: Desk, click: Click, old: Proposal, *reasons: str) -> None:
    """Record what was asked for and could not be proposed."""
    desk.context.ledger.append(
        connection,
        proposal_event(
            old,
            EventKind.CLICK_REFUSED,
            f"{old.id}: what {click.voter.id} asked for could not be proposed.",
            desk.context.clock.now(),
            actor=Actor(kind=ActorKind.HUMAN, id=click.voter.id),
            decision="refused",
            reasons=reasons,
        ),
    )


def _caller(old: Proposal, person: str) -> Caller:
    fields: dict[str, Any] = {"worker": "desk", "epoch": 0, "agent_version": "asked"}
    return Caller(
        tenant=old.action.tenant,
        task_id=old.task_id,
        agent=old.action.agent,
        environment=old.action.environment,
        requester=Actor(kind=ActorKind.HUMAN, id=person),
        correlation_id=old.task_id,
        **fields,
    )
