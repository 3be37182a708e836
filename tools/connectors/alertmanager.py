"""Alertmanager: which alerts fire, and silences with an end."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, SecretStr

from policies.model import (
    ActionKind,
    Clock,
    Comparator,
    ExpectedEffect,
    Inverse,
    Precondition,
    Tier,
)
from tools.base import (
    AnyTool,
    Call,
    Connector,
    Credential,
    Effect,
    Parameters,
    Plan,
    Reading,
    ReadTool,
    Refused,
    State,
    WriteTool,
)
from tools.http import JsonClient, clients

NONE = "none"
NOT_FOUND = 404


class Settings(BaseModel):
    """Where Alertmanager is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: AnyHttpUrl
    token: SecretStr | None = None
    # One that may only read; without it the other one reads too.
    read_token: SecretStr | None = None


# Alertmanager itself knows no credentials: these are the rights of the proxy before it.
READS = ("GET /api/v2/alerts", "GET /api/v2/silences", "GET /api/v2/status")
WRITES = ("POST /api/v2/silences", "DELETE /api/v2/silence")


class Subject(Parameters):
    """Which alerts: all three labels must match."""

    alertname: str = Field(min_length=1, max_length=200)
    service: str = Field(default="", max_length=200)
    environment: str = Field(default="", max_length=200)

    def labels(self) -> dict[str, str]:
        """Return the labels that are given."""
        found = {
            "alertname": self.alertname,
            "service": self.service,
            "environment": self.environment,
        }
        return {name: value for name, value in found.items() if value}


class AlertsParameters(Parameters):
    """Which service's alerts."""

    service: str = Field(min_length=1, max_length=200)
    environment: str = Field(min_length=1, max_length=200)


class SilenceParameters(Subject):
    """A silence of `minutes` for the alerts of a subject."""

    minutes: int = Field(default=60, ge=5, le=1440)


class AlertmanagerAlerts(ReadTool[AlertsParameters]):
    """List the alerts that fire for a service now, with whether they are silenced."""

    name = "alertmanager_alerts"
    params = AlertsParameters
    agents = ("incident",)

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def read(self, params: AlertsParameters) -> Reading:
        """Return a row per alert."""
        wanted = {"service": params.service, "environment": params.environment}
        found = await self._client.call("GET", "/api/v2/alerts")
        rows = tuple(
            {
                "alertname": str(alert["labels"].get("alertname", "")),
                "state": str(alert["status"]["state"]),
                "since": str(alert["startsAt"]),
            }
            for alert in found
            if wanted.items() <= alert["labels"].items()
        )
        names = ", ".join(f"{row['alertname']} ({row['state']})" for row in rows) or "none fires"
        return Reading(
            query=f"alerts of {params.service} in {params.environment}",
            data={"firing": len(rows)},
            rows=rows[:50],
            excerpt=names,
        )


class AlertmanagerSilences(ReadTool[Subject]):
    """Say whether an active silence covers the alerts of a subject, and until when."""

    name = "alertmanager_silences"
    params = Subject
    agents = ("incident",)

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def read(self, params: Subject) -> Reading:
        """Return `state` as `silenced` or `not silenced`."""
        found = [item for item in await _silences(self._client) if _covers(item, params)]
        until = max((str(item["endsAt"]) for item in found), default=None)
        return Reading(
            query=f"silences of {params.labels()}",
            data={"state": "silenced" if found else "not silenced", "until": until},
            excerpt=f"silenced until {until}" if found else "not silenced",
        )


class AlertmanagerSilence(WriteTool[SilenceParameters]):
    """Silence the alerts of a subject in Alertmanager for some minutes; it ends by itself."""

    name = "alertmanager_silence"
    tier = Tier.LOW
    action = ActionKind.SILENCE
    params = SilenceParameters
    agents = ("incident",)
    editable = ("minutes",)

    def __init__(self, client: JsonClient, clock: Clock) -> None:
        self._client, self._clock = client, clock

    async def observe(self, params: SilenceParameters) -> State:
        """Return which active silence of Signoff's or of a person's covers the subject."""
        found = [item for item in await _silences(self._client) if _covers(item, params)]
        return {"silence": ",".join(sorted(str(item["id"]) for item in found)) or NONE}

    def plan(self, params: SilenceParameters, observed: State) -> Plan:
        """Refuse what is silenced already; undo by ending the silence."""
        if observed["silence"] != NONE:
            raise Refused(f"`{params.alertname}` is silenced already")
        subject = params.service or params.alertname
        where = f" in {params.environment}" if params.environment else ""
        labels = Subject(**params.labels()).plain()
        return Plan(
            title=f"Silence `{params.alertname}` of `{subject}`{where} for {params.minutes} min",
            target=subject,
            preconditions=(
                Precondition(field="silence", value=NONE, words="nothing silences it yet"),
            ),
            inverse=Inverse(
                tool=AlertmanagerExpire.name,
                parameters=labels,
                window_s=params.minutes * 60,
                sentence="End the silence.",
            ),
            expected_effect=ExpectedEffect(
                tool=AlertmanagerSilences.name,
                parameters=labels,
                field="state",
                comparator=Comparator.EQ,
                value="silenced",
                baseline="not silenced",
                settle_s=0,
                window_s=30,
                deadline_s=120,
                sentence="Alertmanager lists the silence as active.",
            ),
            blast_radius=(f"notifications of `{params.alertname}` for `{subject}`",),
            service=params.service or None,
            services_changed=0,
        )

    async def act(self, params: SilenceParameters, call: Call) -> Effect:
        """Make the silence, marked with the call's comment."""
        now = self._clock.now()
        ends_at = (now + timedelta(minutes=params.minutes)).isoformat()
        body = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in params.labels().items()
            ],
            "startsAt": now.isoformat(),
            "endsAt": ends_at,
            "createdBy": "Signoff",
            "comment": call.comment,
        }
        made = await self._client.call(
            "POST", "/api/v2/silences", body=body, on_behalf_of=call.on_behalf_of
        )
        return _silenced(str(made["silenceID"]), ends_at)

    async def reconcile(self, params: SilenceParameters, call: Call) -> Effect | None:
        """Find a silence that carries the call's comment."""
        del params
        for item in await _silences(self._client, only_active=False):
            if item.get("comment") == call.comment:
                return _silenced(str(item["id"]), str(item["endsAt"]))
        return None


