"""Inbox and outbox: what Slack told us before its ack, and what we still have to tell."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from bot.store.agenda import Agenda
from bot.store.context import Context
from bot.store.tables import inbox, outbox
from policies.redaction import Redactor

# A refusal may be mended (an invitation, a scope), so it is tried again, but not for ever.
GIVE_UP_AFTER = 8
# Slack waits 3 s for an ack; what is not committed by then is not acked, and said so by Slack.
ACKED_WITHIN_S = 2.5
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One envelope of the inbox."""

    key: str
    kind: str
    body: dict[str, Any]
    attempts: int
    received_at: datetime
    age_s: float


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One message of the outbox; `begun_at` is set while it may be in Slack already."""

    id: int
    kind: str
    payload: dict[str, str]
    attempts: int
    created_at: datetime
    begun_at: datetime | None
    age_s: float

    @property
    def place(self) -> str:
        """Where it goes: what goes to one place goes there in order."""
        names = ("url",) if self.kind == "response" else ("channel", "user")
        return "/".join([self.kind, *(self.payload.get(name, "") for name in names)])


# Slack's own addresses, without which an answer could not be given.
_NEEDED = frozenset({"response_url", "response_urls"})


# What our own buttons and forms carry: proposals with the hashes of their actions, and a place.
_CARRIED = re.compile(r"T-[A-Z0-9]{4,20}[-.A-Za-z0-9]*:[0-9a-f]{64}(?:[:,|][-.A-Za-z0-9]*)*")


def _kept(redactor: Redactor, value: Any) -> Any:
    """Return an envelope without secrets that somebody typed."""
    if isinstance(value, str):
        if _CARRIED.fullmatch(value):
            # Each part on its own: an id may spell a word like `JWT`, and what stands behind it is
            # no secret of that name.
            return "".join(redactor.typed(part) for part in re.split("([:,|])", value))
        return redactor.typed(value)
    if isinstance(value, Mapping):
        return {
            key: item if key in _NEEDED else _kept(redactor, item) for key, item in value.items()
        }
    return [_kept(redactor, item) for item in value] if isinstance(value, list) else value


def _due(
    query: Select[Any], next_at: Select[Any], connection: Connection
) -> tuple[list[Row[Any]], datetime | None]:
    """Return what is due, and when the first is that is still to be done."""
    rows = list(connection.execute(query).all())
    return rows, connection.execute(next_at).scalar_one()


class Inbox:
    """Envelopes by their own key, each worked off once; of all kinds, or of those given."""

    def __init__(self, context: Context, kinds: Collection[str] = ()) -> None:
        self._context = context
        self._agenda = Agenda(context.database)
        self._open = [inbox.c.due_at.is_not(None)]
        if kinds:
            self._open.append(inbox.c.kind.in_(sorted(kinds)))

    def only(self, kinds: Collection[str]) -> "Inbox":
        """Return the same inbox for a reader of its own, who sees no others than these kinds."""
        return Inbox(self._context, kinds)

    async def put(self, key: str, kind: str, body: Mapping[str, Any]) -> bool:
        """Commit an envelope; False when it is known already; raises StoreUnavailable."""
        now = self._context.clock.now()
        text = json.dumps(_kept(self._context.redactor, body))

        def unit(connection: Connection) -> bool:
            done = connection.execute(
                insert_or(inbox)
                .values(key=key, kind=kind, body=text, received_at=now, due_at=now)
                .on_conflict_do_nothing()
            )
            return done.rowcount == 1

        is_new = await self._context.database.write(unit, within_s=ACKED_WITHIN_S)
        self._context.boundary(f"{kind}.stored")
        return is_new

    async def due(self, limit: int = 50, but: Collection[str] = ()) -> list[Letter]:
        """Return what is to be worked off, oldest first, but for the keys given."""
        now = self._context.clock.now()
        if not self._agenda.is_due(now):
            return []
        query = select(inbox).where(inbox.c.due_at <= now, *self._open)
        if but:
            query = query.where(inbox.c.key.not_in(but))
        query = query.order_by(inbox.c.received_at).limit(limit)
        next_at = select(func.min(inbox.c.due_at)).where(*self._open)
        rows = await self._agenda.ask(partial(_due, query, next_at))
        return [
            Letter(
                key=row.key,
                kind=row.kind,
                body=json.loads(row.body),
                attempts=row.attempts,
                received_at=row.received_at,
                age_s=(now - row.received_at).total_seconds(),
            )
            for row in rows
        ]

    async def later(self, letter: Letter, delay_s: float) -> None:
        """Work it off again in a while."""
        await self._context.database.write(
            lambda connection: letter_later(connection, self._context, letter, delay_s)
        )


def letter_later(connection: Connection, context: Context, letter: Letter, delay_s: float) -> None:
    """Work an envelope off again in a while."""
    due_at = context.clock.now() + timedelta(seconds=delay_s)
    connection.execute(
        update(inbox)
        .where(inbox.c.key == letter.key)
        .values(due_at=due_at, attempts=inbox.c.attempts + 1)
    )


def letter_done(connection: Connection, context: Context, key: str, result: str) -> bool:
    """Mark an envelope as worked off, in the transaction of its work; False when it was."""
    done = connection.execute(
        update(inbox)
        .where(inbox.c.key == key, inbox.c.done_at.is_(None))
        # The body goes: what is needed of it is in the tables and the ledger by now.
        .values(done_at=context.clock.now(), due_at=None, result=result[:255], body="{}")
    )
    return done.rowcount == 1


def send(connection: Connection, context: Context, kind: str, payload: Mapping[str, str]) -> None:
    """Put a message into the outbox, in the transaction of what it tells."""
    now = context.clock.now()
    redact = {"text": context.redactor.text, "blocks": context.redactor.document}
    safe = {
        name: redact[name](value) if name in redact else value for name, value in payload.items()
    }
    connection.execute(
        insert(outbox).values(kind=kind, payload=json.dumps(safe), created_at=now, due_at=now)
    )


class Outbox:
    """Messages that wait to be sent, each tried until it went or was given up."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._agenda = Agenda(context.database)

    async def due(self, limit: int = 500) -> list[Parcel]:
        """Return what is to be sent, oldest first."""
        now = self._context.clock.now()
        if not self._agenda.is_due(now):
            return []
        query = select(outbox).where(outbox.c.due_at <= now).order_by(outbox.c.id).limit(limit)
        next_at = select(func.min(outbox.c.due_at))
        rows = await self._agenda.ask(partial(_due, query, next_at))
        return [
            Parcel(
                id=row.id,
                kind=row.kind,
                payload=json.loads(row.payload),
                attempts=row.attempts,
                created_at=row.created_at,
                begun_at=row.begun_at,
                age_s=(now - row.created_at).total_seconds(),
            )
            for row in rows
        ]

    async def begun(self, parcel: Parcel) -> None:
        """Note that it is about to be sent: after a crash it is looked for."""
        await self._set(parcel, begun_at=self._context.clock.now())

    async def not_begun(self, parcel: Parcel) -> None:
        """Note that it certainly is not in Slack."""
        await self._set(parcel, begun_at=None)

    async def sent(self, parcel: Parcel) -> None:
        """Mark it as sent; its text is not kept."""
        now = self._context.clock.now()
        await self._set(parcel, done_at=now, due_at=None, payload="{}")

    async def later(self, parcel: Parcel, delay_s: float, fault: str) -> None:
        """Try again in a while; it is no fault of the message, so it does not count."""
        due_at = self._context.clock.now() + timedelta(seconds=delay_s)
        await self._set(parcel, due_at=due_at, fault=fault[:500])

    async def unanswered(self, parcel: Parcel, fault: str) -> None:
        """Try again later and later; it is given up for its age only, by whoever sends it."""
        attempts = parcel.attempts + 1
        wait_s = min(LONGEST_WAIT_S, 2.0 ** min(attempts, 6))
        due_at = self._context.clock.now() + timedelta(seconds=wait_s)
        await self._set(parcel, attempts=attempts, fault=fault[:500], due_at=due_at)

    async def failed(self, parcel: Parcel, fault: str) -> None:
        """Try again later, or give up and keep why."""
        attempts = parcel.attempts + 1
        if attempts >= GIVE_UP_AFTER:
            await self.given_up(parcel, fault)
            return
        due_at = self._context.clock.now() + timedelta(seconds=2**attempts)
        fault = self._context.redactor.excerpt(fault, 500)
        await self._set(parcel, attempts=attempts, fault=fault, due_at=due_at)

    async def given_up(self, parcel: Parcel, fault: str) -> None:
        """Stop trying: the text is not kept, the fault says what went wrong."""
        attempts = parcel.attempts + 1
        fault = self._context.redactor.excerpt(fault, 500)
        await self._set(parcel, attempts=attempts, fault=fault, due_at=None, payload="{}")

    async def _set(self, parcel: Parcel, **values: Any) -> None:
        await self._context.database.write(
            lambda connection: (
                connection.execute(
                    update(outbox).where(outbox.c.id == parcel.id).values(**values)
                ).rowcount
            )
        )
