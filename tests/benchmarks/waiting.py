"""A database in which thousands of tasks wait for a person, made as the bot makes them."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from agents.tasks import TaskState
from bot.store.engine import Connection
from bot.store.ledger import story
from bot.store.proposals import add_proposal
from bot.store.records import ledger_index
from bot.store.tables import inbox, outbox, posts, proposals, steps, tasks, threads
from bot.store.tasks import create_task, move_task, settle_task
from policies.audit import Event
from policies.model import Proposal
from tests.bot.world import FakeClock, Wish, World, new_task, opened, proposal_for

WEEKS_S = 60 * 86_400
# What a task leaves, beside its events.
_TABLES = (threads, tasks, steps, proposals, posts, inbox, outbox)
Row = dict[str, Any]


async def filled(path: Path, waiting: int) -> None:
    """Make a database with so many waiting proposals, each with a thread that is up to date.

    One is made as the bot makes it, the others are its copies under names of their own.
    """
    clock = FakeClock(datetime.now(UTC) - timedelta(days=1))
    async with opened(path, clock) as world:
        await world.database.write(lambda connection: _one(connection, world))
        await world.database.write(lambda connection: _copies(connection, world, waiting))
        await world.database.write(lambda connection: _told(connection, clock.now()))


def _one(connection: Connection, world: World) -> None:
    context, now = world.context, world.clock.now()
    task, _ = create_task(connection, context, new_task())
    for state in (TaskState.GATHERING, TaskState.ANALYSING):
        move_task(connection, context, task, state, "WORKED")
        task = task.model_copy(update={"state": state})
    done = {"received_at": now, "done_at": now, "body": "{}"}
    connection.execute(inbox.insert(), {"key": f"event:{task.id}", "kind": "event", **done})
    sent = {"created_at": now, "done_at": now, "payload": "{}"}
    connection.execute(outbox.insert(), {"kind": "dm", **sent})
    for name in ("evidence", "report"):
        step = {"task_id": task.id, "name": name, "result": "[]", "at": now}
        connection.execute(steps.insert(), step)
    proposal = proposal_for(task, 1, now, Wish(expires_s=WEEKS_S))
    add_proposal(connection, context, proposal)
    settle_task(connection, context, task.id, "PROPOSED")
    for key in ("root", f"proposal:{proposal.id}"):
        post = {"thread_id": task.thread_id, "key": key, "channel": "C0INCIDENTS"}
        said = {"ts": f"1700000000.{key}", "digest": "0" * 64, "begun_at": now}
        connection.execute(posts.insert(), {**post, **said})


def _copies(connection: Connection, world: World, waiting: int) -> None:
    first = connection.execute(select(tasks.c.id)).scalar_one()
    names = [f"T-{number:012X}" for number in range(1, waiting)]
    for table in _TABLES:
        rows = [row._asdict() for row in connection.execute(select(table))]
        made = [_renamed(row, first, name) for name in names for row in rows]
        connection.execute(table.insert(), made)
    recorded = [
        Event.model_validate_json(json.dumps({**body, "seq": None, "texts": {}}), extra="ignore")
        for body in story(connection, first)
    ]
    for name in names:
        for event in recorded:
            own: Row = {"sentence": event.sentence.replace(first, name), "task_id": name}
            own["data"] = {key: _own(value, first, name) for key, value in event.data.items()}
            own["proposal_id"] = _own(event.proposal_id, first, name)
            own["texts"] = {"title": "HighErrorRatio"}
            world.context.ledger.append(connection, event.model_copy(update=own))


def _renamed(row: Row, first: str, name: str) -> Row:
    made = {key: _own(value, first, name) for key, value in row.items()}
    if "group_key" in made:
        made["group_key"] = made["open_key"] = f"{row['group_key']}-{name}"
    if "action_hash" in made:
        made["action_hash"] = Proposal.model_validate_json(made["body"]).action.hash
    if "payload" in made:
        del made["id"]
    return made


def _own(value: Any, first: str, name: str) -> Any:  # noqa: ANN401 - whatever a column holds
    return value.replace(first, name) if isinstance(value, str) else value


def _told(connection: Connection, now: datetime) -> None:
    """Let the mirror have rendered everything, up to its next look in weeks."""
    newest = select(func.max(ledger_index.c.seq)).where(ledger_index.c.thread_id == threads.c.id)
    values = {
        "cursor": newest.scalar_subquery(),
        "root_ts": "1700000000.000000",
        "next_at": now + timedelta(seconds=WEEKS_S),
    }
    connection.execute(update(threads).values(**values))


@dataclass(frozen=True)
class Process:
    """A running process, as the kernel counts it (proc_pid_stat(5))."""

    pid: int

    @property
    def cpu_s(self) -> float:
        """How long it has had a processor, in itself and in the kernel."""
        fields = self._fields()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def age_s(self) -> float:
        """How long ago it was started."""
        up_s = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        return up_s - int(self._fields()[19]) / _TICKS

    @property
    def memory_mb(self) -> float:
        """What it holds in memory now."""
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _fields(self) -> list[str]:
        """Return what stands after the name, which may hold anything."""
        found = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8")
        return found.rpartition(")")[2].split()


def bot_of_this_process() -> Process | None:
    """Return the bot that this process has started last."""
    own = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    children = [int(pid) for file in own for pid in file.read_text(encoding="ascii").split()]
    bots = [pid for pid in children if b"bot\0run" in _command(pid)]
    return Process(max(bots)) if bots else None


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        # It ended between the list and this look.
        return b""


_TICKS = os.sysconf("SC_CLK_TCK")
