"""Alerts as rows: upserted by fingerprint, in the transaction that makes or wakes their task."""

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from agents.alerts import Alert, AlertStatus
from agents.routing import AlertGroup, Dropped, incident
from agents.tasks import OPEN, Task
from bot.store.boxes import send
from bot.store.context import Context
from bot.store.records import ledger, ledger_index
from bot.store.tables import alerts, dead_letters, tasks
from bot.store.tasks import KNOWN, create_task, open_task, settle_task, task_event, task_of
from policies.audit import Event, EventKind
from policies.model import DEFAULT_TENANT, Actor, ActorKind

DEAD_LETTER_BYTES = 64 * 1024
DEAD_LETTERS_KEPT = 1000
REASON = 500
TOLD_FOR = timedelta(hours=1)
_PLACE = re.compile(r"(?<=^alerts)\.[0-9]+")


@dataclass(frozen=True, kw_only=True)
class BadAlert:
    """An alert that did not parse."""

    body: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One webhook: the groups it tells of, and what is not taken."""

    source: str
    groups: Sequence[AlertGroup]
    dropped: Sequence[Dropped]
    bad: Sequence[BadAlert]


def ingest(
    connection: Connection,
    context: Context,
    delivery: Delivery,
    channel_of: Callable[[Alert], str],
) -> int:
    """Take a delivery in one transaction, and return how many alerts were new or changed."""
    changed = 0
    for group in delivery.groups:
        changed += _take(connection, context, group, channel_of)
    for drop in delivery.dropped:
        _drop(connection, context, drop)
    if delivery.bad:
        _bury(connection, context, delivery, channel_of)
    return changed


def _take(
    connection: Connection,
    context: Context,
    group: AlertGroup,
    channel_of: Callable[[Alert], str],
) -> int:
    task = open_task(connection, DEFAULT_TENANT, f"incident:{group.key}")
    changed = 0
    # One by one: a body may tell of one alert twice, firing and resolved.
    for alert in group.alerts:
        known = _known(connection, alert)
        if not _is_news(alert, known):
            continue
        if alert.status is AlertStatus.FIRING:
            task, _ = create_task(connection, context, incident(group, channel_of(alert)))
        _upsert(connection, context, alert, known, task)
        changed += 1
    return changed


def _known(connection: Connection, alert: Alert) -> Any:
    return connection.execute(
        select(alerts).where(
            alerts.c.tenant == DEFAULT_TENANT, alerts.c.fingerprint == alert.fingerprint
        )
    ).first()


def _is_news(alert: Alert, known: Any) -> bool:
    if known is None:
        return True
    if alert.status is AlertStatus.RESOLVED:
        return bool(known.status == AlertStatus.FIRING and alert.starts_at >= known.starts_at)
    # Alertmanager keeps the start of an alert that it took for resolved and that fires again.
    if known.status == AlertStatus.RESOLVED:
        return bool(alert.starts_at >= known.starts_at)
    return bool(alert.starts_at > known.starts_at)


def _upsert(
    connection: Connection,
    context: Context,
    alert: Alert,
    known: Any,
    task: Task | None,
) -> None:
    now = context.clock.now()
    is_firing = alert.status is AlertStatus.FIRING
    episodes = (0 if known is None else known.episodes) + (1 if is_firing else 0)
    owner = task.id if task is not None else getattr(known, "task_id", None)
    values = {
        "group_key": alert.group_key,
        "body": alert.model_dump_json(),
        "status": alert.status,
        "starts_at": alert.starts_at,
        "resolved_at": None if is_firing else now,
        "episodes": max(1, episodes),
        "task_id": owner,
        "received_at": now,
    }
    if known is None:
        connection.execute(
            insert(alerts).values(tenant=DEFAULT_TENANT, fingerprint=alert.fingerprint, **values)
        )
    else:
        connection.execute(
            update(alerts)
            .where(alerts.c.tenant == DEFAULT_TENANT, alerts.c.fingerprint == alert.fingerprint)
            .values(**values)
        )
    kind, words = _happened(alert, max(1, episodes))
    event_task = task if task is not None else _task(connection, owner)
    fields: dict[str, Any] = {
        "actor": Actor(kind=ActorKind.SYSTEM, id=f"system:{alert.source}"),
        "systems": (alert.source,),
        "data": {"fingerprint": alert.fingerprint, "episode": max(1, episodes)},
        "texts": {"alert": alert.name},
    }
    if event_task is None:
        event = Event(kind=kind, at=now, environment=alert.environment, sentence=words, **fields)
        context.ledger.append(connection, event)
        return
    context.ledger.append(connection, task_event(event_task, kind, words, now, **fields))
    if kind is EventKind.ALERT_RESOLVED and event_task.state in OPEN - _BEFORE_PROPOSALS:
        settle_task(connection, context, event_task.id, "ALERT_RESOLVED")


_BEFORE_PROPOSALS = frozenset({"QUEUED", "GATHERING", "ANALYSING"})


def _happened(alert: Alert, episodes: int) -> tuple[EventKind, str]:
    if alert.status is AlertStatus.RESOLVED:
        return EventKind.ALERT_RESOLVED, f"Alert {alert.fingerprint} resolved."
    if episodes == 1:
        return EventKind.ALERT_RECEIVED, f"Alert {alert.fingerprint} fires."
    return EventKind.ALERT_REFIRED, f"Alert {alert.fingerprint} fires, {ordinal(episodes)} time."


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th, ..."""
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{({1: 'st', 2: 'nd', 3: 'rd'}).get(number % 10, 'th')}"


