"""The Web API's one door: reads arguments, checks token and scope, answers, remembers."""

from http import HTTPStatus

from aiohttp import web

from playground.workspace.allowance import Allowance
from playground.workspace.bodies import form, json_object, parsed
from playground.workspace.context import Context
from playground.workspace.faults import Faults
from playground.workspace.methods import METHODS, Method
from playground.workspace.model import ApiError, Call, Json, invalid
from playground.workspace.scheduling import post_due

JSON_ARGUMENTS = ("blocks", "attachments", "view", "metadata", "files", "prompts", "chunks")
# Where an argument that is no JSON has a code of its own.
UNREADABLE = {
    "attachments": "invalid_attachments",
    "blocks": "invalid_blocks_format",
    "chunks": "invalid_chunks",
    "metadata": "invalid_metadata_format",
}
POST_TYPES = (
    *("application/json", "application/x-www-form-urlencoded"),
    *("multipart/form-data", "text/plain"),
)


class PutOffError(Exception):
    """A call is one too many for now; it may come again after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"again after {seconds} s")
        self.seconds = seconds


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
        post_due(self._context)
        try:
            args = await read_arguments(request)
            answer = {"ok": True, **self._answer(request, name, args)}
        except PutOffError as put_off:
            return self._rate_limited(name, args, put_off.seconds)
        except ApiError as refusal:
            answer = {"ok": False, "error": refusal.code, **refusal.details}
        self.remember(name, args, answer)
        if self._faults.is_answer_lost(name) and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer, headers=self._headers(name))

    def _count(self, name: str, method: Method, args: Json) -> None:
        """Count a call, and put off one that is too many; raises PutOffError."""
        now = self._context.state.clock.now()
        channel = self._context.place_of(args.get("channel"))
        seconds = self.allowance.retry_after_s(name, method.per_minute, channel, now)
        if seconds is not None:
            raise PutOffError(seconds)

    def _answer(self, request: web.Request, name: str, args: Json) -> Json:
        ordered_s = self._faults.retry_after_s(name)
        if ordered_s is not None:
            raise PutOffError(ordered_s)
        method = METHODS.get(name)
        if method is None:
            self.unknown_calls.append(name)
            raise ApiError("unknown_method", req_method=name)
        self._authorize(method, request, args)
        # After the token: what nobody may call counts against no app.
        self._count(name, method, args)
        method.check_scopes(self._context, args)
        return method.serve(self._context, args)

    def _authorize(self, method: Method, request: web.Request, args: Json) -> None:
        app = self._context.state.app
        if method.is_open:
            return
        if method.is_for_app_token and request.method != "POST":
            raise ApiError("insecure_request")
        token = _in_header(request)
        if not token and not method.is_for_app_token:  # that one has its place in the header only
            token = _in_arguments(request, args)
        if not token:
            raise ApiError("not_authed")
        if token not in (app.bot_token, app.app_token):
            raise ApiError("invalid_auth")
        if self._faults.is_token_revoked:
            raise ApiError("token_revoked")
        if (token == app.app_token) != method.is_for_app_token:
            raise ApiError("not_allowed_token_type")

    def _headers(self, name: str) -> dict[str, str]:
        accepted = METHODS[name].accepted if name in METHODS else ()
        return {
            "x-oauth-scopes": ",".join(self._context.state.app.scopes),
            "x-accepted-oauth-scopes": ",".join(accepted),
        }

    def _rate_limited(self, name: str, args: Json, retry_after_s: int) -> web.Response:
        answer: Json = {"ok": False, "error": "ratelimited"}
        self.remember(name, args, answer)
        return web.json_response(
            answer,
            status=HTTPStatus.TOO_MANY_REQUESTS,
            headers={"Retry-After": str(retry_after_s)},
        )

    def remember(self, name: str, args: Json, answer: Json) -> None:
        """Keep a call in the log, without its token."""
        kept = {key: value for key, value in args.items() if key != "token"}
        at = self._context.state.clock.now()
        self.calls.append(Call(method=name, args=kept, answer=answer, at=at))


def nobody_there(request: web.Request, faults: Faults, name: str) -> web.Response:
    """Close without a word, as when nothing listens any more."""
    faults.knocks[name] += 1
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _in_header(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _in_arguments(request: web.Request, args: Json) -> str:
    # With a JSON body the token has its place in the header only (docs.slack.dev, Web API).
    is_json = request.content_type == "application/json"
    return str((request.query if is_json else args).get("token") or "")


async def read_arguments(request: web.Request) -> Json:
    """Merge query string, form and JSON body, and decode the arguments that carry JSON in text."""
    # Of what is given twice the last counts, as PHP reads it.
    args: Json = dict(request.query.items())
    if request.can_read_body and "Content-Type" not in request.headers:
        raise ApiError("missing_post_type")
    if request.can_read_body and request.content_type not in POST_TYPES:
        raise ApiError("invalid_post_type")
    if request.content_type == "application/json":
        args |= await json_object(request)
    elif request.can_read_body:
        args |= await form(request)
    for name in JSON_ARGUMENTS:
        if isinstance(args.get(name), str) and args[name]:
            args[name] = _decoded(name, args[name])
    return args


def _decoded(name: str, text: str) -> object:
    try:
        return parsed(text)
    except ValueError:
        if name in UNREADABLE:
            raise ApiError(UNREADABLE[name]) from None
        raise invalid("invalid_arguments", [f"invalid JSON [json-pointer:/{name}]"]) from None
