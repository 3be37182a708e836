"""Works off the inbox: each letter once, in order, with retries; no command waits for clicks."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from bot.pulse import Pulse
from bot.slack import batches, clicks, commands, digests, forms, holding
from bot.slack.desk import Desk, reply, who
from bot.slack.events import take as take_event
from bot.slack.text import code
from bot.store.boxes import Inbox, Letter, letter_done
from bot.store.engine import Connection
from bot.store.votes import given_up
from tools.ports import RecordUnavailable

# What is stored wakes the clerk; the poll finds what was put off.
POLL_S = 0.5
# The ack goes out first: Bolt polls for it every 10 ms.
ACK_FIRST_S = 0.02
MAX_ATTEMPTS = 8
LAST_ROUND_S = 3.0
COMMANDS = frozenset({"command"})
PERSONAL = frozenset({"action", "view"})
OTHERS = PERSONAL | {"event"}
APOLOGY = (
    "Something went wrong with what you just did, and it was not done. Please try again; if it"
    " stays so, tell your operators to look at the log."
)

_log = logging.getLogger(__name__)


class InboxClerk:
    """Works letters off, oldest first: clicks and forms one by one, and commands by person.

    A pause must hold: it waits neither for clicks, whose work may wait for the outside, nor for the
    commands of anybody else; the commands of one person keep their order. While Slack is away, what
    depends on who somebody is waits, and commands do not.
    """

    def __init__(
        self, desk: Desk, inbox: Inbox, is_slack_away: Callable[[], bool] = lambda: False
    ) -> None:
        self._desk, self._inbox, self._is_slack_away = desk, inbox, is_slack_away
        self._pulses = {kinds: Pulse(POLL_S) for kinds in (COMMANDS, OTHERS)}
        # Commands that were handed out and are not worked off yet, by person.
        self._handed: dict[str, deque[Letter]] = {}

    def wake(self) -> None:
        """Look for letters now."""
        for pulse in self._pulses.values():
            pulse.wake()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._one_by_one())
            lanes.create_task(self._by_person())

    async def _one_by_one(self) -> None:
        inbox, pulse = self._inbox.only(OTHERS), self._pulses[OTHERS]
        while True:
            async with pulse.outlasting("the inbox"):
                for letter in await inbox.due():
                    await self._work(letter)
            await pulse.rest()
            await asyncio.sleep(ACK_FIRST_S)

    async def _by_person(self) -> None:
        inbox, pulse = self._inbox.only(COMMANDS), self._pulses[COMMANDS]
        async with asyncio.TaskGroup() as people:
            while True:
                async with pulse.outlasting("the inbox"):
                    await self._hand_out(inbox, people)
                await pulse.rest()
                await asyncio.sleep(ACK_FIRST_S)

    async def _hand_out(self, inbox: Inbox, people: asyncio.TaskGroup) -> None:
        handed = {letter.key for own in self._handed.values() for letter in own}
        for letter in await inbox.due(but=handed):
            person = "/".join(who(letter.body))
            if person not in self._handed:
                self._handed[person] = deque()
                people.create_task(self._commanded(person))
            self._handed[person].append(letter)

    async def _commanded(self, person: str) -> None:
        """Work off what one person commanded, in its order."""
        own = self._handed[person]
        try:
            async with self._pulses[COMMANDS].outlasting("the inbox"):
                while own:
                    await self._work(own[0])
                    own.popleft()
        finally:
            # What could not be stored now is handed out again, in its order.
            del self._handed[person]

    async def _work(self, letter: Letter) -> None:
        if letter.kind in PERSONAL and self._is_slack_away():
            return
        if letter.kind in PERSONAL:
            self._desk.context.boundary("click.acknowledged")
        try:
            delay_s = await self._handle(letter)
            self._desk.context.boundary(f"{letter.kind}.worked")
            if delay_s is not None:
                await self._inbox.later(letter, delay_s)
        except RecordUnavailable:
            # No fault of the letter: it counts as no attempt.
            raise
        # Boundary: a letter that can't be worked off is kept, tried again, and told in the end.
        except Exception:  # noqa: BLE001 - see above
            _log.exception("a letter could not be worked off: %s", letter.kind)
            if letter.attempts + 1 >= MAX_ATTEMPTS:
                await self._give_up(letter)
            else:
                await self._inbox.later(letter, 2.0**letter.attempts)

    async def _give_up(self, letter: Letter) -> None:
        desk = self._desk
        team, user = who(letter.body)

        def unit(connection: Connection) -> None:
            if not letter_done(connection, desk.context, letter.key, "given up"):
                return
            given_up(connection, desk.context, f"{team}/{user}", letter.kind)
            reply(connection, desk.context, letter.body, APOLOGY)

        await desk.context.database.write(unit)

    async def _handle(self, letter: Letter) -> float | None:
        if letter.kind == "command":
            await commands.run(self._desk, letter)
        elif letter.kind == "view":
            await forms.submit(self._desk, letter)
        elif letter.kind == "event":
            await take_event(self._desk, letter)
        else:
            return await self._clicked(letter)
        return None

    async def _clicked(self, letter: Letter) -> float | None:
        action_id = str(letter.body["actions"][0].get("action_id"))
        if action_id.startswith(digests.PROPOSE_PAUSE):
            await self._desk.done(letter, "opened a modal")
            return None
        if holding.is_ours(letter):
            return await holding.act(self._desk, letter)
        if batches.is_for_all(action_id):
            return await batches.act(self._desk, letter)
        return await clicks.act(self._desk, letter)


def fix_for(error: str, channel: str, bot: str = "Signoff") -> str:
    """Return what a person does about a channel the bot can't post to."""
    if not channel:
        return "I have an alert and no channel to tell it in: set `defaults.channel`."
    if error in {"not_in_channel", "channel_not_found"}:
        return f"I can't post in <#{channel}>: invite me there with `/invite @{bot}`."
    if error == "is_archived":
        return f"<#{channel}> is archived: name another channel in `signoff.yaml`."
    if error == "missing_scope":
        return "A Slack permission is missing: paste `manifest.yml` again and reinstall the app."
    return f"Slack does not let me post in <#{channel}> ({code(error)}). Run `signoff doctor`."
