"""Batch cards: what they show is what a click may count for, item by item."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.slack import batches, cards, modals
from bot.slack.batchcards import APPROVE_ALL, REJECT_ALL
from bot.slack.limits import faults
from bot.store.controls import pause
from bot.store.tables import votes
from policies.loader import sealed
from policies.model import ProposalState
from tests.bot.slack.lampside import (
    GUEST,
    OUTSIDER,
    ROBOT,
    TEAM,
    Bench,
    asks,
    bench,
    buttons,
    label,
    words,
)
from tests.bot.world import ANA, BEN

S = ProposalState
LAMPS = ("hall", "attic", "porch")
DASH = "\N{EN DASH}"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def test_what_is_proposed_in_one_go_stands_whole_on_one_card(here: Bench) -> None:
    here.house.is_final = True
    task = await here.task("hall", "attic", "porch")
    card = await here.card("batch:")
    assert [mark.split(":")[0] for mark in here.side.marks()][-1:] == ["batch"]
    shown = words(card)
    for place, name in enumerate(("hall", "attic", "porch"), 1):
        assert f"{place}. Set the lamp from old to new ({name})" in shown
        assert f"name: `{name}`" in shown
        assert f"{name} is dark" in shown
    assert shown.count("*Worst case*\\nit stays dark") == 3
    assert shown.count("*It can't be undone.*") == 3
    assert shown.count("Needs *1* of <!subteam^S0ONCALL>") == 3
    for row in await here.rows(task):
        assert row.proposal.action.hash[:12] in shown
    assert [label(one) for one in buttons(card)][-2:] == [
        "Approve the 3 shown",
        "Reject the 3 shown…",
    ]
    asked = buttons(card)[-2]["confirm"]["text"]["text"]
    named = [f"{n}. Set the lamp from old to new ({x})" for n, x in enumerate(LAMPS, 1)]
    said = f"One vote of yours for each: {'; '.join(named)}. 3 of them can't be undone."
    assert asked == said
    assert faults(card.text, card.blocks) == []


async def test_one_click_is_one_vote_for_each_item_shown(here: Bench) -> None:
    task = await here.task("hall", "attic", "porch")
    told = await here.press("U0ANA", "Approve the 3 shown", await here.card("batch:"))
    assert [line.splitlines()[0] for line in told] == ["Of the 3 shown: 3 signed off."]
    assert len(await here.side.store.rows(votes)) == 3
    await here.work()
    assert here.house.lamps == {"hall": "new", "attic": "new", "porch": "new"}
    assert set(await here.states(task)) == {S.VERIFIED}
    card = await here.card("batch:")
    assert buttons(card) == []
    assert words(card).count("*Done*") == 3
    assert faults(card.text, card.blocks) == []


async def test_the_form_that_rejects_all_names_what_it_ends_and_what_not(here: Bench) -> None:
    task = await here.task(*LAMPS)
    card = await here.card("batch:")
    pressed = next(one for one in buttons(card) if one["action_id"] == REJECT_ALL)
    await here.press("U0BEN", "proposal.approve.2", card)
    body = {
        "user": {"id": "U0ANA", "team_id": TEAM},
        "container": {"message_ts": card.ts, "channel_id": card.channel_id},
    }
    view = await batches.form(here.desk, body, str(pressed["value"]))
    assert view is not None
    assert faults("a form", view["blocks"]) == []
    said = str(view["blocks"])
    assert "*These 2, and no other.* One rejection ends each" in said
    for place, name in ((1, "hall"), (3, "porch")):
        assert (
            f"*Set the lamp from old to new ({name})*\\nin `staging`, `{task.id}-{place}`" in said
        )
    assert "(attic)" not in said
    assert "Left out: 1 more of that card, decided already or not yours to reject." in said


async def test_an_item_is_answered_alone_and_leaves_the_rest_open(here: Bench) -> None:
    task = await here.task("hall", "attic", "porch")
    card = await here.card("batch:")
    await here.press("U0BEN", "proposal.approve.2", card)
    await here.work()
    assert here.house.lamps == {"attic": "new"}
    assert await here.states(task) == [S.PENDING, S.VERIFIED, S.PENDING]
    card = await here.card("batch:")
    assert [label(one) for one in buttons(card)].count("Approve") == 2
    told = await here.press("U0ANA", "Approve the 2 shown", card)
    assert told[0].startswith("Of the 2 shown: 2 signed off.")
    assert len(await here.side.store.rows(votes)) == 3


async def test_each_item_says_what_became_of_it(here: Bench) -> None:
    here.rules.append(sealed([asks(2, "oncall", "operators", "marketing")]))
    task = await here.task("hall", "attic", "porch", "yard", **{"asked.porch": BEN})
    card = await here.card("batch:")
    value = str(buttons(card)[-2]["value"])
    await here.press("U0ANA", "proposal.approve.4", card)
    await here.press("U0MIA", "proposal.approve.4", card)
    await here.press("U0MIA", "proposal.approve.1", card)
    told = await here.send("U0BEN", APPROVE_ALL, value, card.ts)
    first, *lines = told[0].splitlines()
    assert first == "Of the 4 shown: 1 signed off, 1 needs 1 more, 2 refused."
    assert [line.split("`")[1] for line in lines] == [f"{task.id}-{n}" for n in range(1, 5)]
    assert "You asked for this" in lines[2]
    assert "ALREADY_DECIDED" in lines[3]
    refused = await here.side.store.events("click.refused")
    assert [event["proposal_id"] for event in refused] == [f"{task.id}-3", f"{task.id}-4"]


async def test_items_that_ask_different_groups_say_so_and_count_for_who_may(here: Bench) -> None:
    more = asks(1, "operators", target=("attic",))
    here.rules.append(sealed([asks(), more]))
    task = await here.task("hall", "attic")
    card = await here.card("batch:")
    assert words(card).count("Needs *1* of `operators`") == 1
    told = await here.press("U0BEN", "Approve the 2 shown", card)
    assert told[0].startswith("Of the 2 shown: 1 signed off, 1 needs 1 more.")
    assert await here.states(task) == [S.APPROVED, S.PENDING]


async def test_a_stale_card_votes_on_nothing_that_was_decided_since(here: Bench) -> None:
    task = await here.task("hall", "attic")
    card = await here.card("batch:")
    stale = str(buttons(card)[-2]["value"])
    await here.press("U0ANA", "Approve the 2 shown", card)
    before = await here.side.store.rows(votes)
    told = await here.send("U0BEN", APPROVE_ALL, stale, card.ts)
    assert told[0].count("ALREADY_DECIDED") == 2
    assert await here.side.store.rows(votes) == before
    assert set(await here.states(task)) == {S.APPROVED}


@pytest.mark.parametrize(
    ("user", "team", "reason"),
    [
        (OUTSIDER.id, "T0PLAY", "NOT_IN_GROUP"),
        (GUEST.id, "T0PLAY", "IS_GUEST"),
        (ROBOT.id, "T0PLAY", "IS_BOT"),
        ("U0ANA", "T0ELSE", "NOT_IN_GROUP"),
        ("U0NOBODY", "T0PLAY", "PERSON_UNREADABLE"),
    ],
)
async def test_who_may_not_decide_votes_on_no_item(
    here: Bench, user: str, team: str, reason: str
) -> None:
    task = await here.task("hall", "attic")
    card = await here.card("batch:")
    for button in ("Approve the 2 shown", "Reject the 2 shown…"):
        told = await here.press(user, button, card, team)
        assert told[0].count(reason) == 2, told
    assert await here.side.store.rows(votes) == []
    assert set(await here.states(task)) == {S.PENDING}
    assert len(await here.side.store.events("click.refused")) == 4


async def test_a_card_answers_for_its_own_items_only(here: Bench) -> None:
    one, other = await here.task("hall", "attic"), await here.task("porch", "yard")
    await here.shown()
    found = {
        str((message.metadata or {})["event_payload"]["key"]).split(":")[1]: message
        for message, mark in zip(here.side.messages(), here.side.marks(), strict=True)
        if mark.startswith("batch:")
    }
    foreign = str(buttons(found[other.id])[-2]["value"])
    told = await here.send("U0ANA", APPROVE_ALL, foreign, found[one.id].ts)
    assert told[0].count("OTHER_CARD") == 2
    own = str(buttons(found[one.id])[-2]["value"])
    forged = ",".join([own, foreign])
    told = await here.send("U0ANA", APPROVE_ALL, forged, found[one.id].ts)
    assert told[0].startswith("Of the 4 shown: 2 signed off, 2 refused.")
    assert {row.proposal_id.rsplit("-", 1)[0] for row in await here.side.store.rows(votes)} == {
        one.id
    }


@pytest.mark.parametrize(
    "value", ["", "nonsense", "a:b:c", "a:b,", "a:b,a:c", ",".join(["a:b"] * 9)]
)
async def test_a_value_that_is_none_of_ours_decides_nothing(here: Bench, value: str) -> None:
    await here.task("hall", "attic")
    card = await here.card("batch:")
    told = await here.send("U0ANA", APPROVE_ALL, value, card.ts)
    assert "OTHER_CARD" in told[0]
    assert await here.side.store.rows(votes) == []


async def test_all_that_is_shown_is_rejected_with_one_reason(here: Bench) -> None:
    task = await here.task("hall", "attic")
    card = await here.card("batch:")
    assert await here.press("U0ANA", "Reject the 2 shown…", card) == []
    view = {
        "callback_id": "batch.reject",
        "private_metadata": f"{buttons(card)[-1]['value']}|C0INCIDENTS|{card.ts}",
        "state": {"values": {"reason": {"reason.value": {"value": "not tonight"}}}},
    }
    body = {"type": "view_submission", "user": {"id": "U0ANA", "team_id": "T0PLAY"}, "view": view}
    told = await here.letter("view", body)
    assert told[0].startswith("Of the 2 shown: 2 rejected.")
    assert set(await here.states(task)) == {S.REJECTED}
    assert words(await here.card("batch:")).count("not tonight") == 2


async def test_more_than_fit_come_on_several_cards_that_count_their_own(here: Bench) -> None:
    lamps = [f"lamp{number}" for number in range(1, 13)]
    task = await here.task(*lamps)
    await here.shown()
    batches = [
        message
        for message, mark in zip(here.side.messages(), here.side.marks(), strict=True)
        if mark.startswith("batch:")
    ]
    heads = [message.text.split(":")[0] for message in batches]
    assert heads == [f"Proposals {found} of 12" for found in (f"1{DASH}8", f"9{DASH}12")]
    assert "Approve the 4 shown" in words(batches[1])
    told = await here.press("U0ANA", "Approve the 4 shown", batches[1])
    assert told[0].startswith("Of the 4 shown: 4 signed off.")
    states = await here.states(task)
    assert (states.count(S.PENDING), states.count(S.APPROVED)) == (8, 4)
    for message in batches:
        assert faults(message.text, message.blocks) == []


async def test_two_people_at_once_give_each_item_one_deciding_vote(here: Bench) -> None:
    task = await here.task("hall", "attic", "porch")
    card = await here.card("batch:")
    await asyncio.gather(
        here.press("U0ANA", "Approve the 3 shown", card),
        here.press("U0BEN", "Approve the 3 shown", card),
    )
    assert len(await here.side.store.rows(votes)) == 3
    assert set(await here.states(task)) == {S.APPROVED}


async def test_votes_wait_on_the_card_while_signoff_is_paused(here: Bench) -> None:
    task = await here.task("hall", "attic")
    store = here.side.store
    await store.database.write(
        lambda connection: pause(connection, store.context, "default", ANA, "")
    )
    card = await here.card("batch:")
    assert words(card).count("*Signoff is paused* by") == 1
    assert words(card).count("Waits (see above).") == 2
    await here.press("U0ANA", "Approve the 2 shown", card)
    await here.work()
    assert here.house.lamps == {}
    assert set(await here.states(task)) == {S.APPROVED}
    card = await here.card("batch:")
    assert words(card).count("*Not begun yet:* Waits (see above).") == 2
    assert "Acting now" not in words(card)
    assert [label(one) for one in buttons(card)] == ["Withdraw", "Withdraw"]


async def test_one_reminder_calls_people_to_all_that_still_wait_on_a_card(here: Bench) -> None:
    task = await here.task(*LAMPS)
    card = await here.card("batch:")
    await here.press("U0ANA", "Approve", card)
    here.side.store.clock.forward(15 * 86_400 + 60)
    await here.work()
    await here.shown()
    (mark,) = [one for one in here.side.marks() if one.startswith("reminded:")]
    assert mark == f"reminded:{task.id}-1"
    said = words(await here.card(mark))
    assert "(attic); Set the lamp from old to new (porch). <!subteam^S0ONCALL>, please look" in said
    assert "hall" not in said
    await here.press("U0BEN", "Approve the 2 shown", await here.card("batch:"))
    assert "Asked again at" in words(await here.card(mark))


async def test_an_item_is_withdrawn_alone(here: Bench) -> None:
    task = await here.task("hall", "attic", "porch")
    card = await here.card("batch:")
    assert await here.press("U0ANA", "proposal.withdraw.2", card) == []
    assert await here.states(task) == [S.PENDING, S.WITHDRAWN, S.PENDING]
    assert "*Withdrawn* by <@U0ANA>" in words(await here.card("batch:"))
    (told,) = await here.press("U0BEN", "proposal.withdraw.1", card)
    assert "Only a member of `operators` (<!subteam^S0OPERATORS>) can withdraw this" in told
    assert await here.states(task) == [S.PENDING, S.WITHDRAWN, S.PENDING]


async def test_the_glass_is_broken_for_one_item_alone(here: Bench) -> None:
    task = await here.task("hall", "attic")
    card = await here.card("batch:")
    _, value = (str(one["value"]) for one in buttons(card) if label(one) == "Withdraw")
    assert await here.send("U0MIA", f"{cards.BREAK_GLASS}.2", value, card.ts) == []
    filled = {"reason": "nobody answers, it is dark", "word": "break"}
    view = {
        "callback_id": modals.GLASS,
        "private_metadata": f"{value}:C0INCIDENTS:{card.ts}",
        "state": {
            "values": {name: {f"{name}.value": {"value": text}} for name, text in filled.items()}
        },
    }
    body = {"type": "view_submission", "user": {"id": "U0MIA", "team_id": "T0PLAY"}, "view": view}
    assert await here.letter("view", body) == []
    await here.work()
    assert here.house.lamps == {"attic": "new"}
    assert await here.states(task) == [S.PENDING, S.VERIFIED]
    assert await here.side.store.events("click.refused") == []


@pytest.mark.parametrize("action", [cards.WITHDRAW, cards.BREAK_GLASS])
async def test_an_item_of_another_card_is_neither_withdrawn_nor_let_through(
    here: Bench, action: str
) -> None:
    one, other = await here.task("hall", "attic"), await here.task("porch", "yard")
    card, (row, _) = await here.card(f"batch:{one.id}:1,2"), await here.rows(other)
    value = f"{row.proposal.id}:{row.proposal.action.hash}"
    (told,) = await here.send("U0ANA", f"{action}.1", value, card.ts)
    assert "OTHER_CARD" in told
    assert set(await here.states(other)) == {S.PENDING}
