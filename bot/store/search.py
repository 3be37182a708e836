"""Searches the ledger: every question is one query over the derived table."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    cast,
    delete,
    exists,
    insert,
    or_,
    select,
)

from bot.store.engine import StoreError
from bot.store.ledger import derived, told
from bot.store.records import ledger, ledger_index, texts
from policies.audit import EventKind

AT_ONCE = 2000


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is looked for; what is not named does not matter. Times are aware."""

    agent: str | None = None
    actor: str | None = None
    kind: str | None = None
    environment: str | None = None
    task: str | None = None
    tool: str | None = None
    reason: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 1000


def search(connection: Connection, question: Question) -> list[dict[str, Any]]:
    """Return the newest events that fit, oldest first, with the texts that still exist."""
    wanted = (
        select(ledger_index.c.seq)
        .where(*_conditions(question))
        .order_by(ledger_index.c.seq.desc())
        .limit(question.limit)
        .subquery()
    )
    return told(
        connection.execute(
            select(ledger.c.body, ledger.c.hash, texts.c.name, texts.c.value)
            .join(wanted, wanted.c.seq == ledger.c.seq)
            .outerjoin(texts, texts.c.seq == ledger.c.seq)
            .order_by(ledger.c.seq, texts.c.name)
        )
    )


def _conditions(question: Question) -> list[ColumnElement[bool]]:
    column = ledger_index.c
    found: list[ColumnElement[bool]] = [
        column[name] == value
        for name, value in (
            ("agent", question.agent),
            ("environment", question.environment),
            ("task_id", question.task),
        )
        if value is not None
    ]
    if question.actor is not None:
        # A Slack id alone finds the person in whichever team.
        is_ending = column.actor.endswith("/" + question.actor, autoescape=True)
        found.append(or_(column.actor == question.actor, is_ending))
    if question.kind is not None:
        # `proposal` finds `proposal.created` and the rest.
        is_beginning = column.kind.startswith(question.kind + ".", autoescape=True)
        found.append(or_(column.kind == question.kind, is_beginning))
    for name, word in (("tools", question.tool), ("reasons", question.reason)):
        if word is not None:
            found.append(column[name].contains(f" {word} ", autoescape=True))
    if question.text is not None:
        found.append(_says(question.text))
    if question.since is not None:
        found.append(column.at >= _fixed(question.since))
    if question.until is not None:
        found.append(column.at < _fixed(question.until))
    return found


def _says(text: str) -> ColumnElement[bool]:
    is_in_text = exists().where(
        texts.c.seq == ledger_index.c.seq, texts.c.value.icontains(text, autoescape=True)
    )
    return or_(ledger_index.c.sentence.icontains(text, autoescape=True), is_in_text)


def _fixed(moment: datetime) -> str:
    at = moment.astimezone(UTC).replace(tzinfo=None)
    return at.isoformat(timespec="microseconds") + "Z"


def rebuild(connection: Connection) -> int:
    """Make the derived table again from the bodies; returns how many events there are.

    Raises:
        StoreError: a body is no event; the table is left as it was, with the caller's transaction.
    """
    connection.execute(delete(ledger_index))
    threads: dict[str, str] = {}
    after = 0
    while rows := connection.execute(
        # As bytes: one that is no text any more is to be named.
        select(ledger.c.seq, cast(ledger.c.body, LargeBinary).label("body"))
        .where(ledger.c.seq > after)
        .order_by(ledger.c.seq)
        .limit(AT_ONCE)
    ).all():
        again = [_again(row.seq, row.body, threads) for row in rows]
        connection.execute(insert(ledger_index), again)
        after = rows[-1].seq
    return after


def _again(seq: int, body: bytes, threads: dict[str, str]) -> dict[str, Any]:
    try:
        found = json.loads(body.decode())
        if found["kind"] == EventKind.TASK_CREATED:
            threads[found["task_id"]] = found["data"]["thread"]
        return derived(found, threads.get(found["task_id"] or ""))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise StoreError(f"the body of event {seq} is none: run `audit verify`") from error
