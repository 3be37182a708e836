"""The Web API methods reactions.*: docs.slack.dev/reference/methods/reactions.add and beside it.

How many kinds of reactions a message takes, and how many one person, is told by its errors only;
the numbers are those of Slack's help pages (?).
"""

from playground.workspace.context import Context
from playground.workspace.conversations import STAMP, page
from playground.workspace.model import ApiError, Json, Message
from playground.workspace.payloads import reaction_event
from playground.workspace.shapes import message_json

MAX_KINDS, MAX_OWN = 50, 23


def _reacted(context: Context, args: Json) -> Message:
    if not args.get("channel") or not args.get("timestamp"):
        raise ApiError("no_item_specified")
    channel = context.joined_channel(args["channel"])
    if channel.is_archived:
        raise ApiError("is_archived")
    if STAMP.fullmatch(str(args["timestamp"])) is None:
        raise ApiError("bad_timestamp")
    message = context.state.find(channel.id, args["timestamp"])
    if message is None or message.visible_to:
        raise ApiError("message_not_found")
    return message


def _name(args: Json) -> str:
    name = str(args.get("name") or "").strip(":")
    if not name or " " in name:
        raise ApiError("invalid_name")
    return name


def _tell(context: Context, message: Message, kind: str, name: str) -> None:
    event = reaction_event(context, kind, context.state.app.user_id, message)
    context.state.touched(message)
    context.emit(event | {"reaction": name}, kind)


def add(context: Context, args: Json) -> Json:
    """Serve reactions.add."""
    name, message = _name(args), _reacted(context, args)
    me = context.state.app.user_id
    if me in message.reactions.get(name, []):
        raise ApiError("already_reacted")
    if name not in message.reactions and len(message.reactions) >= MAX_KINDS:
        raise ApiError("too_many_emoji")
    if sum(me in users for users in message.reactions.values()) >= MAX_OWN:
        raise ApiError("too_many_reactions")
    message.reactions.setdefault(name, []).append(me)
    _tell(context, message, "reaction_added", name)
    return {}


def remove(context: Context, args: Json) -> Json:
    """Serve reactions.remove."""
    name, message = _name(args), _reacted(context, args)
    me = context.state.app.user_id
    if me not in message.reactions.get(name, []):
        raise ApiError("no_reaction")
    message.reactions[name].remove(me)
    if not message.reactions[name]:
        del message.reactions[name]
    _tell(context, message, "reaction_removed", name)
    return {}


def get(context: Context, args: Json) -> Json:
    """Serve reactions.get for a message."""
    message = _reacted(context, args)
    body = message_json(context.state, message)
    return {"type": "message", "channel": message.channel_id, "message": body}


def list_all(context: Context, args: Json) -> Json:
    """Serve reactions.list: what one person, or the bot, reacted to; newest first."""
    state = context.state
    user_id = state.user(args.get("user") or state.app.user_id).id
    items = [
        {
            "type": "message",
            "channel": message.channel_id,
            "message": message_json(state, message),
        }
        for channel_id, messages in state.messages.items()
        if state.app.user_id in state.channels[channel_id].members
        for message in reversed(messages.values())
        if any(user_id in users for users in message.reactions.values())
    ]
    found, cursor = page(items, args)
    return {"items": found, "response_metadata": {"next_cursor": cursor}}
