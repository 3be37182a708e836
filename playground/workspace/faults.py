"""Faults that a test orders: rate limits, lost answers, twice, out of order, and nobody there."""

from collections import Counter

WRITING = frozenset({"chat.delete", "chat.postEphemeral", "chat.postMessage", "chat.update"})


class Faults:
    """Those with a number of times are good for it; the others last until they are taken back.

    While `is_away`, nobody answers: `knocks` counts who tried.
    """

    def __init__(self) -> None:
        self._rate_limits: dict[str, list[int]] = {}
        self._lost: Counter[str] = Counter()
        self._duplicates = 0
        self._overtaken = 0
        self._every: dict[str, list[int]] = {}
        self.is_away = False
        self.knocks: Counter[str] = Counter()

    def rate_limit_every(self, nth: int, retry_after_s: int = 1) -> None:
        """Answer every `nth` call with 429; 0 takes it back."""
        self._every["429"] = [nth, 0, retry_after_s]

    def lose_every(self, nth: int) -> None:
        """Do the work of every `nth` writing call and lose the answer; 0 takes it back."""
        self._every["lost"] = [nth, 0, 0]

    def reorder_next(self, times: int = 1) -> None:
        """Let each of the next `times` envelopes be overtaken by the one after it."""
        self._overtaken += times

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
        if waiting:
            return waiting.pop(0)
        return self._every["429"][2] if self._is_nth("429") else None

    def is_answer_lost(self, method: str) -> bool:
        """Use up one ordered lost answer of `method`."""
        if self._lost[method] > 0:
            self._lost[method] -= 1
            return True
        return method in WRITING and self._is_nth("lost")

    def is_overtaken(self) -> bool:
        """Use up one ordered change of order."""
        if self._overtaken <= 0:
            return False
        self._overtaken -= 1
        return True

    def _is_nth(self, name: str) -> bool:
        every = self._every.get(name, [0, 0, 0])
        every[1] += 1
        return every[0] > 0 and every[1] % every[0] == 0

    def is_delivered_twice(self) -> bool:
        """Use up one ordered duplicate delivery."""
        if self._duplicates <= 0:
            return False
        self._duplicates -= 1
        return True
