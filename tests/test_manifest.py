"""manifest.yml against Slack's schema, Slack's limits, and the code that it must fit."""

import json
import re
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
import yaml

from bot.doctor import SCOPES
from bot.slack.commands import SUBCOMMANDS

ROOT = Path(__file__).resolve().parent.parent
# Slack's published schema (slackapi/manifest-schema 0.5.0) lies beside the repository, not in it.
SCHEMA_DIR = ROOT.parent / "shared" / "data" / "slack"

# Which bot scope each event needs: docs.slack.dev/reference/events. An empty set: none of its own.
EVENT_SCOPES: dict[str, frozenset[str]] = {
    "agent_session_stopped": frozenset({"assistant:write"}),  # docs.slack.dev/ai/agent-sessions
    "app_home_opened": frozenset(),
    "app_mention": frozenset({"app_mentions:read"}),
    "message.im": frozenset({"im:history"}),
}

# Which bot scopes each Web API method needs: docs.slack.dev/reference/methods.
METHOD_SCOPES: dict[str, frozenset[str]] = {
    "agents.sessions.rename": frozenset({"chat:write"}),
    "agents.sessions.setStatus": frozenset({"chat:write"}),
    "apps.connections.open": frozenset(),  # the app-level token's own scope, connections:write
    "auth.test": frozenset(),
    "chat.appendStream": frozenset({"chat:write"}),
    "chat.delete": frozenset({"chat:write"}),
    "chat.getPermalink": frozenset(),
    "chat.postEphemeral": frozenset({"chat:write"}),
    "chat.postMessage": frozenset({"chat:write"}),
    "chat.startStream": frozenset({"chat:write"}),
    "chat.stopStream": frozenset({"chat:write"}),
    "chat.update": frozenset({"chat:write"}),
    "conversations.history": frozenset({"channels:history", "groups:history", "im:history"}),
    "conversations.info": frozenset({"channels:read", "groups:read"}),
    "conversations.list": frozenset({"channels:read", "groups:read"}),
    "conversations.members": frozenset({"channels:read", "groups:read"}),
    "conversations.open": frozenset({"im:write"}),
    "conversations.replies": frozenset({"channels:history", "groups:history", "im:history"}),
    "usergroups.list": frozenset({"usergroups:read"}),
    "usergroups.users.list": frozenset({"usergroups:read"}),
    "users.info": frozenset({"users:read"}),
    "users.list": frozenset({"users:read"}),
    "views.open": frozenset(),
    "views.publish": frozenset(),
    "views.push": frozenset(),
    "views.update": frozenset(),
}

# Scopes that no single method or event asks for.
SCOPES_OF_THEIR_OWN = {
    "chat:write.public": "chat.postMessage to public channels that nobody invited the bot to",
    "commands": "slash commands",
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load((ROOT / "manifest.yml").read_text("utf-8")))


def scopes_of(manifest: dict[str, Any]) -> set[str]:
    return set(manifest["oauth_config"]["scopes"]["bot"])


def events_of(manifest: dict[str, Any]) -> set[str]:
    return set(manifest["settings"]["event_subscriptions"]["bot_events"])


def test_the_manifest_obeys_slacks_schema(manifest: dict[str, Any], *, is_ci: bool) -> None:
    major = manifest["_metadata"]["major_version"]
    path = SCHEMA_DIR / f"manifest.schema.{major}.0.0.json"
    if not path.exists():
        assert not is_ci, f"{path.name} must be there in CI"
        pytest.skip(f"{path.name} is not beside the repository")
    schema = json.loads(path.read_text("utf-8"))
    faults = jsonschema.Draft7Validator(schema).iter_errors(manifest)
    assert [f"{fault.json_path}: {fault.message}" for fault in faults] == []


