"""What a tool, a piece of evidence and a connector are; a connector is one file beside this."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from policies.model import (
    ActionKind,
    Clock,
    ExpectedEffect,
    Inverse,
    Money,
    Precondition,
    Scalar,
    Strict,
    Tier,
)
from tools.limits import Rate

State = Mapping[str, str]
Row = Mapping[str, Scalar | None]


class ToolError(Exception):
    """A tool could not do its work.

    ToolError
     +-- Refused       the outside system said no; nothing was done, and asking again won't help
     +-- Unavailable   no answer, or a passing fault; whether a write happened is unknown
    """


class Refused(ToolError):  # noqa: N818 - says what happened
    """The outside system said no: nothing was done; `status` is the HTTP status, if any."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Unavailable(ToolError):  # noqa: N818 - says what happened
    """The outside system gave no clear answer."""


class Parameters(BaseModel):
    """The arguments of a tool; unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def plain(self) -> dict[str, Scalar]:
        """Return the arguments as they stand in an action."""
        return {
            name: value if isinstance(value, str | int | bool) else str(value)
            for name, value in self.model_dump(mode="json", exclude_none=True).items()
        }


P = TypeVar("P", bound=Parameters)
S = TypeVar("S", bound=BaseModel)


class Reading(Strict):
    """What a reading tool saw. `data` is for code, `excerpt` for people; both are untrusted."""

    query: str
    data: Row
    excerpt: str
    link: str | None = None
    freshness_s: int | None = None
    rows: tuple[Row, ...] = ()


class Evidence(Strict):
    """A reading with its source and time; findings cite it by `id`.

    `fault` means no answer, `is_silent` that asking again might get one. An earlier answer in the
    place of none has its age in `stale_s`, and in `stale_because` why there is no newer one.
    """

    id: str
    label: str
    source: str
    tool: str
    query: str
    taken_at: AwareDatetime
    freshness_s: int | None = None
    link: str | None = None
    excerpt: str
    data: Row = Field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    is_untrusted: bool = False
    fault: str | None = None
    is_silent: bool = False
    stale_s: int | None = None
    stale_because: str | None = None


class Effect(Strict):
    """What a writing tool did: what the system answered, and the state that it left behind."""

    sentence: str
    left: dict[str, str]
    data: Row = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the gateway needs to know of a write before it is proposed.

    What is None the rules take for unknown. `exposure` is what may be spent at worst until it ends;
    changes are below 0 where something goes down, `absolute_change` in the currency of `total`.
    """

    title: str
    target: str
    preconditions: tuple[Precondition, ...]
    inverse: Inverse | None = None
    expected_effect: ExpectedEffect | None = None
    blast_radius: tuple[str, ...] = ()
    worst_case: str | None = None
    daily: Money | None = None
    total: Money | None = None
    exposure: Money | None = None
    service: str | None = None
    channel: str | None = None
    # Where no amount says it.
    currency: str | None = None
    absolute_change: Decimal | None = None
    percent_change: Decimal | None = None
    replicas: int | None = None
    capacity_percent: Decimal | None = None
    services_changed: int | None = None
    # By how much more is spent a day once it is done; None for not at all.
    daily_raise: Money | None = None


@dataclass(frozen=True, kw_only=True)
class Call:
    """Under which key and on whose behalf a write happens."""

    key: str
    comment: str
    on_behalf_of: str = "system:signoff"
    requester: str = "system:signoff"
    proposal_id: str | None = None


# For what is looked at from other environments too, such as campaigns in an incident.
ANYWHERE = ("*",)


