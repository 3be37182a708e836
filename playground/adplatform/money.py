"""The platform's money: integers in minor units whose size depends on the currency."""

from dataclasses import dataclass
from decimal import Decimal


class UnknownCurrencyError(LookupError):
    """The platform does not trade in this currency."""


class NotRepresentableError(ValueError):
    """An amount is finer than the currency's smallest unit on this platform."""


@dataclass(frozen=True, slots=True)
class Currency:
    """How many minor units make one major unit, and roughly how many major units buy one euro."""

    offset: int
    per_euro: Decimal


def _table(offset: int, **per_euro: str) -> dict[str, Currency]:
    return {code: Currency(offset, Decimal(rate)) for code, rate in per_euro.items()}


# Offsets: Meta, Marketing API, "Currency Codes" (offset 1 for TWD, HUF, IDR, COP and CRC too,
# although ISO 4217 gives them two decimals). The rates only set the price level of the world.
CURRENCIES: dict[str, Currency] = {
    **_table(100, AUD="1.7", BRL="6.2", CAD="1.6", CHF="0.94", CNY="8.2", CZK="24.5"),
    **_table(100, DKK="7.46", EUR="1", GBP="0.86", HKD="9", ILS="3.8", INR="98", MXN="21"),
    **_table(100, NOK="11.7", NZD="2", PLN="4.25", RON="5.1", SEK="11", SGD="1.5", THB="38"),
    **_table(100, TRY="48", USD="1.16", ZAR="20"),
    **_table(1, CLP="1100", COP="4500", CRC="585", HUF="390", IDR="19300", ISK="142"),
    **_table(1, JPY="175", KRW="1650", PYG="8300", TWD="35", VND="30500"),
}


def currency(code: str) -> Currency:
    """Return what is known of a currency; raises `UnknownCurrencyError`."""
    try:
        return CURRENCIES[code]
    except KeyError:
        raise UnknownCurrencyError(code) from None


def to_minor(amount: Decimal, code: str) -> int:
    """Turn major units into the platform's integer; raises when that would lose money.

    Raises `NotRepresentableError` and `UnknownCurrencyError`.
    """
    scaled = amount * currency(code).offset
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise NotRepresentableError(f"{amount} {code} is finer than the platform's smallest unit")
    return int(scaled)


def to_major(minor: int, code: str) -> Decimal:
    """Turn the platform's integer into major units; raises `UnknownCurrencyError`."""
    return Decimal(minor) / currency(code).offset


def price(euros: str, code: str) -> int:
    """Return a euro price at the currency's level, rounded to ten major units, as the integer."""
    tens = (Decimal(euros) * currency(code).per_euro / 10).to_integral_value()
    return to_minor(max(tens, Decimal(1)) * 10, code)