def test_the_manifest_keeps_slacks_limits(manifest: dict[str, Any]) -> None:
    about, features = manifest["display_information"], manifest["features"]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert 175 <= len(about["long_description"]) <= 4000
    # The schema says "regex" where it means "pattern", so it does not check the colour.
    assert re.fullmatch(r"#[0-9a-fA-F]{3}(?:[0-9a-fA-F]{3})?", about["background_color"])
    assert len(features["agent_view"]["agent_description"]) <= 300
    assert len(features["agent_view"]["suggested_prompts"]) <= 4
    assert len(features["slash_commands"]) <= 50
    for command in features["slash_commands"]:
        assert re.fullmatch(r"/[a-z][a-z0-9_-]{0,30}", command["command"])
        assert len(command["description"]) <= 2000
        assert len(command.get("usage_hint", "")) <= 1000


def test_the_manifest_offers_exactly_our_three_commands(manifest: dict[str, Any]) -> None:
    offered = [command["command"] for command in manifest["features"]["slash_commands"]]
    assert offered == ["/triage", "/launch-campaign", "/signoff"]


def test_the_app_is_an_agent_that_people_can_stop(manifest: dict[str, Any]) -> None:
    assert "assistant_view" not in manifest["features"]
    assert "agent_session_stopped" in events_of(manifest)


def test_each_subscribed_event_has_the_scope_it_needs(manifest: dict[str, Any]) -> None:
    assert events_of(manifest) <= set(EVENT_SCOPES)
    missing = {e: EVENT_SCOPES[e] - scopes_of(manifest) for e in events_of(manifest)}
    assert {event: needed for event, needed in missing.items() if needed} == {}


def test_no_scope_is_asked_for_without_a_use(manifest: dict[str, Any]) -> None:
    used = set(SCOPES_OF_THEIR_OWN).union(*METHOD_SCOPES.values(), *EVENT_SCOPES.values())
    assert scopes_of(manifest) <= used


# --- the manifest against the code ----------------------------------------------------------
METHOD = re.compile(
    r"[\"'](?P<name>(?:agents|apps|auth|chat|conversations|usergroups|users|views)\.[A-Za-z.]+)[\"']"
)
SDK_CALL = re.compile(r"client\.(?P<name>[a-z]+_[a-z_]+)\(")


def called_methods() -> set[str]:
    """Return the Web API methods that the bot names in its source, by either spelling."""
    by_sdk_name = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name).replace(".", "_").lower(): name
        for name in METHOD_SCOPES
    }
    found: set[str] = set()
    for path in (ROOT / "bot").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= {match["name"] for match in METHOD.finditer(text)}
        found |= {
            by_sdk_name[match["name"]]
            for match in SDK_CALL.finditer(text)
            if match["name"] in by_sdk_name
        }
    return found


def test_every_method_that_the_bot_calls_has_its_scopes(manifest: dict[str, Any]) -> None:
    called = called_methods()
    assert {"chat.postMessage", "chat.update", "views.open", "auth.test"} <= called
    assert called <= set(METHOD_SCOPES)
    missing = {name: METHOD_SCOPES[name] - scopes_of(manifest) for name in called}
    assert {name: scopes for name, scopes in missing.items() if scopes} == {}


def test_every_command_offered_is_worked_off_and_the_other_way_round(
    manifest: dict[str, Any],
) -> None:
    offered = {command["command"] for command in manifest["features"]["slash_commands"]}
    source = (ROOT / "bot" / "slack" / "commands.py").read_text(encoding="utf-8")
    handled = set(re.findall(r'command == "(/[a-z-]+)"', source))
    assert handled == offered


def test_the_hint_of_signoff_names_every_subcommand(manifest: dict[str, Any]) -> None:
    hint = next(
        command["usage_hint"]
        for command in manifest["features"]["slash_commands"]
        if command["command"] == "/signoff"
    )
    assert set(hint.split(" | ")) == set(SUBCOMMANDS)


def test_what_doctor_asks_for_is_what_the_manifest_grants(manifest: dict[str, Any]) -> None:
    assert scopes_of(manifest) >= SCOPES
