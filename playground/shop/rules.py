"""The alerting rule HighErrorRatio: each place's state, found from the counters at any time."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus

from playground.shop.counters import Timeline
from playground.shop.prometheus import PrometheusApi
from playground.shop.promql import duration_ms, error_ratio

NAME = "HighErrorRatio"
THRESHOLD = 0.05


@dataclass(kw_only=True, slots=True)
class Alert:
    """What the rule found in one place; times are unix seconds, None where it did not happen."""

    labels: Mapping[str, str]
    query: str
    ratio: float = 0.0
    active_since_s: float | None = None
    fired_at_s: float | None = None
    resolved_at_s: float | None = None

    @property
    def is_firing(self) -> bool:
        """Say whether the alert has fired and not yet resolved."""
        return self.fired_at_s is not None and self.resolved_at_s is None

    def observe(self, ratio: float | None, at_s: float, for_s: float) -> None:
        """Take one evaluation: breached for `for_s` fires, not breached resolves."""
        if ratio is None or not ratio > THRESHOLD:
            self.active_since_s = None
            if self.is_firing:
                self.resolved_at_s = at_s
            return
        self.ratio = ratio
        if self.active_since_s is None:
            self.active_since_s = at_s
        if not self.is_firing and at_s - self.active_since_s >= for_s - 1e-6:
            self.fired_at_s = at_s
            self.resolved_at_s = None


class HighErrorRatio:
    """Evaluates the rule for every place, as often as one likes and however far time jumps."""

    def __init__(self, prometheus: PrometheusApi, for_s: float) -> None:
        self._prometheus = prometheus
        self._for_s = for_s
        window = prometheus.shop.window
        # After a deploy the ratio moves for one window and the scrapes around it, then rests.
        moving_s = duration_ms(window) / 1000 + 3 * prometheus.scrape_interval_s
        self._busy_s = moving_s + for_s + 1
        self._seen_s = -math.inf
        self._watched = [
            (timeline, _alert(timeline.labels, window))
            for timeline in prometheus.shop.fleet.timelines()
        ]

    @property
    def alerts(self) -> list[Alert]:
        """Return one alert for each place, firing or not."""
        return [alert for _, alert in self._watched]

    def evaluate(self, now_s: float) -> None:
        """Bring every alert up to a time, looking also at what happened since the last look."""
        for timeline, alert in self._watched:
            for at_s in self._instants(timeline, now_s):
                found = self._prometheus.query(alert.query, at_s)
                alert.observe(found[0].value if found else None, at_s, self._for_s)
        self._seen_s = now_s

    def _instants(self, timeline: Timeline, now_s: float) -> Iterable[float]:
        """Return the whole seconds since the last look at which the ratio may move, and now."""
        seconds: set[float] = {now_s}
        for segment in timeline.segments:
            first = max(segment.start_s, self._seen_s)
            last = min(segment.start_s + self._busy_s, now_s)
            if first < last:
                seconds.update(range(math.floor(first) + 1, math.ceil(last)))
        return sorted(seconds)


def severity(environment: str) -> str:
    """Return how bad it is that a service of this environment fails."""
    return "critical" if environment == "production" else "warning"


def graph_url(prometheus_url: str, expression: str) -> str:
    """Return the link to an expression, as Prometheus writes it into `generatorURL`."""
    return f"{prometheus_url}/graph?g0.expr={quote_plus(expression)}&g0.tab=1"


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the alert's fingerprint: FNV-1a 64 as in prometheus/common, model/signature.go."""
    sum64 = 0xCBF29CE484222325
    text = b"".join(
        f"{name}".encode() + b"\xff" + value.encode() + b"\xff"
        for name, value in sorted(labels.items())
    )
    for byte in text:
        sum64 = ((sum64 ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{sum64:016x}"


def _alert(place: Mapping[str, str], window: str) -> Alert:
    service, environment = place["service"], place["environment"]
    labels = {
        "alertname": NAME,
        "environment": environment,
        "service": service,
        "severity": severity(environment),
    }
    return Alert(labels=labels, query=error_ratio(service, environment, window))
