"""Campaigns and what they deliver: a closed form of time, within 125 % of a day's budget."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Literal, Protocol

from playground.adplatform.money import currency, price

OVERSPEND_RATIO = Decimal("0.25")  # as Meta: up to a quarter above the daily budget on a day
CHANNELS = ("search", "social")

Status = Literal["PAUSED", "ACTIVE", "ARCHIVED"]
EffectiveStatus = Literal["PAUSED", "ACTIVE", "SCHEDULED", "ENDED"]


class Clock(Protocol):
    """Where the platform reads the time; it may jump ahead, never back."""

    def now(self) -> datetime:
        """Return the present time, aware, in UTC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Brief:
    """What a campaign is made from; `daily_budget` is in the platform's minor units."""

    name: str
    objective: str
    audience: str
    channel: str
    headline: str
    url: str
    currency: str
    daily_budget: int
    starts_on: date
    ends_on: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """One campaign and every configured status it has had, oldest first."""

    id: str
    brief: Brief
    created_at: datetime
    updated_at: datetime
    created_by: str
    statuses: tuple[tuple[datetime, Status], ...]
    traits: "Traits" = field(repr=False)

    @property
    def status(self) -> Status:
        """Return the configured status."""
        return self.statuses[-1][1]

    def effective_status(self, today: date) -> EffectiveStatus:
        """Return what the campaign really does on a day."""
        if today > self.brief.ends_on or self.status == "ARCHIVED":
            return "ENDED"
        if self.status == "PAUSED":
            return "PAUSED"
        return "SCHEDULED" if today < self.brief.starts_on else "ACTIVE"

    def switched(self, status: Status, at: datetime) -> "Campaign":
        """Return the campaign with another configured status from now on."""
        return replace(self, statuses=(*self.statuses, (at, status)), updated_at=at)

    def active_s(self, begin: datetime, end: datetime) -> float:
        """Return for how many seconds between two times the configured status was ACTIVE."""
        edges = [at for at, _ in self.statuses[1:]] + [datetime.max.replace(tzinfo=UTC)]
        return sum(
            max(0.0, (min(until, end) - max(since, begin)).total_seconds())
            for (since, status), until in zip(self.statuses, edges, strict=True)
            if status == "ACTIVE"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """How well a campaign does: price of a thousand impressions (minor units), and the rates."""

    seed: str
    cost_per_mille: float
    click_ratio: float
    conversion_ratio: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """What a campaign delivered on one day of the account's calendar; `spend` in minor units."""

    on: date
    spend: int
    impressions: int
    clicks: int
    conversions: int


def traits(seed: int, campaign_id: str, code: str) -> Traits:
    """Draw a campaign's traits from the world's seed."""
    draw = random.Random(f"{seed}/{campaign_id}")  # noqa: S311 - a repeatable world, no secret
    level = float(currency(code).per_euro * currency(code).offset)
    return Traits(
        seed=f"{seed}/{campaign_id}",
        cost_per_mille=draw.uniform(4.0, 11.0) * level,
        click_ratio=draw.uniform(0.008, 0.03),
        conversion_ratio=draw.uniform(0.02, 0.06),
    )


def delivery(
    campaign: Campaign, zone: tzinfo, since: date, until: date, now: datetime
) -> list[Day]:
    """Return the days of delivery in a range, both ends included; today as far as it went.

    A day on which the campaign never ran has no row, as on the platforms.
    """
    first = max(since, campaign.brief.starts_on)
    last = min(until, campaign.brief.ends_on, now.astimezone(zone).date())
    days = (_day(campaign, zone, on, now) for on in _dates(first, last))
    return [day for day in days if day is not None]


def _day(campaign: Campaign, zone: tzinfo, on: date, now: datetime) -> Day | None:
    begin = datetime.combine(on, time(), zone).astimezone(UTC)
    end = datetime.combine(on + timedelta(days=1), time(), zone).astimezone(UTC)
    active_s = campaign.active_s(begin, min(end, now))
    if active_s == 0:
        return None
    ran = active_s / (end - begin).total_seconds()
    spend = campaign.brief.daily_budget * _appetite(campaign, on) * ran
    impressions = spend / campaign.traits.cost_per_mille * 1000
    clicks = impressions * campaign.traits.click_ratio
    return Day(
        on=on,
        spend=int(spend),
        impressions=int(impressions),
        clicks=int(clicks),
        conversions=int(clicks * campaign.traits.conversion_ratio),
    )


def _appetite(campaign: Campaign, on: date) -> float:
    """Return the share of the daily budget that a whole day takes: 75 % to 125 %."""
    digest = hashlib.sha256(f"{campaign.traits.seed}/{on.isoformat()}".encode()).digest()
    spread = 2 * float(OVERSPEND_RATIO)
    return 1 - spread / 2 + spread * int.from_bytes(digest[:4]) / 0xFFFFFFFF


def _dates(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def seeded_campaigns(seed: int, code: str, zone: tzinfo, now: datetime) -> list[Campaign]:
    """Draw the campaigns of the start: one ACTIVE since last week, one PAUSED, one ENDED."""
    draw = random.Random(f"{seed}/campaigns")  # noqa: S311 - as above
    number = draw.randrange(10_000, 99_000)
    today = now.astimezone(zone).date()
    plans: list[tuple[str, str, str, int, int, Status]] = [
        ("Winter boots", "social", "Warm feet, dry feet", -7, 21, "ACTIVE"),
        ("Rain jackets", "search", "Stay dry for less", -3, 25, "PAUSED"),
        ("Back to school", "search", "Backpacks that last", -40, -12, "ACTIVE"),
    ]
    made = []
    for step, (name, channel, headline, starts, ends, status) in enumerate(plans):
        starts_on = today + timedelta(days=starts)
        created_at = datetime.combine(starts_on - timedelta(days=2), time(9), zone).astimezone(UTC)
        brief = Brief(
            name=name,
            objective="sales",
            audience="people who bought outdoor gear in the last year",
            channel=channel,
            headline=headline,
            url=f"https://shop.example/{name.lower().replace(' ', '-')}",
            currency=code,
            daily_budget=price(str(draw.randrange(80, 301, 10)), code),
            starts_on=starts_on,
            ends_on=today + timedelta(days=ends),
        )
        campaign_id = f"cmp-{number + step}"
        campaign = Campaign(
            id=campaign_id,
            brief=brief,
            created_at=created_at,
            updated_at=created_at,
            created_by="mia",
            statuses=((created_at, "PAUSED"),),
            traits=traits(seed, campaign_id, code),
        )
        launched_at = created_at + timedelta(hours=3)
        made.append(campaign.switched(status, launched_at) if status == "ACTIVE" else campaign)
    return made
