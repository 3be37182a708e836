"""The addresses of messages, as Slack's own "Copy link" writes them."""

from bot.slack.text import link, safe
from bot.store.places import Place


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
