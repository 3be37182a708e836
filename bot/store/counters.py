"""Counts what limits are about: what a task has used, and what was done lately around an action."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, text
from sqlalchemy.dialects.sqlite import insert as insert_or

from bot.store.records import ledger_index
from bot.store.tables import executions, proposals, tasks, usage
from policies.limits import Counters, Usage
from tools.ports import Direction, ModelUse
from tools.reserving import Scope

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Written out, not as a parameter: so the partial index is known to hold.
_PENDING = text("proposals.state = 'PENDING'")


def counted(connection: Connection, now: datetime, scope: Scope) -> Counters:
    """Return what happened lately around an action; its own execution is left out.

    What surely was not done counts nowhere. What may have happened counts until that is known, and
    what was rolled back has happened all the same, but raises no spending any more.
    """
    lately = [
        executions.c.tenant == scope.tenant,
        executions.c.environment == scope.environment,
        executions.c.released_at.is_(None),
    ]
    if scope.proposal_id is not None:
        lately.append(executions.c.proposal_id != scope.proposal_id)
    within = executions.c.started_at >= now - HOUR

    def actions(*what: ColumnElement[bool]) -> int:
        return connection.execute(select(func.count()).where(*lately, within, *what)).scalar_one()

    of_agent, of_task = _open(connection, scope)
    return Counters(
        actions_last_hour=actions(executions.c.tool == scope.tool),
        agent_actions_last_hour=actions(executions.c.agent == scope.agent),
        spend_change_today=_raised(connection, now, scope, lately),
        open_proposals=of_agent,
        task_open_proposals=of_task,
        last_change_age_s=_age_s(connection, now, scope, lately),
    )


def open_proposals(
    connection: Connection, tenant: str, agent: str, task_id: str
) -> tuple[int, int]:
    """Return how many proposals wait for a person: of the agent, and of the task."""
    rows = connection.execute(
        select(proposals.c.task_id, func.count().label("waiting"))
        .join(tasks, tasks.c.id == proposals.c.task_id)
        .where(_PENDING, proposals.c.tenant == tenant, tasks.c.kind == agent)
        .group_by(proposals.c.task_id)
    ).all()
    found = {row.task_id: int(row.waiting) for row in rows}
    return sum(found.values()), found.get(task_id, 0)


def _open(connection: Connection, scope: Scope) -> tuple[int, int]:
    return open_proposals(connection, scope.tenant, scope.agent, scope.task_id)


def _raised(
    connection: Connection, now: datetime, scope: Scope, lately: Iterable[ColumnElement[bool]]
) -> Decimal | None:
    """Return by how much a day's spending was raised in the currency; None without one."""
    if scope.currency is None:
        return None
    back = executions.alias("back")
    is_undone = (
        select(back.c.proposal_id)
        .where(
            back.c.proposal_id == executions.c.proposal_id,
            back.c.direction == Direction.INVERSE,
            back.c.state == "done",
        )
        .exists()
    )
    amounts = connection.execute(
        select(executions.c.raised_amount).where(
            *lately,
            executions.c.agent == scope.agent,
            executions.c.started_at >= now - DAY,
            executions.c.direction == Direction.FORWARD,
            executions.c.raised_currency == scope.currency,
            ~is_undone,
        )
    ).scalars()
    # Added up here: a database would make floating numbers of them.
    return sum(map(Decimal, amounts), Decimal(0))


def _age_s(
    connection: Connection, now: datetime, scope: Scope, lately: Iterable[ColumnElement[bool]]
) -> int | None:
    """Return since when nothing was done to the target: at most as long as there is a record."""
    at = connection.execute(
        select(func.max(executions.c.started_at)).where(
            *lately, executions.c.target == scope.target
        )
    ).scalar_one()
    if at is None:
        first = select(ledger_index.c.at).order_by(ledger_index.c.seq).limit(1)
        found = connection.execute(first).scalar_one_or_none()
        at = None if found is None else datetime.fromisoformat(found)
    return None if at is None else max(0, int((now - at).total_seconds()))


def usage_of(connection: Connection, task_id: str) -> Usage:
    """Return what a task has used so far."""
    row = connection.execute(select(usage).where(usage.c.task_id == task_id)).first()
    if row is None:
        return Usage()
    money = {name: Decimal(amount) for name, amount in json.loads(row.money).items()}
    return Usage(
        tool_calls=row.tool_calls,
        tokens=row.tokens,
        money=money,
        retries=row.retries,
        worked_s=row.worked_s,
    )


def used(connection: Connection, owner: tuple[str, str], **more: float) -> None:
    """Add to what a (task, tenant) has used."""
    task_id, tenant = owner
    added: dict[str, Any] = {name: usage.c[name] + value for name, value in more.items()}
    connection.execute(
        insert_or(usage)
        .values(task_id=task_id, tenant=tenant, **more)
        .on_conflict_do_update(index_elements=["task_id"], set_=added)
    )


def model_used(connection: Connection, owner: tuple[str, str], use: ModelUse) -> None:
    """Add a model's answer; amounts of different currencies are never added up."""
    used(connection, owner, tokens=use.tokens)
    own = usage.c.task_id == owner[0]
    kept = connection.execute(select(usage.c.money).where(own).with_for_update()).scalar_one()
    money = json.loads(kept)
    money[use.currency] = str(Decimal(money.get(use.currency, "0")) + use.cost)
    connection.execute(usage.update().where(own).values(money=json.dumps(money)))
