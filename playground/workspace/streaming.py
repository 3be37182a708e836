"""Text streaming: chat.startStream, chat.appendStream and chat.stopStream.

Sources: docs.slack.dev/reference/methods/chat.startStream, .appendStream and .stopStream for
arguments and errors. What a stream looks like in a message's blocks is ours: text is a `markdown`
block, where Slack turns it into rich text; tasks are `task_card` blocks, or the tasks of one
`plan` block. That titles and states replace and details are added to was measured by others (?).
"""

from playground.workspace.chat import author_of, checked_metadata, own_message, writable
from playground.workspace.chunks import checked_chunks
from playground.workspace.context import Context
from playground.workspace.limits import block_problems
from playground.workspace.model import ApiError, Channel, Json, Message, Stream, invalid
from playground.workspace.sessions import STATUSES, set_status
from playground.workspace.shapes import message_json

MAX_MARKDOWN = 12_000
MAX_BLOCKS = 50
NOT_STREAMING = "message_not_in_streaming_state"
DISPLAYS = ("timeline", "plan", "dense")


def _content(args: Json) -> tuple[str | None, list[Json]]:
    """Return how a call streams (None: it brings nothing) and its content as chunks."""
    text, chunks = args.get("markdown_text"), args.get("chunks")
    if text and chunks is not None:
        raise ApiError("cannot_provide_both_markdown_text_and_chunks")
    if chunks is not None:
        return "chunks", checked_chunks(chunks)
    if not text:
        return None, []
    if len(str(text)) > MAX_MARKDOWN:
        raise ApiError("msg_too_long")
    return "markdown_text", [{"type": "markdown_text", "text": str(text)}]


def _check_recipient(context: Context, channel: Channel, args: Json) -> None:
    if channel.kind == "im":
        if not args.get("thread_ts"):
            missing = "missing required field: thread_ts [json-pointer:/thread_ts]"
            raise invalid("invalid_arguments", [missing])
        return
    for name in ("recipient_team_id", "recipient_user_id"):
        if not args.get(name):
            raise ApiError(f"missing_{name}")
    context.state.user(args["recipient_user_id"])


def start(context: Context, args: Json) -> Json:
    """Serve chat.startStream."""
    channel = writable(context, args.get("channel"))
    display = args.get("task_display_mode") or "timeline"
    if display not in DISPLAYS:
        wrong = "must be a valid enum value [json-pointer:/task_display_mode]"
        raise invalid("invalid_arguments", [wrong])
    _check_recipient(context, channel, args)
    mode, chunks = _content(args)
    state = context.state
    message = Message(
        channel_id=channel.id,
        ts=state.new_ts(),
        user_id=state.app.user_id,
        bot_id=state.app.bot_id,
        text="",
        thread_ts=state.root_ts(channel.id, args.get("thread_ts")),
        stream=Stream(display=display, opened_at=state.clock.now(), mode=mode),
        author=author_of(args),
    )
    _append(context, message, display, chunks)
    state.add(message)
    context.emit_message(message)
    return {"channel": channel.id, "ts": message.ts}


def _streamed(context: Context, args: Json, stopped: str = NOT_STREAMING) -> tuple[Message, Stream]:
    """Return a message and its stream; one that its reader has `stopped` is refused with that."""
    message = own_message(context, args, "message_not_owned_by_app")
    if message.stream is None or not context.state.is_streaming(message):
        by_reader = message.stream is not None and message.stream.ended_by == "user"
        raise ApiError(stopped if by_reader else NOT_STREAMING)
    return message, message.stream


def append(context: Context, args: Json) -> Json:
    """Serve chat.appendStream, of whose page alone `stopped_by_user` is."""
    message, stream = _streamed(context, args, "stopped_by_user")
    mode, chunks = _content(args)
    if mode is None:
        raise ApiError("markdown_text_or_chunks_required")
    _keep_mode(stream, mode)
    _append(context, message, stream.display, chunks)
    context.state.touched(message)
    return {"channel": message.channel_id, "ts": message.ts}


