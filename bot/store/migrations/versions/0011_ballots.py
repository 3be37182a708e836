"""Reminders, reasons of rejections, who withdrew or edited, and reviews of broken glass."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Proposals that wait already are asked as before: they were promised nothing else."""
    op.create_table(
        "reminders",
        sa.Column("proposal_id", sa.String(64), primary_key=True),
        sa.Column("rung", sa.String(16), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False, server_default="default"),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("groups", sa.Text, nullable=False),
    )
    op.create_table(
        "reviews",
        sa.Column("proposal_id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False, server_default="default"),
        sa.Column("task_id", sa.String(32), nullable=False),
        sa.Column("broken_by", sa.String(128), nullable=False),
        sa.Column("opened_at", sa.String(27), nullable=False),
        sa.Column("next_at", sa.String(27)),
        sa.Column("reminders", sa.Integer, nullable=False, server_default="0"),
        sa.Column("answered_by", sa.String(128)),
        sa.Column("answered_at", sa.String(27)),
        sa.Column("answer", sa.String(16)),
        sa.Column("words", sa.Text),
    )
    op.create_index("reviews_due", "reviews", ["next_at"])
    op.create_index("reviews_task", "reviews", ["task_id"])
    op.add_column("votes", sa.Column("code", sa.String(32)))
    op.add_column("proposals", sa.Column("decided_by", sa.String(128)))


def downgrade() -> None:
    """A newer database is never taken back."""
    raise NotImplementedError("restore a backup instead")
