"""How Slack writes its objects on the wire: users, channels, messages and views."""

from pathlib import PurePath
from urllib.parse import quote

from playground.workspace.model import Channel, File, Json, Message, User, UserGroup, View
from playground.workspace.state import State


def email_of(user: User) -> str:
    """Return a person's e-mail address; bots have none."""
    return "" if user.is_bot else f"{user.name}@playground.example".lower()


def user_json(state: State, user: User) -> Json:
    """Return a user as users.info does; the e-mail address has a scope of its own."""
    body = _user(state, user)
    if "users:read.email" in state.app.scopes and not user.is_bot:
        body["profile"]["email"] = email_of(user)
    return body


def _user(state: State, user: User) -> Json:
    return {
        "id": user.id,
        "team_id": state.team.id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.is_deleted,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "is_admin": False,
        "is_owner": False,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": False,
        "tz": "Europe/Berlin",
        "tz_label": "Central European Time",
        "tz_offset": 3600,
        "profile": {
            "real_name": user.real_name,
            "real_name_normalized": user.real_name,
            "display_name": user.real_name,
            "display_name_normalized": user.real_name,
            "team": state.team.id,
        },
    }


def group_json(state: State, group: UserGroup, *, users: bool, count: bool) -> Json:
    """Return a user group as usergroups.list does: its users and their number on demand."""
    body: Json = {
        "id": group.id,
        "team_id": state.team.id,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "description": group.description,
        "is_external": False,
        "date_delete": group.disabled_at,
    }
    if users:
        body["users"] = list(group.users)
    if count:
        body["user_count"] = len(group.users)
    return body


def channel_json(state: State, channel: Channel) -> Json:
    """Return a conversation as conversations.info does."""
    if channel.user_id is not None:
        return {
            "id": channel.id,
            "is_im": True,
            "is_org_shared": False,
            "user": channel.user_id,
            "is_archived": False,
            "is_user_deleted": False,
            "context_team_id": state.team.id,
        }
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_im": False,
        "is_mpim": channel.is_for_several,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_general": False,
        "is_member": state.app.user_id in channel.members,
        "is_shared": False,
        "is_ext_shared": False,
        "is_org_shared": False,
        "context_team_id": state.team.id,
        "last_read": channel.last_read or "0000000000.000000",
        "num_members": len(channel.members),
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": channel.purpose, "creator": "", "last_set": 0},
    }


def message_json(state: State, message: Message, *, metadata: bool = False) -> Json:
    """Return a message as conversations.history does; metadata only where asked for."""
    body: Json = {
        "type": "message",
        "user": message.user_id,
        "team": state.team.id,
        "text": message.text,
        "ts": message.ts,
    }
    if message.is_tombstone:
        body |= {"subtype": "tombstone", "user": "USLACKBOT", "hidden": True}
    if message.bot_id is not None:
        body |= {"bot_id": message.bot_id, "app_id": state.app.id, "bot_profile": bot_json(state)}
    if message.author:
        # Such a message is nobody's: its example on chat.postMessage's page names no user.
        del body["user"]
        body |= {"subtype": "bot_message", **message.author}
    if message.subtype is not None:
        body["subtype"] = message.subtype
    for name in ("thread_ts", "blocks", "attachments", "edited"):
        value = getattr(message, name)
        if value:
            body[name] = value
    if metadata and message.metadata is not None:
        body["metadata"] = message.metadata
    return body | _carried(state, message) | _thread_json(state, message)


def _carried(state: State, message: Message) -> Json:
    body: Json = {}
    if message.files:
        body["files"] = [file_json(state, file_id) for file_id in message.files]
    if state.is_streaming(message):
        body["streaming"] = True  # ours, for the page; Slack has no such field
    if message.reactions:
        body["reactions"] = [
            {"name": name, "users": users, "count": len(users)}
            for name, users in message.reactions.items()
        ]
    return body


def _thread_json(state: State, message: Message) -> Json:
    if message.thread_ts not in (None, message.ts):
        parent = state.find(message.channel_id, message.thread_ts)
        return {"parent_user_id": parent.user_id} if parent is not None else {}
    replies = state.replies(message.channel_id, message.ts)
    if not replies:
        return {}
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users": sorted({reply.user_id for reply in replies}),
        "latest_reply": replies[-1].ts,
    }


def file_json(state: State, file_id: str) -> Json:
    """Return a file as files.info does; one that was deleted leaves a tombstone in messages."""
    file = state.files.get(file_id)
    if file is None:
        return {"id": file_id, "mode": "tombstone"}
    place = f"{file.base_url}/files-pri/{state.team.id}-{file.id}"
    name = quote(file.name, safe="")
    kind = PurePath(file.name).suffix.removeprefix(".").lower() or "binary"
    at = int(file.created_at.timestamp())
    return {
        "id": file.id,
        "created": at,
        "timestamp": at,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": kind,
        "pretty_type": kind.upper(),
        "user": file.user_id,
        "user_team": state.team.id,
        "editable": False,
        "size": file.size,
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": bool(_shared_with(state, file, "channel")),
        "public_url_shared": False,
        "alt_txt": file.alt_text,
        "url_private": f"{place}/{name}",
        "url_private_download": f"{place}/download/{name}",
        "permalink": f"{file.base_url}/files/{file.user_id}/{file.id}/{name}",
        "channels": _shared_with(state, file, "channel"),
        "groups": [
            *_shared_with(state, file, "group"),
            *_shared_with(state, file, "mpim"),
        ],
        "ims": _shared_with(state, file, "im"),
        "has_rich_preview": False,
        "file_access": "visible",
    }


def _shared_with(state: State, file: File, kind: str) -> list[str]:
    return [channel for channel in file.shares if state.channels[channel].kind == kind]


def bot_json(state: State) -> Json:
    """Return the bot's profile as messages carry it."""
    return {
        "id": state.app.bot_id,
        "deleted": False,
        "name": state.app.name,
        "updated": 0,
        "app_id": state.app.id,
        "user_id": state.app.user_id,
        "icons": {},
        "team_id": state.team.id,
    }


def view_json(state: State, view: View) -> Json:
    """Return a view as views.open and the view payloads do."""
    body = view.body
    return {
        "id": view.id,
        "team_id": state.team.id,
        "type": body["type"],
        "blocks": body["blocks"],
        "private_metadata": body.get("private_metadata") or "",
        "callback_id": body.get("callback_id") or "",
        "state": {"values": view.values},
        "hash": view.hash,
        "title": body.get("title"),
        "close": body.get("close"),
        "submit": body.get("submit"),
        "clear_on_close": bool(body.get("clear_on_close")),
        "notify_on_close": bool(body.get("notify_on_close")),
        "previous_view_id": view.previous_id,
        "root_view_id": view.root_id,
        "app_id": state.app.id,
        "external_id": body.get("external_id") or "",
        "app_installed_team_id": state.team.id,
        "bot_id": state.app.bot_id,
    }
