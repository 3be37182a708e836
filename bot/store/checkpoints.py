"""The table of checkpoints: what was signed, in order, and whether the ledger still agrees."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, LargeBinary, Row, cast, delete, func, insert, select, update

from bot.store.boxes import send
from bot.store.context import Context
from bot.store.records import checkpoints, ledger, ledger_index
from bot.store.tables import controls, outbox
from policies.audit import GENESIS, SYSTEM, Event, EventKind, chain_hash_of
from policies.checkpoints import CheckpointError, VerifierKey, opened, origin_of
from policies.merkle import Frontier, leaf_hash
from policies.model import DEFAULT_TENANT

ANCHOR = "anchor"
TOLD = "ledger_doubted"
# A busy ledger is signed often; the channel need not hear more than one of them a minute.
ANCHOR_EVERY = timedelta(seconds=60)
AT_ONCE = 5000

# Number, hash before, hash and body of an event.
Link = tuple[int, str, str, bytes]
# A kind of the outbox, and its payload.
Message = tuple[str, Mapping[str, str]]


class ContradictionError(Exception):
    """The ledger is not what was signed before; nothing may be signed on top of it."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A checkpoint as it lies in the table or in the file; `where` says which, for people."""

    note: str
    at: datetime
    size: int
    where: str
    n: int = 0


@dataclass
class History:
    """The ledger's Merkle tree as far as it was read, and the chain's head there."""

    frontier: Frontier = field(default_factory=Frontier)
    first: str | None = None
    head: str = GENESIS

    @property
    def size(self) -> int:
        """The number of events."""
        return self.frontier.size

    @property
    def origin(self) -> str:
        """What this ledger is called; there must be an event."""
        return origin_of(self.first or GENESIS)

    def extend(self, rows: Iterable["Link"]) -> None:
        """Take the next events.

        Raises:
            ContradictionError: they do not follow what was read before, or one was changed.
        """
        for seq, prev, own, body in rows:
            if seq != self.size + 1 or prev != self.head:
                raise ContradictionError(
                    f"event {seq} does not follow event {self.size} as it was read before"
                )
            if own != chain_hash_of(prev, body):
                raise ContradictionError(f"the body or the hash of event {seq} was changed")
            self.first = self.first or own
            self.head = own
            self.frontier.append(leaf_hash(bytes.fromhex(own)))


# As bytes: a body that is no text any more must not end whoever reads on.
_LINKS = select(
    ledger.c.seq,
    *(cast(column, LargeBinary) for column in (ledger.c.prev, ledger.c.hash, ledger.c.body)),
)


def links(connection: Connection, after: int, limit: int) -> list[Link]:
    """Return the events after a number."""
    rows = connection.execute(
        _LINKS.where(ledger.c.seq > after).order_by(ledger.c.seq).limit(limit)
    )
    return [
        (seq, prev.decode("ascii", "replace"), own.decode("ascii", "replace"), body)
        for seq, prev, own, body in rows
    ]


def read_history(
    connection: Connection, claims: Iterable[Stored] = (), key: VerifierKey | None = None
) -> History:
    """Read the whole chain, hash every body again, and hold it against what was signed before.

    Raises:
        ContradictionError: an event was changed, or a claim is not signed by `key`, or says
            something else of this ledger.
    """
    history, waiting = History(), sorted(claims, key=lambda claim: claim.size)
    while rows := links(connection, history.size, AT_ONCE):
        for row in rows:
            history.extend([row])
            while waiting and waiting[0].size == history.size:
                _hold_against(history, waiting.pop(0), key)
    for claim in waiting:
        raise ContradictionError(
            f"{claim.where} is over {claim.size} events, and the ledger has {history.size}: its end"
            " was cut off, or an older copy was put in its place"
        )
    return history


def _hold_against(history: History, claim: Stored, key: VerifierKey | None) -> None:
    if key is None:
        raise ContradictionError(f"{claim.where} was signed, and no key is recorded")
    try:
        found = opened(claim.note, key)
    except CheckpointError as error:
        raise ContradictionError(f"{claim.where}: {error}") from error
    if found.origin != history.origin:
        raise ContradictionError(f"{claim.where} is of another ledger, {found.origin}")
    if (found.size, found.root) != (history.size, history.frontier.root()):
        raise ContradictionError(
            f"{claim.where} is over other events: one of 1 to {claim.size} was changed since"
        )


# The table as it is to be read by `as_stored`: bytes for the same reason.
ROWS = select(
    checkpoints.c.n,
    checkpoints.c.size,
    *(cast(checkpoints.c[name], LargeBinary).label(name) for name in ("at", "note")),
)


def newest(connection: Connection) -> Stored | None:
    """Return the checkpoint that was stored last; raises ContradictionError as `as_stored` does."""
    row = connection.execute(ROWS.order_by(checkpoints.c.n.desc()).limit(1)).first()
    return None if row is None else as_stored(row)


def stored_after(connection: Connection, n: int) -> list[Stored]:
    """Return the checkpoints after the one of a number, in order.

    Raises:
        ContradictionError: as `as_stored` does.
    """
    rows = connection.execute(
        ROWS.where(checkpoints.c.n > n).order_by(checkpoints.c.n).limit(AT_ONCE)
    )
    return [as_stored(row) for row in rows]


