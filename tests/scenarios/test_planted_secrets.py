"""Secrets planted wherever the outside can put words: none of ours gets anywhere, few foreign ones.

The shop's API stands behind a talkative go-between that writes secrets into its log lines, deploys
and errors; alerts, commands, forms and reasons carry more.
"""

import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web

from bot.store.ledger import lines
from bot.store.reading import open_read_only
from playground.story import INCIDENTS, MARKETING
from playground.workspace.client import PersonError
from playground.world import free_port
from tests.policies.planted import Planted, leaks, own_forms, planted
from tests.scenarios.plays import brief
from tests.scenarios.stages import Incident, Scene, break_something, staged, submit

# Every kind once; what this run reached before it was measured (docs/security.md).
RECALL = 0.99
EACH = 6


class Talkative:
    """Passes calls on to the shop, and puts planted words into what it answers."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.upstream = ""
        self.service = ""
        self.told = 0

    def next(self) -> str:
        """Return the next planted words, a few in one line."""
        first = self.told % len(self.words)
        self.told += EACH
        return " | ".join(self.words[first : first + EACH])

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as the shop does, with more words."""
        asked = request.query.get("service", self.service)
        if request.method == "GET" and asked != self.service:
            return web.json_response({"error": f"no: {self.next()}"}, status=400)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        url = f"{self.upstream}{request.path_qs}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method, url, data=await request.read(), headers=headers
            ) as answer,
        ):
            body = await answer.json()
            self._add(body)
            return web.json_response(body, status=answer.status)

    def _add(self, body: dict[str, object]) -> None:
        for name, fields in (("entries", ("message",)), ("deploys", ("title", "author"))):
            found = body.get(name)
            for item in found if isinstance(found, list) else []:
                item.update({field: f"{item[field]} {self.next()}" for field in fields})


@asynccontextmanager
async def talking(words: Sequence[str]) -> AsyncIterator[tuple[Talkative, int]]:
    shop, port = Talkative(words), free_port()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", shop.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield shop, port
    finally:
        await runner.cleanup()


async def alarm(scene: Scene, incident: Incident, words: Sequence[str]) -> None:
    """Tell the bot of more alerts of the same service, and of some that can't be read."""

    def alert(number: int, some: Sequence[str]) -> dict[str, object]:
        return {
            "status": "firing",
            "labels": {
                "alertname": f"Leak{number}",
                "service": incident.fault.service,
                "environment": "staging",
                **{f"label_{place}": text for place, text in enumerate(some)},
            },
            "annotations": {f"note_{place}": text for place, text in enumerate(some)},
            "startsAt": scene.world.clock.now().isoformat(),
            "generatorURL": f"http://127.0.0.1/graph?leak={quote(some[0])}",
        }

    alerts = [alert(start, words[start : start + 20]) for start in range(0, len(words), 20)]
    bad = [{"labels": {words[start]: 7, "leak": words[start]}} for start in range(20)]
    async with scene.session.post(
        f"http://127.0.0.1:{scene.world.bot_port}/webhooks/alertmanager",
        json={"version": "4", "alerts": [*alerts, *bad]},
        headers={"Authorization": f"Bearer {scene.world.webhook_token}"},
    ) as taken:
        assert taken.status == 200
        answer = await taken.json()
        assert (answer["new"], answer["rejected"]) == (len(alerts), len(bad))


async def people_talk(scene: Scene, incident: Incident, own: str, foreign: str) -> None:
    """Words of people: commands, reasons, a message, and a brief that is refused in its form."""
    await scene.mia.command(INCIDENTS, f"/signoff {own[:60]}")
    await scene.told(scene.mia, "I don't know", INCIDENTS)
    card = await scene.reply(INCIDENTS, incident.root_ts, "Silence HighErrorRatio")
    await scene.ben.click("Reject…", INCIDENTS, card["ts"])
    await submit(scene.ben, {"reason": f"no: {own} {foreign}"})
    await scene.reply(INCIDENTS, incident.root_ts, "Rejected")
    await scene.mia.command(INCIDENTS, f"/signoff pause {own} {foreign}")
    await scene.told(scene.mia, "Signoff is paused", INCIDENTS)
    await scene.ana.command(INCIDENTS, f"/signoff resume {foreign}")
    await scene.told(scene.ana, "Signoff goes on", INCIDENTS)
    await scene.mia.command(MARKETING, "/launch-campaign")
    filled = brief(scene)
    with pytest.raises(PersonError, match="invalid_fields") as refused:
        await submit(scene.mia, {**filled, "name": f"Sale {own}"[:70]})
    assert "Take this out" in refused.value.errors["name"]


# What the bot writes: the database with all that lies beside it, and its log.
OWN = ("signoff.db", "bot.log")


def left_behind(scene: Scene, folder: Path) -> dict[str, str]:
    """Return everything the bot wrote or said, by where."""
    url = f"sqlite+aiosqlite:///{folder / 'signoff.db'}"
    with open_read_only(url) as connection:
        export = "\n".join(lines(connection))
    files = {
        path.name: path.read_bytes().decode("utf-8", "replace")
        for path in folder.rglob("*")
        if path.is_file() and any(str(path.relative_to(folder)).startswith(own) for own in OWN)
    }
    posted = json.dumps([call.args for call in scene.world.workspace.calls], ensure_ascii=False)
    return {**files, "posted": posted, "export": export}


async def test_none_of_our_secrets_gets_anywhere_and_few_foreign_ones(tmp_path: Path) -> None:
    foreign = planted(11, times=1)
    async with talking([planting.text for planting in foreign]) as (shop, port):
        env = {"SHOP_URL": f"http://127.0.0.1:{port}"}
        async with staged(tmp_path, bot_env=env) as scene:
            world = scene.world
            own = [world.bot_token, world.app_token, world.webhook_token, world.shop_token]
            said = [form for secret in own for form in own_forms(secret)]
            shop.upstream = f"{world.base}/shop"
            shop.service = "checkout"
            shop.words = [*said, *shop.words]
            incident = await break_something(scene, "checkout")
            await alarm(scene, incident, [*said, *(planting.text for planting in foreign)])
            await people_talk(scene, incident, own[2], foreign[30].text)
            await scene.reply(INCIDENTS, incident.root_ts, "What I see")
            await world.bot.stop()
            found = left_behind(scene, tmp_path)
    assert shop.told > len(shop.words)
    assert sum(text.count("[redacted") for text in found.values()) > len(foreign)
    assert [place for place, text in found.items() if _holds_own(text, own)] == []
    leaked = _leaked(foreign, found)
    recall = 1 - len({planting.kind for planting in leaked.values()}) / len(foreign)
    told = f"{len(foreign)} kinds planted, recall {recall:.3f}, leaked: {sorted(leaked)}"
    sys.stdout.write(told + "\n")
    assert recall >= RECALL, told


def _holds_own(text: str, own: Sequence[str]) -> list[str]:
    small = text.lower()
    return [form for secret in own for form in own_forms(secret) if form.lower() in small]


def _leaked(foreign: Sequence[Planted], found: dict[str, str]) -> dict[str, Planted]:
    return {
        f"{planting.kind} in {place}": planting
        for planting in foreign
        for place, text in found.items()
        if leaks(planting, text)
    }
