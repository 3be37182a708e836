"""The playground's ad platform: campaigns are created paused, read back, and then activated."""

from collections.abc import Sequence

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, SecretStr

from policies.model import Clock
from tools.base import AnyTool, Connector, Credential
from tools.connectors.adplatform.readings import (
    AccountReader,
    CampaignReader,
    CampaignsReader,
    InsightsReader,
)
from tools.connectors.adplatform.writes import ActivateCampaign, CreateCampaign, PauseCampaign
from tools.http import JsonClient, clients


class Settings(BaseModel):
    """Where the platform's API is, and its token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: AnyHttpUrl
    token: SecretStr
    # One that may only read; without it the other one reads too.
    read_token: SecretStr | None = None


READS = ("account:read", "campaigns:read", "insights:read")


class AdPlatform(Connector[Settings]):
    """The ad platform of the playground."""

    name = "adplatform"
    title = "Ad platform (playground)"
    settings = Settings
    environments = ("ads",)
    credentials = (
        Credential(field="read_token", scopes=READS, reads=True),
        Credential(field="token", scopes=(*READS, "campaigns:write"), reads=True, writes=True),
    )

    def __init__(self, reader: JsonClient, writer: JsonClient) -> None:
        self._reader, self._writer = reader, writer
        self._tools: tuple[AnyTool, ...] = (
            AccountReader(reader),
            CampaignsReader(reader),
            CampaignReader(reader),
            InsightsReader(reader),
            CreateCampaign(writer),
            ActivateCampaign(writer),
            PauseCampaign(writer),
        )

    @classmethod
    def build(cls, settings: Settings, clock: Clock) -> "AdPlatform":
        """Make the connector from its own settings."""
        del clock
        return cls(*clients(cls, settings, str(settings.url)))

    def tools(self) -> Sequence[AnyTool]:
        """Return the readings, the creation and the two switches."""
        return self._tools

    async def check(self) -> str:
        """Ask whose account it is."""
        found = await self._reader.call("GET", "/account")
        return f"account {found['name']}, in {found['currency']}"

    async def close(self) -> None:
        """Close the connections."""
        await self._reader.close()
        await self._writer.close()
