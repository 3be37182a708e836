"""Each tool's own authority: which agents, which environments, how often, and as whom."""

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.clock import WallClock
from playground.shop.api import Shop as ShopServer
from policies.audit import EventKind
from policies.engine import RuleKind, When
from policies.loader import sealed
from policies.model import EffectKind, Mode, ProposalState, Tier
from tests.fakes.door import FakeDoor
from tests.fakes.system import FakeConnector, FakeReader, FakeTool
from tests.fakes.values import ANA, action, caller, proposal, rule
from tests.playground.shop.world import TOKEN, FakeClock, serving
from tools.base import Refused, Unavailable
from tools.catalogue import Catalogue
from tools.connectors.shop import Settings, Shop
from tools.gateway import Gateway
from tools.http import clients
from tools.limits import Rate
from tools.ports import Draft, Grant

READ_TOKEN = "made-up-reader"
EVERYTHING = rule("all", RuleKind.AUTO, When(tier=(Tier.LOW, Tier.MEDIUM, Tier.HIGH)))
LAMP = {"name": "lamp"}
SET = Draft(
    key="switch",
    tool="fake_set",
    parameters={"name": "lamp", "before": "old", "to": "new"},
    environment="staging",
)


class SandboxReader(FakeReader):
    """Read the lamp, in the sandbox only."""

    environments = ("sandbox",)


class SandboxTool(FakeTool):
    """Set the lamp, in the sandbox only."""

    environments = ("sandbox",)


class Sandboxed(FakeConnector):
    """The system whose tools are for the sandbox."""

    def tools(self) -> tuple[FakeReader, FakeTool]:
        return (SandboxReader(self.system), SandboxTool(self.system))


class Slow(FakeTool):
    """Set the lamp, hardly ever."""

    rate = Rate(burst=1, per_s=0.001)


class Rationed(FakeConnector):
    """The system whose switch may hardly ever be called."""

    def tools(self) -> tuple[FakeReader, FakeTool]:
        return (FakeReader(self.system), Slow(self.system))


def door_of(kind: type[FakeConnector]) -> FakeDoor:
    """Return a door whose rules allow everything, with a connector behind it."""
    door = FakeDoor()
    door.rules = sealed([EVERYTHING])
    door.controls.modes = {"staging": Mode.AUTO}
    parts = {**vars(door.gateway.parts), "catalogue": Catalogue([kind(door.system)])}
    door.gateway = Gateway(type(door.gateway.parts)(**parts))
    door.execution = type(door.execution)(door.gateway)
    return door


async def test_a_reading_tool_in_another_environment_is_denied_whatever_the_rules_say() -> None:
    door = door_of(Sandboxed)
    found = await door.gateway.read("E1", "the lamp", "fake_read", LAMP, caller())
    assert found.fault == "policy says no (TOOL_NOT_FOR_ENVIRONMENT)"
    (event,) = door.journal.events
    assert (event.kind, event.decision) == (EventKind.TOOL_DENIED, EffectKind.DENY)
    assert door.trail == []


async def test_a_writing_tool_in_another_environment_is_not_even_asked_for_its_state() -> None:
    door = door_of(Sandboxed)
    with pytest.raises(Refused, match="not for `incident` in `staging`"):
        await door.gateway.consider(SET, "T-1-1", caller())
    (event,) = door.journal.events
    assert (event.kind, event.reasons) == (EventKind.TOOL_DENIED, ("TOOL_NOT_FOR_ENVIRONMENT",))
    assert door.trail == []


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({}, Sandboxed, "TOOL_NOT_FOR_ENVIRONMENT"),
        ({"agent": "campaign"}, FakeConnector, "TOOL_NOT_FOR_AGENT"),
    ],
)
async def test_what_was_signed_off_before_is_denied_for_another_agent_or_environment(
    changes: dict[str, str], kind: type[FakeConnector], reason: str
) -> None:
    door = door_of(kind)
    await door.execution.run(proposal(action=action(**changes)), Grant(approvers=(ANA,)), caller())
    assert (door.outcome.state, door.outcome.reason) == (ProposalState.DENIED, reason)
    assert door.trail == ["settle"]


async def test_a_tool_has_its_own_rate_on_top_of_its_systems() -> None:
    door = door_of(Rationed)
    await door.gateway.consider(SET, "T-1-1", caller())
    with pytest.raises(Unavailable, match="called too often"):
        await door.gateway.consider(SET, "T-1-2", caller())
    assert (await door.gateway.read("E1", "x", "fake_read", LAMP, caller())).fault is None


def settings(read_token: str | None = READ_TOKEN, url: str = "http://127.0.0.1:9") -> Settings:
    found = {"url": url, "token": TOKEN}
    return Settings.model_validate(
        found | ({} if read_token is None else {"read_token": read_token})
    )


def test_reading_takes_the_credential_with_the_least_scope() -> None:
    for given, reads in ((READ_TOKEN, "SHOP_READ_TOKEN"), (None, "SHOP_TOKEN")):
        catalogue = Catalogue([Shop.opened(settings(given), WallClock())])
        assert catalogue.identity("shop_logs") == f"shop/{reads}"
        assert catalogue.identity("shop_rollback") == "shop/SHOP_TOKEN"
        assert Shop.token(settings(given), writes=False) == (given or TOKEN)
    assert isinstance(settings().read_token, SecretStr)


async def test_the_reading_credential_reads_and_can_not_write() -> None:
    server = ShopServer(7, FakeClock(), TOKEN, read_token=READ_TOKEN)
    async with serving(server.routes()) as client:
        reader, writer = clients(Shop, settings(url=client.base), client.base)
        assert (await reader.call("GET", "/services"))["services"]
        with pytest.raises(Refused, match="403: this token may only read"):
            await reader.call("POST", "/deploys", body={}, key="k")
        with pytest.raises(Refused, match="answered 4"):
            await writer.call("POST", "/deploys", body={}, key="k")
        for one in (reader, writer):
            await one.close()


async def test_a_write_says_outside_on_whose_behalf_it_happens() -> None:
    told: list[str | None] = []

    async def note(request: web.Request) -> web.Response:
        told.append(request.headers.get("X-On-Behalf-Of"))
        return web.json_response({})

    async with serving([web.post("/deploys", note)]) as client:
        _, writer = clients(Shop, settings(url=client.base), client.base)
        for person in (f"{ANA}, T1/UBEN", "eve\r\nX-Admin: 1"):
            await writer.call("POST", "/deploys", body={}, key="k", on_behalf_of=person)
        await writer.close()
    assert told == [f"{ANA}, T1/UBEN", "eve%0D%0AX-Admin: 1"]


async def test_every_event_of_a_call_says_as_whom_and_on_whose_behalf() -> None:
    door = door_of(FakeConnector)
    await door.gateway.read("E1", "the lamp", "fake_read", LAMP, caller())
    (event,) = door.journal.events
    assert (event.identity, event.on_behalf_of) == ("fake/none", "system:alertmanager")
    await door.execution.run(proposal(), Grant(approvers=(ANA,)), caller())
    (intent,) = door.journal.intents
    assert (intent.identity, intent.on_behalf_of) == ("fake/none", ANA)
