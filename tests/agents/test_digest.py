"""The weekly digest: what is not known is never a zero, and what needs a person is named."""

from datetime import UTC, date, datetime, timedelta

import pytest

from agents.campaign.digest import MOST_CAMPAIGNS, Digest, DigestAgent, DigestRow, last_day
from agents.report import FindingKind, Report
from policies.loader import sealed
from policies.redaction import Redactor
from tests.agents.evidence import Gathered, task
from tests.fakes.ports import FakeControls, FakeDirectory, FakeJournal, FakeMemory
from tests.fakes.values import caller
from tests.playground.shop.world import NOON, FakeClock
from tests.tools.world import advertising
from tools.catalogue import Catalogue
from tools.gateway import Gateway, Parts

UNTIL = date(2026, 11, 19)
AS_OF = "2026-11-20T12:00:00Z"


def gateway_of(catalogue: Catalogue, clock: FakeClock) -> Gateway:
    return Gateway(
        Parts(
            catalogue=catalogue,
            journal=FakeJournal([]),
            memory=FakeMemory(),
            controls=FakeControls([]),
            directory=FakeDirectory(clock, []),
            rules=lambda: sealed([]),
            clock=clock,
            redactor=Redactor(),
            boundary=lambda _: None,
        )
    )


@pytest.fixture
def agent() -> DigestAgent:
    clock = FakeClock()
    return DigestAgent(gateway_of(Catalogue([]), clock), clock)


def campaign(name: str = "Tents", **changes: str) -> dict[str, str]:
    return {
        "id": f"cmp-{name}",
        "name": name,
        "status": "ACTIVE",
        "effective_status": "ACTIVE",
        "currency": "EUR",
        "starts_on": "2026-11-01",
        "ends_on": "2026-12-24",
        "daily_budget": "100.00 EUR",
        "owner": "mia",
        **changes,
    }


def listed(*rows: dict[str, str]) -> Gathered:
    return Gathered().add("campaigns", "adplatform_campaigns", {"count": len(rows)}, rows)


def week(
    found: Gathered, spend: str | None, conversions: int | None = 9, name: str = "Tents"
) -> Gathered:
    data = {"spend": spend, "conversions": conversions, "as_of": AS_OF}
    return found.add(f"week:cmp-{name}", "adplatform_insights", data)


async def digest(agent: DigestAgent, found: Gathered) -> tuple[Report, Digest]:
    report, drafts = await agent.analyse(task(), found.all)
    assert drafts == ()
    assert report.attachment is not None
    return report, Digest.model_validate_json(report.attachment)


async def only(agent: DigestAgent, found: Gathered) -> DigestRow:
    (row,) = (await digest(agent, found))[1].rows
    return row


async def test_it_covers_seven_whole_days_and_not_today(agent: DigestAgent) -> None:
    _, found = await digest(agent, week(listed(campaign()), "700.00 EUR"))
    assert last_day(task()) == UNTIL
    assert (found.since, found.until, found.as_of) == ("2026-11-13", "2026-11-19", AS_OF)
    (row,) = found.rows
    assert (row.spend, row.planned, row.conversions) == ("700.00 EUR", "700.00 EUR", 9)


async def test_what_is_not_known_is_shown_as_not_known(agent: DigestAgent) -> None:
    dead = listed(campaign()).add(
        "week:cmp-Tents", "adplatform_insights", {}, fault="no answer within 5 s"
    )
    row = await only(agent, dead)
    assert (row.spend, row.spend_before, row.conversions, row.conversions_before) == (None,) * 4
    assert row.attention == ("its figures can't be read",)


async def test_a_week_before_that_was_not_read_is_not_a_zero(agent: DigestAgent) -> None:
    row = await only(agent, week(listed(campaign()), "700.00 EUR"))
    assert (row.spend_before, row.conversions_before) == (None, None)
    assert row.attention == ()


@pytest.mark.parametrize(
    ("spend", "conversions", "attention"),
    [
        ("700.00 EUR", 9, ()),
        ("910.00 EUR", 9, ()),
        ("910.01 EUR", 9, ("spent 130% of its plan",)),
        ("350.00 EUR", 9, ()),
        ("349.99 EUR", 9, ("spent only 50% of its plan",)),
        ("700.00 EUR", 0, ("spent without a conversion: check the tracking first",)),
        ("0.00 EUR", 0, ("spent only 0% of its plan",)),
        ("700.00 EUR", None, ()),
        (None, None, ("did not run on any of its days",)),
    ],
)
async def test_what_needs_a_person_is_named(
    agent: DigestAgent, spend: str | None, conversions: int | None, attention: tuple[str, ...]
) -> None:
    assert (await only(agent, week(listed(campaign()), spend, conversions))).attention == attention


