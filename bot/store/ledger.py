"""The ledger: appends events to the hash chain, verifies it, shows and exports it."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import rfc8785
from sqlalchemy import Connection, insert, select

from bot.store.tables import ledger, ledger_index, tasks, texts
from policies.audit import GENESIS, Event, body, chain_hash, text_digest
from policies.redaction import Redactor


class Ledger:
    """Appends; what it writes has gone through the redaction first."""

    def __init__(self, redactor: Redactor) -> None:
        self._redact = redactor.text

    def append(self, connection: Connection, event: Event) -> int:
        """Append one event inside the caller's transaction, and return its number."""
        head = connection.execute(
            select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1)
        ).first()
        seq, prev = (1, GENESIS) if head is None else (head.seq + 1, head.hash)
        kept = {name: self._redact(text) for name, text in event.texts.items()}
        salts = {name: secrets.token_hex(16) for name in kept}
        sealed = event.model_copy(
            update={
                "sentence": self._redact(event.sentence),
                "texts": {name: text_digest(salts[name], text) for name, text in kept.items()},
            }
        )
        text = body(sealed, seq)
        connection.execute(
            insert(ledger).values(seq=seq, body=text, prev=prev, hash=chain_hash(prev, text))
        )
        thread_id = self._thread(connection, event.task_id)
        connection.execute(insert(ledger_index).values(**derived(json.loads(text), thread_id)))
        for name, value in kept.items():
            connection.execute(
                insert(texts).values(
                    seq=seq, name=name, salt=salts[name], value=value, tenant=event.tenant
                )
            )
        return seq

    @staticmethod
    def _thread(connection: Connection, task_id: str | None) -> str | None:
        if task_id is None:
            return None
        return connection.execute(
            select(tasks.c.thread_id).where(tasks.c.id == task_id)
        ).scalar_one_or_none()


def derived(found: dict[str, Any], thread_id: str | None) -> dict[str, Any]:
    """Return the query columns of a body."""
    return {
        "seq": found["seq"],
        "tenant": found["tenant"],
        "kind": found["kind"],
        "at": found["at"],
        "task_id": found["task_id"],
        "proposal_id": found["proposal_id"],
        "thread_id": thread_id,
        "agent": found["agent"],
        "actor": found["actor"]["id"],
        "environment": found["environment"],
        "sentence": found["sentence"],
    }


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What a look at the whole chain found; `fault_at` is the first bad event."""

    events: int
    head: str
    fault_at: int | None = None
    fault: str | None = None


def verify(connection: Connection) -> Verification:
    """Walk the chain from its beginning; everything that is derived is compared too."""
    prev, seq = GENESIS, 0
    for row in connection.execute(select(ledger).order_by(ledger.c.seq)):
        fault = _fault(connection, row, seq + 1, prev)
        if fault is not None:
            return Verification(events=seq, head=prev, fault_at=row.seq, fault=fault)
        prev, seq = row.hash, row.seq
    extra = connection.execute(
        select(ledger_index.c.seq).where(ledger_index.c.seq > seq).limit(1)
    ).scalar_one_or_none()
    if extra is not None:
        return Verification(
            events=seq, head=prev, fault_at=extra, fault="the query table knows an event more"
        )
    return Verification(events=seq, head=prev)


def _fault(connection: Connection, row: Any, seq: int, prev: str) -> str | None:
    if row.seq != seq:
        return f"event {seq} is missing"
    if row.prev != prev:
        return "it does not follow the event before"
    if row.hash != chain_hash(prev, row.body):
        return "its body or hash was changed"
    found = _canonical(row.body)
    if found is None or found.get("seq") != seq:
        return "its body is not canonical"
    return _derived_fault(connection, found, seq)


def _canonical(text: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(text)
        return found if rfc8785.dumps(found).decode() == text else None
    except ValueError:
        return None


def _derived_fault(connection: Connection, found: dict[str, Any], seq: int) -> str | None:
    index = connection.execute(select(ledger_index).where(ledger_index.c.seq == seq)).first()
    if index is None:
        return "the query table has lost it"
    wanted = derived(found, index.thread_id)
    if any(getattr(index, name) != value for name, value in wanted.items()):
        return "the query table says something else"
    for text in connection.execute(select(texts).where(texts.c.seq == seq)):
        if text.value is not None and found["texts"].get(text.name) != text_digest(
            text.salt, text.value
        ):
            return f"its text `{text.name}` was changed"
    return None


def story(connection: Connection, task_id: str) -> list[dict[str, Any]]:
    """Return a task's events in order, with the free texts that still exist: one query."""
    rows = connection.execute(
        select(ledger.c.body, ledger.c.hash, texts.c.name, texts.c.value)
        .join(ledger_index, ledger_index.c.seq == ledger.c.seq)
        .outerjoin(texts, texts.c.seq == ledger.c.seq)
        .where(ledger_index.c.task_id == task_id)
        .order_by(ledger.c.seq, texts.c.name)
    )
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        event = json.loads(row.body)
        shown = found.setdefault(event["seq"], {**event, "texts": {}, "hash": row.hash})
        if row.name is not None:
            shown["texts"][row.name] = row.value
    return list(found.values())


def lines(connection: Connection, task_id: str | None = None) -> Iterator[str]:
    """Yield each event as one line of JSON: `seq`, `prev`, `hash` and the body as it is hashed."""
    query = select(ledger).order_by(ledger.c.seq)
    if task_id is not None:
        query = query.join(ledger_index, ledger_index.c.seq == ledger.c.seq).where(
            ledger_index.c.task_id == task_id
        )
    for row in connection.execute(query):
        yield json.dumps({"seq": row.seq, "prev": row.prev, "hash": row.hash, "body": row.body})
