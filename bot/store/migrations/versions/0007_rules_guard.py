"""One more guard of the rules: INSERT OR REPLACE passes those of update and delete."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# No part of this text comes from outside.
GUARD = """CREATE TRIGGER rule_sets_no_replace BEFORE INSERT ON rule_sets
        WHEN EXISTS (SELECT 1 FROM rule_sets WHERE version = NEW.version OR rowid = NEW.rowid)
        BEGIN SELECT RAISE(ABORT, 'rules that were activated are never changed'); END"""


def upgrade() -> None:
    """Add it."""
    op.execute(GUARD)


def downgrade() -> None:
    """A newer database is never taken back."""
    raise NotImplementedError("restore a backup instead")
