"""The Web API methods files.*: uploads in three steps, and what became of them.

docs.slack.dev/reference/methods/files.getUploadURLExternal, .completeUploadExternal, .info, .list
and .delete. Slack shares a completed upload a moment later; here it is there at once.
"""

import mimetypes
import secrets

from playground.workspace.chat import MAX_TEXT, author_of
from playground.workspace.context import Context
from playground.workspace.conversations import LIMIT
from playground.workspace.limits import block_problems
from playground.workspace.model import ApiError, File, Json, Message, invalid
from playground.workspace.shapes import file_json

MAX_BYTES = 64_000_000  # ours, since files are kept in memory; Slack takes up to 1 GB
MAX_ALT_TEXT = 1000
MAX_SNIPPET = 1_000_000
MAX_CHANNELS = 100


def _missing(name: str) -> ApiError:
    return invalid("invalid_arguments", [f"missing required field: {name} [json-pointer:/{name}]"])


def upload_url(context: Context, args: Json) -> Json:
    """Serve files.getUploadURLExternal: where to POST the bytes, and the id of what will be."""
    name = str(args.get("filename") or "")
    if not name:
        raise _missing("filename")
    try:
        size = int(str(args.get("length") or 0))
    except ValueError:
        raise _missing("length") from None
    if size <= 0:
        raise ApiError("missing_argument")
    _check_upload(args, size)
    state = context.state
    file = File(
        id=state.new_id("F"),
        name=name,
        title=name,
        mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream",
        size=size,
        user_id=state.app.user_id,
        token=secrets.token_urlsafe(24),
        base_url=context.base_url,
        created_at=state.clock.now(),
        alt_text=str(args.get("alt_txt") or ""),
    )
    state.files[file.id] = file
    url = f"{context.base_url}/upload/v1/{file.token}"
    return {"upload_url": url, "file_id": file.id}


def _check_upload(args: Json, size: int) -> None:
    if size > MAX_BYTES:
        raise ApiError("file_upload_size_restricted")
    if args.get("snippet_type") and size > MAX_SNIPPET:
        raise ApiError("snippet_too_large")
    if len(str(args.get("alt_txt") or "")) > MAX_ALT_TEXT:
        raise ApiError("alt_txt_too_large")


def complete(context: Context, args: Json) -> Json:
    """Serve files.completeUploadExternal: title the files, and share them in one message."""
    uploads = _uploads(context, args.get("files"))
    names = [name for name in str(args.get("channels") or "").split(",") if name]
    if args.get("channel_id"):
        names.append(str(args["channel_id"]))
    if len(names) > MAX_CHANNELS:
        raise ApiError("channels_limit_exceeded")
    channels = [_place(context, name) for name in names]
    blocks = [] if args.get("initial_comment") else args.get("blocks") or []
    problems = block_problems(blocks, "message")
    if problems:
        raise invalid("invalid_blocks", problems)
    for file, title in uploads:
        file.title, file.is_complete = title, True
    shared = [file for file, _ in uploads]
    for channel_id in channels:
        _share(context, channel_id, shared, args | {"blocks": blocks})
    return {"files": [file_json(context.state, file.id) for file in shared]}


def _place(context: Context, name: str) -> str:
    """Return where files go: a channel that the bot is in, or a person's direct messages."""
    if name in context.state.users:
        return context.state.direct(name).id
    return context.joined_channel(name).id


def _uploads(context: Context, entries: object) -> list[tuple[File, str]]:
    if not isinstance(entries, list) or not entries:
        raise _missing("files")
    found = []
    for entry in entries:
        file = context.state.files.get(str(entry.get("id"))) if isinstance(entry, dict) else None
        if file is None or file.content is None or file.is_complete:
            raise ApiError("file_not_found")
        found.append((file, str(entry.get("title") or file.name)))
    return found


def _share(context: Context, channel_id: str, shared: list[File], args: Json) -> None:
    state = context.state
    message = Message(
        channel_id=channel_id,
        ts=state.new_ts(),
        user_id=state.app.user_id,
        bot_id=state.app.bot_id,
        text=str(args.get("initial_comment") or "")[:MAX_TEXT],
        blocks=state.with_block_ids(args["blocks"]),
        thread_ts=state.root_ts(channel_id, args.get("thread_ts")),
        files=[file.id for file in shared],
        author=author_of(args),
    )
    for file in shared:
        file.shares.setdefault(channel_id, []).append(message.ts)
    state.add(message)
    context.emit_message(message)


def _known(context: Context, args: Json) -> File:
    file = context.state.files.get(str(args.get("file")))
    if file is None or not file.is_complete:
        raise ApiError("file_not_found")
    return file


def info(context: Context, args: Json) -> Json:
    """Serve files.info."""
    file = _known(context, args)
    places: dict[str, Json] = {"public": {}, "private": {}}
    for channel_id, stamps in file.shares.items():
        kind = "public" if context.state.channels[channel_id].kind == "channel" else "private"
        places[kind][channel_id] = [{"ts": ts} for ts in stamps]
    shares = {kind: found for kind, found in places.items() if found}
    body = file_json(context.state, file.id) | {"shares": shares}
    return {"file": body, "comments": [], "response_metadata": {"next_cursor": ""}}


def list_all(context: Context, args: Json) -> Json:
    """Serve files.list, of one channel or one person where that is asked for."""
    wanted_channel, wanted_user = args.get("channel"), args.get("user")
    found = [
        file_json(context.state, file.id)
        for file in context.state.files.values()
        if file.is_complete
        and wanted_channel in (None, "", *file.shares)
        and wanted_user in (None, "", file.user_id)
    ]
    count, number = _at_least_1(args, "count", LIMIT), _at_least_1(args, "page", 1)
    pages = {"count": count, "total": len(found), "page": number}
    shown = found[(number - 1) * count : number * count]
    return {"files": shown, "paging": pages | {"pages": -(-len(found) // count)}}


def _at_least_1(args: Json, name: str, absent: int) -> int:
    text = str(args.get(name) or absent)
    return max(1, int(text)) if text.isascii() and text.isdecimal() else absent


def delete(context: Context, args: Json) -> Json:
    """Serve files.delete: own files only; messages that carried it show that it is gone."""
    file = _known(context, args)
    if file.user_id != context.state.app.user_id:
        raise ApiError("cant_delete_file")
    del context.state.files[file.id]
    for channel_id, stamps in file.shares.items():
        for ts in stamps:
            message = context.state.find(channel_id, ts)
            if message is not None:
                context.state.touched(message)
    return {}
