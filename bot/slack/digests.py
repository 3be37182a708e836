"""The digest of campaigns as a message: what needs attention first, raw numbers, `not set` kept."""

from datetime import datetime

from agents.campaign.digest import Digest, DigestRow
from agents.report import Report
from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.text import day_time, person, safe

# Followed by the row's number: within a message an `action_id` stands once.
PROPOSE_PAUSE = "campaign.propose_pause"
# One reason and one task for several: their pauses come as one batch.
PROPOSE_PAUSES = "campaign.propose_pauses"
MOST = 12


def digest_post(report: Report, *, late_since: str | None) -> tuple[str, list[Block]]:
    """Return the digest's fallback text and blocks."""
    if report.attachment is None:
        text = safe(report.summary, 600)
        return text, [kit.header("Campaign digest"), kit.section(text)]
    digest = Digest.model_validate_json(report.attachment)
    found = [
        kit.header(f"Campaigns, {digest.since} to {digest.until}"),
        kit.section(safe(report.summary, 400)),
    ]
    if late_since is not None:
        found.append(kit.context([f"Late: it was due at {safe(late_since)}."]))
    rows = sorted(digest.rows, key=lambda row: not row.attention)
    found.extend(_row(row, place) for place, row in enumerate(rows[:MOST]))
    found += _together([row for row in rows[:MOST] if row.is_running and row.attention])
    left = len(digest.rows) - MOST + digest.left_out
    fresh = "not known" if digest.as_of is None else day_time(datetime.fromisoformat(digest.as_of))
    small = [f"Figures as of {fresh}; today is left out."]
    if left > 0:
        small.append(f"{left} more campaigns are not shown.")
    found.append(kit.context(small))
    return f"Campaign digest: {safe(report.summary, 400)}", found


def _row(row: DigestRow, place: int) -> Block:
    lines = [f"*{safe(row.name)}* · {safe(row.state)} · {_owner(row.owner)}"]
    if row.attention:
        lines.append(":warning: Needs attention: " + safe("; ".join(row.attention)))
    lines.append(
        f"Spend {_known(row.spend)}"
        + (f" of {_known(row.planned)} planned" if row.spend is not None else "")
        + f" (week before: {_known(row.spend_before)})"
    )
    lines.append(
        f"Conversions {_known(row.conversions)} (week before: {_known(row.conversions_before)})"
        f" · budget {safe(row.daily_budget)} a day"
    )
    press = None
    if row.is_running:
        press = kit.button("Propose a pause…", f"{PROPOSE_PAUSE}.{place}", row.campaign_id)
    return kit.section("\n".join(lines), accessory=press)


def _together(rows: list[DigestRow]) -> list[Block]:
    if len(rows) < 2:  # noqa: PLR2004 - one has a button of its own
        return []
    text = f"Propose a pause of the {len(rows)} that need attention…"
    value = ",".join(row.campaign_id for row in rows)
    return [kit.actions("campaigns", [kit.button(text, PROPOSE_PAUSES, value)])]


def _owner(owner: str) -> str:
    return person(owner) if "/" in owner else safe(owner)


def _known(value: str | int | None) -> str:
    return "not set" if value is None else safe(str(value))
