"""The Web API methods conversations.open and .close: messages with one person, or with several."""

from playground.workspace.context import Context
from playground.workspace.conversations import is_true
from playground.workspace.model import ApiError, Channel, Json
from playground.workspace.shapes import channel_json

DIRECT, MAX_TOGETHER = ("im", "mpim"), 8


def _named(args: Json) -> list[str]:
    names = str(args.get("users") or "").split(",")
    return list(dict.fromkeys(name.strip() for name in names if name.strip()))


def kind_opened(args: Json) -> tuple[str, ...]:
    """Return which kind of conversation conversations.open is asked for."""
    return ("mpim",) if len(_named(args)) > 1 else ("im",)


def _direct(context: Context, args: Json) -> Channel:
    channel = context.channel_of_bot(args.get("channel"))
    if channel.kind not in DIRECT:
        raise ApiError("method_not_supported_for_channel_type")
    return channel


def open_direct(context: Context, args: Json) -> Json:
    """Serve conversations.open: the messages with one person, or with up to eight."""
    state, known = context.state, set(context.state.channels)
    if args.get("channel"):
        channel = _direct(context, args)
    else:
        channel = _opened(context, [name for name in _named(args) if name != state.app.user_id])
    was_open = channel.is_open and channel.id in known
    channel.is_open = True
    answer: Json = {"no_op": True, "already_open": True} if was_open else {}
    full = is_true(args.get("return_im"))
    return answer | {"channel": channel_json(state, channel) if full else {"id": channel.id}}


def _opened(context: Context, users: list[str]) -> Channel:
    if not users:
        raise ApiError("users_list_not_supplied")
    if len(users) > MAX_TOGETHER:
        raise ApiError("too_many_users")
    if any(context.state.user(user_id).is_deleted for user_id in users):
        raise ApiError("user_disabled")
    return context.state.direct(users[0]) if len(users) == 1 else context.state.direct_with(users)


def close_direct(context: Context, args: Json) -> Json:
    """Serve conversations.close: what was said is kept, and opened again by whoever says more."""
    channel = _direct(context, args)
    was_open, channel.is_open = channel.is_open, False
    return {} if was_open else {"no_op": True, "already_closed": True}