def as_stored(row: Row[Any]) -> Stored:
    """Read a row of the table.

    Raises:
        ContradictionError: no Signoff wrote it so.
    """
    where = f"checkpoint {row.n} of the table"
    try:
        note, at = row.note.decode(), datetime.fromisoformat(row.at.decode())
    except (AttributeError, ValueError):
        note, at = "", None
    if at is None or at.tzinfo is None or not isinstance(row.size, int):
        raise ContradictionError(f"{where} was changed: no Signoff wrote it so")
    return Stored(n=row.n, note=note, at=at, size=row.size, where=where)


def origin(connection: Connection) -> str | None:
    """Return what a ledger is called for good; None without an event."""
    first = links(connection, 0, 1)
    return origin_of(first[0][2]) if first else None


def recorded_key(connection: Connection) -> str | None:
    """Return the public key that was recorded first, as text; None before the first start.

    Raises:
        ContradictionError: that event was changed.
    """
    body = connection.execute(
        select(cast(ledger.c.body, LargeBinary))
        .join(ledger_index, ledger_index.c.seq == ledger.c.seq)
        .where(ledger_index.c.kind == EventKind.KEY_RECORDED)
        .order_by(ledger.c.seq)
        .limit(1)
    ).scalar_one_or_none()
    try:
        return None if body is None else str(json.loads(body)["data"]["key"])
    except (ValueError, KeyError, RecursionError, TypeError) as error:
        raise ContradictionError("the event that records the key was changed") from error


def record_key(connection: Connection, context: Context, key: VerifierKey) -> None:
    """Record the public key that checkpoints are signed with from now on."""
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.KEY_RECORDED,
            at=context.clock.now(),
            data={"key": str(key)},
            sentence=f"Checkpoints of this ledger are signed with the key {key.id.hex()}.",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Made:
    """A checkpoint that was just signed: on which occasion, after which one, over which head."""

    note: str
    occasion: str
    size: int
    head: str
    after: str | None


def store(connection: Connection, context: Context, made: Made, channel: str | None) -> Stored:
    """Store a checkpoint and put it into the outbox for its channel, if there is one.

    Raises:
        ContradictionError: the table or the ledger was changed since the checkpoint was signed.
    """
    last = newest(connection)
    if (None if last is None else last.note) != made.after:
        raise ContradictionError("the table of checkpoints was changed while Signoff was running")
    head = connection.execute(select(ledger.c.hash).where(ledger.c.seq == made.size)).scalar()
    if head != made.head:
        raise ContradictionError(f"event {made.size} was changed while Signoff was running")
    at, n = context.clock.now(), 1 if last is None else last.n + 1
    connection.execute(
        insert(checkpoints).values(
            n=n, at=at, occasion=made.occasion, size=made.size, note=made.note
        )
    )
    found = Stored(n=n, note=made.note, at=at, size=made.size, where=f"checkpoint {n} of the table")
    if channel is not None:
        _post(connection, context, found, channel, is_last=made.occasion == "stop")
    return found


def _post(
    connection: Connection, context: Context, made: Stored, channel: str, *, is_last: bool
) -> None:
    """Let the newest checkpoint alone wait to be posted: it says all that older ones say."""
    is_anchor = outbox.c.kind == ANCHOR
    connection.execute(
        update(outbox)
        .where(is_anchor, outbox.c.due_at.is_not(None))
        .values(due_at=None, payload="{}", fault="a newer checkpoint took its place")
    )
    posted_at = connection.execute(select(func.max(outbox.c.done_at)).where(is_anchor)).scalar()
    now = context.clock.now()
    payload = {"channel": channel, "note": made.note, "at": now.isoformat(timespec="seconds")}
    send(connection, context, ANCHOR, payload)
    # A clock that was put back must not hold the channel up, and the last one goes out at once.
    if not is_last and posted_at is not None and now - ANCHOR_EVERY < posted_at <= now:
        connection.execute(
            update(outbox)
            .where(is_anchor, outbox.c.due_at.is_not(None))
            .values(due_at=posted_at + ANCHOR_EVERY)
        )


def tell_once(
    connection: Connection, context: Context, doubt: Exception, messages: Sequence[Message]
) -> bool:
    """Record that nothing is signed, and tell people: once for a kind of doubt, restarts too."""
    kind = type(doubt).__name__
    is_told = controls.c.tenant == DEFAULT_TENANT, controls.c.name == TOLD
    if connection.execute(select(controls.c.value).where(*is_told)).scalar() == kind:
        return False
    forget(connection)
    now = context.clock.now()
    connection.execute(
        insert(controls).values(tenant=DEFAULT_TENANT, name=TOLD, value=kind, by=SYSTEM.id, at=now)
    )
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.LEDGER_DOUBTED,
            at=now,
            reasons=("NOT_SIGNED",),
            sentence=f"The ledger is not signed any more: {doubt}.",
        ),
    )
    for box, payload in messages:
        send(connection, context, box, payload)
    return True


def forget(connection: Connection) -> None:
    """Note that all is well again, so that the next fault is told."""
    connection.execute(
        delete(controls).where(controls.c.tenant == DEFAULT_TENANT, controls.c.name == TOLD)
    )