@pytest.mark.parametrize(
    ("ends_on", "is_soon"), [("2026-11-22", True), ("2026-11-23", False), ("2026-11-19", True)]
)
async def test_a_campaign_that_ends_soon_is_named(
    agent: DigestAgent, ends_on: str, is_soon: bool
) -> None:
    row = await only(agent, week(listed(campaign(ends_on=ends_on)), "700.00 EUR"))
    assert (f"ends on {ends_on}" in row.attention) is is_soon


async def test_a_campaign_is_held_against_the_days_it_could_run(agent: DigestAgent) -> None:
    young = week(listed(campaign(starts_on="2026-11-18")), "200.00 EUR")
    assert (await only(agent, young)).planned == "200.00 EUR"
    tomorrow = week(listed(campaign(starts_on="2026-11-20")), None, None)
    row = await only(agent, tomorrow)
    assert (row.planned, row.attention) == (None, ())


@pytest.mark.parametrize("state", ["PAUSED", "SCHEDULED", "ENDED"])
async def test_what_does_not_run_needs_no_attention(agent: DigestAgent, state: str) -> None:
    row = await only(agent, week(listed(campaign(effective_status=state)), "0.00 EUR", 0))
    assert (row.is_running, row.attention, row.state) == (False, (), state.lower())


async def test_money_of_another_currency_stays_in_it(agent: DigestAgent) -> None:
    taipei = campaign(currency="TWD", daily_budget="3500.00 TWD")
    row = await only(agent, week(listed(taipei), "24500.00 TWD"))
    assert (row.spend, row.planned, row.attention) == ("24500.00 TWD", "24500.00 TWD", ())


async def test_a_campaign_without_an_owner_says_so(agent: DigestAgent) -> None:
    assert (await only(agent, week(listed(campaign(owner="")), "1.00 EUR"))).owner == "nobody named"


async def test_what_runs_comes_first_and_the_rest_is_counted(agent: DigestAgent) -> None:
    many = [campaign(f"P{n:02}", effective_status="PAUSED") for n in range(MOST_CAMPAIGNS + 4)]
    report, found = await digest(agent, listed(*many, campaign("Zelt")))
    assert found.rows[0].name == "Zelt"
    assert (len(found.rows), found.left_out) == (MOST_CAMPAIGNS, 5)
    assert report.summary == f"1 of {MOST_CAMPAIGNS} campaigns run; 1 needs attention."


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Gathered(), "no ad platform is configured"),
        (Gathered().add("campaigns", "adplatform_campaigns", {}, fault="answered 503"), "503"),
    ],
)
async def test_a_list_that_cannot_be_read_is_no_empty_list(
    agent: DigestAgent, found: Gathered, words: str
) -> None:
    report, drafts = await agent.analyse(task(), found.all)
    assert (report.outcome, drafts, report.attachment) == (FindingKind.INCONCLUSIVE, (), None)
    assert words in report.summary


async def test_no_campaigns_is_an_answer(agent: DigestAgent) -> None:
    report, found = await digest(agent, listed())
    assert (report.summary, found.rows) == ("There are no campaigns.", ())


async def test_on_the_platform_it_reads_two_weeks_of_each_campaign() -> None:
    async with advertising() as (_, catalogue, clock):
        agent = DigestAgent(gateway_of(catalogue, clock), clock)
        evidence = await agent.gather(caller("digest", environment="ads"), task())
        report, _ = await agent.analyse(task(), evidence)
    assert report.attachment is not None
    found = Digest.model_validate_json(report.attachment)
    assert [item.fault for item in evidence] == [None] * 7
    running = next(row for row in found.rows if row.is_running)
    assert running.name == "Winter boots"
    assert running.spend is not None
    assert running.planned is not None
    share = float(running.spend.split()[0]) / float(running.planned.split()[0])
    assert 0.7 < share < 1.3
    paused = next(row for row in found.rows if row.name == "Rain jackets")
    assert (paused.spend, paused.conversions) == (None, None)
    assert report.summary.startswith("1 of 3 campaigns run;")
    assert found.as_of is not None
    assert datetime.fromisoformat(found.as_of).astimezone(UTC) <= NOON + timedelta(seconds=1)
