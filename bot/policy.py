"""Reads rule files from their folders; the hard rules always come from the program itself."""

import logging
import os
import stat
from itertools import islice
from pathlib import Path

from policies.engine import RuleSet
from policies.facts import Strict
from policies.faults import Problem
from policies.loader import MOST_OF_FILE, TOO_LONG, PolicyError, load
from policies.vocabulary import Vocabulary, nearest

SHIPPED = Path(__file__).resolve().parent.parent / "policies"
HARD = "hard.yaml"
# What always loads, in the version of the program: its rules, and limits for who names none.
OWN = (HARD, "limits.yaml")
TESTS = "tests"
MOST_FILES = 200
# A file with one of these endings is meant to be read, or one with a misspelt one.
_ENDINGS = ("yaml", "yml", "json")
_SWAP = (["swp"], ["swo"], ["swx"])
# No letter of UTF-8 is longer.
_MOST_BYTES = 4 * MOST_OF_FILE
# A folder beside the rules may be anything; in so many below it nobody keeps rules by mistake.
_MOST_LOOKED_AT = 200

_log = logging.getLogger(__name__)


class RuleTexts(Strict):
    """The files of a rule folder by name: the rules, and their test cases."""

    rules: dict[str, str]
    tests: dict[str, str]


def candidate(folder: Path | None, vocabulary: Vocabulary | None = None) -> RuleSet:
    """Load the rule set of a folder (rules in `*.yaml`, test cases in `tests/*.yaml`).

    Without a folder it is the shipped one. A `hard.yaml` of the folder is refused, and so is what
    looks like rules but would not be read. With a vocabulary the names of rules must be in it.

    Raises:
        PolicyError: something in it is wrong; the problems name file and line.
    """
    return candidate_of(texts(folder), vocabulary)


def candidate_of(found: RuleTexts, vocabulary: Vocabulary | None = None) -> RuleSet:
    """Load a rule set from the texts of its files, as `candidate` does from a folder."""
    hard = _hard()
    if HARD in found.rules:
        raise _fault(HARD, "these rules are part of the program and always load; leave it out")
    try:
        return load(hard, found.rules, found.tests, vocabulary)
    except PolicyError:
        raise
    except Exception as error:
        # A mistake of ours in reading must not end a Signoff that has rules in force.
        _log.exception("the rule files could not be looked at")
        words = f"Signoff failed at reading the rules ({type(error).__name__}): please report it"
        raise _fault("rules", words) from error


def texts(folder: Path | None) -> RuleTexts:
    """Read the files of a folder, of the shipped rules without one; raises PolicyError."""
    if folder is None:
        rules = {path.name: path for path in (SHIPPED / "rules").glob("*.yaml")}
        found = [path for name, path in rules.items() if name not in OWN]
        tests = [*(SHIPPED / TESTS).glob("*.yaml")]
    elif not os.path.isdir(folder):  # noqa: PTH112 - `Path.is_dir` raises where it may not look
        # Not an empty set, which denies everything: a folder that went away is a mistake.
        raise _fault(str(folder), "there is no such folder")
    else:
        found = _files(folder, "")
        is_there = os.path.lexists(folder / TESTS)
        tests = _files(folder / TESTS, f"{TESTS}/") if is_there else []
    if len(found) + len(tests) > MOST_FILES:
        raise _fault(str(folder), f"more than {MOST_FILES} files are in it; join some")
    return RuleTexts(
        rules={path.name: _text(path, path.name) for path in sorted(found)},
        tests={
            f"{TESTS}/{path.name}": _text(path, f"{TESTS}/{path.name}") for path in sorted(tests)
        },
    )


def _files(folder: Path, prefix: str) -> list[Path]:
    """Return the files of a folder that are read; raises PolicyError for what only looks so."""
    try:
        every = sorted(os.listdir(folder))  # noqa: PTH208 - a name can be looked at before its file
    except OSError as error:
        raise _fault(prefix.rstrip("/") or str(folder), _unread(error)) from error
    problems = [
        Problem(file=f"{prefix}{ascii(name)[1:-1]}", line=1, message=words)
        for name in every
        if (words := _stray(folder / name, is_top=not prefix)) is not None
    ]
    if problems:
        raise PolicyError(problems)
    return [folder / name for name in every if name.endswith(".yaml") and name[0] != "."]


def _stray(path: Path, *, is_top: bool) -> str | None:
    """Say why a file or folder that looks like rules is not read; None where all is well."""
    name = path.name
    if os.path.isdir(path):  # noqa: PTH112 - `Path.is_dir` raises where it may not look
        is_meant = name.startswith(".") or (is_top and name == TESTS)
        return None if is_meant else _stray_folder(path, is_top=is_top)
    if is_top and name == TESTS:
        return "it is no folder; put test cases into a folder of this name"
    return _stray_file(name) if _is_like(name) else None


def _stray_file(name: str) -> str | None:
    if not name.isprintable():
        return "its name holds characters that can't be shown; rename it"
    if name.startswith("."):
        return "a hidden file is not read; rename it, or take it out of the folder"
    if not name.endswith(".yaml"):
        return "it is not read: only files that end in `.yaml` are; rename it, or take it out"
    return None


def _stray_folder(path: Path, *, is_top: bool) -> str | None:
    below = (name for _, _, names in islice(os.walk(path), _MOST_LOOKED_AT) for name in names)
    if not path.name.endswith(".yaml") and not any(map(_is_like, below)):
        return None
    words = f"this folder is not read: only `{TESTS}` is, for test cases"
    return f"{words}; take the rule files in it out" if is_top else "a folder in it is not read"


def _is_like(name: str) -> bool:
    """Say whether a file's name is one of rules, or was meant to be one."""
    parts = name.split(".")[1:]
    is_left_by_editor = name.endswith(("~", "#")) or name.startswith(".#") or parts[-1:] in _SWAP
    return not is_left_by_editor and any(nearest(part, _ENDINGS, 0.7) for part in parts if part)


def _text(path: Path, name: str) -> str:
    try:
        # A pipe would keep whoever opens it waiting.
        if not stat.S_ISREG(path.stat().st_mode):
            raise _fault(name, "it is no file")
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise _fault(name, _unread(error)) from error
    if len(raw) > _MOST_BYTES:
        raise _fault(name, f"it has more than {_MOST_BYTES:,} bytes, {TOO_LONG}")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PolicyError([Problem(file=name, line=line, message="it is not UTF-8")]) from error


def _unread(error: OSError) -> str:
    return f"it can't be read: {error.strerror or type(error).__name__}"


def _fault(name: str, words: str) -> PolicyError:
    return PolicyError([Problem(file=name, line=1, message=words)])


def hard_rules() -> RuleSet:
    """Return the program's own rules and limits alone."""
    return load(_hard(), {}, {})


def _hard() -> dict[str, str]:
    return {f"hard/{name}": (SHIPPED / "rules" / name).read_text(encoding="utf-8") for name in OWN}
