"""Money as a decimal amount with its currency; no arithmetic across currencies, no floats."""

import re
from decimal import ROUND_CEILING, Decimal
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

# ISO 4217 minor units; currencies that are not named here have two digits.
NO_MINOR_UNIT = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"}
    | {"VUV", "XAF", "XOF", "XPF"}
)
THREE_DIGITS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
# The codes of ISO 4217 that money is written in today.
CURRENCIES = frozenset(
    re.findall(
        r"[A-Z]{3}",
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN "
        "BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP "
        "ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR "
        "ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA "
        "MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK "
        "PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC "
        "SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND "
        "VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ",
    )
)
LIMIT = Decimal(10) ** 15

_WRITTEN = re.compile(r"^\s*([0-9]{1,15}(?:\.[0-9]{1,3})?)\s+([A-Z]{3})\s*$")


def minor_digits(currency: str) -> int:
    """Return how many digits ISO 4217 gives the currency's minor unit."""
    if currency in NO_MINOR_UNIT:
        return 0
    return 3 if currency in THREE_DIGITS else 2


class Money(BaseModel):
    """An amount in major units (300.00 EUR is three hundred euros), never negative."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    amount: Decimal
    currency: str

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if not re.fullmatch(r"[A-Z]{3}", self.currency):
            raise ValueError(f"currency: `{self.currency}` is not an ISO 4217 code such as EUR")
        if not self.amount.is_finite() or not 0 <= self.amount < LIMIT:
            raise ValueError("amount: must be a number from 0 to below 10^15")
        digits = minor_digits(self.currency)
        if self.amount != self.amount.quantize(Decimal(1).scaleb(-digits)):
            raise ValueError(f"amount: {self.currency} has {digits} digits after the point")
        return self

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `300.00 EUR`; a comma, a sign, a symbol or a missing currency is a ValueError."""
        found = _WRITTEN.match(text)
        if found is None:
            raise ValueError(
                f"`{text[:40]}` is not an amount: write it like `300.00 EUR` (a point, no thousands"
                " separator, then the currency code)"
            )
        return cls(amount=Decimal(found[1]), currency=found[2])

    def times(self, factor: Decimal) -> "Money":
        """Multiply, rounded up to the minor unit: a worst case is never understated."""
        unit = Decimal(1).scaleb(-minor_digits(self.currency))
        amount = (self.amount * factor).quantize(unit, rounding=ROUND_CEILING)
        return Money(amount=amount, currency=self.currency)

    def __str__(self) -> str:
        return f"{self.amount:.{minor_digits(self.currency)}f} {self.currency}"
