"""The local world on one loopback address: workspace, shop, Prometheus, Alertmanager, ads, bot."""

import json
import secrets
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.clock import SharedClock
from playground.adplatform.api import AdPlatform
from playground.estate import signoff_yaml
from playground.graphs import Graphs
from playground.panel import Panel
from playground.process import BotProcess
from playground.shop.alertmanager import Alertmanager
from playground.shop.api import Shop
from playground.shop.model import Fault, UnknownServiceError
from playground.shop.prometheus import PrometheusApi
from playground.shop.webhook import AlertmanagerSettings
from playground.valve import Valve
from playground.workspace.delivery import Patience
from playground.workspace.demo import demo_workspace
from playground.workspace.guard import loopback_only
from playground.workspace.manifest import read_manifest

MAX_FORWARD_S = 7 * 86_400
MANIFEST = Path(__file__).resolve().parent.parent / "manifest.yml"
# Slack's own delays would try the patience of a newcomer, who restarts the bot.
QUICK = Patience(retry_delays_s=(0.0, 2.0, 10.0))
TOKENS = ("shop", "shop read", "ads", "ads read", "webhook")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a world is made: its seed, where it keeps things, its port (0: any free one)."""

    seed: int
    folder: Path
    port: int = 0
    bot_env: dict[str, str] = field(default_factory=dict)
    # Real servers in place of the playground's own, for the story against them.
    prometheus_url: str | None = None
    alertmanager_url: str | None = None
    window: str = "1m"
    bot_port: int = 0
    patience: Patience = QUICK


class World:
    """Everything a newcomer needs; an async context manager."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.clock = SharedClock(plan.folder / "clock.json")
        self._tokens = {name: secrets.token_urlsafe(18) for name in TOKENS}
        self.bot_token = "xoxb-" + secrets.token_urlsafe(18)
        self.app_token = "xapp-" + secrets.token_urlsafe(18)
        manifest = read_manifest(MANIFEST)
        self.workspace = demo_workspace(
            self.clock,
            self.bot_token,
            self.app_token,
            scopes=manifest.scopes,
            subscriptions=manifest.subscriptions,
            patience=plan.patience,
        )
        self.shop = Shop(
            plan.seed,
            self.clock,
            self._tokens["shop"],
            plan.window,
            read_token=self._tokens["shop read"],
        )
        self.prometheus = PrometheusApi(self.shop, scrape_interval_s=1.0)
        self.ads = AdPlatform(
            plan.seed, self.clock, self._tokens["ads"], read_token=self._tokens["ads read"]
        )
        # Before each part that the bot calls; see `playground.valve`.
        self.valves = {name: Valve() for name in ("shop", "prometheus", "alertmanager", "ads")}
        self.bot_port = plan.bot_port or free_port()
        self.port = plan.port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.alertmanager = Alertmanager(
            self.prometheus,
            self.clock,
            AlertmanagerSettings(
                bot_url=f"http://127.0.0.1:{self.bot_port}",
                token=self._tokens["webhook"],
                external_url=f"{self.base}/alertmanager",
                prometheus_url=f"{self.base}/prometheus",
                runbooks_url=f"{self.base}/world/runbooks",
            ),
        )
        self.bot = BotProcess(self.bot_environment(), plan.folder / "bot.log")
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "World":
        self.plan.folder.mkdir(parents=True, exist_ok=True)
        config = self.plan.folder / "signoff.yaml"
        config.write_text(signoff_yaml(self.base, self.plan.window), encoding="utf-8")
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        await self.workspace.start()
        self._stack.push_async_callback(self.workspace.stop)
        if self.plan.alertmanager_url is None:
            await self.alertmanager.start()
            self._stack.push_async_callback(self.alertmanager.stop)
        await self.bot.start()
        self._stack.push_async_callback(self.bot.stop)
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self._stack.aclose()

    @property
    def webhook_token(self) -> str:
        """The token webhooks carry."""
        return self._tokens["webhook"]

    @property
    def shop_token(self) -> str:
        """The token of the shop's control API."""
        return self._tokens["shop"]

    def inject(self, service: str | None = None) -> Fault:
        """Deploy a faulty version of a service drawn from the seed."""
        return self.shop.inject_fault(service)

    def forward(self, seconds: float) -> None:
        """Move the shared clock ahead."""
        self.clock.forward(seconds)

    def bot_environment(self) -> dict[str, str]:
        """Return the settings the bot is started with."""
        folder = self.plan.folder
        return {
            "SLACK_BOT_TOKEN": self.bot_token,
            "SLACK_APP_TOKEN": self.app_token,
            "SLACK_API_URL": f"{self.base}/api/",
            "DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'signoff.db'}",
            "SIGNOFF_PORT": str(self.bot_port),
            "SIGNOFF_WEBHOOK_TOKEN": self._tokens["webhook"],
            "SIGNOFF_CONFIG": str(folder / "signoff.yaml"),
            "SIGNOFF_CLOCK_FILE": str(folder / "clock.json"),
            "PROMETHEUS_URL": self.plan.prometheus_url or f"{self.base}/prometheus",
            "PROMETHEUS_LINK_URL": f"{self.base}/prometheus",
            "ALERTMANAGER_URL": self.plan.alertmanager_url or f"{self.base}/alertmanager",
            "SHOP_URL": f"{self.base}/shop",
            "SHOP_TOKEN": self._tokens["shop"],
            "SHOP_READ_TOKEN": self._tokens["shop read"],
            "ADPLATFORM_URL": f"{self.base}/ads",
            "ADPLATFORM_TOKEN": self._tokens["ads"],
            "ADPLATFORM_READ_TOKEN": self._tokens["ads read"],
            **self.plan.bot_env,
        }

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[loopback_only])
        panel = Panel(shop=self.shop, ads=self.ads, valves=self.valves, bot=self.bot)
        app.add_routes(self.workspace.routes())
        app.add_routes(
            [
                web.get("/world/status", self._status),
                web.post("/world/fault", self._fault),
                web.post("/world/forward", self._forward),
                *Graphs(self.prometheus, self.clock).routes(),
                *panel.routes(),
            ]
        )
        for prefix, routes in (
            ("/shop", self.shop.routes()),
            ("/prometheus", self.prometheus.routes()),
            ("/alertmanager", self.alertmanager.routes()),
            ("/ads", self.ads.routes()),
        ):
            part = web.Application(middlewares=[self.valves[prefix.strip("/")].pass_through])
            part.add_routes(routes)
            app.add_subapp(prefix, part)
        return app

    async def _status(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(
            {
                "now": self.clock.now().isoformat(),
                "seed": self.plan.seed,
                "fault": self._latest(),
                "bot": {"running": self.bot.is_running, "restarts": self.bot.restarts},
                "links": {"Shop health": f"{self.base}/world/graphs"},
            }
        )

    def _latest(self) -> dict[str, Any] | None:
        faults = self.shop.story
        if not faults:
            return None
        found = faults[-1]
        if self.shop.fleet.deployed(found.service, found.environment).version != found.version:
            return None
        return {
            "service": found.service,
            "environment": found.environment,
            "from": found.previous_version,
            "version": found.version,
        }

    async def _fault(self, request: web.Request) -> web.Response:
        body = await _json(request)
        service = body.get("service")
        try:
            self.inject(None if service is None else str(service))
        except UnknownServiceError as error:
            return web.json_response({"error": f"service: {error}"}, status=422)
        return web.json_response({"fault": self._latest()})

    async def _forward(self, request: web.Request) -> web.Response:
        seconds = (await _json(request)).get("seconds")
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not is_number or not 0 < float(seconds or 0) <= MAX_FORWARD_S:
            message = f"seconds: a number above 0, at most {MAX_FORWARD_S}"
            return web.json_response({"error": message}, status=422)
        self.forward(float(seconds or 0))
        return web.json_response({"now": self.clock.now().isoformat()})


def free_port() -> int:
    """Return a port that is free on loopback now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.text() or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
