"""A brief as a person fills it in, and the typed, hashed plan made from it."""

import hashlib
from collections.abc import Mapping
from datetime import date
from urllib.parse import urlsplit

import rfc8785

from policies.model import Money, Strict

OBJECTIVES = {"traffic": "Visits", "leads": "Sign-ups", "sales": "Sales"}
CHANNELS = {"search": "Search ads", "social": "Social ads"}
MAX_DAYS = 366
MOST_A_DAY = 1_000_000_000
LENGTHS = {"name": 120, "audience": 200, "headline": 120, "url": 500}


class BriefError(ValueError):
    """A brief can't be taken; `faults` maps each field to what is wrong with it."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {fault}" for name, fault in faults.items()))
        self.faults = dict(faults)


class CampaignPlan(Strict):
    """What is to be launched; `digest` names exactly this plan."""

    name: str
    objective: str
    audience: str
    channel: str
    headline: str
    url: str
    daily: Money
    starts_on: str
    ends_on: str
    days: int

    @property
    def digest(self) -> str:
        """SHA-256 over the plan's RFC 8785 form."""
        canonical = rfc8785.dumps(self.model_dump(mode="json"))
        return hashlib.sha256(b"plan/v1\0" + canonical).hexdigest()


def plan(brief: Mapping[str, str], today: date) -> CampaignPlan:
    """Turn a brief into a plan.

    Raises:
        BriefError: naming every field that is wrong, in words its writer understands.
    """
    faults: dict[str, str] = {}
    texts = {name: _text(brief, name, faults) for name in LENGTHS}
    objective = _choice(brief, "objective", OBJECTIVES, faults)
    channel = _choice(brief, "channel", CHANNELS, faults)
    if "url" not in faults and not _is_web(texts["url"]):
        faults["url"] = "Write a whole address that begins with https://"
    daily = _budget(brief.get("daily_budget", ""), faults)
    starts_on = _day(brief, "starts_on", faults)
    ends_on = _day(brief, "ends_on", faults)
    days = _days(starts_on, ends_on, today, faults)
    if faults or daily is None or starts_on is None or ends_on is None:
        raise BriefError(faults)
    return CampaignPlan(
        **texts,
        objective=objective,
        channel=channel,
        daily=daily,
        starts_on=starts_on.isoformat(),
        ends_on=ends_on.isoformat(),
        days=days,
    )


def _text(brief: Mapping[str, str], name: str, faults: dict[str, str]) -> str:
    found = " ".join(brief.get(name, "").split())
    if not found:
        faults[name] = "Please fill this in"
    elif len(found) > LENGTHS[name]:
        faults[name] = f"At most {LENGTHS[name]} characters; these are {len(found)}"
    return found


def _choice(
    brief: Mapping[str, str], name: str, allowed: Mapping[str, str], faults: dict[str, str]
) -> str:
    found = brief.get(name, "")
    if found not in allowed:
        faults[name] = "Please choose one of: " + ", ".join(allowed.values())
    return found


def _budget(text: str, faults: dict[str, str]) -> Money | None:
    try:
        money = Money.parse(text)
    except ValueError as error:
        faults["daily_budget"] = _first_line(error)
        return None
    if money.amount > MOST_A_DAY:
        faults["daily_budget"] = f"At most {MOST_A_DAY} a day"
    if money.amount == 0:
        faults["daily_budget"] = "A campaign needs more than nothing a day"
    return money


def _first_line(error: ValueError) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    found = next((line for line in lines if line.startswith("Value error, ")), lines[0])
    # A form shows plain text: no code marks.
    return found.removeprefix("Value error, ").split(" [type=")[0].replace("`", "")


def _day(brief: Mapping[str, str], name: str, faults: dict[str, str]) -> date | None:
    try:
        return date.fromisoformat(brief.get(name, ""))
    except ValueError:
        faults[name] = "Please choose a day"
        return None


def _days(starts_on: date | None, ends_on: date | None, today: date, faults: dict[str, str]) -> int:
    if starts_on is None or ends_on is None:
        return 0
    if starts_on < today:
        faults["starts_on"] = "This day is over; choose today or later"
    days = (ends_on - starts_on).days + 1
    if days < 1:
        faults["ends_on"] = "The end must not lie before the start"
    elif days > MAX_DAYS:
        faults["ends_on"] = f"At most {MAX_DAYS} days; these are {days}"
    return days


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return url.startswith(("https://", "http://")) and bool(parts.hostname)
