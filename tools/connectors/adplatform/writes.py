"""What can be changed on the platform: create paused, activate, pause."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from policies.model import (
    ActionKind,
    Comparator,
    ExpectedEffect,
    Inverse,
    Money,
    Precondition,
    Tier,
)
from tools.base import (
    Call,
    Effect,
    Parameters,
    Plan,
    Refused,
    State,
    WriteTool,
)
from tools.connectors.adplatform.readings import CampaignReader
from tools.connectors.adplatform.wire import (
    UNKNOWN,
    by_name,
    campaign_row,
    channel_of,
    or_none,
    to_wire,
)
from tools.http import JsonClient, segment

NONE = "none"
MOST_DAYS = 366
MOST_A_DAY = 1_000_000_000
AMOUNT = r"^[0-9]{1,12}(\.[0-9]{1,3})?$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


class CreateParameters(Parameters):
    """A campaign as it is to be created. `daily_budget` is in major units, like `50.00`."""

    name: str = Field(min_length=1, max_length=120)
    objective: str = Field(min_length=1, max_length=40)
    audience: str = Field(min_length=1, max_length=200)
    channel: str = Field(min_length=1, max_length=40)
    headline: str = Field(min_length=1, max_length=120)
    url: str = Field(min_length=8, max_length=500, pattern=r"^https?://")
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    daily_budget: str = Field(min_length=1, pattern=AMOUNT)
    starts_on: str = Field(min_length=1, pattern=DATE)
    ends_on: str = Field(min_length=1, pattern=DATE)

    # Before the patterns: people read these words in the form of an edit.
    @field_validator("daily_budget", mode="before")
    @classmethod
    def _is_an_amount(cls, text: object, info: ValidationInfo) -> object:
        currency = info.data.get("currency")
        if not isinstance(text, str) or not text or currency is None:
            return text
        if not re.fullmatch(AMOUNT, text):
            raise ValueError(
                f"{text[:40]} is not an amount: write it like 300.00 (a point, no thousands"
                " separator, no currency code)"
            )
        money = _money(text, currency)
        if money.amount == 0:
            raise ValueError("A campaign needs more than nothing a day")
        if money.amount > MOST_A_DAY:
            raise ValueError(f"At most {MOST_A_DAY} a day")
        return text

    @field_validator("starts_on", "ends_on", mode="before")
    @classmethod
    def _is_a_day(cls, text: object) -> object:
        if not isinstance(text, str) or not text:
            return text
        words = "Please choose a day, written like 2026-12-24"
        # Week dates are ISO dates too, but not ours.
        if not re.fullmatch(DATE, text):
            raise ValueError(words)
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError as error:
            raise ValueError(words) from error

    @field_validator("ends_on")
    @classmethod
    def _is_a_flight(cls, text: str, info: ValidationInfo) -> str:
        starts_on = info.data.get("starts_on")
        days = 1 if starts_on is None else _days(starts_on, text)
        if days < 1:
            raise ValueError("The end must not lie before the start")
        if days > MOST_DAYS:
            raise ValueError(f"At most {MOST_DAYS} days; these are {days}")
        return text

    @property
    def days(self) -> int:
        """How many days it runs, the first and the last included."""
        return _days(self.starts_on, self.ends_on)

    def daily(self) -> Money:
        """Return the daily budget as money."""
        return _money(self.daily_budget, self.currency)


class SwitchParameters(Parameters):
    """A campaign to switch on or off, with the budget and days it was approved with."""

    campaign_id: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=120)
    daily_budget: str = Field(pattern=r"^[0-9]{1,15}(\.[0-9]{1,3})? [A-Z]{3}$")
    days: int = Field(ge=0, le=366)
    # The last day that the days were counted to.
    ends_on: str | None = Field(default=None, pattern=DATE)


class CreateCampaign(WriteTool[CreateParameters]):
    """Create a campaign, always paused: it spends nothing until it is activated."""

    name = "adplatform_create_campaign"
    tier = Tier.LOW
    action = ActionKind.CREATE
    params = CreateParameters
    agents = ("campaign",)
    editable = ("daily_budget", "headline", "ends_on")

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def observe(self, params: CreateParameters) -> State:
        """Return what bears the name already, and the account's currency and overspending."""
        account = await self._client.call("GET", "/account")
        found = await by_name(self._client, params.name)
        return {
            "campaign": NONE if found is None else str(found["id"]),
            "currency": str(account["currency"]),
            "overspend_ratio": str(account["daily_overspend_ratio"]),
        }

    def plan(self, params: CreateParameters, observed: State) -> Plan:
        """Refuse a taken name or a foreign currency; reckon the worst case."""
        if observed["campaign"] != NONE:
            raise Refused(f"a campaign named `{params.name}` exists already")
        if observed["currency"] != params.currency:
            raise Refused(f"the account spends in {observed['currency']}, not in {params.currency}")
        daily = params.daily()
        to_wire(daily)
        total = daily.times(Decimal(params.days))
        worst = total.times(1 + Decimal(observed["overspend_ratio"]))
        extra = Decimal(observed["overspend_ratio"]) * 100
        return Plan(
            title=f"Create the campaign, paused, with {daily} a day: `{params.name}`",
            target=params.name,
            preconditions=(
                Precondition(field="campaign", value=NONE, words="no campaign bears this name"),
                Precondition(
                    field="currency",
                    value=params.currency,
                    words=f"the account spends in {params.currency}",
                ),
                _overspending(observed),
            ),
            expected_effect=ExpectedEffect(
                tool=CampaignReader.name,
                parameters={"name": params.name},
                field="read_back",
                comparator=Comparator.EQ,
                value=f"PAUSED, {daily} a day",
                baseline=None,
                settle_s=0,
                window_s=30,
                deadline_s=120,
                sentence=f"Reading it back gives: paused, {daily} a day.",
            ),
            blast_radius=("nothing spends until it is activated",),
            channel=params.channel,
            worst_case=f"{worst} over {params.days} days once activated ({daily} a day, and the"
            f" platform may spend up to {extra:.0f} % more on a day)",
            daily=daily,
            total=worst,
            exposure=worst,
            services_changed=0,
        )

    async def act(self, params: CreateParameters, call: Call) -> Effect:
        """Create it under the call's key."""
        body = params.model_dump(mode="json", exclude={"daily_budget"})
        body |= {"daily_budget": to_wire(params.daily()), "status": "PAUSED"}
        body["created_by"] = call.requester
        return _created(
            await self._client.call(
                "POST", "/campaigns", body=body, key=call.key, on_behalf_of=call.on_behalf_of
            )
        )

    async def reconcile(self, params: CreateParameters, call: Call) -> Effect | None:
        """Ask for the campaign under the call's key."""
        del params
        found = await or_none(self._client, f"/campaigns/by-key/{call.key}")
        return None if found is None else _created(found)


