"""The platform's wire: its money table, and campaigns as rows."""

from decimal import Decimal
from typing import Any

from policies.model import Money
from tools.base import (
    Refused,
    Unavailable,
)
from tools.http import JsonClient

NOT_FOUND = 404
# Currencies whose amounts travel whole. The platform follows Meta's table, not ISO 4217: TWD, HUF,
# IDR, COP and CRC have cents on paper and none on the wire.
OFFSET_ONE = frozenset(
    {"CLP", "COP", "CRC", "HUF", "IDR", "ISK", "JPY", "KRW", "PYG", "TWD", "VND"}
)
# Where a campaign can be shown. Whatever else the platform says is text from outside, not a fact.
CHANNELS = frozenset({"search", "social"})
UNKNOWN = "unknown"


def channel_of(campaign: dict[str, Any]) -> str:
    """Return where a campaign is shown, or that it is unknown."""
    found = campaign.get("channel")
    return found if isinstance(found, str) and found in CHANNELS else UNKNOWN


def to_wire(money: Money) -> int:
    """Return an amount in the platform's units; raises Refused where it has no such fraction."""
    amount = money.amount * (1 if money.currency in OFFSET_ONE else 100)
    if amount != amount.to_integral_value():
        raise Refused(f"the platform takes no fractions of a {money.currency}: {money}")
    return int(amount)


def from_wire(units: int, currency: str) -> Money:
    """Return the platform's units as an amount."""
    divisor = 1 if currency in OFFSET_ONE else 100
    return Money(amount=Decimal(units) / divisor, currency=currency)


def campaign_row(campaign: dict[str, Any]) -> dict[str, str]:
    """Return a campaign as the platform tells it, with its budget as money."""
    names = ("id", "name", "status", "effective_status", "currency", "starts_on", "ends_on")
    budget = from_wire(int(campaign["daily_budget"]), str(campaign["currency"]))
    return {
        **{name: str(campaign[name]) for name in names},
        "daily_budget": str(budget),
        "url": str(campaign.get("url", "")),
        "owner": str(campaign.get("created_by", "")),
        "created_at": str(campaign.get("created_at", "")),
        "updated_at": str(campaign.get("updated_at", "")),
    }


async def by_name(client: JsonClient, name: str) -> dict[str, Any] | None:
    """Return the campaign of a name, or None; raises Unavailable where several bear it."""
    found = await client.call("GET", "/campaigns")
    named = [campaign for campaign in found["campaigns"] if campaign["name"] == name]
    if len(named) > 1:
        raise Unavailable(f"{len(named)} campaigns are named `{name}`")
    return named[0] if named else None


async def or_none(client: JsonClient, path: str) -> dict[str, Any] | None:
    """Return what is at a path, or None for a 404."""
    try:
        found: dict[str, Any] = await client.call("GET", path)
    except Refused as error:
        if error.status == NOT_FOUND:
            return None
        raise
    return found
