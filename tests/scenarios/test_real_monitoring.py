"""The story against the real Prometheus and Alertmanager: from the fault to the verdict."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from playground.shop.rules import NAME, THRESHOLD
from playground.story import INCIDENTS, text_of
from playground.workspace.model import Json
from playground.world import Plan, World, free_port
from tests.playground.shop.real import RealAlertmanager, RealPrometheus
from tests.scenarios.plays import sign_off
from tests.scenarios.stages import (
    SEED,
    Incident,
    Scene,
    card_of,
    eventually,
    on_stage,
    require_sound,
    thread,
)

pytestmark = pytest.mark.monitoring

WINDOW = "10s"
TOKEN = "only-for-this-test"
RULES = f"""
groups:
  - name: shop
    rules:
      - alert: {NAME}
        expr: >
          sum by (service, environment) (rate(http_requests_total{{code=~"5.."}}[{WINDOW}]))
          / sum by (service, environment) (rate(http_requests_total[{WINDOW}])) > {THRESHOLD}
        for: 1s
        labels: {{severity: warning}}
        annotations:
          summary: "{{{{ $value | humanizePercentage }}}} of the requests fail"
"""


async def real_world(stack: AsyncExitStack, folder: Path) -> Scene:
    """Start a world that is watched by the real programs instead of the playground's own."""
    port, bot_port = free_port(), free_port()
    hook = f"http://127.0.0.1:{bot_port}/webhooks/alertmanager"
    alertmanager_url = await stack.enter_async_context(RealAlertmanager(hook, TOKEN))
    prometheus_url = await stack.enter_async_context(
        RealPrometheus(
            [f"127.0.0.1:{port}"],
            metrics_path="/shop/metrics",
            rules=RULES,
            alertmanager_url=alertmanager_url,
        )
    )
    plan = Plan(
        seed=SEED,
        folder=folder,
        port=port,
        bot_port=bot_port,
        window=WINDOW,
        prometheus_url=prometheus_url,
        alertmanager_url=alertmanager_url,
        bot_env={"SIGNOFF_WEBHOOK_TOKEN": TOKEN},
    )
    world = await stack.enter_async_context(World(plan))
    return await stack.enter_async_context(on_stage(world))


async def test_the_story_comes_out_against_the_real_programs(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        scene = await real_world(stack, tmp_path)
        await is_watched(scene)
        fault = scene.world.inject()
        root = await scene.root(INCIDENTS, f"{NAME} on {fault.service} in staging")
        found = Incident(fault=fault, root_ts=root["ts"])
        seen = text_of(await card_of(scene, found, "What I see"))
        assert "no answer" not in seen
        await card_of(scene, found, f"Likely causes[\\s\\S]*{fault.version}")

        place = (INCIDENTS, found.root_ts)
        await sign_off(scene, scene.ana, place, f"Silence {NAME}")
        (silence,) = await silences(scene)
        assert silence["status"]["state"] == "active"
        wanted = {"alertname": NAME, "service": fault.service, "environment": "staging"}
        assert {item["name"]: item["value"] for item in silence["matchers"]} == wanted

        await sign_off(scene, scene.ben, place, found.rollback)
        assert [effect.body["version"] for effect in scene.world.shop.effects] == [
            fault.previous_version
        ]
        assert "Worked" in await verdict(scene, found)
        await require_sound(scene)


async def is_watched(scene: Scene) -> None:
    """Wait until the real Prometheus has looked at the shop for a whole window."""
    url = f"{scene.world.plan.prometheus_url}/api/v1/query"
    query = f"count(count_over_time(http_requests_total[{WINDOW}]) >= 5)"

    async def is_seen() -> bool:
        async with scene.session.get(url, params={"query": query}) as answer:
            return bool((await answer.json())["data"]["result"])

    await eventually(is_seen, 30.0)


async def verdict(scene: Scene, found: Incident) -> str:
    """Wait, longer than the time it takes to settle, for what the second measurement says."""

    async def look() -> str | None:
        texts = [text_of(message) for message in await thread(scene, found.root_ts)]
        shown = [text for text in texts if found.rollback in text.replace("`", "")]
        return next((text for text in shown if "Wanted:" in text), None)

    return await eventually(look, 60.0)


async def silences(scene: Scene) -> list[Json]:
    """Return what the real Alertmanager lists."""
    async with scene.session.get(f"{scene.world.plan.alertmanager_url}/api/v2/silences") as answer:
        found: list[Json] = await answer.json()
        return found
