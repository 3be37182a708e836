"""The playground's ad platform: campaigns are created paused, read back, and then activated."""

from collections.abc import Sequence

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, SecretStr

from policies.model import Clock
from tools.base import AnyTool, Connector
from tools.connectors.adplatform.readings import (
    AccountReader,
    CampaignReader,
    CampaignsReader,
    InsightsReader,
)
from tools.connectors.adplatform.writes import ActivateCampaign, CreateCampaign, PauseCampaign
from tools.http import JsonClient


class Settings(BaseModel):
    """Where the platform's API is, and its token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: AnyHttpUrl
    token: SecretStr


class AdPlatform(Connector[Settings]):
    """The ad platform of the playground."""

    name = "adplatform"
    title = "Ad platform (playground)"
    settings = Settings

    def __init__(self, client: JsonClient) -> None:
        self._client = client
        self._tools: tuple[AnyTool, ...] = (
            AccountReader(client),
            CampaignsReader(client),
            CampaignReader(client),
            InsightsReader(client),
            CreateCampaign(client),
            ActivateCampaign(client),
            PauseCampaign(client),
        )

    @classmethod
    def build(cls, settings: Settings, clock: Clock) -> "AdPlatform":
        """Make the connector from its own settings."""
        del clock
        return cls(JsonClient(str(settings.url), token=settings.token.get_secret_value()))

    def tools(self) -> Sequence[AnyTool]:
        """Return the readings, the creation and the two switches."""
        return self._tools

    async def check(self) -> str:
        """Ask whose account it is."""
        found = await self._client.call("GET", "/account")
        return f"account {found['name']}, in {found['currency']}"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
