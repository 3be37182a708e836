"""The first schema: every table, and the guards of the ledger."""

import sqlalchemy as sa
from alembic import op

from policies.audit import GENESIS

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

REFUSAL = "the ledger is append-only"
# No part of these texts comes from outside.
GUARDS = (
    f"""CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    f"""CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    # INSERT OR REPLACE passes the delete trigger; this check is what stops it.
    f"""CREATE TRIGGER ledger_only_at_head BEFORE INSERT ON ledger
        WHEN NEW.seq <> COALESCE((SELECT MAX(seq) FROM ledger), 0) + 1
          OR NEW.prev <> COALESCE((SELECT hash FROM ledger ORDER BY seq DESC LIMIT 1),
                                  '{GENESIS}')
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}: not at its head'); END""",
)


# Written out, not taken from `bot.store.tables`: that one moves on.
FIRST = sa.MetaData()
sa.Table(
    "alerts",
    FIRST,
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("fingerprint", sa.String(length=128), nullable=False),
    sa.Column("group_key", sa.String(length=512), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("status", sa.String(length=16), nullable=False),
    sa.Column("starts_at", sa.String(length=27), nullable=False),
    sa.Column("resolved_at", sa.String(length=27), nullable=True),
    sa.Column("episodes", sa.Integer(), nullable=False),
    sa.Column("task_id", sa.String(length=32), nullable=True),
    sa.Column("received_at", sa.String(length=27), nullable=False),
    sa.PrimaryKeyConstraint("tenant", "fingerprint"),
)
sa.Table(
    "controls",
    FIRST,
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("name", sa.String(length=32), nullable=False),
    sa.Column("value", sa.String(length=64), nullable=False),
    sa.Column("by", sa.String(length=128), nullable=False),
    sa.Column("at", sa.String(length=27), nullable=False),
    sa.PrimaryKeyConstraint("tenant", "name"),
)
sa.Table(
    "dead_letters",
    FIRST,
    sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("source", sa.String(length=64), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("received_at", sa.String(length=27), nullable=False),
    sa.PrimaryKeyConstraint("id"),
)
sa.Table(
    "executions",
    FIRST,
    sa.Column("proposal_id", sa.String(length=64), nullable=False),
    sa.Column("direction", sa.String(length=16), nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("tool", sa.String(length=128), nullable=False),
    sa.Column("environment", sa.String(length=128), nullable=False),
    sa.Column("key", sa.String(length=128), nullable=False),
    sa.Column("state", sa.String(length=16), nullable=False),
    sa.Column("baseline", sa.String(length=255), nullable=True),
    sa.Column("left_state", sa.Text(), server_default="{}", nullable=False),
    sa.Column("data", sa.Text(), server_default="{}", nullable=False),
    sa.Column("sentence", sa.Text(), server_default="", nullable=False),
    sa.Column("on_behalf_of", sa.String(length=512), nullable=False),
    sa.Column("started_at", sa.String(length=27), nullable=False),
    sa.Column("ended_at", sa.String(length=27), nullable=True),
    sa.Column("attempts", sa.Integer(), server_default="1", nullable=False),
    sa.PrimaryKeyConstraint("proposal_id", "direction"),
    sa.UniqueConstraint("key"),
)
sa.Table(
    "inbox",
    FIRST,
    sa.Column("key", sa.String(length=255), nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("kind", sa.String(length=32), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("received_at", sa.String(length=27), nullable=False),
    sa.Column("due_at", sa.String(length=27), nullable=True),
    sa.Column("done_at", sa.String(length=27), nullable=True),
    sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
    sa.Column("result", sa.String(length=255), nullable=True),
    sa.PrimaryKeyConstraint("key"),
)
sa.Table(
    "ledger",
    FIRST,
    sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("prev", sa.String(length=64), nullable=False),
    sa.Column("hash", sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint("seq"),
    sa.UniqueConstraint("prev"),
)
sa.Table(
    "ledger_index",
    FIRST,
    sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("kind", sa.String(length=64), nullable=False),
    sa.Column("at", sa.String(length=32), nullable=False),
    sa.Column("task_id", sa.String(length=32), nullable=True),
    sa.Column("proposal_id", sa.String(length=64), nullable=True),
    sa.Column("thread_id", sa.String(length=64), nullable=True),
    sa.Column("agent", sa.String(length=64), nullable=True),
    sa.Column("actor", sa.String(length=200), nullable=False),
    sa.Column("environment", sa.String(length=128), nullable=True),
    sa.Column("sentence", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("seq"),
)
sa.Table(
    "outbox",
    FIRST,
    sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("kind", sa.String(length=32), nullable=False),
    sa.Column("payload", sa.Text(), nullable=False),
    sa.Column("created_at", sa.String(length=27), nullable=False),
    sa.Column("due_at", sa.String(length=27), nullable=True),
    sa.Column("done_at", sa.String(length=27), nullable=True),
    sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
    sa.Column("fault", sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint("id"),
)
sa.Table(
    "posts",
    FIRST,
    sa.Column("thread_id", sa.String(length=64), nullable=False),
    sa.Column("key", sa.String(length=128), nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("channel", sa.String(length=64), nullable=False),
    sa.Column("ts", sa.String(length=32), nullable=True),
    sa.Column("digest", sa.String(length=64), nullable=False),
    sa.Column("begun_at", sa.String(length=27), nullable=False),
    sa.PrimaryKeyConstraint("thread_id", "key"),
)
sa.Table(
    "proposals",
    FIRST,
    sa.Column("id", sa.String(length=64), nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("task_id", sa.String(length=32), nullable=False),
    sa.Column("ordinal", sa.Integer(), nullable=False),
    sa.Column("key", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("state", sa.String(length=16), nullable=False),
    sa.Column("action_hash", sa.String(length=64), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("created_at", sa.String(length=27), nullable=False),
    sa.Column("expires_at", sa.String(length=27), nullable=False),
    sa.Column("next_at", sa.String(length=27), nullable=True),
    sa.Column("decided_at", sa.String(length=27), nullable=True),
    sa.Column("reason", sa.String(length=64), nullable=True),
    sa.Column("sentence", sa.Text(), nullable=True),
    sa.Column("verify_until", sa.String(length=27), nullable=True),
    sa.Column("verdict", sa.String(length=16), nullable=True),
    sa.Column("measured", sa.String(length=255), nullable=True),
    sa.Column("roll_back_by", sa.String(length=128), nullable=True),
    sa.Column("roll_back_at", sa.String(length=27), nullable=True),
    sa.Column("is_followed_up", sa.Boolean(), server_default="0", nullable=False),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("task_id", "key", "revision", name="proposals_once"),
)
sa.Table(
    "rule_sets",
    FIRST,
    sa.Column("version", sa.String(length=64), nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("activated_at", sa.String(length=27), nullable=False),
    sa.Column("is_active", sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint("version"),
)
sa.Table(
    "schedules",
    FIRST,
    sa.Column("name", sa.String(length=128), nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("kind", sa.String(length=32), nullable=False),
    sa.Column("cron", sa.String(length=128), nullable=False),
    sa.Column("zone", sa.String(length=64), nullable=False),
    sa.Column("channel", sa.String(length=64), nullable=False),
    sa.Column("next_at", sa.String(length=27), nullable=False),
    sa.PrimaryKeyConstraint("name"),
)
sa.Table(
    "steps",
    FIRST,
    sa.Column("task_id", sa.String(length=32), nullable=False),
    sa.Column("name", sa.String(length=64), nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("result", sa.Text(), nullable=False),
    sa.Column("at", sa.String(length=27), nullable=False),
    sa.PrimaryKeyConstraint("task_id", "name"),
)
sa.Table(
    "tasks",
    FIRST,
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("kind", sa.String(length=32), nullable=False),
    sa.Column("state", sa.String(length=32), nullable=False),
    sa.Column("group_key", sa.String(length=512), nullable=False),
    sa.Column("open_key", sa.String(length=512), nullable=True),
    sa.Column("thread_id", sa.String(length=64), nullable=False),
    sa.Column("environment", sa.String(length=128), nullable=False),
    sa.Column("target", sa.String(length=255), nullable=False),
    sa.Column("title", sa.Text(), nullable=False),
    sa.Column("requester", sa.Text(), nullable=False),
    sa.Column("severity", sa.String(length=8), nullable=True),
    sa.Column("since_at", sa.String(length=27), nullable=True),
    sa.Column("spec", sa.Text(), nullable=False),
    sa.Column("created_at", sa.String(length=27), nullable=False),
    sa.Column("updated_at", sa.String(length=27), nullable=False),
    sa.Column("wake_at", sa.String(length=27), nullable=True),
    sa.Column("lease_owner", sa.String(length=64), nullable=True),
    sa.Column("lease_until", sa.Float(), server_default="0", nullable=False),
    sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
    sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("tenant", "open_key", name="tasks_one_open_per_group"),
)
sa.Table(
    "texts",
    FIRST,
    sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
    sa.Column("name", sa.String(length=64), nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("salt", sa.String(length=64), nullable=False),
    sa.Column("value", sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint("seq", "name"),
)
sa.Table(
    "threads",
    FIRST,
    sa.Column("id", sa.String(length=64), nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("channel", sa.String(length=64), nullable=False),
    sa.Column("root_ts", sa.String(length=32), nullable=True),
    sa.Column("cursor", sa.Integer(), server_default="0", nullable=False),
    sa.Column("created_at", sa.String(length=27), nullable=False),
    sa.Column("fault", sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint("id"),
)
sa.Table(
    "votes",
    FIRST,
    sa.Column("proposal_id", sa.String(length=64), nullable=False),
    sa.Column("voter", sa.String(length=128), nullable=False),
    sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    sa.Column("ballot", sa.String(length=16), nullable=False),
    sa.Column("action_hash", sa.String(length=64), nullable=False),
    sa.Column("at", sa.String(length=27), nullable=False),
    sa.Column("reason", sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint("proposal_id", "voter"),
)
INDEXES = (
    ("ix_alerts_group_key", "alerts", ["group_key"]),
    ("ix_alerts_task_id", "alerts", ["task_id"]),
    ("executions_recent", "executions", ["tool", "environment", "started_at"]),
    ("inbox_due", "inbox", ["due_at"]),
    ("ix_ledger_index_task_id", "ledger_index", ["task_id"]),
    ("ix_ledger_index_thread_id", "ledger_index", ["thread_id"]),
    ("outbox_due", "outbox", ["due_at"]),
    ("posts_message", "posts", ["channel", "ts"]),
    ("ix_proposals_task_id", "proposals", ["task_id"]),
    ("ix_tasks_thread_id", "tasks", ["thread_id"]),
    ("tasks_due", "tasks", ["wake_at"]),
)


def upgrade() -> None:
    """Create everything."""
    FIRST.create_all(op.get_bind())
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns)
    for guard in GUARDS:
        op.execute(guard)


def downgrade() -> None:
    """There is nothing before the first schema."""
    raise NotImplementedError("restore a backup instead")
