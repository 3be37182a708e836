"""Faults that a test orders ahead: rate limits, lost answers, duplicate deliveries."""

from collections import Counter


class Faults:
    """Each fault is good for a number of times, then the workspace behaves again."""

    def __init__(self) -> None:
        self._rate_limits: dict[str, list[int]] = {}
        self._lost: Counter[str] = Counter()
        self._duplicates = 0

    def rate_limit(self, method: str, retry_after_s: int, times: int = 1) -> None:
        """Answer the next `times` calls of `method` with HTTP 429 and `Retry-After`."""
        self._rate_limits.setdefault(method, []).extend([retry_after_s] * times)

    def lose_answer(self, method: str, times: int = 1) -> None:
        """Do the work of the next `times` calls of `method`, then close without an answer."""
        self._lost[method] += times

    def duplicate_next(self, times: int = 1) -> None:
        """Deliver each of the next `times` envelopes twice."""
        self._duplicates += times

    def retry_after_s(self, method: str) -> int | None:
        """Use up one ordered rate limit of `method`; None when there is none."""
        waiting = self._rate_limits.get(method)
        return waiting.pop(0) if waiting else None

    def is_answer_lost(self, method: str) -> bool:
        """Use up one ordered lost answer of `method`."""
        if self._lost[method] <= 0:
            return False
        self._lost[method] -= 1
        return True

    def is_delivered_twice(self) -> bool:
        """Use up one ordered duplicate delivery."""
        if self._duplicates <= 0:
            return False
        self._duplicates -= 1
        return True
