"""What columns of many tables are made of."""

from datetime import UTC, datetime

from sqlalchemy import Column, Dialect, MetaData, String, TypeDecorator

# Of all tables, in whichever module they stand.
metadata = MetaData()


class UtcTime(TypeDecorator[datetime]):
    """An aware time, stored as `2026-11-20T10:02:00.000000Z`."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write a time; a naive one is a mistake of ours."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the database")
        # Not strftime: its %Y is not four digits before the year 1000, which Go's zero time is.
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read a time back, aware."""
        del dialect
        return None if value is None else datetime.fromisoformat(value)


def tenant() -> Column[str]:
    """Return the column that every table has."""
    return Column("tenant", String(64), nullable=False, server_default="default")