class AlertmanagerExpire(WriteTool[Subject]):
    """End the silence that an earlier action made."""

    name = "alertmanager_expire"
    tier = Tier.LOW
    action = ActionKind.UNSILENCE
    params = Subject
    agents = ("incident",)

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def observe(self, params: Subject) -> State:
        """Return which active silence covers the subject."""
        found = [item for item in await _silences(self._client) if _covers(item, params)]
        return {"silence": ",".join(sorted(str(item["id"]) for item in found)) or NONE}

    def plan(self, params: Subject, observed: State) -> Plan:
        """End what is there."""
        return Plan(
            title=f"End the silence of `{params.alertname}`",
            target=params.service or params.alertname,
            preconditions=(Precondition(field="silence", value=observed["silence"]),),
            service=params.service or None,
            services_changed=0,
        )

    async def act(self, params: Subject, call: Call) -> Effect:
        """Expire it; one that is gone already is as good."""
        state = await self.observe(params)
        for silence_id in state["silence"].split(","):
            if silence_id != NONE:
                path = f"/api/v2/silence/{silence_id}"
                await self._client.call("DELETE", path, on_behalf_of=call.on_behalf_of)
        return Effect(sentence="The silence is ended.", left={"silence": NONE})

    async def reconcile(self, params: Subject, call: Call) -> Effect | None:
        """Ended is what we wanted, by whomever."""
        del call
        state = await self.observe(params)
        if state["silence"] == NONE:
            return Effect(sentence="The silence is ended.", left={"silence": NONE})
        return None


class Alertmanager(Connector[Settings]):
    """An Alertmanager, version 0.22 or newer (API v2)."""

    name = "alertmanager"
    title = "Alertmanager"
    settings = Settings
    credentials = (
        Credential(field="read_token", scopes=READS, reads=True),
        Credential(field="token", scopes=(*READS, *WRITES), reads=True, writes=True),
    )

    def __init__(self, reader: JsonClient, writer: JsonClient, clock: Clock) -> None:
        self._reader, self._writer = reader, writer
        self._tools: tuple[AnyTool, ...] = (
            AlertmanagerAlerts(reader),
            AlertmanagerSilences(reader),
            AlertmanagerSilence(writer, clock),
            AlertmanagerExpire(writer),
        )

    @classmethod
    def build(cls, settings: Settings, clock: Clock) -> "Alertmanager":
        """Make the connector from its own settings."""
        return cls(*clients(cls, settings, str(settings.url)), clock)

    def tools(self) -> Sequence[AnyTool]:
        """Return the two readings, the silence and its end."""
        return self._tools

    async def check(self) -> str:
        """Ask for the version."""
        found = await self._reader.call("GET", "/api/v2/status")
        return f"Alertmanager {found.get('versionInfo', {}).get('version', 'of unknown version')}"

    async def close(self) -> None:
        """Close the connections."""
        await self._reader.close()
        await self._writer.close()


async def _silences(client: JsonClient, *, only_active: bool = True) -> list[dict[str, Any]]:
    found = await client.call("GET", "/api/v2/silences")
    states = {"active", "pending"} if only_active else {"active", "pending", "expired"}
    return [item for item in found if item["status"]["state"] in states]


def _covers(silence: dict[str, Any], subject: Subject) -> bool:
    labels = subject.labels()
    return all(
        not matcher.get("isRegex")
        and matcher.get("isEqual", True)
        and labels.get(matcher["name"]) == matcher["value"]
        for matcher in silence["matchers"]
    )


def _silenced(silence_id: str, ends_at: str) -> Effect:
    return Effect(
        sentence=f"Silenced until {ends_at[:16]} UTC.",
        left={"silence": silence_id},
        data={"silence_id": silence_id},
    )
