"""Alerts say where they are: where `signoff.yaml` names no such place the careful mode holds."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.services import Place, Service
from bot.config import Config
from bot.store.halts import switches
from policies.lockout import POLICY_ENVIRONMENT
from policies.model import DEFAULT_TENANT, Mode
from tests.bot.slack.deskside import Deskside, deskside
from tools.catalogue import Catalogue, connector_types, placeholder
from tools.halts import NOWHERE, Matter

SERVICES = {"checkout": Service(environments={"staging": Place(channel="C0INCIDENTS")})}
# Named by no service; the last but one only by `modes`, the last only spelled like one of them.
MODES = {"sandbox": Mode.AUTO, "production": Mode.OBSERVE}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Deskside]:
    async with deskside(tmp_path, services=SERVICES, modes=MODES) as found:
        clock = found.store.context.clock
        every = Catalogue([placeholder(kind, clock) for kind in connector_types()])
        found.desk = replace(found.desk, catalogue=every)
        yield found


async def mode_of(here: Deskside, environment: str) -> Mode:
    """Return the mode that a write of the incident agent there would meet."""
    about = Matter(tenant=DEFAULT_TENANT, task_id="T-1", agent="incident", environment=environment)
    modes = here.desk.config.file_modes
    found = await here.store.database.read(lambda one: switches(one, DEFAULT_TENANT))
    controls = await here.desk.gateway.parts.controls.standing(about)
    assert found.about(about, modes).mode is controls.mode
    return controls.mode


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ("staging", Mode.AUTO),
        ("ads", Mode.AUTO),
        (POLICY_ENVIRONMENT, Mode.AUTO),
        ("sandbox", Mode.AUTO),
        ("production", Mode.OBSERVE),
        ("Production", Mode.OBSERVE),
        ("prod", Mode.APPROVE),
        (NOWHERE, Mode.APPROVE),
    ],
)
def test_nothing_acts_alone_where_the_file_names_no_such_place(
    environment: str, mode: Mode
) -> None:
    config = Config(services=SERVICES, mode=Mode.AUTO, modes=MODES)
    assert config.file_modes.of(environment) is mode


def test_no_other_place_is_freer_than_what_is_usual_or_than_where_an_alert_names_none() -> None:
    assert Config(services=SERVICES, mode=Mode.OBSERVE).file_modes.of("prod") is Mode.OBSERVE
    watching = Config(services=SERVICES, modes={NOWHERE: Mode.OBSERVE}).file_modes
    assert (watching.of("prod"), watching.of("staging")) == (Mode.OBSERVE, Mode.APPROVE)


@pytest.mark.parametrize(
    ("ordered", "elsewhere"), [(Mode.OBSERVE, Mode.OBSERVE), (Mode.AUTO, Mode.APPROVE)]
)
async def test_an_order_for_alerts_without_a_place_makes_unnamed_places_stricter_only(
    here: Deskside, ordered: Mode, elsewhere: Mode
) -> None:
    (told,) = await here.says("U0ANA", f"/signoff mode incident {NOWHERE} {ordered} let us look")
    assert f"the mode is `{ordered}`" in told
    assert await mode_of(here, NOWHERE) is ordered
    assert await mode_of(here, "prod") is elsewhere
    assert await mode_of(here, "staging") is Mode.APPROVE
    assert await mode_of(here, "sandbox") is Mode.AUTO


async def test_the_command_says_which_mode_holds_where_the_file_names_nothing(
    here: Deskside,
) -> None:
    (table,) = await here.says("U0MIA", "/signoff mode")
    line = "wherever an alert names a place that `signoff.yaml` does not"
    assert f"`incident` in `unknown`: approve, as {line}" in table
    (told,) = await here.says("U0ANA", "/signoff mode incident prod observe let us look")
    assert "ENVIRONMENT: there is no `prod`" in told
    assert "does not name is never freer than `unknown`, and never `auto`." in told
