"""The ledger: appends events to the hash chain, verifies it, shows and exports it."""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import rfc8785
from sqlalchemy import Connection, Row, bindparam, func, or_, select

from bot.store.errors import StoreError
from bot.store.prepared import Prepared, written
from bot.store.records import ledger, ledger_index, texts
from bot.store.tables import tasks
from policies.audit import (
    GENESIS,
    Event,
    EventKind,
    canonical,
    chain_hash,
    plainly,
    text_digest,
)
from policies.redaction import Redactor

# What of an event is an id, a name or a code; `sentence`, `texts` and `data` are free.
_STRINGS = (
    "parent",
    "environment",
    "agent",
    "trigger",
    "decision",
    "confidence",
    "checkpoint",
    "escalation",
    "cost",
    "identity",
    "on_behalf_of",
)
_LISTS = ("tools", "systems", "reasons")
REMEMBERED = 2048

# With every event, so compiled once.
_HEAD = Prepared(select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1))
_APPEND = Prepared(written(ledger))
_INDEXED = Prepared(
    written(
        ledger_index,
        thread_id=select(tasks.c.thread_id).where(tasks.c.id == bindparam("of_task")),
    )
)
_TOLD = Prepared(written(texts))


class Ledger:
    """Appends; what it writes has gone through the redaction first."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        # Ids, codes and names come again and again: each is looked at once while it is remembered.
        self._typed = lru_cache(REMEMBERED)(redactor.typed)
        self._named = lru_cache(REMEMBERED)(redactor.named)

    def append(self, connection: Connection, event: Event) -> int:
        """Append one event inside the caller's transaction, and return its number."""
        last, prev = _HEAD.run(connection).fetchone() or (0, GENESIS)
        seq = last + 1
        kept = {name: self._redactor.text(text) for name, text in event.texts.items()}
        salts = {name: secrets.token_hex(16) for name in kept}
        found = self._clean(event)
        found["seq"] = seq
        found["texts"] = {name: text_digest(salts[name], text) for name, text in kept.items()}
        text = canonical(found)
        digest = chain_hash(prev, text)
        _APPEND.run(connection, {"seq": seq, "body": text, "prev": prev, "hash": digest})
        _INDEXED.run(connection, {**derived(found, None), "of_task": event.task_id})
        for name, value in kept.items():
            row = {"name": name, "salt": salts[name], "value": value, "tenant": event.tenant}
            _TOLD.run(connection, {"seq": seq, **row})
        return seq

    def _clean(self, event: Event) -> dict[str, Any]:
        """Return the event as JSON without secrets, whichever of its fields they got into."""
        typed, found = self._typed, event.model_dump(mode="json", exclude={"texts"})
        for name in _STRINGS:
            if found[name] is not None:
                found[name] = typed(found[name])
        for name in _LISTS:
            found[name] = [typed(value) for value in found[name]]
        found["sentence"] = self._redactor.text(event.sentence)
        found["actor"]["id"] = typed(event.actor.id)
        found["data"] = {
            name: self._named(name, value) if isinstance(value, str) else value
            for name, value in found["data"].items()
        }
        return found


def derived(found: dict[str, Any], thread_id: str | None) -> dict[str, Any]:
    """Return the query columns of a body."""
    at = datetime.fromisoformat(found["at"]).astimezone(UTC).replace(tzinfo=None)
    return {
        "seq": found["seq"],
        "tenant": found["tenant"],
        "kind": found["kind"],
        # As wide as every other time, so that they sort.
        "at": at.isoformat(timespec="microseconds") + "Z",
        "task_id": found["task_id"],
        "proposal_id": found["proposal_id"],
        "thread_id": thread_id,
        "agent": found["agent"],
        "actor": found["actor"]["id"],
        "environment": found["environment"],
        "sentence": found["sentence"],
        "tools": listed(found["tools"]),
        "reasons": listed(found["reasons"]),
    }


def listed(words: Iterable[str]) -> str:
    """Return words as a column holds them: each between spaces, so that one can be looked for."""
    joined = " ".join(words)
    return f" {joined} " if joined else ""


