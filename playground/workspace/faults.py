"""Faults that a test or the page orders: on the way to the app, and in the answers of the API."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from playground.workspace.model import Json

WRITING = frozenset({"chat.delete", "chat.postEphemeral", "chat.postMessage", "chat.update"})
ANY = "*"
T = TypeVar("T", int, float)


class Faults:
    """Those with a number of times are good for it; the others last until they are taken back.

    While `is_away`, nobody answers: `knocks` counts who tried. Where a method is named, `*` means
    any.
    """

    def __init__(self) -> None:
        self.is_away = False
        self.knocks: Counter[str] = Counter()
        self.clear()

    def clear(self) -> None:
        """Take back everything that was ordered and is not used up."""
        self._rate_limits: dict[str, list[int]] = {}
        self._failures: dict[str, list[int]] = {}
        self._slow: dict[str, list[float]] = {}
        self._lost: Counter[str] = Counter()
        self._delays: list[float] = []
        self._duplicates = 0
        self._overtaken = 0
        self._together = 0
        self._every: dict[str, list[int]] = {}
        self.is_away = False
        self.is_token_revoked = False

    def rate_limit_every(self, nth: int, retry_after_s: int = 1) -> None:
        """Answer every `nth` call with 429; 0 takes it back."""
        self._every["429"] = [nth, 0, retry_after_s]

    def lose_every(self, nth: int) -> None:
        """Do the work of every `nth` writing call and lose the answer; 0 takes it back."""
        self._every["lost"] = [nth, 0, 0]

    def revoke_tokens(self, *, is_back: bool = False) -> None:
        """Refuse the app's tokens, as after it was removed; or take that back."""
        self.is_token_revoked = not is_back

    def reorder_next(self, times: int = 1) -> None:
        """Let each of the next `times` envelopes be overtaken by the one after it."""
        self._overtaken += times

    def delay_next(self, seconds: float, times: int = 1) -> None:
        """Let each of the next `times` envelopes leave that much later."""
        self._delays.extend([seconds] * times)

    def duplicate_next(self, times: int = 1) -> None:
        """Deliver each of the next `times` envelopes twice."""
        self._duplicates += times

    def meet_next(self, times: int = 2) -> None:
        """Let the next `times` clicks wait for each other and arrive at the same moment."""
        self._together = times

    def rate_limit(self, method: str, retry_after_s: int, times: int = 1) -> None:
        """Answer the next `times` calls of `method` with HTTP 429 and `Retry-After`."""
        self._rate_limits.setdefault(method, []).extend([retry_after_s] * times)

    def fail(self, method: str, status: int = 500, times: int = 1) -> None:
        """Answer the next `times` calls of `method` with an HTTP 5xx and do no work."""
        self._failures.setdefault(method, []).extend([status] * times)

    def slow_down(self, method: str, seconds: float, times: int = 1) -> None:
        """Do the work of the next `times` calls of `method` and answer that much later."""
        self._slow.setdefault(method, []).extend([seconds] * times)

    def lose_answer(self, method: str, times: int = 1) -> None:
        """Do the work of the next `times` calls of `method`, then close without an answer."""
        self._lost[method] += times

    def retry_after_s(self, method: str) -> int | None:
        """Use up one ordered rate limit of `method`; None when there is none."""
        ordered = _next(self._rate_limits, method)
        if ordered is not None:
            return ordered
        return self._every["429"][2] if self._is_nth("429") else None

    def failure(self, method: str) -> int | None:
        """Use up one ordered failure of `method` and return its status; None without one."""
        return _next(self._failures, method)

    def slowness_s(self, method: str) -> float:
        """Use up one ordered slow answer of `method`; 0 without one."""
        return _next(self._slow, method) or 0.0

    def is_answer_lost(self, method: str) -> bool:
        """Use up one ordered lost answer of `method`."""
        for name in (method, ANY):
            if self._lost[name] > 0:
                self._lost[name] -= 1
                return True
        return method in WRITING and self._is_nth("lost")

    def is_overtaken(self) -> bool:
        """Use up one ordered change of order."""
        if self._overtaken <= 0:
            return False
        self._overtaken -= 1
        return True

    def delay_s(self) -> float:
        """Use up one ordered delay; 0 without one."""
        return self._delays.pop(0) if self._delays else 0.0

    def others_awaited(self) -> int | None:
        """Use up one place of an ordered meeting: how many are still to come; None without one."""
        if self._together <= 0:
            return None
        self._together -= 1
        return self._together

    def is_delivered_twice(self) -> bool:
        """Use up one ordered duplicate delivery."""
        if self._duplicates <= 0:
            return False
        self._duplicates -= 1
        return True

    def ordered(self) -> list[Json]:
        """Return what is ordered and not used up, as it was ordered."""
        counted = {
            "duplicate": self._duplicates,
            "reorder": self._overtaken,
            "together": self._together,
        }
        found: list[Json] = [
            {"fault": name, "times": times} for name, times in counted.items() if times > 0
        ]
        found += [
            {"fault": "delay", "seconds": seconds, "times": times}
            for seconds, times in Counter(self._delays).items()
        ]
        found += [
            {"fault": "lose_answer", "method": method, "times": times}
            for method, times in self._lost.items()
            if times > 0
        ]
        found += _listed("rate_limit", "retry_after_s", self._rate_limits)
        found += _listed("fail", "status", self._failures)
        found += _listed("slow", "seconds", self._slow)
        if self.is_token_revoked:
            found.append({"fault": "token_revoked"})
        return found

    def _is_nth(self, name: str) -> bool:
        every = self._every.get(name, [0, 0, 0])
        every[1] += 1
        return every[0] > 0 and every[1] % every[0] == 0


def _next(waiting: dict[str, list[T]], method: str) -> T | None:
    for name in (method, ANY):
        if waiting.get(name):
            return waiting[name].pop(0)
    return None


def _listed(fault: str, field: str, waiting: Mapping[str, Sequence[float]]) -> Iterator[Json]:
    for method, values in waiting.items():
        for value, times in Counter(values).items():
            yield {"fault": fault, "method": method, field: value, "times": times}
