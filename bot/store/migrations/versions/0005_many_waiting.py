"""Indexes for what is looked up with every alert, while thousands of tasks wait."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an index for the tasks of a group, and one for the tasks of the last minutes."""
    op.create_index("tasks_group", "tasks", ["group_key", "created_at"])
    op.create_index("tasks_created", "tasks", ["created_at"])


def downgrade() -> None:
    """A newer database is never taken back."""
    raise NotImplementedError("restore a backup instead")
