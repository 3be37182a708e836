"""Holds the ledger against every checkpoint there is: those stored, those in the file, those given.

One walk in order of size; nothing is held but the frontier and the checkpoints that were given.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from bot.store.checkpoints import ROWS, ContradictionError, as_stored
from bot.store.guards import guard_faults, index_faults
from bot.store.ledger import Verification, verify
from bot.store.records import checkpoints
from policies.audit import EventKind
from policies.checkpoints import CheckpointError, VerifierKey, opened, origin_of, parse
from policies.merkle import Frontier, leaf_hash

MOST_FAULTS = 20


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A checkpoint from somewhere; without a size its note can't be read, and `fault` says why.

    Its note may be sound and what is written beside it not: `doubt` says what.
    """

    note: str
    size: int
    where: str
    at: datetime | None = None
    fault: str | None = None
    n: int | None = None
    doubt: str | None = None


@dataclass(frozen=True, kw_only=True)
class Cover:
    """Up to which event checkpoints reach, and which one reaches there."""

    size: int
    where: str
    at: datetime | None


@dataclass(kw_only=True)
class Proof:
    """What the walk found."""

    chain: Verification
    key: VerifierKey | None = None
    key_at: int | None = None
    checked: int = 0
    wrong: int = 0
    unreached: int = 0
    cover: Cover | None = None
    given: Cover | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Say whether nothing at all is wrong."""
        return self.chain.fault is None and not self.faults


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where checkpoints come from beside the table, and the key they are to be signed with."""

    kept: Iterable[Claim] = ()
    given: Sequence[Claim] = ()
    key: VerifierKey | None = None


class _Walk:
    def __init__(self, claims: Iterator[tuple[Claim, bool]], key: VerifierKey | None) -> None:
        self._claims = claims
        self._next = next(claims, None)
        self._is_given = key is not None
        self._frontier = Frontier()
        self._origin = ""
        self._before: tuple[str, str | None] | None = None
        self.proof = Proof(chain=Verification(events=0, head=""), key=key)

    def step(self, own: str, body: dict[str, Any]) -> None:
        """Take an event, and judge the checkpoints that end at it."""
        self._frontier.append(leaf_hash(bytes.fromhex(own)))
        size = self._frontier.size
        self._origin = self._origin or origin_of(own)
        if body["kind"] == EventKind.KEY_RECORDED and self.proof.key_at is None:
            self._learn(body, size)
        while self._next is not None and self._next[0].size <= size:
            self._judge(*self._next)
            self._next = next(self._claims, None)

    def end(self, found: Verification) -> None:
        """Judge the checkpoints that the sound part of the chain does not reach."""
        self.proof.chain = found
        for claim, _ in chain([] if self._next is None else [self._next], self._claims):
            if claim.fault is not None:
                self._wrong(claim, claim.fault)
            elif found.fault is not None:
                self.proof.unreached += 1
            else:
                self._wrong(
                    claim,
                    f"it is over {claim.size} events, and only {found.events} sound ones are there",
                )

    def _learn(self, body: dict[str, Any], size: int) -> None:
        self.proof.key_at = size
        try:
            recorded = VerifierKey.parse(str(body["data"].get("key")))
        except CheckpointError as error:
            self.proof.faults.append(f"event {size} records a key: {error}")
            return
        if not self._is_given:
            self.proof.key = recorded
        elif recorded != self.proof.key:
            self.proof.faults.append(
                f"event {size} records another key than the one given: {recorded}"
            )

    def _judge(self, claim: Claim, is_given: bool) -> None:
        self.proof.checked += 1
        fault = claim.fault or self._fault(claim) or claim.doubt
        if fault is not None:
            self._wrong(claim, fault)
            return
        cover = Cover(size=claim.size, where=claim.where, at=claim.at)
        self.proof.cover = cover
        if is_given:
            self.proof.given = cover

    def _fault(self, claim: Claim) -> str | None:
        # Table and file hold the same notes, one after the other here: each is judged once.
        if self._before is None or self._before[0] != claim.note:
            self._before = (claim.note, self._judged(claim))
        return self._before[1]

    def _judged(self, claim: Claim) -> str | None:
        if self.proof.key is None:
            return "it was signed before any key was recorded"
        try:
            found = opened(claim.note, self.proof.key)
        except CheckpointError as error:
            return str(error)
        if found.origin != self._origin:
            return f"it is of another ledger, {found.origin}; this one is {self._origin}"
        if found.size != self._frontier.size:
            return "it stands out of order: an earlier one is over more events"
        if found.root != self._frontier.root():
            return f"it is over other events: one of 1 to {found.size} is not what was signed"
        return None

    def _wrong(self, claim: Claim, fault: str) -> None:
        self.proof.wrong += 1
        if self.proof.wrong <= MOST_FAULTS:
            self.proof.faults.append(f"{claim.where}: {fault}")


