"""The closed model of what a rule may ask about: every fact, its unit and where it comes from."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    """A frozen value that refuses unknown fields and silent conversions."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class ActorKind(StrEnum):
    """Who did something: an agent, a person, or Signoff itself."""

    AGENT = "agent"
    HUMAN = "human"
    SYSTEM = "system"


class Tier(StrEnum):
    """How much a tool can break: reading, or writing with low, medium or high risk."""

    READ = "read"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Mode(StrEnum):
    """What Signoff may do: only watch, act with a sign-off, or act on its own where a rule says."""

    OBSERVE = "observe"
    APPROVE = "approve"
    AUTO = "auto"


class Severity(StrEnum):
    """How bad an incident is, SEV1 the worst."""

    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"
    SEV4 = "SEV4"


class ActionKind(StrEnum):
    """What a tool does, in one word that tools of different systems share."""

    READ = "read"
    ROLLBACK = "rollback"
    DEPLOY = "deploy"
    RESTART = "restart"
    SCALE = "scale"
    FAILOVER = "failover"
    DRAIN = "drain"
    TOGGLE = "toggle"
    SILENCE = "silence"
    UNSILENCE = "unsilence"
    NOTIFY = "notify"
    CREATE = "create"
    ACTIVATE = "activate"
    PAUSE = "pause"
    BUDGET = "budget"
    BID = "bid"
    TARGET = "target"
    CREATIVE = "creative"
    SCHEDULE = "schedule"
    SEND = "send"
    CANCEL = "cancel"
    ARCHIVE = "archive"
    ADOPT = "adopt"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a person must know of a fact: what it is, its unit, and who fills it in."""

    words: str
    by: str
    unit: str = ""


# Who fills in a fact.
TASK, TOOL, PLAN = "the task", "the tool's class", "the tool's plan"
GATEWAY, NOBODY = "the gateway", "nobody: always unknown"
# A connector to come may.
NO_TOOL = "no shipped tool: always unknown"

Share = Annotated[Decimal, Field(ge=0, le=1)]
Amount = Annotated[Decimal, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Percent = Annotated[Decimal, Field(ge=0, le=100)]
MONEY = "major units of `currency`"


class Facts(Strict):
    """What a rule may ask about; `None` is unknown, and an unknown fact never loosens."""

    agent: Annotated[str, Said(words="Which agent asks.", by=TASK)]
    tool: Annotated[str, Said(words="Which tool would be called.", by=TOOL)]
    tier: Annotated[Tier, Said(words="How much the tool can break.", by=TOOL)]
    environment: Annotated[
        str, Said(words="Where: as the alert says, `ads` for campaigns.", by=TASK)
    ]
    target: Annotated[str, Said(words="What is changed: a service, a campaign's name.", by=PLAN)]
    mode: Annotated[
        Mode,
        Said(
            words="How far the agent may go in the environment.",
            by="`signoff.yaml`, or `/signoff mode`",
        ),
    ]
    requester: Annotated[
        ActorKind,
        Said(words="Who asked for the task: a person, or the system for an alert.", by=TASK),
    ]
    paused: Annotated[
        bool,
        Said(words="Whether everything is paused; nothing is asked then, so false.", by=GATEWAY),
    ]
    tainted: Annotated[bool, Said(words="Whether the task has read untrusted text.", by=TASK)]
    reversible: Annotated[
        bool, Said(words="Whether the plan has an inverse, so that a rollback is at hand.", by=PLAN)
    ]
    action: Annotated[ActionKind | None, Said(words="What the tool does.", by=TOOL)] = None
    service: Annotated[str | None, Said(words="Which service is touched.", by=PLAN)] = None
    team: Annotated[str | None, Said(words="Who owns what is touched.", by=NOBODY)] = None
    platform: Annotated[
        str | None, Said(words="Which outside system: the connector's name.", by=GATEWAY)
    ] = None
    channel: Annotated[
        str | None, Said(words="Where a campaign is shown, such as `search`.", by=PLAN)
    ] = None
    tenant: Annotated[str | None, Said(words="For whom.", by=TASK)] = None
    severity: Annotated[Severity | None, Said(words="How bad the incident is.", by=TASK)] = None
    currency: Annotated[
        str | None, Said(words="Of every amount below.", unit="ISO 4217", by=PLAN)
    ] = None
    requester_groups: Annotated[
        frozenset[str] | None,
        Said(
            words="Which of the groups that rules name the requester is in; the system in none.",
            by=GATEWAY,
        ),
    ] = None
    calendars: Annotated[
        frozenset[str] | None,
        Said(words="Which of the rule set's calendars hold now.", by=GATEWAY),
    ] = None
    frozen: Annotated[
        bool | None, Said(words="Whether the task or the campaign is frozen.", by=GATEWAY)
    ] = None
    confidence: Annotated[
        Share | None,
        Said(
            words="How sure the agent is of a rollback; 1 for a change of the rules.",
            unit="0 to 1",
            by=TASK,
        ),
    ] = None
    daily_amount: Annotated[
        Amount | None, Said(words="The budget of a day afterwards.", unit=MONEY, by=PLAN)
    ] = None
    total_amount: Annotated[
        Amount | None, Said(words="The budget until the end, at worst.", unit=MONEY, by=PLAN)
    ] = None
    exposure: Annotated[
        Amount | None,
        Said(words="What may be spent at worst until it ends.", unit=MONEY, by=PLAN),
    ] = None
    absolute_change: Annotated[
        Decimal | None,
        Said(words="How much a budget or bid goes up, or down below 0.", unit=MONEY, by=NO_TOOL),
    ] = None
    percent_change: Annotated[
        Decimal | None,
        Said(
            words="The same as a share of what it is now; also for replicas.",
            unit="percent: 20 is up by a fifth, -20 down",
            by=NO_TOOL,
        ),
    ] = None
    spend_change_today: Annotated[
        Decimal | None,
        Said(
            words="By how much the agent raised a day's spending there within 24 hours.",
            unit=MONEY,
            by=GATEWAY,
        ),
    ] = None
    replicas: Annotated[
        Count | None, Said(words="How many replicas are touched.", unit="count", by=PLAN)
    ] = None
    capacity_percent: Annotated[
        Percent | None,
        Said(words="Which share of the service's capacity that is.", unit="0 to 100", by=NO_TOOL),
    ] = None
    blast_radius: Annotated[
        Count | None, Said(words="How many services change.", unit="count", by=PLAN)
    ] = None
    actions_last_hour: Annotated[
        Count | None,
        Said(
            words="Executions of the same tool in the environment within an hour.",
            unit="count",
            by=GATEWAY,
        ),
    ] = None
    open_proposals: Annotated[
        Count | None,
        Said(words="Proposals of the agent that wait for a person.", unit="count", by=GATEWAY),
    ] = None
    last_change_age_s: Annotated[
        Count | None,
        Said(
            words="Since Signoff changed the target last, or since its record begins.",
            unit="seconds",
            by=GATEWAY,
        ),
    ] = None

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        is_reading = self.tier is Tier.READ
        if self.action is not None and is_reading != (self.action is ActionKind.READ):
            raise ValueError("the action `read` goes with the tier `read`, and no other does")
        return self


def said(name: str) -> Said:
    """Return what is said of a fact."""
    return next(item for item in Facts.model_fields[name].metadata if isinstance(item, Said))


__all__ = ["ActionKind", "ActorKind", "Facts", "Mode", "Said", "Severity", "Strict", "Tier", "said"]
