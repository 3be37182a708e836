"""A real gateway and execution over the fakes, with everything a test may turn."""

from policies.engine import Asked, Rule, RuleKind, RuleSet, When
from policies.loader import sealed
from policies.redaction import Redactor
from tests.fakes.ports import FakeControls, FakeDirectory, FakeJournal, FakeMemory
from tests.fakes.system import FakeConnector, FakeSystem
from tests.fakes.values import ANA, rule
from tests.playground.shop.world import FakeClock
from tools.catalogue import Catalogue
from tools.execution import Execution
from tools.gateway import Gateway, Parts
from tools.ports import Outcome

OWN_SECRET = "correct-horse-battery"


class FakeDoor:
    """The one door, with fakes behind and around it."""

    def __init__(self) -> None:
        self.system = FakeSystem()
        self.trail = self.system.trail
        self.clock = FakeClock()
        self.journal = FakeJournal(self.trail)
        self.memory = FakeMemory()
        self.controls = FakeControls(self.trail)
        self.controls.used = self.journal.used
        self.directory = FakeDirectory(self.clock, self.trail)
        self.directory.members = {"oncall": {ANA}}
        self.rules: RuleSet = sealed([asks_oncall()])
        self.catalogue = Catalogue([FakeConnector(self.system)])
        self.boundaries: list[str] = []
        self.gateway = Gateway(
            Parts(
                catalogue=self.catalogue,
                journal=self.journal,
                memory=self.memory,
                controls=self.controls,
                directory=self.directory,
                rules=lambda: self.rules,
                clock=self.clock,
                redactor=Redactor([OWN_SECRET]),
                boundary=self.boundaries.append,
            )
        )
        self.execution = Execution(self.gateway)

    @property
    def outcome(self) -> Outcome:
        """The only outcome there is."""
        assert len(self.journal.outcomes) == 1, self.journal.outcomes
        return self.journal.outcomes[0]


def asks_oncall(n: int = 1) -> Rule:
    """Return the rule that asks `n` of `oncall` for the fake switch."""
    asked = Asked(n=n, groups=("oncall",))
    return rule("ask-oncall", RuleKind.APPROVE, When(tool=("fake_set",)), asked)


def denies_everything() -> Rule:
    """Return a rule that denies the fake switch."""
    return rule("frozen", RuleKind.DENY, When(tool=("fake_set",)), reason="FROZEN")
