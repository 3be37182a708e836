"""What tasks have used of their limits, and what executions take of their agent's."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count tasks from now on, and executions from before too."""
    op.create_table(
        "usage",
        sa.Column("task_id", sa.String(32), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False, server_default="default"),
        sa.Column("tool_calls", sa.Integer, nullable=False, server_default="0"),
        sa.Column("tokens", sa.Integer, nullable=False, server_default="0"),
        sa.Column("money", sa.Text, nullable=False, server_default="{}"),
        sa.Column("retries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("worked_s", sa.Float, nullable=False, server_default="0"),
    )
    for column in (
        sa.Column("identity", sa.String(128)),
        sa.Column("agent", sa.String(64)),
        sa.Column("target", sa.String(255)),
        sa.Column("raised_amount", sa.String(32)),
        sa.Column("raised_currency", sa.String(3)),
        sa.Column("released_at", sa.String(27)),
    ):
        op.add_column("executions", column)
    for name, first in (("executions_by_agent", "agent"), ("executions_by_target", "target")):
        op.create_index(name, "executions", [first, "environment", "started_at"])
    is_open = sa.text("state = 'PENDING'")
    op.create_index(
        "proposals_open", "proposals", ["tenant"], sqlite_where=is_open, postgresql_where=is_open
    )
    _take_along()


def _take_along() -> None:
    """Say of what was done before whose it was, so that it counts; what it spent is not known."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT e.proposal_id, e.direction, e.state, e.ended_at, p.body FROM executions e"
            " JOIN proposals p ON p.id = e.proposal_id"
        )
    ).all()
    for row in rows:
        action = json.loads(row.body)["action"]
        connection.execute(
            sa.text(
                "UPDATE executions SET agent = :agent, target = :target, released_at = :released"
                " WHERE proposal_id = :id AND direction = :direction"
            ),
            {
                "agent": action["agent"],
                "target": action["target"],
                "released": row.ended_at if row.state == "failed" else None,
                "id": row.proposal_id,
                "direction": row.direction,
            },
        )


def downgrade() -> None:
    """A newer database is never taken back."""
    raise NotImplementedError("restore a backup instead")
