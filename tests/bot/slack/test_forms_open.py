"""The form of every button that opens one is a form that Slack takes, and says what it is about."""

from pathlib import Path

import pytest

from agents.ports import ProposalRow
from bot.slack import cards
from bot.slack.app import FORMS
from bot.slack.blocks import Block
from bot.slack.clicks import DEEDS
from bot.slack.limits import faults
from bot.store.cardviews import ProposalView
from policies.model import ProposalState
from tests.bot.slack.door import door, on
from tests.bot.slack.slackside import until
from tests.fakes.values import action, proposal


@pytest.mark.parametrize("action_id", sorted(FORMS))
def test_a_form_keeps_slacks_limits(action_id: str) -> None:
    view: Block | None = FORMS[action_id](proposal(editable=("to",)), "data")
    assert view is not None
    # docs.slack.dev, views: title, submit and close 24 characters, private_metadata 3000.
    assert max(len(view[name]["text"]) for name in ("title", "submit", "close")) <= 24
    assert view["private_metadata"] == "data"
    assert faults("a form", view["blocks"]) == []
    ids = [block["block_id"] for block in view["blocks"] if "block_id" in block]
    assert len(ids) == len(set(ids)) > 0


@pytest.mark.parametrize("action_id", sorted(FORMS))
@pytest.mark.parametrize("is_final", [True, False])
def test_a_form_says_what_it_is_about_and_whether_it_can_be_undone(
    action_id: str, *, is_final: bool
) -> None:
    own = action() if not is_final else action().model_copy(update={"inverse": None})
    view: Block | None = FORMS[action_id](proposal(editable=("to",), action=own), "data")
    assert view is not None
    head = view["blocks"][0]["text"]["text"]
    assert head.startswith("*Set the lamp from old to new*\nin `staging`, `T-1-1`\nUndo: ")
    assert head.endswith("*It can't be undone.*") is is_final


@pytest.mark.parametrize("is_final", [True, False])
def test_what_can_not_be_undone_is_asked_for_twice(*, is_final: bool) -> None:
    own = action() if not is_final else action().model_copy(update={"inverse": None})
    row = ProposalRow(
        proposal=proposal(action=own),
        state=ProposalState.PENDING,
        approvers=(),
        next_at=None,
        executions=(),
        verify_until=None,
        roll_back_by=None,
        verdict=None,
        is_followed_up=False,
    )
    view = ProposalView(
        row=row,
        sentence=None,
        reason=None,
        decided_at=None,
        measured=None,
        rolled_back_by=None,
        rejected_by=None,
        rejection=None,
    )
    blocks = cards.card(view, {})[1]
    buttons = [one for block in blocks if block["type"] == "actions" for one in block["elements"]]
    approve = next(one for one in buttons if one["action_id"] == cards.APPROVE)
    assert ("confirm" in approve) is is_final


def test_a_button_either_acts_or_opens_a_form() -> None:
    assert not DEEDS.keys() & FORMS.keys()


async def test_who_presses_is_told_when_the_form_does_not_open(tmp_path: Path) -> None:
    async with door(tmp_path) as it:
        _, card = await it.considered()
        # The workspace knows no such trigger, as Slack does not after three seconds.
        await it.press(on(card, user="U0ANA", action_id=cards.REJECT))
        await until(it.is_said)
        (told,) = it.told("U0ANA")
        assert told.startswith("The form did not open: Slack took too long. Nothing was done.")
