"""`signoff policy`: checks rules, and says what they decide, why, and what a change changes."""

import argparse
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot import facts_cli, propose_cli
from bot.audit_cli import moment
from bot.commandline import OK, USAGE, WRONG, command, folder_named
from bot.names import known, tools, vocabulary
from bot.opening import clock_of
from bot.policy import candidate, hard_rules
from bot.rulings import (
    because,
    differing,
    explained,
    limit_line,
    matrix_of,
    matrix_rows,
    replayed,
    ruling,
    table,
)
from bot.settings import Settings, SettingsError, from_environment
from bot.store.changes import candidate_set
from bot.store.decisions import decided_on, past_decisions
from bot.store.engine import Connection, StoreError
from bot.store.ids import proposal_named
from bot.store.reading import open_read_only
from bot.store.rules import in_force, stored
from policies.analysis import unmatchable
from policies.difference import difference
from policies.engine import RuleSet
from policies.explanation import explain
from policies.facts import Facts
from policies.history import replay
from policies.lockout import lockouts
from policies.model import Decided
from policies.space import TooLargeError

# The names that stand for rule sets beside folders and versions.
SHIPPED, ACTIVE = "shipped", "active"
WHICH = "a folder, a version, `active` for the rules in force, or `shipped`"
# What a version begins with; shorter ones would fit more than one of them.
VERSION = re.compile(r"[0-9a-f]{4,64}")


def add(commands: Any) -> None:  # noqa: ANN401 - argparse names its own type in private
    """Declare the commands."""
    policy = commands.add_parser("policy", help="check, compare, explain or propose rules")
    parts = policy.add_subparsers(required=True, metavar="WHAT")
    for name, run, words in (
        ("check", _check, "load the rules and run their test cases"),
        ("matrix", _matrix, "print what is decided for each agent, tool and environment"),
    ):
        found = command(parts, name, run, words)
        found.add_argument("folder", nargs="?", help="instead of SIGNOFF_POLICY_DIR")
    diff = command(
        parts,
        "diff",
        _diff,
        "print what gets looser or tighter, case by case; exit code 2 if anything gets looser",
    )
    diff.add_argument("old", help=WHICH)
    diff.add_argument("new", help=WHICH)
    again = command(
        parts, "replay", _replay, "print what rules would have changed about past decisions"
    )
    again.add_argument("rules", nargs="?", help=f"{WHICH} (default: the rule files)")
    again.add_argument("--since", default="30d", help="`30d`, `12h`, or a time (30d)")
    propose_cli.add(parts)
    _add_explain(command(parts, "explain", _explain, "print why a decision comes out as it does"))


def _add_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("proposal", nargs="?", help="a proposal's id, like T-7K3F9Q2A-1")
    parser.add_argument("--rules", help=f"{WHICH} (default: the rule files)")
    parser.add_argument("--at", help="ask the calendars for this time")
    facts_cli.add(parser)


def _check(parsed: argparse.Namespace) -> int:
    settings = replace(from_environment(), policy_dir=_folder(parsed))
    found = candidate(settings.policy_dir, vocabulary())
    print(f"The policy loads: {len(found.rules)} rules, version {found.version}, its tests pass.")
    dead = unmatchable(found, known(settings))
    for one in dead:
        print(f"{'WRONG' if one.is_always else 'look':<6} {one.words}")
    for words in lockouts(found, mode=settings.config.policy_mode):
        print(f"{'look':<6} {words}")
    return WRONG if any(one.is_always for one in dead) else OK


def _matrix(parsed: argparse.Namespace) -> int:
    rules = candidate(_folder(parsed), vocabulary())
    print(
        f"Policy {rules.version}, in the ordinary case (small amount, sure, not paused, untainted):"
    )
    for line in table(matrix_rows(matrix_of(rules, from_environment().config))):
        print(line)
    return OK


