"""New ids: short enough to read aloud, random enough never to meet."""

import secrets

# Crockford's base 32: no I, L, O, U, so that nobody mistakes a letter for a digit.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def task_id() -> str:
    """Return a new task id, `T-` and eight characters (40 bits)."""
    return "T-" + _drawn()


def storm_id() -> str:
    """Return the id of a thread for many incidents, `S-` and eight characters."""
    return "S-" + _drawn()


def _drawn() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(8))
