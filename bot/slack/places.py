"""The addresses of messages, as Slack's own "Copy link" writes them, and who leads to which."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from bot.slack.text import link, safe
from bot.store.batches import shown_by
from bot.store.cardviews import ProposalView
from bot.store.places import Place
from bot.store.tasks import UNDO
from bot.store.threads import Post, TaskView

CARD = "proposal:"


def address(workspace: str, place: Place | None) -> str | None:
    """Return a message's address (docs.slack.dev, chat.getPermalink); None where it is not known.

    `workspace` is the address that Slack names in `auth.test`; empty before its first answer.
    """
    if place is None or not workspace:
        return None
    url = f"{workspace.rstrip('/')}/archives/{place.channel}/p{place.ts.replace('.', '')}"
    if place.root_ts is None or place.root_ts == place.ts:
        return url
    return f"{url}?thread_ts={place.root_ts}&cid={place.channel}"


def linked(label: str, url: str | None) -> str:
    """Return words that lead somewhere, or only the words."""
    return safe(label) if url is None else link(label, url)


def cards_among(known: Mapping[str, Post]) -> dict[str, Post]:
    """Return the cards that stand in a thread, by their proposals."""
    found = {}
    for key, post in known.items():
        if post.ts is not None:
            own = [key.removeprefix(CARD)] if key.startswith(CARD) else shown_by(key)
            found.update(dict.fromkeys(own, post))
    return found


def leading(
    views: Collection[TaskView], known: Mapping[str, Post], root_ts: str | None, workspace: str
) -> list[TaskView]:
    """Return the views with the addresses of those cards that another message names."""
    standing = cards_among(known)

    def at(proposal_id: str | None) -> str | None:
        post = standing.get(proposal_id or "")
        if post is None or post.ts is None:
            return None
        return address(workspace, Place(channel=post.channel, ts=post.ts, root_ts=root_ts))

    def led(view: ProposalView) -> ProposalView:
        if not _names(view):
            return view
        own = at(view.row.proposal.id)
        return replace(view, link=own, successor_link=at(view.successor))

    return [replace(view, proposals=tuple(map(led, view.proposals))) for view in views]


def awaited(views: Collection[TaskView], known: Mapping[str, Post]) -> frozenset[str]:
    """Return the proposals that a message names and whose cards do not stand yet."""
    named = (name for view in views for item in view.proposals for name in _names(item))
    return frozenset(named) - cards_among(known).keys()


def _names(view: ProposalView) -> tuple[str, ...]:
    """Return the proposals to which a message leads because of this one."""
    proposal = view.row.proposal
    undo = (proposal.id,) if proposal.key.startswith(UNDO) else ()
    return undo if view.successor is None else (*undo, view.successor)
