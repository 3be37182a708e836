"""The playground's servers for the connectors' tests, each on loopback with a clock to move."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from playground.adplatform.api import AdPlatform as AdPlatformServer
from playground.shop.alertmanager import Alertmanager as AlertmanagerServer
from playground.shop.api import Shop as ShopServer
from playground.shop.prometheus import PrometheusApi
from playground.shop.webhook import AlertmanagerSettings
from tests.playground.shop.world import TOKEN, FakeClock, serving
from tools.base import AnyConnector, Call
from tools.catalogue import Catalogue
from tools.connectors.adplatform import AdPlatform
from tools.connectors.adplatform import Settings as AdSettings
from tools.connectors.alertmanager import Alertmanager
from tools.connectors.alertmanager import Settings as AlertmanagerConnection
from tools.connectors.prometheus import Prometheus
from tools.connectors.prometheus import Settings as PrometheusSettings
from tools.connectors.shop import Settings as ShopSettings
from tools.connectors.shop import Shop

CALL = Call(key="signoff-T-1-1-forward", comment="Signoff T-1-1 (forward)")
OTHER = Call(key="signoff-T-1-2-forward", comment="Signoff T-1-2 (forward)")


@dataclass(frozen=True, kw_only=True)
class Shopping:
    """The shop with its monitoring, and the connectors that reach them."""

    clock: FakeClock
    shop: ShopServer
    catalogue: Catalogue


@asynccontextmanager
async def shopping(seed: int = 7) -> AsyncIterator[Shopping]:
    """Serve shop, Prometheus API and Alertmanager, and connect to them."""
    clock = FakeClock()
    shop = ShopServer(seed, clock, TOKEN)
    prometheus = PrometheusApi(shop)
    alertmanager = AlertmanagerServer(
        prometheus, clock, AlertmanagerSettings(bot_url="http://127.0.0.1:9", token=TOKEN)
    )
    async with AsyncExitStack() as stack:
        urls = [
            (await stack.enter_async_context(serving(part.routes()))).base
            for part in (shop, prometheus, alertmanager)
        ]
        parts: list[AnyConnector] = [
            Shop.build(ShopSettings.model_validate({"url": urls[0], "token": TOKEN}), clock),
            Prometheus.build(PrometheusSettings.model_validate({"url": urls[1]}), clock),
            Alertmanager.build(AlertmanagerConnection.model_validate({"url": urls[2]}), clock),
        ]
        catalogue = Catalogue(parts)
        stack.push_async_callback(catalogue.close)
        yield Shopping(clock=clock, shop=shop, catalogue=catalogue)


@asynccontextmanager
async def advertising(
    currency: str = "EUR", token: str = TOKEN
) -> AsyncIterator[tuple[AdPlatformServer, Catalogue, FakeClock]]:
    """Serve the ad platform with an account in a currency, and connect to it."""
    clock = FakeClock()
    server = AdPlatformServer(7, clock, TOKEN, account_currency=currency)
    async with serving(server.routes()) as client:
        settings = AdSettings.model_validate({"url": client.base, "token": token})
        catalogue = Catalogue([AdPlatform.build(settings, clock)])
        try:
            yield server, catalogue, clock
        finally:
            await catalogue.close()
