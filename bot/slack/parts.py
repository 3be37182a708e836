"""What a thread is made of: messages that are laid out, and those that are still to be."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.slack.blocks import Block
from bot.slack.rates import Urgency


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A message as it should stand in the thread, under a key that never changes.

    `urgency` is that of posting it, `change` that of bringing it up to date.
    """

    key: str
    text: str
    blocks: list[Block]
    urgency: Urgency = Urgency.NEWS
    change: Urgency = Urgency.COSMETIC


@dataclass(frozen=True, kw_only=True)
class Part:
    """A message that is still to be laid out."""

    key: str
    make: Callable[[], tuple[str, list[Block]]]
    urgency: Urgency = Urgency.NEWS
    change: Urgency = Urgency.COSMETIC
    # Whether a person still needs it, so that it is posted however late.
    is_needed: bool = False
    # Whether it is of no use any more, so that it is not posted at all unless it stands there.
    is_moot: bool = False
