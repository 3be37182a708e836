"""Whatever a rule folder holds: it loads, or it is refused with file and line, and nothing else."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.names import vocabulary
from bot.policy import SHIPPED
from policies.faults import Problem
from policies.loader import PolicyError, load
from tests.policies.typos import CASES, FOLDER

VOCABULARY = vocabulary()
FILES = {
    path.name: path.read_text(encoding="utf-8")
    for path in sorted((SHIPPED / "rules").glob("*.yaml"))
    if path.name != "hard.yaml"
} | {"team.yaml": FOLDER, "tests/team.yaml": CASES}
# What a reader, a number, a date or a name might stumble over.
ODD = [
    *("", "~", "{}", "[]", "[[]]", "{a: b}", "[{}]", "? [a]\n: b", "&a x", "*a", "!!int 1", "- -"),
    *('"\\U00110000"', '"\\UFFFFFFFF"', '"\\uD800"', '"\\0"', "\x00", "\ufeff", "\u200b", "\u2028"),
    *("1e3", "1e999999", "-0", "0x1F", "9" * 19, "9" * 5000, "0.1234567890123456", "NaN", ".inf"),
    *(
        "'sNaN'",
        "'\u0665'",
        "true",
        "yes",
        "'9999-12-31T23:59:59Z'",
        "'0001-01-01T00:00:00Z'",
        "'1'",
    ),
    *("'24:00'", "'0000-01-01'", "'02-30'", "'9999-12-31'", "read", "'read'", "auto", "[read]"),
    *("[" * 300, "{a: " * 300, "%YAML 1." + "9" * 5000, "--- 1", "...", "'" + "x" * 300 + "'"),
    *("[" + "x, " * 600 + "]", "bool", "AutoText", "[key]", "\t", "\r", "#", "<<: {a: 1}", "=: 1"),
]
PLACES = re.compile(r"(?<=[:\[{,] )[^\s,\]}][^,\]}\n]*|[A-Za-z_]+(?=:)")


def told(name: str, text: str) -> None:
    """Load the files with one of them changed; whatever else is raised fails the test."""
    changed = FILES | {name: text}
    # The others only where the changed one speaks of them: that is quicker.
    names = {"team.yaml", "tests/team.yaml", name}
    rules = {one: changed[one] for one in names if not one.startswith("tests/")}
    cases = {one: changed[one] for one in names if one.startswith("tests/")}
    for problem in problems(rules, cases):
        assert problem.file in names
        assert 1 <= problem.line <= changed[problem.file].count("\n") + 2
        assert str(problem).isprintable(), problem.message


def problems(rules: dict[str, str], cases: dict[str, str]) -> tuple[Problem, ...]:
    """Return what keeps files from loading; nothing where they load."""
    try:
        load({}, rules, cases, VOCABULARY)
    except PolicyError as error:
        return error.problems or (Problem(file="", line=0, message="it does not say why"),)
    return ()


def test_the_files_that_are_changed_load_by_themselves() -> None:
    assert not problems({"team.yaml": FOLDER}, {"tests/team.yaml": CASES})


@settings(max_examples=150)
@given(name=st.sampled_from(sorted(FILES)), odd=st.sampled_from(ODD), place=st.integers(0, 10_000))
def test_an_odd_value_anywhere_is_read_or_refused_with_its_place(
    name: str, odd: str, place: int
) -> None:
    every = list(PLACES.finditer(FILES[name]))
    at = every[place % len(every)]
    told(name, FILES[name][: at.start()] + odd + FILES[name][at.end() :])


@settings(max_examples=100)
@given(
    name=st.sampled_from(sorted(FILES)),
    begin=st.integers(0, 10_000),
    gone=st.integers(0, 40),
    more=st.one_of(st.text(max_size=12), st.sampled_from(ODD)),
)
def test_any_text_anywhere_is_read_or_refused_with_its_place(
    name: str, begin: int, gone: int, more: str
) -> None:
    text = FILES[name]
    begin %= len(text)
    told(name, text[:begin] + more + text[begin + gone :])
