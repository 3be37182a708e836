"""Changes of the rules over a real store, gateway and worker; people vote without Slack."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agents.policy.agent import PolicyAgent
from agents.tasks import TaskKind
from agents.worker import Worker, Workshop
from bot.policy import candidate, hard_rules
from bot.rulesets import SqlRuleSets
from bot.store.changes import Proposed, Wish, propose
from bot.store.controls import SqlControls
from bot.store.leases import free_leases
from bot.store.memory import SqlMemory
from bot.store.rules import in_force, trust_first
from bot.store.tables import tasks
from bot.store.tasks import task_of
from bot.store.taskstore import SqlTaskStore
from policies.approvals import Memberships
from policies.engine import Asked, Rule, RuleKind, RuleSet, When
from policies.facts import ActionKind
from policies.loader import sealed
from policies.model import Mode, Proposal, ProposalState
from tests.bot.world import ANA, BEN, MIA, ZOE, FakeClock, World, opened
from tests.fakes.ports import FakeDirectory
from tests.fakes.values import rule
from tools.catalogue import Catalogue
from tools.gateway import Gateway, Parts
from tools.policy import Policy

OPERATORS = frozenset({ANA, BEN, ZOE})
_KEPT = {"rollback-staging", "rollback-production", "unsure-production"}
# A few of the shipped rules: comparing all of them takes its time.
_SHIPPED = candidate(None)
BASE = sealed(
    (one for one in _SHIPPED.rules if one.is_hard or one.id in _KEPT), limits=_SHIPPED.limits
)
TIGHTER_RULE = rule(
    "ask-sre",
    RuleKind.RAISE,
    When(agent=("incident",), action=(ActionKind.ROLLBACK,), environment=("staging",)),
    Asked(n=1, groups=("oncall",)),
)


class Killed(BaseException):
    """The process ends here."""


def with_rules(*rules: Rule, without: str = "") -> RuleSet:
    """Return the rules of the start with others, and without one."""
    kept = (one for one in BASE.rules if one.id != without)
    return sealed([*kept, *rules], limits=BASE.limits)


def tighter(name: str = "ask-sre") -> RuleSet:
    """Return rules that only ask more."""
    return with_rules(TIGHTER_RULE.model_copy(update={"id": name}))


def looser() -> RuleSet:
    """Return rules that lack one which asks more."""
    return with_rules(without="unsure-production")


@dataclass
class Chamber:
    """A store with rules in force, and what changes them."""

    store: World
    sets: SqlRuleSets
    gateway: Gateway
    worker: Worker
    dies_at: list[str]

    async def propose(self, rules: RuleSet, author: str = MIA) -> Proposed:
        """Propose rules, and take the task as far as it goes."""
        wish = Wish(rules=rules, author=author, channel="C0OPS", source="A test.")
        found = await self.store.database.write(
            lambda connection: propose(connection, self.store.context, wish)
        )
        await self.work()
        return found

    async def proposed(self, rules: RuleSet, author: str = MIA) -> Proposal:
        """Propose rules, and return the proposal with its card in Slack."""
        found = await self.propose(rules, author)
        (row,) = await self.store.tasks.proposals(found.task_id or "")
        return await self.carded(row.proposal)

    async def carded(self, proposal: Proposal) -> Proposal:
        """Note a proposal's card in Slack."""
        row = await self.store.row(tasks, id=proposal.task_id)
        await self.store.carded(proposal, task_of(row))
        return proposal

    async def work(self) -> None:
        """Let the worker do whatever is due."""
        dispatcher = self.store.dispatcher("worker-1")
        while claims := await dispatcher.claim(1, 30):
            await self.worker.work(claims[0])

    async def signed(self, proposal: Proposal, *people: str) -> ProposalState:
        """Let people sign off, and return what became of it."""
        for person in people:
            answer = await self.store.vote(self.store.click(proposal, person))
            assert answer.refusal is None, answer.refusal
        await self.work()
        return (await self.store.standing(proposal)).state

    async def kept(self) -> RuleSet | None:
        """Return what a start would find in force."""
        return await self.store.database.read(lambda c: in_force(c, hard_rules()))

    async def activations(self) -> Sequence[str]:
        """Return the versions that the ledger saw activated, the first one included."""
        return [event["policy_version"] for event in await self.store.events("policy.activated")]


def gateway_of(store: World, sets: SqlRuleSets, boundary: Callable[[str], None]) -> Gateway:
    """Return a gateway whose only system is the rules."""
    context = store.context
    directory = FakeDirectory(store.clock, [])
    directory.members = {name: set(members) for name, members in store.groups.items()}
    return Gateway(
        Parts(
            catalogue=Catalogue([Policy(sets)]),
            journal=store.journal,
            memory=SqlMemory(context),
            controls=SqlControls(context, {}, Mode.APPROVE),
            directory=directory,
            rules=sets.rules,
            clock=store.clock,
            redactor=context.redactor,
            boundary=boundary,
        )
    )


@asynccontextmanager
async def chamber(path: Path, operators: frozenset[str] = OPERATORS) -> AsyncIterator[Chamber]:
    """Start on a database, as Signoff does: with the rules in force, the first time a few."""
    async with opened(path, FakeClock()) as store:
        store.groups["operators"] = operators
        rules = await store.database.write(lambda c: trust_first(c, store.context, BASE))
        await store.database.write(lambda c: free_leases(c, store.context))
        sets = SqlRuleSets(store.context, rules)

        async def groups() -> Memberships:
            return store.memberships()

        sets.knows(groups, Mode.APPROVE)
        dies_at: list[str] = []

        def boundary(name: str) -> None:
            if name in dies_at:
                raise Killed(name)

        gateway = gateway_of(store, sets, boundary)
        worker = Worker(
            Workshop(
                store=SqlTaskStore(store.context),
                agents={TaskKind.POLICY: PolicyAgent(gateway)},
                gateway=gateway,
                clock=store.clock,
                boundary=boundary,
            )
        )
        yield Chamber(store, sets, gateway, worker, dies_at)
