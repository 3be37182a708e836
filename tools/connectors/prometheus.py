"""Prometheus: measures a service by instant and range queries."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, SecretStr

from policies.model import Clock, Scalar
from tools.base import AnyTool, Connector, Credential, Parameters, Reading, ReadTool, Unavailable
from tools.http import JsonClient
from tools.limits import Rate

READERS = ("incident", "campaign")
# Prometheus itself knows no credentials: these are the rights of the proxy before it.
SCOPES = ("GET /api/v1/query", "GET /api/v1/query_range", "GET /api/v1/status/buildinfo")


class Settings(BaseModel):
    """Where Prometheus is; `link_url` is where people reach it, if that differs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: AnyHttpUrl
    token: SecretStr | None = None
    link_url: AnyHttpUrl | None = None


class QueryParameters(Parameters):
    """An instant query."""

    query: str = Field(min_length=1, max_length=2000, description="PromQL")


class RangeParameters(Parameters):
    """A range query that ends now."""

    query: str = Field(min_length=1, max_length=2000, description="PromQL")
    minutes: int = Field(default=30, ge=1, le=1440)
    step_s: int = Field(default=15, ge=1, le=3600)


class PrometheusQuery(ReadTool[QueryParameters]):
    """Evaluate a PromQL expression now. `value` is the first sample, missing when there is none."""

    name = "prometheus_query"
    params = QueryParameters
    agents = READERS

    def __init__(self, client: JsonClient, link_url: str, clock: Clock) -> None:
        self._client, self._link_url, self._clock = client, link_url, clock

    async def read(self, params: QueryParameters) -> Reading:
        """Return the value of the first series, and a row per series."""
        now = self._clock.now()
        found = await _query(
            self._client, "query", {"query": params.query, "time": f"{now.timestamp():.3f}"}
        )
        rows = tuple(
            {**_labels(series), "value": _value(series["value"][1])} for series in _series(found)
        )
        value = rows[0]["value"] if rows else None
        return Reading(
            query=params.query,
            data={"value": value, "series": len(rows)},
            rows=rows[:50],
            excerpt="no data" if value is None else f"{value}",
            link=_link(self._link_url, params.query),
        )


class PrometheusRange(ReadTool[RangeParameters]):
    """Evaluate a PromQL expression over the last `minutes`; rows are points of the first series."""

    name = "prometheus_range"
    # A range costs Prometheus as much as many instant queries.
    rate = Rate(burst=20, per_s=10)
    params = RangeParameters
    agents = READERS

    def __init__(self, client: JsonClient, link_url: str, clock: Clock) -> None:
        self._client, self._link_url, self._clock = client, link_url, clock

    async def read(self, params: RangeParameters) -> Reading:
        """Return the points of the first series, oldest first."""
        end = self._clock.now()
        start = end - timedelta(minutes=params.minutes)
        asked = {
            "query": params.query,
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": str(params.step_s),
        }
        series = _series(await _query(self._client, "query_range", asked))
        points = series[0]["values"] if series else []
        rows = tuple(
            {"at": datetime.fromtimestamp(float(at), UTC).isoformat(), "value": _value(value)}
            for at, value in points
        )
        return Reading(
            query=f"{params.query} over {params.minutes} min",
            data={"points": len(rows)},
            rows=rows,
            excerpt=f"{len(rows)} points",
            link=_link(self._link_url, params.query),
        )


class Prometheus(Connector[Settings]):
    """A Prometheus server, or anything that speaks its HTTP API."""

    name = "prometheus"
    title = "Prometheus"
    settings = Settings
    credentials = (Credential(field="token", scopes=SCOPES, reads=True),)

    def __init__(self, client: JsonClient, link_url: str, clock: Clock) -> None:
        self._client = client
        self._tools = (
            PrometheusQuery(client, link_url, clock),
            PrometheusRange(client, link_url, clock),
        )

    @classmethod
    def build(cls, settings: Settings, clock: Clock) -> "Prometheus":
        """Make the connector from its own settings."""
        client = JsonClient(str(settings.url), token=cls.token(settings, writes=False))
        return cls(client, str(settings.link_url or settings.url).rstrip("/"), clock)

    def tools(self) -> Sequence[AnyTool]:
        """Return the two queries."""
        return self._tools

    async def check(self) -> str:
        """Ask for the version."""
        found = await self._client.call("GET", "/api/v1/status/buildinfo")
        return f"Prometheus {found['data'].get('version', 'of unknown version')}"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


async def _query(client: JsonClient, kind: str, asked: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    found = await client.call("GET", f"/api/v1/{kind}", params=asked)
    if not isinstance(found, dict) or found.get("status") != "success":
        raise Unavailable("the answer is not Prometheus' own")
    return found["data"]


def _series(data: Any) -> list[Any]:  # noqa: ANN401 - JSON
    result = data.get("result")
    if not isinstance(result, list):
        raise Unavailable("the answer has no result")
    if data.get("resultType") == "scalar":
        return [{"metric": {}, "value": result}]
    return result


def _labels(series: dict[str, Any]) -> dict[str, Scalar]:
    return {str(name): str(value) for name, value in series.get("metric", {}).items()}


def _value(text: str) -> str | None:
    """Return a sample as text; NaN and infinities are no data (a ratio of nothing)."""
    number = float(text)
    return str(text) if math.isfinite(number) else None


def _link(base: str, query: str) -> str:
    return f"{base}/graph?{urlencode({'g0.expr': query, 'g0.tab': '0', 'g0.range_input': '1h'})}"
