"""Every Web API method there is: what serves it, which scope it needs, and how often it may be.

Scopes and tiers: docs.slack.dev/reference/methods/<name>. Of apps.connections.open the pages have
said Tier 1 and, later, Tier 3; the later one counts here.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from playground.workspace import (
    chat,
    conversations,
    directs,
    files,
    people,
    reactions,
    rooms,
    scheduling,
    sessions,
    streaming,
    unfurling,
    usergroups,
    validation,
    views,
)
from playground.workspace.context import Context
from playground.workspace.model import ApiError, Json, SlackApp

TIER_2, TIER_3, TIER_4 = 20, 50, 100
SEVERAL_HUNDRED = 300
# The app's own name and picture are its to change with a scope for just that.
CUSTOM, CUSTOMIZE = ("icon_emoji", "icon_url", "username"), "chat:write.customize"
PREFIXES = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


@dataclass(frozen=True)
class Method:
    """One method: what serves it, and the scopes of which it needs one.

    `kinds` are the last parts of scopes that are named for the kind of conversation, such as
    `history` of channels:history: a call about one conversation needs that kind's own, and one
    that names none needs those of every kind that it has `asked` for. An open one takes no token.
    One that `may_rename` shows the app by another name or picture.
    """

    serve: Callable[[Context, Json], Json]
    scopes: tuple[str, ...] = ()
    per_minute: int | None = None
    kinds: tuple[str, ...] = ()
    asked: Callable[[Json], Collection[str]] | None = None
    is_for_app_token: bool = False
    is_open: bool = False
    may_rename: bool = False

    @property
    def accepted(self) -> tuple[str, ...]:
        """Every scope that could do, as the answer's header names them."""
        by_kind = (f"{kind}:{part}" for part in self.kinds for kind in PREFIXES.values())
        return (*self.scopes, *by_kind)

    def check_scopes(self, context: Context, args: Json) -> None:
        """Refuse with `missing_scope` what the app was not granted."""
        app = context.state.app
        channel = context.state.channels.get(str(args.get("channel")))
        kinds: Collection[str] = ()
        if channel is not None:
            kinds = (channel.kind,)
        elif self.asked is not None:
            kinds = self.asked(args)
        wanted = [self._of_kind(kind) for kind in kinds] if self.kinds else []
        missing = [one for one in wanted or [{*self.accepted}] if one and not one & {*app.scopes}]
        is_renamed = self.may_rename and any(args.get(name) for name in CUSTOM)
        if is_renamed and CUSTOMIZE not in app.scopes:
            missing.append({CUSTOMIZE})
        if missing:
            raise missing_scope(app, {scope for one in missing for scope in one})

    def _of_kind(self, kind: str) -> set[str]:
        return {*self.scopes, *(f"{PREFIXES[kind]}:{part}" for part in self.kinds)}


def missing_scope(app: SlackApp, needed: Collection[str]) -> ApiError:
    """Return the refusal of a call for which a scope is missing."""
    provided = ",".join(app.scopes)
    return ApiError("missing_scope", needed=",".join(sorted(needed)), provided=provided)


WRITE, READ_USERS = ("chat:write",), ("users:read",)
READ_GROUPS, WRITE_GROUPS = ("usergroups:read",), ("usergroups:write",)
HISTORY, READ, ROOMS = ("history",), ("read",), ("write", "manage")
TOPIC = ("write", "manage", "write.topic")

