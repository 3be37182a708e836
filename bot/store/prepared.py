"""Statements that run with every event: compiled once, and handed to the driver as text."""

from typing import Any

from sqlalchemy import Connection, Insert, ScalarSelect, Select, Table, bindparam
from sqlalchemy import insert as insert_into
from sqlalchemy.exc import DBAPIError

_Text = tuple[str, list[str] | None, dict[str, Any]]


class Prepared:
    """A statement whose parameters go to the driver as they are: text, numbers and None.

    What SQLAlchemy does with each execution takes several times as long as SQLite's own work.
    """

    def __init__(self, statement: Insert | Select[Any]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Text] = {}

    def run(self, connection: Connection, values: dict[str, Any] | None = None) -> Any:
        """Execute it in the connection's transaction, and return the driver's cursor.

        Raises:
            DBAPIError: as SQLAlchemy's own executions do.
        """
        text, order, fixed = self._compiled.get(connection.dialect.name) or self._made(connection)
        named = {**fixed, **values} if values else fixed
        parameters = named if order is None else tuple(map(named.__getitem__, order))
        cursor = connection.connection.cursor()
        driver = connection.dialect.loaded_dbapi
        try:
            cursor.execute(text, parameters)
        except driver.Error as error:
            raise DBAPIError.instance(
                text, parameters, error, driver.Error, dialect=connection.dialect
            ) from error
        return cursor

    def _made(self, connection: Connection) -> _Text:
        made = self._statement.compile(dialect=connection.dialect)
        found = (str(made), made.positiontup, dict(made.params))
        return self._compiled.setdefault(connection.dialect.name, found)


def written(table: Table, **found: Select[Any]) -> Insert:
    """Return the insert of a whole row, but for the columns that a query finds."""
    columns: dict[str, Any] = {column.name: bindparam(column.name) for column in table.c}
    queries: dict[str, ScalarSelect[Any]] = {
        name: query.scalar_subquery() for name, query in found.items()
    }
    return insert_into(table).values({**columns, **queries})
