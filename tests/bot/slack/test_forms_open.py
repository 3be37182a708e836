"""The form of every button that opens one is a form that Slack takes."""

import pytest

from bot.slack.app import FORMS
from bot.slack.blocks import Block
from bot.slack.clicks import DEEDS
from bot.slack.limits import faults
from tests.fakes.values import proposal


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


def test_a_button_either_acts_or_opens_a_form() -> None:
    assert not DEEDS.keys() & FORMS.keys()
