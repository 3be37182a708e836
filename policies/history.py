"""What other rules would have said to decisions of the past, on the facts recorded with each."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from policies.calendars import holding
from policies.comparison import Change, compared
from policies.engine import RuleSet, decide
from policies.model import Decided, Decision

# The name of the text that a proposal's first event carries them in.
DECIDED = "decided"


@dataclass(frozen=True, kw_only=True)
class Past:
    """A decision of the record; `decided` is None where its facts were not recorded or erased."""

    proposal_id: str
    at: datetime
    decided: Decided | None


@dataclass(frozen=True, kw_only=True)
class Turned:
    """A decision that would have been another one."""

    past: Past
    before: Decision
    after: Decision
    change: Change


@dataclass(kw_only=True)
class Replay:
    """How many decisions were looked at, which would have changed, how many have no facts."""

    same: int = 0
    left_out: int = 0
    turned: list[Turned] = field(default_factory=list)


def replay(decisions: Iterable[Past], rules: RuleSet) -> Replay:
    """Decide again on recorded facts; calendars are those of `rules`, at the time of then."""
    found = Replay()
    for past in decisions:
        facts = None if past.decided is None else past.decided.facts
        if past.decided is None or facts is None:
            found.left_out += 1
            continue
        held = holding(rules.calendars, past.at)
        now = facts.model_copy(update={"calendars": held})
        before, after = past.decided.decision, decide(now, rules)
        change = compared(before, after)
        if change is Change.SAME:
            found.same += 1
        else:
            found.turned.append(Turned(past=past, before=before, after=after, change=change))
    return found
