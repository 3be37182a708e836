"""What a check of the doctor ends with: how it went, about what, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a check ended."""

    GOOD = "ok"
    WARNING = "look"
    BAD = "WRONG"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One checked thing, and what to do about it."""

    health: Health
    subject: str
    words: str


def good(subject: str, words: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(health=Health.GOOD, subject=subject, words=words)


def bad(subject: str, words: str) -> Finding:
    """Return a finding that must be mended."""
    return Finding(health=Health.BAD, subject=subject, words=words)


def look(subject: str, words: str) -> Finding:
    """Return a finding that somebody should look at."""
    return Finding(health=Health.WARNING, subject=subject, words=words)
