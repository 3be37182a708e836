"""What every connector owes, asked of all that lie in the folder; a new file there is enough."""

import inspect
import re

import pytest
from pydantic import SecretStr, ValidationError

from bot.clock import WallClock
from bot.names import AGENTS
from bot.settings import SettingsError, read
from policies.model import ActionKind, Tier
from tests.tools import samples
from tools.base import AnyConnector, AnyTool, AnyWriteTool, ReadTool, ToolError, WriteTool
from tools.catalogue import Catalogue, connector_types, placeholder

TYPES = connector_types()
PARTS = [placeholder(kind, WallClock()) for kind in TYPES]
TOOLS = [(part, tool) for part in PARTS for tool in part.tools()]
WRITERS = [(part, tool) for part, tool in TOOLS if isinstance(tool, WriteTool)]

each_type = pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
each_tool = pytest.mark.parametrize("tool", [tool for _, tool in TOOLS], ids=lambda tool: tool.name)
each_writer = pytest.mark.parametrize(
    "tool", [tool for _, tool in WRITERS], ids=lambda tool: tool.name
)


def connector_of(tool: AnyTool) -> AnyConnector:
    return next(part for part, one in TOOLS if one is tool)


def variable(kind: type[AnyConnector], field: str) -> str:
    return f"{kind.name}_{field}".upper()


def value(field: str) -> str:
    return "http://127.0.0.1:9" if "url" in field else "made-up-value"


def required(kind: type[AnyConnector]) -> set[str]:
    return {name for name, field in kind.settings.model_fields.items() if field.is_required()}


def test_there_are_connectors_to_ask() -> None:
    names = {kind.name for kind in TYPES}
    assert {"adplatform", "alertmanager", "prometheus", "shop"} <= names
    assert len(Catalogue(PARTS).connectors) == len(TYPES)


