"""The names that rules may speak of, and what to write instead of one that there is not."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from policies.facts import ActionKind, Tier

# More than these are no help to read.
MOST_NAMES = 12
# A name is as long as this at most; so is a service, or a campaign.
MOST_LETTERS = 200


@dataclass(frozen=True, kw_only=True)
class Does:
    """What a tool is known by: other values of these facts never come with it."""

    tier: Tier
    action: ActionKind | None
    platform: str
    # Those that may call it; not known where there are none.
    agents: Collection[str] = ()

    def against(self, name: str, values: Collection[str]) -> str | None:
        """Return which value the tool has, where it is none of those; None where it is one."""
        if name == "agent":
            is_none = bool(self.agents) and set(self.agents).isdisjoint(values)
            return "` or `".join(sorted(self.agents)) if is_none else None
        own: str | None = getattr(self, name)
        return own if own is not None and own not in values else None


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What comes with the program: its tools and agents, and what else it knows the whole of."""

    tools: Collection[str]
    agents: Collection[str]
    platforms: Collection[str] | None = None
    tenants: Collection[str] | None = None
    # By tool.
    does: Mapping[str, Does] = field(default_factory=dict)

    def contradictions(
        self, tool: str, named: Mapping[str, Collection[str]]
    ) -> Iterator[tuple[str, str]]:
        """Yield which of the values named beside a tool it never comes with, and its own."""
        does = self.does.get(tool)
        for name, values in named.items():
            own = None if does is None else does.against(name, values)
            if own is not None:
                yield name, own


def advice(name: str, known: Collection[str], see: str = "`docs/policies.md`") -> str:
    """Return which of the known names was probably meant, or which there are.

    `see` is where they stand, where they are too many to be told.
    """
    near = nearest(name, known)
    if near is not None:
        return f"did you mean `{near}`?"
    if not known:
        return "none is known here"
    if len(known) > MOST_NAMES:
        return f"see {see} for the {len(known)} that there are"
    return f"write one of {', '.join(f'`{one}`' for one in sorted(known))}"


def nearest(name: str, known: Collection[str], cutoff: float = 0.5) -> str | None:
    """Return the known name that is most like another, small letters or capitals, or None."""
    folded = {one.casefold(): one for one in sorted(known)}
    near = get_close_matches(name[:MOST_LETTERS].casefold(), folded, n=1, cutoff=cutoff)
    return folded[near[0]] if near else None


def word_fault(word: str) -> str | None:
    """Say what is wrong with a name that nobody can know, such as a service's; None is nothing."""
    if not word.strip():
        return "an empty word matches nothing; write a name or leave it out"
    if word != " ".join(word.split()):
        return f"`{word}` has blanks that nobody sees; take them out"
    if len(word) > MOST_LETTERS:
        return f"`{word[:20]}…` is too long; a name has at most {MOST_LETTERS} characters"
    return None
