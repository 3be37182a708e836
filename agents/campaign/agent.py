"""The campaign agent: plans a brief, proposes create, then activate; or proposes a pause."""

from datetime import date
from decimal import Decimal

from agents.campaign.planner import BriefError, CampaignPlan, plan
from agents.ports import ProposalRow
from agents.report import FindingKind, Report, caveats
from agents.tasks import Task
from policies.model import Clock, Money, Verdict
from tools.base import Evidence, Row
from tools.gateway import Gateway
from tools.gathering import Question, gather
from tools.ports import Caller, Direction, Draft

LAUNCH, PAUSE = "launch", "pause"
# As many as a digest shows.
MOST_AT_ONCE = 20
QUESTIONS = (
    Question(label="account", tool="adplatform_account", parameters={}),
    Question(label="campaigns", tool="adplatform_campaigns", parameters={}),
)


class CampaignAgent:
    """Takes one brief through its steps; see `agents.ports.Agent`."""

    name = "campaign"
    version = "planner-1"

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway, self._clock = gateway, clock

    async def gather(self, caller: Caller, task: Task) -> tuple[Evidence, ...]:
        """Read the account and what runs there already."""
        del task
        return await gather(self._gateway, QUESTIONS, caller)

    async def analyse(
        self, task: Task, evidence: tuple[Evidence, ...]
    ) -> tuple[Report, tuple[Draft, ...]]:
        """Make the plan and draft its first step, or draft the pause that was asked for."""
        if task.spec.get("intent") == PAUSE:
            return self._pausing(task, evidence)
        try:
            # The day of the brief, not of the analysis: a night in between must not void it.
            sent_on = task.spec.get("sent_on")
            day = date.fromisoformat(sent_on) if sent_on else task.created_at.date()
            made = plan(task.spec, day)
        except BriefError as error:
            words = f"The brief can't be used: {error}."
            return _report(FindingKind.INCONCLUSIVE, words, evidence), ()
        draft = _draft(
            "create",
            "adplatform_create_campaign",
            task,
            {
                "name": made.name,
                "objective": made.objective,
                "audience": made.audience,
                "channel": made.channel,
                "headline": made.headline,
                "url": made.url,
                "currency": made.daily.currency,
                "daily_budget": str(made.daily.amount),
                "starts_on": made.starts_on,
                "ends_on": made.ends_on,
            },
            observed=_observed(evidence),
        )
        report = _report(FindingKind.HEALTHY, _summary(made), evidence, made)
        return report, (draft,)

    async def follow_up(self, task: Task, row: ProposalRow) -> tuple[Draft, ...]:
        """After a creation that was read back as asked, propose to activate it."""
        done = row.execution(Direction.FORWARD)
        if row.proposal.key != "create" or row.verdict is not Verdict.WORKED or done is None:
            return ()
        wanted = row.proposal.action.parameters
        # As the platform's reading writes it: a brief may say `50 EUR` for `50.00 EUR`.
        daily = str(Money.parse(f"{wanted['daily_budget']} {wanted['currency']}"))
        return (
            _draft(
                "activate",
                "adplatform_activate_campaign",
                task,
                {
                    "campaign_id": done.data["campaign_id"],
                    "name": str(wanted["name"]),
                    "daily_budget": daily,
                    "days": _remaining(
                        str(wanted["starts_on"]), str(wanted["ends_on"]), self._today()
                    ),
                    "ends_on": str(wanted["ends_on"]),
                },
                observed=(f"created paused and read back: {daily} a day",),
                requesters=row.proposal.requesters,
            ),
        )

    def _pausing(
        self, task: Task, evidence: tuple[Evidence, ...]
    ) -> tuple[Report, tuple[Draft, ...]]:
        listed = next((item for item in evidence if item.label == "campaigns"), None)
        asked = dict.fromkeys(task.spec.get("campaign_id", "").split(","))
        rows = {} if listed is None else {str(row["id"]): row for row in listed.rows}
        found = [rows[name] for name in asked if name in rows][:MOST_AT_ONCE]
        if listed is None or not found:
            words = "I can't find that campaign on the ad platform."
            return _report(FindingKind.INCONCLUSIVE, words, evidence), ()
        said = [
            f"`{row['name']}` is {row['effective_status']}, {row['daily_budget']} a day."
            for row in found
        ]
        drafts = tuple(
            self._pause(task, row, words, place)
            for place, (row, words) in enumerate(zip(found, said, strict=True), 1)
        )
        missing = len(asked) - len(found)
        report = _report(FindingKind.HEALTHY, " ".join(said), evidence)
        if missing:
            words = f"{missing} of the {len(asked)} campaigns are left out."
            report = report.model_copy(update={"notes": (*report.notes, words)})
        return report, drafts

    def _pause(self, task: Task, row: Row, seen: str, place: int) -> Draft:
        return _draft(
            "pause" if place == 1 else f"pause-{place}",
            "adplatform_pause_campaign",
            task,
            {
                "campaign_id": str(row["id"]),
                "name": str(row["name"]),
                "daily_budget": str(row["daily_budget"]),
                "days": _remaining(str(row["starts_on"]), str(row["ends_on"]), self._today()),
                "ends_on": str(row["ends_on"]),
            },
            observed=(seen,),
            rationale=task.spec.get("reason"),
        )

    def _today(self) -> date:
        return self._clock.now().date()


def _draft(  # noqa: PLR0913 - a draft is these things
    key: str,
    tool: str,
    task: Task,
    parameters: dict[str, str | int | bool],
    *,
    observed: tuple[str, ...],
    rationale: str | None = None,
    requesters: tuple[str, ...] = (),
) -> Draft:
    return Draft(
        key=key,
        tool=tool,
        parameters=parameters,
        environment=task.environment,
        rationale=rationale,
        observed=observed,
        requesters=requesters,
        is_tainted=True,
    )


def _report(
    outcome: FindingKind,
    summary: str,
    evidence: tuple[Evidence, ...],
    made: CampaignPlan | None = None,
) -> Report:
    return Report(
        outcome=outcome,
        summary=summary,
        evidence=evidence,
        notes=caveats(evidence),
        attachment=None if made is None else made.model_dump_json(),
    )


def _summary(made: CampaignPlan) -> str:
    total = made.daily.times(Decimal(made.days))
    return (
        f"Plan for `{made.name}`: {made.daily} a day from {made.starts_on} to {made.ends_on}"
        f" ({made.days} days, {total} planned), on {made.channel}, for {made.audience}."
        f" Plan {made.digest[:12]}."
    )


def _observed(evidence: tuple[Evidence, ...]) -> tuple[str, ...]:
    return tuple(f"{item.label} — {item.excerpt}" for item in evidence if item.fault is None)


def _remaining(starts_on: str, ends_on: str, today: date) -> int:
    first = max(today, date.fromisoformat(starts_on))
    return max(0, (date.fromisoformat(ends_on) - first).days + 1)
