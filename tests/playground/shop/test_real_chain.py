"""The shop watched by the real Prometheus and the real Alertmanager, from fault to webhook."""

from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from bot.clock import WallClock
from playground.shop.api import Shop
from playground.shop.promql import error_ratio
from playground.shop.rules import NAME, THRESHOLD, fingerprint
from tests.playground.shop.real import RealAlertmanager, RealPrometheus
from tests.playground.shop.world import BEARER, TOKEN, FakeBot, serving, until

pytestmark = pytest.mark.monitoring

RULES = """
groups:
  - name: shop
    rules:
      - alert: {name}
        expr: '{expression} > {threshold}'
        for: 1s
        labels: {{service: {service}, environment: staging, severity: warning}}
        annotations: {{summary: "{{{{ $value }}}}"}}
"""


async def test_the_real_chain_tells_of_the_same_alert_and_of_its_end() -> None:
    shop = Shop(7, WallClock(), TOKEN)
    service = shop.inject_fault().service
    rules = RULES.format(
        name=NAME,
        expression=error_ratio(service, "staging", "3s"),
        threshold=THRESHOLD,
        service=service,
    )
    bot = FakeBot()
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(serving(bot.routes()))
        served = await stack.enter_async_context(serving(shop.routes(), BEARER))
        alertmanager = RealAlertmanager(f"{hook.base}/webhooks/alertmanager", TOKEN)
        url = await stack.enter_async_context(alertmanager)
        prometheus = RealPrometheus(
            [urlsplit(served.base).netloc], 0.5, rules=rules, alertmanager_url=url
        )
        await stack.enter_async_context(prometheus)
        await until(lambda: bool(bot.taken), within_s=120)
        body = bot.taken[0]
        assert body["status"] == "firing"
        labels = body["commonLabels"]
        assert (labels["service"], labels["environment"]) == (service, "staging")
        assert body["alerts"][0]["fingerprint"] == fingerprint(labels)
        fault = shop.story[-1]
        shop.fleet.roll_to(service, "staging", fault.previous_version)
        await until(lambda: bot.taken[-1]["status"] == "resolved", within_s=120)
