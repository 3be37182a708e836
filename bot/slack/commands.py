"""Slash commands, worked off the inbox: `/triage` and `/signoff`; each answer says what to do."""

import shlex
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from agents.tasks import NewTask, TaskKind
from bot.slack import modes, policies, rollbacks, status, switches
from bot.slack.again import under_way
from bot.slack.desk import Desk, reply, who
from bot.slack.rights import reader, refuse
from bot.slack.text import code, safe
from bot.store.boxes import Letter, letter_done
from bot.store.engine import Connection
from bot.store.ledger import story
from bot.store.places import thread_of_task
from bot.store.tasks import create_task
from policies.model import DEFAULT_TENANT, Actor, ActorKind

HELP = """*What you can ask*
`/triage SERVICE [ENVIRONMENT]` looks into a service and says what it sees
`/launch-campaign` opens a form for a brief; you get a plan to sign off
`/signoff status` shows whether Signoff works, and what waits for whom
`/signoff pause [REASON]` stops everything at once (anybody may)
`/signoff resume REASON` goes on (operators only)
`/signoff freeze T-… REASON` or `freeze campaign "NAME" REASON` stops changes there (anybody may)
`/signoff unfreeze T-… REASON` or `unfreeze campaign "NAME" REASON` lets them go on (operators only)
`/signoff mode` shows how far agents may go where
`/signoff mode AGENT ENVIRONMENT observe|approve|auto REASON` sets it (operators only)
`/signoff digest` posts the campaign digest here now
`/signoff audit TASK` shows what happened in a task
`/signoff rollback TASK` undoes what was done last in a task, or proposes to
`/signoff policy` shows which rules are in force; `/signoff policy help` what else it can
`/signoff help` shows this"""

CURLY = str.maketrans("“”„", '"""')
# A service and its environment.
TRIAGE_WORDS = 2
Words = list[str]
Handler = Callable[[Desk, Letter, Words], Awaitable[None]]


async def run(desk: Desk, letter: Letter) -> None:
    """Work off a slash command."""
    command = str(letter.body.get("command", ""))
    words = _split(str(letter.body.get("text", "")))
    if command == "/triage":
        await _triage(desk, letter, words)
    elif command == "/launch-campaign":
        await desk.done(letter, "opened a modal")
    elif command == "/signoff":
        handler = SUBCOMMANDS.get(words[0].lower() if words else "help")
        if handler is None:
            text = f"I don't know {code(words[0], 40)}.\n{HELP}"
            await desk.answer(letter, text, "unknown subcommand")
            return
        await handler(desk, letter, words[1:])
    else:
        await desk.answer(letter, HELP, "unknown command")


def _split(text: str) -> Words:
    # The second time without the apostrophe: in "don't" it opens nothing that is closed again.
    for quotes in ("\"'", '"'):
        # Telephones write other quotes.
        lexer = shlex.shlex(text.translate(CURLY), posix=True)
        lexer.whitespace_split, lexer.commenters, lexer.quotes = True, "", quotes
        with suppress(ValueError):
            return list(lexer)
    return text.split()


async def _triage(desk: Desk, letter: Letter, words: Words) -> None:
    known = desk.config.services
    names = ", ".join(f"`{name}`" for name in sorted(known)) or "none yet; see `signoff.yaml`"
    if not words or words[0] not in known:
        said = "Which service?" if not words else f"I don't know the service {code(words[0], 60)}."
        text = f"{said} Write `/triage SERVICE`. Known services: {names}."
        await desk.answer(letter, text, "no such service")
        return
    service = words[0]
    places = known[service].environments
    environment = words[1] if len(words) > 1 else _usual(places, letter.body)
    if environment not in places:
        there = " or ".join(f"`/triage {service} {name}`" for name in sorted(places))
        await desk.answer(letter, f"Which environment? Write {there}.", "no such environment")
        return
    if words[TRIAGE_WORDS:]:
        text = f"I don't understand {code(words[TRIAGE_WORDS], 60)}. Write `/triage {service}"
        text += f" {environment}`."
        await desk.answer(letter, text, "too many words")
        return
    team, user = who(letter.body)
    new = NewTask(
        kind=TaskKind.INCIDENT,
        tenant=DEFAULT_TENANT,
        group_key=f"incident:{environment}/service={service}",
        environment=environment,
        target=service,
        title=f"Triage of {service} in {environment}",
        requester=Actor(kind=ActorKind.HUMAN, id=f"{team}/{user}"),
        channel=str(letter.body.get("channel_id", "")),
        spec={
            name: url
            for name, url in (
                ("dashboard", places[environment].dashboard),
                ("runbook", places[environment].runbook),
            )
            if url
        },
    )
    await _begin(desk, letter, new)