def prove(connection: Connection, sources: Sources) -> Proof:
    """Walk the chain, and hold it against every checkpoint."""
    table, kept = _Seen(), _Seen()
    merged = heapq.merge(
        ((claim, False) for claim in table.passed(_stored(connection, table))),
        ((claim, False) for claim in _compared(connection, kept.passed(sources.kept))),
        ((claim, True) for claim in sorted(sources.given, key=lambda claim: claim.size)),
        key=lambda pair: pair[0].size,
    )
    walk = _Walk(merged, sources.key)
    walk.end(verify(connection, walk.step))
    if table.gap is not None:
        walk.proof.faults.append(f"checkpoint {table.gap} of the table is missing")
    if kept.size > table.size:
        walk.proof.faults.append(
            f"the file has a checkpoint over {kept.size} events, which the table has lost"
        )
    walk.proof.faults += guard_faults(connection) + index_faults(connection)
    return walk.proof


@dataclass
class _Seen:
    """How far the checkpoints of one place reach, and the first number that is missing."""

    size: int = 0
    gap: int | None = None

    def passed(self, claims: Iterable[Claim]) -> Iterator[Claim]:
        for claim in claims:
            self.size = max(self.size, claim.size)
            yield claim


def _stored(connection: Connection, seen: _Seen) -> Iterator[Claim]:
    for number, row in enumerate(connection.execute(ROWS.order_by(checkpoints.c.n)), start=1):
        if row.n != number and seen.gap is None:
            seen.gap = number
        try:
            found = as_stored(row)
        except ContradictionError:
            where = f"checkpoint {row.n} of the table"
            yield Claim(
                note="", size=0, where=where, fault="it was changed: no Signoff wrote it so"
            )
            continue
        claim = claim_of(found.note, found.where, found.at)
        is_as_said = found.size == claim.size
        yield claim if is_as_said else replace(claim, doubt=f"the table gives it size {found.size}")


def _compared(connection: Connection, kept: Iterable[Claim]) -> Iterator[Claim]:
    """Yield the checkpoints of the file, which are those of the table from the first one on."""
    for number, claim in enumerate(kept, start=1):
        yield replace(claim, doubt=_doubt(connection, claim, number))


def _doubt(connection: Connection, claim: Claim, number: int) -> str | None:
    if claim.n != number:
        return f"checkpoint {number} should stand there"
    row = connection.execute(ROWS.where(checkpoints.c.n == number)).first()
    try:
        # One that the table has lost, or whose row can't be read, is told by itself.
        stored = None if row is None else as_stored(row)
    except ContradictionError:
        return None
    is_same = stored is None or (stored.note, stored.at) == (claim.note, claim.at)
    return None if is_same else f"it is not checkpoint {number} of the table, or has another time"


def claim_of(note: str, where: str, at: datetime | None = None) -> Claim:
    """Return a note as a claim; what can't be read stands at the beginning, with its fault."""
    try:
        size = parse(note).size
    except CheckpointError as error:
        return Claim(note=note, size=0, where=where, at=at, fault=str(error))
    return Claim(note=note, size=size, where=where, at=at)
