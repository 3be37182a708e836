"""Every refusal says why, and what to do."""

import re
from typing import Any

import pytest

from bot.slack.refusals import WORDS, shown_back, to_command, words
from bot.store.tasks import undo_key
from policies.approvals import Refusal
from policies.model import ActionKind
from tests.fakes.values import action, clause, decision, facts, proposal

# What a person can do next, in the words of the answers.
DO = re.compile(
    r"[Aa]sk |[Pp]ress |Try again|Use the card|Watch|Undo it|tell your operators|somebody else"
    r"|the card shows|Roll back|full member|can't be undone|can't decide"
)


@pytest.mark.parametrize("refusal", list(Refusal))
def test_every_refusal_has_words_and_its_code(refusal: Refusal) -> None:
    said = words(refusal, proposal())
    assert said.endswith(f"({refusal}, rule `a-rule`)")
    assert "{" not in said
    assert DO.search(WORDS[refusal]), WORDS[refusal]


def test_a_group_that_is_needed_beside_those_asked_is_named() -> None:
    said = words(Refusal.GROUP_UNREADABLE, proposal(), ("break-glass",))
    assert "who is in `break-glass`" in said
    assert "oncall" not in said


def test_what_is_shown_back_is_harmless() -> None:
    assert shown_back("<!channel> \u202eevil") == "\nYou wrote: &lt;!channel&gt; evil"
    assert shown_back("  \n") == ""


MENTIONS = {"oncall": "<@U0ANA> <@U0BEN>", "operators": "<!subteam^S0OPS>", "break-glass": ""}


@pytest.mark.parametrize(
    ("refusal", "whom"),
    [
        (Refusal.NOT_IN_GROUP, "Only members of `oncall` (<@U0ANA>, <@U0BEN>) can decide this."),
        (Refusal.IS_GUEST, "Ask a member of `oncall` (<@U0ANA>, <@U0BEN>)."),
        # Whom it would not help to ask is left out.
        (Refusal.IS_REQUESTER, "ask a member of `oncall` (<@U0BEN>)."),
        (Refusal.ALREADY_VOTED, "ask another member of `oncall` (<@U0BEN>)."),
        (Refusal.NOT_OPERATOR, "Only members of `operators` (<!subteam^S0OPS>) can answer this."),
        (Refusal.NOT_IN_BREAK_GLASS, "Only members of `break-glass` can act alone."),
    ],
)
def test_a_refusal_says_who_can_with_their_mentions(refusal: Refusal, whom: str) -> None:
    asked = proposal(requesters=("T0PLAY/U0ANA",))
    assert whom in words(refusal, asked, mentions=MENTIONS)


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        (
            {"key": undo_key("T-1-9"), "replaces": "T-1-9"},
            "Propose to undo… on the card of `T-1-9`.",
        ),
        ({"action": action(agent="campaign")}, "`/launch-campaign`."),
        (
            {
                "action": action(agent="campaign"),
                "facts": facts(action=ActionKind.PAUSE),
            },
            "`/signoff digest`, then press Propose a pause… below a campaign.",
        ),
        ({"action": action(agent="policy")}, "`/signoff policy propose`."),
        ({}, "`/triage`."),
    ],
)
def test_what_has_expired_is_asked_for_again_the_way_it_was(
    changes: dict[str, Any], way: str
) -> None:
    said = words(Refusal.EXPIRED, proposal(**changes))
    assert said.startswith("This has expired; no answer was a no. To ask for it again: ")
    assert way in said


def test_whoever_asked_is_named_where_they_may_sign() -> None:
    own = decision(clause(1, "oncall"), self_approval=True)
    said = words(
        Refusal.ALREADY_VOTED,
        proposal(decision=own, requesters=("T0PLAY/U0ANA",)),
        mentions=MENTIONS,
    )
    assert "`oncall` (<@U0ANA>, <@U0BEN>)" in said


def test_a_refused_command_says_who_can() -> None:
    said = to_command(Refusal.NOT_IN_GROUP, "resume", MENTIONS)
    assert said.startswith("Only members of `operators` (<!subteam^S0OPS>) can resume.")
    assert "{" not in to_command(Refusal.NOT_OPERATOR, "resume")
