"""The platform's minor units: hundredths for most, whole units for some."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.adplatform.money import (
    CURRENCIES,
    NotRepresentableError,
    UnknownCurrencyError,
    price,
    to_major,
    to_minor,
)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("300", "EUR", 30_000),
        ("300.50", "USD", 30_050),
        ("300", "TWD", 300),
        ("300", "JPY", 300),
        ("300", "HUF", 300),
        ("300", "IDR", 300),
        ("300", "COP", 300),
        ("300", "CRC", 300),
    ],
)
def test_the_same_amount_is_another_integer_in_another_currency(
    amount: str, currency: str, minor: int
) -> None:
    assert to_minor(Decimal(amount), currency) == minor
    assert to_major(minor, currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("0.5", "TWD"), ("0.5", "JPY"), ("0.001", "EUR"), ("NaN", "EUR"), ("Infinity", "EUR")],
)
def test_what_the_platform_cannot_say_is_refused_rather_than_rounded(
    amount: str, currency: str
) -> None:
    with pytest.raises(NotRepresentableError):
        to_minor(Decimal(amount), currency)


def test_a_currency_that_is_not_traded_is_refused() -> None:
    with pytest.raises(UnknownCurrencyError):
        to_minor(Decimal(1), "XXX")


@given(st.integers(0, 10**9), st.sampled_from(sorted(CURRENCIES)))
def test_there_and_back_is_the_same_integer(minor: int, currency: str) -> None:
    assert to_minor(to_major(minor, currency), currency) == minor


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_a_drawn_price_is_positive_in_every_currency(currency: str) -> None:
    assert price("1", currency) > 0
