"""How fast the ledger grows and is verified, beside what SQLite alone does in the same run.

Appends: each of N producers appends one event of its own through `Database.write`, awaits the
commit, and goes on; the events are those that a proposal leaves, redacted, with their row in the
query table, and a text in every sixth. Two references insert the very same bodies, one row each:
`grouped` by as many producers through the same writer, a plain insert for each by SQLAlchemy Core;
`sqlite3` by the driver itself in one thread with the same durability, in groups as large as those
that the store made, chained by SHA-256, with nobody who waits for an answer.

Verify: the whole chain with everything that is derived, against reading the same rows and hashing
their bodies.
"""

import asyncio
import hashlib
import itertools
import sqlite3
import time
from pathlib import Path

from bot.store.ledger import verify
from bot.store.records import ledger
from policies.audit import GENESIS
from tests.benchmarks.conftest import Show
from tests.benchmarks.load import Rate, appended, events, inserted, plainly_inserted
from tests.bot.world import FakeClock, opened

COUNTS = {1: 1_000, 10: 4_000, 100: 10_000}
VERIFIED = 20_000


async def test_appends_per_second(tmp_path: Path, show: Show) -> None:
    table: list[tuple[object, ...]] = [
        (
            "producers",
            "per commit",
            "appends/s",
            "grouped/s",
            "ratio",
            "sqlite3/s",
            "ratio",
        )
    ]
    for producers, count in COUNTS.items():
        async with opened(tmp_path / f"{producers}.db", FakeClock()) as world:
            ids = [(await world.task(f"group-{number}")).id for number in range(20)]
            load = list(itertools.islice(events(world, ids), count))
            await appended(world, load[:100], producers)
            own = await appended(world, load, producers)
            bodies = [row.body for row in (await world.rows(ledger))[-count:]]
            grouped = await plainly_inserted(world, bodies, producers)
        batch = round(own.count / own.commits)
        bare = await asyncio.to_thread(inserted, tmp_path / f"{producers}.bare.db", bodies, batch)
        row: list[object] = [producers, batch, round(own.per_s)]
        for rate in (grouped, bare):
            row += [round(rate.per_s), own.per_s / rate.per_s]
        table.append(tuple(row))
    show("Appends to the ledger, against a bare grouped insert (aim: at least half)", table)


async def test_events_verified_per_second(tmp_path: Path, show: Show) -> None:
    path = tmp_path / "signoff.db"
    async with opened(path, FakeClock()) as world:
        ids = [(await world.task(f"group-{number}")).id for number in range(20)]
        load = list(itertools.islice(events(world, ids), VERIFIED))
        await appended(world, load, 100)
        began = time.perf_counter()
        found = await world.database.read(verify)
        own = Rate(count=found.events, seconds=time.perf_counter() - began)
        assert found.fault is None
    bare = await asyncio.to_thread(_hashed, path)
    assert bare.count == own.count
    show(
        "Events verified, against reading and hashing alone",
        [
            ("events", "verified/s", "read and hashed/s", "ratio"),
            (own.count, round(own.per_s), round(bare.per_s), own.per_s / bare.per_s),
        ],
    )


def _hashed(path: Path) -> Rate:
    connection = sqlite3.connect(path)
    prev, count = GENESIS, 0
    began = time.perf_counter()
    for body, digest in connection.execute("SELECT body, hash FROM ledger ORDER BY seq"):
        own = hashlib.sha256(b"ledger/v1\0" + prev.encode() + body.encode()).hexdigest()
        assert own == digest
        prev, count = digest, count + 1
    seconds = time.perf_counter() - began
    connection.close()
    return Rate(count=count, seconds=seconds)
