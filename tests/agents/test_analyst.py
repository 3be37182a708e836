"""The model-free analyst on evidence built by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest

from agents.incident.analyst import WEIGHTS, analyse, percent
from agents.report import FindingKind, Hypothesis, Report, cited
from tests.agents.evidence import BEGAN, FAULTY, FINE, Gathered, services, task
from tests.playground.shop.world import NOON

LONG_AGO = NOON - timedelta(days=2)


def conclude(gathered: Gathered, **limits: float) -> Report:
    return analyse(task(), gathered.all, services(**limits))


def guilty() -> Gathered:
    """Return what is seen when v42 of checkout broke it."""
    return (
        Gathered()
        .errors("checkout", FAULTY)
        .history("checkout")
        .deploys("checkout", ("v42", BEGAN - timedelta(seconds=40)), ("v41", LONG_AGO))
        .logs("checkout", ("v42", BEGAN), ("v41", BEGAN - timedelta(minutes=20)))
        .errors("payments", FINE)
        .deploys("payments", ("v7", NOON - timedelta(minutes=9)), ("v6", LONG_AGO))
    )


def test_the_deploy_just_before_the_errors_is_the_first_cause() -> None:
    report = conclude(guilty())
    assert report.outcome is FindingKind.CHANGE
    first = report.hypotheses[0]
    assert (first.component, first.fault, first.change_id) == (
        "checkout",
        "deploy v42",
        "dep-checkout-v42",
    )
    assert first.confidence == sum(WEIGHTS.values())
    assert "40 s before the errors began" in first.explanation
    assert report.summary.startswith("`checkout` fails 31 % of its requests")


def test_every_cause_cites_evidence_that_exists_and_answered() -> None:
    report = conclude(guilty())
    assert [found.evidence for found in report.hypotheses] == [("E3", "E2", "E1", "E4")]
    assert cited(report) == report


def test_a_harmless_deploy_of_another_service_is_not_suspected() -> None:
    assert {found.component for found in conclude(guilty()).hypotheses} == {"checkout"}


def test_who_calls_it_is_in_the_blast_radius() -> None:
    assert conclude(guilty()).blast_radius == ("checkout", "web")


def test_the_timeline_is_in_order_and_says_when_the_errors_began() -> None:
    timeline = conclude(guilty()).timeline
    assert [moment.at for moment in timeline] == sorted(moment.at for moment in timeline)
    (began,) = [moment for moment in timeline if moment.what == "errors began"]
    assert began.at == BEGAN


@pytest.mark.parametrize(
    ("before", "is_suspect"),
    [
        (timedelta(minutes=59), True),
        (timedelta(minutes=61), False),
        (-timedelta(seconds=20), True),
        (-timedelta(seconds=40), False),
    ],
)
def test_only_what_changed_within_the_hour_before_is_suspected(
    before: timedelta, is_suspect: bool
) -> None:
    gathered = (
        Gathered()
        .errors("checkout", FAULTY)
        .history("checkout")
        .deploys("checkout", ("v42", BEGAN - before))
    )
    report = conclude(gathered)
    assert bool(report.hypotheses) is is_suspect
    assert report.outcome is (FindingKind.CHANGE if is_suspect else FindingKind.FAULT)


def test_a_version_that_no_longer_runs_is_not_suspected() -> None:
    gathered = (
        Gathered()
        .errors("checkout", FAULTY)
        .history("checkout")
        .deploys("checkout", ("v43", LONG_AGO), ("v42", BEGAN))
    )
    assert conclude(gathered).hypotheses == ()


def test_what_rests_on_the_change_alone_stays_below_one_half() -> None:
    gathered = (
        Gathered()
        .errors("checkout", FAULTY)
        .history("checkout")
        .deploys("checkout", ("v42", BEGAN - timedelta(minutes=30)))
        .logs("checkout", ("v41", NOON))
    )
    (found,) = conclude(gathered).hypotheses
    assert found.confidence <= Decimal("0.5")


def test_log_lines_of_another_version_speak_against_the_new_one() -> None:
    mixed = (
        Gathered()
        .errors("checkout", FAULTY)
        .history("checkout")
        .deploys("checkout", ("v42", BEGAN))
        .logs("checkout", ("v42", NOON), ("v41", NOON))
    )
    (found,) = conclude(mixed).hypotheses
    assert found.confidence < conclude(guilty()).hypotheses[0].confidence
    assert "every error line" not in found.explanation


def test_a_service_it_calls_that_fails_itself_is_an_external_cause() -> None:
    gathered = (
        Gathered()
        .errors("checkout", FAULTY)
        .history("checkout")
        .deploys("checkout", ("v41", LONG_AGO))
        .errors("payments", 0.4)
        .deploys("payments", ("v6", LONG_AGO))
    )
    report = conclude(gathered)
    assert report.outcome is FindingKind.EXTERNAL
    (found,) = report.hypotheses
    assert (found.component, found.change_id, found.evidence) == ("payments", None, ("E4",))
    assert "`payments`, which it calls" in report.summary


def test_a_deploy_that_broke_what_it_calls_comes_before_the_failing_itself() -> None:
    gathered = (
        Gathered()
        .errors("checkout", FAULTY)
        .history("checkout")
        .deploys("checkout", ("v41", LONG_AGO))
        .errors("payments", 0.4)
        .deploys("payments", ("v7", BEGAN - timedelta(seconds=30)))
    )
    report = conclude(gathered)
    assert report.outcome is FindingKind.CHANGE
    assert [found.component for found in report.hypotheses] == ["payments", "payments"]
    assert report.hypotheses[0].change_id == "dep-payments-v7"


def test_when_nothing_is_wrong_that_is_the_answer() -> None:
    gathered = (
        Gathered()
        .errors("checkout", FINE)
        .deploys("checkout", ("v42", NOON - timedelta(minutes=2)))
        .add("latency of checkout", "prometheus_query", {"value": "0.12"})
    )
    report = conclude(gathered)
    assert (report.outcome, report.hypotheses) == (FindingKind.HEALTHY, ())
    assert report.summary == (
        "Nothing is wrong with `checkout` in staging: 0.2 % of its requests fail"
        " (fine is up to 5 %), and 95 % are answered within 120 ms."
    )


@pytest.mark.parametrize(("ratio", "outcome"), [(0.05, "healthy"), (0.0501, "fault")])
def test_what_is_fine_is_said_in_the_service_map(ratio: float, outcome: str) -> None:
    assert conclude(Gathered().errors("checkout", ratio)).outcome == outcome


def test_a_slow_service_is_not_told_to_be_well() -> None:
    slow = Gathered().errors("checkout", FINE)
    slow.add("latency of checkout", "prometheus_query", {"value": "4.0"})
    report = conclude(slow, latency=2.0)
    assert report.outcome is FindingKind.FAULT
    assert "4000 ms" in report.summary


@pytest.mark.parametrize("fault", [None, "no answer within 5 s"])
def test_without_data_it_says_that_it_cannot_tell(fault: str | None) -> None:
    gathered = Gathered().errors("checkout", None, fault).deploys("checkout", ("v42", BEGAN))
    report = conclude(gathered)
    assert (report.outcome, report.hypotheses) == (FindingKind.INCONCLUSIVE, ())
    assert bool(report.notes) is (fault is not None)


def test_without_any_evidence_it_says_that_it_cannot_tell() -> None:
    assert conclude(Gathered()).outcome is FindingKind.INCONCLUSIVE


def test_a_service_nobody_described_is_told_with_what_to_do() -> None:
    report = analyse(task("nowhere"), Gathered().errors("nowhere", 0.9).all, services())
    assert report.outcome is FindingKind.INCONCLUSIVE
    assert "signoff.yaml" in report.summary


def test_a_dead_source_is_named_and_the_rest_still_used() -> None:
    gathered = guilty().add("alerts of checkout", "alertmanager_alerts", {}, fault="no answer")
    report = conclude(gathered)
    assert report.outcome is FindingKind.CHANGE
    assert report.notes == ("No answer: alerts of checkout (no answer).",)


def test_dead_logs_and_history_weaken_but_do_not_invent() -> None:
    gathered = (
        Gathered()
        .errors("checkout", FAULTY)
        .add("errors of checkout over time", "prometheus_range", {}, fault="no answer")
        .deploys("checkout", ("v42", BEGAN))
    )
    assert conclude(gathered).hypotheses == ()
    since = analyse(task(since_at=BEGAN), gathered.all, services())
    assert since.hypotheses[0].confidence < Decimal("0.8")
    assert all(item not in since.hypotheses[0].evidence for item in ("E2",))


def test_what_failed_and_recovered_before_is_not_the_beginning() -> None:
    rows = [
        {"at": (NOON - timedelta(minutes=ago)).isoformat(), "value": value}
        for ago, value in (
            (50, "0.5"),
            (40, "0.001"),
            (20, None),
            (3, "0.3"),
            (2, None),
            (1, "0.3"),
        )
    ]
    gathered = Gathered().errors("checkout", FAULTY)
    gathered.add("errors of checkout over time", "prometheus_range", {}, rows)
    (began,) = conclude(gathered).timeline
    assert began.at == NOON - timedelta(minutes=3)


def test_a_cause_that_cites_nothing_is_dropped() -> None:
    def cause(*evidence: str) -> Hypothesis:
        return Hypothesis(
            component="web",
            fault="x",
            change_id=None,
            confidence=Decimal(1),
            evidence=evidence,
            explanation="",
        )

    report = conclude(guilty().errors("web", None, "no answer"))
    made_up = (cause(), cause("E99"), cause("E1", "E99"), cause("E7"), cause("E1"))
    kept = cited(report.model_copy(update={"hypotheses": made_up}))
    assert kept.hypotheses == (cause("E1"),)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(0.0, "0 %"), (0.004, "0.4 %"), (0.05, "5 %"), (0.314, "31 %"), (1, "100 %")],
)
def test_ratios_are_told_as_people_read_them(ratio: float, words: str) -> None:
    assert percent(ratio) == words
