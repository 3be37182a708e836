"""Verdicts: what one measurement after an action means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.model import Comparator, ExpectedEffect, Verdict
from policies.verification import judge
from tests.fakes.values import effect


def promise(comparator: Comparator, value: str) -> ExpectedEffect:
    return effect().model_copy(update={"comparator": comparator, "value": value})


@pytest.mark.parametrize(
    ("baseline", "measured", "verdict"),
    [
        ("0.31", "0.004", Verdict.WORKED),
        ("0.31", "0.05", Verdict.WORKED),
        ("0.31", "0.051", Verdict.NO_CHANGE),
        ("0.31", "0.31", Verdict.NO_CHANGE),
        ("0.31", "0.372", Verdict.NO_CHANGE),
        ("0.31", "0.373", Verdict.WORSE),
        (None, "0.9", Verdict.NO_CHANGE),
        ("no number", "0.9", Verdict.NO_CHANGE),
        ("0", "0.9", Verdict.WORSE),
        ("0.31", None, Verdict.UNKNOWN),
        ("0.31", "NaN", Verdict.UNKNOWN),
        ("0.31", "Infinity", Verdict.UNKNOWN),
        ("0.31", "n/a", Verdict.UNKNOWN),
        ("0.31", "", Verdict.UNKNOWN),
    ],
)
def test_less_is_better(baseline: str | None, measured: str | None, verdict: Verdict) -> None:
    assert judge(promise(Comparator.LE, "0.05"), baseline, measured) is verdict


@pytest.mark.parametrize(
    ("baseline", "measured", "verdict"),
    [
        ("10", "100", Verdict.WORKED),
        ("10", "99", Verdict.NO_CHANGE),
        ("10", "9", Verdict.NO_CHANGE),
        ("10", "8", Verdict.WORSE),
        ("10", None, Verdict.UNKNOWN),
    ],
)
def test_more_is_better(baseline: str, measured: str | None, verdict: Verdict) -> None:
    assert judge(promise(Comparator.GE, "100"), baseline, measured) is verdict


@pytest.mark.parametrize(
    ("baseline", "measured", "verdict"),
    [
        ("no", "yes", Verdict.WORKED),
        ("no", "no", Verdict.NO_CHANGE),
        ("no", "gone", Verdict.WORSE),
        (None, "no", Verdict.WORSE),
        ("no", None, Verdict.UNKNOWN),
    ],
)
def test_one_state_is_wanted(baseline: str | None, measured: str | None, verdict: Verdict) -> None:
    assert judge(promise(Comparator.EQ, "yes"), baseline, measured) is verdict


def test_a_promise_without_a_number_is_never_kept_by_one() -> None:
    assert judge(promise(Comparator.LE, "little"), "1", "0") is Verdict.UNKNOWN


@given(st.none() | st.text(max_size=12), st.none() | st.text(max_size=12))
def test_nothing_measured_is_never_a_success(baseline: str | None, measured: str | None) -> None:
    verdict = judge(promise(Comparator.LE, "0.05"), baseline, measured)
    if measured is None:
        assert verdict is Verdict.UNKNOWN
    elif verdict is Verdict.WORKED:
        assert float(measured) <= 0.05
