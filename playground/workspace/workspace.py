"""The workspace as one object: what to mount, what to start and stop, what tests look at."""

import asyncio
import contextlib
from collections.abc import Collection
from http import HTTPStatus

from aiohttp import web

from playground.workspace.acts import Acts
from playground.workspace.api import WebApi, nobody_there, read_arguments
from playground.workspace.context import Context
from playground.workspace.delivery import Delivery, Patience
from playground.workspace.faults import Faults
from playground.workspace.feed import Feed
from playground.workspace.model import (
    ALL_SCOPES,
    ApiError,
    Call,
    Clock,
    Json,
    SlackApp,
    Subscriptions,
    Team,
    User,
)
from playground.workspace.page import Page
from playground.workspace.panel import Panel
from playground.workspace.responses import serve_response_url
from playground.workspace.signed import RequestUrls, SignedRequests
from playground.workspace.sockets import REFRESH, Sockets
from playground.workspace.state import State
from playground.workspace.streaming import end
from playground.workspace.transfers import transfer_routes
from playground.workspace.triggers import ResponseUrls, Triggers

TEAM = Team(id="T0PLAY", name="Playground", domain="playground")
BOT_USER_ID, BOT_ID, APP_ID, BOT_NAME = "U0SIGNOFF", "B0SIGNOFF", "A0SIGNOFF", "Signoff"
# What faults call the answers to a response URL, which have no method.
RESPONSE_URL = "response_url"
# The errors that every method's page names for a fault on Slack's side.
FAILURES: dict[int, str] = {
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "service_unavailable",
}


