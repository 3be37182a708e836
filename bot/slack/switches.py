"""`/signoff pause`, `resume`, `freeze` and `unfreeze`: who, why, and what it means for whom."""

import re
from collections.abc import Callable, Iterable, Sequence

from bot.slack import halts
from bot.slack.desk import Desk, reply
from bot.slack.namesakes import (
    LISTING,
    QUOTES,
    Known,
    is_quoted,
    known_campaigns,
    meant,
    suggestion,
    unheard,
)
from bot.slack.rights import member, operator, refuse
from bot.slack.text import code
from bot.store.boxes import Letter, letter_done
from bot.store.controls import pause, resume
from bot.store.engine import Connection
from bot.store.freezes import (
    Campaign,
    freeze_campaign,
    freeze_task,
    open_tasks,
    task_known,
    unfreeze_campaign,
    unfreeze_task,
)
from bot.store.halts import paused, switches
from bot.store.notices import Order, command_refused
from bot.store.waiting import freed
from policies.approvals import Voter
from policies.model import DEFAULT_TENANT
from tools.halts import Halt, HaltKind, covers

Words = list[str]
Work = Callable[[Connection], str]
TASK_ID = re.compile(r"T-[A-Z0-9]{4,20}")
CAMPAIGN = "campaign"
STOPPED_SINCE = "STOPPED_SINCE"
FREEZE_USAGE = (
    'Write `/signoff freeze T-… REASON` for a task, or `/signoff freeze campaign "NAME" REASON`.'
)
UNFREEZE_USAGE = (
    'Write `/signoff unfreeze T-… REASON`, or `/signoff unfreeze campaign "NAME" REASON`.'
)
STILL_PAUSED = (
    "The freeze is lifted; Signoff is still paused, so nothing is done before"
    " `/signoff resume REASON`."
)
UNREAD = (
    "Nothing is frozen: I can't look names up now, so I don't know where the name ends. Write it in"
    ' quotes: `/signoff freeze campaign "Winter boots" REASON`.'
)


async def stop(desk: Desk, letter: Letter, words: Words) -> None:
    """Work off `/signoff pause [REASON]`."""
    voter, refusal = await member(desk, letter)
    if refusal is not None:
        await refuse(desk, letter, voter, ("/signoff pause", "pause Signoff"), refusal)
        return
    reason = " ".join(words)

    def work(connection: Connection) -> str:
        before = paused(connection, DEFAULT_TENANT)
        if before is not None:
            return f"Signoff was paused already. {halts.said(before)}"
        anchor = anchor_of(desk)
        pause(connection, desk.context, DEFAULT_TENANT, voter.id, reason, anchor)
        return "Signoff is paused: nothing outside is called before an operator resumes it."

    await settle(desk, letter, "pause", work)


async def go_on(desk: Desk, letter: Letter, words: Words) -> None:
    """Work off `/signoff resume REASON`."""
    voter, refusal = await operator(desk, letter)
    if refusal is not None:
        await refuse(desk, letter, voter, ("/signoff resume", "resume"), refusal)
        return
    reason = " ".join(words)

    def work(connection: Connection) -> str:
        found = switches(connection, DEFAULT_TENANT).pause
        since = _stopped_since(desk, letter, voter, () if found is None else (found,))
        if since is not None:
            return _too_old(desk, connection, voter, "/signoff resume", since)
        if found is not None and not reason:
            return f"It stays paused. {_why(desk, '/signoff resume REASON')}"
        anchor = anchor_of(desk)
        did = resume(connection, desk.context, DEFAULT_TENANT, voter.id, reason, anchor)
        if not did or found is None:
            return "Signoff was not paused."
        is_frozen = bool(switches(connection, DEFAULT_TENANT).halts)
        frozen = " What is frozen stays so; see `/signoff status`." if is_frozen else ""
        return f"Signoff goes on. {begins(desk, connection, [found])}{frozen}"

    await settle(desk, letter, "resume", work)


async def freeze(desk: Desk, letter: Letter, words: Words) -> None:
    """Work off `/signoff freeze T-…|campaign "NAME" REASON`."""
    voter, refusal = await member(desk, letter)
    if refusal is not None:
        deed = "freeze a task or a campaign"
        await refuse(desk, letter, voter, ("/signoff freeze", deed), refusal)
    elif words and words[0].lower() == CAMPAIGN:
        await _freeze_campaign(desk, letter, voter, words[1:])
    else:
        await _freeze_task(desk, letter, voter, words)


async def unfreeze(desk: Desk, letter: Letter, words: Words) -> None:
    """Work off `/signoff unfreeze T-…|campaign "NAME" REASON`."""
    voter, refusal = await operator(desk, letter)
    if refusal is not None:
        await refuse(desk, letter, voter, ("/signoff unfreeze", "lift a freeze"), refusal)
    elif words and words[0].lower() == CAMPAIGN:
        await _unfreeze_campaign(desk, letter, voter, words[1:])
    else:
        await _unfreeze_task(desk, letter, voter, words)


