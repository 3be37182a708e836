"""The workspace's memory: who is there, what was said, which views are open; no network in here."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from playground.workspace.feed import Feed
from playground.workspace.model import (
    ApiError,
    Channel,
    Clock,
    File,
    Json,
    Message,
    SlackApp,
    Team,
    User,
    UserGroup,
    View,
)

EPOCH = datetime.fromtimestamp(0, UTC)
MICROSECOND = timedelta(microseconds=1)
# Slack ends a stream about five minutes after it began, whatever is appended meanwhile.
STREAM_S = 300
# Blocks whose elements people act on, and blocks that hold others.
ACTING = frozenset({"actions", "card", "context_actions"})
NESTING = {"carousel": ("elements",), "container": ("child_blocks",)}


@dataclass(kw_only=True)
class State:
    """Everything that the workspace knows, with the changes told to `feed`."""

    clock: Clock
    team: Team
    app: SlackApp
    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, UserGroup] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    messages: dict[str, dict[str, Message]] = field(default_factory=dict)
    threads: dict[tuple[str, str], dict[str, Message]] = field(default_factory=dict)
    stacks: dict[str, list[View]] = field(default_factory=dict)
    homes: dict[str, View] = field(default_factory=dict)
    sessions: dict[tuple[str, str], Json] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    scheduled: dict[str, Json] = field(default_factory=dict)
    unfurls: dict[str, tuple[str, str]] = field(default_factory=dict)
    feed: Feed = field(default_factory=Feed)
    _last_micros: int = 0
    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def new_id(self, prefix: str) -> str:
        """Return an id that no other thing has, such as `V0000000001`."""
        return f"{prefix}{next(self._ids):010d}"

    def new_ts(self) -> str:
        """Return the next message timestamp; two are never equal and they always rise."""
        micros = (self.clock.now() - EPOCH) // MICROSECOND
        self._last_micros = max(micros, self._last_micros + 1)
        return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06d}"

    def add_channel(self, channel: Channel) -> None:
        """Make a channel known, without messages."""
        self.channels[channel.id] = channel
        self.messages[channel.id] = {}

    def user(self, user_id: object) -> User:
        """Return a user, or refuse with `user_not_found`."""
        found = self.users.get(str(user_id))
        if found is None:
            raise ApiError("user_not_found")
        return found

    def direct(self, user_id: str) -> Channel:
        """Return the direct messages of a person with the bot, made on first use."""
        for channel in self.channels.values():
            if channel.user_id == user_id:
                return channel
        person = self.user(user_id)
        channel = Channel(
            id=f"D0{user_id[2:]}",
            name=person.name,
            members={user_id, self.app.user_id},
            user_id=user_id,
        )
        self.add_channel(channel)
        self.feed.publish("channels")
        return channel

    def direct_with(self, user_ids: list[str]) -> Channel:
        """Return the messages of several people with the bot, made on first use."""
        people = [self.user(user_id) for user_id in user_ids]
        members = {*user_ids, self.app.user_id}
        for channel in self.channels.values():
            if channel.is_for_several and channel.members == members:
                return channel
        names = [*(person.name for person in people), self.users[self.app.user_id].name]
        channel = Channel(
            id=self.new_id("C"),
            name=f"mpdm-{'--'.join(names)}-1",
            members=members,
            is_private=True,
            is_for_several=True,
        )
        self.add_channel(channel)
        self.feed.publish("channels")
        return channel

    def channel_for(self, user_id: str, name: object) -> Channel:
        """Return a channel that `user_id` may know of, by id or #name, else `channel_not_found`."""
        wanted = str(name).removeprefix("#")
        for channel in self.channels.values():
            if wanted in (channel.id, channel.name) and (
                wanted == channel.id or channel.kind != "im"
            ):
                if channel.kind == "channel" or user_id in channel.members:
                    return channel
                break
        raise ApiError("channel_not_found")

    def find(self, channel_id: str, ts: object) -> Message | None:
        """Return the message with `ts`, or None where there is none any more."""
        return self.messages.get(channel_id, {}).get(str(ts))

    def root_ts(self, channel_id: str, thread_ts: object) -> str | None:
        """Return the parent that a post into `thread_ts` joins; None posts it top-level."""
        found = self.find(channel_id, thread_ts) if thread_ts else None
        if found is not None and found.thread_ts:
            found = self.find(channel_id, found.thread_ts)
        if found is None or found.is_tombstone or found.visible_to:
            return None
        return found.ts

    def replies(self, channel_id: str, ts: str) -> list[Message]:
        """Return the visible-to-all replies below a parent, oldest first."""
        return [m for m in self.threads.get((channel_id, ts), {}).values() if not m.visible_to]

    def is_streaming(self, message: Message) -> bool:
        """Return whether a message still takes what is appended to its stream."""
        stream = message.stream
        if stream is None or stream.ended_by is not None:
            return False
        return (self.clock.now() - stream.opened_at).total_seconds() < STREAM_S

    def add(self, message: Message) -> None:
        """Append a message and tell the watchers."""
        self.messages[message.channel_id][message.ts] = message
        self.channels[message.channel_id].is_open = True
        if message.thread_ts is not None:
            thread = self.threads.setdefault((message.channel_id, message.thread_ts), {})
            thread[message.ts] = message
        self.touched(message)

    def remove(self, message: Message) -> None:
        """Delete a message; a parent with replies stays behind as a tombstone, as in Slack."""
        if self.replies(message.channel_id, message.ts):
            message.is_tombstone = True
            message.text = "This message was deleted."
            message.blocks, message.attachments, message.metadata = [], [], None
            message.files, message.stream = [], None
        else:
            del self.messages[message.channel_id][message.ts]
            self.threads.get((message.channel_id, str(message.thread_ts)), {}).pop(message.ts, None)
        self.touched(message)

    def touched(self, message: Message) -> None:
        """Tell the watchers that a message appeared, changed or went."""
        place = {"ts": message.ts, "thread_ts": message.thread_ts}
        self.feed.publish("message", channel=message.channel_id, user=message.visible_to, **place)

    def with_block_ids(self, blocks: list[Json]) -> list[Json]:
        """Return the blocks with an id each, and one for each element, as Slack fills them in."""
        return [self._with_ids(block) for block in blocks]

    def _with_ids(self, block: Json) -> Json:
        filled = {**block, "block_id": block.get("block_id") or self.new_id("b")}
        for name in ("elements", "actions"):
            if block["type"] in ACTING and isinstance(block.get(name), list):
                filled[name] = [self._with_action_id(element) for element in block[name]]
        for name in ("accessory", "element"):
            if isinstance(block.get(name), dict):
                filled[name] = self._with_action_id(block[name])
        for name in NESTING.get(block["type"], ()):
            filled[name] = self.with_block_ids(block[name])
        return filled

    def _with_action_id(self, element: Json) -> Json:
        if element["type"] == "image" or element.get("action_id"):
            return element
        return {**element, "action_id": self.new_id("a")}

    def top_view(self, user_id: str) -> View | None:
        """Return the modal that a person sees, if any."""
        stack = self.stacks.get(user_id, [])
        return stack[-1] if stack else None

    def view(self, view_id: object) -> View | None:
        """Return an open modal or a home tab by its id."""
        everything = [view for stack in self.stacks.values() for view in stack]
        return next((v for v in [*everything, *self.homes.values()] if v.id == view_id), None)
