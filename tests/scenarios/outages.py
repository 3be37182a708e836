"""Slack's bad days on stage: many incidents, nobody there, and what is left afterwards."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from difflib import unified_diff
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text

from bot.store.reading import open_read_only
from playground.story import INCIDENTS
from tests.scenarios.stages import Scene, eventually, mark_of, settled

OPERATIONS = "C0OPERATIONS"
OUTAGE_S, STRIDE_S = 600.0, 0.1
STEP_S, SETTLE_WITHIN_S = 0.025, 120.0
Alert = dict[str, Any]
Picture = dict[str, dict[str, list[str]]]
BEHIND = text(
    "SELECT count(*) FROM threads WHERE next_at < :now OR cursor <"
    " (SELECT coalesce(max(seq), 0) FROM ledger_index WHERE thread_id = threads.id)"
)
WAITING = text("SELECT count(*) FROM outbox WHERE due_at IS NOT NULL")
UNWORKED = text("SELECT count(*) FROM tasks WHERE state IN ('QUEUED', 'GATHERING', 'ANALYSING')")
UNFINISHED = text(
    "SELECT count(*) FROM proposals WHERE state IN ('APPROVED', 'EXECUTING', 'EXECUTED')"
)


def alert(scene: Scene, service: str) -> Alert:
    """Return an alert as Alertmanager writes it."""
    labels = {
        "alertname": "HighErrorRatio",
        "service": service,
        "environment": "staging",
        "severity": "warning",
    }
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"{service} fails"},
        "startsAt": scene.world.clock.now().isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": f"{scene.world.base}/prometheus",
        "fingerprint": f"{service}-feedc0de",
    }


async def fire(scene: Scene, services: list[str]) -> None:
    """Tell the bot of alerts, all in one body; it must take them whatever Slack does."""
    alerts = [alert(scene, service) for service in services]

    async def is_taken() -> bool:
        try:
            async with scene.session.post(
                f"http://127.0.0.1:{scene.world.bot_port}/webhooks/alertmanager",
                json={"version": "4", "status": "firing", "alerts": alerts},
                headers={"Authorization": f"Bearer {scene.world.webhook_token}"},
            ) as taken:
                assert taken.status == 200, await taken.text()
        except aiohttp.ClientError:
            # Its socket opens a moment before its port; or it is killed meanwhile.
            return False
        return True

    await eventually(is_taken)


@asynccontextmanager
async def time_flies(scene: Scene) -> AsyncIterator[None]:
    """Let the shared clock, by which rates are counted too, run five times as fast."""

    async def run() -> None:
        while True:
            scene.world.forward(STRIDE_S)
            await asyncio.sleep(STEP_S)

    flying = asyncio.create_task(run())
    yield
    flying.cancel()
    await asyncio.gather(flying, return_exceptions=True)


def counted(scene: Scene, query: Any, **values: object) -> int:  # noqa: ANN401 - any statement
    """Ask the bot's database."""
    url = f"sqlite+aiosqlite:///{scene.world.plan.folder / 'signoff.db'}"
    with open_read_only(url) as connection:
        return int(connection.execute(query, values).scalar_one())


async def everything_is_told(scene: Scene) -> None:
    """Wait until every task was looked into, every thread shows it, and the outbox is empty."""

    async def is_told() -> bool:
        now = scene.world.clock.now().replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        left = (
            counted(scene, UNWORKED),
            counted(scene, UNFINISHED),
            counted(scene, BEHIND, now=now),
            counted(scene, WAITING),
        )
        return not any(left)

    await eventually(is_told, SETTLE_WITHIN_S)


async def outage(scene: Scene) -> None:
    """Ten minutes of the shared clock pass while Slack is gone, in about six seconds."""
    workspace = scene.world.workspace
    workspace.go_away()
    before = time.monotonic()
    while time.monotonic() - before < OUTAGE_S / 100:
        scene.world.forward(OUTAGE_S / 60)
        await asyncio.sleep(0.1)
    workspace.come_back()


async def ready(scene: Scene) -> dict[str, Any]:
    """Return what `/readyz` says."""
    async with scene.session.get(f"http://127.0.0.1:{scene.world.bot_port}/readyz") as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def metric(scene: Scene, name: str) -> float:
    """Return a number of `/metrics`."""
    async with scene.session.get(f"http://127.0.0.1:{scene.world.bot_port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


REMINDER = re.compile(r"Asked again at TIME|\*Still waiting for a sign-off\*|\*Nobody has answered")


async def threads_of(scene: Scene, channel: str) -> dict[str, list[str]]:
    """Return the words of every thread of a channel, by its first line.

    Replies are sorted: those to different tasks of a storm come in no fixed order. Reminders are
    left out: whether one is due depends on how long a person took to answer.
    """
    found: dict[str, list[str]] = {}
    messages = [m for m in await scene.ana.messages(channel) if not m["is_ephemeral"]]
    for root in messages:
        if root.get("thread_ts") not in {None, root["ts"]}:
            continue
        replies = [m for m in messages if m.get("thread_ts") == root["ts"] and m is not root]
        first, *others = [text for text in settled([root, *replies]) if not REMINDER.match(text)]
        name = first.splitlines()[0]
        if name.startswith("Checkpoints of Signoff's ledger"):
            # Each run signs a ledger of its own.
            continue
        while name in found:
            name += ", again"
        found[name] = [first, *sorted(others)]
    return found


async def picture(scene: Scene) -> Picture:
    """Return everything that was told in the channels of incidents."""
    found = {name: await threads_of(scene, name) for name in (INCIDENTS, OPERATIONS)}
    # Threads of one moment come in no fixed order either.
    return {name: dict(sorted(threads.items())) for name, threads in found.items()}


def require_equal(seen: Picture, wanted: Picture) -> None:
    """Fail with the lines that differ."""
    if seen != wanted:
        before, after = (json.dumps(found, indent=1).splitlines() for found in (wanted, seen))
        pytest.fail("\n".join(unified_diff(before, after, "undisturbed", "disturbed", n=1)))


def posted_twice(scene: Scene) -> list[str]:
    """Return the marks that the workspace's own log shows as posted more than once."""
    count = Counter(
        mark_of(call.args.get("metadata"))
        for call in scene.world.workspace.calls
        if call.method == "chat.postMessage" and call.answer["ok"]
    )
    return [str(mark) for mark, times in count.items() if mark is not None and times > 1]
