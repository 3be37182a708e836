"""The events that are appended, and what is written in their stead by the bare reference."""

import asyncio
import hashlib
import itertools
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, Text

from bot.store.context import Context
from bot.store.engine import BUSY_MS, Connection, Unit
from policies.audit import GENESIS, Event, EventKind
from policies.model import Actor, ActorKind
from tests.bot.world import ANA, World

_TABLE = (
    "CREATE TABLE ledger (seq INTEGER NOT NULL PRIMARY KEY, body TEXT NOT NULL,"
    " prev TEXT NOT NULL UNIQUE, hash TEXT NOT NULL)"
)
_PLAIN = Table(
    "plain",
    MetaData(),
    Column("seq", Integer, primary_key=True),
    Column("body", Text, nullable=False),
    Column("prev", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
SUMMARY = (
    "`checkout` v42 fails with 31 % of its requests in staging since 10:01 UTC. It was deployed"
    " 40 s before that by the pipeline; nothing else changed. The pool of connections is exhausted:"
    " `acquire` takes 2.4 s at the 99th percentile."
)


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many things in so many seconds, in so many commits."""

    count: int
    seconds: float
    commits: int = 1

    @property
    def per_s(self) -> float:
        """How many in a second."""
        return self.count / self.seconds


def events(world: World, task_ids: list[str]) -> Iterator[Event]:
    """Return what one proposal leaves in the ledger, over and over: one text in six events."""
    agent = Actor(kind=ActorKind.AGENT, id="incident")
    for number in itertools.count():
        task_id = task_ids[number % len(task_ids)]
        usual: dict[str, Any] = {"task_id": task_id, "correlation_id": task_id}
        usual["environment"] = "staging"
        ours = {**usual, "agent": "incident", "agent_version": "1", "trigger": "system:prometheus"}
        of_proposal = {**ours, "proposal_id": f"{task_id}-1", "policy_version": "abc123"}
        now = world.clock.now()
        yield Event(
            kind=EventKind.TOOL_CALLED,
            at=now,
            actor=agent,
            sentence=f"Asked `prometheus_query` in 18 ms: call {number}.",
            tools=("prometheus_query",),
            systems=("prometheus",),
            data={"digest": hashlib.sha256(str(number).encode()).hexdigest()},
            **ours,
        )
        yield Event(
            kind=EventKind.REPORT_WRITTEN,
            at=now,
            actor=agent,
            sentence="Report: cause found, by rules.",
            decision="cause found",
            texts={"summary": f"{SUMMARY} ({number})"},
            **ours,
        )
        yield Event(
            kind=EventKind.PROPOSAL_CREATED,
            at=now,
            actor=agent,
            sentence=f"Proposed: roll back `checkout` from v42 to v41 in staging ({number}).",
            tools=("shop_rollback",),
            reasons=("ROLLBACK_NEEDS_ONCALL",),
            decision="approve",
            data={"action_hash": hashlib.sha256(task_id.encode()).hexdigest(), "key": "rollback"},
            **of_proposal,
        )
        yield Event(
            kind=EventKind.VOTE_CAST,
            at=now,
            actor=Actor(kind=ActorKind.HUMAN, id=ANA),
            sentence=f"{ANA} approved proposal {number}.",
            decision="approve",
            data={"action_hash": hashlib.sha256(task_id.encode()).hexdigest()},
            **of_proposal,
        )
        yield Event(
            kind=EventKind.INTENT_WRITTEN,
            at=now,
            sentence=f"About to run `shop_rollback` in staging ({number}).",
            tools=("shop_rollback",),
            systems=("shop",),
            data={"key": f"signoff-{task_id}-1-forward", "baseline": "0.31"},
            **of_proposal,
        )
        yield Event(
            kind=EventKind.TASK_MOVED,
            at=now,
            sentence=f"AWAITING_APPROVAL to EXECUTING ({number}).",
            data={"from": "AWAITING_APPROVAL", "to": "EXECUTING"},
            **usual,
        )


async def appended(world: World, load: list[Event], producers: int) -> Rate:
    """Append through the store, as everybody does: each producer awaits its commit."""
    return await _produced(world, [_append(world.context, event) for event in load], producers)


async def plainly_inserted(world: World, bodies: list[str], producers: int) -> Rate:
    """Insert bodies as plain rows through the same writer: no chain, no guard, no redaction."""
    await world.database.write(_PLAIN.create)
    units = [
        partial(_insert, {"seq": seq, "body": body, "prev": GENESIS, "hash": GENESIS})
        for seq, body in enumerate(bodies, start=1)
    ]
    return await _produced(world, units, producers)


async def _produced(world: World, units: Sequence[Unit[Any]], producers: int) -> Rate:
    commits = list[None]()
    world.database.on_commit(lambda: commits.append(None))
    waiting = iter(units)

    async def produce() -> None:
        for unit in waiting:
            await world.database.write(unit)

    began = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(producers)))
    return Rate(count=len(units), seconds=time.perf_counter() - began, commits=len(commits))


def _insert(row: dict[str, Any], connection: Connection) -> int:
    return connection.execute(_PLAIN.insert(), row).rowcount


def _append(context: Context, event: Event) -> Unit[int]:
    def unit(connection: Connection) -> int:
        return context.ledger.append(connection, event)

    return unit


def inserted(path: Path, bodies: list[str], batch: int) -> Rate:
    """Insert bodies in groups by `sqlite3` itself, as durably, chained as the ledger's are."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(_TABLE)
    prev, seq, commits = GENESIS, 0, 0
    began = time.perf_counter()
    for start in range(0, len(bodies), batch):
        rows = []
        for text in bodies[start : start + batch]:
            seq += 1
            digest = hashlib.sha256(b"ledger/v1\0" + prev.encode() + text.encode()).hexdigest()
            rows.append((seq, text, prev, digest))
            prev = digest
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        commits += 1
    seconds = time.perf_counter() - began
    connection.close()
    return Rate(count=len(bodies), seconds=seconds, commits=commits)
