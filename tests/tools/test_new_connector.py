"""A connector nobody knew: one new file in a copy of the tree, and nothing else is edited."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("agents", "bot", "policies", "tools", "pyproject.toml", "README.md")
TESTS = (
    "__init__.py",
    "conftest.py",
    "scenarios/__init__.py",
    "scenarios/seeds.py",
    "tools/__init__.py",
    "tools/samples.py",
    "tools/test_connector_contract.py",
)

PAGER = '''\
"""Pager: who is on call, and paging them."""

from collections.abc import Sequence

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, SecretStr

from policies.model import ActionKind, Clock, Inverse, Precondition, Tier
from tools.base import (
    AnyTool, Call, Connector, Credential, Effect, Parameters, Plan, Reading, ReadTool, Refused,
    State, WriteTool,
)
from tools.http import JsonClient, clients, segment


class Settings(BaseModel):
    """Where the pager is, and its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: AnyHttpUrl
    api_key: SecretStr
    read_key: SecretStr | None = None


class TeamParameters(Parameters):
    """Which team."""

    team: str = Field(min_length=1, max_length=50)


class PagerOncall(ReadTool[TeamParameters]):
    """Say who of a team is on call now."""

    name = "pager_oncall"
    params = TeamParameters
    agents = ("incident",)

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def read(self, params: TeamParameters) -> Reading:
        found = await self._client.call("GET", f"/teams/{segment(params.team)}")
        return Reading(query=params.team, data={"who": str(found["who"])}, excerpt="")


class _Switch(WriteTool[TeamParameters]):
    tier = Tier.HIGH
    action = ActionKind.NOTIFY
    params = TeamParameters
    agents = ("incident",)
    before: str
    other: str

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def observe(self, params: TeamParameters) -> State:
        found = await self._client.call("GET", f"/teams/{segment(params.team)}")
        return {"state": str(found["state"])}

    def plan(self, params: TeamParameters, observed: State) -> Plan:
        if observed["state"] != self.before:
            raise Refused("not now")
        return Plan(
            title=f"Turn the pager of {params.team}",
            target=params.team,
            preconditions=(Precondition(field="state", value=self.before),),
            inverse=Inverse(
                tool=self.other, parameters=params.plain(), window_s=60, sentence="Turn it back."
            ),
        )

    async def act(self, params: TeamParameters, call: Call) -> Effect:
        raise Refused("never in a test")

    async def reconcile(self, params: TeamParameters, call: Call) -> Effect | None:
        return None


class PagerRing(_Switch):
    """Ring the pager of a team until somebody answers."""

    name, other, before = "pager_ring", "pager_hush", "quiet"


class PagerHush(_Switch):
    """Stop the pager of a team from ringing."""

    name, other, before = "pager_hush", "pager_ring", "ringing"


