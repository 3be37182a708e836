"""The ad platform's HTTP API: campaigns are created paused and switched by a second request."""

import re
from collections.abc import Mapping
from datetime import UTC, date, timedelta
from functools import partial
from typing import get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from aiohttp import web

from playground.adplatform.model import (
    CHANNELS,
    OVERSPEND_RATIO,
    Brief,
    Campaign,
    Clock,
    Status,
    delivery,
    seeded_campaigns,
    traits,
)
from playground.adplatform.money import currency
from playground.shop.wire import (
    Effect,
    IdempotencyBook,
    RefusalError,
    guarded,
    idempotency_key,
    instant,
    invalid,
    json_object,
    only_fields,
    text_field,
)

TEXTS = {"name": 120, "objective": 60, "audience": 500, "headline": 120, "url": 2000}
FIELDS = frozenset(
    {*TEXTS, "channel", "currency", "daily_budget", "starts_on", "ends_on", "status", "created_by"}
)
SWITCH_FIELDS = frozenset({"status", "expected_status"})
STATUSES: tuple[Status, ...] = get_args(Status)
MOST_MINOR = 10**12
MOST_DAYS = 400
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class AdPlatform:
    """One account of the platform, with campaigns drawn from the seed."""

    def __init__(
        self,
        seed: int,
        clock: Clock,
        token: str,
        *,
        account_currency: str = "EUR",
        timezone: str = "UTC",
        read_token: str = "",
    ) -> None:
        currency(account_currency)
        self._seed = seed
        self._clock = clock
        self._guarded = partial(guarded, token, read_token=read_token)
        self._currency = account_currency
        self._timezone = timezone
        self._zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
        self._book = IdempotencyBook()
        drawn = seeded_campaigns(seed, account_currency, self._zone, clock.now())
        self._campaigns = {campaign.id: campaign for campaign in drawn}

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Every effect executed through the API, oldest first."""
        return self._book.effects

    def listing(self) -> list[dict[str, object]]:
        """Return every campaign as the platform shows it."""
        return [self._told(campaign) for campaign in self._campaigns.values()]

    def switch_by_hand(self, campaign_id: str, *, is_active: bool) -> bool:
        """Switch a campaign as a person would in the platform's own page; say whether it could."""
        campaign = self._campaigns.get(campaign_id)
        if campaign is None or campaign.status == "ARCHIVED":
            return False
        status: Status = "ACTIVE" if is_active else "PAUSED"
        self._campaigns[campaign_id] = campaign.switched(status, self._clock.now())
        return True

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without a prefix; all want the token."""
        return [
            web.get("/account", self._guarded(self._account)),
            web.get("/campaigns", self._guarded(self._listed)),
            web.post("/campaigns", self._guarded(self._create)),
            web.get("/campaigns/by-key/{key:.+}", self._guarded(self._by_key)),
            web.get("/campaigns/{id}", self._guarded(self._one)),
            web.post("/campaigns/{id}/status", self._guarded(self._switch)),
            web.get("/campaigns/{id}/insights", self._guarded(self._insights)),
            web.get("/changes/by-key/{key:.+}", self._guarded(self._change)),
            web.get("/log", self._guarded(self._log)),
        ]

    async def _account(self, _request: web.Request) -> web.Response:
        body = {
            "id": f"act-{1000 + self._seed % 9000}",
            "name": "Shop",
            "currency": self._currency,
            "timezone": self._timezone,
            "daily_overspend_ratio": str(OVERSPEND_RATIO),
        }
        return web.json_response(body)

    async def _listed(self, request: web.Request) -> web.Response:
        status = request.query.get("status")
        if status and status not in STATUSES:
            raise invalid("status", f"must be one of {', '.join(STATUSES)}", status=400)
        found = [c for c in self._campaigns.values() if not status or c.status == status]
        return web.json_response({"campaigns": [self._told(campaign) for campaign in found]})

    async def _one(self, request: web.Request) -> web.Response:
        return web.json_response(self._told(self._found(request)))

    async def _create(self, request: web.Request) -> web.Response:
        key = idempotency_key(request)
        body = await json_object(request)
        if replayed := self._book.replay(key, "/campaigns", body):
            return replayed
        brief = self._brief(body)
        now = self._clock.now()
        newest = max(int(known.removeprefix("cmp-")) for known in self._campaigns)
        campaign_id = f"cmp-{newest + 1}"
        made = Campaign(
            id=campaign_id,
            brief=brief,
            created_at=now,
            updated_at=now,
            created_by=text_field(body, "created_by") if "created_by" in body else "api",
            statuses=((now, "PAUSED"),),
            traits=traits(self._seed, campaign_id, brief.currency),
        )
        self._campaigns[made.id] = made
        told = self._told(made)
        effect = Effect(at=now, key=key, what="campaign.create", body=told)
        self._book.keep(effect, "/campaigns", body)
        return web.json_response(told, status=201)

    async def _switch(self, request: web.Request) -> web.Response:
        key = idempotency_key(request)
        campaign = self._found(request)
        body = await json_object(request)
        path = f"/campaigns/{campaign.id}/status"
        if replayed := self._book.replay(key, path, body):
            return replayed
        # Read again after the body was awaited: another request may have switched it meanwhile.
        campaign = self._found(request)
        status = _switched(body, campaign.status)
        now = self._clock.now()
        switched = self._campaigns[campaign.id] = campaign.switched(status, now)
        told = self._told(switched)
        self._book.keep(Effect(at=now, key=key, what="campaign.status", body=told), path, body)
        return web.json_response(told)

    async def _by_key(self, request: web.Request) -> web.Response:
        effect = self._book.find(request.match_info["key"], "campaign.create")
        if effect is None:
            raise RefusalError(404, "not_found", "no campaign was created under this key")
        campaign = self._campaigns[str(effect.body["id"])]
        return web.json_response(self._told(campaign))

    async def _change(self, request: web.Request) -> web.Response:
        effect = self._book.find(request.match_info["key"])
        if effect is None:
            raise RefusalError(404, "not_found", "nothing was changed under this key")
        body = {
            "key": effect.key,
            "campaign_id": effect.body["id"],
            "what": effect.what,
            "at": instant(effect.at),
        }
        return web.json_response(body)

    async def _insights(self, request: web.Request) -> web.Response:
        campaign = self._found(request)
        now = self._clock.now()
        today = now.astimezone(self._zone).date()
        since = _query_date(request, "since", today - timedelta(days=6))
        until = _query_date(request, "until", today)
        if until < since:
            raise invalid("until", "must not be before since", status=400)
        if (until - since).days >= MOST_DAYS:
            raise invalid("since", f"at most {MOST_DAYS} days at once", status=400)
        rows = [
            {
                "date": day.on.isoformat(),
                "spend": day.spend,
                "impressions": day.impressions,
                "clicks": day.clicks,
                "conversions": day.conversions,
            }
            for day in delivery(campaign, self._zone, since, until, now)
        ]
        return web.json_response({"rows": rows, "as_of": instant(now)})

    async def _log(self, _request: web.Request) -> web.Response:
        return web.json_response({"effects": [effect.as_json() for effect in self.effects]})

    def _found(self, request: web.Request) -> Campaign:
        campaign = self._campaigns.get(request.match_info["id"])
        if campaign is None:
            raise RefusalError(404, "not_found", "the account has no such campaign", field="id")
        return campaign

    def _told(self, campaign: Campaign) -> dict[str, object]:
        brief = campaign.brief
        today = self._clock.now().astimezone(self._zone).date()
        return {
            "id": campaign.id,
            "name": brief.name,
            "status": campaign.status,
            "effective_status": campaign.effective_status(today),
            "objective": brief.objective,
            "audience": brief.audience,
            "channel": brief.channel,
            "headline": brief.headline,
            "url": brief.url,
            "currency": brief.currency,
            "daily_budget": brief.daily_budget,
            "starts_on": brief.starts_on.isoformat(),
            "ends_on": brief.ends_on.isoformat(),
            "created_at": instant(campaign.created_at),
            "updated_at": instant(campaign.updated_at),
            "created_by": campaign.created_by,
        }

    def _brief(self, body: Mapping[str, object]) -> Brief:
        only_fields(body, FIELDS)
        texts = {name: text_field(body, name, longest) for name, longest in TEXTS.items()}
        if text_field(body, "channel") not in CHANNELS:
            raise invalid("channel", f"must be one of {', '.join(CHANNELS)}")
        if text_field(body, "currency") != self._currency:
            raise invalid("currency", f"the account's currency is {self._currency}")
        if body.get("status") != "PAUSED":
            raise invalid("status", "a campaign is created PAUSED")
        if not _is_web_address(texts["url"]):
            raise invalid("url", "must be an http or https address")
        starts_on, ends_on = _body_date(body, "starts_on"), _body_date(body, "ends_on")
        if ends_on < starts_on:
            raise invalid("ends_on", "must not be before starts_on")
        if ends_on < self._clock.now().astimezone(self._zone).date():
            raise invalid("ends_on", "is over")
        return Brief(
            name=texts["name"],
            objective=texts["objective"],
            audience=texts["audience"],
            channel=text_field(body, "channel"),
            headline=texts["headline"],
            url=texts["url"],
            currency=self._currency,
            daily_budget=_budget(body),
            starts_on=starts_on,
            ends_on=ends_on,
        )


def _budget(body: Mapping[str, object]) -> int:
    budget = body.get("daily_budget")
    # True is an int in Python, but no amount of money.
    if not isinstance(budget, int) or isinstance(budget, bool) or not 1 <= budget <= MOST_MINOR:
        raise invalid("daily_budget", f"must be an integer of minor units, 1 to {MOST_MINOR}")
    return budget


def _switched(body: Mapping[str, object], current: Status) -> Status:
    only_fields(body, SWITCH_FIELDS)
    status, expected = body.get("status"), body.get("expected_status")
    if status != "ACTIVE" and status != "PAUSED":  # noqa: PLR1714 - narrows the type
        raise invalid("status", "must be ACTIVE or PAUSED")
    if expected not in STATUSES:
        raise invalid("expected_status", f"must be one of {', '.join(STATUSES)}")
    if expected != current or current == "ARCHIVED":
        message = f"the campaign is {current}"
        raise RefusalError(409, "status_conflict", message, field="expected_status", status=current)
    return "ACTIVE" if status == "ACTIVE" else "PAUSED"


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in text


def _body_date(body: Mapping[str, object], name: str) -> date:
    found = _date(text_field(body, name))
    if found is None:
        raise invalid(name, "must be a date, YYYY-MM-DD")
    return found


def _query_date(request: web.Request, name: str, default: date) -> date:
    text = request.query.get(name)
    found = _date(text) if text else default
    if found is None:
        raise invalid(name, "must be a date, YYYY-MM-DD", status=400)
    return found


def _date(text: str) -> date | None:
    if not DATE.fullmatch(text):
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if date.min.year < found.year < date.max.year else None
