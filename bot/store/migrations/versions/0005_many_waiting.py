"""Indexes for what is looked up again and again while thousands of tasks wait."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add indexes: tasks of a group and of the last minutes, open messages, threads to draw."""
    op.create_index("tasks_group", "tasks", ["group_key", "created_at"])
    op.create_index("tasks_created", "tasks", ["created_at"])
    for name, table, where in (
        ("outbox_open", "outbox", sa.text("due_at IS NOT NULL")),
        ("threads_to_draw", "threads", sa.text("cursor <= 0")),
    ):
        op.create_index(name, table, ["id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """A newer database is never taken back."""
    raise NotImplementedError("restore a backup instead")