class Pager(Connector[Settings]):
    """The pager."""

    name = "pager"
    title = "Pager of the night"
    settings = Settings
    credentials = (
        Credential(field="read_key", scopes=("teams:read",), reads=True),
        Credential(field="api_key", scopes=("teams:read", "pages:write"), reads=True, writes=True),
    )

    def __init__(self, reader: JsonClient, writer: JsonClient) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    def build(cls, settings: Settings, clock: Clock) -> "Pager":
        return cls(*clients(cls, settings, str(settings.url)))

    def tools(self) -> Sequence[AnyTool]:
        return (PagerOncall(self._reader), PagerRing(self._writer), PagerHush(self._writer))

    async def check(self) -> str:
        found = await self._reader.call("GET", "/whoami")
        return str(found["name"])

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()
'''

ASK = """
import json
import agents, bot, policies, tools
from bot.clock import WallClock
from bot.settings import SettingsError, read
from tools.catalogue import Catalogue, connector_types

given = {"PAGER_URL": "http://127.0.0.1:9", "PAGER_API_KEY": "not-a-real-key"}
settings = read(given)
catalogue = Catalogue(settings.build(WallClock()))
try:
    read({"PAGER_URL": "http://127.0.0.1:9"})
    fault = ""
except SettingsError as error:
    fault = str(error)
print(json.dumps({
    "from": [part.__file__ for part in (agents, bot, policies, tools)],
    "types": [kind.name for kind in connector_types()],
    "writers": [tool.name for tool in catalogue.writers()],
    "secrets": list(settings.secrets()),
    "fault": fault,
}))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project in which nothing but the new file is new."""
    made = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, made / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, made / name)
    for name in TESTS:
        (made / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "tests" / name, made / "tests" / name)
    (made / "tools" / "connectors" / "pager.py").write_text(PAGER, encoding="utf-8")
    return made


def python(tree: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, which must come before the installed project."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env={**kept, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_catalogue_and_settings_pick_it_up(tree: Path) -> None:
    run = python(tree, "-c", ASK)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert all(Path(one).is_relative_to(tree) for one in found["from"]), found["from"]
    assert "pager" in found["types"]
    assert found["writers"] == ["pager_hush", "pager_ring"]
    assert found["secrets"] == ["not-a-real-key"]
    assert found["fault"].startswith("PAGER_API_KEY: missing")


def test_the_policy_matrix_shows_it_and_denies_what_no_rule_names(tree: Path) -> None:
    run = python(tree, "-m", "bot", "policy", "matrix")
    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stdout.splitlines() if "pager_ring" in line]
    assert lines, run.stdout
    assert all("deny" in line and "incident" in line for line in lines)


def test_the_doctor_checks_it_and_names_its_variables(tree: Path, free_port: int) -> None:
    run = python(
        tree,
        *("-m", "bot", "doctor"),
        PAGER_URL=f"http://127.0.0.1:{free_port}",
        PAGER_API_KEY="not-a-real-key",
        DATABASE_URL=f"sqlite+aiosqlite:///{tree}/signoff.db",
    )
    lines = [line for line in run.stdout.splitlines() if "Pager of the night" in line]
    assert run.returncode == 1, run.stderr
    (line,) = [line for line in lines if line.startswith("WRONG")]
    assert "PAGER_" in line
    assert "not-a-real-key" not in run.stdout + run.stderr


def test_the_contract_tests_ask_it_too(tree: Path) -> None:
    contract = "tests/tools/test_connector_contract.py"
    run = python(tree, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", contract)
    assert run.returncode == 0, run.stdout[-3000:]
    assert "test_a_write_names_an_inverse_that_exists[pager_ring]" in run.stdout
    assert "test_half_of_its_variables_is_an_error_that_names_the_other[pager]" in run.stdout


@pytest.mark.parametrize(
    ("right", "wrong", "test"),
    [
        ('"pager_ring", "pager_hush", "quiet"', '"pager_ring", "pager_huhs", "quiet"', "inverse"),
        ('"""Say who of a team is on call now."""', "", "tells_the_model"),
        ('name = "pager_oncall"', 'name = "oncall"', "connector_verb"),
        ("api_key: SecretStr", "api_key: str", "secrets"),
        ('agents = ("incident",)\n\n', 'agents = ("incidents",)\n\n', "names_the_agents"),
    ],
)
def test_the_contract_tests_find_what_a_connector_owes(
    tree: Path, right: str, wrong: str, test: str
) -> None:
    path = tree / "tools" / "connectors" / "pager.py"
    assert right in PAGER
    path.write_text(PAGER.replace(right, wrong, 1), encoding="utf-8")
    try:
        contract = "tests/tools/test_connector_contract.py"
        run = python(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", test, contract)
    finally:
        path.write_text(PAGER, encoding="utf-8")
    # What can't even be made stops the collection, by its name too.
    assert run.returncode in {1, 2}, run.stdout[-3000:]
    assert "pager" in run.stdout
