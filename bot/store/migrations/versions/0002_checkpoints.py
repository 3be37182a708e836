"""Signed checkpoints with their guards, and more columns to search the ledger by."""

import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REFUSAL = "the checkpoints are append-only"
# No part of these texts comes from outside.
GUARDS = (
    f"""CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    f"""CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    # As with the ledger: INSERT OR REPLACE passes the delete trigger.
    f"""CREATE TRIGGER checkpoints_only_at_head BEFORE INSERT ON checkpoints
        WHEN NEW.n <> COALESCE((SELECT MAX(n) FROM checkpoints), 0) + 1
          OR NEW.size < COALESCE((SELECT size FROM checkpoints ORDER BY n DESC LIMIT 1), 1)
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}: not at their head'); END""",
)
COLUMNS = ("tools", "reasons")
INDEXES = (
    ("ledger_index_at", ["at"]),
    ("ledger_index_agent_at", ["agent", "at"]),
    ("ledger_index_actor_at", ["actor", "at"]),
)
AT_ONCE = 1000


def upgrade() -> None:
    """Create the table and its guards, and fill the new columns from the bodies."""
    op.create_table(
        "checkpoints",
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("occasion", sa.String(length=16), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n"),
    )
    for guard in GUARDS:
        op.execute(guard)
    for name in COLUMNS:
        op.add_column("ledger_index", sa.Column(name, sa.Text(), server_default="", nullable=False))
    _fill(op.get_bind())
    for name, columns in INDEXES:
        op.create_index(name, "ledger_index", columns)


def _fill(connection: sa.Connection) -> None:
    after = 0
    read = sa.text("SELECT seq, body FROM ledger WHERE seq > :after ORDER BY seq LIMIT :limit")
    write = sa.text(
        "UPDATE ledger_index SET at = :at, tools = :tools, reasons = :reasons WHERE seq = :seq"
    )
    while rows := connection.execute(read, {"after": after, "limit": AT_ONCE}).all():
        connection.execute(write, [_columns(row.seq, json.loads(row.body)) for row in rows])
        after = rows[-1].seq


# Written out, not taken from `bot.store.ledger`: that one moves on.
def _columns(seq: int, body: dict[str, object]) -> dict[str, object]:
    at = datetime.fromisoformat(str(body["at"])).astimezone(UTC).replace(tzinfo=None)
    listed = {name: body[name] for name in COLUMNS}
    return {
        "seq": seq,
        "at": at.isoformat(timespec="microseconds") + "Z",
        **{
            name: f" {' '.join(found)} " if isinstance(found, list) and found else ""
            for name, found in listed.items()
        },
    }


def downgrade() -> None:
    """The checkpoints must not get lost."""
    raise NotImplementedError("restore a backup instead")