def _usual(places: Mapping[str, Any], body: dict[str, Any]) -> str:
    here = [name for name, place in places.items() if place.channel == body.get("channel_id")]
    if len(here) == 1:
        return here[0]
    return next(iter(places)) if len(places) == 1 else ""


async def _begin(desk: Desk, letter: Letter, new: NewTask) -> None:
    def unit(connection: Connection) -> None:
        if not letter_done(connection, desk.context, letter.key, "task"):
            return
        task, is_new = create_task(connection, desk.context, new)
        if not is_new:
            place = thread_of_task(connection, task.id)
            text = under_way(task, place, desk.directory.workspace)
            reply(connection, desk.context, letter.body, text)

    await desk.context.database.write(unit)


async def _digest(desk: Desk, letter: Letter, words: Words) -> None:
    del words
    team, user = who(letter.body)
    channel = str(letter.body.get("channel_id", ""))
    new = NewTask(
        kind=TaskKind.DIGEST,
        tenant=DEFAULT_TENANT,
        # Each asking is a digest of its own, in a thread of its own.
        group_key=f"digest:{letter.key}",
        environment="ads",
        target="campaigns",
        title="Campaign digest",
        requester=Actor(kind=ActorKind.HUMAN, id=f"{team}/{user}"),
        channel=channel,
    )
    await _begin(desk, letter, new)


async def _audit(desk: Desk, letter: Letter, words: Words) -> None:
    voter, refusal = await reader(desk, letter)
    if refusal is not None:
        await refuse(desk, letter, voter, ("/signoff audit", "read what happened"), refusal)
        return
    task_id = words[0].strip("`").upper() if words else ""

    def unit(connection: Connection) -> None:
        if not letter_done(connection, desk.context, letter.key, "audit"):
            return
        events = story(connection, task_id)
        if not events:
            text = "Which task? Write `/signoff audit T-…`; each thread shows its task's id."
        else:
            lines = [
                f"`{event['seq']}` {event['at'][11:19]} {safe(_told(event), 200)}"
                for event in events[-25:]
            ]
            left = len(events) - len(lines)
            more = f"\n_{left} earlier events: `signoff audit show {task_id}`_" if left else ""
            text = f"*What happened in* `{task_id}`\n" + "\n".join(lines) + more
        reply(connection, desk.context, letter.body, text)

    await desk.context.database.write(unit)


def _told(event: dict[str, Any]) -> str:
    words = [str(text) for text in event["texts"].values() if text]
    return " ".join([event["sentence"], *words])


async def _rollback(desk: Desk, letter: Letter, words: Words) -> None:
    await rollbacks.command(desk, letter, words)


async def _help(desk: Desk, letter: Letter, words: Words) -> None:
    del words
    await desk.answer(letter, HELP, "help")


SUBCOMMANDS: Mapping[str, Handler] = {
    "status": status.status,
    "pause": switches.stop,
    "resume": switches.go_on,
    "freeze": switches.freeze,
    "unfreeze": switches.unfreeze,
    "mode": modes.mode,
    "digest": _digest,
    "audit": _audit,
    "rollback": _rollback,
    "policy": policies.run,
    "help": _help,
}
