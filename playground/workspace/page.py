"""The page and its JSON API: what a person sees, and what a person does."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from playground.workspace.acts import Acts, Click
from playground.workspace.bodies import json_object
from playground.workspace.context import Context
from playground.workspace.guard import HEADERS, guarded
from playground.workspace.model import ActError, ApiError, Channel, Json, Message, View
from playground.workspace.scheduling import post_due
from playground.workspace.shapes import message_json, view_json
from playground.workspace.windows import MOST_NAMED, Window, in_thread, top_level, window

STATIC = Path(__file__).with_name("static")
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
HEARTBEAT_S = 15.0
TOLD = {
    "channel_not_found": "There is no such channel, or you are not in it. Choose another one.",
    "user_not_found": "There is no such person. Choose another one.",
}
# A message's address as Slack writes it.
ARCHIVED = "/archives/{channel:[A-Z0-9]{1,20}}/p{stamp:[0-9]{7,20}}"


class Page:
    """Serves /, /static/ and /page/."""

    def __init__(self, context: Context, acts: Acts) -> None:
        self._context = context
        self._acts = acts

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, all guarded against other websites."""
        return [
            web.get("/", guarded(self._index)),
            web.get("/static/{name}", guarded(self._asset)),
            web.get(ARCHIVED, guarded(self._linked)),
            web.get("/page/state", guarded(self._state)),
            web.get("/page/messages", guarded(self._messages)),
            web.get("/page/feed", guarded(self._feed)),
            web.post("/page/{act}", guarded(self._act)),
        ]

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return _file(STATIC / "index.html")

    async def _linked(self, request: web.Request) -> web.StreamResponse:
        """Lead to a message by the address that Slack gives it, without the point in its ts."""
        channel, stamp = request.match_info["channel"], request.match_info["stamp"]
        raise web.HTTPFound(f"/#{channel}/{stamp[:-6]}.{stamp[-6:]}")

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        known = {path.name: path for path in STATIC.iterdir()}
        if name not in known:
            raise web.HTTPNotFound
        return _file(known[name])

    async def _state(self, request: web.Request) -> web.StreamResponse:
        return _answer(self._see(request, self._snapshot))

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        return _answer(self._see(request, lambda user_id: self._read(user_id, request.query)))

    def _see(self, request: web.Request, look: Callable[[str], Json]) -> Json:
        post_due(self._context)
        user_id = request.query.get("user", "")
        try:
            return look(self._context.state.user(user_id).id)
        except ApiError as refusal:
            people = [user.id for user in self._context.state.users.values() if not user.is_bot]
            wrong = {"error": refusal.code, "message": refusal.code, "people": people}
            return {"ok": False, **wrong}

    def _snapshot(self, user_id: str) -> Json:
        state = self._context.state
        people = [
            {"id": u.id, "name": u.name, "real_name": u.real_name, "is_bot": u.is_bot}
            for u in state.users.values()
        ]
        groups = [
            {"id": g.id, "handle": g.handle, "name": g.name, "users": g.users}
            for g in state.groups.values()
        ]
        top, home = state.top_view(user_id), state.homes.get(user_id)
        return {
            "ok": True,
            "seq": state.feed.seq,
            "team": {"id": state.team.id, "name": state.team.name},
            "app": {"id": state.app.id, "name": state.app.name, "user_id": state.app.user_id},
            "commands": sorted(state.app.commands or ()),
            "hints": dict(state.app.hints),
            "prompts": list(state.app.prompts),
            "is_bot_connected": self._context.delivery.is_app_there,
            "users": people,
            "usergroups": groups,
            "channels": [
                self._channel(c, user_id) for c in state.channels.values() if user_id in c.members
            ],
            "modal": self._view(top) if top is not None else None,
            "home": self._view(home) if home is not None else None,
        }

    def _channel(self, channel: Channel, user_id: str) -> Json:
        newest_first = reversed(self._context.state.messages[channel.id].values())
        last_ts = next((m.ts for m in newest_first if m.visible_to in (None, user_id)), None)
        return {
            "id": channel.id,
            "name": channel.name,
            "kind": channel.kind,
            "topic": channel.topic,
            "members": len(channel.members),
            "is_archived": channel.is_archived,
            "last_ts": last_ts,
        }

    def _view(self, view: View) -> Json:
        depth = len(self._context.state.stacks.get(view.user_id, []))
        return view_json(self._context.state, view) | {"errors": view.errors, "depth": depth}

    def _read(self, user_id: str, query: Mapping[str, str]) -> Json:
        """Return the messages that are asked for: a window, a few by their ts, or all of them."""
        state = self._context.state
        channel = state.channel_for(user_id, query.get("channel", ""))
        everything = state.messages[channel.id]
        sessions = {
            ts: session
            for (channel_id, ts), session in state.sessions.items()
            if channel_id == channel.id
        }
        answer: Json = {"ok": True, "channel": channel.id, "sessions": sessions}
        if "ts" in query:
            named = query["ts"].split(",")[:MOST_NAMED]
            found = [m for ts in named if (m := everything.get(ts)) and _is_for(user_id, m)]
            known = {message.ts for message in found}
            gone = [ts for ts in named if ts not in known]
            return answer | {"messages": self._told(found), "gone": gone}
        seen = [message for message in everything.values() if _is_for(user_id, message)]
        if "limit" not in query:
            return answer | {"messages": self._told(seen)}
        shown = self._window(channel, seen, query)
        beyond = {"has_before": shown.has_before, "has_after": shown.has_after}
        return answer | {"messages": self._told(shown.messages)} | beyond

    def _window(self, channel: Channel, seen: list[Message], query: Mapping[str, str]) -> Window:
        if query.get("thread"):
            return window(in_thread(seen, query["thread"]), query)
        wanted = self._context.state.find(channel.id, query.get("around", ""))
        if wanted is not None and wanted.thread_ts:
            # A reply is shown in its thread, so the channel is opened at the parent.
            query = {**query, "around": wanted.thread_ts}
        return window(top_level(seen), query)

    def _told(self, messages: Sequence[Message]) -> list[Json]:
        return [self._message(message) for message in messages]

    def _message(self, message: Message) -> Json:
        body = message_json(self._context.state, message, metadata=True)
        body.setdefault("user", body.get("username", message.user_id))
        return body | {"is_ephemeral": message.visible_to is not None}

    async def _feed(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        async with self._context.state.feed.watch() as changes:
            # A reader that went away ends its own stream; nobody else is concerned.
            with suppress(ConnectionResetError):
                await _stream(response, changes)
        return response

    async def _act(self, request: web.Request) -> web.StreamResponse:
        self._context.base_url = str(request.url.origin())
        act = ACTS.get(request.match_info["act"])
        if act is None:
            raise web.HTTPNotFound
        try:
            done = await act.do(self._acts, await _body(request, act))
        except ApiError as refusal:
            told = TOLD.get(refusal.code, refusal.code)
            return _answer({"ok": False, "error": refusal.code, "message": told})
        except ActError as failed:
            wrong = {"error": failed.code, "message": failed.message, "errors": failed.errors}
            return _answer({"ok": False, **wrong})
        return _answer({"ok": True, **done})


async def _say(acts: Acts, body: Json) -> Json:
    where = body["channel"], body["text"], body.get("thread_ts")
    return {"ts": acts.say(body["user"], *where).ts}


async def _command(acts: Acts, body: Json) -> Json:
    await acts.command(body["user"], body["channel"], body["command"], str(body.get("text", "")))
    return {}


async def _clicked(acts: Acts, body: Json) -> Json:
    await acts.click(_click_of(body))
    return {}


def _click_of(body: Json) -> Click:
    return Click(
        user_id=body["user"],
        action_id=body["action_id"],
        block_id=body.get("block_id"),
        channel_id=body.get("channel", ""),
        ts=body.get("ts", ""),
        view_id=body.get("view_id", ""),
        value=body.get("value"),
        values=_values(body),
        is_forged=bool(body.get("is_forged")),
    )


def _values(body: Json) -> Json:
    values = body.get("values") or {}
    if isinstance(values, dict) and all(isinstance(typed, dict) for typed in values.values()):
        return values
    raise ActError("invalid_values", "Send `values` as {block id: {action id: value}}.")


async def _submit(acts: Acts, body: Json) -> Json:
    forged = bool(body.get("is_forged"))
    await acts.submit(body["user"], body["view_id"], _values(body), is_forged=forged)
    return {}


async def _close(acts: Acts, body: Json) -> Json:
    await acts.close(body["user"], body["view_id"], is_all=bool(body.get("is_all")))
    return {}


async def _home(acts: Acts, body: Json) -> Json:
    acts.open_home(body["user"])
    return {}


async def _stop(acts: Acts, body: Json) -> Json:
    acts.stop_session(body["user"], body["channel"], body["thread_ts"])
    return {}


async def _react(acts: Acts, body: Json) -> Json:
    where = body["user"], body["channel"], body["ts"], body["name"]
    acts.react(*where, is_back=bool(body.get("is_back")))
    return {}


async def _suggest(acts: Acts, body: Json) -> Json:
    return await acts.suggest(_click_of(body), body["text"])


async def _attach(acts: Acts, body: Json) -> Json:
    size = body.get("size")
    if type(size) is not int:  # a bool is an int to isinstance
        raise ActError("invalid_size", "Send the `size` of the file in bytes.")
    return acts.attach(_click_of(body), body["name"], size)


@dataclass(frozen=True)
class Act:
    """One thing that a person can do: what does it, and the texts that the body must have."""

    do: Callable[[Acts, Json], Awaitable[Json]]
    required: tuple[str, ...]


ACTS = {
    "say": Act(_say, ("user", "channel", "text")),
    "command": Act(_command, ("user", "channel", "command")),
    "attach": Act(_attach, ("user", "view_id", "action_id", "name")),
    "click": Act(_clicked, ("user", "action_id")),
    "submit": Act(_submit, ("user", "view_id")),
    "close": Act(_close, ("user", "view_id")),
    "home": Act(_home, ("user",)),
    "react": Act(_react, ("user", "channel", "ts", "name")),
    "suggest": Act(_suggest, ("user", "action_id", "text")),
    "stop": Act(_stop, ("user", "channel", "thread_ts")),
}


async def _stream(response: web.StreamResponse, changes: "asyncio.Queue[Json | None]") -> None:
    await response.write(b": open\n\n")
    while True:
        try:
            change = await asyncio.wait_for(changes.get(), HEARTBEAT_S)
        except TimeoutError:
            # An event and not a comment: a page hears when it ends, where no error tells it.
            await response.write(b"event: beat\ndata: still here\n\n")
            continue
        if change is None:
            return
        await response.write(f"data: {json.dumps(change)}\n\n".encode())


async def _body(request: web.Request, act: Act) -> Json:
    try:
        body = await json_object(request)
    except ApiError:
        raise ActError("invalid_json", "Send a JSON object.") from None
    missing = [name for name in act.required if not isinstance(body.get(name), str)]
    if missing:
        raise ActError("missing_field", f"Send {', '.join(missing)} as text.")
    return body


def _is_for(user_id: str, message: Message) -> bool:
    return message.visible_to in (None, user_id)


def _answer(body: Json) -> web.Response:
    return web.json_response(body, headers=HEADERS)


def _file(path: Path) -> web.Response:
    kind = TYPES.get(path.suffix, "application/octet-stream")
    return web.Response(body=path.read_bytes(), content_type=kind, charset="utf-8", headers=HEADERS)
