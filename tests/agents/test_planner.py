"""Briefs: a plan of a good one, and every field's fault in words of its writer."""

from datetime import date, timedelta

import pytest

from agents.campaign.planner import CHANNELS, LENGTHS, OBJECTIVES, BriefError, plan

TODAY = date(2026, 11, 20)
BRIEF = {
    "name": "Spring  tents",
    "objective": "sales",
    "audience": "campers",
    "channel": "social",
    "headline": "Sleep outside",
    "url": "https://shop.example/tents",
    "daily_budget": "50.00 EUR",
    "starts_on": "2026-11-20",
    "ends_on": "2026-11-29",
}


def faults(**changes: str) -> dict[str, str]:
    with pytest.raises(BriefError) as caught:
        plan(BRIEF | changes, TODAY)
    return caught.value.faults


def test_a_good_brief_becomes_a_plan() -> None:
    made = plan(BRIEF, TODAY)
    assert (made.name, made.days, str(made.daily)) == ("Spring tents", 10, "50.00 EUR")
    assert (made.starts_on, made.ends_on) == ("2026-11-20", "2026-11-29")


@pytest.mark.parametrize("field", sorted(BRIEF))
def test_each_field_that_is_missing_is_named_alone(field: str) -> None:
    with pytest.raises(BriefError) as caught:
        plan({name: text for name, text in BRIEF.items() if name != field}, TODAY)
    assert list(caught.value.faults) == [field]
    assert caught.value.faults[field]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(BriefError) as caught:
        plan({}, TODAY)
    assert set(caught.value.faults) == set(BRIEF)


@pytest.mark.parametrize("field", sorted(LENGTHS))
def test_a_text_that_is_too_long_says_by_how_much(field: str) -> None:
    longest = ("https://x.example/" + "a" * LENGTHS[field])[: LENGTHS[field]]
    assert getattr(plan(BRIEF | {field: longest}, TODAY), field) == longest
    found = faults(**{field: longest + "a"})
    assert str(LENGTHS[field]) in found[field]
    assert str(LENGTHS[field] + 1) in found[field]


@pytest.mark.parametrize("field", sorted(LENGTHS))
@pytest.mark.parametrize("blank", ["", "   ", "\n\t", "\u00a0"])
def test_blanks_are_not_words(field: str, blank: str) -> None:
    assert set(faults(**{field: blank})) == {field}


@pytest.mark.parametrize(("field", "allowed"), [("objective", OBJECTIVES), ("channel", CHANNELS)])
def test_a_choice_is_one_of_those_offered(field: str, allowed: dict[str, str]) -> None:
    for choice in allowed:
        assert getattr(plan(BRIEF | {field: choice}, TODAY), field) == choice
    assert set(faults(**{field: "everything"})) == {field}


@pytest.mark.parametrize(
    "url",
    [
        "shop.example",
        "/tents",
        "javascript:alert(1)",
        "ftp://shop.example/",
        "https://",
        "https:///path",
        "http://[::1",
        "//shop.example/",
    ],
)
def test_an_address_must_be_whole_and_of_the_web(url: str) -> None:
    assert set(faults(url=url)) == {"url"}


@pytest.mark.parametrize(
    "budget",
    [
        "50",
        "EUR 50",
        "50,00 EUR",
        "-5.00 EUR",
        "0.00 EUR",
        "50.001 EUR",
        "1.5 JPY",
        "lots",
        "1e9 EUR",
    ],
)
def test_a_budget_must_be_an_amount_with_its_currency(budget: str) -> None:
    found = faults(daily_budget=budget)
    assert set(found) == {"daily_budget"}
    assert "pydantic" not in found["daily_budget"]
    assert "\n" not in found["daily_budget"]


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "wrong"),
    [
        ("2026-11-19", "2026-11-29", {"starts_on"}),
        ("2026-11-25", "2026-11-24", {"ends_on"}),
        ("2026-11-20", "2027-11-21", {"ends_on"}),
        ("2026-11-31", "2026-12-05", {"starts_on"}),
        ("20.11.2026", "2026-12-05", {"starts_on"}),
        ("2026-11-20", "tomorrow", {"ends_on"}),
        ("2026-11-10", "2026-11-09", {"starts_on", "ends_on"}),
    ],
)
def test_dates_that_cannot_be_are_told_at_their_field(
    starts_on: str, ends_on: str, wrong: set[str]
) -> None:
    assert set(faults(starts_on=starts_on, ends_on=ends_on)) == wrong


@pytest.mark.parametrize(("last", "days"), [(TODAY, 1), (TODAY + timedelta(days=365), 366)])
def test_both_ends_of_a_flight_count(last: date, days: int) -> None:
    assert plan(BRIEF | {"ends_on": last.isoformat()}, TODAY).days == days


def test_the_digest_names_exactly_this_plan() -> None:
    first = plan(BRIEF, TODAY)
    assert plan(dict(reversed(BRIEF.items())), TODAY).digest == first.digest
    changes = {
        "name": "Other",
        "objective": "leads",
        "audience": "others",
        "channel": "search",
        "headline": "Other",
        "url": "https://shop.example/other",
        "daily_budget": "50.01 EUR",
        "starts_on": "2026-11-21",
        "ends_on": "2026-11-30",
    }
    assert set(changes) == set(BRIEF)
    for field, text in changes.items():
        assert plan(BRIEF | {field: text}, TODAY).digest != first.digest, field
