"""New ids: short enough to read aloud, random enough never to meet."""

import secrets
from hashlib import sha256

from policies.redaction import Redactor

# Crockford's base 32: no I, L, O, U, so that nobody mistakes a letter for a digit.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def task_id() -> str:
    """Return a new task id, `T-` and eight characters (40 bits)."""
    return "T-" + _drawn()


def storm_id() -> str:
    """Return the id of a thread for many incidents, `S-` and eight characters."""
    return "S-" + _drawn()


def proposal_named(written: str) -> str:
    """Return the proposal's id that somebody wrote, in whatever letters: `T-7K3F9Q2A-1.undo`."""
    task, dot, which = written.strip("`").partition(".")
    return f"{task.upper()}{dot}{which.lower()}"


# What may stand behind an id: the hash of an action, a word.
_DIGEST = sha256().hexdigest()
_BEHIND = (f"-1:{_DIGEST}", f"-1: {_DIGEST}", f": {_DIGEST}")
_redactor = Redactor()


def _drawn() -> str:
    """Return eight characters that do not happen to name a secret, such as `JWT`.

    What stands behind such a name, like the hash that a button carries, is taken out as a secret.
    """
    while True:
        found = "".join(secrets.choice(ALPHABET) for _ in range(8))
        if is_harmless(found):
            return found


def is_harmless(drawn: str) -> bool:
    """Say whether an id of these characters hides nothing that stands behind it."""
    shown = [f"T-{drawn}{behind}" for behind in _BEHIND]
    return [_redactor.typed(text) for text in shown] == shown