class _Switch(WriteTool[SwitchParameters]):
    """What activating and pausing share."""

    params = SwitchParameters
    agents = ("campaign",)
    before: str
    after: str

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def observe(self, params: SwitchParameters) -> State:
        """Return its status and budget."""
        path = f"/campaigns/{segment(params.campaign_id)}"
        campaign = await self._client.call("GET", path)
        row = campaign_row(campaign)
        account = await self._client.call("GET", "/account")
        return {
            "status": str(row["status"]),
            "daily_budget": str(row["daily_budget"]),
            "name": str(row["name"]),
            "ends_on": str(row["ends_on"]),
            "channel": channel_of(campaign),
            "overspend_ratio": str(account["daily_overspend_ratio"]),
        }

    def _checked(self, params: SwitchParameters, observed: State) -> tuple[Precondition, ...]:
        if observed["name"] != params.name:
            raise Refused(f"`{params.campaign_id}` is named `{observed['name']}`")
        if observed["status"] != self.before:
            raise Refused(f"`{params.name}` is {observed['status']}, not {self.before}")
        if observed["daily_budget"] != params.daily_budget:
            budget = observed["daily_budget"]
            raise Refused(f"`{params.name}` has {budget} a day, not {params.daily_budget}")
        return (
            Precondition(field="status", value=self.before, words=f"it is {self.before.lower()}"),
            Precondition(
                field="daily_budget",
                value=params.daily_budget,
                words=f"its budget is {params.daily_budget} a day",
            ),
        )

    def _effect(self, params: SwitchParameters) -> ExpectedEffect:
        return ExpectedEffect(
            tool=CampaignReader.name,
            parameters={"name": params.name},
            field="read_back",
            comparator=Comparator.EQ,
            value=f"{self.after}, {params.daily_budget} a day",
            baseline=f"{self.before}, {params.daily_budget} a day",
            settle_s=0,
            window_s=30,
            deadline_s=120,
            sentence=f"Reading it back gives: {self.after.lower()}, {params.daily_budget} a day.",
        )

    async def act(self, params: SwitchParameters, call: Call) -> Effect:
        """Switch it under the call's key."""
        body = {"status": self.after, "expected_status": self.before}
        path = f"/campaigns/{segment(params.campaign_id)}/status"
        return self._switched(
            await self._client.call(
                "POST", path, body=body, key=call.key, on_behalf_of=call.on_behalf_of
            )
        )

    async def reconcile(self, params: SwitchParameters, call: Call) -> Effect | None:
        """Ask for the change under the call's key."""
        if await or_none(self._client, f"/changes/by-key/{call.key}") is None:
            return None
        path = f"/campaigns/{segment(params.campaign_id)}"
        return self._switched(await self._client.call("GET", path))

    def _switched(self, campaign: dict[str, Any]) -> Effect:
        row = campaign_row(campaign)
        return Effect(
            sentence=f"`{row['name']}` is {str(row['status']).lower()}"
            f" (in effect: {str(row['effective_status']).lower()}), {row['daily_budget']} a day.",
            left={"status": str(row["status"]), "daily_budget": str(row["daily_budget"])},
            data={"campaign_id": str(row["id"])},
        )


