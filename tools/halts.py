"""What stands in the way of a call: pauses, freezes and holds, and the mode it is decided in."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from policies.invisible import BLANK, HIDDEN
from policies.model import ActionKind, EffectKind, Mode, Proposal, Scalar

# Where an alert is whose labels name no environment.
NOWHERE = "unknown"


class HaltKind(StrEnum):
    """What stops calls: a pause everything, a freeze the writes of one task or to one campaign.

    A hold freezes a campaign for an incident; it lets through what stops the campaign itself.
    """

    PAUSE = "pause"
    TASK = "task"
    CAMPAIGN = "campaign"
    HOLD = "hold"


@dataclass(frozen=True, kw_only=True)
class Halt:
    """Something that somebody stopped: who, when and why.

    `task_id` is the frozen task, or the incident of a hold; `campaigns` and `name` are of a
    campaign.
    """

    kind: HaltKind
    by: str
    at: datetime
    reason: str = ""
    task_id: str | None = None
    campaigns: frozenset[str] = frozenset()
    name: str = ""

    @property
    def why(self) -> str:
        """The reason as the end of a sentence; nothing where nobody gave one."""
        return f": {self.reason}" if self.reason else ""


@dataclass(frozen=True, kw_only=True)
class Matter:
    """What a call is about, in the words of the switches.

    `campaigns` are the names under which what it changes may be frozen (`subjects`); `is_stopping`
    says that it only stops something from running.
    """

    tenant: str
    task_id: str
    agent: str
    environment: str
    campaigns: frozenset[str] = frozenset()
    is_stopping: bool = False


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The answer of the switches about one call: in which mode, and what stops it."""

    mode: Mode
    halts: tuple[Halt, ...] = ()

    @property
    def pause(self) -> Halt | None:
        """The pause of everything."""
        return next((halt for halt in self.halts if halt.kind is HaltKind.PAUSE), None)

    @property
    def freeze(self) -> Halt | None:
        """The freeze that stops a write: the task's before a campaign's."""
        frozen = [halt for halt in self.halts if halt.kind is not HaltKind.PAUSE]
        return min(frozen, key=lambda halt: halt.kind is not HaltKind.TASK, default=None)

    @property
    def campaign_freeze(self) -> Halt | None:
        """The freeze or the hold of a campaign."""
        of_campaigns = {HaltKind.CAMPAIGN, HaltKind.HOLD}
        return next((halt for halt in self.halts if halt.kind in of_campaigns), None)

    @property
    def task_freeze(self) -> Halt | None:
        """The freeze of the task."""
        return next((halt for halt in self.halts if halt.kind is HaltKind.TASK), None)


@dataclass(frozen=True, kw_only=True)
class Modes:
    """The modes of `signoff.yaml`, which hold where nobody ordered another one.

    `named` are the places that the file names in any way; None for every place.
    """

    by_environment: Mapping[str, Mode] = field(default_factory=dict)
    usual: Mode = Mode.APPROVE
    named: frozenset[str] | None = None

    def of(self, environment: str) -> Mode:
        """Return the file's mode of an environment.

        One that is only spelled otherwise than in the file is the usual one, or a stricter one. So
        is one that the file does not name: nothing acts alone there, and it is no freer than where
        an alert names none. Who writes an alert says where it is.
        """
        own = self.by_environment.get(environment)
        if own is not None:
            return own
        alike = (mode for name, mode in self.by_environment.items() if is_alike(name, environment))
        nowhere = self.by_environment.get(NOWHERE, Mode.APPROVE)
        careful = () if self.names(environment) else (Mode.APPROVE, nowhere)
        return strictest((self.usual, *alike, *careful))

    def names(self, environment: str) -> bool:
        """Say whether the file names a place."""
        return self.named is None or environment in self.named


def stops(halt: Halt, matter: Matter) -> bool:
    """Say whether a halt is about this matter."""
    if halt.kind is HaltKind.PAUSE:
        return True
    if halt.kind is HaltKind.TASK:
        return halt.task_id == matter.task_id
    return covers(halt, matter.campaigns) and not (
        halt.kind is HaltKind.HOLD and matter.is_stopping
    )


def covers(halt: Halt, campaigns: Iterable[str]) -> bool:
    """Say whether a halt is about any of these campaigns, however their names are spelled."""
    return not {*map(plain, halt.campaigns)}.isdisjoint(map(plain, campaigns))


def plain(name: str) -> str:
    """Return a name without what people spell now so, now so: case, width, blanks, what hides."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    seen = "".join(sign for sign in folded if sign.isspace() or not _is_hidden(sign))
    # A name stands behind its platform: blanks at its ends stand beside the slash.
    return "/".join(" ".join(part.split()) for part in seen.split("/"))


def _is_hidden(sign: str) -> bool:
    return sign in BLANK or unicodedata.category(sign) in HIDDEN


def is_alike(name: str, other: str) -> bool:
    """Say whether two names are the same but for their spelling."""
    return plain(name) == plain(other)


def strictest(modes: Iterable[Mode]) -> Mode:
    """Return the mode that lets the least through."""
    return min(modes, key=list(Mode).index)


def subject(platform: str, name: str) -> str:
    """Return the name under which a campaign of a platform is frozen, by its id or its name."""
    return f"{platform}/{name}"


def subjects(platform: str, target: str, parameters: Mapping[str, Scalar]) -> frozenset[str]:
    """Return under which names what a write changes may be frozen: its target, and its id."""
    names = {target, str(parameters.get("campaign_id", target))}
    return frozenset(subject(platform, name) for name in names)


def only_stops(action: ActionKind | None) -> bool:
    """Say whether an action only stops something from running."""
    return action is ActionKind.PAUSE


def matter_of(proposal: Proposal, platform: str) -> Matter:
    """Return what a proposal is about."""
    action = proposal.action
    return Matter(
        tenant=action.tenant,
        task_id=proposal.task_id,
        agent=action.agent,
        environment=action.environment,
        campaigns=subjects(platform, action.target, action.parameters),
        is_stopping=only_stops(None if proposal.facts is None else proposal.facts.action),
    )


def way_back_of(proposal: Proposal, platform: str, action: ActionKind | None) -> Matter:
    """Return what undoing a proposal by an action of that kind is about."""
    return replace(matter_of(proposal, platform), is_stopping=only_stops(action))


def stops_way_back(standing: Standing, matter: Matter) -> Halt | None:
    """Return the freeze that an undoing waits for.

    It passes every freeze of a task, and one of a campaign where it only stops something: to undo
    a pause is to start what people want to stand still.
    """
    return None if matter.is_stopping else standing.campaign_freeze


def is_frozen(proposal: Proposal) -> bool:
    """Say whether a proposal was denied because what it is about is frozen."""
    is_denied = proposal.decision.effect is EffectKind.DENY
    return is_denied and proposal.facts is not None and proposal.facts.frozen is True
