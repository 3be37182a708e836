"""The ad platform's connector against the playground's platform."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from playground.adplatform.api import AdPlatform as Server
from policies.model import Scalar, Verdict
from policies.verification import judge
from tests.playground.shop.world import NOON, FakeClock
from tests.tools.world import CALL, OTHER, advertising
from tools.base import AnyWriteTool, Call, Effect, Parameters, Reading, Refused
from tools.catalogue import Catalogue
from tools.gateway import arguments_of
from tools.reserving import currency_of

TODAY = NOON.date()
TENTS: dict[str, Scalar] = {
    "name": "Spring tents",
    "objective": "sales",
    "audience": "campers",
    "channel": "social",
    "headline": "Sleep outside",
    "url": "https://shop.example/tents",
    "currency": "EUR",
    "daily_budget": "50.00",
    "starts_on": (TODAY + timedelta(days=1)).isoformat(),
    "ends_on": (TODAY + timedelta(days=10)).isoformat(),
}


class Account:
    """The platform's server, and what the connector can do there."""

    def __init__(self, server: Server, catalogue: Catalogue, clock: FakeClock) -> None:
        self.server, self.catalogue, self.clock = server, catalogue, clock

    async def read(self, tool: str, **params: str) -> Reading:
        found = self.catalogue.reading(f"adplatform_{tool}")
        return await found.read(arguments_of(found, params))

    def writing(self, verb: str, params: dict[str, Scalar]) -> tuple[AnyWriteTool, Parameters]:
        tool = self.catalogue.writing(f"adplatform_{verb}_campaign")
        return tool, arguments_of(tool, params)

    async def create(self, call: Call = CALL, **changes: Scalar) -> Effect:
        tool, params = self.writing("create", TENTS | changes)
        return await tool.act(params, call)

    async def switch(self, verb: str, params: dict[str, Scalar], call: Call) -> Effect:
        tool, arguments = self.writing(verb, params)
        return await tool.act(arguments, call)

    def running(self) -> Any:  # noqa: ANN401 - the platform's own rows
        return next(c for c in self.rows if c["effective_status"] == "ACTIVE")

    rows: tuple[Any, ...] = ()


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with advertising() as (server, catalogue, clock):
        made = Account(server, catalogue, clock)
        made.rows = (await made.read("campaigns")).rows
        yield made


def switching(row: Any, **changes: Scalar) -> dict[str, Scalar]:  # noqa: ANN401 - as above
    return {
        "campaign_id": row["id"],
        "name": row["name"],
        "daily_budget": row["daily_budget"],
        "days": 10,
        **changes,
    }


async def test_the_account_tells_its_currency_and_overspending(account: Account) -> None:
    found = await account.read("account")
    assert found.data == {"currency": "EUR", "overspend_ratio": "0.25", "name": "Shop"}


async def test_every_campaign_is_listed_with_both_its_states_and_money(account: Account) -> None:
    states = {str(row["effective_status"]) for row in account.rows}
    assert states == {"ACTIVE", "PAUSED", "ENDED"}
    assert all(str(row["daily_budget"]).endswith(" EUR") for row in account.rows)
    assert all(row["owner"] == "mia" for row in account.rows)


async def test_what_was_spent_is_money_in_the_sum_and_in_every_row(account: Account) -> None:
    row = account.running()
    window = {"since": (TODAY - timedelta(days=3)).isoformat(), "until": TODAY.isoformat()}
    found = await account.read("insights", campaign_id=row["id"], **window)
    budget = float(row["daily_budget"].split()[0])
    days = [float(str(one["spend"]).split()[0]) for one in found.rows]
    assert len(days) == 4
    assert all(0.3 * budget <= spent <= 1.25 * budget for spent in days)
    assert float(str(found.data["spend"]).split()[0]) == pytest.approx(sum(days))
    assert found.data["conversions"] == sum(int(str(one["conversions"])) for one in found.rows)


async def test_a_campaign_that_never_ran_spent_an_unknown_not_nothing(account: Account) -> None:
    paused = next(row for row in account.rows if row["effective_status"] == "PAUSED")
    window = {"since": (TODAY - timedelta(days=3)).isoformat(), "until": TODAY.isoformat()}
    found = await account.read("insights", campaign_id=paused["id"], **window)
    assert (found.data["spend"], found.data["conversions"], found.rows) == (None, None, ())


