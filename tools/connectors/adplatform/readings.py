"""What can be read of the platform: the account, campaigns and what they spent."""

from pydantic import Field

from tools.base import (
    ANYWHERE,
    Parameters,
    Reading,
    ReadTool,
)
from tools.connectors.adplatform.wire import by_name, campaign_row, from_wire
from tools.http import JsonClient, segment

DATE = r"^\d{4}-\d{2}-\d{2}$"


class NoParameters(Parameters):
    """No arguments."""


class CampaignName(Parameters):
    """A campaign by its name."""

    name: str = Field(min_length=1, max_length=120)


class InsightsParameters(Parameters):
    """A campaign, and the first and last day."""

    campaign_id: str = Field(min_length=1, max_length=64)
    since: str = Field(pattern=DATE)
    until: str = Field(pattern=DATE)


class AccountReader(ReadTool[NoParameters]):
    """Read the account: its currency, and how far a day may overspend its budget."""

    name = "adplatform_account"
    params = NoParameters
    agents = ("campaign", "digest")
    is_untrusted = False

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def read(self, params: NoParameters) -> Reading:
        """Return `currency` and `overspend_ratio`."""
        del params
        found = await self._client.call("GET", "/account")
        return Reading(
            query="account",
            data={
                "currency": str(found["currency"]),
                "overspend_ratio": str(found["daily_overspend_ratio"]),
                "name": str(found["name"]),
            },
            excerpt=f"{found['name']}, in {found['currency']}",
        )


class CampaignsReader(ReadTool[NoParameters]):
    """List the campaigns with their status, daily budget and landing page."""

    name = "adplatform_campaigns"
    params = NoParameters
    # An incident asks which campaigns lead to what is broken.
    agents = ("campaign", "digest", "incident")
    environments = ANYWHERE

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def read(self, params: NoParameters) -> Reading:
        """Return a row per campaign."""
        del params
        found = await self._client.call("GET", "/campaigns")
        rows = tuple(campaign_row(campaign) for campaign in found["campaigns"])
        return Reading(
            query="campaigns",
            data={"count": len(rows)},
            rows=rows[:200],
            excerpt=f"{len(rows)} campaigns",
        )


class CampaignReader(ReadTool[CampaignName]):
    """Read one campaign back by its name: desired and effective status, and its budget."""

    name = "adplatform_campaign"
    params = CampaignName
    agents = ("campaign", "digest")

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def read(self, params: CampaignName) -> Reading:
        """Return its state, and `read_back` as one line."""
        found = await by_name(self._client, params.name)
        if found is None:
            return Reading(query=params.name, data={}, excerpt="no such campaign")
        row = campaign_row(found)
        line = f"{row['status']}, {row['daily_budget']} a day"
        return Reading(query=params.name, data={**row, "read_back": line}, excerpt=line)


class InsightsReader(ReadTool[InsightsParameters]):
    """Read what a campaign spent and brought per day, and how fresh that is."""

    name = "adplatform_insights"
    params = InsightsParameters
    agents = ("campaign", "digest")

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def read(self, params: InsightsParameters) -> Reading:
        """Return a row per day, and the sums; `spend` is in major units."""
        campaign = segment(params.campaign_id)
        window = {"since": params.since, "until": params.until}
        owner = await self._client.call("GET", f"/campaigns/{campaign}")
        found = await self._client.call("GET", f"/campaigns/{campaign}/insights", params=window)
        rows = found["rows"]
        names = ("impressions", "clicks", "conversions")
        if not rows:
            # It never ran on these days: that is not known to be 0 of anything.
            empty = dict.fromkeys(("spend", *names))
            data = {**empty, "as_of": str(found["as_of"])}
            return Reading(query=params.campaign_id, data=data, excerpt="did not run")
        spend = from_wire(sum(int(row["spend"]) for row in rows), owner["currency"])
        sums = {name: sum(int(row[name]) for row in rows) for name in names}
        return Reading(
            query=f"{params.campaign_id} from {params.since} to {params.until}",
            data={"spend": str(spend), "as_of": str(found["as_of"]), **sums},
            rows=tuple(
                {**row, "spend": str(from_wire(int(row["spend"]), owner["currency"]))}
                for row in rows
            ),
            excerpt=f"spent {spend}, {sums['conversions']} conversions",
        )
