"""The weekly digest: what runs, what it spent and brought, and what needs a person."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from agents.ports import ProposalRow
from agents.report import FindingKind, Report
from agents.tasks import Task
from policies.model import Clock, Money, Strict
from tools.base import Evidence, Row
from tools.gateway import Gateway
from tools.gathering import Question, gather
from tools.ports import Caller, Draft

WEEK = timedelta(days=7)
OVER, UNDER = Decimal("1.30"), Decimal("0.50")
ENDS_SOON = timedelta(days=3)
MOST_CAMPAIGNS = 20


class DigestRow(Strict):
    """One campaign's week; `None` is not known, which is never shown as 0."""

    campaign_id: str
    name: str
    state: str
    owner: str
    daily_budget: str
    spend: str | None
    spend_before: str | None
    planned: str | None
    conversions: int | None
    conversions_before: int | None
    is_running: bool
    attention: tuple[str, ...]


class Digest(Strict):
    """A week over all campaigns; the days are the first and last, both included."""

    since: str
    until: str
    rows: tuple[DigestRow, ...]
    as_of: str | None
    left_out: int = 0


class DigestAgent:
    """Reads the campaigns and sums up seven whole days; see `agents.ports.Agent`."""

    name = "digest"
    version = "digest-1"

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway, self._clock = gateway, clock

    async def gather(self, caller: Caller, task: Task) -> tuple[Evidence, ...]:
        """Read the list, then this week and the week before of each campaign."""
        which = Question(label="campaigns", tool="adplatform_campaigns", parameters={})
        listed = await gather(self._gateway, (which,), caller)
        until = last_day(task)
        asked = [
            Question(
                label=f"{label}:{row['id']}",
                tool="adplatform_insights",
                parameters={
                    "campaign_id": str(row["id"]),
                    "since": (end - WEEK + timedelta(days=1)).isoformat(),
                    "until": end.isoformat(),
                },
            )
            for item in listed
            for row in _shown(item)
            for label, end in (("week", until), ("before", until - WEEK))
        ]
        return (*listed, *await gather(self._gateway, asked, caller, first=2))

    async def analyse(
        self, task: Task, evidence: tuple[Evidence, ...]
    ) -> tuple[Report, tuple[Draft, ...]]:
        """Sum up; a digest proposes nothing by itself."""
        until = last_day(task)
        listed = next((item for item in evidence if item.label == "campaigns"), None)
        if listed is None or listed.fault is not None:
            words = "I can't read the campaigns: " + (
                "no ad platform is configured." if listed is None else f"{listed.fault}."
            )
            return Report(outcome=FindingKind.INCONCLUSIVE, summary=words, evidence=evidence), ()
        by_label = {item.label: item for item in evidence if item.fault is None}
        rows = tuple(_digest_row(row, by_label, until) for row in _shown(listed))
        stamps = [str(item.data["as_of"]) for item in by_label.values() if "as_of" in item.data]
        digest = Digest(
            since=(until - WEEK + timedelta(days=1)).isoformat(),
            until=until.isoformat(),
            rows=rows,
            as_of=min(stamps, default=None),
            left_out=max(0, len(listed.rows) - MOST_CAMPAIGNS),
        )
        report = Report(
            outcome=FindingKind.HEALTHY,
            summary=_summary(digest),
            evidence=evidence,
            attachment=digest.model_dump_json(),
        )
        return report, ()

    async def follow_up(self, task: Task, row: ProposalRow) -> tuple[Draft, ...]:
        """Nothing follows a digest."""
        del task, row
        return ()


def last_day(task: Task) -> date:
    """Return the last whole day before the digest was asked for: today is still running."""
    return task.created_at.date() - timedelta(days=1)


def _shown(listed: Evidence) -> list[Row]:
    order = {"ACTIVE": 0, "SCHEDULED": 1, "PAUSED": 2}
    rows = sorted(
        listed.rows, key=lambda row: (order.get(str(row["effective_status"]), 3), str(row["name"]))
    )
    return rows[:MOST_CAMPAIGNS]


def _digest_row(row: Row, by_label: Mapping[str, Evidence], until: date) -> DigestRow:
    week = by_label.get(f"week:{row['id']}")
    before = by_label.get(f"before:{row['id']}")
    planned = _planned(row, until)
    is_running = row["effective_status"] == "ACTIVE"
    return DigestRow(
        campaign_id=str(row["id"]),
        name=str(row["name"]),
        state=str(row["effective_status"]).lower(),
        owner=str(row["owner"]) or "nobody named",
        daily_budget=str(row["daily_budget"]),
        spend=_spend(week),
        spend_before=_spend(before),
        planned=None if planned is None else str(planned),
        conversions=_count(week),
        conversions_before=_count(before),
        is_running=is_running,
        attention=_attention(row, week, planned, until) if is_running else (),
    )


def _spend(found: Evidence | None) -> str | None:
    value = None if found is None else found.data.get("spend")
    return None if value is None else str(value)


def _count(found: Evidence | None) -> int | None:
    value = None if found is None else found.data.get("conversions")
    return value if isinstance(value, int) else None


def _planned(row: Row, until: date) -> Money | None:
    first = max(until - WEEK + timedelta(days=1), date.fromisoformat(str(row["starts_on"])))
    last = min(until, date.fromisoformat(str(row["ends_on"])))
    days = (last - first).days + 1
    if days < 1:
        return None
    return Money.parse(str(row["daily_budget"])).times(Decimal(days))


def _attention(
    row: Row, week: Evidence | None, planned: Money | None, until: date
) -> tuple[str, ...]:
    if week is None:
        return ("its figures can't be read",)
    found = _money_attention(week, planned)
    if date.fromisoformat(str(row["ends_on"])) - until <= ENDS_SOON:
        found.append(f"ends on {row['ends_on']}")
    return tuple(found)


def _money_attention(week: Evidence, planned: Money | None) -> list[str]:
    said = _spend(week)
    if said is None:
        return [] if planned is None else ["did not run on any of its days"]
    found = []
    spend = Money.parse(said).amount
    if planned is not None and planned.amount > 0:
        share = spend / planned.amount
        if share > OVER:
            found.append(f"spent {share:.0%} of its plan")
        elif share < UNDER:
            found.append(f"spent only {share:.0%} of its plan")
    if week.data.get("conversions") == 0 and spend > 0:
        found.append("spent without a conversion: check the tracking first")
    return found


def _summary(digest: Digest) -> str:
    running = sum(row.is_running for row in digest.rows)
    needing = sum(bool(row.attention) for row in digest.rows)
    if not digest.rows:
        return "There are no campaigns."
    looks = f"{needing} need attention" if needing > 1 else "1 needs attention"
    return (
        f"{running} of {len(digest.rows)} campaigns run; "
        + (looks if needing else "none needs attention")
        + "."
    )
