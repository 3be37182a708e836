"""Exports the ledger line by line, each event with its proof, so that anybody can check it."""

import base64
import json
from collections.abc import Iterator

from sqlalchemy import Connection, select

from bot.store.checkpoints import ContradictionError, newest, recorded_key
from bot.store.engine import StoreError
from bot.store.ledger import is_text
from bot.store.records import ledger, ledger_index
from policies.checkpoints import CheckpointError, parse
from policies.merkle import Tree, leaf_hash

FORMAT = "signoff-export/v1"
# A power of two: a chunk is then a subtree of the whole, and all that is held at a time.
CHUNK = 1024


def export(connection: Connection, task_id: str | None = None) -> Iterator[str]:
    """Yield a first line with the newest checkpoint, then a line for each event.

    An event's line holds `seq`, `prev`, `hash`, the body as it is hashed and, as far as the
    checkpoint reaches, its `proof`.

    Raises:
        StoreError: the ledger is not what its newest checkpoint says.
    """
    try:
        found, key = newest(connection), recorded_key(connection)
        checkpoint = None if found is None else parse(found.note)
    except (CheckpointError, ContradictionError) as error:
        raise StoreError(
            f"the newest checkpoint or its key is spoiled ({error}): run `audit verify`"
        ) from error
    size = 0 if checkpoint is None else checkpoint.size
    chunks = [tree.root for _, tree in _trees(connection, size)]
    top = Tree(chunks)
    if checkpoint is not None and top.root != checkpoint.root:
        raise StoreError("the ledger is not what its newest checkpoint says: run `audit verify`")
    yield json.dumps(
        {
            "format": FORMAT,
            "task": task_id,
            "size": size,
            "checkpoint": None if found is None else found.note,
            "key": key,
        },
        ensure_ascii=False,
    )
    yield from _lines(connection, task_id, size, top)


def _lines(connection: Connection, task_id: str | None, size: int, top: Tree) -> Iterator[str]:
    trees = _trees(connection, size)
    at, tree = -1, Tree([])
    query = select(ledger).order_by(ledger.c.seq)
    if task_id is not None:
        query = query.join(ledger_index, ledger_index.c.seq == ledger.c.seq).where(
            ledger_index.c.task_id == task_id
        )
    for row in connection.execute(query):
        if not all(map(is_text, (row.prev, row.hash, row.body))):
            raise StoreError(f"event {row.seq} is spoiled: run `audit verify`")
        line = {"seq": row.seq, "prev": row.prev, "hash": row.hash, "body": row.body}
        if row.seq <= size:
            chunk, inside = divmod(row.seq - 1, CHUNK)
            while at < chunk:
                at, tree = next(trees)
            proof = [*tree.inclusion(inside), *top.inclusion(chunk)]
            line["proof"] = [base64.b64encode(node).decode() for node in proof]
        yield json.dumps(line, ensure_ascii=False)


def _trees(connection: Connection, size: int) -> Iterator[tuple[int, Tree]]:
    """Yield the tree of each chunk of the first `size` events."""
    for at, start in enumerate(range(0, size, CHUNK)):
        hashes = connection.execute(
            select(ledger.c.hash)
            .where(ledger.c.seq > start, ledger.c.seq <= min(start + CHUNK, size))
            .order_by(ledger.c.seq)
        ).scalars()
        yield at, Tree(leaf_hash(bytes.fromhex(own)) for own in hashes)
