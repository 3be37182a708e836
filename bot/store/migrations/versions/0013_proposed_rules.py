"""Rule sets that were proposed, and the requests of the command line to propose one."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# No part of these texts comes from outside.
REFUSAL = "rules that were proposed are never changed"
GUARDS = (
    f"""CREATE TRIGGER rule_candidates_no_update BEFORE UPDATE ON rule_candidates
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    f"""CREATE TRIGGER rule_candidates_no_delete BEFORE DELETE ON rule_candidates
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    f"""CREATE TRIGGER rule_candidates_no_replace BEFORE INSERT ON rule_candidates
        WHEN EXISTS (SELECT 1 FROM rule_candidates
                     WHERE version = NEW.version OR rowid = NEW.rowid)
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
)


def upgrade() -> None:
    """Add two tables, and the guards of the first."""
    op.create_table(
        "rule_candidates",
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False, server_default="default"),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("proposed_at", sa.String(27), nullable=False),
        sa.Column("proposed_by", sa.String(128), nullable=False),
    )
    op.create_table(
        "policy_requests",
        sa.Column("nonce", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False, server_default="default"),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
    )
    for guard in GUARDS:
        op.execute(guard)


def downgrade() -> None:
    """A newer database is never taken back."""
    raise NotImplementedError("restore a backup instead")
