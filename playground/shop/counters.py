"""Counters as a closed form of time: rates are constant between events, so nothing ticks."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

BUCKETS_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, math.inf)
SHAPE = 3.0  # of the log-logistic latency: a tail of about 2.7 times the median at 95 %


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One version serving one environment from `start_s` until the next segment starts."""

    start_s: float
    version: str
    error_ratio: float
    median_s: float
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Counter:
    """One series: straight lines from (start_s, end_s) at `per_s`, flat in between."""

    name: str
    labels: Mapping[str, str]
    lines: tuple[tuple[float, float, float], ...]

    @property
    def born_s(self) -> float:
        """Return when the series first exists."""
        return self.lines[0][0]

    def value(self, at_s: float) -> float:
        """Return the count at a time; it never falls."""
        total = sum(
            (min(at_s, end_s) - start_s) * per_s
            for start_s, end_s, per_s in self.lines
            if at_s > start_s
        )
        return round(total, 6)


class Timeline:
    """What one service in one environment has served since the counters began."""

    def __init__(self, labels: Mapping[str, str], rate_s: float, first: Segment) -> None:
        self.labels = dict(labels)
        self.rate_s = rate_s
        self.segments = [first]

    @property
    def current(self) -> Segment:
        """Return the segment that is serving now."""
        return self.segments[-1]

    def begin(self, segment: Segment) -> None:
        """Let another version serve from its `start_s` on; time never runs back."""
        if segment.start_s < self.current.start_s:
            raise ValueError("a segment cannot start before the one it follows")
        self.segments.append(segment)

    def spans(self) -> Iterator[tuple[Segment, float]]:
        """Yield each segment with its end, oldest first; the last has no end."""
        ends = [segment.start_s for segment in self.segments[1:]]
        yield from zip(self.segments, [*ends, math.inf], strict=True)

    def version_at(self, at_s: float) -> str | None:
        """Return the version that served at a time, None before the counters began."""
        found = [segment.version for segment in self.segments if segment.start_s <= at_s]
        return found[-1] if found else None

    def requests(self) -> list[Counter]:
        """Return `http_requests_total`, one series for each version and code."""
        return [
            self._counter("http_requests_total", version, {"code": code})
            for version in self._versions()
            for code in ("200", "500")
        ]

    def buckets(self) -> list[Counter]:
        """Return `http_request_duration_seconds_bucket`, one series for each version and le."""
        return [
            self._counter("http_request_duration_seconds_bucket", version, {"le": bound(le_s)})
            for version in self._versions()
            for le_s in BUCKETS_S
        ]

    def totals(self) -> list[Counter]:
        """Return the histogram's `_sum` and `_count`, one series each for each version."""
        return [
            self._counter(f"http_request_duration_seconds_{part}", version, {})
            for version in self._versions()
            for part in ("sum", "count")
        ]

    def _versions(self) -> list[str]:
        return list(dict.fromkeys(segment.version for segment in self.segments))

    def _counter(self, name: str, version: str, extra: Mapping[str, str]) -> Counter:
        lines = tuple(
            (segment.start_s, end_s, self.rate_s * share(name, segment, extra))
            for segment, end_s in self.spans()
            if segment.version == version
        )
        return Counter(name=name, labels={**self.labels, "version": version, **extra}, lines=lines)


def share(name: str, segment: Segment, labels: Mapping[str, str]) -> float:
    """Return by how much one request moves a series on average while the segment serves."""
    if "code" in labels:
        return segment.error_ratio if labels["code"] == "500" else 1 - segment.error_ratio
    if "le" in labels:
        return within(float(labels["le"]), segment.median_s)
    if name.endswith("_sum"):
        # The mean of a log-logistic distribution: median * (pi / shape) / sin(pi / shape).
        return segment.median_s * (math.pi / SHAPE) / math.sin(math.pi / SHAPE)
    return 1.0


def within(le_s: float, median_s: float) -> float:
    """Return the share of requests answered within `le_s`: the log-logistic distribution."""
    return 1.0 if math.isinf(le_s) else 1 / (1 + (le_s / median_s) ** -SHAPE)


def bound(le_s: float) -> str:
    """Write a bucket's upper bound as Prometheus' Go client does."""
    return "+Inf" if math.isinf(le_s) else f"{le_s:g}"
