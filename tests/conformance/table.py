"""The table of all rules, and its page, which `python -m tests.conformance.table` writes."""

from pathlib import Path

from tests.conformance import beside, calls, controls, figures, forms, structures, texts
from tests.conformance.rules import MEASURED, Rule

PAGE = Path(__file__).resolve().parents[2] / "docs" / "slack-conformance.md"
PARTS: dict[str, list[Rule]] = {
    "Texts and pictures": texts.RULES,
    "Buttons and menus": controls.RULES,
    "Inputs": forms.RULES,
    "Tables and charts": figures.RULES,
    "Plans, cards, containers, surfaces, views": structures.RULES,
    "Messages and what is read": calls.RULES,
    "Streams, files, reactions, sessions, views": beside.RULES,
}
RULES: list[Rule] = [rule for rules in PARTS.values() for rule in rules]
INTRODUCTION = """# What the local workspace holds apps to

`playground/workspace` refuses what Slack refuses. Each rule is tried by `tests/conformance`: at
the limit a call is taken, one beyond it is refused with Slack's code. `(?)` marks what no page of
Slack's says. This page is made from those tests. The workspace's checks and Signoff's check of
what it sends (`bot/slack/limits.py`) are written apart from each other.

The same calls go to Slack itself when `SLACK_CONFORMANCE_TOKEN` (an agent's bot token with
`chat:write`, `channels:history`, `channels:read`, `files:write`, `reactions:write`, `users:read`
and `usergroups:read`) and `SLACK_CONFORMANCE_CHANNEL` (the id of a public channel that the bot is
in) are set; what is posted there is deleted again. Without them those tests are skipped.
"""


def render() -> str:
    """Return the page."""
    lines = [INTRODUCTION]
    for title, rules in PARTS.items():
        lines += [f"## {title}", "", "| rule | source | taken | refused |", "|---|---|---|---|"]
        lines += [_row(rule) for rule in rules]
        lines.append("")
    return "\n".join(lines)


def _row(rule: Rule) -> str:
    taken = ", ".join(case.name for case in rule.cases if not case.code)
    refused = ", ".join(f"{case.name} (`{case.code}`)" for case in rule.cases if case.code)
    return f"| {rule.says} | {_source(rule.source)} | {taken} | {refused} |"


def _source(source: str) -> str:
    parts = source.split("; ")
    return ", ".join(part if part == MEASURED else f"[{_name(part)}]({part})" for part in parts)


def _name(address: str) -> str:
    return address.rsplit("/", 1)[-1]


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
