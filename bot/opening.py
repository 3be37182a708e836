"""Opens what needs no Slack, in order: store, ledger, clock, rules and catalogue."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bot.clock import SharedClock, WallClock
from bot.keeping import own_redactor
from bot.names import vocabulary
from bot.policy import candidate, hard_rules
from bot.rulesets import SqlRuleSets
from bot.settings import Settings
from bot.stops import stopper
from bot.store.context import Context
from bot.store.dispatch import RowDispatcher
from bot.store.engine import Connection, Database
from bot.store.leases import free_leases
from bot.store.ledger import Ledger
from bot.store.rules import in_force, trust_first
from bot.store.schema import migrate
from bot.store.strangers import tell_strangers
from bot.store.threads import newest_at
from policies.audit import Event, EventKind
from policies.engine import RuleSet
from policies.loader import PolicyError
from policies.model import Clock
from tools.catalogue import Catalogue
from tools.policy import Policy
from tools.ports import RuleSource

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Core:
    """The parts that need no Slack: store, ledger, catalogue."""

    context: Context
    catalogue: Catalogue
    rule_sets: SqlRuleSets
    dispatcher: RowDispatcher
    # Whether nothing happened for a minute before this start, and so nothing was told to Slack.
    is_rested: bool
    # Whether the rules came into force just now, from the files: they can't differ.
    is_first: bool
    # What ended a part while running; one entry is enough to end the process.
    faults: list[Exception] = field(default_factory=list)


def clock_of(settings: Settings) -> Clock:
    """Return wall time, or the playground's shared clock where its file is named."""
    return WallClock() if settings.clock_file is None else SharedClock(settings.clock_file)


def pace_of(settings: Settings, clock: Clock) -> Callable[[], float]:
    """Return the seconds that Slack's rates are counted by: no jump of a wall clock moves them.

    In a playground the workspace counts by the shared clock, and so does the bot.
    """
    if settings.clock_file is None:
        return time.monotonic
    return lambda: clock.now().timestamp()


async def core_of(settings: Settings, stack: AsyncExitStack) -> Core:
    """Open the database, decide which rules are in force, and make the catalogue.

    Raises:
        StoreError: the database can't be used, or its rules were changed past Signoff.
        PolicyError: the rule files do not load, and no set is in force yet.
    """
    redactor = own_redactor(settings)
    database = Database(settings.database_url)
    stack.push_async_callback(database.close)
    await database.open(migrate)
    clock = clock_of(settings)
    dispatcher = RowDispatcher(database, clock, f"worker-{os.getpid()}")
    context = Context(
        database=database,
        ledger=Ledger(redactor),
        clock=clock,
        redactor=redactor,
        boundary=stopper(settings.stop_at, Path(f"{database.path}.stopped")),
        dispatcher=dispatcher,
    )
    latest = await database.read(newest_at)
    is_rested = latest is None or context.clock.now() - latest > timedelta(minutes=1)
    hard = hard_rules()
    rules = await database.write(lambda connection: _started(connection, context, hard))
    is_first = rules is None
    if rules is None:
        first = candidate(settings.policy_dir, vocabulary())
        rules = await database.write(lambda connection: _first(connection, context, first))
    rule_sets = SqlRuleSets(context, rules)
    catalogue = Catalogue([*settings.build(context.clock), Policy(rule_sets)])
    stack.push_async_callback(catalogue.close)
    return Core(
        context=context,
        catalogue=catalogue,
        rule_sets=rule_sets,
        dispatcher=dispatcher,
        is_rested=is_rested,
        is_first=is_first,
    )


async def compare_files(settings: Settings, rules: RuleSource) -> None:
    """Say in the log how the rule files differ from the set in force, which stays in any case.

    Beside everything else: reading them and running their test cases takes long, and nothing
    waits for what they say.
    """
    try:
        offered = await asyncio.to_thread(candidate, settings.policy_dir, vocabulary())
    except PolicyError as error:
        _log.error("the rule files do not load, the set in force stays: %s", error)
        return
    version = rules().version
    if version != offered.version:
        _log.warning(
            "the rule files (%s) differ from the set in force (%s), which stays: propose them with"
            " `/signoff policy propose`, or `signoff policy propose DIR --author U…`",
            offered.version,
            version,
        )


def _first(connection: Connection, context: Context, offered: RuleSet) -> RuleSet:
    rules = trust_first(connection, context, offered)
    _begun(connection, context, rules)
    return rules


def _started(connection: Connection, context: Context, hard: RuleSet) -> RuleSet | None:
    """Start with the set in force; where there is none yet, nothing is done."""
    rules = in_force(connection, hard)
    if rules is not None:
        _begun(connection, context, rules)
    return rules


def _begun(connection: Connection, context: Context, rules: RuleSet) -> None:
    free_leases(connection, context)
    tell_strangers(connection, context)
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.SIGNOFF_STARTED,
            at=context.clock.now(),
            policy_version=rules.version,
            sentence="Signoff started.",
        ),
    )
