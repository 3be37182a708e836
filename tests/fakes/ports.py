"""Fakes of the gateway's ports: journal, controls and directory."""

from collections.abc import Sequence
from datetime import timedelta

from policies.approvals import Membership, Memberships
from policies.audit import Event
from policies.model import Clock, Mode
from tests.playground.shop.world import NOON
from tools.base import Evidence
from tools.halts import Halt, HaltKind, Matter, Standing, stops
from tools.ports import Caller, Intent, LostLease, Outcome, Stale


class FakeJournal:
    """Keeps everything in lists; `lost` names the methods that find the lease gone."""

    def __init__(self, trail: list[str]) -> None:
        self._trail = trail
        self.events: list[Event] = []
        self.intents: list[Intent] = []
        self.outcomes: list[Outcome] = []
        self.lost: set[str] = set()
        self.is_stale = False

    async def record(self, events: Sequence[Event]) -> None:
        self.events += events

    async def begin(self, intent: Intent, caller: Caller) -> None:
        if "begin" in self.lost:
            raise LostLease("another worker has it")
        if self.is_stale:
            raise Stale
        self._trail.append("begin")
        self.intents.append(intent)

    async def settle(self, outcome: Outcome, caller: Caller) -> None:
        if "settle" in self.lost:
            raise LostLease("another worker has it")
        self._trail.append("settle")
        self.outcomes.append(outcome)


class FakeMemory:
    """Keeps answers in dictionaries, by task and by question."""

    def __init__(self) -> None:
        self.by_task: dict[tuple[str, str], Evidence] = {}
        self.by_question: dict[str, Evidence] = {}

    async def kept(self, evidence_id: str, caller: Caller) -> Evidence | None:
        return self.by_task.get((caller.task_id, evidence_id))

    async def last(self, key: str, caller: Caller) -> Evidence | None:
        return self.by_question.get(key)

    async def keep(self, evidence: Evidence, key: str, caller: Caller) -> None:
        self.by_task[(caller.task_id, evidence.id)] = evidence
        if evidence.fault is None and evidence.stale_s is None:
            self.by_question[key] = evidence


class FakeControls:
    """Switches that a test sets; `pauses_after` pauses as soon as that step was taken."""

    def __init__(self, trail: list[str]) -> None:
        self._trail = trail
        self.paused = False
        self.pauses_after: str | None = None
        # What is frozen, and what as soon as that step was taken.
        self.frozen: list[Halt] = []
        self.freezes_after: dict[str, Halt] = {}
        self.count = 0
        self.modes: dict[str, Mode] = {}
        self.asked_for: list[tuple[str, str, str]] = []
        self.asked_about: list[Matter] = []

    async def standing(self, matter: Matter) -> Standing:
        self.asked_about.append(matter)
        halts = [*self.frozen]
        halts += [halt for step, halt in self.freezes_after.items() if step in self._trail]
        if self.paused or self.pauses_after in self._trail:
            halts.append(Halt(kind=HaltKind.PAUSE, by="T1/UANA", at=NOON))
        return Standing(
            mode=self.modes.get(matter.environment, Mode.APPROVE),
            halts=tuple(halt for halt in halts if stops(halt, matter)),
        )

    async def actions_last_hour(self, tenant: str, tool: str, environment: str) -> int:
        self.asked_for.append((tenant, tool, environment))
        return self.count


class FakeDirectory:
    """Groups that a test fills; one that is `unreadable` is left out, `age_s` makes all stale."""

    def __init__(self, clock: Clock, trail: list[str]) -> None:
        self._clock, self._trail = clock, trail
        self.members: dict[str, set[str]] = {}
        self.unreadable: set[str] = set()
        self.age_s = 0.0

    async def memberships(self, groups: Sequence[str]) -> Memberships:
        self._trail.append("memberships")
        read_at = self._clock.now() - timedelta(seconds=self.age_s)
        return {
            name: Membership(
                group=name, members=frozenset(self.members.get(name, set())), read_at=read_at
            )
            for name in groups
            if name not in self.unreadable
        }
