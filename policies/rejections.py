"""Why a proposal is rejected: a reason of the list, words, or both."""

from collections.abc import Mapping
from enum import StrEnum

from policies.model import Strict


class Why(StrEnum):
    """The reasons of the list; figures are made from these, so they only grow."""

    OTHER = "OTHER"
    NOT_NEEDED = "NOT_NEEDED"
    WRONG_DIAGNOSIS = "WRONG_DIAGNOSIS"
    TOO_RISKY_NOW = "TOO_RISKY_NOW"
    WRONG_VALUE = "WRONG_VALUE"


WORDS: Mapping[Why, str] = {
    Why.OTHER: "Other: said below",
    Why.NOT_NEEDED: "Not needed any more",
    Why.WRONG_DIAGNOSIS: "Wrong diagnosis",
    Why.TOO_RISKY_NOW: "Too risky now",
    Why.WRONG_VALUE: "Wrong target or value",
}


class Rejection(Strict):
    """What somebody says against a proposal; `OTHER` says nothing without words."""

    why: Why
    words: str = ""

    @property
    def is_said(self) -> bool:
        """Say whether it is a reason."""
        return self.why is not Why.OTHER or bool(self.words.strip())


def why_of(code: str) -> Why | None:
    """Return the reason with this code, or None; without one it is what the words say."""
    if not code:
        return Why.OTHER
    return Why(code) if code in frozenset(Why) else None
