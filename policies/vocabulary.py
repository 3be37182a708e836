"""The names that rules may speak of, and what to write instead of one that there is not."""

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches

# More than these are no help to read.
MOST_NAMES = 12


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What comes with the program: its tools and agents."""

    tools: Collection[str]
    agents: Collection[str]


def advice(name: str, known: Collection[str]) -> str:
    """Return which of the known names was probably meant, or which there are."""
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    if near:
        return f"did you mean `{near[0]}`?"
    if not known:
        return "none is known here"
    if len(known) > MOST_NAMES:
        return f"see `docs/policies.md` for the {len(known)} that there are"
    return f"write one of {', '.join(f'`{one}`' for one in sorted(known))}"