def _keep_mode(stream: Stream, mode: str | None) -> None:
    """Hold a stream to the kind of content that it was opened with, or first got."""
    if mode is not None and stream.mode not in (None, mode):
        raise ApiError("streaming_mode_mismatch")
    stream.mode = stream.mode or mode


def stop(context: Context, args: Json) -> Json:
    """Serve chat.stopStream: a last piece, blocks below it, and the session's next status."""
    message, stream = _streamed(context, args)
    mode, chunks = _content(args)
    blocks = args.get("blocks") or []
    problems = block_problems(blocks, "message")
    if problems:
        raise invalid("invalid_blocks", problems)
    status = args.get("session_status") or "active"
    if status not in STATUSES:
        wrong = "must be a valid enum value [json-pointer:/session_status]"
        raise invalid("invalid_arguments", [wrong])
    metadata = checked_metadata(args)
    _keep_mode(stream, mode)
    was = message_json(context.state, message)
    _append(context, message, stream.display, chunks)
    message.blocks += context.state.with_block_ids(blocks)
    message.metadata = metadata
    end(context, message, "app")
    context.emit_message(message, was=was)
    set_status(context, message.channel_id, message.thread_ts, status)
    body = message_json(context.state, message, metadata=True)
    return {"channel": message.channel_id, "ts": message.ts, "message": body}


def end(context: Context, message: Message, by: str) -> None:
    """End a stream for the app, or for a person who stopped it (`user`)."""
    if message.stream is not None:
        message.stream.ended_by = by
    context.state.touched(message)


def stop_by_user(context: Context, channel_id: str, thread_ts: str) -> list[str]:
    """End the streams of a thread as its stop button does; return their timestamps."""
    stopped = []
    for message in context.state.replies(channel_id, thread_ts):
        if context.state.is_streaming(message):
            end(context, message, "user")
            stopped.append(message.ts)
    return stopped


def _append(context: Context, message: Message, display: str, chunks: list[Json]) -> None:
    blocks = [dict(block) for block in message.blocks]
    for chunk in chunks:
        match chunk["type"]:
            case "markdown_text":
                _add_text(blocks, chunk["text"])
            case "task_update" if display == "plan":
                _update_task(_plan(blocks)["tasks"], chunk)
            case "task_update":
                _update_task(blocks, chunk)
            case "plan_update" if display == "plan":
                _plan(blocks)["title"] = chunk["title"]
            case "blocks":
                blocks += chunk["blocks"]
            case _:  # a plan's title, where tasks stand one by one
                continue
    if sum(block["type"] != "markdown" for block in blocks) > MAX_BLOCKS:
        raise ApiError("msg_blocks_too_many")
    message.blocks = context.state.with_block_ids(blocks)
    message.text = "".join(block["text"] for block in blocks if block["type"] == "markdown")


def _add_text(blocks: list[Json], text: str) -> None:
    if blocks and blocks[-1]["type"] == "markdown":
        blocks[-1]["text"] += text
    else:
        blocks.append({"type": "markdown", "text": text})


def _plan(blocks: list[Json]) -> Json:
    for block in blocks:
        if block["type"] == "plan":
            block["tasks"] = [dict(task) for task in block["tasks"]]
            return block
    blocks.append({"type": "plan", "title": "", "tasks": []})
    return blocks[-1]


def _update_task(tasks: list[Json], chunk: Json) -> None:
    known = next((task for task in tasks if task.get("task_id") == chunk["id"]), None)
    if known is None:
        known = {"type": "task_card", "task_id": chunk["id"]}
        tasks.append(known)
    known["title"] = chunk["title"]
    known["status"] = chunk["status"]
    if chunk.get("details"):
        known["details"] = _rich(_plain(known.get("details")) + chunk["details"])
    if chunk.get("output"):
        known["output"] = _rich(chunk["output"])
    if chunk.get("sources"):
        known["sources"] = [*known.get("sources", []), *chunk["sources"]]


def _rich(text: str) -> Json:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [section]}


def _plain(node: object) -> str:
    """Return the texts under `node`: what the app brought in a block may have any form."""
    if isinstance(node, list):
        return "".join(_plain(item) for item in node)
    if not isinstance(node, dict):
        return ""
    return str(node.get("text") or "") + _plain(node.get("elements"))
