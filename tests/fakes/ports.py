"""Fakes of the gateway's ports: journal, controls and directory."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from policies.approvals import Membership, Memberships, Voter
from policies.audit import Event
from policies.limits import Counters, Usage
from policies.model import Clock, Mode
from tests.playground.shop.world import NOON
from tools.base import Evidence
from tools.halts import Halt, HaltKind, Matter, Standing, stops
from tools.ports import Caller, Intent, LostLease, ModelUse, Outcome, Stale
from tools.reserving import Scope


class FakeJournal:
    """Keeps everything in lists; `lost` names the methods that find the lease gone."""

    def __init__(self, trail: list[str]) -> None:
        self._trail = trail
        self.events: list[Event] = []
        self.intents: list[Intent] = []
        self.outcomes: list[Outcome] = []
        self.lost: set[str] = set()
        self.is_stale = False
        self.used: dict[str, Usage] = {}
        # What counts in the transaction that begins, where it is not what was counted before.
        self.meanwhile: Counters | None = None

    async def record(self, events: Sequence[Event]) -> None:
        self.events += events

    async def called(self, event: Event, caller: Caller) -> None:
        self.events.append(event)
        before = self.used.get(caller.task_id, Usage())
        calls = before.tool_calls + 1
        self.used[caller.task_id] = before.model_copy(update={"tool_calls": calls})

    async def asked(self, event: Event, use: ModelUse, caller: Caller) -> None:
        self.events.append(event)
        before = self.used.get(caller.task_id, Usage())
        cost = before.money.get(use.currency, Decimal(0)) + use.cost
        money = {**before.money, use.currency: cost}
        self.used[caller.task_id] = before.model_copy(
            update={"tokens": before.tokens + use.tokens, "money": money}
        )

    async def begin(self, intent: Intent, caller: Caller) -> None:
        if "begin" in self.lost:
            raise LostLease("another worker has it")
        if self.is_stale:
            raise Stale
        if self.meanwhile is not None and intent.basis.reservation is not None:
            usage = self.used.get(caller.task_id, Usage())
            intent.basis.reservation.check(self.meanwhile, usage)
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
        self.counted = Counters()
        self.used: dict[str, Usage] = {}
        self.modes: dict[str, Mode] = {}
        self.asked_for: list[Scope] = []
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

    async def counters(self, scope: Scope) -> Counters:
        self.asked_for.append(scope)
        return self.counted

    async def usage(self, task_id: str) -> Usage:
        return self.used.get(task_id, Usage())


class FakeDirectory:
    """Groups that a test fills; one that is `unreadable` is left out, `age_s` makes all stale.

    Everybody is a full member, but for those of `people`.
    """

    def __init__(self, clock: Clock, trail: list[str]) -> None:
        self._clock, self._trail = clock, trail
        self.members: dict[str, set[str]] = {}
        self.unreadable: set[str] = set()
        self.age_s = 0.0
        self.people: dict[str, Voter] = {}
        self.person_age_s = 0.0

    async def person(self, person: str) -> Voter:
        read_at = self._clock.now() - timedelta(seconds=self.person_age_s)
        return self.people.get(person, Voter(id=person, read_at=read_at))

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
