"""The verifier keys of ledgers: drawn by chance to look at, and made to be handed out."""

import re
from collections.abc import Iterable, Iterator

from policies.checkpoints import CheckpointError, VerifierKey
from policies.redaction.spans import Span

# As Signoff names its ledgers: under a free name something else could slip through.
_KEY = re.compile(
    r"(?<![A-Za-z0-9+/_-])signoff/[0-9a-f]{16}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}(?![A-Za-z0-9+/=_-])"
)


def verifier_keys(text: str) -> list[tuple[int, int]]:
    """Return where keys stand whose id is the hash that belongs to them."""
    if "signoff/" not in text:
        return []
    return [found.span() for found in _KEY.finditer(text) if _is_key(found.group())]


def outside(keys: list[tuple[int, int]], spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans that do not lie within a verifier key."""
    for span in spans:
        if not any(start <= span.start and span.end <= end for start, end in keys):
            yield span


def _is_key(text: str) -> bool:
    try:
        VerifierKey.parse(text)
    except CheckpointError:
        return False
    return True
