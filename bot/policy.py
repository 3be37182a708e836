"""Reads rule files from their folders; the hard rules always come from the program itself."""

from pathlib import Path

from policies.engine import RuleSet
from policies.facts import Strict
from policies.faults import Problem
from policies.loader import PolicyError, load
from policies.vocabulary import Vocabulary

SHIPPED = Path(__file__).resolve().parent.parent / "policies"
HARD = "hard.yaml"
# What always loads, in the version of the program: its rules, and limits for who names none.
OWN = (HARD, "limits.yaml")


class RuleTexts(Strict):
    """The files of a rule folder by name: the rules, and their test cases."""

    rules: dict[str, str]
    tests: dict[str, str]


def candidate(folder: Path | None, vocabulary: Vocabulary | None = None) -> RuleSet:
    """Load the rule set of a folder (rules in `*.yaml`, test cases in `tests/*.yaml`).

    Without a folder it is the shipped one. A `hard.yaml` of the folder is refused. With a
    vocabulary the tools and agents that rules name must be in it.

    Raises:
        PolicyError: something in it is wrong; the problems name file and line.
    """
    return candidate_of(texts(folder), vocabulary)


def candidate_of(found: RuleTexts, vocabulary: Vocabulary | None = None) -> RuleSet:
    """Load a rule set from the texts of its files, as `candidate` does from a folder."""
    return load(_hard(), found.rules, found.tests, vocabulary)


def texts(folder: Path | None) -> RuleTexts:
    """Read the files of a folder, of the shipped rules without one; raises PolicyError."""
    if folder is not None and not folder.is_dir():
        # Not an empty set, which denies everything: a folder that went away is a mistake.
        raise PolicyError([Problem(file=str(folder), line=1, message="there is no such folder")])
    rules = SHIPPED / "rules" if folder is None else folder
    cases = SHIPPED / "tests" if folder is None else folder / "tests"
    return RuleTexts(
        rules={
            path.name: _text(path, path.name)
            for path in sorted(rules.glob("*.yaml"))
            if not (folder is None and path.name in OWN)
        },
        tests={
            f"tests/{path.name}": _text(path, f"tests/{path.name}")
            for path in sorted(cases.glob("*.yaml"))
        },
    )


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PolicyError([Problem(file=name, line=1, message="it is not UTF-8")]) from error
    except OSError as error:
        words = f"it can't be read: {error.strerror}"
        raise PolicyError([Problem(file=name, line=1, message=words)]) from error


def hard_rules() -> RuleSet:
    """Return the program's own rules and limits alone."""
    return load(_hard(), {}, {})


def _hard() -> dict[str, str]:
    return {f"hard/{name}": (SHIPPED / "rules" / name).read_text(encoding="utf-8") for name in OWN}
