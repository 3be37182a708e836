"""Signoff's own rule sets as a system that is acted on: comparing, activating and going back."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from policies.lockout import ACTIVATE, LOOSEN, POLICY_AGENT, POLICY_ENVIRONMENT
from policies.model import (
    ActionKind,
    Clock,
    Comparator,
    ExpectedEffect,
    Inverse,
    Precondition,
    Strict,
    Tier,
)
from tools.base import (
    AnyTool,
    Call,
    Connector,
    Effect,
    Parameters,
    Plan,
    Reading,
    ReadTool,
    Refused,
    State,
    Unavailable,
    WriteTool,
)

# A day: who signed off may think better of it the next morning.
UNDO_S = 86_400
# Comparing asks hundreds of thousands of cases at worst.
COMPARE_S = 60.0
COMPARE, IN_FORCE = "policy_compare", "policy_in_force"
LOOSER, TIGHTER, SAME = "looser", "tighter", "same"


class Changed(Strict):
    """One thing that a new set decides otherwise, in words; `is_looser` counts for the sign-off."""

    is_looser: bool
    rules: str
    was: str
    now: str
    example: str


class Compared(Strict):
    """What a set would change; `changes` are the first of them, looser ones first.

    `fault` says why the sets could not be compared; what was not compared may be looser.
    """

    looser: int
    tighter: int
    changes: tuple[Changed, ...]
    rules: int
    replayed: str
    warnings: tuple[str, ...] = ()
    fault: str | None = None

    @property
    def is_looser(self) -> bool:
        """Whether two have to sign off."""
        return self.looser > 0 or self.fault is not None

    def __str__(self) -> str:
        if self.fault is not None:
            return "can't be compared, so it counts as looser"
        return f"{self.looser} looser, {self.tighter} tighter"


class Standing(Strict):
    """Which set is in force, and the SHA-256 of its stored text."""

    version: str
    digest: str


class ChangeParameters(Parameters):
    """Which set in the place of which: a version, and the SHA-256 of its stored text."""

    version: str = Field(pattern=r"^[0-9a-f]{16}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    replaces: str = Field(pattern=r"^[0-9a-f]{16}$")


class CompareParameters(Parameters):
    """Which set in the place of which."""

    version: str = Field(pattern=r"^[0-9a-f]{16}$")
    replaces: str = Field(pattern=r"^[0-9a-f]{16}$")


class NoParameters(Parameters):
    """Nothing is asked."""


class RuleSets(Protocol):
    """The rule sets that were ever in force or proposed; one of them is in force."""

    async def standing(self) -> Standing:
        """Return which set is in force; raises ToolError."""
        ...

    async def compared(self, replaces: str, version: str) -> Compared:
        """Say what one set would change about another; raises Refused where one is not sound."""
        ...

    async def activate(self, wanted: ChangeParameters, call: Call) -> None:
        """Put a set in force, once under the call's key; it counts from the next decision on.

        Raises:
            Refused: another set is in force than is to be replaced, or it is not the proposed one.
        """
        ...

    async def has_activated(self, call: Call) -> bool:
        """Say whether a set was put in force under this key; raises ToolError."""
        ...


class PolicyCompare(ReadTool[CompareParameters]):
    """Say what a rule set would loosen and tighten in the place of another one."""

    name = COMPARE
    params = CompareParameters
    agents = (POLICY_AGENT,)
    timeout_s = COMPARE_S
    is_untrusted = False

    def __init__(self, sets: RuleSets) -> None:
        self._sets = sets

    async def read(self, params: CompareParameters) -> Reading:
        """Return the counts, and a row for each of the first changes."""
        found = await self._sets.compared(params.replaces, params.version)
        return Reading(
            query=f"policy {params.version} in the place of {params.replaces}",
            data={
                "looser": found.looser,
                "tighter": found.tighter,
                "rules": found.rules,
                "replayed": found.replayed,
                "fault": found.fault,
                **{f"warning {n}": text for n, text in enumerate(found.warnings, 1)},
            },
            rows=tuple(change.model_dump() for change in found.changes),
            excerpt=str(found),
        )


class PolicyInForce(ReadTool[NoParameters]):
    """Say which rule set is in force."""

    name = IN_FORCE
    params = NoParameters
    agents = (POLICY_AGENT,)
    is_untrusted = False

    def __init__(self, sets: RuleSets) -> None:
        self._sets = sets

    async def read(self, params: NoParameters) -> Reading:
        """Return the version."""
        del params
        version = (await self._sets.standing()).version
        return Reading(query="policy in force", data={"version": version}, excerpt=version)


class _PolicyChange(WriteTool[ChangeParameters]):
    """What both ways of changing the rules share; which one it is, the comparison says."""

    tier = Tier.HIGH
    action = ActionKind.ADOPT
    params = ChangeParameters
    agents = (POLICY_AGENT,)
    timeout_s = COMPARE_S

    def __init__(self, sets: RuleSets) -> None:
        self._sets = sets

    async def observe(self, params: ChangeParameters) -> State:
        """Return which set is in force, and what the other one would change about it."""
        standing = await self._sets.standing()
        if standing.version == params.version:
            return {"active": standing.version, "change": SAME}
        if standing.version != params.replaces:
            # Nothing is compared: whoever asks for this is told that something else is in force.
            return {"active": standing.version, "change": LOOSER}
        found = await self._sets.compared(params.replaces, params.version)
        return {
            "active": standing.version,
            "digest": standing.digest,
            "change": LOOSER if found.is_looser else TIGHTER,
            "words": str(found),
            "first": next((_told(one) for one in found.changes if one.is_looser), ""),
            "warning": " ".join(found.warnings),
        }

    def plan(self, params: ChangeParameters, observed: State) -> Plan:
        """Refuse where another set is in force; undo by activating the one before again."""
        if observed["active"] == params.version:
            raise Refused(f"policy {params.version} is in force already")
        if observed["active"] != params.replaces:
            raise Refused(f"policy {observed['active']} is in force now, not {params.replaces}")
        self._require_kind(observed)
        return Plan(
            title=f"Change the policy: {observed['words']}",
            target=POLICY_AGENT,
            preconditions=(
                Precondition(
                    field="active",
                    value=params.replaces,
                    words=f"policy {params.replaces} is in force",
                ),
            ),
            inverse=Inverse(
                # One click inside the window; proposed anew after it, going back may loosen.
                tool=LOOSEN,
                parameters={
                    "version": params.replaces,
                    "sha256": observed["digest"],
                    "replaces": params.version,
                },
                window_s=UNDO_S,
                sentence=f"Activate policy {params.replaces} again.",
            ),
            expected_effect=ExpectedEffect(
                tool=IN_FORCE,
                parameters={},
                field="version",
                comparator=Comparator.EQ,
                value=params.version,
                baseline=params.replaces,
                settle_s=0,
                window_s=10,
                deadline_s=60,
                sentence=f"Policy {params.version} is in force.",
            ),
            blast_radius=("every decision from then on, also on what waits for a sign-off",),
            worst_case=" ".join(filter(None, (observed["warning"], observed["first"]))) or None,
            service=POLICY_ENVIRONMENT,
            replicas=0,
            services_changed=0,
        )

    async def act(self, params: ChangeParameters, call: Call) -> Effect:
        """Put it in force, under the call's key."""
        await self._sets.activate(params, call)
        return _done(params)

    async def reconcile(self, params: ChangeParameters, call: Call) -> Effect | None:
        """Ask whether it was put in force under the call's key."""
        return _done(params) if await self._sets.has_activated(call) else None

    def _require_kind(self, observed: State) -> None:
        """Refuse what this tool is not for; raises Refused."""


