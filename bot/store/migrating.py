"""Alembic's part of the schema: what versions there are, and the way from one to the next.

Alembic is imported where something is to be migrated or compared: it takes a tenth of a start,
and a database that is up to date needs nothing of it.
"""

from pathlib import Path

from sqlalchemy import Connection

MIGRATIONS = Path(__file__).with_name("migrations")


def known_revisions() -> set[str]:
    """Return the versions of the schema that this program knows."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - slow

    scripts = ScriptDirectory(str(MIGRATIONS))
    return {script.revision for script in scripts.walk_revisions()}


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the migrations that are missing up to a version, in the caller's transaction."""
    from alembic import command, config  # noqa: PLC0415 - slow

    own = config.Config()
    own.set_main_option("script_location", str(MIGRATIONS))
    own.attributes["connection"] = connection
    command.upgrade(own, revision)
