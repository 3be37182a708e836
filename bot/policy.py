"""Reads rule files from their folders; the hard rules always come from the program itself."""

from pathlib import Path

from policies.engine import RuleSet
from policies.loader import load
from policies.vocabulary import Vocabulary

SHIPPED = Path(__file__).resolve().parent.parent / "policies"
HARD = "hard.yaml"
# What always loads, in the version of the program: its rules, and limits for who names none.
OWN = (HARD, "limits.yaml")


def candidate(folder: Path | None, vocabulary: Vocabulary | None = None) -> RuleSet:
    """Load the rule set of a folder (rules in `*.yaml`, test cases in `tests/*.yaml`).

    Without a folder it is the shipped one. A `hard.yaml` of the folder is refused. With a
    vocabulary the tools and agents that rules name must be in it.

    Raises:
        PolicyError: something in it is wrong; the problems name file and line.
    """
    rules = SHIPPED / "rules" if folder is None else folder
    cases = SHIPPED / "tests" if folder is None else folder / "tests"
    hard = _hard()
    soft = {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(rules.glob("*.yaml"))
        if not (folder is None and path.name in OWN)
    }
    tests = {
        f"tests/{path.name}": path.read_text(encoding="utf-8")
        for path in sorted(cases.glob("*.yaml"))
    }
    return load(hard, soft, tests, vocabulary)


def hard_rules() -> RuleSet:
    """Return the program's own rules and limits alone."""
    return load(_hard(), {}, {})


def _hard() -> dict[str, str]:
    return {f"hard/{name}": (SHIPPED / "rules" / name).read_text(encoding="utf-8") for name in OWN}
