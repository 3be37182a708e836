"""The rule sets of the database: which one decides, what another would change, and the change."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from bot.names import tools
from bot.rulings import because, example_line, limit_words, ruling
from bot.store.changes import (
    SupersededError,
    UnsoundError,
    activate,
    compared_sets,
    is_activated,
)
from bot.store.context import Context
from bot.store.decisions import past_decisions
from bot.store.engine import Connection, StoreError, StoreUnavailable
from bot.store.rules import in_force, standing
from policies.approvals import Memberships
from policies.difference import Comparison, Difference, difference
from policies.engine import RuleSet
from policies.history import Past, replay
from policies.limitfile import LimitChange
from policies.lockout import lockouts
from policies.model import Mode
from policies.space import TooLargeError
from tools.base import Call, Refused, Unavailable
from tools.policy import Changed, ChangeParameters, Compared, Standing

REPLAYED = timedelta(days=30)
# What a card and the post above it can hold; the command line prints all of them.
MOST_CHANGES = 20
# Comparisons that are remembered: asked for at the proposal, at the sign-off and by people.
_REMEMBERED = 8
T = TypeVar("T")

Groups = Callable[[], Awaitable[Memberships | None]]


class SqlRuleSets:
    """See `tools.policy.RuleSets`; `rules` is the `RuleSource` of the gateway."""

    def __init__(self, context: Context, in_force: RuleSet) -> None:
        self._context, self._in_force = context, in_force
        self._compared: OrderedDict[tuple[str, str], asyncio.Task[Comparison | TooLargeError]] = (
            OrderedDict()
        )
        # By version and day: what was decided meanwhile hardly matters, and it is asked often.
        self._replays: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._running: set[asyncio.Task[RuleSet]] = set()
        self._groups: Groups | None = None
        self._mode = Mode.APPROVE

    def rules(self) -> RuleSet:
        """Return the set in force."""
        return self._in_force

    def knows(self, groups: Groups, mode: Mode) -> None:
        """Say how the groups are read, and how far the rules may be changed: for warnings.

        `groups` gives None while one of them can't be read: then nobody knows who is there.
        """
        self._groups, self._mode = groups, mode

    async def standing(self) -> Standing:
        """Return which set is in force."""
        try:
            found = await self._context.database.read(standing)
        except StoreUnavailable:
            raise
        except StoreError as error:
            raise Refused(str(error)) from error
        if found is None:
            raise Refused("no rules are in force")
        return found

    async def compared(self, replaces: str, version: str) -> Compared:
        """Say what one set would change about another."""
        hard = self._in_force
        try:
            old, new = await self._context.database.read(
                lambda connection: compared_sets(connection, replaces, version, hard)
            )
        except UnsoundError as error:
            raise Refused(str(error)) from error
        members = None if self._groups is None else await self._groups()
        replayed = await self._replayed(new)
        warnings = tuple(lockouts(new, members, self._mode))
        try:
            found = await self.comparison(old, new)
        except TooLargeError as error:
            return Compared(
                looser=0,
                tighter=0,
                changes=(),
                rules=len(new.rules),
                replayed=replayed,
                warnings=warnings,
                fault=str(error),
            )
        return told(found, new, replayed, warnings)

    async def _replayed(self, rules: RuleSet) -> str:
        """Say in a line what a set would have changed about the decisions of the last days."""
        now = self._context.clock.now()
        key = (rules.version, now.date().isoformat())
        if key not in self._replays:
            past = await self._context.database.read(
                lambda connection: past_decisions(connection, now - REPLAYED)
            )
            self._replays[key] = await asyncio.to_thread(_replayed, past, rules)
            while len(self._replays) > _REMEMBERED:
                self._replays.popitem(last=False)
        return self._replays[key]

    async def comparison(self, old: RuleSet, new: RuleSet) -> Comparison:
        """Compare two sets beside everything else that runs; each pair once.

        Whoever does not wait any longer finds it the next time.

        Raises:
            TooLargeError: there are too many cases.
        """
        key = (old.version, new.version)
        running = self._compared.get(key)
        if running is None:
            work = asyncio.to_thread(_difference, old, new)
            running = self._compared[key] = asyncio.create_task(work)
            running.add_done_callback(lambda done: self._forgotten(key, done))
            while len(self._compared) > _REMEMBERED:
                self._compared.popitem(last=False)
        found = await asyncio.shield(running)
        if isinstance(found, TooLargeError):
            raise found
        return found

    def _forgotten(
        self, key: tuple[str, str], running: asyncio.Task[Comparison | TooLargeError]
    ) -> None:
        """Forget a comparison that failed: whoever asks next tries anew."""
        # Looked at here too: whoever asked may be gone.
        is_failed = running.cancelled() or running.exception() is not None
        if is_failed and self._compared.get(key) is running:
            del self._compared[key]

    async def activate(self, wanted: ChangeParameters, call: Call) -> None:
        """Put a set in force, once under the call's key."""
        running = asyncio.create_task(self._activated(wanted, call))
        self._running.add(running)
        running.add_done_callback(self._ended)
        # Whoever asked may stop waiting, the change may not: what is committed must decide.
        await asyncio.shield(running)

    async def has_activated(self, call: Call) -> bool:
        """Say whether a set was put in force under this key; what is in force decides from here."""
        hard = self._in_force

        def look(connection: Connection) -> tuple[bool, RuleSet | None]:
            is_done = is_activated(connection, call)
            return is_done, in_force(connection, hard) if is_done else None

        is_done, found = await self._context.database.read(look)
        if found is not None and self._in_force is hard:
            # It was committed, and the answer was lost: until now the one before decided.
            self._in_force = found
        return is_done

    def _ended(self, running: asyncio.Task[RuleSet]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            # Looked at here too: whoever asked may be gone.
            running.exception()

    async def _activated(self, wanted: ChangeParameters, call: Call) -> RuleSet:
        context, hard = self._context, self._in_force

        def unit(connection: Connection) -> RuleSet:
            return activate(connection, context, wanted, call, hard)

        try:
            self._in_force = await context.database.write(unit)
        except (SupersededError, UnsoundError) as error:
            raise Refused(str(error)) from error
        except StoreError as error:
            raise Unavailable(str(error)) from error
        return self._in_force


def _difference(old: RuleSet, new: RuleSet) -> Comparison | TooLargeError:
    try:
        return difference(old, new, tools())
    except TooLargeError as error:
        # Handed on as a value: whoever asked may be gone, and another asks later.
        return error


def told(found: Comparison, new: RuleSet, replayed: str, warnings: tuple[str, ...]) -> Compared:
    """Return a comparison in words, as far as they fit."""
    every = [*map(changed_limit, found.limits), *map(changed, found.differences)]
    return Compared(
        looser=found.looser,
        tighter=found.tighter,
        changes=tuple(sorted(every, key=lambda one: not one.is_looser)[:MOST_CHANGES]),
        rules=len(new.rules),
        replayed=replayed,
        warnings=warnings,
    )


def changed(one: Difference) -> Changed:
    """Return one difference in words."""
    return Changed(
        is_looser=one.change.is_looser,
        rules=", ".join(sorted(one.rules)) or "the approved actions",
        was=f"{ruling(one.before)} ({because(one.before)})",
        now=f"{ruling(one.after)} ({because(one.after)})",
        example=example_line(one),
    )


def changed_limit(one: LimitChange) -> Changed:
    """Return a limit that changes in words."""
    name, was, now = limit_words(one)
    return Changed(
        is_looser=one.is_looser,
        rules=name,
        was=f"allows {was}" if one.before is not None else "has no limit",
        now=f"allows {now}" if one.after is not None else "has no limit",
        example="whatever comes to a number between the two",
    )


def _replayed(past: list[Past], rules: RuleSet) -> str:
    found = replay(past, rules)
    looser = sum(turned.change.is_looser for turned in found.turned)
    looked_at = found.same + len(found.turned)
    if not looked_at + found.left_out:
        return f"There were no decisions in the last {REPLAYED.days} days to hold it against."
    words = (
        f"Of the {looked_at} decisions of the last {REPLAYED.days} days {looser} would have been"
        f" looser and {len(found.turned) - looser} tighter"
    )
    return words + (f"; {found.left_out} have no facts to ask about." if found.left_out else ".")
