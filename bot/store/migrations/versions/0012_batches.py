"""Which proposals were made in one go, and are shown on one card."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was proposed before keeps its own card."""
    op.add_column("proposals", sa.Column("batch", sa.String(64)))


def downgrade() -> None:
    """A newer database is never taken back."""
    raise NotImplementedError("restore a backup instead")