async def test_a_campaign_is_planned_with_its_worst_case(account: Account) -> None:
    tool, params = account.writing("create", TENTS)
    plan = tool.plan(params, await tool.observe(params))
    assert str(plan.daily) == "50.00 EUR"
    assert str(plan.total) == "625.00 EUR"
    assert plan.worst_case is not None
    assert plan.worst_case.startswith("625.00 EUR over 10 days")
    assert {one.field for one in plan.preconditions} == {"campaign", "currency", "overspend_ratio"}


async def test_a_longer_flight_costs_more_also_after_an_edit(account: Account) -> None:
    longer = TENTS | {"ends_on": (TODAY + timedelta(days=20)).isoformat()}
    tool, params = account.writing("create", longer)
    assert str(tool.plan(params, await tool.observe(params)).total) == "1250.00 EUR"


@pytest.mark.parametrize(
    "changes",
    [
        {"starts_on": "2026-11-31"},
        {"starts_on": "soon"},
        {"ends_on": TODAY.isoformat()},
        {"ends_on": (TODAY + timedelta(days=400)).isoformat()},
        {"daily_budget": "-50"},
        {"daily_budget": "1e3"},
        {"daily_budget": "50,00"},
        {"daily_budget": "\u0665\u0660"},
        {"currency": "eur"},
        {"url": "javascript:alert(1)"},
        {"name": ""},
        {"days": 3},
    ],
)
async def test_a_campaign_that_makes_no_sense_is_refused_before_it_is_asked_for(
    account: Account, changes: dict[str, Scalar]
) -> None:
    with pytest.raises(Refused):
        account.writing("create", TENTS | changes)


async def test_a_taken_name_and_a_foreign_currency_are_refused(account: Account) -> None:
    taken: dict[str, Scalar] = {"name": str(account.running()["name"])}
    foreign: dict[str, Scalar] = {"currency": "USD"}
    for changes in (taken, foreign):
        tool, params = account.writing("create", TENTS | changes)
        with pytest.raises(Refused):
            tool.plan(params, await tool.observe(params))


async def test_it_is_created_paused_once_however_often_it_is_sent(account: Account) -> None:
    first, second = await account.create(), await account.create()
    assert first == second
    assert [effect.what for effect in account.server.effects] == ["campaign.create"]
    back = await account.read("campaign", name="Spring tents")
    assert back.data["read_back"] == "PAUSED, 50.00 EUR a day"
    assert first.left == {"campaign": back.data["id"]}


async def test_the_plan_promises_what_reading_it_back_shows(account: Account) -> None:
    tool, params = account.writing("create", TENTS | {"daily_budget": "50"})
    effect = tool.plan(params, await tool.observe(params)).expected_effect
    assert effect is not None
    before = await account.read("campaign", name="Spring tents")
    assert before.data == {}
    await tool.act(params, CALL)
    back = await account.read("campaign", name="Spring tents")
    assert judge(effect, None, str(back.data[effect.field])) is Verdict.WORKED


async def test_one_key_never_stands_for_two_campaigns(account: Account) -> None:
    await account.create()
    with pytest.raises(Refused) as caught:
        await account.create(name="Other tents")
    assert caught.value.status == 409


async def test_what_became_of_a_creation_is_found_by_its_key(account: Account) -> None:
    tool, params = account.writing("create", TENTS)
    assert await tool.reconcile(params, CALL) is None
    done = await account.create()
    assert await tool.reconcile(params, CALL) == done
    assert await tool.reconcile(params, OTHER) is None


async def test_switching_says_where_a_campaign_is_shown_and_what_it_spends_in(
    account: Account,
) -> None:
    done = await account.create()
    row = {"id": done.data["campaign_id"], "name": "Spring tents", "daily_budget": "50.00 EUR"}
    for verb in ("activate", "pause"):
        tool, params = account.writing(verb, switching(row))
        observed = await tool.observe(params)
        plan = tool.plan(params, observed)
        assert (currency_of(plan), plan.channel) == ("EUR", "social")
        assert tool.plan(params, {**observed, "channel": "unknown"}).channel is None
        call = Call(key=f"signoff-T-1-2-{verb}", comment="Signoff T-1-2")
        await account.switch(verb, switching(row), call)


