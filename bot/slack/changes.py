"""The message above the card of a changed policy: what it loosens and tightens, in words."""

from agents.report import Report
from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.text import bullets, code, safe
from tools.policy import Changed, Compared

# Eleven such sections stay below Slack's 12 000 characters of a message.
MOST_SHOWN, MOST_TEXT = 10, 9000


def change_post(report: Report) -> tuple[str, list[Block]]:
    """Return the fallback text and blocks; without a comparison only what the report says."""
    summary = safe(report.summary, 600)
    blocks = [kit.section(summary)]
    if report.attachment is None:
        notes = bullets([safe(note, 300) for note in report.notes[:5]])
        return summary, [*blocks, *([kit.section(notes)] if notes else [])]
    found = Compared.model_validate_json(report.attachment)
    # A lock-out first: nobody could take it back later.
    blocks += [kit.section(f"*Look twice:* {safe(words, 600)}") for words in found.warnings[:3]]
    if found.fault is not None:
        blocks.append(kit.section(f"*It can't be compared*: {safe(found.fault, 600)}."))
    shown = _shown(found)
    blocks += [kit.section(text) for text in shown]
    left = found.looser + found.tighter - len(shown)
    small = [safe(found.replayed, 400)]
    if left:
        small.insert(0, f"*{left} more changes are not shown*: `signoff policy diff` prints all.")
    return summary, [*blocks, kit.context(small)]


def _shown(found: Compared) -> list[str]:
    texts: list[str] = []
    for change in found.changes[:MOST_SHOWN]:
        text = _words(change)
        if sum(map(len, texts)) + len(text) > MOST_TEXT:
            break
        texts.append(text)
    return texts


def _words(change: Changed) -> str:
    kind = "Looser" if change.is_looser else "Tighter"
    return (
        f"*{kind}*: {code(change.rules, 200)}\n• was: it {safe(change.was, 300)}"
        f"\n• now: it {safe(change.now, 300)}\n• for example: {safe(change.example, 300)}"
    )