# What `verify` can't do without, beside what the query columns are made of.
_NEEDED = frozenset({"data", "texts"})
_INDEX = [column.label(f"index_{column.name}") for column in ledger_index.c]


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What a look at the whole chain found; `fault_at` is the first bad event.

    `gone` is how many free texts of its sound events were erased.
    """

    events: int
    head: str
    gone: int = 0
    fault_at: int | None = None
    fault: str | None = None


Watch = Callable[[str, dict[str, Any]], None]


def verify(connection: Connection, watch: Watch | None = None) -> Verification:
    """Walk the chain from its beginning; everything that is derived is compared too.

    `watch` is called with the hash and the body of each sound event, in order. A text whose value
    was erased, or whose row is gone, is no fault: texts may be erased.
    """
    prev, seq, kept, gone = GENESIS, 0, 0, 0
    threads: dict[str, str] = {}
    told = _Texts(connection)
    query = select(ledger, *_INDEX).outerjoin(ledger_index, ledger_index.c.seq == ledger.c.seq)
    for row in connection.execute(query.where(ledger.c.seq > 0).order_by(ledger.c.seq)):
        found, fault = _link(row, seq + 1, prev)
        if fault is None:
            own = [text for text in told.of(row.seq) if text.name in found["texts"]]
            kept += len(own)
            gone += len(found["texts"]) - sum(text.value is not None for text in own)
            fault = _index_fault(row, found, threads) or _text_fault(own, found)
        if fault is not None:
            return Verification(events=seq, head=prev, fault_at=seq + 1, fault=fault)
        prev, seq = row.hash, row.seq
        if watch is not None:
            watch(row.hash, found)
    fault_at, fault = _stray(connection, seq, kept)
    return Verification(events=seq, head=prev, gone=gone, fault_at=fault_at, fault=fault)


class _Texts:
    """The texts in the order of their events, read once beside the chain."""

    def __init__(self, connection: Connection) -> None:
        self._rows = iter(connection.execute(select(texts).order_by(texts.c.seq)))
        self._next = next(self._rows, None)

    def of(self, seq: int) -> list[Any]:
        """Return the texts of an event; events are asked for in order."""
        own = []
        while self._next is not None and self._next.seq <= seq:
            if self._next.seq == seq:
                own.append(self._next)
            self._next = next(self._rows, None)
        return own


def _link(row: Any, seq: int, prev: str) -> tuple[dict[str, Any], str | None]:
    """Return the body of a row that must stand at `seq` and follow `prev`, or what is wrong."""
    if row.seq != seq:
        return {}, "it is missing"
    if row.prev != prev:
        return {}, "it does not follow the event before"
    if not is_text(row.body) or row.hash != chain_hash(prev, row.body):
        return {}, "its body or hash was changed"
    found = _canonical(row.body)
    if found is None or found.get("seq") != seq or not found.keys() >= _NEEDED:
        return {}, "its body is not canonical"
    if not isinstance(found["texts"], dict):
        return {}, "its body is no event"
    return found, None


def is_text(value: object) -> bool:
    """Say whether a column holds text that a Signoff can have written: no bytes, and UTF-8."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _canonical(text: str) -> dict[str, Any] | None:
    """Read a body; None if RFC 8785 would write it otherwise."""
    try:
        found: Any = _read(text)
        is_canonical = plainly(found) == text
    except (ValueError, RecursionError):
        found, is_canonical = _canonical_slowly(text)
    return found if is_canonical and isinstance(found, dict) else None


def _canonical_slowly(text: str) -> tuple[Any, bool]:
    try:
        found = json.loads(text)
        return found, rfc8785.dumps(found).decode() == text
    except (ValueError, RecursionError):
        return None, False


def _pointed(number: str) -> float:
    raise ValueError(f"{number}: only RFC 8785's own code writes this")


_read = json.JSONDecoder(parse_float=_pointed).decode


