"""`/signoff mode`: how far each agent may go where, from where that comes, and setting it."""

from bot.slack import halts
from bot.slack.desk import Desk
from bot.slack.namesakes import ENVIRONMENT as ADS
from bot.slack.namesakes import suggestion
from bot.slack.rights import operator, refuse
from bot.slack.switches import anchor_of, settle
from bot.slack.text import code
from bot.store.boxes import Letter
from bot.store.engine import Connection
from bot.store.freezes import AUTO_MEANS, Place, order_mode
from bot.store.halts import Switches, switches
from bot.store.notices import Order
from policies.model import DEFAULT_TENANT, Mode

Words = list[str]
USAGE = "Write `/signoff mode AGENT ENVIRONMENT observe|approve|auto REASON`."
# Agent, environment and mode stand before the reason.
BEFORE_REASON = 3
PRODUCTION = "production"
MEANS = {
    Mode.OBSERVE: "everything is looked at and recorded, and nothing is done",
    Mode.APPROVE: "nothing is done without a sign-off",
    Mode.AUTO: AUTO_MEANS,
}


async def mode(desk: Desk, letter: Letter, words: Words) -> None:
    """Work off `/signoff mode [AGENT ENVIRONMENT MODE REASON]`."""
    if not words:
        await settle(desk, letter, "mode", lambda connection: _table(desk, connection))
        return
    voter, refusal = await operator(desk, letter)
    if refusal is not None:
        await refuse(desk, letter, voter, ("/signoff mode", "set a mode"), refusal)
        return
    fault = _fault(desk, words)
    if fault is not None:
        await desk.answer(letter, f"{fault} {USAGE}", "no such mode")
        return
    place = Place(agent=words[0].lower(), environment=words[1])
    wanted = Mode(words[2].lower())
    order = Order(person=voter.id, reason=" ".join(words[BEFORE_REASON:]), anchor=anchor_of(desk))

    def work(connection: Connection) -> str:
        change = (wanted, desk.config.file_modes)
        was, before = order_mode(connection, desk.context, order, place, change)
        where = f"{code(place.agent)} in {code(place.environment)}"
        if was is wanted:
            by = "as `signoff.yaml` says" if before is None else halts.ordered_line(before)
            return f"{where} was in the mode `{wanted}` already ({by})."
        return f"{where}: the mode is `{wanted}`, no longer `{was}`. {_meaning(place, wanted)}"

    await settle(desk, letter, "mode", work)


def _meaning(place: Place, mode_: Mode) -> str:
    is_loose = mode_ is Mode.AUTO and place.environment == PRODUCTION
    careful = ":warning: *This is production.* " if is_loose else ""
    back = ""
    if mode_ is Mode.AUTO:
        again = f"/signoff mode {place.agent} {place.environment} approve REASON"
        back = f" Back: {code(again)}."
    return f"{careful}From the next call on {MEANS[mode_]}.{back}"


def _fault(desk: Desk, words: Words) -> str | None:
    """Return what is wrong with the words, naming the field; None when all is there."""
    agents, environments = _agents(desk), _environments(desk)
    given = [words[0].lower(), *words[1:2], *(word.lower() for word in words[2:3])]
    modes = [mode_.value for mode_ in Mode]
    fields = [("AGENT", agents), ("ENVIRONMENT", environments), ("MODE", modes)]
    for place, (field, known) in enumerate(fields):
        if place >= len(given):
            return f"{field} is missing; {suggestion('', known)}."
        if given[place] not in known:
            return (
                f"{field}: there is no {code(words[place], 60)}; {suggestion(given[place], known)}"
            )
    if len(words) <= BEFORE_REASON:
        return "REASON is missing: why? It is told to everybody."
    return None


def _agents(desk: Desk) -> list[str]:
    """Return the agents that can change anything."""
    return sorted({agent for tool in desk.catalogue.writers() for agent in tool.agents})


def _environments(desk: Desk) -> list[str]:
    return sorted({*desk.config.environments, *desk.config.modes, ADS})


def _table(desk: Desk, connection: Connection) -> str:
    found = switches(connection, DEFAULT_TENANT)
    lines = [
        _line(desk, found, Place(agent=agent, environment=environment))
        for agent in _agents(desk)
        for environment in _environments(desk)
    ]
    # Of a place that nobody knows any more, too: it holds again once the place is back.
    known = {(agent, where) for agent in _agents(desk) for where in _environments(desk)}
    left = [one for one in found.ordered if (one.agent, one.environment) not in known]
    lines += [halts.ordered_line(one) for one in left]
    means = " ".join(f"`{name}`: {words}." for name, words in MEANS.items())
    body = "\n".join(f"• {line}" for line in lines) or "No agent can change anything here."
    return f"*Modes in force*\n{body}\n{means}"


def _line(desk: Desk, found: Switches, place: Place) -> str:
    ordered = found.mode(place.agent, place.environment)
    if ordered is not None:
        return halts.ordered_line(ordered)
    said = desk.config.file_modes.of(place.environment)
    is_named = place.environment in desk.config.modes
    source = "`modes`" if is_named else "`mode`"
    return f"{code(place.agent)} in {code(place.environment)}: {said}, {source} of `signoff.yaml`"
