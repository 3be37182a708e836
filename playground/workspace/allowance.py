"""How many calls Slack takes: what is more is answered 429, and noted for the test to find.

docs.slack.dev/apis/web-api/rate-limits; which tier a method has stands in `methods`. Tiers are
counted over any 60 seconds; posts to a channel may burst, and go on at one a second.
"""

import math
from collections import deque
from datetime import datetime

MINUTE_S = 60.0
POST = "chat.postMessage"
POST_BURST, POST_PER_S = 10, 1.0


class Allowance:
    """Counts calls by method, and posts by channel, on the workspace's clock."""

    def __init__(self) -> None:
        self.excesses: list[str] = []
        self._calls: dict[str, deque[float]] = {}
        self._channels: dict[str, tuple[float, float]] = {}

    def retry_after_s(
        self, method: str, per_minute: int | None, channel: str, now: datetime
    ) -> int | None:
        """Count a call; None while it is allowed, else for how long Slack would put it off."""
        at = now.timestamp()
        waits = [self._over_tier(method, per_minute, at)]
        if method == POST and channel:
            waits.append(self._over_channel(channel, at))
        wait_s = max(waits)
        if wait_s <= 0:
            return None
        self.excesses.append(f"{method} {channel} at {now.isoformat()}")
        return math.ceil(wait_s)

    def _over_tier(self, method: str, limit: int | None, at: float) -> float:
        if limit is None:
            return 0
        calls = self._calls.setdefault(method, deque())
        while calls and at - calls[0] >= MINUTE_S:
            calls.popleft()
        calls.append(at)
        return 0 if len(calls) <= limit else MINUTE_S - (at - calls[0])

    def _over_channel(self, channel: str, at: float) -> float:
        left, before = self._channels.get(channel, (float(POST_BURST), at))
        left = min(POST_BURST, left + max(0.0, at - before) * POST_PER_S) - 1
        self._channels[channel] = (max(left, 0.0), at)
        return 0 if left >= 0 else -left / POST_PER_S
