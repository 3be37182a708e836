"""The page's panel of the shop and the ad platform: what is there, and what a person can break."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from playground.adplatform.api import AdPlatform
from playground.process import BotProcess
from playground.shop.api import Shop
from playground.shop.model import FAULTY_FROM, UnknownServiceError, places
from playground.valve import Flow, Valve
from playground.workspace.guard import HEADERS

LATEST = 12
Json = dict[str, Any]


class PanelError(Exception):
    """What was asked for can't be done; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Looks into the parts of a running world, and breaks or mends them by hand."""

    shop: Shop
    ads: AdPlatform
    valves: Mapping[str, Valve]
    bot: BotProcess

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; the world's app guards everything under /world."""
        return [
            web.get("/world/panel", self._look),
            web.post("/world/panel/{act}", self._act),
        ]

    async def _look(self, request: web.Request) -> web.Response:
        del request
        return _answer(self._everything())

    async def _act(self, request: web.Request) -> web.Response:
        acts = {
            "break": self._break,
            "mend": self._mend,
            "valve": self._turn,
            "campaign": self._switch,
            "kill-bot": self._kill,
        }
        act = acts.get(request.match_info["act"])
        if act is None:
            raise web.HTTPNotFound
        try:
            act(await _fields(request))
        except (PanelError, UnknownServiceError) as refusal:
            return _answer({"ok": False, "message": str(refusal)}, status=422)
        return _answer(self._everything())

    def _everything(self) -> Json:
        effects = sorted((*self.shop.effects, *self.ads.effects), key=lambda effect: effect.at)
        return {
            "ok": True,
            "services": [self._service(*place) for place in places()],
            "deploys": [
                {
                    "at": deploy.at.timestamp(),
                    "service": deploy.service,
                    "environment": deploy.environment,
                    "version": deploy.version,
                    "previous_version": deploy.previous_version,
                    "author": deploy.author,
                    "title": deploy.title,
                    "kind": deploy.kind,
                }
                for deploy in reversed(self.shop.fleet.deploys[-LATEST:])
            ],
            "effects": [
                {"at": effect.at.timestamp(), "what": effect.what, "body": dict(effect.body)}
                for effect in reversed(effects[-LATEST:])
            ],
            "campaigns": self.ads.listing(),
            "valves": {name: valve.flow for name, valve in self.valves.items()},
            "bot": {"running": self.bot.is_running, "restarts": self.bot.restarts},
        }

    def _service(self, service: str, environment: str) -> Json:
        fleet = self.shop.fleet
        segment = fleet.timeline(service, environment).current
        return {
            "service": service,
            "environment": environment,
            "version": segment.version,
            "previous_version": fleet.deployed(service, environment).previous_version,
            "error_ratio": segment.error_ratio,
            "is_broken": segment.error_ratio >= FAULTY_FROM,
            "message": segment.message,
        }

    def _break(self, fields: Json) -> None:
        self.shop.inject_fault(_text(fields, "service"), _text(fields, "environment"))

    def _mend(self, fields: Json) -> None:
        place = _text(fields, "service"), _text(fields, "environment")
        fleet = self.shop.fleet
        if fleet.timeline(*place).current.error_ratio < FAULTY_FROM:
            raise PanelError(f"{place[0]} in {place[1]} is healthy. There is nothing to mend.")
        fleet.roll_to(*place, fleet.deployed(*place).previous_version)

    def _turn(self, fields: Json) -> None:
        valve = self.valves.get(_text(fields, "part"))
        if valve is None:
            raise PanelError(f"part: one of {', '.join(self.valves)}")
        flow = _text(fields, "flow")
        if flow not in list(Flow):
            raise PanelError(f"flow: one of {', '.join(Flow)}")
        valve.open()
        if flow != Flow.OPEN:
            valve.turn(Flow(flow))

    def _switch(self, fields: Json) -> None:
        status = _text(fields, "status")
        if status not in ("ACTIVE", "PAUSED"):
            raise PanelError("status: ACTIVE or PAUSED")
        if not self.ads.switch_by_hand(_text(fields, "id"), is_active=status == "ACTIVE"):
            raise PanelError("The account has no such campaign, or it is archived.")

    def _kill(self, fields: Json) -> None:
        del fields
        self.bot.kill()


def _text(fields: Json, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise PanelError(f"{name}: send a text")
    return value


async def _fields(request: web.Request) -> Json:
    try:
        found = json.loads(await request.text() or "{}")
    except ValueError:
        raise PanelError("Send a JSON object.") from None
    if not isinstance(found, dict):
        raise PanelError("Send a JSON object.")
    return found


def _answer(body: Json, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers=HEADERS)
