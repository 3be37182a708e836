"""Freezes, holds and modes beside the pause, each with a reason."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for a campaign's name, and for why."""
    with op.batch_alter_table("controls") as table:
        table.alter_column("name", type_=sa.String(320), existing_type=sa.String(32))
        table.alter_column("value", type_=sa.String(255), existing_type=sa.String(64))
        table.add_column(sa.Column("reason", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """A newer database is never taken back."""
    raise NotImplementedError("restore a backup instead")
