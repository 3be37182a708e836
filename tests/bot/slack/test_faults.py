"""What people read in a form about a parameter that can't be: our words, never the library's."""

import pytest
from pydantic import ValidationError

from bot.slack.faults import in_words
from policies.model import Scalar
from tests.tools.test_adplatform import TENTS, TODAY
from tools.base import Parameters
from tools.connectors.adplatform.writes import CreateParameters, SwitchParameters
from tools.connectors.alertmanager import SilenceParameters

SILENCE: dict[str, Scalar] = {"alertname": "HighErrorRatio", "minutes": 60}
EMPTY = "Please fill this in"
NO_AMOUNT = "is not an amount: write it like 300.00 (a point, no thousands separator,"
A_DAY = "Please choose a day, written like 2026-12-24"
LIBRARY = ("pydantic", "validation", "should", "pattern", "Value error", "`", "[type=")


def said(model: type[Parameters], params: dict[str, Scalar]) -> dict[str, str]:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(params)
    return in_words(refused.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"daily_budget": "50,5"}, f"50,5 {NO_AMOUNT}"),
        ({"daily_budget": "1e3"}, f"1e3 {NO_AMOUNT}"),
        ({"daily_budget": "-1"}, f"-1 {NO_AMOUNT}"),
        ({"daily_budget": "50.00 EUR"}, f"50.00 EUR {NO_AMOUNT}"),
        ({"daily_budget": "50.555"}, "amount: EUR has 2 digits after the point"),
        ({"daily_budget": "50.5", "currency": "JPY"}, "amount: JPY has 0 digits after the point"),
        ({"daily_budget": "0"}, "A campaign needs more than nothing a day"),
        ({"daily_budget": "0.00"}, "A campaign needs more than nothing a day"),
        ({"daily_budget": "1000000000.01"}, "At most 1000000000 a day"),
        ({"daily_budget": ""}, EMPTY),
        ({"headline": ""}, EMPTY),
        ({"headline": "x" * 121}, "At most 120 characters; these are 121"),
        ({"ends_on": ""}, EMPTY),
        ({"ends_on": "tomorrow"}, A_DAY),
        ({"ends_on": "2027-02-30"}, A_DAY),
        ({"ends_on": "2027-W05-1"}, A_DAY),
        ({"ends_on": TODAY.isoformat()}, "The end must not lie before the start"),
        ({"ends_on": TODAY.replace(year=TODAY.year + 2).isoformat()}, "At most 366 days; these"),
    ],
)
def test_a_mistake_in_a_campaign_reads_as_in_its_brief(
    changes: dict[str, Scalar], words: str
) -> None:
    found = said(CreateParameters, TENTS | changes)
    (name,) = set(changes) - {"currency"}
    assert list(found) == [name]
    assert found[name].startswith(words)
    assert not [part for part in LIBRARY if part in found[name]]


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (4, "At least 5"),
        (1441, "At most 1440"),
        (-1, "At least 5"),
        ("soon", "Please write a whole number"),
        ("5.5", "Please write a whole number"),
        ("", EMPTY),
    ],
)
def test_a_mistake_in_the_minutes_of_a_silence_is_told_plainly(minutes: Scalar, words: str) -> None:
    assert said(SilenceParameters, SILENCE | {"minutes": minutes}) == {"minutes": words}


def test_a_pattern_without_words_of_its_own_shows_nothing_of_the_library() -> None:
    found = said(CreateParameters, TENTS | {"url": "ftp://shop.example"})
    assert not [part for part in LIBRARY if part in found["url"]]


def test_what_spends_nothing_can_still_be_paused() -> None:
    params = {"campaign_id": "1", "name": "Tents", "daily_budget": "0.00 EUR", "days": 0}
    assert SwitchParameters.model_validate(params).daily_budget == "0.00 EUR"
