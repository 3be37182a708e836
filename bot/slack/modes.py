"""`/signoff mode`: how far each agent may go where, from where that comes, and setting it."""

from agents.tasks import TaskKind
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
from policies.lockout import POLICY_AGENT, POLICY_ENVIRONMENT
from policies.model import DEFAULT_TENANT, Mode
from tools.halts import NOWHERE

Words = list[str]
# Of each agent where it acts.
Places = dict[str, list[str]]
USAGE = "Write `/signoff mode AGENT ENVIRONMENT observe|approve|auto REASON`."
# Agent, environment and mode stand before the reason.
BEFORE_REASON = 3
PRODUCTION = "production"
UNNAMED = "wherever an alert names a place that `signoff.yaml` does not"
ELSEWHERE = (
    f"A place that `signoff.yaml` does not name is never freer than `{NOWHERE}`, and never `auto`."
)
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
    fault = _fault(words, await desk.context.database.read(lambda found: _known(desk, found)))
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


def _fault(words: Words, places: Places) -> str | None:
    """Return what is wrong with the words, naming the field; None when all is there."""
    given = [words[0].lower(), *words[1:2], *(word.lower() for word in words[2:3])]
    own = places.get(given[0], [])
    modes = [mode_.value for mode_ in Mode]
    fields = [("AGENT", [*places]), ("ENVIRONMENT", own), ("MODE", modes)]
    for place, (field, known) in enumerate(fields):
        if place >= len(given):
            return f"{field} is missing; {suggestion('', known)}"
        if given[place] in known:
            continue
        word = code(words[place], 60)
        if field == "ENVIRONMENT" and any(given[place] in found for found in places.values()):
            there = ", ".join(map(code, own))
            return f"{field}: {code(given[0])} never acts in {word}, only in {there}."
        goes = f" {ELSEWHERE}" if NOWHERE in known else ""
        return f"{field}: there is no {word}; {suggestion(given[place], known)}{goes}"
    if len(words) <= BEFORE_REASON:
        return "REASON is missing: why? It is told to everybody."
    return None


def _agents(desk: Desk) -> list[str]:
    """Return the agents that can change anything."""
    return sorted({agent for tool in desk.catalogue.writers() for agent in tool.agents})


def _places(desk: Desk, agent: str) -> list[str]:
    """Return where an agent acts."""
    if agent == POLICY_AGENT:
        return [POLICY_ENVIRONMENT]
    if agent != TaskKind.INCIDENT:
        return [ADS]
    named = set(desk.config.modes) - {ADS, POLICY_ENVIRONMENT}
    return sorted({*desk.config.environments, *named, NOWHERE})


def _known(desk: Desk, connection: Connection) -> Places:
    """Return where each agent acts, and where somebody set a mode that can be taken back."""
    found = {agent: _places(desk, agent) for agent in _agents(desk)}
    for one in switches(connection, DEFAULT_TENANT).ordered:
        if one.environment not in found.setdefault(one.agent, []):
            found[one.agent].append(one.environment)
    return found


def _table(desk: Desk, connection: Connection) -> str:
    found = switches(connection, DEFAULT_TENANT)
    # Of a place that nobody knows any more, too: it holds again once the place is back.
    lines = [
        _line(desk, found, Place(agent=agent, environment=environment))
        for agent, places in _known(desk, connection).items()
        for environment in places
    ]
    means = " ".join(f"`{name}`: {words}." for name, words in MEANS.items())
    body = "\n".join(f"• {line}" for line in lines) or "No agent can change anything here."
    return f"*Modes in force*\n{body}\n{means}"


def _line(desk: Desk, found: Switches, place: Place) -> str:
    ordered = found.mode(place.agent, place.environment)
    if ordered is not None:
        return halts.ordered_line(ordered)
    said = desk.config.file_modes.of(place.environment)
    source = "`modes`" if place.environment in desk.config.modes else "`mode`"
    if not desk.config.file_modes.names(place.environment):
        return f"{code(place.agent)} in {code(place.environment)}: {said}, as {UNNAMED}"
    return f"{code(place.agent)} in {code(place.environment)}: {said}, {source} of `signoff.yaml`"