async def settle(desk: Desk, letter: Letter, result: str, work: Work) -> None:
    """Do the work, answer, and be done with the letter, in one transaction."""

    def unit(connection: Connection) -> None:
        if letter_done(connection, desk.context, letter.key, result):
            reply(connection, desk.context, letter.body, work(connection))

    await desk.context.database.write(unit)
    desk.context.boundary("switch.stored")


def anchor_of(desk: Desk) -> str | None:
    """Return the channel in which changes of the switches are told."""
    anchor = desk.config.anchor
    return None if anchor is None else anchor.channel


async def _freeze_task(desk: Desk, letter: Letter, voter: Voter, words: Words) -> None:
    task_id = _task_id(words)
    if task_id is None:
        await desk.answer(letter, f"What shall be frozen? {FREEZE_USAGE}", "no such thing")
        return
    reason = " ".join(words[1:])
    if not reason:
        text = _why(desk, f"/signoff freeze {task_id} REASON")
        await desk.answer(letter, text, "no reason")
        return
    order = Order(person=voter.id, reason=reason, anchor=anchor_of(desk))

    def work(connection: Connection) -> str:
        if not task_known(connection, DEFAULT_TENANT, task_id):
            return _no_task(connection, task_id)
        if freeze_task(connection, desk.context, order, task_id):
            return (
                f"The task `{task_id}` is frozen: it goes on looking and changes nothing. People"
                " can sign off; that waits. What was done can still be rolled back."
                f" An operator lifts it with `/signoff unfreeze {task_id} REASON`."
            )
        before = _of_task(connection, task_id)
        return f"It was frozen already. {'' if before is None else halts.said(before)}"

    await settle(desk, letter, "freeze", work)


async def _unfreeze_task(desk: Desk, letter: Letter, voter: Voter, words: Words) -> None:
    task_id = _task_id(words)
    if task_id is None:
        await desk.answer(letter, f"What shall go on? {UNFREEZE_USAGE}", "no such thing")
        return
    order = Order(person=voter.id, reason=" ".join(words[1:]), anchor=anchor_of(desk))

    def work(connection: Connection) -> str:
        halt = _of_task(connection, task_id)
        since = _stopped_since(desk, letter, voter, () if halt is None else (halt,))
        if since is not None:
            return _too_old(desk, connection, voter, "/signoff unfreeze", since)
        if halt is not None and not order.reason:
            return f"It stays frozen. {_why(desk, f'/signoff unfreeze {task_id} REASON')}"
        if unfreeze_task(connection, desk.context, order, task_id):
            if paused(connection, DEFAULT_TENANT) is not None:
                return STILL_PAUSED
            lifted = [] if halt is None else [halt]
            return f"The task `{task_id}` goes on. {begins(desk, connection, lifted)}"
        is_known = task_known(connection, DEFAULT_TENANT, task_id)
        return f"`{task_id}` was not frozen." if is_known else _no_task(connection, task_id)

    await settle(desk, letter, "unfreeze", work)


async def _freeze_campaign(desk: Desk, letter: Letter, voter: Voter, words: Words) -> None:
    known = await _known(desk, letter, voter, words, FREEZE_USAGE)
    if known is None:
        return
    is_whole = is_quoted(str(letter.body.get("text", "")), words)
    if not known.is_all and not is_whole and len(words) > 1:
        # Also where a known name fits: a longer one, of which it is the beginning, may be meant.
        await desk.answer(letter, UNREAD, "no names")
        return
    campaign, reason = meant(words, known, is_whole=is_whole)
    unsure = ""
    if campaign is None and not known.is_all:
        # Stopping must not depend on a platform that is down.
        campaign = unheard(words, desk.catalogue.system(LISTING))
        unsure = " I can't look the name up now, so check its spelling."
    if campaign is None:
        await desk.answer(letter, _no_campaign(words, known), "no such campaign")
        return
    if not reason:
        text = _why(desk, f'/signoff freeze campaign "{campaign.name}" REASON')
        await desk.answer(letter, text, "no reason")
        return
    order = Order(person=voter.id, reason=reason, anchor=anchor_of(desk))
    found = campaign

    def work(connection: Connection) -> str:
        if freeze_campaign(connection, desk.context, order, found):
            lifting = code(f'/signoff unfreeze campaign "{found.name}" REASON')
            return (
                f"The campaign {code(found.name)} is frozen: Signoff changes nothing about it. It"
                f" runs, or rests, as it does now.{unsure} An operator lifts it with {lifting}."
            )
        before = _of_campaign(connection, found)
        return f"It was frozen already. {halts.said(before[0]) if before else ''}"

    await settle(desk, letter, "freeze", work)


