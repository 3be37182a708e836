"""The Web API methods that make and change channels: conversations.create, .invite, .archive ..."""

import re

from playground.workspace.context import Context
from playground.workspace.conversations import is_true
from playground.workspace.directs import DIRECT
from playground.workspace.model import ApiError, Channel, Json
from playground.workspace.shapes import channel_json

MAX_NAME, MAX_TOPIC = 80, 250
NAME = re.compile(r"[\w-]+")


def _free_name(context: Context, given: object) -> str:
    name = str(given or "").removeprefix("#")
    if not name:
        raise ApiError("invalid_name_required")
    if len(name) > MAX_NAME:
        raise ApiError("invalid_name_maxlength")
    if NAME.fullmatch(name) is None or name != name.lower():
        raise ApiError("invalid_name_specials")
    if not name.strip("-_"):
        raise ApiError("invalid_name_punctuation")
    channels = context.state.channels.values()
    if any(channel.name == name for channel in channels if channel.kind != "im"):
        raise ApiError("name_taken")
    return name


def _room(context: Context, args: Json, *, is_open: bool = True) -> Channel:
    """Return a channel that the bot is in and that is no direct message."""
    channel = context.channel_of_bot(args.get("channel"))
    if channel.kind in DIRECT:
        raise ApiError("method_not_supported_for_channel_type")
    if is_open and channel.is_archived:
        raise ApiError("is_archived")
    if context.state.app.user_id not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def _told(context: Context, channel: Channel) -> Json:
    context.state.feed.publish("channels")
    return {"channel": channel_json(context.state, channel)}


def kind_made(args: Json) -> tuple[str, ...]:
    """Return which kind of conversation conversations.create is asked for."""
    return ("group",) if is_true(args.get("is_private")) else ("channel",)


def create(context: Context, args: Json) -> Json:
    """Serve conversations.create: the bot is its first member."""
    channel = Channel(
        id=context.state.new_id("C"),
        name=_free_name(context, args.get("name")),
        members={context.state.app.user_id},
        is_private=is_true(args.get("is_private")),
    )
    context.state.add_channel(channel)
    return _told(context, channel)


def rename(context: Context, args: Json) -> Json:
    """Serve conversations.rename."""
    channel = _room(context, args)
    channel.name = _free_name(context, args.get("name"))
    return _told(context, channel)


def archive(context: Context, args: Json) -> Json:
    """Serve conversations.archive."""
    channel = context.channel_of_bot(args.get("channel"))
    if channel.is_archived:
        raise ApiError("already_archived")
    _room(context, args).is_archived = True
    context.state.feed.publish("channels")
    return {}


def unarchive(context: Context, args: Json) -> Json:
    """Serve conversations.unarchive; here a bot may, while it is still a member."""
    channel = _room(context, args, is_open=False)
    if not channel.is_archived:
        raise ApiError("not_archived")
    channel.is_archived = False
    context.state.feed.publish("channels")
    return {}


def invite(context: Context, args: Json) -> Json:
    """Serve conversations.invite: all of `users`, or with `force` those who can be."""
    channel = _room(context, args)
    wanted = [name for name in str(args.get("users") or "").split(",") if name]
    if not wanted:
        raise ApiError("no_user")
    problems = {name: _why_not(context, channel, name) for name in wanted}
    welcome = [name for name, problem in problems.items() if problem is None]
    refused = [problem for problem in problems.values() if problem is not None]
    if refused and not (welcome and is_true(args.get("force"))):
        raise ApiError(refused[0])
    channel.members |= set(welcome)
    return _told(context, channel)


def _why_not(context: Context, channel: Channel, user_id: str) -> str | None:
    user = context.state.users.get(user_id)
    if user is None or user.is_deleted:
        return "user_not_found"
    if user_id == context.state.app.user_id:
        return "cant_invite_self"
    return "already_in_channel" if user_id in channel.members else None


def kick(context: Context, args: Json) -> Json:
    """Serve conversations.kick."""
    channel = _room(context, args)
    user = context.state.user(args.get("user"))
    if user.id == context.state.app.user_id:
        raise ApiError("cant_kick_self")
    if user.id not in channel.members:
        raise ApiError("not_in_channel")
    channel.members.discard(user.id)
    context.state.feed.publish("channels")
    return {}


def leave(context: Context, args: Json) -> Json:
    """Serve conversations.leave; who is no member is told so, and that is no error."""
    channel = context.channel_of_bot(args.get("channel"))
    if channel.kind in DIRECT:
        raise ApiError("method_not_supported_for_channel_type")
    if context.state.app.user_id not in channel.members:
        return {"not_in_channel": True}
    channel.members.discard(context.state.app.user_id)
    context.state.feed.publish("channels")
    return {}


def _short(value: object) -> str:
    text = str(value or "")
    if len(text) > MAX_TOPIC:
        raise ApiError("too_long")
    return text


def set_topic(context: Context, args: Json) -> Json:
    """Serve conversations.setTopic."""
    channel = _room(context, args)
    channel.topic = _short(args.get("topic"))
    return _told(context, channel)


def set_purpose(context: Context, args: Json) -> Json:
    """Serve conversations.setPurpose."""
    channel = _room(context, args)
    channel.purpose = _short(args.get("purpose"))
    return _told(context, channel)
