"""What a workspace holds: the team, people, groups, channels, messages and views, as plain data."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

Json = dict[str, Any]

ALL_EVENTS = frozenset(
    {"agent_session_stopped", "app_home_opened", "app_mention", "link_shared"}
    | {"message.channels", "message.groups", "message.im", "message.mpim"}
)
ALL_SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:join",
    "channels:manage",
    "channels:read",
    "chat:write",
    "chat:write.customize",
    "chat:write.public",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "groups:write",
    "im:history",
    "im:read",
    "im:write",
    "links:read",
    "links:write",
    "mpim:history",
    "mpim:read",
    "mpim:write",
    "reactions:read",
    "reactions:write",
    "usergroups:read",
    "usergroups:write",
    "users.profile:read",
    "users:read",
    "users:read.email",
    "users:write",
)


class Clock(Protocol):
    """Where the workspace reads the time; a playground may move it ahead."""

    def now(self) -> datetime:
        """Return the present time, aware, in UTC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    """The one workspace that is served."""

    id: str
    name: str
    domain: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscriptions:
    """What an app's manifest subscribes to: bot events, and slash commands (None takes any).

    Of the links to its `domains` it hears; where they are None it may show more of any link.
    """

    events: frozenset[str] = ALL_EVENTS
    commands: frozenset[str] | None = None
    domains: frozenset[str] | None = None
    # What the page shows beside a command: its `description` and `usage_hint`.
    hints: Mapping[str, Json] = field(default_factory=dict)
    # What an agent suggests to begin with: `title` and `message`.
    prompts: tuple[Json, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackApp:
    """The app under test as the workspace knows it: its ids, tokens, scopes and subscriptions."""

    id: str
    name: str
    user_id: str
    bot_id: str
    bot_token: str
    app_token: str
    scopes: tuple[str, ...]
    events: frozenset[str]
    commands: frozenset[str] | None
    domains: frozenset[str] | None = None
    hints: Mapping[str, Json] = field(default_factory=dict)
    prompts: tuple[Json, ...] = ()


@dataclass(kw_only=True, slots=True)
class User:
    """A person or the bot's own user."""

    id: str
    name: str
    real_name: str
    is_bot: bool = False
    is_restricted: bool = False
    is_deleted: bool = False
    is_away: bool = False


@dataclass(kw_only=True, slots=True)
class UserGroup:
    """A Slack user group, such as `@oncall`."""

    id: str
    handle: str
    name: str
    users: list[str]
    description: str = ""
    disabled_at: int = 0


@dataclass(kw_only=True, slots=True)
class Channel:
    """A channel, or the direct messages of the bot and one person (`user_id`) or several."""

    id: str
    name: str
    members: set[str]
    topic: str = ""
    purpose: str = ""
    is_private: bool = False
    is_archived: bool = False
    user_id: str | None = None
    is_for_several: bool = False
    is_open: bool = True
    last_read: str = ""

    @property
    def kind(self) -> str:
        """Return `im`, `mpim`, `group` or `channel`, as Slack's `channel_type` says it."""
        if self.user_id is not None:
            return "im"
        if self.is_for_several:
            return "mpim"
        return "group" if self.is_private else "channel"


@dataclass(kw_only=True, slots=True)
class Stream:
    """How a streamed message was opened, and what ended it; it is also over after a while."""

    display: str
    opened_at: datetime
    mode: str | None = None
    ended_by: str | None = None


@dataclass(kw_only=True, slots=True)
class File:
    """One upload: without `content` it is only announced; without `is_complete` nobody sees it."""

    id: str
    name: str
    title: str
    mimetype: str
    size: int
    user_id: str
    token: str
    base_url: str
    created_at: datetime
    alt_text: str = ""
    content: bytes | None = None
    is_complete: bool = False
    shares: dict[str, list[str]] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class Message:
    """One message; `visible_to` makes it ephemeral, `is_tombstone` marks a deleted parent."""

    channel_id: str
    ts: str
    user_id: str
    text: str
    bot_id: str | None = None
    thread_ts: str | None = None
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    edited: Json | None = None
    visible_to: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    is_tombstone: bool = False
    files: list[str] = field(default_factory=list)
    stream: Stream | None = None
    subtype: str | None = None
    # The name and the picture that the app wants to be shown with, as messages carry them.
    author: Json = field(default_factory=dict)
    # What each person has chosen in its menus.
    values: dict[str, Json] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class View:
    """A modal on somebody's screen, or the home tab of somebody."""

    id: str
    user_id: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    values: Json = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of the Web API as it was made and answered; tokens are left out."""

    method: str
    args: Json
    answer: Json
    at: datetime


class ApiError(Exception):
    """A Web API error: `code` is Slack's own, `details` are further fields of the answer."""

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.details: Json = dict(details)


class ActError(Exception):
    """What a person did had no effect, or an unknown one; `message` is what they are told."""

    def __init__(self, code: str, message: str, errors: dict[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.errors = errors or {}


def invalid(code: str, problems: Collection[str]) -> ApiError:
    """Return the refusal that Slack gives for a body with `problems` (its schema errors)."""
    messages = [f"[ERROR] {problem}" for problem in problems]
    return ApiError(code, errors=list(problems), response_metadata={"messages": messages})
