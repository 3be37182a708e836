"""How many events an app gets: 30 000 an hour, and after that word of it, once a minute.

Source: docs.slack.dev/reference/events/app_rate_limited.
"""

from collections import deque
from datetime import datetime

HOUR_S, MINUTE_S = 3600.0, 60


class HourlyEvents:
    """Counts events over any 60 minutes of the workspace's clock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sent: deque[float] = deque()
        self._told_minute = -1
        self.excesses: list[str] = []

    def take(self, now: datetime) -> bool:
        """Count an event, unless it is one too many: that one is never sent."""
        at = now.timestamp()
        while self._sent and at - self._sent[0] >= HOUR_S:
            self._sent.popleft()
        if len(self._sent) >= self._limit:
            self.excesses.append(f"event at {now.isoformat()}")
            return False
        self._sent.append(at)
        return True

    def minute_to_tell(self, now: datetime) -> int | None:
        """Return the minute in which the app is limited, the first time it is asked for it."""
        minute = int(now.timestamp()) // MINUTE_S * MINUTE_S
        if minute == self._told_minute:
            return None
        self._told_minute = minute
        return minute
