"""What a thread shows of a changed policy: whole where it fits, harmless whatever rules say."""

import json
from decimal import Decimal

import pytest

from agents.report import FindingKind, Report
from bot.rulesets import told
from bot.slack.changes import change_post
from bot.slack.limits import faults
from bot.slack.policies import LONGEST, difference_text
from playground.workspace.limits import block_problems
from policies.comparison import Change
from policies.difference import Comparison, Difference
from policies.engine import decide
from policies.facts import Facts
from policies.limitfile import LimitChange
from policies.model import Clause, Decision
from tests.bot.chamber import BASE
from tests.fakes.values import facts
from tools.policy import Compared

HOSTILE = "<!channel> *bold* `code` <@U0ANA> <https://evil.example|Approve> \u202egnirob"


def differing(number: int, change: Change, group: str = "oncall") -> Difference:
    """Return one difference, in which a group is asked."""
    example: Facts = facts(target=f"{group}-{number}")
    found: Decision = decide(example, BASE)
    asked = found.model_copy(
        update={"clauses": (Clause(rule=f"rule-{number}", n=1, groups=(group,)),)}
    )
    return Difference(
        change=change,
        rules=frozenset({f"rule-{number:02}"}),
        before=asked,
        after=asked,
        example=example,
        telling=("agent", "target"),
    )


def compared(*found: Difference, warnings: tuple[str, ...] = ()) -> Compared:
    return told(Comparison(differences=found, cells=1), BASE, "Of the 3 decisions …", warnings)


def report(attachment: Compared | None) -> Report:
    return Report(
        outcome=FindingKind.CHANGE,
        summary="Proposed: policy `1` in the place of `2`.",
        attachment=None if attachment is None else attachment.model_dump_json(),
    )


def shown(found: Compared | None) -> str:
    """Return a post as text, after it was held against Slack's limits."""
    text, blocks = change_post(report(found))
    assert faults(text, blocks) == []
    assert block_problems(blocks, "message") == []
    return json.dumps(blocks, ensure_ascii=False)


def test_each_change_stands_with_its_example_the_looser_first() -> None:
    words = shown(compared(differing(1, Change.LOOSER), differing(2, Change.TIGHTER)))
    assert words.index("*Looser*: `rule-01`") < words.index("*Tighter*: `rule-02`")
    assert "for example: agent incident, target oncall-1" in words
    assert "Of the 3 decisions" in words
    assert "not shown" not in words


@pytest.mark.parametrize("group", ["g", "long-" * 2000])
def test_what_does_not_fit_is_counted(group: str) -> None:
    many = [differing(number, Change.LOOSER, group) for number in range(60)]
    words = shown(compared(*many))
    held = words.count("*Looser*")
    assert 1 <= held <= 10
    assert f"*{60 - held} more changes are not shown*: `signoff policy diff`" in words


def test_a_lock_out_and_what_can_not_be_compared_stand_first() -> None:
    fault = Compared(
        looser=0, tighter=0, changes=(), rules=1, replayed="None.", fault="too many cells"
    )
    assert "*It can't be compared*: too many cells." in shown(fault)
    words = shown(compared(differing(1, Change.LOOSER), warnings=("nobody could",)))
    assert words.index("*Look twice:* nobody could") < words.index("*Looser*")


def test_a_limit_that_is_raised_stands_among_what_lets_more_through() -> None:
    raised = LimitChange(
        agent="incident",
        environment="staging",
        limit="actions_an_hour",
        before=Decimal(20),
        after=None,
    )
    found = Comparison(differences=(differing(1, Change.TIGHTER),), cells=1, limits=(raised,))
    assert found.is_looser
    told_of = told(found, BASE, "None.", ())
    assert (told_of.looser, told_of.tighter) == (1, 1)
    for words in (shown(told_of), difference_text(found)):
        assert "limit actions_an_hour of incident in staging" in words
        assert "was: it allows 20" in words
        assert "now: it has no limit" in words
        assert words.index("actions_an_hour") < words.index("rule-01")


def test_names_in_rules_can_neither_mention_nor_link() -> None:
    for words in (
        shown(compared(differing(1, Change.LOOSER, HOSTILE), warnings=(HOSTILE,))),
        difference_text(Comparison(differences=(differing(1, Change.LOOSER, HOSTILE),), cells=1)),
    ):
        assert "<!channel>" not in words
        assert "<@U0ANA>" not in words
        assert "<https" not in words
        assert "\u202e" not in words
        assert "&lt;!channel&gt;" in words


def test_without_a_comparison_the_report_says_why() -> None:
    assert "Proposed: policy" in shown(None)


def test_an_answer_in_slack_is_cut_with_a_word() -> None:
    many = tuple(differing(number, Change.LOOSER) for number in range(99))
    text = difference_text(Comparison(differences=many, cells=1))
    assert len(text) < LONGEST + 200
    assert text.startswith("99 looser, 0 tighter.")
    assert "more: `signoff policy diff active DIR` on the server." in text
    assert difference_text(Comparison(differences=(), cells=1)) == "nothing is decided differently."
