"""How a group is written for people: its name, with whom Slack knows behind it."""

from collections.abc import Collection, Iterable, Mapping

from bot.config import Group
from bot.slack.text import code

# More are no help to who looks for somebody to ask.
MOST_PEOPLE = 5
OWN_GROUP = "<!"

Mentions = Mapping[str, str]


def mentions_of(groups: Mapping[str, Group]) -> dict[str, str]:
    """Return how each group is mentioned: as Slack's own group, or by its members."""
    return {
        name: f"<!subteam^{group.usergroup}>"
        if group.usergroup is not None
        else " ".join(f"<@{user}>" for user in group.users or ())
        for name, group in groups.items()
    }


def named(name: str, mentions: Mentions, but: Collection[str] = ()) -> str:
    """Return a group's name with its mention or its members; without the mentions of `but`."""
    known = mentions.get(name, "")
    if known.startswith(OWN_GROUP):
        return f"{code(name)} ({known})"
    people = [one for one in known.split() if one not in but]
    if not people:
        return code(name)
    more = [f"{len(people) - MOST_PEOPLE} more"] if len(people) > MOST_PEOPLE else []
    return f"{code(name)} ({', '.join([*people[:MOST_PEOPLE], *more])})"


def any_of(names: Iterable[str], mentions: Mentions, but: Collection[str] = ()) -> str:
    """Return several groups, of which one is enough."""
    return " or ".join(named(name, mentions, but) for name in names)