class PolicyActivate(_PolicyChange):
    """Put a rule set in force that lets nothing through that the one in force does not."""

    name = ACTIVATE

    def _require_kind(self, observed: State) -> None:
        # By the comparison of now: whoever asks can't choose how many people are asked.
        if observed["change"] != TIGHTER:
            raise Refused(f"it lets more through ({observed['words']}): use `{LOOSEN}`")


class PolicyLoosen(_PolicyChange):
    """Put a rule set in force that may let more through than the one in force."""

    name = LOOSEN


class NoSettings(BaseModel):
    """Nothing is set: the rule sets lie in Signoff's own database."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Policy(Connector[NoSettings]):
    """Signoff's rules; made by the composition root, not from the environment."""

    name = POLICY_AGENT
    title = "Signoff's rules"
    settings = NoSettings

    def __init__(self, sets: RuleSets) -> None:
        self._sets = sets
        self._tools: tuple[AnyTool, ...] = (
            PolicyCompare(sets),
            PolicyInForce(sets),
            PolicyActivate(sets),
            PolicyLoosen(sets),
        )

    @classmethod
    def build(cls, settings: NoSettings, clock: Clock) -> "Policy":
        """Make one without a database, to ask which tools it declares."""
        del settings, clock
        return cls(_Unreachable())

    def tools(self) -> Sequence[AnyTool]:
        """Return the two readings and the two ways of changing the rules."""
        return self._tools

    async def check(self) -> str:
        """Say which set is in force."""
        return f"policy {(await self._sets.standing()).version} is in force"


class _Unreachable:
    """No database: see `Policy.build`."""

    async def standing(self) -> Standing:
        """Fail."""
        raise Unavailable("there is no database here")

    async def compared(self, replaces: str, version: str) -> Compared:
        """Fail."""
        raise Unavailable(f"there is no database here with {replaces} and {version}")

    async def activate(self, wanted: ChangeParameters, call: Call) -> None:
        """Fail."""
        raise Unavailable(f"there is no database here with {wanted.version} ({call.key})")

    async def has_activated(self, call: Call) -> bool:
        """Fail."""
        raise Unavailable(f"there is no database here ({call.key})")


def _told(change: Changed) -> str:
    return f"Looser: {change.rules}; was: it {change.was}; now: it {change.now}."


def _done(params: ChangeParameters) -> Effect:
    return Effect(
        sentence=f"Policy {params.version} is in force, from the next decision on.",
        left={"active": params.version},
        data={"version": params.version},
    )
