"""Reads from `manifest.yml` what the app may do, so that the workspace grants exactly that."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from playground.workspace.model import Subscriptions


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The scopes, events and commands an app declares."""

    scopes: frozenset[str]
    subscriptions: Subscriptions


def read_manifest(path: Path) -> Manifest:
    """Read a manifest as it is pasted into Slack."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    events = found["settings"]["event_subscriptions"]["bot_events"]
    commands = {each["command"]: each for each in found["features"]["slash_commands"]}
    hints = {
        name: {key: each[key] for key in ("description", "usage_hint") if key in each}
        for name, each in commands.items()
    }
    return Manifest(
        scopes=frozenset(found["oauth_config"]["scopes"]["bot"]),
        subscriptions=Subscriptions(
            events=frozenset(events),
            commands=frozenset(commands),
            domains=frozenset(found["features"].get("unfurl_domains", ())),
            hints=hints,
            prompts=tuple(found["features"].get("agent_view", {}).get("suggested_prompts", ())),
        ),
    )