METHODS: dict[str, Method] = {
    "agents.sessions.rename": Method(sessions.rename, WRITE, TIER_3),
    "agents.sessions.setStatus": Method(
        sessions.set_session_status, WRITE, TIER_3, may_rename=True
    ),
    "api.test": Method(people.api_test, is_open=True),
    "apps.connections.open": Method(people.open_connection, (), TIER_3, is_for_app_token=True),
    "auth.test": Method(people.auth_test, (), SEVERAL_HUNDRED),
    "blocks.validate": Method(validation.validate, (), SEVERAL_HUNDRED),
    "bots.info": Method(people.bot_info, READ_USERS, TIER_3),
    "chat.appendStream": Method(streaming.append, WRITE, TIER_4),
    "chat.delete": Method(chat.delete, WRITE, TIER_3),
    "chat.deleteScheduledMessage": Method(scheduling.delete, WRITE, TIER_3),
    "chat.getPermalink": Method(chat.get_permalink),
    "chat.meMessage": Method(chat.me_message, WRITE, TIER_3),
    "chat.postEphemeral": Method(chat.post_ephemeral, WRITE, TIER_4, may_rename=True),
    "chat.postMessage": Method(chat.post_message, WRITE, SEVERAL_HUNDRED, may_rename=True),
    "chat.scheduleMessage": Method(scheduling.schedule, WRITE, TIER_3),
    "chat.scheduledMessages.list": Method(scheduling.list_all, (), TIER_3),
    "chat.startStream": Method(streaming.start, WRITE, TIER_2, may_rename=True),
    "chat.stopStream": Method(streaming.stop, WRITE, TIER_2),
    "chat.unfurl": Method(unfurling.unfurl, ("links:write",), TIER_3),
    "chat.update": Method(chat.update, WRITE, TIER_3),
    "conversations.archive": Method(rooms.archive, (), TIER_2, ROOMS),
    "conversations.close": Method(directs.close_direct, (), TIER_2, ROOMS),
    "conversations.create": Method(rooms.create, (), TIER_2, ROOMS, rooms.kind_made),
    "conversations.history": Method(conversations.history, (), TIER_3, HISTORY),
    "conversations.info": Method(conversations.info, (), TIER_3, READ),
    "conversations.invite": Method(rooms.invite, (), TIER_3, (*ROOMS, "write.invites")),
    "conversations.join": Method(conversations.join, ("channels:join",), TIER_3),
    "conversations.kick": Method(rooms.kick, (), TIER_3, ROOMS),
    "conversations.leave": Method(rooms.leave, (), TIER_3, ROOMS),
    "conversations.list": Method(conversations.list_all, (), TIER_2, READ, conversations.kinds_of),
    "conversations.mark": Method(conversations.mark, (), TIER_3, ROOMS),
    "conversations.members": Method(conversations.members, (), TIER_4, READ),
    "conversations.open": Method(directs.open_direct, (), TIER_3, ROOMS, directs.kind_opened),
    "conversations.rename": Method(rooms.rename, (), TIER_2, ROOMS),
    "conversations.replies": Method(conversations.replies, (), TIER_3, HISTORY),
    "conversations.setPurpose": Method(rooms.set_purpose, (), TIER_2, TOPIC),
    "conversations.setTopic": Method(rooms.set_topic, (), TIER_2, TOPIC),
    "conversations.unarchive": Method(rooms.unarchive, (), TIER_2, ROOMS),
    "files.completeUploadExternal": Method(
        files.complete, ("files:write",), TIER_4, may_rename=True
    ),
    "files.delete": Method(files.delete, ("files:write",), TIER_3),
    "files.getUploadURLExternal": Method(files.upload_url, ("files:write",), TIER_4),
    "files.info": Method(files.info, ("files:read",), TIER_4),
    "files.list": Method(files.list_all, ("files:read",), TIER_3),
    "reactions.add": Method(reactions.add, ("reactions:write",), TIER_3),
    "reactions.get": Method(reactions.get, ("reactions:read",), TIER_3),
    "reactions.list": Method(reactions.list_all, ("reactions:read",), TIER_2),
    "reactions.remove": Method(reactions.remove, ("reactions:write",), TIER_2),
    "usergroups.create": Method(usergroups.create, WRITE_GROUPS, TIER_2),
    "usergroups.disable": Method(usergroups.disable, WRITE_GROUPS, TIER_2),
    "usergroups.enable": Method(usergroups.enable, WRITE_GROUPS, TIER_2),
    "usergroups.list": Method(usergroups.list_all, READ_GROUPS, TIER_2),
    "usergroups.update": Method(usergroups.update, WRITE_GROUPS, TIER_2),
    "usergroups.users.list": Method(usergroups.users, READ_GROUPS, TIER_2),
    "usergroups.users.update": Method(usergroups.update_users, WRITE_GROUPS, TIER_2),
    "users.conversations": Method(conversations.of_user, (), TIER_3, READ, conversations.kinds_of),
    "users.getPresence": Method(people.presence, READ_USERS, TIER_3),
    "users.info": Method(people.user_info, READ_USERS, TIER_4),
    "users.list": Method(people.user_list, READ_USERS, TIER_2),
    "users.lookupByEmail": Method(people.by_email, ("users:read.email",), TIER_3),
    "users.profile.get": Method(people.profile, ("users.profile:read",), TIER_4),
    "users.setPresence": Method(people.set_presence, ("users:write",), TIER_2),
    "views.open": Method(views.open_view, (), TIER_4),
    "views.publish": Method(views.publish_view, (), TIER_4),
    "views.push": Method(views.push_view, (), TIER_4),
    "views.update": Method(views.update_view, (), TIER_4),
}