async def test_activating_and_pausing_undo_each_other(account: Account) -> None:
    done = await account.create()
    row = {"id": done.data["campaign_id"], "name": "Spring tents", "daily_budget": "50.00 EUR"}
    tool, params = account.writing("activate", switching(row))
    plan = tool.plan(params, await tool.observe(params))
    assert str(plan.total) == "625.00 EUR"
    assert plan.inverse is not None
    assert plan.inverse.tool == "adplatform_pause_campaign"
    switched = await tool.act(params, OTHER)
    assert switched.left == {"status": "ACTIVE", "daily_budget": "50.00 EUR"}
    undo, back = account.writing("pause", dict(plan.inverse.parameters))
    assert (await undo.act(back, CALL_BACK)).left["status"] == "PAUSED"
    assert [effect.what for effect in account.server.effects] == [
        "campaign.create",
        "campaign.status",
        "campaign.status",
    ]


async def test_what_the_worst_case_of_an_activation_rests_on_must_still_be_so(
    account: Account,
) -> None:
    done = await account.create()
    row = {"id": done.data["campaign_id"], "name": "Spring tents", "daily_budget": "50.00 EUR"}
    tool, params = account.writing("activate", switching(row))
    found = tool.plan(params, await tool.observe(params)).preconditions
    assert {str(item) for item in found} >= {
        "its budget is 50.00 EUR a day",
        "a day may overspend its budget by 25 %",
    }


CALL_BACK = Call(key="signoff-T-1-2-inverse", comment="Signoff T-1-2 (inverse)")


async def test_a_switch_is_done_once_and_found_by_its_key(account: Account) -> None:
    params = switching(account.running())
    tool, arguments = account.writing("pause", params)
    assert await tool.reconcile(arguments, CALL) is None
    first = await account.switch("pause", params, CALL)
    assert await account.switch("pause", params, CALL) == first
    assert await tool.reconcile(arguments, CALL) == first
    assert await tool.reconcile(arguments, OTHER) is None
    assert len(account.server.effects) == 1


async def test_a_campaign_that_was_switched_meanwhile_is_a_conflict(account: Account) -> None:
    params = switching(account.running())
    await account.switch("pause", params, CALL)
    with pytest.raises(Refused) as caught:
        await account.switch("pause", params, OTHER)
    assert caught.value.status == 409
    assert len(account.server.effects) == 1


@pytest.mark.parametrize(
    "changes",
    [{"name": "Something else"}, {"daily_budget": "1.00 EUR"}, {"daily_budget": "80 EUR"}],
)
async def test_a_switch_is_planned_only_for_the_campaign_as_it_was_shown(
    account: Account, changes: dict[str, Scalar]
) -> None:
    tool, params = account.writing("pause", switching(account.running()) | changes)
    with pytest.raises(Refused):
        tool.plan(params, await tool.observe(params))


async def test_what_does_not_run_is_not_paused_and_what_runs_is_not_activated(
    account: Account,
) -> None:
    paused = next(row for row in account.rows if row["effective_status"] == "PAUSED")
    for verb, row in (("pause", paused), ("activate", account.running())):
        tool, params = account.writing(verb, switching(row))
        with pytest.raises(Refused):
            tool.plan(params, await tool.observe(params))


@pytest.mark.parametrize("name", ["..", ".", "../account", "by-key/x", "%2e%2e", "a/b", "?", "\n"])
async def test_a_hostile_campaign_id_cannot_escape_its_path(account: Account, name: str) -> None:
    window = {"since": TODAY.isoformat(), "until": TODAY.isoformat()}
    with pytest.raises(Refused):
        await account.read("insights", campaign_id=name, **window)
    tool, params = account.writing("pause", switching(account.running()) | {"campaign_id": name})
    with pytest.raises(Refused):
        await tool.observe(params)
    with pytest.raises(Refused):
        await tool.act(params, CALL)
    assert account.server.effects == ()


async def test_a_wrong_token_is_refused() -> None:
    async with advertising(token="nope") as (_, catalogue, _clock):
        tool = catalogue.reading("adplatform_account")
        with pytest.raises(Refused) as caught:
            await tool.read(arguments_of(tool, {}))
        assert caught.value.status == 401
