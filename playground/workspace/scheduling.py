"""Messages for later: chat.scheduleMessage, .deleteScheduledMessage and .scheduledMessages.list.

What is due is posted before the next call of the Web API or look of the page, on the workspace's
clock: nothing here runs by itself.
"""

from collections import Counter
from datetime import timedelta

from playground.workspace.chat import bot_message, checked_content, checked_metadata, writable
from playground.workspace.context import Context
from playground.workspace.conversations import bound, page
from playground.workspace.model import ApiError, Json, invalid

MAX_AHEAD = timedelta(days=120)
SPAN_S, MOST_IN_SPAN = 300, 30  # 30 messages for one channel in five minutes


def schedule(context: Context, args: Json) -> Json:
    """Serve chat.scheduleMessage."""
    channel = writable(context, args.get("channel"))
    post_at = _time(context, args.get("post_at"))
    text, _, _ = checked_content(args)
    checked_metadata(args)
    spans = Counter(
        (entry["channel_id"], entry["post_at"] // SPAN_S)
        for entry in context.state.scheduled.values()
    )
    if spans[channel.id, post_at // SPAN_S] >= MOST_IN_SPAN:
        raise ApiError("restricted_too_many")
    entry: Json = {
        "id": context.state.new_id("Q"),
        "channel_id": channel.id,
        "post_at": post_at,
        "date_created": int(context.state.clock.now().timestamp()),
        "text": text,
        "args": {name: value for name, value in args.items() if name != "token"},
    }
    context.state.scheduled[entry["id"]] = entry
    message = {"text": text, "type": "delayed_message", "user": context.state.app.user_id}
    return {
        "channel": channel.id,
        "scheduled_message_id": entry["id"],
        "post_at": post_at,
        "message": message | {"bot_id": context.state.app.bot_id},
    }


def _time(context: Context, value: object) -> int:
    try:
        post_at = int(str(value))
    except ValueError:
        raise ApiError("invalid_time") from None
    now = context.state.clock.now()
    if post_at <= now.timestamp():
        raise ApiError("time_in_past")
    if post_at > (now + MAX_AHEAD).timestamp():
        raise ApiError("time_too_far")
    return post_at


def delete(context: Context, args: Json) -> Json:
    """Serve chat.deleteScheduledMessage."""
    channel = context.channel_of_bot(args.get("channel"))
    entry = context.state.scheduled.get(str(args.get("scheduled_message_id")))
    if entry is None or entry["channel_id"] != channel.id:
        raise ApiError("invalid_scheduled_message_id")
    del context.state.scheduled[entry["id"]]
    return {}


def list_all(context: Context, args: Json) -> Json:
    """Serve chat.scheduledMessages.list, soonest first: those due from `oldest` to `latest`."""
    wanted = args.get("channel")
    if wanted and str(wanted) not in context.state.channels:
        raise ApiError("invalid_channel")
    first, last = bound(args, "oldest", 0), bound(args, "latest", 1e20)
    if first >= last:
        wrong = "`oldest` must be less than `latest` [json-pointer:/oldest]"
        raise invalid("invalid_arguments", [wrong])
    entries = sorted(context.state.scheduled.values(), key=lambda entry: int(entry["post_at"]))
    shown = [
        {name: value for name, value in entry.items() if name != "args"}
        for entry in entries
        if wanted in (None, "", entry["channel_id"]) and first <= entry["post_at"] <= last
    ]
    found, cursor = page(shown, args)
    return {"scheduled_messages": found, "response_metadata": {"next_cursor": cursor}}


def post_due(context: Context) -> None:
    """Post what is due; a channel that was closed meanwhile gets nothing."""
    now = context.state.clock.now().timestamp()
    for entry in [each for each in context.state.scheduled.values() if each["post_at"] <= now]:
        del context.state.scheduled[entry["id"]]
        channel = context.state.channels[entry["channel_id"]]
        if channel.is_archived:
            context.complaints.append(f"scheduled message {entry['id']}: is_archived")
            continue
        message = bot_message(context, channel.id, entry["args"])
        context.state.add(message)
        context.emit_message(message)
