"""The first schema: every table, and the guards of the ledger."""

from alembic import op

from bot.store.tables import metadata
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


def upgrade() -> None:
    """Create everything."""
    metadata.create_all(op.get_bind())
    for guard in GUARDS:
        op.execute(guard)


def downgrade() -> None:
    """There is nothing before the first schema."""
    raise NotImplementedError("restore a backup instead")
