"""What the engine keeps: last answers, signals, and how long an effect has been unknown."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


REFUSAL = "rules that were activated are never changed"
GUARDS = (
    f"""CREATE TRIGGER rule_sets_no_update BEFORE UPDATE OF version, body ON rule_sets
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    f"""CREATE TRIGGER rule_sets_no_delete BEFORE DELETE ON rule_sets
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
)


def upgrade() -> None:
    """Add two tables, three columns to the executions, and the guards of the rules."""
    op.create_table(
        "readings",
        sa.Column("tenant", sa.String(64), nullable=False, server_default="default"),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("taken_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key"),
    )
    op.create_index("readings_age", "readings", ["taken_at"])
    op.create_table(
        "signals",
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False, server_default="default"),
        sa.Column("task_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("taken_at", sa.String(27)),
    )
    op.create_index("ix_signals_task_id", "signals", ["task_id"])
    with op.batch_alter_table("executions") as table:
        table.add_column(sa.Column("asks", sa.Integer, nullable=False, server_default="0"))
        table.add_column(sa.Column("escalated_at", sa.String(27)))
        table.add_column(sa.Column("settled_by", sa.String(128)))
    for guard in GUARDS:
        op.execute(guard)


def downgrade() -> None:
    """A newer database is never taken back."""
    raise NotImplementedError("restore a backup instead")