class ActivateCampaign(_Switch):
    """Activate a paused campaign: from its first day on it spends."""

    name = "adplatform_activate_campaign"
    tier = Tier.HIGH
    action = ActionKind.ACTIVATE
    before, after = "PAUSED", "ACTIVE"

    def plan(self, params: SwitchParameters, observed: State) -> Plan:
        """Refuse what is not paused; reckon the worst case; undo by pausing."""
        preconditions = (*self._checked(params, observed), _overspending(observed))
        if params.ends_on is not None:
            words = f"its last day is {params.ends_on}"
            last = Precondition(field="ends_on", value=params.ends_on, words=words)
            preconditions = (*preconditions, last)
        daily = Money.parse(observed["daily_budget"])
        worst = daily.times(Decimal(params.days) * (1 + Decimal(observed["overspend_ratio"])))
        return Plan(
            title=f"Activate the campaign with {params.daily_budget} a day: `{params.name}`",
            target=params.name,
            preconditions=preconditions,
            inverse=Inverse(
                tool=PauseCampaign.name,
                parameters=params.plain(),
                window_s=86_400,
                sentence="Pause it. What was spent until then stays spent.",
            ),
            expected_effect=self._effect(params),
            blast_radius=("spends real money from its first day on",),
            worst_case=f"{worst} over {params.days} days",
            channel=_channel(observed),
            daily=daily,
            total=worst,
            exposure=worst,
            daily_raise=daily,
            services_changed=0,
        )


class PauseCampaign(_Switch):
    """Pause a running campaign: it stops spending."""

    name = "adplatform_pause_campaign"
    tier = Tier.MEDIUM
    action = ActionKind.PAUSE
    before, after = "ACTIVE", "PAUSED"

    def plan(self, params: SwitchParameters, observed: State) -> Plan:
        """Refuse what does not run; undo by activating it again."""
        return Plan(
            title=f"Pause the campaign `{params.name}`",
            target=params.name,
            preconditions=self._checked(params, observed),
            inverse=Inverse(
                tool=ActivateCampaign.name,
                parameters=params.plain(),
                window_s=86_400,
                sentence="Activate it again.",
            ),
            expected_effect=self._effect(params),
            blast_radius=(f"`{params.name}` stops spending {params.daily_budget} a day",),
            channel=_channel(observed),
            currency=Money.parse(observed["daily_budget"]).currency,
            services_changed=0,
        )


def _overspending(observed: State) -> Precondition:
    """Return that a day may cost as much as was reckoned: the worst case rests on it."""
    ratio = observed["overspend_ratio"]
    words = f"a day may overspend its budget by {Decimal(ratio) * 100:.0f} %"
    return Precondition(field="overspend_ratio", value=ratio, words=words)


def _channel(observed: State) -> str | None:
    return None if observed["channel"] == UNKNOWN else observed["channel"]


def _money(amount: str, currency: str) -> Money:
    try:
        return Money(amount=Decimal(amount), currency=currency)
    except ValidationError as error:
        # One sentence of the model's own check, without what pydantic says around it.
        raise ValueError(str(error.errors()[0]["ctx"]["error"])) from error


def _days(starts_on: str, ends_on: str) -> int:
    return (date.fromisoformat(ends_on) - date.fromisoformat(starts_on)).days + 1


def _created(campaign: dict[str, Any]) -> Effect:
    row = campaign_row(campaign)
    return Effect(
        sentence=f"`{row['name']}` exists, {str(row['status']).lower()}, {row['daily_budget']}"
        " a day.",
        left={"campaign": str(row["id"])},
        data={"campaign_id": str(row["id"])},
    )
