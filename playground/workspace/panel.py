"""The page's panel over HTTP: faults to order and to take back, and the log of API calls."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from playground.workspace.faults import Faults
from playground.workspace.feed import Feed
from playground.workspace.guard import HEADERS, guarded
from playground.workspace.model import Call, Json
from playground.workspace.sockets import REASONS, REFRESH

LOG_PAGE, PLACE_DIGITS = 200, 9
MAX_TIMES, MAX_SECONDS = 100, 600
POST = "chat.postMessage"


class Troubled(Protocol):
    """What the panel drives: a workspace."""

    @property
    def faults(self) -> Faults:
        """The faults that are ordered."""

    @property
    def feed(self) -> Feed:
        """Where changes are told."""

    @property
    def calls(self) -> list[Call]:
        """The log of API calls."""

    @property
    def transport(self) -> str:
        """How the app is reached."""

    @property
    def sockets(self) -> int:
        """How many connections the app has open."""

    @property
    def is_link_disabled(self) -> bool:
        """Whether Socket Mode is switched off."""

    def cut_streams(self) -> None:
        """End every stream that is open."""

    def cut_sockets(self) -> None:
        """Break every connection off."""

    def enable_link(self) -> None:
        """Switch Socket Mode on again."""

    def go_away(self) -> None:
        """Be gone."""

    def come_back(self) -> None:
        """Answer again."""

    def restart(self) -> None:
        """Be as after a restart."""

    async def disconnect(self, reason: str) -> None:
        """Tell every socket to go."""


class PanelError(Exception):
    """What was asked for cannot be done; `code`, and the text for the person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Order:
    """One fault: what it does in a few words, its fields with their defaults, and its doing."""

    about: str
    do: Callable[[Troubled, Json], Awaitable[None] | None]
    fields: Json = field(default_factory=dict)


ORDERS: dict[str, Order] = {
    "duplicate": Order(
        "Deliver the next envelopes twice",
        lambda w, f: w.faults.duplicate_next(f["times"]),
        {"times": 1},
    ),
    "delay": Order(
        "Deliver the next envelopes late",
        lambda w, f: w.faults.delay_next(f["seconds"], f["times"]),
        {"seconds": 5, "times": 1},
    ),
    "reorder": Order(
        "Let the next envelopes be overtaken",
        lambda w, f: w.faults.reorder_next(f["times"]),
        {"times": 1},
    ),
    "together": Order(
        "Let the next clicks arrive at the same moment",
        lambda w, f: w.faults.meet_next(f["times"]),
        {"times": 2},
    ),
    "lose_answer": Order(
        "Do the work, lose the answer",
        lambda w, f: w.faults.lose_answer(f["method"], f["times"]),
        {"method": POST, "times": 1},
    ),
    "rate_limit": Order(
        "Answer 429 with Retry-After",
        lambda w, f: w.faults.rate_limit(f["method"], int(f["retry_after_s"]), f["times"]),
        {"method": POST, "retry_after_s": 5, "times": 1},
    ),
    "fail": Order(
        "Answer with a server error, do nothing",
        lambda w, f: w.faults.fail(f["method"], int(f["status"]), f["times"]),
        {"method": POST, "status": 500, "times": 1},
    ),
    "slow": Order(
        "Do the work, answer late",
        lambda w, f: w.faults.slow_down(f["method"], f["seconds"], f["times"]),
        {"method": POST, "seconds": 5, "times": 1},
    ),
    "stream_cut": Order("End every stream that is open", lambda w, _: w.cut_streams()),
    "socket_cut": Order("Break every connection off", lambda w, _: w.cut_sockets()),
    "disconnect": Order(
        "Ask every connection to go",
        lambda w, f: w.disconnect(f["reason"]),
        {"reason": REFRESH},
    ),
    "link_enabled": Order("Switch Socket Mode on again", lambda w, _: w.enable_link()),
    "token_revoked": Order("Revoke the app's tokens", lambda w, _: w.faults.revoke_tokens()),
    "token_restored": Order(
        "Let the app's tokens be good again",
        lambda w, _: w.faults.revoke_tokens(is_back=True),
    ),
    "away": Order("Let Slack be away", lambda w, _: w.go_away()),
    "back": Order("Let Slack be back", lambda w, _: w.come_back()),
    "restart": Order("Restart Slack: what was said is kept", lambda w, _: w.restart()),
}
LIMITS = {"times": (1, MAX_TIMES), "status": (500, 599)}