def _index_fault(row: Any, found: dict[str, Any], threads: dict[str, str]) -> str | None:
    try:
        # A task's first event names its thread: so that of the later ones is under the hash too.
        if found["kind"] == EventKind.TASK_CREATED:
            threads[found["task_id"]] = found["data"]["thread"]
        wanted = derived(found, threads.get(found["task_id"] or ""))
    except (AttributeError, KeyError, TypeError, ValueError):
        # Chained anew around a body that no Signoff wrote.
        return "its body is no event"
    if row.index_seq is None:
        return "the query table has lost it"
    if row[len(ledger.c) :] != tuple(wanted[column.name] for column in ledger_index.c):
        return "the query table says something else"
    return None


def _text_fault(own: list[Any], found: dict[str, Any]) -> str | None:
    for text in own:
        is_erased = text.value is None
        is_same = text.tenant == found["tenant"] and (
            is_erased
            or (
                is_text(text.value)
                and is_text(text.salt)
                and found["texts"][text.name] == text_digest(text.salt, text.value)
            )
        )
        if not is_same:
            return f"its text `{text.name}` was changed"
    return None


def _stray(connection: Connection, last: int, kept: int) -> tuple[int | None, str | None]:
    """Look for rows that belong to no event of a sound chain."""
    for table, words in (
        (ledger, "it stands before the first event"),
        (ledger_index, "the query table knows an event more"),
    ):
        is_outside = or_(table.c.seq < 1, table.c.seq > last)
        at = connection.execute(select(func.min(table.c.seq)).where(is_outside)).scalar_one()
        if at is not None:
            return at, words
    if connection.execute(select(func.count()).select_from(texts)).scalar_one() == kept:
        return None, None
    for text in connection.execute(select(texts).order_by(texts.c.seq, texts.c.name)).all():
        body_of = select(ledger.c.body).where(ledger.c.seq == text.seq)
        found = connection.execute(body_of).scalar_one_or_none()
        if found is None or text.name not in json.loads(found)["texts"]:
            name = str(text.name).encode("utf-8", "replace").decode()
            return _home(connection, text), f"a text `{name}` was moved or added"
    return None, None


def _home(connection: Connection, text: Any) -> int:
    """Return the event that a text belongs to by its digest, else the one it was put to."""
    if is_text(text.value) and is_text(text.salt):
        has_digest = ledger.c.body.contains(text_digest(text.salt, text.value))
        home = connection.execute(select(ledger.c.seq).where(has_digest).limit(1)).scalar()
        if home is not None:
            return int(home)
    return int(text.seq)


def story(connection: Connection, task_id: str) -> list[dict[str, Any]]:
    """Return a task's events in order, with the free texts that still exist: one query."""
    return told(
        connection.execute(
            select(ledger.c.body, ledger.c.hash, texts.c.name, texts.c.value)
            .join(ledger_index, ledger_index.c.seq == ledger.c.seq)
            .outerjoin(texts, texts.c.seq == ledger.c.seq)
            .where(ledger_index.c.task_id == task_id)
            .order_by(ledger.c.seq, texts.c.name)
        )
    )


def told(rows: Iterable[Row[Any]]) -> list[dict[str, Any]]:
    """Fold rows of (body, hash, text name, text value) into events with their texts.

    Raises:
        StoreError: a body is no event.
    """
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        event = _event(row.body)
        shown = found.setdefault(event["seq"], {**event, "texts": {}, "hash": row.hash})
        if row.name is not None:
            shown["texts"][row.name] = row.value
    return list(found.values())


def _event(body: object) -> dict[str, Any]:
    try:
        found: Any = json.loads(body) if isinstance(body, str) and is_text(body) else None
        # As it is to be shown: whatever is needed for that is needed for this.
        derived(found, None)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise StoreError(
            "the body of an event is none: run `signoff audit verify`, which names it"
        ) from error
    return dict(found)


def lines(connection: Connection, task_id: str | None = None) -> Iterator[str]:
    """Yield each event as one line of JSON: `seq`, `prev`, `hash` and the body as it is hashed."""
    query = select(ledger).order_by(ledger.c.seq)
    if task_id is not None:
        query = query.join(ledger_index, ledger_index.c.seq == ledger.c.seq).where(
            ledger_index.c.task_id == task_id
        )
    for row in connection.execute(query):
        yield json.dumps({"seq": row.seq, "prev": row.prev, "hash": row.hash, "body": row.body})
