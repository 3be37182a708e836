"""`signoff policy` and its arguments: none breaks it, and no reader changes its exit code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.cli import main
from bot.commandline import Outlet, OutputError
from policies.facts import Facts

ROOT = Path(__file__).resolve().parents[2]
Printed = pytest.CaptureFixture[str]
OURS = ("SLACK_", "SIGNOFF_", "SHOP_", "PROMETHEUS_", "ALERTMANAGER_", "ADPLATFORM_")
RULES = """
groups: {oncall: a, operators: b, marketing: c}
approved:
  - {agent: [incident], action: [rollback, restart], environment: [staging, production]}
  - {agent: [campaign], action: [create, activate], environment: [ads]}
calendars:
  freeze: {zone: Europe/Berlin, dates: [{from: "12-18", to: "01-03"}]}
  night: {zone: UTC, weekly: [{days: [mon, tue], from: "20:00", to: "08:00"}]}
rules:
  - id: ask
    effect: {approve: {n: 1, groups: [oncall], then: [operators]}}
    reason: ASKED
    when: {agent: [incident], action: [rollback], environment: [staging, production]}
  - id: cold
    effect: {deny: true}
    reason: COLD
    when: {in_calendar: [freeze], outside: [night], action: [rollback]}
  - id: sure
    effect: {auto: {otherwise: {n: 1, groups: [oncall]}}}
    reason: SURE
    when: {tool: [shop_rollback], environment: [staging], confidence: {min: 0.9}, frozen: false}
  - id: many
    effect: {raise: {n: 2, groups: [operators]}}
    reason: MANY
    when: {action: [create], currency: [EUR], exposure: {min: 500}, confidence: {max: 0.5}}
  - id: asked-by-marketing
    effect: {raise: {n: 1, groups: [operators]}}
    reason: ASKED_BY
    when: {requester_group: [marketing], mode: [auto]}
  - id: looking
    effect: {deny: true}
    reason: LOOKING
    when: {tool: [shop_deploys], tainted: true}
  - id: create
    effect: {approve: {n: 1, groups: [marketing]}}
    reason: CREATE
    when: {agent: [campaign], action: [create], currency: [EUR]}
"""
CHANGES = [
    ('to: "01-03"', 'to: "01-02"'),
    ('to: "01-03"', 'to: "01-04"'),
    # Where alerts without an environment are.
    ("environment: [staging, production]", "environment: [staging, production, unknown]"),
    ("zone: Europe/Berlin", "zone: Europe/London"),
    ('to: "08:00"', 'to: "07:30"'),
    ("{min: 0.9}", "{max: 0.9}"),
    ("frozen: false", "reversible: true"),
    ("exposure: {min: 500}", "exposure: {min: 600}"),
    ("confidence: {max: 0.5}", "channel: [search]"),
    ("mode: [auto]", "mode: [approve]"),
    ("[marketing], mode", "[marketing, oncall], mode"),
    ("tainted: true", "paused: true"),
    ("environment: [ads]}", "environment: [ads, staging]}"),
    ("in_calendar: [freeze], outside: [night], ", ""),
    ("approve: {n: 1, groups: [marketing]}", "approve: {n: 1, groups: [operators]}"),
]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Leave no settings and no database; returns the folder in which the commands run."""
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/none.db")
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / "old", RULES)
    return tmp_path


