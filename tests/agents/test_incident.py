"""The incident agent on the playground's shop: a fault of every seed, and what it proposes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import pytest

from agents.incident.agent import IncidentAgent
from agents.report import FindingKind, Report
from agents.services import Place, Service, ServiceMap
from bot.policy import candidate
from playground.shop.flaws import DEPENDS_ON
from playground.shop.model import Fault
from playground.shop.promql import error_ratio
from policies.engine import decide
from policies.loader import sealed
from policies.model import ActionKind, Comparator, EffectKind, Mode, Tier
from policies.redaction import Redactor
from tests.agents.evidence import task
from tests.fakes.ports import FakeControls, FakeDirectory, FakeJournal, FakeMemory
from tests.fakes.values import caller, facts
from tests.tools.world import CALL, Shopping, shopping
from tools.base import Evidence
from tools.gateway import Gateway, Parts
from tools.ports import Draft

SEEDS = (1, 2, 3, 7, 11, 42)


@dataclass(frozen=True, kw_only=True)
class Looking:
    """A shop, and an agent that looks at it through a real gateway."""

    world: Shopping
    agent: IncidentAgent
    journal: FakeJournal

    async def look(self, service: str) -> tuple[Report, tuple[Draft, ...], tuple[Evidence, ...]]:
        about = task(service, alert_url="https://alerts.example/x", runbook="javascript:alert(1)")
        # A task of its own each time: what one was answered is kept for it.
        on_behalf = caller(task_id=f"T-{len(self.journal.events)}")
        evidence = await self.agent.gather(on_behalf, about)
        report, drafts = await self.agent.analyse(about, evidence)
        return report, drafts, evidence


@asynccontextmanager
async def looking(seed: int) -> AsyncIterator[Looking]:
    from_shop = {
        name: Service(
            depends_on=tuple(calls),
            environments={
                "staging": Place(
                    channel="C1", signals={"errors": error_ratio(name, "staging", "1m")}
                )
            },
        )
        for name, calls in DEPENDS_ON.items()
    }
    async with shopping(seed) as world:
        journal = FakeJournal([])
        gateway = Gateway(
            Parts(
                catalogue=world.catalogue,
                journal=journal,
                memory=FakeMemory(),
                controls=FakeControls([]),
                directory=FakeDirectory(world.clock, []),
                rules=lambda: sealed([]),
                clock=world.clock,
                redactor=Redactor(),
                boundary=lambda _: None,
            )
        )
        agent = IncidentAgent(gateway, ServiceMap(services=from_shop))
        yield Looking(world=world, agent=agent, journal=journal)


async def broken(found: Looking) -> Fault:
    fault = found.world.shop.fleet.inject()
    found.world.clock.forward(120)
    return fault


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_faulty_deploy_is_found_and_the_decoy_is_not(seed: int) -> None:
    async with looking(seed) as found:
        fault = await broken(found)
        report, drafts, _ = await found.look(fault.service)
    assert report.outcome is FindingKind.CHANGE
    first = report.hypotheses[0]
    assert (first.component, first.fault) == (fault.service, f"deploy {fault.version}")
    assert [one.component for one in report.hypotheses if one.change_id] == [fault.service]
    (rollback,) = [draft for draft in drafts if draft.key == "rollback"]
    assert rollback.parameters == {
        "service": fault.service,
        "environment": "staging",
        "from_version": fault.version,
        "to_version": fault.previous_version,
    }
    assert rollback.is_tainted


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_shop_in_which_nothing_broke_is_healthy(seed: int) -> None:
    async with looking(seed) as found:
        found.world.clock.forward(300)
        for service in DEPENDS_ON:
            report, drafts, _ = await found.look(service)
            assert (report.outcome, drafts) == (FindingKind.HEALTHY, ()), service


async def test_a_service_that_does_not_exist_is_neither_asked_about_nor_rolled_back() -> None:
    async with looking(7) as found:
        report, drafts, evidence = await found.look("nowhere")
    assert (report.outcome, drafts, evidence) == (FindingKind.INCONCLUSIVE, (), ())


async def test_the_proposal_promises_what_can_be_measured_after_the_window() -> None:
    async with looking(7) as found:
        fault = await broken(found)
        _, drafts, _ = await found.look(fault.service)
    effect = drafts[0].expected_effect
    assert effect is not None
    assert effect.parameters == {"query": error_ratio(fault.service, "staging", "1m")}
    assert (effect.comparator, effect.value) == (Comparator.LE, "0.05")
    assert effect.settle_s > 60, "a rate over a minute still contains the fault"
    assert effect.deadline_s >= effect.settle_s + effect.window_s
    assert effect.baseline is not None
    assert float(effect.baseline) == pytest.approx(fault.error_ratio, abs=0.02)


@pytest.mark.parametrize("environment", ["sandbox", "staging", "production", "unknown"])
async def test_no_silence_of_todays_agent_acts_alone_also_in_the_mode_auto(
    environment: str,
) -> None:
    async with looking(7) as found:
        fault = await broken(found)
        _, drafts, _ = await found.look(fault.service)
    silence = drafts[1]
    assert (silence.tool, silence.is_tainted) == ("alertmanager_silence", True)
    known = facts(
        tool=silence.tool,
        action=ActionKind.SILENCE,
        tier=Tier.LOW,
        environment=environment,
        mode=Mode.AUTO,
        tainted=silence.is_tainted,
        confidence=silence.confidence,
        calendars=frozenset(),
    )
    decision = decide(known, candidate(None))
    assert (decision.effect, decision.people) == (EffectKind.APPROVE, 1)
    # The rung is there for an agent that has read nothing from outside, and is sure.
    sure = known.model_copy(update={"tainted": False, "confidence": Decimal("0.95")})
    is_alone = decide(sure, candidate(None)).effect is EffectKind.AUTO
    assert is_alone is (environment in {"sandbox", "staging"})


async def test_silencing_is_its_own_proposal_and_only_where_an_alert_is_active() -> None:
    async with looking(7) as found:
        fault = await broken(found)
        _, drafts, _ = await found.look(fault.service)
        assert [draft.key for draft in drafts] == ["rollback", "silence"]
        tool = found.world.catalogue.writing("alertmanager_silence")
        params = tool.params.model_validate(drafts[1].parameters)
        await tool.act(params, CALL)
        _, again, _ = await found.look(fault.service)
        assert [draft.key for draft in again] == ["rollback"]


async def test_every_question_has_its_own_id_and_is_on_record() -> None:
    async with looking(7) as found:
        fault = await broken(found)
        report, drafts, evidence = await found.look(fault.service)
        assert [item.id for item in evidence] == [f"E{n}" for n in range(1, len(evidence) + 1)]
        recorded = sorted(str(event.data["evidence"]) for event in found.journal.events)
        assert recorded == sorted(item.id for item in evidence)
    seen = " ".join(drafts[0].observed)
    assert all(name in seen for name in report.hypotheses[0].evidence)


async def test_only_addresses_of_the_web_become_links() -> None:
    async with looking(7) as found:
        fault = await broken(found)
        _, drafts, _ = await found.look(fault.service)
    assert [(link.label, link.url) for link in drafts[0].links] == [
        ("Alert", "https://alerts.example/x")
    ]


async def test_a_dead_monitoring_is_inconclusive_and_proposes_no_rollback() -> None:
    async with looking(7) as found:
        fault = await broken(found)
        about = task(fault.service)
        evidence = await found.agent.gather(caller(), about)
        dead = tuple(
            item.model_copy(update={"fault": "no answer", "data": {}, "rows": ()})
            if item.source == "prometheus"
            else item
            for item in evidence
        )
        report, drafts = await found.agent.analyse(about, dead)
    assert report.outcome is FindingKind.INCONCLUSIVE
    assert [draft.key for draft in drafts] == ["silence"]
    assert report.notes
