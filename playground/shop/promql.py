"""The shop's catalogue of PromQL queries: reading them, and answering them as Prometheus would."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from playground.shop.counters import Counter
from playground.shop.exposition import build_info
from playground.shop.model import Fleet, UnknownServiceError

LOOKBACK_S = 300.0
TARGET = {"instance": "shop", "job": "shop"}

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"(\d+)(ms|[smhdw])")
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_RANGE = r"\{(?P<%s>[^{}]*)\}\[(?P<%s>[0-9a-z]+)\]"
_RATE = rf"sum\(rate\(http_requests_total{_RANGE}\)\)"
_ABOVE = rf"(?:>(?P<above>{_NUMBER}))?"
_RATIO = re.compile(_RATE % ("errors", "window") + "/" + _RATE % ("all", "same") + _ABOVE)
_REQUESTS = re.compile(_RATE % ("all", "window"))
_QUANTILE = re.compile(
    rf"histogram_quantile\((?P<q>0?\.[0-9]+),sumby\(le\)"
    rf"\(rate\(http_request_duration_seconds_bucket{_RANGE % ('all', 'window')}\)\)\)"
)
_BUILD = re.compile(r"app_build_info\{(?P<all>[^{}]*)\}")
_MATCHER = re.compile(r'([a-z]+)(=~|=)"([^"\\]*)"')


class UnknownQueryError(ValueError):
    """The query is not in the catalogue."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One query of the catalogue; `window_ms` is 0 where it has no range."""

    kind: Literal["ratio", "requests", "quantile", "build"]
    service: str
    environment: str
    window_ms: int = 0
    quantile: float = math.nan
    above: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One element of an instant vector."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def error_ratio(service: str, environment: str, window: str) -> str:
    """Write the catalogue's error ratio query."""
    place = f'service="{service}",environment="{environment}"'
    return (
        f'sum(rate(http_requests_total{{{place},code=~"5.."}}[{window}]))'
        f" / sum(rate(http_requests_total{{{place}}}[{window}]))"
    )


def parse(text: str) -> Query:
    """Read a query of the catalogue; raises `UnknownQueryError` for any other."""
    bare = _without_spaces(text)
    if found := _RATIO.fullmatch(bare):
        return _ratio(found)
    if found := _REQUESTS.fullmatch(bare):
        service, environment = _place(found["all"])
        window_ms = duration_ms(found["window"])
        return Query(kind="requests", service=service, environment=environment, window_ms=window_ms)
    if found := _QUANTILE.fullmatch(bare):
        service, environment = _place(found["all"])
        return Query(
            kind="quantile",
            service=service,
            environment=environment,
            window_ms=duration_ms(found["window"]),
            quantile=float(found["q"]),
        )
    if found := _BUILD.fullmatch(bare):
        service, environment = _place(found["all"])
        return Query(kind="build", service=service, environment=environment)
    raise UnknownQueryError("this Prometheus answers only the shop's catalogue of queries")


