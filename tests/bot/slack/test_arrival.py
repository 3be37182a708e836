"""The way into Slack: a start waits for nobody, and whatever Slack says first is heard."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.config import Group
from bot.metrics import Metrics
from bot.settings import SettingsError
from bot.slack.arrival import Arrival
from bot.slack.directory import SlackDirectory
from bot.slack.sender import NoAnswer, Sender, SlackRefused
from policies.redaction import Redactor
from tests.bot.slack.slackside import (
    APP_TOKEN,
    Side,
    running,
    slackside,
    time_flies,
    until,
)

Logged = pytest.LogCaptureFixture
REFUSED = r"SLACK_{}_TOKEN: it is refused by Slack \(invalid_auth\)"
GROUPS = {"oncall": Group(users=("U0ANA",)), "operators": Group(usergroup="S0OPERATORS")}


@dataclass
class FakeSocket:
    """Notes its addresses; the first `failures` of them lead nowhere."""

    failures: int = 0
    addresses: list[str] = field(default_factory=list)

    async def open(self, address: str) -> None:
        self.addresses.append(address)
        if len(self.addresses) <= self.failures:
            raise TimeoutError


@dataclass
class Gate:
    """Somebody who arrives, and by what they recognise people."""

    side: Side
    directory: SlackDirectory
    arrival: Arrival

    async def known(self) -> dict[str, frozenset[str]]:
        """Return the members of each group that can be read."""
        found = await self.directory.memberships(list(GROUPS))
        return {name: membership.members for name, membership in found.items()}

    def revoke(self) -> None:
        """Make Slack refuse both tokens."""
        state = self.side.workspace.state
        state.app = replace(state.app, bot_token="xoxb-another", app_token="xapp-another")


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    async with slackside(tmp_path) as side, time_flies(side):
        clock = side.store.clock
        directory = SlackDirectory(side.sender, clock, GROUPS)
        arrival = Arrival(side.sender, directory, lambda: clock.now().timestamp())
        yield Gate(side, directory, arrival)


@asynccontextmanager
async def arriving(gate: Gate, socket: FakeSocket | None = None) -> AsyncIterator[FakeSocket]:
    socket = socket or FakeSocket()
    task = asyncio.create_task(gate.arrival.run(socket, APP_TOKEN))
    try:
        yield socket
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def lines(caplog: Logged) -> list[str]:
    return [record.message for record in caplog.records if record.name.startswith("bot")]


async def test_where_slack_answers_at_once_nothing_is_said_of_it(
    gate: Gate, caplog: Logged
) -> None:
    caplog.set_level(logging.INFO)
    await gate.arrival.begin()
    assert gate.directory.has_joined
    socket = FakeSocket()
    await gate.arrival.run(socket, APP_TOKEN)
    assert len(socket.addresses) == 1
    assert not gate.side.sender.line.is_away
    assert lines(caplog) == []
    assert b"signoff_slack_outages_total 0.0" in gate.side.metrics.text()
    assert len(gate.side.calls("auth.test")) == 1
    assert await gate.known() == {
        "oncall": frozenset({"T0PLAY/U0ANA"}),
        "operators": frozenset({"T0PLAY/U0ANA"}),
    }


async def test_without_a_socket_the_first_answer_is_all(gate: Gate) -> None:
    await gate.arrival.begin()
    await gate.arrival.run(None, "")
    assert not gate.side.sender.line.is_away
    assert gate.side.calls("apps.connections.open") == []


async def test_a_start_while_slack_is_away_goes_on_and_says_so_once(
    gate: Gate, caplog: Logged
) -> None:
    caplog.set_level(logging.INFO)
    side = gate.side
    side.workspace.go_away()
    await gate.arrival.begin()
    assert side.sender.line.is_away
    assert await gate.known() == {}, "nobody is recognised before the team is known"
    await side.begin()
    began = side.store.clock.now()

    async def is_long() -> bool:
        return (side.store.clock.now() - began).total_seconds() > 180

    async with running(side), arriving(gate) as socket:
        await until(is_long)
        assert b"signoff_slack_away 1.0" in side.metrics.text()
        knocks = side.workspace.faults.knocks
        assert knocks["auth.test"] <= 10
        assert sum(knocks.values()) == knocks["auth.test"], "nothing else is tried"
        (line,) = lines(caplog)
        assert line.startswith("Slack does not answer: Signoff goes on")
        assert "SLACK_API_URL is http://127.0.0.1:" in line
        side.workspace.come_back()
        await side.shown()

        async def is_open() -> bool:
            return bool(socket.addresses)

        await until(is_open)
    assert len(lines(caplog)) == 2
    assert lines(caplog)[1].startswith("Slack answers again after")
    assert b"signoff_slack_away 0.0" in side.metrics.text()
    assert b"signoff_slack_outages_total 1.0" in side.metrics.text()
    assert len(await gate.known()) == 2
    assert len(side.messages()) == 1


async def test_a_token_that_is_refused_at_once_ends_the_start(gate: Gate) -> None:
    gate.revoke()
    with pytest.raises(SettingsError, match=REFUSED.format("BOT")):
        await gate.arrival.begin()


async def test_a_token_that_is_refused_in_the_end_ends_it_before_anything_is_tried(
    gate: Gate,
) -> None:
    side = gate.side
    await side.begin()
    side.workspace.go_away()
    await gate.arrival.begin()
    async with running(side):
        arrived = asyncio.create_task(gate.arrival.run(FakeSocket(), APP_TOKEN))
        await asyncio.sleep(0.2)
        assert not arrived.done()
        gate.revoke()
        side.workspace.come_back()
        with pytest.raises(SettingsError, match=REFUSED.format("BOT")):
            await asyncio.wait_for(arrived, 60)
        await asyncio.sleep(0.2)
    assert side.sender.line.is_away
    assert {call.method for call in side.workspace.calls} == {"auth.test"}


async def test_an_app_token_that_is_refused_is_named(gate: Gate) -> None:
    await gate.arrival.begin()
    with pytest.raises(SettingsError, match=REFUSED.format("APP")):
        await gate.arrival.run(FakeSocket(), "xapp-wrong")


async def test_an_address_is_used_once(gate: Gate) -> None:
    await gate.arrival.begin()
    gate.side.workspace.rate_limit("apps.connections.open", 1)
    async with arriving(gate, FakeSocket(failures=2)) as socket:

        async def is_open() -> bool:
            return len(socket.addresses) == 3

        await until(is_open)
    assert len(set(socket.addresses)) == 3


STRANGERS = {
    "a proxy without its backend": (503, "text/plain", "no healthy upstream"),
    "a proxy's page": (403, "text/html", "<h1>Forbidden</h1>"),
    "another server": (404, "text/html", "<h1>Not found</h1>"),
    "a page that welcomes": (200, "text/html", "<h1>Welcome</h1>"),
    "words": (200, "text/plain", "It works!"),
    "broken JSON": (200, "application/json", "{"),
    "JSON of another kind": (200, "application/json", "[1]"),
    "an object of another kind": (401, "application/json", '{"error": "invalid_auth"}'),
    "Slack in trouble": (200, "application/json", '{"ok": false, "error": "service_unavailable"}'),
}


@asynccontextmanager
async def speaking(status: int, kind: str, text: str) -> AsyncIterator[Sender]:
    """Serve one answer to everything, and speak to it as to Slack."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, content_type=kind, text=text)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    client = AsyncWebClient(token="xoxb-1", base_url=base, retry_handlers=[])
    sender = Sender(client, Metrics(), Redactor([]))
    yield sender
    await sender.line.close()
    await runner.cleanup()


@pytest.mark.parametrize("answer", STRANGERS.values(), ids=STRANGERS)
async def test_what_is_no_answer_of_slacks_is_none(answer: tuple[int, str, str]) -> None:
    async with speaking(*answer) as sender:
        for asked in (sender.first(), sender.ticket("xapp-1"), sender.call("chat.update", {})):
            with pytest.raises(NoAnswer):
                await asked

        async def is_away() -> bool:
            return sender.line.is_away

        await until(is_away)


async def test_a_refusal_is_an_answer() -> None:
    said = (200, "application/json", '{"ok": false, "error": "token_revoked"}')
    async with speaking(*said) as sender:
        with pytest.raises(SlackRefused, match="token_revoked"):
            await sender.first()
        assert not sender.line.is_away