class Panel:
    """Serves /page/faults and /page/calls."""

    def __init__(self, workspace: Troubled) -> None:
        self._workspace = workspace

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, all guarded against other websites."""
        return [
            web.get("/page/faults", guarded(self._show)),
            web.post("/page/faults", guarded(self._order)),
            web.post("/page/faults/clear", guarded(self._clear)),
            web.get("/page/calls", guarded(self._calls)),
        ]

    async def _show(self, _request: web.Request) -> web.StreamResponse:
        workspace = self._workspace
        known = [
            {"fault": name, "about": order.about, "fields": order.fields}
            for name, order in ORDERS.items()
        ]
        return _answer(
            {
                "ok": True,
                "transport": workspace.transport,
                "sockets": workspace.sockets,
                "is_away": workspace.faults.is_away,
                "is_link_disabled": workspace.is_link_disabled,
                "ordered": workspace.faults.ordered(),
                "known": known,
            }
        )

    async def _order(self, request: web.Request) -> web.StreamResponse:
        try:
            order, fields = _read(await request.text())
        except PanelError as refusal:
            return _answer({"ok": False, "error": refusal.code, "message": str(refusal)})
        doing = order.do(self._workspace, fields)
        if doing is not None:
            await doing
        self._workspace.feed.publish("faults")
        return await self._show(request)

    async def _clear(self, request: web.Request) -> web.StreamResponse:
        self._workspace.faults.clear()
        self._workspace.enable_link()
        self._workspace.feed.publish("faults")
        return await self._show(request)

    async def _calls(self, request: web.Request) -> web.StreamResponse:
        calls = self._workspace.calls
        since = request.query.get("since", "")
        # Its length first: thousands of digits are no number that Python reads.
        is_place = since.isdecimal() and len(since) <= PLACE_DIGITS
        start = int(since) if is_place else max(0, len(calls) - LOG_PAGE)
        shown = calls[start : start + LOG_PAGE]
        listed = [_call(seq, call) for seq, call in enumerate(shown, start=start + 1)]
        return _answer(
            {"ok": True, "total": len(calls), "next": start + len(shown), "calls": listed}
        )


def _call(seq: int, call: Call) -> Json:
    return {
        "seq": seq,
        "method": call.method,
        "args": call.args,
        "answer": call.answer,
        "at": call.at.isoformat(),
    }


def _read(text: str) -> tuple[Order, Json]:
    try:
        body = json.loads(text)
    except ValueError:
        raise PanelError("invalid_json", "Send a JSON object.") from None
    order = ORDERS.get(str(body.get("fault"))) if isinstance(body, dict) else None
    if order is None:
        raise PanelError("unknown_fault", f"There is no such fault. Known: {', '.join(ORDERS)}.")
    return order, {name: _field(body, name, default) for name, default in order.fields.items()}


def _field(body: Json, name: str, default: object) -> object:
    value = body.get(name, default)
    if isinstance(default, str):
        if name == "reason" and value not in REASONS:
            raise PanelError("invalid_field", f"`reason` is one of {', '.join(REASONS)}.")
        if not isinstance(value, str) or not value:
            raise PanelError("invalid_field", f"Send `{name}` as text.")
        return value
    low, high = LIMITS.get(name, (0, MAX_SECONDS))
    kinds = int if name in LIMITS else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        raise PanelError("invalid_field", f"Send `{name}` as a number from {low} to {high}.")
    return value


def _answer(body: Json) -> web.Response:
    return web.json_response(body, headers=HEADERS)
