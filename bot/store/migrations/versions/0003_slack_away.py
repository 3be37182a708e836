"""What the mirror needs to outlast Slack's absence, and to gather a storm in one thread."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns; no row changes its meaning."""
    op.add_column("outbox", sa.Column("begun_at", sa.String(length=27), nullable=True))
    op.add_column(
        "threads",
        sa.Column("kind", sa.String(length=16), server_default="task", nullable=False),
    )
    op.add_column("threads", sa.Column("next_at", sa.String(length=27), nullable=True))
    op.create_index("threads_next", "threads", ["next_at"])
    op.create_index("threads_storms", "threads", ["channel", "kind"])


def downgrade() -> None:
    """An older version would not know the threads of a storm."""
    raise NotImplementedError("restore a backup instead")
