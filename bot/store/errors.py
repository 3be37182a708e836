"""What the store raises for others to tell people."""

from tools.ports import RecordUnavailable


class StoreError(Exception):
    """The database can't be used; the message says why and what to do."""


class StoreUnavailable(StoreError, RecordUnavailable):  # noqa: N818 - says what happened
    """The database takes nothing now (locked, or the disk is full); nothing was written."""
