"""The Web API methods conversations.*: what channels there are and what was said in them."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from playground.workspace.context import Context
from playground.workspace.model import ApiError, Channel, Json, Message
from playground.workspace.shapes import channel_json, message_json

T = TypeVar("T")
LIMIT, MAX_LIMIT = 100, 999
# conversations.replies gives a thread's first 1000 where no limit is named.
REPLIES_LIMIT = 1000
STAMP = re.compile(r"\d{1,20}\.\d{1,6}")
KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


def is_true(value: object) -> bool:
    """Read a boolean argument, which arrives as JSON or as a form's text."""
    return str(value).lower() in ("true", "1")


def _limit(args: Json) -> int:
    """Return how many items are asked for, 0 where that is not said."""
    try:
        limit = int(str(args.get("limit") or 0))
    except ValueError:
        raise ApiError("invalid_limit") from None
    if limit < 0:
        raise ApiError("invalid_limit")
    return limit


def page(items: Sequence[T], args: Json, usual: int = LIMIT) -> tuple[Sequence[T], str]:
    """Return one page of `items` and the cursor of the next one ("" at the end).

    Without a limit it has `usual` items; more than that or `MAX_LIMIT` are never given at once.
    """
    limit = min(_limit(args) or usual, max(usual, MAX_LIMIT))
    try:
        start = int(base64.b64decode(str(args.get("cursor") or ""), validate=True) or b"0")
    except (ValueError, binascii.Error):
        raise ApiError("invalid_cursor") from None
    if start < 0:
        raise ApiError("invalid_cursor")
    rest = start + limit
    more = base64.b64encode(str(rest).encode()).decode() if rest < len(items) else ""
    return items[start:rest], more


def _paged(name: str, items: list[Json], args: Json) -> Json:
    found, cursor = page(items, args)
    return {name: found, "response_metadata": {"next_cursor": cursor}}


def info(context: Context, args: Json) -> Json:
    """Serve conversations.info; how many members there are is said on demand."""
    body = channel_json(context.state, context.channel_of_bot(args.get("channel")))
    if not is_true(args.get("include_num_members")):
        body.pop("num_members", None)
    return {"channel": body}


def list_all(context: Context, args: Json) -> Json:
    """Serve conversations.list: public channels unless `types` asks for others."""
    me = context.state.app.user_id
    seen = [
        channel
        for channel in _of_kinds(context, args)
        if channel.kind == "channel" or me in channel.members
    ]
    return _paged("channels", [channel_json(context.state, channel) for channel in seen], args)


def of_user(context: Context, args: Json) -> Json:
    """Serve users.conversations: of the bot, or of `user` as far as the bot may see it."""
    me = context.state.app.user_id
    user_id = context.state.user(args.get("user") or me).id
    seen = [
        channel
        for channel in _of_kinds(context, args)
        if user_id in channel.members and (channel.kind == "channel" or me in channel.members)
    ]
    return _paged("channels", [channel_json(context.state, channel) for channel in seen], args)


def kinds_of(args: Json) -> set[str]:
    """Return which kinds of conversations a call asks for, public channels where it says none."""
    types = str(args.get("types") or "public_channel").split(",")
    kinds = {KINDS.get(kind.strip(), "") for kind in types}
    if "" in kinds:
        raise ApiError("invalid_types")
    return kinds


def _of_kinds(context: Context, args: Json) -> list[Channel]:
    kinds = kinds_of(args)
    if _limit(args) > MAX_LIMIT:
        # Their pages want a number under 1000; elsewhere more is just not given.
        raise ApiError("invalid_limit")
    hide_archived = is_true(args.get("exclude_archived"))
    return [
        channel
        for channel in context.state.channels.values()
        if channel.kind in kinds and not (channel.is_archived and hide_archived)
    ]


def bound(args: Json, name: str, absent: float) -> float:
    """Return one end of a span of time, `absent` where it is not given."""
    try:
        return float(str(args.get(name) or absent))
    except ValueError:
        raise ApiError(f"invalid_ts_{name}") from None


def _span(args: Json) -> Callable[[Message], bool]:
    """Return what tells whether a message lies between `oldest` and `latest`."""
    first, last = bound(args, "oldest", 0), bound(args, "latest", 1e20)
    if is_true(args.get("inclusive")):
        return lambda message: first <= float(message.ts) <= last
    return lambda message: first < float(message.ts) < last


def _messages(context: Context, found: list[Message], args: Json, usual: int) -> Json:
    """Return one page of messages; of the others, which may be thousands, nothing is written."""
    shown, cursor = page(found, args, usual)
    metadata = is_true(args.get("include_all_metadata"))
    return {
        "messages": [message_json(context.state, each, metadata=metadata) for each in shown],
        "has_more": bool(cursor),
        "response_metadata": {"next_cursor": cursor},
    }


def history(context: Context, args: Json) -> Json:
    """Serve conversations.history: top-level messages, newest first, never the ephemeral ones."""
    channel = context.joined_channel(args.get("channel"))
    is_within = _span(args)
    found = [
        message
        for message in reversed(context.state.messages[channel.id].values())
        if (message.thread_ts in (None, message.ts) or message.subtype == "thread_broadcast")
        and not message.visible_to
        and is_within(message)
    ]
    return _messages(context, found, args, LIMIT) | {"pin_count": 0}


def replies(context: Context, args: Json) -> Json:
    """Serve conversations.replies: the parent first, then its replies, oldest first."""
    channel = context.joined_channel(args.get("channel"))
    parent = context.state.find(channel.id, args.get("ts"))
    if parent is None or parent.visible_to:
        raise ApiError("thread_not_found")
    is_within = _span(args)
    below = context.state.replies(channel.id, parent.ts)
    found = [parent, *(reply for reply in below if is_within(reply))]
    return _messages(context, found, args, REPLIES_LIMIT)


def mark(context: Context, args: Json) -> Json:
    """Serve conversations.mark: up to where the bot has read."""
    channel = context.joined_channel(args.get("channel"))
    if STAMP.fullmatch(str(args.get("ts"))) is None:
        raise ApiError("invalid_timestamp")
    channel.last_read = str(args["ts"])
    return {}


def members(context: Context, args: Json) -> Json:
    """Serve conversations.members."""
    channel = context.channel_of_bot(args.get("channel"))
    found, cursor = page([{"id": user_id} for user_id in sorted(channel.members)], args)
    names = [member["id"] for member in found]
    return {"members": names, "response_metadata": {"next_cursor": cursor}}


def join(context: Context, args: Json) -> Json:
    """Serve conversations.join: public channels only."""
    channel = context.channel_of_bot(args.get("channel"))
    if channel.kind != "channel":
        raise ApiError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise ApiError("is_archived")
    channel.members.add(context.state.app.user_id)
    context.state.feed.publish("channels")
    return {"channel": channel_json(context.state, channel)}
