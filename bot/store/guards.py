"""Compares a database's triggers with those its migrations make, and its indexes with its rows."""

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from bot.store.migrating import known_revisions, upgrade
from bot.store.records import checkpoints, ledger, ledger_index, texts
from bot.store.schema import revisions

_KIND = "SELECT type FROM sqlite_master WHERE name = ?"
_TRIGGERS = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"


def guard_faults(connection: Connection) -> list[str]:
    """Say which guards are missing, which were changed, and which triggers no migration made."""
    named = revisions(connection)
    if len(named) != 1 or named[0] not in known_revisions():
        words = "which guards it should have is not known: it names no one version of Signoff"
        return [f"the database's schema is {', '.join(named) or 'none'}: {words}"]
    wanted, found = _made_by(named[0]), _triggers(connection)
    faults = []
    for name in sorted(wanted.keys() | found.keys()):
        table = (found.get(name) or wanted[name])[0]
        if name not in found:
            faults.append(f"the guard `{name}` of the table `{table}` is missing")
        elif name not in wanted:
            faults.append(f"there is a trigger `{name}` on `{table}`, which no Signoff made")
        elif found[name] != wanted[name]:
            faults.append(f"the guard `{name}` of the table `{table}` was changed")
    return faults


def index_faults(connection: Connection) -> list[str]:
    """Say where an index does not hold what its table holds.

    What is looked for by such an index is not found, or found as it was: `audit show` would leave
    events out of a record whose rows are all sound.
    """
    faults = []
    for table in (ledger, ledger_index, texts, checkpoints):
        kind = connection.exec_driver_sql(_KIND, (table.name,)).scalar()
        if kind != "table":
            # Which may answer each question otherwise.
            faults.append(f"`{table.name}` is a {kind} where a table was")
            continue
        # https://www.sqlite.org/pragma.html#pragma_integrity_check, of one table.
        checked = connection.exec_driver_sql(f"PRAGMA integrity_check({table.name})")
        said = checked.scalars().first()
        if said != "ok":
            faults.append(f"the table `{table.name}` and its indexes do not agree: {said}")
    return faults


def _made_by(revision: str) -> dict[str, tuple[str, str]]:
    engine = create_engine("sqlite://", isolation_level="AUTOCOMMIT", poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            upgrade(connection, revision)
            return _triggers(connection)
    finally:
        engine.dispose()


def _triggers(connection: Connection) -> dict[str, tuple[str, str]]:
    rows = connection.exec_driver_sql(_TRIGGERS).all()
    # How a migration is laid out on its lines does not matter.
    return {row.name: (row.tbl_name, " ".join(str(row.sql).split())) for row in rows}