class Tool(ABC, Generic[P]):
    """One thing that can be asked of an outside system."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    tier: ClassVar[Tier]
    # One that says nothing is stopped by the approved actions.
    action: ClassVar[ActionKind | None] = None
    params: type[P]
    timeout_s: ClassVar[float] = 5.0
    agents: ClassVar[tuple[str, ...]]
    # Where it may be used; None for wherever its connector serves, `ANYWHERE` for more than that.
    environments: ClassVar[tuple[str, ...] | None] = None
    # How often it is called, on top of what all tools of its system share; None for no more.
    rate: ClassVar[Rate | None] = None


class ReadTool(Tool[P]):
    """A tool that only looks."""

    tier: ClassVar[Tier] = Tier.READ
    action: ClassVar[ActionKind | None] = ActionKind.READ
    rate: ClassVar[Rate | None] = Rate(burst=30, per_s=20)
    is_untrusted: ClassVar[bool] = True

    @abstractmethod
    async def read(self, params: P) -> Reading:
        """Look, and return what was seen; raises ToolError."""


class WriteTool(Tool[P]):
    """A tool that changes something outside."""

    # Slower than looking: what runs away is seen before it has done much.
    rate: ClassVar[Rate | None] = Rate(burst=20, per_s=10)
    # Which parameters a person may edit before approving.
    editable: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    async def observe(self, params: P) -> State:
        """Return the state that the action would overwrite; raises ToolError."""

    @abstractmethod
    def plan(self, params: P, observed: State) -> Plan:
        """Return what the action means, given the state it starts from; raises Refused."""

    @abstractmethod
    async def act(self, params: P, call: Call) -> Effect:
        """Change it, under `call.key` where the system knows such keys; raises ToolError."""

    @abstractmethod
    async def reconcile(self, params: P, call: Call) -> Effect | None:
        """Say whether the call under this key happened: its effect, or None for surely not.

        Raises Unavailable when the system cannot tell.
        """


AnyReadTool = ReadTool[Any]
AnyWriteTool = WriteTool[Any]
AnyTool = AnyReadTool | AnyWriteTool


@dataclass(frozen=True, kw_only=True)
class Credential:
    """Which setting holds a credential, what it is for, and the least that it must be able to do.

    `scopes` are in the words of the outside system; never the value itself.
    """

    field: str
    scopes: tuple[str, ...]
    reads: bool = False
    writes: bool = False


class Connector(ABC, Generic[S]):
    """One outside system: its settings, its tools, and a check for `signoff doctor`."""

    # Also the prefix of its environment variables, in capitals.
    name: ClassVar[str]
    title: ClassVar[str]
    settings: type[S]
    # How often the system is called; its own limit, or what it can take without noticing.
    rate: ClassVar[Rate] = Rate(burst=30, per_s=20)
    # Which environments it serves; None for any.
    environments: ClassVar[tuple[str, ...] | None] = None
    # The one with the least scope first: the first that is set and fits is used.
    credentials: ClassVar[tuple[Credential, ...]] = ()
    # Which credentials there are, by their field; `opened` notes it.
    held: frozenset[str] = frozenset()

    @classmethod
    def opened(cls, settings: S, clock: Clock) -> "Connector[S]":
        """Make the connector, and note which credentials it was given."""
        part = cls.build(settings, clock)
        fields = (found.field for found in cls.credentials)
        part.held = frozenset(name for name in fields if getattr(settings, name) is not None)
        return part

    @classmethod
    def token(cls, settings: S, *, writes: bool) -> str | None:
        """Return the value of the credential with the least scope for reading, or for writing."""
        held = {found.field for found in cls.credentials if getattr(settings, found.field)}
        found = _fitting(cls.credentials, held, writes=writes)
        return None if found is None else getattr(settings, found.field).get_secret_value()

    def credential(self, tool: AnyTool) -> Credential | None:
        """Return the credential that a tool calls with; None where it has none."""
        return _fitting(self.credentials, self.held, writes=isinstance(tool, WriteTool))

    def identity(self, tool: AnyTool) -> str:
        """Return as whom a tool calls: the name of the setting, or that there is none."""
        found = self.credential(tool)
        return f"{self.name}/{'none' if found is None else self.variable(found)}"

    @classmethod
    def variable(cls, credential: Credential) -> str:
        """Return the name of a credential's variable."""
        return f"{cls.name}_{credential.field}".upper()

    @classmethod
    @abstractmethod
    def build(cls, settings: S, clock: Clock) -> "Connector[S]":
        """Make the connector from its own settings."""

    @abstractmethod
    def tools(self) -> Sequence[AnyTool]:
        """Return its tools."""

    @abstractmethod
    async def check(self) -> str:
        """Ask the system who we are or how it is; returns a sentence, raises ToolError."""

    async def close(self) -> None:
        """Give back what was opened."""


def _fitting(
    known: Sequence[Credential], held: Collection[str], *, writes: bool
) -> Credential | None:
    return next(
        (
            found
            for found in known
            if found.field in held and (found.writes if writes else found.reads)
        ),
        None,
    )


def confidence_text(confidence: Decimal | None) -> str | None:
    """Return a confidence as it stands in events: two digits, or None."""
    return None if confidence is None else f"{confidence:.2f}"


AnyConnector = Connector[Any]