async def _unfreeze_campaign(desk: Desk, letter: Letter, voter: Voter, words: Words) -> None:
    frozen = await desk.context.database.read(_frozen_campaigns)
    if not words:
        await desk.answer(letter, f"Which campaign? {UNFREEZE_USAGE}", "no such thing")
        return
    # What is frozen can be let go also when its platform does not answer, or knows it no more.
    known = Known(campaigns=tuple(frozen), is_all=True)
    is_whole = is_quoted(str(letter.body.get("text", "")), words)
    campaign, reason = meant(words, known, is_whole=is_whole)
    if campaign is None:
        near = suggestion(" ".join(words), known.names) if frozen else "none is."
        text = f"No campaign {code(' '.join(words), 60)} is frozen; {near}"
        await desk.answer(letter, text, "no such campaign")
        return
    order = Order(person=voter.id, reason=reason, anchor=anchor_of(desk))
    found = campaign

    def work(connection: Connection) -> str:
        halts_ = _of_campaign(connection, found)
        since = _stopped_since(desk, letter, voter, halts_)
        if since is not None:
            return _too_old(desk, connection, voter, "/signoff unfreeze", since)
        if halts_ and not reason:
            again = f'/signoff unfreeze campaign "{found.name}" REASON'
            return f"It stays frozen. {_why(desk, again)}"
        lifted = unfreeze_campaign(connection, desk.context, order, found)
        if not lifted:
            return f"{code(found.name)} was not frozen."
        kinds = "; ".join(halts.listed(halt) for halt in lifted)
        return f"Lifted: {kinds}. {begins(desk, connection, lifted)}"

    await settle(desk, letter, "unfreeze", work)


async def _known(
    desk: Desk, letter: Letter, voter: Voter, words: Words, usage: str
) -> Known | None:
    """Return the campaigns to choose from; None where the person was told what is missing."""
    if not words or not words[0].strip(QUOTES):
        await desk.answer(letter, f"Which campaign? {usage}", "no such thing")
        return None
    known = await known_campaigns(desk, voter)
    if known is None:
        text = "No ad platform is connected, so there is no campaign to freeze."
        await desk.answer(letter, text, "no platform")
    return known


def _why(desk: Desk, command: str) -> str:
    return f"Why? Write {code(command)}: {_told(desk)}."


def _told(desk: Desk) -> str:
    """Say where a reason is read: where no anchor channel is set, it is posted nowhere."""
    anchor = anchor_of(desk)
    posted = "" if anchor is None else f" and is told in <#{anchor}>"
    return f"the reason goes on record{posted}"


def begins(desk: Desk, connection: Connection, lifted: Sequence[Halt]) -> str:
    """Return what goes on now that these are lifted; where Signoff is paused, that nothing does."""
    if paused(connection, DEFAULT_TENANT) is not None:
        return STILL_PAUSED
    now = desk.context.clock.now()
    return halts.begins(freed(connection, DEFAULT_TENANT, lifted, now))


def _task_id(words: Words) -> str | None:
    found = words[0].strip("`").upper() if words else ""
    return found if TASK_ID.fullmatch(found) else None


def _no_task(connection: Connection, task_id: str) -> str:
    near = suggestion(task_id, open_tasks(connection, DEFAULT_TENANT))
    return f"There is no task `{task_id}`; {near} Each thread shows its task's id."


def _no_campaign(words: Words, known: Known) -> str:
    said = " ".join(words[:3])
    return f"I know no campaign {code(said, 60)}; {suggestion(said, known.names)}"


def _of_task(connection: Connection, task_id: str) -> Halt | None:
    found = switches(connection, DEFAULT_TENANT).halts
    own = (HaltKind.TASK, task_id)
    return next((halt for halt in found if (halt.kind, halt.task_id) == own), None)


def _of_campaign(connection: Connection, campaign: Campaign) -> list[Halt]:
    found = switches(connection, DEFAULT_TENANT).halts
    return [halt for halt in found if covers(halt, campaign.names)]


def _stopped_since(desk: Desk, letter: Letter, voter: Voter, found: Iterable[Halt]) -> Halt | None:
    """Return what somebody else stopped after this was written, which therefore does not lift it.

    What several people write is worked off at once, so a slow `resume` may come after a pause.
    """
    # Stopped at a time to come: the clock was set back, and nobody can tell which came first.
    now = desk.context.clock.now()
    newer = (halt for halt in found if letter.received_at < halt.at <= now)
    return next((halt for halt in newer if halt.by != voter.id), None)


def _too_old(desk: Desk, connection: Connection, voter: Voter, command: str, halt: Halt) -> str:
    command_refused(connection, desk.context, voter.id, command, STOPPED_SINCE)
    return (
        f"Nothing goes on: this was stopped after you wrote. {halts.said(halt)} If it shall go on"
        f" all the same, write it again. ({STOPPED_SINCE})"
    )


def _frozen_campaigns(connection: Connection) -> list[Campaign]:
    found = []
    for halt in switches(connection, DEFAULT_TENANT).halts:
        for name in sorted(halt.campaigns):
            platform, _, key = name.partition("/")
            found.append(Campaign(platform=platform, key=key, name=halt.name))
    return found
