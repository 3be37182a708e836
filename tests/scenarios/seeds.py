"""The seed of this run: another one each time, told at its head, so that a failure can be met.

`make test ARGS='--killing-seed 42 …'` plays with a seed of one's own.
"""

import secrets
import sys

OPTION = "--killing-seed"


def _given() -> int | None:
    words = sys.argv
    return int(words[words.index(OPTION) + 1]) if OPTION in words else None


_chosen = _given()
KILLING_SEED = secrets.randbelow(10_000) if _chosen is None else _chosen
