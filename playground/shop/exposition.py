"""The shop's /metrics page in Prometheus' text format, version 0.0.4."""

from collections.abc import Iterable, Iterator, Mapping

from playground.shop.counters import Counter
from playground.shop.model import Fleet

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def page(fleet: Fleet, at_s: float) -> str:
    """Write every series as it stands at a time (unix seconds)."""
    return "".join(f"{line}\n" for line in _lines(fleet, at_s))


def build_info(fleet: Fleet, at_s: float) -> list[dict[str, str]]:
    """Return the label sets of `app_build_info` at a time: one version for each place."""
    versions = ((t.labels, t.version_at(at_s)) for t in fleet.timelines())
    return [{**labels, "version": version} for labels, version in versions if version is not None]


def _lines(fleet: Fleet, at_s: float) -> Iterator[str]:
    timelines = fleet.timelines()
    yield "# HELP app_build_info The version that serves, as a label; the value is always 1."
    yield "# TYPE app_build_info gauge"
    for labels in build_info(fleet, at_s):
        yield f"app_build_info{_braces(labels)} 1"
    yield "# HELP http_requests_total Requests answered, by status code."
    yield "# TYPE http_requests_total counter"
    yield from _samples((c for t in timelines for c in t.requests()), at_s)
    yield "# HELP http_request_duration_seconds Time to answer a request."
    yield "# TYPE http_request_duration_seconds histogram"
    yield from _samples((c for t in timelines for c in [*t.buckets(), *t.totals()]), at_s)


def _samples(counters: Iterable[Counter], at_s: float) -> Iterator[str]:
    for counter in counters:
        if counter.born_s <= at_s:
            yield f"{counter.name}{_braces(counter.labels)} {counter.value(at_s)!r}"


def _braces(labels: Mapping[str, str]) -> str:
    # No value needs escaping: names, versions, codes and bounds are all our own.
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
