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
    commands = [command["command"] for command in found["features"]["slash_commands"]]
    return Manifest(
        scopes=frozenset(found["oauth_config"]["scopes"]["bot"]),
        subscriptions=Subscriptions(events=frozenset(events), commands=frozenset(commands)),
    )
