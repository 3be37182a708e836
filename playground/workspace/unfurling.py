"""Links that an app shows more of: the event link_shared, and the Web API method chat.unfurl.

docs.slack.dev/reference/events/link_shared and reference/methods/chat.unfurl. What a link shows is
given here as attachments or blocks; Work Objects and invitations to sign in are not served.
"""

import html
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from playground.workspace.bodies import parsed
from playground.workspace.context import Context
from playground.workspace.limits import block_problems
from playground.workspace.model import ApiError, Json, Message
from playground.workspace.shapes import message_json

LINK = re.compile(r"https?://[^\s<>|]+")
HISTORY = "conversations_history"
SOURCES = ("composer", HISTORY)


def _links(message: Message) -> list[str]:
    return [html.unescape(found) for found in LINK.findall(message.text)]


def _domain(context: Context, url: str) -> str | None:
    """Return which of the app's domains a link is of; any where the app names none."""
    try:
        host = urlsplit(url).hostname
    except ValueError:  # such as a bracket that is never closed
        host = None
    if not host:
        return None
    domains = context.state.app.domains
    if domains is None:
        return host
    return next((one for one in domains if host == one or host.endswith(f".{one}")), None)


def tell_of_links(context: Context, message: Message) -> None:
    """Tell the app of the links that a person shared, where they are of its domains."""
    if context.state.app.domains is None:
        return
    domains = {url: _domain(context, url) for url in _links(message)}
    links = [{"domain": domain, "url": url} for url, domain in domains.items() if domain]
    if not links:
        return
    unfurl_id = context.state.new_id("Uf")
    context.state.unfurls[unfurl_id] = message.channel_id, message.ts
    members = context.state.channels[message.channel_id].members
    event: Json = {
        "type": "link_shared",
        "channel": message.channel_id,
        "is_bot_user_member": context.state.app.user_id in members,
        "user": message.user_id,
        "message_ts": message.ts,
        "unfurl_id": unfurl_id,
        "source": HISTORY,
        "links": links,
        "event_ts": message.ts,
    }
    thread = {"thread_ts": message.thread_ts} if message.thread_ts else {}
    context.emit(event | thread, "link_shared")


def unfurl(context: Context, args: Json) -> Json:
    """Serve chat.unfurl; a second time what was shown for a link is replaced."""
    unfurls = _unfurls(args.get("unfurls"))
    channel_id, ts = _place(context, args)
    message = context.state.find(channel_id, ts)
    if message is None or message.visible_to or message.is_tombstone:
        raise ApiError("cannot_find_message")
    shown = dict(_shown(context, message, unfurls))
    was = message_json(context.state, message)
    kept = [one for one in message.attachments if one.get("from_url") not in shown]
    message.attachments = [*kept, *shown.values()]
    context.state.touched(message)
    context.emit_message(message, was=was)
    return {}


def _unfurls(given: object) -> Json:
    if not given:
        raise ApiError("missing_unfurls")
    try:
        found = parsed(given) if isinstance(given, str) else given
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ApiError("invalid_unfurls_format")
    return found


def _place(context: Context, args: Json) -> tuple[str, str]:
    """Return the message that is meant: by channel and ts, or by the id that the event had."""
    by_id = args.get("unfurl_id") or args.get("source")
    names = ("unfurl_id", "source") if by_id else ("channel", "ts")
    missing = [name for name in names if not args.get(name)]
    if missing:
        raise ApiError(f"missing_{missing[0]}")
    if by_id:
        if args["source"] not in SOURCES:
            raise ApiError("invalid_source")
        known = context.state.unfurls.get(str(args["unfurl_id"]))
        if known is None:
            raise ApiError("invalid_unfurl_id")
        return known
    try:
        return context.channel_of_bot(args["channel"]).id, str(args["ts"])
    except ApiError:
        raise ApiError("cannot_find_channel") from None


def _shown(context: Context, message: Message, unfurls: Json) -> Iterator[tuple[str, Json]]:
    said = _links(message)
    for index, (url, attachment) in enumerate(unfurls.items(), start=1):
        if url not in said:
            raise ApiError("cannot_unfurl_message")
        if _domain(context, url) is None:
            raise ApiError("cannot_unfurl_url")
        if not isinstance(attachment, dict):
            raise ApiError("cannot_parse_attachment")
        if block_problems(attachment.get("blocks") or [], "message"):
            raise ApiError("cannot_parse_attachment")
        marks = {"id": index, "from_url": url, "app_unfurl_url": url, "is_app_unfurl": True}
        yield url, attachment | marks
