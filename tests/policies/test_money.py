"""Money: what is read, what is refused, and that nothing is ever rounded away."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.money import Money, minor_digits

CURRENCIES = ("EUR", "USD", "JPY", "TWD", "HUF", "KWD")


@pytest.mark.parametrize(
    ("text", "amount", "currency", "shown"),
    [
        ("300.00 EUR", "300", "EUR", "300.00 EUR"),
        ("0.01 USD", "0.01", "USD", "0.01 USD"),
        ("  5 GBP ", "5", "GBP", "5.00 GBP"),
        ("1500 JPY", "1500", "JPY", "1500 JPY"),
        ("1.234 KWD", "1.234", "KWD", "1.234 KWD"),
        ("100.50 TWD", "100.5", "TWD", "100.50 TWD"),
    ],
)
def test_an_amount_is_read_with_its_currency(
    text: str, amount: str, currency: str, shown: str
) -> None:
    money = Money.parse(text)
    assert (money.amount, money.currency, str(money)) == (Decimal(amount), currency, shown)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "300",
        "EUR",
        "EUR 300.00",
        "300,00 EUR",
        "1,000.00 EUR",
        "1.000,00 EUR",
        "1 000 EUR",
        "€300",
        "-5.00 EUR",
        "+5.00 EUR",
        "1e3 EUR",
        "1E+3 EUR",
        "NaN EUR",
        "Infinity EUR",
        "0x10 EUR",
        "1_000 EUR",
        ".5 EUR",
        "5. EUR",
        "300.00 eur",
        "300.00 EURO",
        "300.00EUR",
        "300.00 EUR; DROP TABLE",
        "300.00 EUR\n400.00 EUR",
        "1000000000000000 EUR",
        "\u0663\u0660\u0660 EUR",
        "\uff13\uff10\uff10 EUR",
        "300\u200b EUR",
        "300.00 \u0415UR",
    ],
)
def test_a_text_that_could_be_misread_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an amount|number from 0"):
        Money.parse(text)


@pytest.mark.parametrize("text", ["1.50 JPY", "0.001 EUR", "10.999 USD"])
def test_an_amount_finer_than_the_minor_unit_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="digits after the point"):
        Money.parse(text)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-0.01", "1E+15", "1E-30"])
def test_no_money_is_made_of_what_is_no_sum(amount: str) -> None:
    with pytest.raises(ValidationError):
        Money(amount=Decimal(amount), currency="EUR")


@pytest.mark.parametrize("currency", ["", "eur", "EU", "EURO", "€€€", "EU\n"])
def test_no_money_is_made_without_a_currency_code(currency: str) -> None:
    with pytest.raises(ValidationError):
        Money(amount=Decimal(1), currency=currency)


def test_a_float_is_no_amount() -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": 0.1, "currency": "EUR"})


def test_money_of_two_currencies_is_never_equal() -> None:
    assert Money.parse("1.00 EUR") != Money.parse("1.00 USD")


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("TWD", 2)])
def test_minor_units_follow_iso_4217(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


def test_a_worst_case_is_rounded_up_to_the_minor_unit() -> None:
    assert str(Money.parse("0.01 EUR").times(Decimal("1.25"))) == "0.02 EUR"
    assert str(Money.parse("7 JPY").times(Decimal("1.25"))) == "9 JPY"
    assert str(Money.parse("10.00 EUR").times(Decimal("1.25"))) == "12.50 EUR"


AMOUNTS = st.builds(
    lambda units, code: Money(amount=Decimal(units).scaleb(-minor_digits(code)), currency=code),
    st.integers(0, 10**12),
    st.sampled_from(CURRENCIES),
)


@given(AMOUNTS)
def test_what_is_shown_reads_back_as_the_same_money(money: Money) -> None:
    assert Money.parse(str(money)) == money


@given(AMOUNTS, st.decimals(min_value=0, max_value=366, places=4))
def test_multiplying_never_understates_and_adds_less_than_one_unit(
    money: Money, factor: Decimal
) -> None:
    exact = money.amount * factor
    unit = Decimal(1).scaleb(-minor_digits(money.currency))
    assert 0 <= money.times(factor).amount - exact < unit