class Workspace:
    """A Slack workspace with one app in it, empty but for the app's own user.

    `scopes` is what the app was granted. Mount `routes()` at the root of an aiohttp app, put
    `guard.loopback_only` into its middlewares, and call `stop()` before the app is cleaned up:
    it ends the sockets and event streams that would otherwise hold the shutdown.
    """

    def __init__(
        self,
        clock: Clock,
        bot_token: str,
        app_token: str,
        *,
        scopes: Collection[str] = ALL_SCOPES,
        subscriptions: Subscriptions | None = None,
        patience: Patience | None = None,
    ) -> None:
        subscribed = subscriptions or Subscriptions()
        app = SlackApp(
            id=APP_ID,
            name=BOT_NAME,
            user_id=BOT_USER_ID,
            bot_id=BOT_ID,
            bot_token=bot_token,
            app_token=app_token,
            scopes=tuple(scopes),
            events=subscribed.events,
            commands=subscribed.commands,
            domains=subscribed.domains,
            hints=subscribed.hints,
            prompts=subscribed.prompts,
        )
        self.state = State(clock=clock, team=TEAM, app=app)
        self.state.users[BOT_USER_ID] = User(
            id=BOT_USER_ID, name=BOT_NAME.lower(), real_name=BOT_NAME, is_bot=True
        )
        self.faults: Faults = Faults()
        self._patience = patience or Patience()
        self._link = Sockets(
            APP_ID,
            self.faults,
            self._patience.socket_s,
            lambda: self.state.feed.publish("bot"),
        )
        self._delivery = Delivery(self._link, self.faults, clock, self._patience)
        self._context = Context(
            state=self.state,
            delivery=self._delivery,
            triggers=Triggers(clock),
            response_urls=ResponseUrls(clock),
        )
        self._api = WebApi(self._context, self.faults)
        # What people do, without the page: a story that is told faster than by HTTP.
        self.acts = Acts(self._context)
        self._page = Page(self._context, self.acts)
        self._panel = Panel(self)
        self._stopping = asyncio.Event()

    @property
    def calls(self) -> list[Call]:
        """Every call of the Web API so far, oldest first."""
        return self._api.calls

    @property
    def unknown_calls(self) -> list[str]:
        """The methods that were called and are not known; a test run should end with none."""
        return self._api.unknown_calls

    @property
    def complaints(self) -> list[str]:
        """What the app's acks got wrong (Slack would only have shown the person an error)."""
        return self._context.complaints

    @property
    def sockets(self) -> int:
        """How many Socket Mode connections the app has open."""
        return self._delivery.sockets

    @property
    def feed(self) -> Feed:
        """Where changes are told to whoever watches."""
        return self.state.feed

    @property
    def is_app_there(self) -> bool:
        """Say whether the app has a socket open, or request URLs that were verified."""
        return self._delivery.is_app_there

    @property
    def transport(self) -> str:
        """Return how the app is reached: `socket` or `http`."""
        return self._delivery.transport

    @property
    def is_link_disabled(self) -> bool:
        """Say whether Socket Mode is switched off."""
        return self._link.is_disabled

    async def call_requests(self, urls: RequestUrls, signing_secret: str) -> None:
        """Reach the app by signed HTTP from now on, once its events' URL has been verified.

        Raises UnverifiedUrlError, and leaves everything as it was.
        """
        timeout_s = 2 * self._patience.ack_s
        await self._delivery.use(SignedRequests(urls, signing_secret, timeout_s))
        self.state.feed.publish("bot")

    def rate_limit(self, method: str, retry_after_s: int, times: int = 1) -> None:
        """Answer the next `times` calls of `method` with HTTP 429 and `Retry-After`."""
        self.faults.rate_limit(method, retry_after_s, times)

    def lose_answer(self, method: str, times: int = 1) -> None:
        """Do the work of the next `times` calls of `method`, then close without an answer."""
        self.faults.lose_answer(method, times)

    def duplicate_next(self, times: int = 1) -> None:
        """Deliver each of the next `times` envelopes twice."""
        self.faults.duplicate_next(times)

    @property
    def excesses(self) -> list[str]:
        """The calls and events beyond Slack's rates; a test run should end with none."""
        return [*self._api.allowance.excesses, *self._delivery.excesses]

    def go_away(self) -> None:
        """Be gone: connections break, nobody answers, people can do nothing."""
        self.faults.is_away = True
        self._link.close()

    def come_back(self) -> None:
        """Answer again; the app has to connect by itself."""
        self.faults.is_away = False

    def restart(self) -> None:
        """Be as after a restart: what was said is kept, sockets and their tickets are gone."""
        self._link.forget()

    def cut_streams(self) -> None:
        """End every stream that is open, as Slack does after about five minutes."""
        for channel in self.state.messages.values():
            for message in channel.values():
                if self.state.is_streaming(message):
                    end(self._context, message, "slack")

    def cut_sockets(self) -> None:
        """Break the app's connections off, without a word; it may connect again at once."""
        self._link.cut()

    async def disconnect(self, reason: str = REFRESH) -> None:
        """Tell every socket to go, for one of the reasons that Slack documents."""
        await self._link.disconnect(reason)

    def enable_link(self) -> None:
        """Switch Socket Mode on again."""
        self._link.is_disabled = False

    async def refresh_sockets(self) -> None:
        """Make the app reconnect, as Slack does every few hours."""
        await self._link.disconnect(REFRESH)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the Web API, Socket Mode, response URLs and the page."""
        return [
            web.get("/api/{method}", self._call),
            web.post("/api/{method}", self._call),
            web.get("/socket", self._link.serve),
            web.post("/response/{token}", self._respond),
            *transfer_routes(self._context, self.faults),
            # Before the page's own, which takes every name below /page/.
            *self._panel.routes(),
            *self._page.routes(),
        ]

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        failed = await self._failed(method, request)
        if failed is not None:
            return failed
        answered = await self._api.serve(request)
        await self._dawdle(method)
        return answered

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        if self.faults.is_away:
            return nobody_there(request, self.faults, RESPONSE_URL)
        failed = await self._failed(RESPONSE_URL, request)
        if failed is not None:
            return failed
        wait_s = self.faults.retry_after_s(RESPONSE_URL)
        if wait_s is not None:
            put_off = {"Retry-After": str(wait_s)}
            return web.Response(status=HTTPStatus.TOO_MANY_REQUESTS, headers=put_off)
        answered = await serve_response_url(self._context, request)
        if self.faults.is_answer_lost(RESPONSE_URL) and request.transport is not None:
            request.transport.abort()
        await self._dawdle(RESPONSE_URL)
        return answered

    async def _failed(self, method: str, request: web.Request) -> web.Response | None:
        status = None if self.faults.is_away else self.faults.failure(method)
        if status is None:
            return None
        answer: Json = {"ok": False, "error": FAILURES.get(status, "fatal_error")}
        args: Json = {}
        # A server that fails minds no argument; what can be read of them is for the log.
        with contextlib.suppress(ApiError):
            args = await read_arguments(request)
        self._api.remember(method, args, answer)
        return web.json_response(answer, status=status)

    async def _dawdle(self, method: str) -> None:
        slow_s = self.faults.slowness_s(method)
        if slow_s:
            # Whoever stops the workspace does not wait for it.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), slow_s)

    async def start(self) -> None:
        """Begin; nothing runs in the background until somebody connects."""

    async def stop(self) -> None:
        """Close sockets and event streams and give up undelivered events."""
        self._stopping.set()
        self.state.feed.close()
        await self._delivery.stop()
