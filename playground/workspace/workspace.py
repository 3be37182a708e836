"""The workspace as one object: what to mount, what to start and stop, what tests look at."""

from collections.abc import Collection

from aiohttp import web

from playground.workspace.acts import Acts
from playground.workspace.api import WebApi, nobody_there
from playground.workspace.context import Context
from playground.workspace.delivery import Delivery, Patience
from playground.workspace.faults import Faults
from playground.workspace.model import (
    ALL_SCOPES,
    Call,
    Clock,
    SlackApp,
    Subscriptions,
    Team,
    User,
)
from playground.workspace.page import Page
from playground.workspace.responses import serve_response_url
from playground.workspace.state import State
from playground.workspace.transfers import transfer_routes
from playground.workspace.triggers import ResponseUrls, Triggers

TEAM = Team(id="T0PLAY", name="Playground", domain="playground")
BOT_USER_ID, BOT_ID, APP_ID, BOT_NAME = "U0SIGNOFF", "B0SIGNOFF", "A0SIGNOFF", "Signoff"


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
        )
        self.state = State(clock=clock, team=TEAM, app=app)
        self.state.users[BOT_USER_ID] = User(
            id=BOT_USER_ID, name=BOT_NAME.lower(), real_name=BOT_NAME, is_bot=True
        )
        self.faults = Faults()
        self._delivery = Delivery(APP_ID, self.faults, self.state.feed, patience or Patience())
        self._context = Context(
            state=self.state,
            delivery=self._delivery,
            triggers=Triggers(clock),
            response_urls=ResponseUrls(clock),
        )
        self._api = WebApi(self._context, self.faults)
        self._page = Page(self._context, Acts(self._context))

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
        """The calls beyond Slack's rates; a test run should end with none."""
        return self._api.allowance.excesses

    def go_away(self) -> None:
        """Be gone: connections break, nobody answers, people can do nothing."""
        self.faults.is_away = True
        self._delivery.cut()

    def come_back(self) -> None:
        """Answer again; the app has to connect by itself."""
        self.faults.is_away = False

    async def refresh_sockets(self) -> None:
        """Make the app reconnect, as Slack does every few hours."""
        await self._delivery.refresh()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the Web API, Socket Mode, response URLs and the page."""
        return [
            web.get("/api/{method}", self._api.serve),
            web.post("/api/{method}", self._api.serve),
            web.get("/socket", self._delivery.serve),
            web.post("/response/{token}", self._respond),
            *transfer_routes(self._context, self.faults),
            *self._page.routes(),
        ]

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        if self.faults.is_away:
            return nobody_there(request, self.faults, "response_url")
        return await serve_response_url(self._context, request)

    async def start(self) -> None:
        """Begin; nothing runs in the background until somebody connects."""

    async def stop(self) -> None:
        """Close sockets and event streams and give up undelivered events."""
        self.state.feed.close()
        await self._delivery.stop()
