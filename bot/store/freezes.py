"""Freezes of tasks and campaigns, holds of incidents, and ordered modes: each is told."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from agents.tasks import TaskKind
from bot.store.context import Context
from bot.store.halts import FREEZE_CAMPAIGN, FREEZE_TASK, HOLD, MODE, Ordered, switches
from bot.store.notices import (
    Change,
    Order,
    kept_reason,
    posted,
    recorded,
    redraw,
    redraw_task,
    told,
)
from bot.store.tables import controls, proposals, tasks
from policies.audit import EventKind
from policies.model import Mode
from tools.halts import Halt, HaltKind, Modes, covers, subject

AUTO_MEANS = "what a rule allows alone is done without anybody's sign-off"


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A campaign as it is frozen; `key` is its id there, or its name before it has one."""

    platform: str
    key: str
    name: str

    @property
    def subject(self) -> str:
        """The name under which it is frozen."""
        return subject(self.platform, self.key)

    @property
    def names(self) -> frozenset[str]:
        """The names under which it may be frozen: by its id, and by what it is called."""
        return frozenset({self.subject, subject(self.platform, self.name)})


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a mode holds: for an agent in an environment."""

    agent: str
    environment: str


def freeze_task(connection: Connection, context: Context, order: Order, task_id: str) -> bool:
    """Stop the writes of a task; False when they were stopped already."""
    if not _set(connection, context, order, FREEZE_TASK + task_id, task_id):
        return False
    words = f"froze the task {task_id}"
    _told_of_task(connection, context, order, task_id, (EventKind.TASK_FROZEN, words))
    return True


def unfreeze_task(connection: Connection, context: Context, order: Order, task_id: str) -> bool:
    """Let the writes of a task go on; False when they were not stopped."""
    if not _unset(connection, order, FREEZE_TASK + task_id):
        return False
    words = f"lifted the freeze of the task {task_id}"
    _told_of_task(connection, context, order, task_id, (EventKind.TASK_UNFROZEN, words))
    return True


def freeze_campaign(
    connection: Connection, context: Context, order: Order, campaign: Campaign
) -> bool:
    """Stop every change of a campaign; False when it was frozen already."""
    name = FREEZE_CAMPAIGN + campaign.subject
    if not _set(connection, context, order, name, campaign.name):
        return False
    told(connection, context, order, _frozen(campaign, "froze the campaign"))
    _redraw_campaigns(connection, order.tenant, None)
    return True


def hold_campaigns(
    connection: Connection,
    context: Context,
    order: Order,
    campaigns: Sequence[Campaign],
    task_id: str,
) -> list[Campaign]:
    """Stop changes of campaigns for an incident; returns those that it did not hold yet."""
    fresh = [
        campaign
        for campaign in campaigns
        if _set(connection, context, order, f"{HOLD}{task_id}:{campaign.subject}", campaign.name)
    ]
    words = f"holds for the incident {task_id}:"
    for campaign in fresh:
        change = _frozen(campaign, f"holds a campaign for the incident {task_id}", task_id)
        recorded(connection, context, order, change)
    if fresh:
        posted(connection, context, order, words, [campaign.name for campaign in fresh])
        _redraw_campaigns(connection, order.tenant, task_id)
    return fresh


def unfreeze_campaign(
    connection: Connection, context: Context, order: Order, campaign: Campaign
) -> list[Halt]:
    """Lift every freeze and hold of a campaign; returns what was lifted."""
    found = [halt for halt in _halts(connection, order) if covers(halt, campaign.names)]
    _lift(connection, context, order, found)
    return found


def lift_holds(connection: Connection, context: Context, order: Order, task_id: str) -> list[Halt]:
    """Lift what an incident holds; returns what was lifted."""
    own = (HaltKind.HOLD, task_id)
    found = [halt for halt in _halts(connection, order) if (halt.kind, halt.task_id) == own]
    _lift(connection, context, order, found)
    return found


def order_mode(
    connection: Connection, context: Context, order: Order, place: Place, change: tuple[Mode, Modes]
) -> tuple[Mode, Ordered | None]:
    """Set a mode over those of the file; returns the one before, and who had ordered that.

    What the file says anyway is no order: from then on the file counts again.
    """
    mode, modes = change
    before = switches(connection, order.tenant).mode(place.agent, place.environment)
    was = modes.of(place.environment) if before is None else before.mode
    if was is mode:
        return was, before
    name = f"{MODE}{place.agent}/{place.environment}"
    _unset(connection, order, name)
    if mode is not modes.of(place.environment):
        _set(connection, context, order, name, mode)
    told(
        connection,
        context,
        order,
        Change(
            kind=EventKind.MODE_CHANGED,
            words=f"set the mode of {place.agent} in {place.environment} from {was} to {mode}"
            + (f", so {AUTO_MEANS}" if mode is Mode.AUTO else ""),
            decision=mode,
            agent=place.agent,
            environment=place.environment,
            data={"before": was, "after": mode},
        ),
    )
    redraw(
        connection,
        order.tenant,
        tasks.c.kind == place.agent,
        tasks.c.environment == place.environment,
    )
    return was, before


def task_known(connection: Connection, tenant: str, task_id: str) -> bool:
    """Say whether there is such a task."""
    found = select(tasks.c.id).where(tasks.c.tenant == tenant, tasks.c.id == task_id)
    return connection.execute(found).first() is not None


def open_tasks(connection: Connection, tenant: str) -> list[str]:
    """Return the ids of the open tasks."""
    query = select(tasks.c.id).where(tasks.c.tenant == tenant, tasks.c.open_key.is_not(None))
    return list(connection.execute(query.order_by(tasks.c.created_at)).scalars())


def campaign_bodies(connection: Connection, tenant: str) -> Sequence[str]:
    """Return the proposals of open campaign tasks: also of campaigns that do not exist yet."""
    query = (
        select(proposals.c.body)
        .join(tasks, tasks.c.id == proposals.c.task_id)
        .where(
            tasks.c.tenant == tenant,
            tasks.c.kind == TaskKind.CAMPAIGN,
            tasks.c.open_key.is_not(None),
        )
    )
    return connection.execute(query).scalars().all()


def _set(connection: Connection, context: Context, order: Order, name: str, value: str) -> bool:
    done = connection.execute(
        insert_or(controls)
        .values(
            tenant=order.tenant,
            name=name,
            value=value,
            by=order.person,
            at=context.clock.now(),
            reason=kept_reason(context, order.reason),
        )
        .on_conflict_do_nothing()
    )
    return done.rowcount == 1


def _unset(connection: Connection, order: Order, name: str) -> bool:
    done = connection.execute(
        delete(controls).where(controls.c.tenant == order.tenant, controls.c.name == name)
    )
    return done.rowcount == 1


def _halts(connection: Connection, order: Order) -> tuple[Halt, ...]:
    return switches(connection, order.tenant).halts


def _lift(connection: Connection, context: Context, order: Order, found: list[Halt]) -> None:
    for halt in found:
        prefix = FREEZE_CAMPAIGN if halt.kind is HaltKind.CAMPAIGN else f"{HOLD}{halt.task_id}:"
        # A halt knows its campaign by two names, and lies under one of them.
        for name in halt.campaigns:
            _unset(connection, order, prefix + name)
        change = Change(
            kind=EventKind.CAMPAIGN_UNFROZEN,
            words="lifted the freeze of a campaign"
            if halt.task_id is None
            else f"lifted the hold of a campaign for the incident {halt.task_id}",
            decision="unfrozen",
            task_id=halt.task_id,
            texts={"campaign": halt.name},
        )
        recorded(connection, context, order, change)
        if halt.task_id is not None:
            redraw_task(connection, halt.task_id)
    if found:
        names = list(dict.fromkeys(halt.name for halt in found))
        posted(connection, context, order, "lifted the freeze of", names)
        _redraw_campaigns(connection, order.tenant, None)


def _told_of_task(
    connection: Connection,
    context: Context,
    order: Order,
    task_id: str,
    what: tuple[EventKind, str],
) -> None:
    kind, words = what
    change = Change(kind=kind, words=words, decision=kind.split(".")[1], task_id=task_id)
    told(connection, context, order, change)
    redraw_task(connection, task_id)


def _frozen(campaign: Campaign, words: str, task_id: str | None = None) -> Change:
    return Change(
        kind=EventKind.CAMPAIGN_FROZEN,
        words=words,
        decision="frozen",
        task_id=task_id,
        texts={"campaign": campaign.name},
        data={"platform": campaign.platform},
    )


def _redraw_campaigns(connection: Connection, tenant: str, task_id: str | None) -> None:
    redraw(connection, tenant, tasks.c.kind.in_([TaskKind.CAMPAIGN, TaskKind.INCIDENT]))
    if task_id is not None:
        redraw_task(connection, task_id)