@each_type
def test_a_connector_is_named_like_its_file_and_has_a_title(kind: type[AnyConnector]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*", kind.name)
    assert kind.__module__.split(".")[:3] == ["tools", "connectors", kind.name]
    assert kind.title.strip()


@each_tool
def test_a_tool_is_named_connector_verb(tool: AnyTool) -> None:
    assert re.fullmatch(rf"{connector_of(tool).name}_[a-z0-9_]+", tool.name)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", tool.name)
    assert tool.version >= 1


@each_tool
def test_a_tool_tells_the_model_what_it_does(tool: AnyTool) -> None:
    own = type(tool).__dict__.get("__doc__")
    assert own, "the docstring must be the tool's own"
    text = inspect.cleandoc(own)
    assert re.match(r"[A-Z][a-z]+ ", text), "begin with what it does, as an instruction"
    assert text.endswith(".")
    assert 20 <= len(text) <= 1000


@each_tool
def test_a_tool_declares_how_much_it_can_break(tool: AnyTool) -> None:
    assert isinstance(tool, ReadTool) != isinstance(tool, WriteTool)
    assert (tool.tier is Tier.READ) == isinstance(tool, ReadTool)
    assert tool.action is not None, "without it the approved actions stop it"
    assert (tool.action is ActionKind.READ) == isinstance(tool, ReadTool)


@each_tool
def test_a_tool_takes_only_what_its_model_names(tool: AnyTool) -> None:
    sound = samples.arguments(tool)
    assert tool.params.model_json_schema()["additionalProperties"] is False
    assert tool.params.model_validate(sound.plain()) == sound, "the stored form must read back"
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        tool.params.model_validate({**sound.plain(), "surprise": "1"})


@each_tool
def test_a_tool_names_the_agents_it_is_for(tool: AnyTool) -> None:
    assert tool.agents
    assert set(tool.agents) <= set(AGENTS)


@each_tool
def test_a_tool_does_not_wait_for_ever(tool: AnyTool) -> None:
    assert 0 < tool.timeout_s <= 60


@each_tool
def test_a_tool_has_a_rate_of_its_own(tool: AnyTool) -> None:
    assert tool.rate is not None
    # One call may be all that is allowed for now, none at all would wait for ever.
    assert tool.rate.burst >= 1
    assert tool.rate.per_s > 0


@each_tool
async def test_a_dead_system_is_told_as_a_tool_error(tool: AnyTool) -> None:
    asked = tool.read if isinstance(tool, ReadTool) else tool.observe
    with pytest.raises(ToolError):
        await asked(samples.arguments(tool))


@each_writer
def test_a_write_says_what_it_overwrites(tool: AnyWriteTool) -> None:
    plan, observed = samples.plan(tool)
    assert plan.title.strip()
    assert plan.target.strip()
    assert plan.preconditions, "without one, nothing is noticed that changed meanwhile"
    assert {one.field: one.value for one in plan.preconditions}.items() <= observed.items()


@each_writer
def test_a_write_names_an_inverse_that_exists(tool: AnyWriteTool) -> None:
    inverse = samples.plan(tool)[0].inverse
    if inverse is None:
        return
    own = {one.name: one for part, one in WRITERS if part is connector_of(tool)}
    assert inverse.tool in own
    own[inverse.tool].params.model_validate(inverse.parameters)
    assert inverse.window_s > 0
    assert inverse.sentence.endswith(".")


@each_writer
def test_a_write_is_measured_by_a_tool_that_exists(tool: AnyWriteTool) -> None:
    effect = samples.plan(tool)[0].expected_effect
    if effect is None:
        return
    reader = Catalogue(PARTS).reading(effect.tool)
    reader.params.model_validate(effect.parameters)
    assert effect.deadline_s >= effect.settle_s + effect.window_s
    assert set(tool.agents) <= set(reader.agents), "who acts must be able to measure"


@each_writer
def test_what_can_be_edited_is_a_parameter(tool: AnyWriteTool) -> None:
    assert set(tool.editable) <= set(tool.params.model_fields)


@each_type
def test_secrets_are_kept_as_secrets(kind: type[AnyConnector]) -> None:
    assert kind.settings.model_config.get("extra") == "forbid"
    for name, field in kind.settings.model_fields.items():
        if re.search("token|secret|password|key", name):
            assert "SecretStr" in str(field.annotation), name


@each_type
def test_every_secret_is_a_credential_with_its_scopes(kind: type[AnyConnector]) -> None:
    secret = {name for name in kind.settings.model_fields if re.search("token|key|pass", name)}
    assert {found.field for found in kind.credentials} == secret
    for found in kind.credentials:
        assert found.scopes, "name the least that it must be able to do"
        assert found.reads or found.writes
    least = [found.writes for found in kind.credentials]
    assert least == sorted(least), "the one that can only read comes first"


@each_type
def test_who_writes_can_be_told_from_who_reads(kind: type[AnyConnector]) -> None:
    verbs = {isinstance(tool, WriteTool) for part, tool in TOOLS if type(part) is kind}
    only_reads = any(found.reads and not found.writes for found in kind.credentials)
    assert verbs == {False} or only_reads


@each_tool
def test_a_tool_is_for_environments_that_there_are(tool: AnyTool) -> None:
    places = Catalogue(PARTS).environments(tool.name)
    assert places is None or places


@each_tool
def test_a_tool_calls_as_somebody_who_can_be_named(tool: AnyTool) -> None:
    assert re.fullmatch(r"[a-z]+/(none|[A-Z_]+)", Catalogue(PARTS).identity(tool.name))


@each_type
def test_a_connector_without_its_variables_is_off(kind: type[AnyConnector]) -> None:
    assert kind.name not in read({}).connectors
    blank = {variable(kind, name): " " for name in kind.settings.model_fields}
    assert kind.name not in read(blank).connectors


@each_type
def test_half_of_its_variables_is_an_error_that_names_the_other(kind: type[AnyConnector]) -> None:
    assert required(kind), "a connector with nothing to set could never be off"
    for name in kind.settings.model_fields:
        missing = sorted(variable(kind, other) for other in required(kind) - {name})
        given = {variable(kind, name): value(name)}
        if not missing:
            assert kind.name in read(given).connectors
            continue
        with pytest.raises(SettingsError) as caught:
            read(given)
        assert str(caught.value).startswith(tuple(f"{one}: missing" for one in missing))
        assert variable(kind, name) in str(caught.value)


@each_type
def test_a_wrong_address_is_an_error_that_names_its_variable(kind: type[AnyConnector]) -> None:
    given = {variable(kind, name): value(name) for name in required(kind)}
    for name in kind.settings.model_fields:
        if "url" in name:
            with pytest.raises(SettingsError, match=f"^{variable(kind, name)}: "):
                read({**given, variable(kind, name): "not an address"})


@each_type
async def test_all_of_its_variables_switch_it_on_and_its_secrets_are_known(
    kind: type[AnyConnector],
) -> None:
    fields = kind.settings.model_fields
    settings = read({variable(kind, name): value(name) for name in fields})
    (part,) = settings.build(WallClock())
    try:
        assert type(part) is kind
        with pytest.raises(ToolError):
            await part.check()
    finally:
        await part.close()
    kept = [getattr(settings.connectors[kind.name], name) for name in fields]
    if any(isinstance(one, SecretStr) for one in kept):
        assert "made-up-value" in set(settings.secrets())
    assert "made-up-value" not in repr(settings)