def _task(connection: Connection, task_id: str | None) -> Task | None:
    if task_id is None:
        return None
    row = connection.execute(select(tasks).where(tasks.c.id == task_id, KNOWN)).first()
    return None if row is None else task_of(row)


def _drop(connection: Connection, context: Context, drop: Dropped) -> None:
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.ALERT_DROPPED,
            at=context.clock.now(),
            environment=drop.alert.environment,
            actor=Actor(kind=ActorKind.SYSTEM, id=f"system:{drop.alert.source}"),
            reasons=(drop.reason,),
            data={"fingerprint": drop.alert.fingerprint},
            texts={"alert": drop.alert.name},
            sentence=f"Alert {drop.alert.fingerprint} was dropped: {drop.reason}.",
        ),
    )


def _bury(
    connection: Connection,
    context: Context,
    delivery: Delivery,
    channel_of: Callable[[Alert], str],
) -> None:
    now = context.clock.now()
    reasons = [
        replace(bad, reason=context.redactor.excerpt(bad.reason, REASON)) for bad in delivery.bad
    ]
    delivery = replace(delivery, bad=reasons)
    is_told = _is_told(connection, delivery, now)
    for bad in delivery.bad:
        connection.execute(
            insert(dead_letters).values(
                source=delivery.source,
                reason=bad.reason[:REASON],
                body=context.redactor.excerpt(bad.body, DEAD_LETTER_BYTES),
                received_at=now,
            )
        )
    _cap(connection)
    count = len(delivery.bad)
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.ALERT_REJECTED,
            at=now,
            actor=Actor(kind=ActorKind.SYSTEM, id=f"system:{delivery.source}"),
            texts={"reason": delivery.bad[0].reason},
            data={"count": count},
            sentence=f"{count} alerts of a `{delivery.source}` webhook did not parse.",
        ),
    )
    if not is_told:
        taken = [alert for group in delivery.groups for alert in group.alerts]
        channel = channel_of(taken[0]) if taken else ""
        words = {"channel": channel, "text": _notice(delivery, len(taken))}
        send(connection, context, "channel", words)


def _is_told(connection: Connection, delivery: Delivery, now: datetime) -> bool:
    """Say whether the channel was told of this very fault within the last hour."""
    reasons = connection.execute(
        select(dead_letters.c.reason)
        .where(
            dead_letters.c.source == delivery.source,
            dead_letters.c.received_at >= now - TOLD_FOR,
        )
        .distinct()
    ).scalars()
    return _fault(delivery.bad[0].reason[:REASON]) in {_fault(reason) for reason in reasons}


def _fault(reason: str) -> str:
    """Return a reason without the alert's place in its body, which says nothing of the fault."""
    return _PLACE.sub("", reason, count=1)


def _notice(delivery: Delivery, taken: int) -> str:
    count = len(delivery.bad)
    alerts_ = "1 alert" if count == 1 else f"{count} alerts"
    others = f"The other {taken} of it were taken. " if taken else ""
    return (
        f"{alerts_} of a `{delivery.source}` webhook could not be read"
        f" ({delivery.bad[0].reason[:200]}). {others}What came is kept in the table"
        " `dead_letters`; the same fault is not told again for an hour."
    )


def _cap(connection: Connection) -> None:
    newest = connection.execute(select(func.max(dead_letters.c.id))).scalar_one()
    connection.execute(
        dead_letters.delete().where(dead_letters.c.id <= (newest or 0) - DEAD_LETTERS_KEPT)
    )


def alerts_of(
    connection: Connection, task_ids: Collection[str]
) -> dict[str, tuple[tuple[Alert, int, datetime | None], ...]]:
    """Return the alerts of tasks by task, with how often each fired and when it resolved."""
    rows = connection.execute(
        select(alerts).where(alerts.c.task_id.in_(task_ids)).order_by(alerts.c.fingerprint)
    )
    found: dict[str, list[tuple[Alert, int, datetime | None]]] = {}
    for row in rows:
        alert = Alert.model_validate_json(row.body)
        found.setdefault(row.task_id, []).append((alert, row.episodes, row.resolved_at))
    return {task_id: tuple(own) for task_id, own in found.items()}


def refires(connection: Connection, task_id: str) -> tuple[tuple[int, int], ...]:
    """Return (event number, which time) of each time an alert of the task fired again."""
    rows = connection.execute(
        select(ledger.c.seq, ledger.c.body)
        .join(ledger_index, ledger_index.c.seq == ledger.c.seq)
        .where(
            ledger_index.c.task_id == task_id,
            ledger_index.c.kind == EventKind.ALERT_REFIRED,
        )
        .order_by(ledger.c.seq)
    )
    return tuple((row.seq, int(json.loads(row.body)["data"]["episode"])) for row in rows)