def duration_ms(text: str) -> int:
    """Read a PromQL duration such as 1m or 1h30m; raises `UnknownQueryError`."""
    parts = _DURATION.findall(text)
    total = sum(int(number) * _UNITS_MS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or total == 0:
        raise UnknownQueryError(f"not a valid duration string, or zero: {text[:40]!r}")
    return total


def _without_spaces(text: str) -> str:
    # Outside quotes only: "a b" and "ab" are two names.
    parts = re.split(r'("[^"]*")', text)
    return "".join(part if part.startswith('"') else re.sub(r"\s", "", part) for part in parts)


def _ratio(found: re.Match[str]) -> Query:
    place = _place(found["all"])
    if found["window"] != found["same"] or _place(found["errors"], errors=True) != place:
        raise UnknownQueryError("both halves of the ratio must speak of the same place and window")
    return Query(
        kind="ratio",
        service=place[0],
        environment=place[1],
        window_ms=duration_ms(found["window"]),
        above=float(found["above"]) if found["above"] else None,
    )


def _place(matchers: str, *, errors: bool = False) -> tuple[str, str]:
    found = _MATCHER.findall(matchers)
    told = {name: (operator, value) for name, operator, value in found}
    wanted = {"service", "environment"} | ({"code"} if errors else set())
    is_whole = ",".join(f'{n}{o}"{v}"' for n, o, v in found) == matchers.removesuffix(",")
    if not is_whole or set(told) != wanted or len(found) != len(wanted):
        raise UnknownQueryError(
            "the selector must name the service and the environment, nothing else"
        )
    service, environment = told["service"], told["environment"]
    if service[0] != "=" or environment[0] != "=" or told.get("code", ("=~", "5.."))[1] != "5..":
        raise UnknownQueryError("the selector's operators are not those of the catalogue")
    return service[1], environment[1]


class Scrapes:
    """The counters as a Prometheus would hold them: one sample each `interval_s`."""

    def __init__(self, fleet: Fleet, interval_s: float, phase_s: float = 0.0) -> None:
        if interval_s <= 0:
            raise ValueError("the scrape interval must be positive")
        self.interval_ms = max(1, round(interval_s * 1000))
        self._phase_ms = round(phase_s * 1000) % self.interval_ms
        self._fleet = fleet

    def evaluate(self, query: Query, at_s: float) -> list[Sample]:
        """Answer a query at an instant (unix seconds); no data is an empty list."""
        at_ms = round(at_s * 1000)
        if query.kind == "build":
            return self._build(query, at_ms)
        try:
            timeline = self._fleet.timeline(query.service, query.environment)
        except UnknownServiceError:
            return []
        if query.kind == "quantile":
            return self._quantile(query, timeline.buckets(), at_ms)
        counters = timeline.requests()
        every = self._rates(counters, query, at_ms)
        if not every:
            return []
        total = sum(rate for _, rate in every)
        if query.kind == "requests":
            return [Sample(value=total)]
        failed = sum(rate for counter, rate in every if counter.labels["code"][0] == "5")
        ratio = failed / total if total else math.nan
        return [Sample(value=ratio)] if query.above is None or ratio > query.above else []

    def _last_ms(self, at_ms: int) -> int:
        known_ms = min(at_ms, round(self._fleet.now().timestamp() * 1000))
        return known_ms - (known_ms - self._phase_ms) % self.interval_ms

    def _build(self, query: Query, at_ms: int) -> list[Sample]:
        last_ms = self._last_ms(at_ms)
        if at_ms - last_ms > LOOKBACK_S * 1000:
            return []
        place = (query.service, query.environment)
        return [
            Sample(value=1.0, labels={"__name__": "app_build_info", **labels, **TARGET})
            for labels in build_info(self._fleet, last_ms / 1000)
            if (labels["service"], labels["environment"]) == place
        ]

    def _quantile(self, query: Query, buckets: list[Counter], at_ms: int) -> list[Sample]:
        counts: dict[float, float] = {}
        for counter, rate in self._rates(buckets, query, at_ms):
            le_s = float(counter.labels["le"])
            counts[le_s] = counts.get(le_s, 0.0) + rate
        return [Sample(value=bucket_quantile(query.quantile, counts))] if counts else []

    def _rates(
        self, counters: Iterable[Counter], query: Query, at_ms: int
    ) -> list[tuple[Counter, float]]:
        found = ((counter, self._rate(counter, query.window_ms, at_ms)) for counter in counters)
        return [(counter, rate) for counter, rate in found if rate is not None]

    def _rate(self, counter: Counter, window_ms: int, at_ms: int) -> float | None:
        """Prometheus 2.42's rate(): promql/functions.go, extrapolatedRate.

        The range is closed on both sides, and the counters never reset, so that the first and
        the last sample in it are all that matters.
        """
        begin_ms = at_ms - window_ms
        earliest_ms = max(begin_ms, math.ceil(counter.born_s * 1000))
        first_ms = earliest_ms + (self._phase_ms - earliest_ms) % self.interval_ms
        last_ms = self._last_ms(at_ms)
        sampled_ms = last_ms - first_ms
        if sampled_ms <= 0:
            return None
        first = counter.value(first_ms / 1000)
        rise = counter.value(last_ms / 1000) - first
        to_start_ms: float = first_ms - begin_ms
        if rise > 0:
            # A counter is never negative: where its line meets zero, the series began.
            to_start_ms = min(to_start_ms, sampled_ms * first / rise)
        covered_ms = sampled_ms + sum(
            gap if gap < self.interval_ms * 1.1 else self.interval_ms / 2
            for gap in (to_start_ms, at_ms - last_ms)
        )
        return rise * (covered_ms / sampled_ms) / (window_ms / 1000)


def bucket_quantile(q: float, counts: Mapping[float, float]) -> float:
    """Interpolate a quantile from cumulative buckets, as promql/quantile.go bucketQuantile."""
    bounds = sorted(counts)
    if len(bounds) < 2 or not math.isinf(bounds[-1]):  # noqa: PLR2004 - +Inf and one more
        return math.nan
    monotone: list[float] = []
    for le_s in bounds:
        monotone.append(max(counts[le_s], monotone[-1] if monotone else 0.0))
    if monotone[-1] == 0:
        return math.nan
    rank = q * monotone[-1]
    index = next((i for i, n in enumerate(monotone[:-1]) if n >= rank), len(bounds) - 1)
    if index == len(bounds) - 1:
        return bounds[-2]
    lower, below = (bounds[index - 1], monotone[index - 1]) if index else (0.0, 0.0)
    return lower + (bounds[index] - lower) * (rank - below) / (monotone[index] - below)
