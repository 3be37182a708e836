"""What a rule set is made of: rules and whom they ask, approved actions, calendars, limits."""

from enum import StrEnum

from pydantic import Field

from policies.calendars import Calendar
from policies.conditions import When
from policies.facts import ActionKind, Facts, Mode, Strict
from policies.limits import Limits

DEFAULT_EXPIRES_S = 1800


class Asked(Strict):
    """Who must approve, and until when."""

    n: int = Field(ge=1, le=10)
    groups: tuple[str, ...] = Field(min_length=1)
    then: tuple[str, ...] = ()
    expires_s: int | None = Field(default=None, ge=60, le=2_592_000)
    self_approval: bool = False


class RuleKind(StrEnum):
    """What a rule does when it matches."""

    DENY = "deny"
    AUTO = "auto"
    APPROVE = "approve"
    RAISE = "raise"


TIGHTENING = frozenset({RuleKind.DENY, RuleKind.RAISE})
PERMITTING = frozenset({RuleKind.APPROVE, RuleKind.AUTO})


class Rule(Strict):
    """One rule; `asked` is set for approve and raise, and for auto where it may be held back."""

    id: str
    kind: RuleKind
    when: When
    reason: str
    asked: Asked | None = None
    is_hard: bool = False


class Approved(Strict):
    """A row of the approved actions: these agents may do these kinds of actions there."""

    agent: tuple[str, ...] = Field(min_length=1)
    action: tuple[ActionKind, ...] = Field(min_length=1)
    environment: tuple[str, ...] = Field(min_length=1)

    def covers(self, facts: Facts) -> bool:
        """Say whether the row lets through what the facts describe; an unknown action it stops."""
        return (
            facts.agent in self.agent
            and facts.action in self.action
            and facts.environment in self.environment
        )


class RuleSet(Strict):
    """The rules in force with their calendars; `version` is the hash of their canonical form.

    `approved` is what may be done at all, whatever the rules say; None sets no such limit. The
    `limits` are no rules: the gateway and the store hold them, whatever is decided.
    """

    rules: tuple[Rule, ...]
    version: str
    calendars: tuple[Calendar, ...] = ()
    approved: tuple[Approved, ...] | None = None
    limits: Limits | None = None


def counts(rule: Rule, answer_: bool | None) -> bool:
    """Say whether a rule counts: an unknown fact stops a loosening rule, never a tightening one."""
    return rule.kind in TIGHTENING if answer_ is None else answer_


def joins(rule: Rule) -> bool:
    """Say whether a rule that an unknown fact leaves open asks too where another rule permits.

    It might have asked its people, so not knowing must not spare them; it permits nothing itself.
    """
    return rule.kind in PERMITTING and rule.asked is not None


def is_held_back(rule: Rule, facts: Facts) -> bool:
    """Say whether an auto rule may not act alone: in another mode, or after untrusted text."""
    is_for_tainted = rule.when.tainted is True
    return facts.mode is not Mode.AUTO or (facts.tainted and not is_for_tainted)
