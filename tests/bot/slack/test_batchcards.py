"""How items are laid out on batch cards: whole, within Slack's limits, and each exactly once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.ports import ProposalRow
from bot.slack import batchcards, halts
from bot.slack.batchcards import Batch, arranged, card, is_whole, pairs_of
from bot.slack.limits import faults
from bot.store.batches import MOST, shown_by
from bot.store.cardviews import ProposalView
from policies.model import Proposal, ProposalState
from tests.fakes.values import action, proposal
from tools.halts import Halt, HaltKind

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


def shown(batch: Batch, held: str | None = None, stopped: str | None = None) -> tuple[str, str]:
    text, blocks = card(batch, MENTIONS, held=lambda _: held, stopped=stopped)
    assert faults(text, blocks) == []
    return text, str(blocks)


def test_the_question_before_all_are_approved_names_each_of_them() -> None:
    names = [
        f"Pause campaign {'A very long name of a campaign ' * 3}, no. {n}" for n in range(MOST)
    ]
    items = [view(made(n).model_copy(update={"title": names[n]})) for n in range(MOST)]
    (batch,) = arranged(items, (), MENTIONS)
    _, blocks = card(batch, MENTIONS)
    asked = blocks[-1]["elements"][0]["confirm"]
    assert asked["title"]["text"] == f"Approve these {MOST}, and no other?"
    said = asked["text"]["text"]
    assert len(said) <= 300
    assert all(f" {n + 1}. Pause c" in said and f", no. {n}" in said for n in range(MOST))
    assert said.endswith(f". {MOST} of them can't be undone.")


CONSENTED = (PENDING, ProposalState.APPROVED)
ENDED = (REJECTED, ProposalState.DENIED, ProposalState.FAILED)


def longest(at: int) -> Halt:
    """Return the hold with the longest words there can be, reason and names all to be escaped."""
    return Halt(
        kind=HaltKind.HOLD,
        by="&" * 300,
        at=NOW.replace(minute=at),
        reason="&" * 1000,
        task_id="&" * 300,
        name="&" * 300,
    )


def usual(reason: str) -> Halt:
    return Halt(kind=HaltKind.PAUSE, by="T1/UANA", at=NOW, reason=reason)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.integers(0, 8), st.sampled_from([*CONSENTED, *ENDED])),
        min_size=2,
        max_size=20,
    )
)
def test_every_item_stands_on_one_card_at_most_and_every_card_fits(
    drawn: Sequence[tuple[int, int, ProposalState]],
) -> None:
    views = [
        view(made(place, "&" * size, values), state, rejection="<" * 500, sentence="<" * 900)
        for place, (size, values, state) in enumerate(drawn, 1)
    ]
    batches = arranged(views, frozenset(), MENTIONS)
    ids = [item.row.proposal.id for batch in batches for item in batch.views]
    assert len(ids) == len(set(ids))
    for batch in batches:
        assert shown_by(batch.key) == tuple(item.row.proposal.id for item in batch.views)
        assert 2 <= len(batch.items) <= MOST
        assert all(is_whole(item.row.proposal) for item in batch.views if item.row.state is PENDING)
        reason = halts.said(longest(1), halts.SHORT_REASON)
        at_once = (halts.WAITS, halts.said(longest(1)))
        for held, stopped in ((None, None), (reason, None), at_once):
            _, blocks = shown(batch, held, stopped)
            open_ = [item.row.proposal for item in batch.views if item.row.state in CONSENTED]
            assert all(f"{one.id}:{one.action.hash}" in blocks for one in open_)


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


@pytest.mark.parametrize("reason", ["r" * 300, "&" * 300, "it burns"])
@pytest.mark.parametrize("size", [50, 300, 400])
def test_whatever_the_reason_a_stopped_card_says_it_once_and_keeps_every_button(
    reason: str, size: int
) -> None:
    views = [view(made(place, "x" * size)) for place in range(1, 9)]
    stopped = f"{halts.said(usual(reason))} Nothing is done before it is lifted."
    batches = arranged(views, frozenset(), MENTIONS)
    assert sum(len(batch.items) for batch in batches) == 8
    for batch in batches:
        _, blocks = card(batch, MENTIONS, held=lambda _: halts.WAITS, stopped=stopped)
        assert faults("text", blocks) == []
        said = str(blocks)
        assert said.count("*Signoff is paused*") + said.count(batchcards.STOPPED) >= 1
        assert said.count("*Signoff is paused*") <= 1
        pressed = [one for block in blocks for one in block.get("elements", ()) if "value" in one]
        assert len(pressed) == 3 * len(batch.items) + 2


def test_an_ordinary_reason_is_told_whole() -> None:
    views = [view(made(place)) for place in range(1, 9)]
    (batch,) = arranged(views, frozenset(), MENTIONS)
    _, said = shown(batch, halts.WAITS, halts.said(usual("r" * 300)))
    assert "r" * 300 in said
    assert said.count(halts.WAITS) == 8
