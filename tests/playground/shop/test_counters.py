"""The counters' closed form, and rate() over them."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.shop.api import Shop
from playground.shop.counters import Segment, Timeline, within
from playground.shop.model import Fleet
from playground.shop.promql import Query, Scrapes, bucket_quantile
from tests.playground.shop.world import TOKEN, FakeClock

steps = st.lists(
    st.tuples(
        st.floats(0, 6 * 3600, allow_nan=False),
        st.sampled_from(["wait", "fault", "back"]),
    ),
    min_size=1,
    max_size=25,
)


def counts(fleet: Fleet, at_s: float) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (counter.name, tuple(counter.labels.values())): counter.value(at_s)
        for timeline in fleet.timelines()
        for counter in [*timeline.requests(), *timeline.buckets(), *timeline.totals()]
        if counter.born_s <= at_s
    }


@given(steps)
def test_no_counter_ever_falls_however_time_jumps_and_versions_change(
    told: list[tuple[float, str]],
) -> None:
    clock = FakeClock()
    shop = Shop(7, clock, TOKEN)
    before = counts(shop.fleet, clock.now().timestamp())
    for seconds, what in told:
        clock.forward(seconds)
        if what == "fault":
            shop.inject_fault()
        elif what == "back" and shop.story:
            last = shop.story[-1]
            shop.fleet.roll_to(last.service, last.environment, last.previous_version)
        now = counts(shop.fleet, clock.now().timestamp())
        assert before.keys() <= now.keys()
        assert all(now[series] >= value for series, value in before.items())
        before = now


@given(st.lists(st.floats(0.001, 3600), min_size=1, max_size=8))
def test_all_versions_together_count_every_request_once(lengths: list[float]) -> None:
    shop = Shop(3, FakeClock(), TOKEN)
    clock = FakeClock(shop.fleet.started_at)
    fleet = Fleet(3, clock)
    timeline = fleet.timeline("web", "staging")
    start = sum(c.value(clock.now().timestamp()) for c in timeline.requests())
    for seconds in lengths:
        clock.forward(seconds)
        fleet.inject("web")
    total = sum(c.value(clock.now().timestamp()) for c in timeline.requests())
    passed_s = (clock.now() - fleet.started_at) / timedelta(seconds=1)
    assert total - start == pytest.approx(passed_s * timeline.rate_s, rel=1e-6, abs=1e-3)


def test_a_jump_of_hours_gives_the_same_counts_as_many_small_steps() -> None:
    jumping, walking = FakeClock(), FakeClock()
    left, right = Fleet(7, jumping), Fleet(7, walking)
    left.inject()
    right.inject()
    jumping.forward(7200)
    for _ in range(7200):
        walking.forward(1)
    at_s = jumping.now().timestamp()
    assert counts(left, at_s) == counts(right, at_s)


def test_a_segment_cannot_start_before_the_one_it_follows() -> None:
    parts = {"version": "v1", "error_ratio": 0.0, "median_s": 0.1, "message": ""}
    first = Segment(start_s=10.0, **parts)  # type: ignore[arg-type]  # a dict of mixed values
    timeline = Timeline({}, 1.0, first)
    with pytest.raises(ValueError, match="before"):
        timeline.begin(Segment(start_s=9.0, **parts))  # type: ignore[arg-type]  # as above


@given(st.floats(0, 600), st.sampled_from([0.25, 1.0, 5.0, 15.0]), st.floats(0, 15))
def test_a_steady_service_shows_its_own_rate_at_any_time_and_scrape_phase(
    later_s: float, interval_s: float, phase_s: float
) -> None:
    clock = FakeClock()
    fleet = Fleet(11, clock)
    clock.forward(later_s)
    scrapes = Scrapes(fleet, interval_s, phase_s)
    timeline = fleet.timeline("checkout", "production")
    at_s = clock.now().timestamp()
    place = {"service": "checkout", "environment": "production", "window_ms": 60_000}
    (rate,) = scrapes.evaluate(Query(kind="requests", **place), at_s)  # type: ignore[arg-type]  # as above
    assert rate.value == pytest.approx(timeline.rate_s, rel=1e-6)
    (ratio,) = scrapes.evaluate(Query(kind="ratio", **place), at_s)  # type: ignore[arg-type]  # as above
    assert ratio.value == pytest.approx(timeline.current.error_ratio, rel=1e-4)


def test_a_window_with_fewer_than_two_scrapes_has_no_rate() -> None:
    clock = FakeClock()
    scrapes = Scrapes(Fleet(7, clock), 5.0)
    query = Query(kind="requests", service="web", environment="staging", window_ms=4_000)
    assert scrapes.evaluate(query, clock.now().timestamp()) == []


@given(st.floats(0.01, 2.0), st.floats(0.05, 0.999))
def test_the_quantile_lies_in_the_bucket_that_holds_it(median_s: float, q: float) -> None:
    bounds = [0.05, 0.1, 0.5, 1.0, 5.0, math.inf]
    found = bucket_quantile(q, {le_s: within(le_s, median_s) for le_s in bounds})
    below = max([0.0, *(le_s for le_s in bounds if within(le_s, median_s) < q)])
    assert found <= 5.0
    assert found >= min(below, 5.0)


def test_quantiles_without_observations_or_without_an_upper_bucket_are_no_number() -> None:
    assert math.isnan(bucket_quantile(0.95, {0.1: 0.0, math.inf: 0.0}))
    assert math.isnan(bucket_quantile(0.95, {0.1: 1.0, 0.5: 2.0}))
    assert math.isnan(bucket_quantile(0.95, {math.inf: 2.0}))
