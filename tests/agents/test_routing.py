"""Incoming alerts: what is dropped has a reason, and a storm becomes few groups."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from agents.alerts import Alert, AlertStatus, fingerprint, severity
from agents.routing import STAGES, AlertGroup, Dropped, incident, route
from agents.tasks import TaskKind
from policies.model import Severity
from tests.playground.shop.world import NOON

RESOLVED = AlertStatus.RESOLVED


def alert(name: str = "HighErrorRatio", service: str | None = "checkout", number: int = 0) -> Alert:
    return Alert(
        fingerprint=f"{number:016x}",
        source="alertmanager",
        status=AlertStatus.FIRING,
        name=name,
        service=service,
        environment="staging",
        severity=Severity.SEV3,
        starts_at=NOON,
        ends_at=None,
        labels={},
        annotations={},
    )


def test_a_storm_becomes_few_groups_and_nothing_is_lost() -> None:
    services = ("checkout", "payments", "web")
    alerts = [alert(service=services[number % 3], number=number) for number in range(90)]
    groups, dropped = route(alerts)
    assert [group.key for group in groups] == [f"staging/service={name}" for name in services]
    assert [len(group.alerts) for group in groups] == [30, 30, 30]
    assert dropped == ()


def test_heartbeats_are_dropped_and_say_why() -> None:
    groups, dropped = route([alert("Watchdog"), alert("DeadMansSwitch"), alert()])
    assert [len(group.alerts) for group in groups] == [1]
    assert [(one.alert.name, one.reason) for one in dropped] == [
        ("Watchdog", "HEARTBEAT"),
        ("DeadMansSwitch", "HEARTBEAT"),
    ]


def test_a_repeat_is_dropped_once_and_the_first_is_kept() -> None:
    groups, dropped = route([alert(), alert(), alert()])
    assert [len(group.alerts) for group in groups] == [1]
    assert [one.reason for one in dropped] == ["DUPLICATE", "DUPLICATE"]


@pytest.mark.parametrize(
    "change",
    [
        {"status": RESOLVED},
        {"starts_at": NOON + timedelta(seconds=1)},
        {"fingerprint": "f" * 16},
    ],
)
def test_another_status_start_or_fingerprint_is_no_repeat(change: dict[str, object]) -> None:
    groups, dropped = route([alert(), alert().model_copy(update=change)])
    assert len(groups[0].alerts) == 2
    assert dropped == ()


def test_every_alert_is_either_in_a_group_or_dropped_with_a_reason() -> None:
    alerts = [alert(), alert(), alert("Watchdog"), alert(service=None), alert(number=2)]
    groups, dropped = route(alerts)
    kept = sum(len(group.alerts) for group in groups)
    assert kept + len(dropped) == len(alerts)
    assert all(one.reason.isupper() for one in dropped)


def test_a_further_stage_sees_what_the_others_left() -> None:
    def without_staging(seen: Sequence[Alert]) -> tuple[Sequence[Alert], Sequence[Dropped]]:
        assert all(one.name != "Watchdog" for one in seen)
        return [], [Dropped(alert=one, reason="MUTED") for one in seen]

    groups, dropped = route([alert("Watchdog"), alert()], (*STAGES, without_staging))
    assert groups == ()
    assert [one.reason for one in dropped] == ["HEARTBEAT", "MUTED"]


def test_an_alert_without_a_service_is_grouped_by_its_name() -> None:
    groups, _ = route(
        [alert("DiskFull", None, 1), alert("DiskFull", None, 2), alert("Other", None)]
    )
    assert [group.key for group in groups] == ["staging/alert=DiskFull", "staging/alert=Other"]


def test_the_same_service_elsewhere_is_another_incident() -> None:
    production = alert(number=1).model_copy(update={"environment": "production"})
    assert len(route([alert(), production])[0]) == 2


def test_an_incident_takes_the_worst_severity_and_the_first_start_of_what_fires() -> None:
    first = alert(number=1).model_copy(update={"starts_at": NOON - timedelta(minutes=5)})
    worst = alert(number=2).model_copy(update={"severity": Severity.SEV1})
    over = alert(number=3).model_copy(
        update={"status": RESOLVED, "starts_at": NOON - timedelta(hours=1)}
    )
    made = incident(AlertGroup(key="staging/service=checkout", alerts=(worst, over, first)), "C1")
    assert (made.kind, made.channel, made.target) == (TaskKind.INCIDENT, "C1", "checkout")
    assert (made.severity, made.since_at) == (Severity.SEV1, NOON - timedelta(minutes=5))
    assert made.requester.id == "system:alertmanager"
    assert made.group_key == "incident:staging/service=checkout"
    assert made.spec["alert"] == first.fingerprint


def test_long_texts_of_an_alert_are_cut() -> None:
    long = alert().model_copy(update={"annotations": {"summary": "x" * 9000}})
    made = incident(AlertGroup(key="k", alerts=(long,)), "C1")
    assert all(len(text) <= 500 for text in made.spec.values())


@pytest.mark.parametrize(
    ("labels", "page"),
    [
        ({"instance": "https://shop.example/sale"}, "https://shop.example/sale"),
        (
            {"instance": "https://shop.example/", "landing_page": "https://shop.example/sale"},
            "https://shop.example/sale",
        ),
        ({"instance": "10.0.0.5:9100", "url": "javascript:alert(1)"}, None),
        ({"target": f"https://shop.example/{'x' * 500}"}, None),
    ],
)
def test_the_page_that_an_alert_names_is_kept(labels: dict[str, str], page: str | None) -> None:
    named = alert().model_copy(update={"labels": labels})
    made = incident(AlertGroup(key="k", alerts=(named,)), "C1")
    assert made.spec.get("landing_page") == page


@pytest.mark.parametrize(
    ("word", "environment", "wanted"),
    [
        ("critical", "production", Severity.SEV1),
        ("critical", "staging", Severity.SEV2),
        (" Page ", "prod", Severity.SEV1),
        ("warning", "production", Severity.SEV3),
        ("info", "staging", Severity.SEV4),
        ("sev2", "production", Severity.SEV2),
        ("catastrophic", "production", Severity.SEV3),
        ("", "staging", Severity.SEV3),
    ],
)
def test_each_source_s_words_become_one_severity(
    word: str, environment: str, wanted: Severity
) -> None:
    assert severity(word, environment) is wanted


def test_a_fingerprint_depends_on_the_labels_not_on_their_order() -> None:
    assert fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"})
    assert fingerprint({"a": "1", "b": "2"}) != fingerprint({"a": "2", "b": "1"})
    assert len(fingerprint({})) == 16