def _write(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    return folder


def ended(environment: Path, output: int | None, unbuffered: str) -> int:
    """Run `diff` of a looser change in a process of its own, whose output goes there."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "policy", "diff", "old", "new"],
        stdout=output,
        stderr=subprocess.PIPE,
        cwd=environment,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered},
        timeout=60,
        check=False,
        preexec_fn=None if output is not None else _close_output,
    ).returncode


def _close_output() -> None:
    os.close(1)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_looser_is_told_by_the_exit_code_though_nobody_reads(
    environment: Path, unbuffered: str
) -> None:
    _write(environment / "new", RULES.replace('to: "01-03"', 'to: "01-02"'))
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert ended(environment, writing, unbuffered) == 2
    finally:
        os.close(writing)
    assert ended(environment, None, unbuffered) == 2
    with Path("/dev/full").open("wb") as full:
        assert ended(environment, full.fileno(), unbuffered) == 1


def test_what_could_not_be_written_for_a_time_is_no_end_of_what_follows() -> None:
    with Path("/dev/full").open("w", encoding="utf-8", buffering=1) as full:
        outlet = Outlet(full)
        for _ in range(2):
            with pytest.raises(OutputError, match="can't be written: No space left on device"):
                outlet.write("a line\n")
        outlet.drop()
        outlet.write("a line\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["diff", "shipped", "nosuch"], "`nosuch` is neither a folder nor a version of rules"),
        (["diff", "", "shipped"], "`` is neither a folder nor a version of rules"),
        (["diff", "shipped", "old/rules.yaml"], "neither a folder nor a version"),
        (["diff", "shipped", "x" * 5000], "neither a folder nor a version"),
        (["diff", "shipped", "abcd"], "there is no folder `abcd`, and as a version: "),
        (["check", ""], "`` is no folder"),
        (["matrix", "nosuch"], "`nosuch` is no folder"),
        (["propose", "", "--author", "U1"], "`` is no folder"),
        (["replay", "nosuch"], "`nosuch` is neither a folder nor a version of rules"),
        (["explain", "T-1", "--tainted", "true"], "leave the other options out"),
        (["explain", "T-1", "--at", "1d"], "leave the other options out"),
    ],
)
def test_what_names_no_rules_is_refused_by_its_name(
    arguments: list[str], says: str, capsys: Printed
) -> None:
    assert main(["policy", *arguments]) in {1, 2}
    out, err = capsys.readouterr()
    assert says in err
    assert out == ""


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ("--tool nosuch", "there is no tool `nosuch`"),
        ("--tool shop_rolback", "did you mean `shop_rollback`?"),
        ("--tool shop_rollback --action read", "--action: with the tool `shop_rollback` it is"),
        ("--tool shop_rollback --tier high", "--tier: with the tool `shop_rollback` it is"),
        ("--tool shop_rollback --agent campaign", "--agent: with the tool `shop_rollback` it is"),
        ("--tool shop_deploys --tier low", "--tier: with the tool `shop_deploys` it is `read`"),
        ("--action rollback --tier read", "--action: the action `read` goes with the tier `read`"),
        ("--action rolback", "did you mean `rollback`?"),
        ("--action rollback --tier mid", "there is no tier `mid`"),
        ("--action rollback --agent incidnt", "did you mean `incident`?"),
        ("--action rollback --calendars frezze", "did you mean `freeze`?"),
        ("--action rollback --calendars freeze,x", "there is no calendar `x`"),
        ("--action rollback --calendars freeze --at 1d", "write one of the two"),
        ("--action rollback --requester-groups onclal", "did you mean `oncall`?"),
        ("--action rollback --actions-last-hour ²", "`²` is no plain number"),
        ("--action rollback --exposure 1e3", "`1e3` is no plain number"),
        ("--action rollback --exposure 1_000", "`1_000` is no plain number"),
        ("--action rollback --confidence NaN", "`NaN` is no plain number"),
        ("--action rollback --confidence 90", "--confidence: it is from 0 to 1"),
        ("--action rollback --blast-radius -1", "--blast-radius: it is never below 0"),
        ("--action rollback --replicas 0.5", "--replicas: "),
        ("--action rollback --currency EURO", "there is no currency `EURO`; did you mean `EUR`?"),
        ("--action rollback --target=", "--target: it is empty"),
        ("--action rollback --tainted yes", "`yes` is neither `true` nor `false`"),
        ("--action rollback --mode unknown", "--mode: this is always known"),
        ("--action rollback --severity SEV9", "--severity: "),
    ],
)
def test_a_fact_that_can_not_be_is_refused_with_advice(
    facts: str, says: str, capsys: Printed
) -> None:
    assert main(["policy", "explain", "--rules", "old", *facts.split(" ")]) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert out == ""


@pytest.mark.parametrize(
    "facts",
    [
        "--tool shop_deploys",
        "--action read",
        "--action rollback --target 123 --service 7",
        "--action unknown --confidence 0.55 --exposure -0",
        "--action rollback --calendars freeze/night",
        "--action rollback --calendars none --requester-groups none",
    ],
)
def test_a_fact_that_can_be_is_explained(facts: str, capsys: Printed) -> None:
    assert main(["policy", "explain", "--rules", "old", *facts.split(" ")]) == 0
    assert "It " in capsys.readouterr().out


WORDS = st.one_of(
    st.sampled_from(["old", "shipped", "active", "unknown", "none", "read", "T-1", "~", "/", "%s"]),
    st.sampled_from(["²", "1d", "-1", "1e99999", "9" * 400, "9999-12-31T23:59:59-23:59"]),
    st.sampled_from(["shop_rollback", "rollback", "freeze", "oncall", "EUR", "true", "0.5", ""]),
    st.text(max_size=6),
)
OPTIONS = st.sampled_from([f"--{name.replace('_', '-')}" for name in Facts.model_fields] + ["--at"])
FACTS = st.lists(st.tuples(OPTIONS, WORDS), max_size=3).map(
    lambda given: [f"{option}={word}" for option, word in given]
)
COMMANDS = st.one_of(
    st.tuples(st.sampled_from(["check", "matrix"]), WORDS).map(list),
    st.tuples(st.just("diff"), WORDS, WORDS).map(list),
    st.tuples(st.just("replay"), WORDS, WORDS.map("--since={}".format)).map(list),
    FACTS.map(lambda facts: ["explain", "--tool=shop_rollback", *facts]),
    FACTS.map(lambda facts: ["explain", "--rules=old", "--action=rollback", *facts]),
    st.tuples(st.just("explain"), WORDS).map(list),
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(COMMANDS)
def test_no_argument_ends_in_an_error_that_nobody_foresaw(arguments: list[str]) -> None:
    try:
        code = main(["policy", *arguments])
    except SystemExit as error:
        # The parser's own refusal.
        code = 2 if error.code else 0
    assert code in {0, 1, 2}


def asked(line: str) -> list[str]:
    """Return an example as options of `explain`."""
    line = re.sub(r" \(calendars: [^)]*\)", "", line.removeprefix("  for example: "))
    options = []
    for part in line.split(", "):
        name, _, value = part.partition(" ")
        options += [f"--{name.replace('_', '-')}", "unknown" if value == "not known" else value]
    return options


@pytest.mark.parametrize(("right", "wrong"), CHANGES)
def test_what_diff_prints_as_an_example_explain_answers_with_the_same(
    right: str, wrong: str, environment: Path, capsys: Printed
) -> None:
    assert right in RULES
    _write(environment / "new", RULES.replace(right, wrong))
    main(["policy", "diff", "old", "new"])
    lines = capsys.readouterr().out.splitlines()[1:]
    assert len(lines) >= 4
    for _, was, now, example in zip(*[iter(lines)] * 4, strict=True):
        for rules, told in (("old", was), ("new", now)):
            assert main(["policy", "explain", "--rules", rules, *asked(example)]) == 0, example
            answer = capsys.readouterr().out.splitlines()[1]
            ruling = told.removeprefix("  was: it ").removeprefix("  now: it ").rpartition(" (")[0]
            assert answer.startswith(f"It {ruling} ("), example
