"""Which version of its definition a task was made under."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every task so far is of the first."""
    definition = sa.Column("definition", sa.Integer, nullable=False, server_default="1")
    op.add_column("tasks", definition)


def downgrade() -> None:
    """A newer database is never taken back."""
    raise NotImplementedError("restore a backup instead")
