"""What is stopped at this moment, and which modes were ordered, as it lies in rows."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from bot.store.records import ledger_index
from bot.store.tables import controls
from policies.audit import EventKind
from policies.model import Mode, Proposal
from tools.halts import (
    NOWHERE,
    Halt,
    HaltKind,
    Matter,
    Modes,
    Standing,
    is_alike,
    matter_of,
    stops,
    strictest,
    subject,
)

PAUSE = "pause"
FREEZE_TASK, FREEZE_CAMPAIGN = "freeze:task:", "freeze:campaign:"
HOLD, MODE = "hold:", "mode:"


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """The mode that somebody ordered for an agent in an environment, over that of the file."""

    agent: str
    environment: str
    mode: Mode
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class Switches:
    """Everything that is switched for a tenant, in the order in which it was."""

    halts: tuple[Halt, ...] = ()
    ordered: tuple[Ordered, ...] = ()

    @property
    def pause(self) -> Halt | None:
        """The pause of everything."""
        return next((halt for halt in self.halts if halt.kind is HaltKind.PAUSE), None)

    def mode(self, agent: str, environment: str) -> Ordered | None:
        """Return what was ordered for an agent in an environment."""
        place = (agent, environment)
        found = (one for one in self.ordered if (one.agent, one.environment) == place)
        return next(found, None)

    def of(self, proposal: Proposal) -> tuple[Halt, ...]:
        """Return what stops a proposal."""
        # A proposal of a version that kept no facts is of the system its tool is named after.
        facts, tool = proposal.facts, proposal.action.tool
        named = None if facts is None else facts.platform
        matter = matter_of(proposal, named or tool.partition("_")[0])
        return tuple(halt for halt in self.halts if stops(halt, matter))

    def about(self, matter: Matter, modes: Modes) -> Standing:
        """Return what they say of one call; `modes` are those of the file."""
        return Standing(
            mode=self._mode_of(matter, modes),
            halts=tuple(halt for halt in self.halts if stops(halt, matter)),
        )

    def _mode_of(self, matter: Matter, modes: Modes) -> Mode:
        own = self.mode(matter.agent, matter.environment)
        if own is not None:
            return own.mode
        # One that is only spelled otherwise may make it stricter, never looser. So may what was
        # ordered for alerts that name no place, where an alert names one that nobody knows.
        like = [matter.environment, *([] if modes.names(matter.environment) else [NOWHERE])]
        alike = (
            one.mode
            for one in self.ordered
            if one.agent == matter.agent and any(is_alike(one.environment, name) for name in like)
        )
        return strictest((modes.of(matter.environment), *alike))


NOTHING_SWITCHED = Switches()


def switches(connection: Connection, tenant: str) -> Switches:
    """Read every switch: there are few, and they must be of one moment."""
    rows = connection.execute(
        select(controls).where(controls.c.tenant == tenant).order_by(controls.c.at, controls.c.name)
    ).all()
    halts = (_halt(row) for row in rows)
    return Switches(
        halts=tuple(halt for halt in halts if halt is not None),
        ordered=tuple(_ordered(row) for row in rows if row.name.startswith(MODE)),
    )


def holding_tasks(connection: Connection, task_ids: Collection[str]) -> frozenset[str]:
    """Return which of these incidents have ever held a campaign."""
    found = select(ledger_index.c.task_id).where(
        ledger_index.c.task_id.in_(task_ids), ledger_index.c.kind == EventKind.CAMPAIGN_FROZEN
    )
    return frozenset(connection.execute(found.distinct()).scalars())


def frozen_words(connection: Connection, proposal: Proposal) -> str | None:
    """Return who froze what a proposal is about, and why; None where nobody did."""
    found = switches(connection, proposal.action.tenant).of(proposal)
    halt = next((halt for halt in found if halt.kind is not HaltKind.PAUSE), None)
    if halt is None:
        return None
    by = halt.by.rpartition("/")[2]
    return f"`{halt.name or halt.task_id}` was frozen by {by}{halt.why}. Nothing was done."


def paused(connection: Connection, tenant: str) -> Halt | None:
    """Return who paused everything, when and why; None while it goes on."""
    row = connection.execute(
        select(controls).where(controls.c.tenant == tenant, controls.c.name == PAUSE)
    ).first()
    return None if row is None else _halt(row)


def _halt(row: Any) -> Halt | None:
    """Return what a row stops; None for one that is no halt."""
    said = {"by": row.by, "at": row.at, "reason": row.reason}
    name = str(row.name)
    if name == PAUSE:
        return Halt(kind=HaltKind.PAUSE, **said)
    if name.startswith(FREEZE_TASK):
        return Halt(kind=HaltKind.TASK, task_id=name.removeprefix(FREEZE_TASK), **said)
    if name.startswith(FREEZE_CAMPAIGN):
        own = name.removeprefix(FREEZE_CAMPAIGN)
        names = _campaigns(own, row.value)
        return Halt(kind=HaltKind.CAMPAIGN, campaigns=names, name=row.value, **said)
    if name.startswith(HOLD):
        task_id, _, own = name.removeprefix(HOLD).partition(":")
        names = _campaigns(own, row.value)
        return Halt(kind=HaltKind.HOLD, task_id=task_id, campaigns=names, name=row.value, **said)
    return None


def _campaigns(own: str, name: str) -> frozenset[str]:
    platform, _, _ = own.partition("/")
    return frozenset({own, subject(platform, name)})


def _ordered(row: Any) -> Ordered:
    agent, _, environment = str(row.name).removeprefix(MODE).partition("/")
    return Ordered(
        agent=agent,
        environment=environment,
        mode=Mode(row.value),
        by=row.by,
        at=row.at,
        reason=row.reason,
    )
