"""The Web API's one door: reads arguments, checks token and scope, answers, remembers."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from playground.workspace import chat, conversations, files, people, sessions, streaming, views
from playground.workspace.allowance import Allowance
from playground.workspace.context import Context
from playground.workspace.faults import Faults
from playground.workspace.model import ApiError, Call, Json, invalid

JSON_ARGUMENTS = ("blocks", "attachments", "view", "metadata", "files", "prompts", "chunks")
READ_CHANNELS = ("channels:read", "groups:read", "im:read")
READ_MESSAGES = ("channels:history", "groups:history", "im:history")


@dataclass(frozen=True)
class Method:
    """One method: what serves it, and the scopes of which it needs one."""

    serve: Callable[[Context, Json], Json]
    scopes: tuple[str, ...] = ()
    is_for_app_token: bool = False


METHODS: dict[str, Method] = {
    "agents.sessions.rename": Method(sessions.rename, ("chat:write",)),
    "agents.sessions.setStatus": Method(sessions.set_session_status, ("chat:write",)),
    "apps.connections.open": Method(people.open_connection, is_for_app_token=True),
    "auth.test": Method(people.auth_test),
    "bots.info": Method(people.bot_info, ("users:read",)),
    "chat.appendStream": Method(streaming.append, ("chat:write",)),
    "chat.delete": Method(chat.delete, ("chat:write",)),
    "chat.getPermalink": Method(chat.get_permalink),
    "chat.postEphemeral": Method(chat.post_ephemeral, ("chat:write",)),
    "chat.postMessage": Method(chat.post_message, ("chat:write",)),
    "chat.startStream": Method(streaming.start, ("chat:write",)),
    "chat.stopStream": Method(streaming.stop, ("chat:write",)),
    "chat.update": Method(chat.update, ("chat:write",)),
    "conversations.history": Method(conversations.history, READ_MESSAGES),
    "conversations.info": Method(conversations.info, READ_CHANNELS),
    "conversations.join": Method(conversations.join, ("channels:join",)),
    "conversations.list": Method(conversations.list_all, READ_CHANNELS),
    "conversations.members": Method(conversations.members, READ_CHANNELS),
    "conversations.open": Method(conversations.open_direct, ("im:write",)),
    "conversations.replies": Method(conversations.replies, READ_MESSAGES),
    "files.completeUploadExternal": Method(files.complete, ("files:write",)),
    "files.delete": Method(files.delete, ("files:write",)),
    "files.getUploadURLExternal": Method(files.upload_url, ("files:write",)),
    "files.info": Method(files.info, ("files:read",)),
    "files.list": Method(files.list_all, ("files:read",)),
    "reactions.add": Method(chat.add_reaction, ("reactions:write",)),
    "usergroups.list": Method(people.group_list, ("usergroups:read",)),
    "usergroups.users.list": Method(people.group_users, ("usergroups:read",)),
    "users.info": Method(people.user_info, ("users:read",)),
    "users.list": Method(people.user_list, ("users:read",)),
    "views.open": Method(views.open_view),
    "views.publish": Method(views.publish_view),
    "views.push": Method(views.push_view),
    "views.update": Method(views.update_view),
}


class WebApi:
    """Serves /api/<method> and keeps the log of calls."""

    def __init__(self, context: Context, faults: Faults) -> None:
        self._context = context
        self._faults = faults
        self.allowance = Allowance()
        self.calls: list[Call] = []
        self.unknown_calls: list[str] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one call as slack.com/api does."""
        name = request.match_info["method"]
        self._context.base_url = str(request.url.origin())
        if self._faults.is_away:
            return nobody_there(request, self._faults, name)
        args: Json = {}
        try:
            args = await read_arguments(request)
            retry_after_s = self._put_off(name, args)
            if retry_after_s is not None:
                return self._rate_limited(name, retry_after_s)
            answer = {"ok": True, **self._answer(name, args, _token(request, args))}
        except ApiError as refusal:
            answer = {"ok": False, "error": refusal.code, **refusal.details}
        self._remember(name, args, answer)
        if self._faults.is_answer_lost(name) and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer, headers=self._headers(name))

    def _put_off(self, name: str, args: Json) -> int | None:
        """Return for how long a call is put off: ordered by a test, or because it is too many."""
        now = self._context.state.clock.now()
        excess_s = self.allowance.retry_after_s(name, args.get("channel"), now)
        ordered_s = self._faults.retry_after_s(name)
        return ordered_s if excess_s is None else excess_s

    def _answer(self, name: str, args: Json, token: str) -> Json:
        method = METHODS.get(name)
        if method is None:
            self.unknown_calls.append(name)
            raise ApiError("unknown_method", req_method=name)
        self._authorize(method, token)
        return method.serve(self._context, args)

    def _authorize(self, method: Method, token: str) -> None:
        app = self._context.state.app
        if not token:
            raise ApiError("not_authed")
        if token not in (app.bot_token, app.app_token):
            raise ApiError("invalid_auth")
        if (token == app.app_token) != method.is_for_app_token:
            raise ApiError("not_allowed_token_type")
        if method.scopes and not set(method.scopes) & set(app.scopes):
            needed, provided = ",".join(method.scopes), ",".join(app.scopes)
            raise ApiError("missing_scope", needed=needed, provided=provided)

    def _headers(self, name: str) -> dict[str, str]:
        accepted = METHODS[name].scopes if name in METHODS else ()
        return {
            "x-oauth-scopes": ",".join(self._context.state.app.scopes),
            "x-accepted-oauth-scopes": ",".join(accepted),
        }

    def _rate_limited(self, name: str, retry_after_s: int) -> web.Response:
        answer: Json = {"ok": False, "error": "ratelimited"}
        self._remember(name, {}, answer)
        return web.json_response(
            answer,
            status=HTTPStatus.TOO_MANY_REQUESTS,
            headers={"Retry-After": str(retry_after_s)},
        )

    def _remember(self, name: str, args: Json, answer: Json) -> None:
        kept = {key: value for key, value in args.items() if key != "token"}
        at = self._context.state.clock.now()
        self.calls.append(Call(method=name, args=kept, answer=answer, at=at))


def nobody_there(request: web.Request, faults: Faults, name: str) -> web.Response:
    """Close without a word, as when nothing listens any more."""
    faults.knocks[name] += 1
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _token(request: web.Request, args: Json) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else str(args.get("token") or "")


async def read_arguments(request: web.Request) -> Json:
    """Merge query string, form and JSON body, and decode the arguments that carry JSON in text."""
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        args |= await _json_body(request)
    elif request.can_read_body:
        args |= dict(await request.post())
    for name in JSON_ARGUMENTS:
        if isinstance(args.get(name), str) and args[name]:
            args[name] = _decoded(name, args[name])
    return args


async def _json_body(request: web.Request) -> Json:
    try:
        # The SDK without asyncio says JSON of an empty body, too.
        body = json.loads(await request.text() or "{}")
    except json.JSONDecodeError:
        raise ApiError("invalid_json") from None
    if not isinstance(body, dict):
        raise ApiError("json_not_object")
    return body


def _decoded(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        if name == "blocks":
            raise ApiError("invalid_blocks_format") from None
        raise invalid("invalid_arguments", [f"invalid JSON [json-pointer:/{name}]"]) from None
