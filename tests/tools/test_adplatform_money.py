"""Money on the ad platform's wire: a budget is never off by a hundred."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.adplatform.money import CURRENCIES, to_minor
from policies.money import Money, minor_digits
from tests.tools.test_adplatform import TENTS
from tests.tools.world import CALL, advertising
from tools.base import Refused
from tools.connectors.adplatform.wire import from_wire, to_wire
from tools.gateway import arguments_of

SAMPLE = ("EUR", "USD", "GBP", "TWD", "JPY", "HUF", "KRW", "IDR", "CLP", "COP", "CRC", "CHF")


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_the_wire_agrees_with_the_platform_for_each_of_its_currencies(currency: str) -> None:
    money = Money(amount=Decimal(1234), currency=currency)
    assert to_wire(money) == to_minor(money.amount, currency)
    assert to_wire(money) == 1234 * CURRENCIES[currency].offset


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, 10**12))
def test_what_comes_from_the_wire_goes_back_the_same(currency: str, units: int) -> None:
    assert to_wire(from_wire(units, currency)) == units


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, 10**10))
def test_no_amount_is_rounded_on_its_way(currency: str, units: int) -> None:
    money = Money(amount=Decimal(units).scaleb(-minor_digits(currency)), currency=currency)
    try:
        sent = to_wire(money)
    except Refused:
        assert money.amount * CURRENCIES[currency].offset % 1 != 0
    else:
        assert from_wire(sent, currency) == money


@pytest.mark.parametrize(
    ("text", "units"),
    [("300.00 EUR", 30_000), ("300 TWD", 300), ("300 JPY", 300), ("300 HUF", 300), ("0.01 EUR", 1)],
)
def test_the_units_of_the_wire(text: str, units: int) -> None:
    assert to_wire(Money.parse(text)) == units


@pytest.mark.parametrize("text", ["300.50 TWD", "0.01 HUF", "99.99 IDR", "1.234 KWD"])
def test_a_fraction_that_the_platform_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="no fractions"):
        to_wire(Money.parse(text))


@pytest.mark.parametrize("currency", SAMPLE)
async def test_a_campaign_costs_on_the_platform_what_the_card_says(currency: str) -> None:
    async with advertising(currency) as (server, catalogue, _):
        tool = catalogue.writing("adplatform_create_campaign")
        wanted = TENTS | {"currency": currency, "daily_budget": "4200"}
        params = arguments_of(tool, wanted)
        plan = tool.plan(params, await tool.observe(params))
        await tool.act(params, CALL)
        (effect,) = server.effects
        assert effect.body["daily_budget"] == 4200 * CURRENCIES[currency].offset
        assert effect.body["currency"] == currency
        reading = catalogue.reading("adplatform_campaign")
        back = await reading.read(arguments_of(reading, {"name": "Spring tents"}))
    assert Money.parse(str(back.data["daily_budget"])) == plan.daily
    assert plan.daily == Money(amount=Decimal(4200), currency=currency)
    assert plan.expected_effect is not None
    assert back.data["read_back"] == plan.expected_effect.value
    assert plan.total == Money(amount=Decimal(4200) * 10 * Decimal("1.25"), currency=currency)


@pytest.mark.parametrize("currency", ["TWD", "HUF"])
async def test_a_plan_with_an_impossible_fraction_is_refused(currency: str) -> None:
    async with advertising(currency) as (server, catalogue, _):
        tool = catalogue.writing("adplatform_create_campaign")
        wanted = TENTS | {"currency": currency, "daily_budget": "42.50"}
        params = arguments_of(tool, wanted)
        with pytest.raises(Refused, match="no fractions"):
            tool.plan(params, await tool.observe(params))
        assert server.effects == ()


@pytest.mark.parametrize("currency", ["EUR", "TWD", "JPY"])
async def test_what_was_spent_is_of_the_size_of_the_budget(currency: str) -> None:
    async with advertising(currency) as (_, catalogue, clock):
        listing = catalogue.reading("adplatform_campaigns")
        rows = (await listing.read(arguments_of(listing, {}))).rows
        running = next(row for row in rows if row["effective_status"] == "ACTIVE")
        insights = catalogue.reading("adplatform_insights")
        yesterday = clock.now().date().replace(day=clock.now().day - 1).isoformat()
        asked = {"campaign_id": str(running["id"]), "since": yesterday, "until": yesterday}
        found = await insights.read(arguments_of(insights, asked))
    budget = Money.parse(str(running["daily_budget"]))
    spent = Money.parse(str(found.data["spend"]))
    assert spent.currency == currency
    assert Decimal("0.7") < spent.amount / budget.amount < Decimal("1.26")
