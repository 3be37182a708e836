"""What a card and its thread say of a switch: who turned it, why, and what to do."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from bot.slack import halts
from bot.slack.cards import card
from bot.store.cardviews import ProposalView
from bot.store.context import Context
from bot.store.controls import pause
from bot.store.freezes import (
    Campaign,
    Place,
    freeze_campaign,
    freeze_task,
    hold_campaigns,
    order_mode,
)
from bot.store.notices import Order
from bot.store.threads import TaskView, ThreadStore
from policies.model import Mode, Proposal
from tests.bot.world import ANA, BEN, World
from tools.halts import Modes

ORDER = Order(person=BEN, reason="look <!channel> first.")
CHECKOUT = Campaign(platform="shop", key="checkout", name="checkout")
WHY = "by <@U0BEN> at 20 Nov 10:00 UTC: look &lt;!channel&gt; first"
Turn = Callable[[Connection, Context, Proposal], object]


def paused(connection: Connection, context: Context, proposal: Proposal) -> None:
    pause(connection, context, proposal.action.tenant, BEN, ORDER.reason)


def frozen(connection: Connection, context: Context, proposal: Proposal) -> None:
    freeze_task(connection, context, ORDER, proposal.task_id)


def frozen_campaign(connection: Connection, context: Context, proposal: Proposal) -> None:
    del proposal
    freeze_campaign(connection, context, ORDER, CHECKOUT)


def held_campaign(connection: Connection, context: Context, proposal: Proposal) -> None:
    hold_campaigns(connection, context, ORDER, [CHECKOUT], proposal.task_id)


def observed(connection: Connection, context: Context, proposal: Proposal) -> None:
    place = Place(agent=proposal.action.agent, environment=proposal.action.environment)
    order_mode(connection, context, ORDER, place, (Mode.OBSERVE, Modes()))


async def view_of(store: World, proposal: Proposal) -> TaskView:
    threads = ThreadStore(store.context)
    (view,) = await threads.view(await threads.thread(proposal.task_id))
    return view


@pytest.mark.parametrize(
    ("turn", "what", "todo"),
    [
        (paused, "*Signoff is paused*", "`/signoff resume REASON`"),
        (frozen, "*This task is frozen*", "`/signoff unfreeze T-"),
        (
            frozen_campaign,
            "*The campaign is frozen*",
            '`/signoff unfreeze campaign "checkout" REASON`',
        ),
        (held_campaign, "*The campaign is held for the incident `T-", "unfreeze campaign"),
        (observed, "*Only watching here*", "`/signoff mode incident staging approve REASON`"),
    ],
)
async def test_an_open_card_says_who_stopped_it_why_and_what_to_do(
    store: World, turn: Turn, what: str, todo: str
) -> None:
    proposal = await store.proposed()
    view = await view_of(store, proposal)
    assert halts.of_card(view, view.proposals[0]) is None
    await store.database.write(lambda connection: turn(connection, store.context, proposal))
    view = await view_of(store, proposal)
    said = halts.of_card(view, view.proposals[0])
    assert said is not None
    for words in (what, WHY, todo):
        assert words in said
    assert said in str(card(view.proposals[0], {}, held=said)[1][1]["text"]["text"])
    await store.vote(store.click(proposal, ANA))
    view = await view_of(store, proposal)
    waits = halts.of_card(view, view.proposals[0])
    assert waits is not None
    assert todo in waits
    assert "20 Nov 10:00 UTC: look &lt;!channel&gt; first" in waits
    assert not_begun(view.proposals[0], waits) == waits


def not_begun(item: ProposalView, held: str | None) -> str:
    """Return what something that was signed off waits for, as its card and its notice say it."""
    text, blocks = card(item, {}, held=held)
    said, noticed = str(blocks[1]["text"]["text"]), text.partition(": *Signed off")[2]
    assert said.startswith("*Signed off* by <@U0ANA>. ")
    assert "Acting now" not in said
    assert said.endswith(noticed)
    return said.partition("*Not begun yet:* ")[2]


async def test_a_card_acts_now_only_where_nothing_stops_it(store: World) -> None:
    proposal = await store.proposed()
    await store.vote(store.click(proposal, ANA))
    view = await view_of(store, proposal)
    (item,) = view.proposals
    assert halts.of_card(view, item) is None
    assert "*Signed off* by <@U0ANA>. Acting now." in str(card(item, {}))
    sentence = "Can't read who is in `oncall` now."
    blind = replace(item, reason="GROUP_UNREADABLE", sentence=sentence)
    assert not_begun(blind, None) == f"{sentence} I try again by myself."
    await store.database.write(lambda connection: paused(connection, store.context, proposal))
    view = await view_of(store, proposal)
    held = halts.of_card(view, view.proposals[0])
    assert held is not None
    assert held.startswith("Signoff is paused by <@U0BEN> since 20 Nov 10:00 UTC: look")
    assert held.endswith("It is done as soon as an operator writes `/signoff resume REASON`.")
    store.clock.forward(60)
    await store.database.write(lambda connection: frozen(connection, store.context, proposal))
    held = halts.of_card(await view_of(store, proposal), item)
    assert held is not None
    assert held.endswith("Nothing is done before an operator writes `/signoff resume REASON`.")


async def test_a_thread_s_head_says_what_stops_its_task(store: World) -> None:
    proposal = await store.proposed()
    await store.database.write(lambda connection: frozen(connection, store.context, proposal))
    view = await view_of(store, proposal)
    assert halts.of_state(view, "Thinking") == "Frozen (thinking)"
    (line,) = halts.of_head(view)
    assert WHY in line
    assert "I go on looking, and change nothing." in line
    other = await store.proposed(group="another")
    assert halts.of_head(await view_of(store, other)) == []
    await store.database.write(lambda connection: paused(connection, store.context, proposal))
    view = await view_of(store, proposal)
    assert halts.of_state(view, "Thinking") == "Paused (thinking)"
    assert len(halts.of_head(view)) == 2
