"""Text for Slack: untrusted words are made harmless, times and people are written one way."""

import re
from datetime import datetime

# Controls, bidirectional marks and zero-width characters: they hide or turn around what is shown.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
ELLIPSIS = "…"


def safe(text: str, limit: int = 1000) -> str:
    """Return untrusted text as one line that can't mention, link, hide or leave its quote."""
    return escaped(shorten(" ".join(_HIDDEN.sub("", text).split()), limit))


def escaped(text: str) -> str:
    """Return text whose mentions and links are only shown; its lines stay."""
    shown = _HIDDEN.sub("", text)
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str, limit: int = 200) -> str:
    """Return untrusted text as inline code."""
    shown = safe(text, limit).replace("`", "'")
    return f"`{shown}`" if shown else "`(empty)`"


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters, and show that something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def squeezed(text: str, limit: int) -> str:
    """Return at most `limit` characters without the middle: what is alike differs at its end."""
    head, tail = (limit - 1) // 3, limit - 1 - (limit - 1) // 3
    return text if len(text) <= limit else text[:head] + ELLIPSIS + text[-tail:]


def plain(text: str, limit: int = 150) -> str:
    """Return text for a header or button: no markup, one line."""
    return shorten(" ".join(_HIDDEN.sub("", text).replace("`", "").split()), limit)


def clock_time(moment: datetime) -> str:
    """Return a time as people read it, in UTC."""
    return moment.strftime("%H:%M UTC")


def day_time(moment: datetime) -> str:
    """Return a day and time as people read it, in UTC."""
    return moment.strftime("%d %b %H:%M UTC")


def person(person_id: str) -> str:
    """Mention a person by `team/user`; anything else stands as code."""
    user = person_id.rsplit("/", 1)[-1]
    return f"<@{user}>" if re.fullmatch(r"[UW][A-Z0-9]{1,20}", user) else code(person_id)


def naming(text: str, most: int = 0) -> str:
    """Return words of our own as `safe` does, with people in them (`team/user`) mentioned.

    Of many, the first `most`; 0 for all.
    """
    who = r"\b[TE][A-Z0-9]{1,20}/([UW][A-Z0-9]{1,20})\b"
    return re.sub(who, r"<@\1>", safe(text), count=most)


def link(label: str, url: str) -> str:
    """Return a link, or only its label where the address could break out of it."""
    if not re.fullmatch(r"https?://[^\s<>|]+", url):
        return safe(label)
    return f"<{url.replace('&', '&amp;')}|{safe(label)}>"


def bullets(lines: list[str]) -> str:
    """Return lines as a list."""
    return "\n".join(f"• {line}" for line in lines)


def counted(number: int, one: str, many: str) -> str:
    """Return a number with what is counted, such as `1 task is open`."""
    return f"{number} {one if number == 1 else many}"
