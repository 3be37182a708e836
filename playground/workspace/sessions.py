"""The Web API methods agents.sessions.*: what an agent says of its work in a thread.

docs.slack.dev/reference/methods/agents.sessions.setStatus and .rename.
"""

from playground.workspace.context import Context
from playground.workspace.model import ApiError, Json, invalid

STATUSES = ("active", "processing", "suspended", "closed")
MAX_TITLE = 200


def _place(context: Context, args: Json, absent: str) -> tuple[str, str]:
    """Return the channel and the thread of a session; where there is no thread, refuse so."""
    channel = context.channel_of_bot(args.get("channel_id"))
    if context.state.app.user_id not in channel.members:
        raise ApiError("not_authorized")
    if not args.get("thread_ts"):
        raise ApiError("thread_ts_required")
    root = context.state.root_ts(channel.id, args["thread_ts"])
    if root is None:
        raise ApiError(absent)
    return channel.id, root


def _title(args: Json) -> str:
    title = str(args.get("title") or "")
    if len(title) > MAX_TITLE:
        wrong = f"must be less than {MAX_TITLE + 1} characters [json-pointer:/title]"
        raise invalid("invalid_arguments", [wrong])
    return title


def set_session_status(context: Context, args: Json) -> Json:
    """Serve agents.sessions.setStatus; a title counts only where the session begins."""
    if args.get("status") not in STATUSES:
        raise ApiError("invalid_status")
    # No page says what it is for a thread that is not there (?).
    place = _place(context, args, "thread_not_found")
    title = _title(args)
    initiator = args.get("initiator_user_id")
    is_new = place not in context.state.sessions
    if is_new and initiator and initiator not in context.state.channels[place[0]].members:
        raise ApiError("user_not_found")
    session = context.state.sessions.setdefault(place, {"title": title})
    session["status"] = args["status"]
    context.state.feed.publish("session", channel=place[0])
    answer = {"status": args["status"], "agent_status": args["status"], "title": session["title"]}
    if "agent_session_stopped" not in context.state.app.events:
        answer["warning"] = "missing_agent_session_stopped_event_subscription"
    return answer


def rename(context: Context, args: Json) -> Json:
    """Serve agents.sessions.rename."""
    place = _place(context, args, "session_not_found")
    session = context.state.sessions.get(place)
    if session is None:
        raise ApiError("session_not_found")
    title = _title(args)
    if not title:
        missing = "missing required field: title [json-pointer:/title]"
        raise invalid("invalid_arguments", [missing])
    session["title"] = title
    context.state.feed.publish("session", channel=place[0])
    return {"title": title}


def set_status(context: Context, channel_id: str, thread_ts: str | None, status: str) -> None:
    """Give the session of a thread its next status, where there is one."""
    session = context.state.sessions.get((channel_id, str(thread_ts)))
    if session is not None:
        session["status"] = status
        context.state.feed.publish("session", channel=channel_id)