def _diff(parsed: argparse.Namespace) -> int:
    settings = from_environment()
    old, new = _rules(parsed.old, settings), _rules(parsed.new, settings)
    try:
        found = difference(old, new, tools())
    except TooLargeError as error:
        # What was not compared may be looser: whoever asks by the exit code must hear so.
        print(f"signoff: can't compare them: {error}", file=sys.stderr)
        return USAGE
    print(f"{old.version} -> {new.version}: {found.cells} cases in which a changed rule counts.")
    if not found.differences:
        print("Nothing is decided differently.")
    for one in found.differences:
        for line in differing(one):
            print(line)
    for change in found.limits:
        print(limit_line(change))
    return USAGE if found.is_looser else OK


def _replay(parsed: argparse.Namespace) -> int:
    settings = from_environment()
    rules = _rules(parsed.rules, settings)
    since = moment("--since", parsed.since, clock_of(settings).now())
    with open_read_only(settings.database_url) as connection:
        found = replay(past_decisions(connection, since), rules)
    print(f"With {rules.version} in the place of what was in force:")
    for line in replayed(found, f"since {parsed.since}"):
        print(line)
    return OK


def _explain(parsed: argparse.Namespace) -> int:
    settings = from_environment()
    rules = _rules(parsed.rules, settings)
    if parsed.proposal is None:
        facts = _facts(parsed, rules, settings)
    else:
        if facts_cli.written(parsed) or parsed.at is not None:
            raise SettingsError(
                "a proposal is explained on the facts recorded with it: leave the other options out"
            )
        decided = _decided(proposal_named(parsed.proposal), settings)
        if decided.facts is None:
            print("The facts of this decision were not recorded; it was:")
            print(f"It {ruling(decided.decision)} ({because(decided.decision)}).")
            return OK
        facts = decided.facts
        print(f"On the card: it {ruling(decided.decision)} ({because(decided.decision)}).")
    print(f"Policy {rules.version}:")
    for line in explained(explain(facts, rules)):
        print(line)
    hint = facts_cli.no_tools(facts) if parsed.proposal is None else None
    if hint is not None:
        print(hint)
    return OK


def _decided(proposal_id: str, settings: Settings) -> Decided:
    with open_read_only(settings.database_url) as connection:
        found = decided_on(connection, proposal_id)
    if found is None:
        raise StoreError(f"there is no proposal {proposal_id}")
    return found


def _facts(parsed: argparse.Namespace, rules: RuleSet, settings: Settings) -> Facts:
    at = moment("--at", parsed.at, clock_of(settings).now())
    return facts_cli.facts_of(facts_cli.written(parsed), at, rules, settings.config.groups)


def _folder(parsed: argparse.Namespace) -> Path | None:
    if parsed.folder is None:
        return from_environment().policy_dir
    found = folder_named(parsed.folder)
    if found is None:
        raise SettingsError(f"`{parsed.folder}` is no folder")
    return found


def _rules(name: str | None, settings: Settings) -> RuleSet:
    """Return the rule set that a word names; without one those of the rule files."""
    if name is None:
        return candidate(settings.policy_dir, vocabulary())
    if name == SHIPPED:
        return candidate(None, vocabulary())
    folder = folder_named(name)
    if folder is not None:
        return candidate(folder, vocabulary())
    found = None
    if name == ACTIVE or VERSION.fullmatch(name):
        found = _looked_up(name, settings)
    if found is None:
        neither = f"`{name[:80]}` is neither a folder nor a version of rules that are known"
        what = "no rules are in force yet" if name == ACTIVE else neither
        raise SettingsError(f"{what}; write {WHICH}")
    return found


def _looked_up(name: str, settings: Settings) -> RuleSet | None:
    try:
        with open_read_only(settings.database_url) as connection:
            return _kept(connection, name)
    except StoreError as error:
        if name == ACTIVE:
            raise
        raise StoreError(f"there is no folder `{name}`, and as a version: {error}") from error


def _kept(connection: Connection, name: str) -> RuleSet | None:
    hard = hard_rules()
    if name == ACTIVE:
        return in_force(connection, hard)
    # What waits for a sign-off is found by the version on its card.
    return stored(connection, name, hard) or candidate_set(connection, name, hard)
