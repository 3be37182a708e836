"""The Web API methods chat.*: post, update, delete, ephemeral messages and permalinks.

docs.slack.dev/reference/methods/chat.postMessage, .update, .postEphemeral, .delete, .meMessage and
.getPermalink.
"""

import json

from playground.workspace.context import Context
from playground.workspace.conversations import is_true
from playground.workspace.limits import MAX_TOGETHER, block_problems, characters
from playground.workspace.model import ApiError, Channel, Json, Message, invalid
from playground.workspace.shapes import message_json

MAX_TEXT = 40_000  # longer ones are cut, as chat.postMessage documents
MAX_UPDATE_TEXT = 4_000
MAX_MARKDOWN = 12_000
MAX_ATTACHMENTS = 100
MAX_METADATA = 16_000  # the pages name the error but no number; this one is ours (?)
CONTENT = ("attachments", "blocks", "markdown_text", "text")


def checked_content(args: Json) -> tuple[str, list[Json], list[Json]]:
    """Return text, blocks and attachments after Slack's checks, or refuse with its codes."""
    args = _with_markdown(args)
    text = str(args.get("text") or "")[:MAX_TEXT]
    blocks = args.get("blocks") or []
    if not isinstance(blocks, list):
        raise ApiError("invalid_blocks_format")
    attachments = _attachments(args.get("attachments") or [])
    problems = block_problems(blocks, "message")
    if problems:
        raise invalid("invalid_blocks", problems)
    if characters(blocks) > MAX_TOGETHER:
        raise ApiError("msg_blocks_too_long")
    if not (text or blocks or attachments):
        raise ApiError("no_text")
    return text, blocks, attachments


def _with_markdown(args: Json) -> Json:
    markdown = args.get("markdown_text")
    if not markdown:
        return args
    if args.get("text") or args.get("blocks"):
        raise ApiError("markdown_text_conflict")
    if len(str(markdown)) > MAX_MARKDOWN:
        raise ApiError("msg_too_long")
    block = {"type": "markdown", "text": str(markdown)}
    return {**args, "text": str(markdown), "blocks": [block]}


def _attachments(attachments: object) -> list[Json]:
    if not isinstance(attachments, list):
        raise ApiError("invalid_attachments")
    if len(attachments) > MAX_ATTACHMENTS:
        raise ApiError("too_many_attachments")
    for index, attachment in enumerate(attachments):
        if not isinstance(attachment, dict):
            raise ApiError("invalid_attachments")
        problems = block_problems(attachment.get("blocks") or [], "message")
        if problems:
            place = f":/attachments/{index}/blocks"
            placed = [problem.replace(":/blocks", place, 1) for problem in problems]
            raise invalid("invalid_attachments", placed)
    return attachments


def checked_metadata(args: Json) -> Json | None:
    """Return the message metadata, or refuse one that lacks its type or its payload."""
    metadata = args.get("metadata")
    if not metadata:
        return None
    if not isinstance(metadata, dict):
        raise ApiError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str):
        raise ApiError("invalid_metadata_schema")
    if not isinstance(metadata.get("event_payload"), dict):
        raise ApiError("invalid_metadata_schema")
    if len(json.dumps(metadata)) > MAX_METADATA:
        raise ApiError("metadata_too_large")
    return {"event_type": metadata["event_type"], "event_payload": metadata["event_payload"]}


def author_of(args: Json) -> Json:
    """Return the name and the picture that a call asks for; an emoji goes before an address."""
    author: Json = {"username": str(args["username"])} if args.get("username") else {}
    if args.get("icon_emoji"):
        author["icons"] = {"emoji": str(args["icon_emoji"])}
    elif args.get("icon_url"):
        author["icons"] = {"image_48": str(args["icon_url"])}
    return author


def bot_message(context: Context, channel_id: str, args: Json) -> Message:
    """Make a message of the bot; a thread whose parent is gone makes it a top-level one."""
    state = context.state
    text, blocks, attachments = checked_content(args)
    root = state.root_ts(channel_id, args.get("thread_ts"))
    is_broadcast = root is not None and is_true(args.get("reply_broadcast"))
    return Message(
        channel_id=channel_id,
        ts=state.new_ts(),
        user_id=state.app.user_id,
        bot_id=state.app.bot_id,
        text=text,
        blocks=state.with_block_ids(blocks),
        attachments=attachments,
        metadata=checked_metadata(args),
        thread_ts=root,
        subtype="thread_broadcast" if is_broadcast else None,
    )


def writable(context: Context, name: object) -> Channel:
    """Return a place that the bot may post to: a channel, or a person's direct messages."""
    state = context.state
    if isinstance(name, str) and name in state.users and name != state.app.user_id:
        return state.direct(name)
    channel = context.channel_of_bot(name)
    if channel.is_archived:
        raise ApiError("is_archived")
    if state.app.user_id not in channel.members and "chat:write.public" not in state.app.scopes:
        raise ApiError("not_in_channel")
    return channel


def _posted(context: Context, channel: Channel, message: Message) -> Json:
    context.state.add(message)
    context.emit_message(message)
    body = message_json(context.state, message, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "message": body}


