"""The campaign agent on the playground's platform: create, then activate; or pause."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from agents.campaign.agent import CampaignAgent
from agents.ports import ExecutionRow, ProposalRow
from agents.report import FindingKind, Report
from agents.services import limit, settle_s
from agents.tasks import Task
from bot.store.batches import batched
from policies.engine import Asked, RuleKind, When
from policies.loader import sealed
from policies.model import Proposal, ProposalState, Verdict
from policies.redaction import Redactor
from tests.agents.evidence import place, services, task
from tests.agents.test_planner import BRIEF
from tests.fakes.ports import FakeControls, FakeDirectory, FakeJournal, FakeMemory
from tests.fakes.values import caller, rule
from tests.playground.shop.world import NOON
from tests.tools.world import CALL, advertising
from tools.base import Evidence
from tools.catalogue import Catalogue
from tools.gateway import Gateway, Parts, arguments_of
from tools.ports import Direction, Draft

WRITES = ("adplatform_create_campaign", "adplatform_activate_campaign", "adplatform_pause_campaign")
MARKETING = rule(
    "marketing", RuleKind.APPROVE, When(tool=WRITES), Asked(n=1, groups=("marketing",))
)


@dataclass(frozen=True, kw_only=True)
class Marketing:
    """The platform, and the agent before a real gateway."""

    catalogue: Catalogue
    gateway: Gateway
    agent: CampaignAgent

    async def answer(self, **spec: str) -> tuple[Report, tuple[Draft, ...], tuple[Evidence, ...]]:
        about = asked(**spec)
        evidence = await self.agent.gather(caller("campaign", environment="ads"), about)
        report, drafts = await self.agent.analyse(about, evidence)
        return report, drafts, evidence

    async def created(self, **brief: str) -> ProposalRow:
        """Propose and create a campaign, and return its proposal as verified."""
        _, (draft,), _ = await self.answer(**BRIEF | brief)
        made = await self.gateway.consider(draft, "T-1-1", caller("campaign", environment="ads"))
        tool = self.catalogue.writing(made.action.tool)
        effect = await tool.act(arguments_of(tool, made.action.parameters), CALL)
        return verified(made, {name: str(value) for name, value in effect.data.items()})


def asked(**spec: str) -> Task:
    return task("campaign", None, **spec).model_copy(update={"environment": "ads"})


def verified(proposal: Proposal, data: dict[str, str]) -> ProposalRow:
    done = ExecutionRow(
        direction=Direction.FORWARD,
        state="done",
        baseline=None,
        left={},
        data=data,
        sentence="done",
        started_at=NOON,
        ended_at=NOON,
    )
    return ProposalRow(
        proposal=proposal,
        state=ProposalState.VERIFIED,
        approvers=("T1/UBEN",),
        next_at=None,
        executions=(done,),
        verify_until=None,
        roll_back_by=None,
        verdict=Verdict.WORKED,
        is_followed_up=False,
    )


@pytest.fixture
async def marketing() -> AsyncIterator[Marketing]:
    async with advertising() as (_, catalogue, clock):
        gateway = Gateway(
            Parts(
                catalogue=catalogue,
                journal=FakeJournal([]),
                memory=FakeMemory(),
                controls=FakeControls([]),
                directory=FakeDirectory(clock, []),
                rules=lambda: sealed([MARKETING]),
                clock=clock,
                redactor=Redactor(),
                boundary=lambda _: None,
            )
        )
        agent = CampaignAgent(gateway, clock)
        yield Marketing(catalogue=catalogue, gateway=gateway, agent=agent)


async def test_a_brief_becomes_one_draft_that_the_tool_takes(marketing: Marketing) -> None:
    report, (draft,), evidence = await marketing.answer(**BRIEF)
    assert report.outcome is FindingKind.HEALTHY
    assert "50.00 EUR a day" in report.summary
    assert report.attachment is not None
    assert [item.fault for item in evidence] == [None, None]
    made = await marketing.gateway.consider(draft, "T-1-1", caller("campaign", environment="ads"))
    assert "625.00 EUR" in (made.worst_case or "")
    assert made.decision.groups == ("marketing",)
    assert made.tainted


async def test_a_brief_that_cannot_be_used_proposes_nothing(marketing: Marketing) -> None:
    report, drafts, _ = await marketing.answer(**BRIEF | {"daily_budget": "lots"})
    assert (report.outcome, drafts) == (FindingKind.INCONCLUSIVE, ())
    assert "daily_budget" in report.summary


@pytest.mark.parametrize("budget", ["50.00 EUR", "50 EUR", "50.5 EUR"])
async def test_what_was_created_can_be_activated_however_its_budget_was_written(
    marketing: Marketing, budget: str
) -> None:
    row = await marketing.created(daily_budget=budget)
    (draft,) = await marketing.agent.follow_up(asked(**BRIEF), row)
    made = await marketing.gateway.consider(draft, "T-1-2", caller("campaign", environment="ads"))
    tool = marketing.catalogue.writing(made.action.tool)
    observed = await tool.observe(arguments_of(tool, made.action.parameters))
    for wanted in made.action.preconditions:
        assert observed[wanted.field] == wanted.value


async def test_activating_is_proposed_only_after_it_was_read_back_as_asked(
    marketing: Marketing,
) -> None:
    row = await marketing.created()
    about = asked(**BRIEF)
    for verdict in (Verdict.UNKNOWN, Verdict.WORSE, Verdict.NO_CHANGE, None):
        unsure = ProposalRow(**{**vars(row), "verdict": verdict})
        assert await marketing.agent.follow_up(about, unsure) == ()
    undone = ProposalRow(**{**vars(row), "executions": ()})
    assert await marketing.agent.follow_up(about, undone) == ()


async def test_nothing_follows_an_activation(marketing: Marketing) -> None:
    row = await marketing.created()
    activated = row.proposal.model_copy(update={"key": "activate"})
    later = ProposalRow(**{**vars(row), "proposal": activated})
    assert await marketing.agent.follow_up(asked(**BRIEF), later) == ()


async def test_who_asked_for_the_campaign_asks_for_its_activation_too(
    marketing: Marketing,
) -> None:
    row = await marketing.created()
    edited = row.proposal.model_copy(update={"requesters": ("T1/UMIA", "T1/UBEN")})
    (draft,) = await marketing.agent.follow_up(
        asked(**BRIEF), ProposalRow(**{**vars(row), "proposal": edited})
    )
    assert draft.requesters == ("T1/UMIA", "T1/UBEN")


async def test_a_running_campaign_is_proposed_to_be_paused(marketing: Marketing) -> None:
    listing = marketing.catalogue.reading("adplatform_campaigns")
    rows = (await listing.read(arguments_of(listing, {}))).rows
    running = next(row for row in rows if row["effective_status"] == "ACTIVE")
    report, (draft,), _ = await marketing.answer(
        intent="pause", campaign_id=str(running["id"]), reason="it sells nothing"
    )
    assert report.outcome is FindingKind.HEALTHY
    assert draft.rationale == "it sells nothing"
    made = await marketing.gateway.consider(draft, "T-1-1", caller("campaign", environment="ads"))
    assert made.action.tool == "adplatform_pause_campaign"
    assert made.action.inverse is not None


async def test_several_campaigns_are_proposed_to_be_paused_each_for_itself(
    marketing: Marketing,
) -> None:
    listing = marketing.catalogue.reading("adplatform_campaigns")
    rows = (await listing.read(arguments_of(listing, {}))).rows
    resting = next(row for row in rows if row["effective_status"] == "PAUSED")
    switch = marketing.catalogue.writing("adplatform_activate_campaign")
    about: dict[str, str | int] = {"campaign_id": str(resting["id"]), "days": 1}
    about["name"] = str(resting["name"])
    about["daily_budget"] = str(resting["daily_budget"])
    await switch.act(arguments_of(switch, about), CALL)
    running = next(row for row in rows if row["effective_status"] == "ACTIVE")
    ids = [str(running["id"]), str(resting["id"])]
    report, drafts, _ = await marketing.answer(
        intent="pause", campaign_id=",".join([*ids, "cmp-0", ids[0]]), reason="they sell nothing"
    )
    assert [draft.parameters["campaign_id"] for draft in drafts] == ids
    assert len({draft.key for draft in drafts}) == len(ids) == 2
    assert "1 of the 3 campaigns are left out." in report.notes
    made = [
        await marketing.gateway.consider(
            draft, f"T-1-{place}", caller("campaign", environment="ads")
        )
        for place, draft in enumerate(drafts, 1)
    ]
    assert batched(made) == dict.fromkeys(("T-1-1", "T-1-2"), "T-1-1")


async def test_a_campaign_that_is_not_there_is_not_paused(marketing: Marketing) -> None:
    report, drafts, _ = await marketing.answer(intent="pause", campaign_id="cmp-0")
    assert (report.outcome, drafts) == (FindingKind.INCONCLUSIVE, ())


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("sum(rate(x[1m])) / sum(rate(y[5m]))", 315),
        ("rate(x[30s])", 45),
        ("max_over_time(x[1h:5m])", 3615),
        ("up", 75),
    ],
)
def test_a_measurement_counts_once_its_range_no_longer_holds_the_past(
    query: str, seconds: int
) -> None:
    assert settle_s(query) == seconds


def test_what_a_service_calls_and_who_calls_it() -> None:
    known = services()
    assert known.dependencies("checkout", "staging") == ("payments",)
    assert known.dependencies("checkout", "production") == ()
    assert known.dependencies("nowhere", "staging") == ()
    assert known.callers("checkout", "staging") == ("web",)
    assert known.place("checkout", "production") is None


def test_a_limit_that_nobody_set_is_only_known_for_errors() -> None:
    bare = place().model_copy(update={"limits": {}})
    assert (limit(bare, "errors"), limit(bare, "latency")) == (0.05, None)
    assert timedelta(seconds=settle_s("x[1m]")) > timedelta(minutes=1)
