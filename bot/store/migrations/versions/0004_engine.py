"""What the engine keeps: the last answer to each question."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of readings."""
    op.create_table(
        "readings",
        sa.Column("tenant", sa.String(64), nullable=False, server_default="default"),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("taken_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key"),
    )
    op.create_index("readings_age", "readings", ["taken_at"])


def downgrade() -> None:
    """A newer database is never taken back."""
    raise NotImplementedError("restore a backup instead")