def _with_warnings(args: Json, answer: Json) -> Json:
    """Say of a text that was cut that it was (changelog of April 2018)."""
    if len(str(args.get("text") or "")) <= MAX_TEXT:
        return answer
    words = f"The `text` field accepts up to {MAX_TEXT:,} characters."
    told = f"[WARN] Your message was truncated but still posted. {words}"
    warned = {"messages": [told], "warnings": ["message_truncated"]}
    return answer | {"response_metadata": warned}


def post_message(context: Context, args: Json) -> Json:
    """Serve chat.postMessage."""
    channel = writable(context, args.get("channel"))
    message = bot_message(context, channel.id, args)
    message.author = author_of(args)
    return _with_warnings(args, _posted(context, channel, message))


def me_message(context: Context, args: Json) -> Json:
    """Serve chat.meMessage: what the bot does, in its own words; the answer is short."""
    channel = context.joined_channel(args.get("channel"))
    if channel.is_archived:
        raise ApiError("is_archived")
    message = bot_message(context, channel.id, {"text": args.get("text")})
    message.subtype = "me_message"
    answer = _posted(context, channel, message)
    return {"channel": answer["channel"], "ts": answer["ts"]}


def post_ephemeral(context: Context, args: Json) -> Json:
    """Serve chat.postEphemeral: both the bot and the person must be members of the channel."""
    channel = context.joined_channel(args.get("channel"))
    if channel.is_archived:
        raise ApiError("is_archived")
    if str(args.get("user")) not in channel.members:
        raise ApiError("user_not_in_channel")
    # What is seen once carries no metadata: chat.postEphemeral's page says that it is ignored.
    message = bot_message(context, channel.id, args | {"metadata": None, "reply_broadcast": False})
    message.visible_to, message.author = str(args["user"]), author_of(args)
    context.state.add(message)
    return _with_warnings(args, {"message_ts": message.ts})


def own_message(context: Context, args: Json, refusal: str) -> Message:
    """Return the bot's own message that `channel` and `ts` name, or refuse a foreign one."""
    channel = context.channel_of_bot(args.get("channel"))
    message = context.state.find(channel.id, args.get("ts"))
    if message is None or message.visible_to or message.is_tombstone:
        raise ApiError("message_not_found")
    if message.bot_id != context.state.app.bot_id:
        raise ApiError(refusal)
    return message


def update(context: Context, args: Json) -> Json:
    """Serve chat.update.

    Text without blocks removes the blocks that were there; attachments and metadata stay where
    they are not given, and an empty one removes them.
    """
    message = own_message(context, args, "cant_update_message")
    if context.state.is_streaming(message):
        raise ApiError("streaming_state_conflict")
    if context.state.channels[message.channel_id].is_archived:
        raise ApiError("is_inactive")
    if is_true(args.get("reply_broadcast")):
        return _broadcast(context, message, args)
    if len(str(args.get("text") or "")) > MAX_UPDATE_TEXT:
        raise ApiError("msg_too_long")
    was = message_json(context.state, message)
    text, blocks, attachments = checked_content(_kept(message, args))
    if args.get("metadata") is not None:
        message.metadata = checked_metadata(args)
    message.text = text
    message.blocks = context.state.with_block_ids(blocks)
    message.attachments = attachments
    message.edited = {"user": context.state.app.user_id, "ts": context.state.new_ts()}
    context.state.touched(message)
    context.emit_message(message, was=was)
    return _updated(context, message)


def _updated(context: Context, message: Message) -> Json:
    body = message_json(context.state, message, metadata=True)
    place = {"channel": message.channel_id, "ts": message.ts}
    return {**place, "text": message.text, "message": body}


def _broadcast(context: Context, message: Message, args: Json) -> Json:
    """Show a reply in the channel too, as it is: it can't be changed by the same call."""
    if message.thread_ts in (None, message.ts) or message.subtype is not None:
        raise ApiError("cant_broadcast_message")
    if any(args.get(name) for name in CONTENT):
        raise ApiError("no_dual_broadcast_content_update")
    was = message_json(context.state, message)
    message.subtype = "thread_broadcast"
    context.state.touched(message)
    context.emit_message(message, was=was)
    return _updated(context, message)


def _kept(message: Message, args: Json) -> Json:
    """Return what the message is to be: what is given, and what stays because it is not."""
    content = dict(args)
    given = [name for name in CONTENT if args.get(name) is not None]
    if not given:
        raise ApiError("no_text")
    if "attachments" not in given:
        content["attachments"] = message.attachments
    if given == ["attachments"]:
        content |= {"text": message.text, "blocks": message.blocks}
    return content


def delete(context: Context, args: Json) -> Json:
    """Serve chat.delete."""
    message = own_message(context, args, "cant_delete_message")
    context.emit_deleted(message)
    context.state.remove(message)
    return {"channel": message.channel_id, "ts": message.ts}


def get_permalink(context: Context, args: Json) -> Json:
    """Serve chat.getPermalink; here the link leads to the page."""
    channel = context.channel_of_bot(args.get("channel"))
    message = context.state.find(channel.id, args.get("message_ts"))
    if message is None or message.visible_to:
        raise ApiError("message_not_found")
    link = f"{context.base_url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts not in (None, message.ts):
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}
