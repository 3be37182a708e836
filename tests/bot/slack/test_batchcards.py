"""How items are laid out on batch cards: whole, within Slack's limits, and each exactly once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.ports import ProposalRow
from bot.slack import batchcards
from bot.slack.batchcards import Batch, arranged, card, is_whole, pairs_of
from bot.slack.limits import faults
from bot.store.batches import MOST, shown_by
from bot.store.cardviews import ProposalView
from policies.model import Proposal, ProposalState
from tests.fakes.values import action, proposal

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MENTIONS = MappingProxyType({"oncall": "<!subteam^S0ONCALL>"})
LONG = "&" * 400
PENDING, REJECTED = ProposalState.PENDING, ProposalState.REJECTED


def made(place: int, words: str = "x", values: int = 1) -> Proposal:
    parameters = {f"name{number}": words for number in range(values)}
    own = action(proposal_id=f"T-1-{place}", parameters=parameters, inverse=None)
    return proposal(
        id=f"T-1-{place}",
        key=str(place),
        action=own,
        worst_case=words,
        title=f"Item {place}",
        rationale=words,
    )


def view(
    found: Proposal, state: ProposalState = PENDING, *, batch: str | None = "T-1-1", **said: str
) -> ProposalView:
    row = ProposalRow(
        proposal=found,
        state=state,
        approvers=(),
        next_at=None,
        executions=(),
        verify_until=None,
        roll_back_by=None,
        verdict=None,
        is_followed_up=False,
    )
    return ProposalView(
        row=row,
        sentence=said.get("sentence"),
        reason=None,
        decided_at=NOW,
        measured=None,
        rolled_back_by=None,
        rejected_by="T1/UBEN",
        rejection=said.get("rejection"),
        batch=batch,
    )


def shown(batch: Batch, held: str | None = None) -> tuple[str, str]:
    text, blocks = card(batch, MENTIONS, held=lambda _: held)
    assert faults(text, blocks) == []
    return text, str(blocks)


# About the longest that is said of what somebody stopped.
HELD = f"*Frozen* by <@UANA>: {'w' * 200}. It waits for `/signoff unfreeze`."


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.integers(0, 8), st.sampled_from([PENDING, REJECTED])),
        min_size=2,
        max_size=20,
    )
)
def test_every_item_stands_on_one_card_at_most_and_every_card_fits(
    drawn: Sequence[tuple[int, int, ProposalState]],
) -> None:
    views = [
        view(made(place, "&" * size, values), state, rejection="<" * 500)
        for place, (size, values, state) in enumerate(drawn, 1)
    ]
    batches = arranged(views, frozenset(), MENTIONS)
    ids = [item.row.proposal.id for batch in batches for item in batch.views]
    assert len(ids) == len(set(ids))
    for batch in batches:
        assert shown_by(batch.key) == tuple(item.row.proposal.id for item in batch.views)
        assert 2 <= len(batch.items) <= MOST
        _, blocks = shown(batch, held=HELD)
        for item in batch.views:
            if item.row.state is PENDING:
                assert is_whole(item.row.proposal)
                assert f"{item.row.proposal.id}:{item.row.proposal.action.hash}" in blocks


def test_a_card_that_stands_keeps_its_items_and_what_has_its_own_keeps_that() -> None:
    views = [view(made(place)) for place in range(1, 7)]
    known = {"batch:T-1:2,4", "proposal:T-1-3", "batch:T-2:1,5"}
    found = arranged(views, known, MENTIONS)
    assert {batch.key for batch in found} == {"batch:T-1:2,4", "batch:T-1:1,5,6"}
    title, _ = shown(next(batch for batch in found if batch.key.endswith("1,5,6")))
    assert title.startswith("Proposals 1, 5\N{EN DASH}6 of 6")


def test_what_would_be_cut_short_is_no_part_of_a_batch() -> None:
    views = [view(made(1)), view(made(2)), view(made(3, "y" * 1500))]
    views += [view(made(4, LONG * 2)), view(made(5), batch=None)]
    (batch,) = arranged(views, frozenset(), MENTIONS)
    assert batch.key == "batch:T-1:1,2"
    assert "The others have cards of their own" in shown(batch)[1]


def test_the_button_for_all_carries_what_is_open_and_goes_when_one_is_left() -> None:
    views = [view(made(1)), view(made(2), REJECTED), view(made(3)), view(made(4), REJECTED)]
    (batch,) = arranged(views, frozenset(), MENTIONS)
    text, blocks = card(batch, MENTIONS)
    assert text == "Proposals 1\N{EN DASH}4 of 4: 2 wait for a sign-off"
    foot = blocks[-1]["elements"]
    assert [one["text"]["text"] for one in foot] == ["Approve the 2 shown", "Reject the 2 shown…"]
    wanted = [(item.row.proposal.id, item.row.proposal.action.hash) for item in views[::2]]
    assert pairs_of(foot[0]["value"]) == wanted == pairs_of(foot[1]["value"])
    alone = arranged([views[0], *(view(made(n), REJECTED) for n in (2, 3))], frozenset(), MENTIONS)
    assert "shown" not in shown(alone[0])[1]


@given(st.text(alphabet="ab:,|", max_size=40))
def test_whatever_a_value_says_it_names_each_item_once_and_not_too_many(value: str) -> None:
    found = pairs_of(value)
    if found is not None:
        assert len({name for name, _ in found}) == len(found) <= MOST
        assert ",".join(f"{name}:{seen}" for name, seen in found) == value


@pytest.mark.parametrize(
    ("action_id", "base"),
    [
        ("proposal.approve.3", "proposal.approve"),
        ("proposal.approve", "proposal.approve"),
        ("batch.approve", "batch.approve"),
        ("campaign.propose_pause.11", "campaign.propose_pause"),
    ],
)
def test_a_button_is_known_without_its_place(action_id: str, base: str) -> None:
    assert batchcards.base_of(action_id) == base
