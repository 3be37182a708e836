"""The way back: one click inside its window, a proposal after it, and exactly one thing happens."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agents.tasks import Task, TaskState
from bot.slack.cards import ROLL_BACK
from bot.slack.modals import GLASS
from bot.slack.rollbacks import form
from bot.slack.undoing import PROPOSE_UNDO
from bot.store.cardviews import proposal_views
from bot.store.freezes import Place, freeze_task, order_mode
from bot.store.notices import Order
from bot.store.places import newest_card
from bot.store.tables import tasks
from playground.workspace.model import Message
from policies.engine import Asked, RuleKind, When
from policies.loader import sealed
from policies.model import Mode, ProposalState
from tests.bot.slack.lampside import GUEST, ROBOT, Bench, asks, bench, buttons, label, words
from tests.fakes.values import rule
from tools.halts import Modes

S = ProposalState
WINDOW_S = 3600


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def switched(here: Bench, *, until: ProposalState = S.VERIFIED) -> Task:
    """Let one lamp be switched."""
    task = await here.task("hall")
    await here.press("U0ANA", "Approve", await here.card("proposal:"))
    await here.work()
    assert await here.states(task) == [until]
    return task


async def verdict(here: Bench, task: Task) -> Message:
    return await here.card(f"verdict:{task.id}-1")


async def command(here: Bench, user: str, task: Task | str) -> tuple[dict[str, Any] | None, str]:
    """Write the command; returns the form that opens, and what the person is told."""
    text = f"rollback {task if isinstance(task, str) else task.id}"
    view = await form(here.desk, said_by(user, text))
    return view, await says(here, user, text)


async def says(here: Bench, user: str, text: str) -> str:
    """Write `/signoff TEXT`; returns what the person is told."""
    return " ".join(await here.letter("command", said_by(user, text)))


def said_by(user: str, text: str) -> dict[str, Any]:
    return {
        "command": "/signoff",
        "text": text,
        "channel_id": "C0INCIDENTS",
        "user_id": user,
        "team_id": "T0PLAY",
    }


async def confirm(here: Bench, user: str, view: dict[str, Any]) -> str:
    sent = {
        "type": "view_submission",
        "user": {"id": user, "team_id": "T0PLAY"},
        "view": {"callback_id": view["callback_id"], "private_metadata": view["private_metadata"]},
    }
    return " ".join(await here.letter("view", sent))


async def test_after_its_window_undoing_is_a_proposal_of_its_own(here: Bench) -> None:
    task = await switched(here)
    assert [label(one) for one in buttons(await verdict(here, task))] == ["Roll back"]
    here.side.store.clock.forward(WINDOW_S + 1)
    card = await verdict(here, task)
    assert [label(one) for one in buttons(card)] == ["Propose to undo…"]
    assert "IS_GUEST" in (await here.press(GUEST.id, "Propose to undo…", card))[0]
    told = await here.press("U0BEN", "Propose to undo…", card)
    assert "somebody else signs it off" in told[0]
    undo = (await here.rows(task))[1].proposal
    assert (undo.id, undo.key, undo.replaces) == (
        f"{task.id}-1.undo",
        f"undo-{task.id}-1",
        f"{task.id}-1",
    )
    assert undo.action.parameters == {"name": "hall", "before": "new", "to": "old"}
    assert {str(item) for item in undo.action.preconditions} == {"value is new"}
    assert undo.requesters == ("T0PLAY/U0BEN",)
    assert (await here.side.store.row(tasks)).state == TaskState.AWAITING_APPROVAL
    assert buttons(await verdict(here, task)) == []
    asked = await here.card(f"proposal:{undo.id}")
    assert "This undoes" in words(asked)
    # It is no other version of what it undoes.
    assert "*Changed*" not in words(asked)
    assert f"Undoes `{task.id}-1`; votes start at zero" in words(asked)
    explained = await says(here, "U0ANA", f"policy explain `{undo.id}`")
    assert "it needs 1 of oncall" in explained
    assert "IS_REQUESTER" in (await here.press("U0BEN", "Approve", asked))[0]
    assert await here.press("U0ANA", "Approve", asked) == []
    await here.work()
    assert here.house.lamps == {"hall": "old"}
    assert "*Undone* by proposal" in words(await verdict(here, task))
    assert (await here.side.store.row(tasks)).state == TaskState.RECOVERED
    # What undid it can be undone itself: the last thing done is the undoing.
    view, _ = await command(here, "U0ANA", task)
    assert view is not None
    assert view["private_metadata"].startswith(f"{undo.id}|")


async def test_what_was_done_is_not_told_to_who_may_not_read_it(here: Bench) -> None:
    task = await switched(here)
    for user, why in ((GUEST.id, "IS_GUEST"), (ROBOT.id, "IS_BOT")):
        view, told = await command(here, user, task)
        assert view is None
        assert why in told
        assert "hall" not in told
    refused = await here.side.store.events("command.refused")
    assert [event["actor"]["id"] for event in refused] == [
        f"T0PLAY/{GUEST.id}",
        f"T0PLAY/{ROBOT.id}",
    ]


async def test_who_may_break_the_glass_is_named_where_it_was_broken(here: Bench) -> None:
    task = await here.task("hall")
    (row,), card = await here.rows(task), await here.card("proposal:")
    filled = {"reason": {"x": {"value": "nobody answers"}}, "word": {"x": {"value": "BREAK"}}}
    metadata = f"{row.proposal.id}:{row.proposal.action.hash}:C0INCIDENTS:{card.ts}"
    state = {"values": filled}
    view = {"callback_id": GLASS, "private_metadata": metadata, "state": state}
    sent = {"user": {"id": "U0MIA", "team_id": "T0PLAY"}, "view": view}
    assert await here.letter("view", {"type": "view_submission", **sent}) == []
    await here.work()
    assert "`break-glass` (<@U0MIA>)" in str(await command(here, "U0MIA", task))


@pytest.mark.parametrize("is_late", [False, True])
async def test_after_an_upgrade_of_its_tool_nothing_is_undone_and_the_thread_says_so(
    here: Bench, is_late: bool
) -> None:
    task = await switched(here)
    card = await verdict(here, task)
    # A button of before, which a card may still hold.
    value, ts = buttons(card)[0]["value"], card.ts
    # As after a restart with another version of the tool.
    vars(here.desk.catalogue.writing("fake_set")).update(version=2)
    if is_late:
        here.side.store.clock.forward(WINDOW_S + 1)
    view, told = await command(here, "U0BEN", task)
    assert view is None
    assert "*It can't be undone from here:* `fake_set` is version 2 now, not 1. Undo it" in told
    if is_late:
        answers = await here.send("U0BEN", PROPOSE_UNDO, value, ts)
        assert "`fake_set` is version 2 now, not 1. Nothing was changed" in answers[0]
    else:
        assert await here.send("U0BEN", ROLL_BACK, value, ts) == []
        await here.work()
        card = await verdict(here, task)
        assert "*Not rolled back.* `fake_set` is version 2 now, not 1. It was not" in words(card)
        assert "can't be undone from here" not in words(card)
        assert buttons(card) == []
    assert here.house.lamps == {"hall": "new"}
    assert len(await here.rows(task)) == 1


async def test_two_who_ask_for_the_way_back_at_once_get_one_proposal(here: Bench) -> None:
    task = await switched(here)
    card = await verdict(here, task)
    roll_back = buttons(card)[0]
    early = await here.send("U0ANA", "proposal.propose_undo", roll_back["value"], card.ts)
    assert "WINDOW_OPEN" in early[0]
    here.side.store.clock.forward(WINDOW_S + 1)
    told = await asyncio.gather(
        here.send("U0BEN", "proposal.propose_undo", roll_back["value"], card.ts),
        here.send("U0ANA", "proposal.propose_undo", roll_back["value"], card.ts),
        here.send("U0ANA", "proposal.roll_back", roll_back["value"], card.ts),
    )
    assert await here.states(task) == [S.VERIFIED, S.PENDING]
    said = " ".join(text for texts in told for text in texts)
    assert "ALREADY_PROPOSED" in said
    assert "WINDOW_CLOSED" in said
    await here.work()
    assert here.house.lamps == {"hall": "new"}


async def test_the_way_back_is_not_proposed_over_what_somebody_else_changed(here: Bench) -> None:
    task = await switched(here)
    here.side.store.clock.forward(WINDOW_S + 1)
    here.house.lamps["hall"] = "broken"
    told = await here.press("U0BEN", "Propose to undo…", await verdict(here, task))
    assert "`value` is `broken` now, and was left as `new`" in told[0]
    assert await here.states(task) == [S.VERIFIED]
    assert len(await here.side.store.events("click.refused")) == 1


async def test_the_command_undoes_what_was_done_last_and_asks_first(here: Bench) -> None:
    nothing = await here.task("porch")
    assert await command(here, "U0ANA", nothing) == (
        None,
        "Nothing was done in it, so there is nothing to undo.",
    )
    assert "Which task?" in (await command(here, "U0ANA", ""))[1]
    task = await here.task("hall", "attic")
    batch = await here.card("batch:")
    for place in (1, 2):
        await here.press("U0ANA", f"proposal.approve.{place}", batch)
        here.side.store.clock.forward(5)
        await here.work()
    view, told = await command(here, "U0MIA", task)
    assert view is not None
    shown = str(view["blocks"])
    assert "Set the lamp from old to new (attic)" in shown
    assert "a member of `oncall` (<!subteam^S0ONCALL>) is enough until" in shown
    assert "asks you to confirm" in told
    assert here.house.lamps == {"hall": "new", "attic": "new"}
    assert "NOT_IN_GROUP" in await confirm(here, "U0MIA", view)
    assert "Rolling back" in await confirm(here, "U0BEN", view)
    late = r"<@U0BEN> asked to undo this at 2\d Nov[^(]*\(ALREADY_DECIDED"
    assert re.match(late, await confirm(here, "U0ANA", view))
    assert "is being rolled back already" in (await command(here, "U0ANA", task))[1]
    await here.work()
    assert here.house.lamps == {"hall": "new", "attic": "old"}
    view, _ = await command(here, "U0ANA", task)
    assert view is not None
    assert "(hall)" in str(view["blocks"])
    assert "Rolling back" in await confirm(here, "U0ANA", view)
    await here.work()
    assert here.house.lamps == {"hall": "old", "attic": "old"}
    _, told = await command(here, "U0ANA", task)
    assert "was rolled back; nothing else is left to undo" in told


async def test_a_rollback_while_the_effect_is_being_measured_happens_once(here: Bench) -> None:
    here.house.is_measured = True
    task = await switched(here, until=S.EXECUTED)
    view, _ = await command(here, "U0ANA", task)
    assert view is not None
    await confirm(here, "U0ANA", view)
    await here.work()
    here.side.store.clock.forward(120)
    await here.work()
    assert here.house.lamps == {"hall": "old"}
    assert await here.states(task) == [S.ROLLED_BACK]
    assert len(await here.side.store.events("intent.written")) == 2


async def test_what_drifted_is_proposed_again_on_the_present_state_once(here: Bench) -> None:
    task = await here.task("hall")
    await here.press("U0ANA", "Approve", await here.card("proposal:"))
    here.house.lamps["hall"] = "broken"
    await here.work()
    assert await here.states(task) == [S.DRIFTED]
    card = await here.card("proposal:")
    assert "`value` is `broken` now, not `old`" in words(card)
    assert (
        "It can't be proposed: the lamp is broken"
        in (await here.press("U0MIA", "Propose again", card))[0]
    )
    assert "IS_GUEST" in (await here.press(GUEST.id, "Propose again", card))[0]
    here.house.lamps["hall"] = "old"
    told = await asyncio.gather(
        here.press("U0BEN", "Propose again", card), here.press("U0MIA", "Propose again", card)
    )
    assert await here.states(task) == [S.DRIFTED, S.PENDING]
    assert "ALREADY_PROPOSED" in " ".join(text for texts in told for text in texts)
    new = (await here.rows(task))[1]
    assert (new.proposal.revision, new.proposal.replaces, new.approvers) == (2, f"{task.id}-1", ())
    assert buttons(await here.card(f"proposal:{task.id}-1")) == []
    await here.press("U0ANA", "Approve", await here.card(f"proposal:{new.proposal.id}"))
    await here.work()
    assert here.house.lamps == {"hall": "new"}
    assert (await here.side.store.row(tasks)).state == TaskState.COMPLETED


async def test_what_may_act_alone_by_now_asks_people_all_the_same(here: Bench) -> None:
    asked = Asked(n=1, groups=("oncall",))
    here.rules.append(sealed([rule("lamp", RuleKind.AUTO, When(tool=("fake_set",)), asked)]))
    task = await here.task("hall")
    await here.press("U0ANA", "Approve", await here.card("proposal:"))
    here.house.lamps["hall"] = "broken"
    await here.work()
    assert await here.states(task) == [S.DRIFTED]
    here.house.lamps["hall"] = "old"
    order = Order(person="T0PLAY/U0ANA", reason="let them act")
    place, modes = Place(agent="incident", environment="staging"), (Mode.AUTO, Modes())
    context = here.side.store.context
    await here.side.store.database.write(lambda c: order_mode(c, context, order, place, modes))
    await here.press("U0MIA", "Propose again", await here.card("proposal:"))
    await here.work()
    assert await here.states(task) == [S.DRIFTED, S.PENDING]
    new = (await here.rows(task))[1].proposal
    assert new.decision.reasons[0] == "ASKED_BY_A_PERSON"
    assert [(clause.n, clause.groups) for clause in new.decision.clauses] == [(1, ("oncall",))]
    await here.press("U0BEN", "Approve", await here.card(f"proposal:{new.id}"))
    await here.work()
    assert here.house.lamps == {"hall": "new"}


async def test_what_acted_alone_asks_an_operator_once_a_person_wants_it_undone(here: Bench) -> None:
    here.rules.append(sealed([rule("lamp", RuleKind.AUTO, When(tool=("fake_set",)))]))
    order = Order(person="T0PLAY/U0ANA", reason="let them act")
    place, modes = Place(agent="incident", environment="staging"), (Mode.AUTO, Modes())
    context = here.side.store.context
    await here.side.store.database.write(lambda c: order_mode(c, context, order, place, modes))
    task = await here.task("hall")
    await here.work()
    assert here.house.lamps == {"hall": "new"}
    await verdict(here, task)
    here.side.store.clock.forward(WINDOW_S + 60)
    await here.work()
    await here.press("U0MIA", "Propose to undo…", await verdict(here, task))
    await here.work()
    assert here.house.lamps == {"hall": "new"}
    new = (await here.rows(task))[1]
    assert new.state is S.PENDING
    assert [(one.rule, one.groups) for one in new.proposal.decision.clauses] == [
        ("asked-by-a-person", ("operators",))
    ]


async def test_a_frozen_task_takes_no_new_proposal_and_says_so(here: Bench) -> None:
    task = await here.task("hall")
    await here.press("U0ANA", "Approve", await here.card("proposal:"))
    here.house.lamps["hall"] = "broken"
    await here.work()
    here.house.lamps["hall"] = "old"
    order = Order(person="T0PLAY/U0ANA", reason="let me look")
    context = here.side.store.context
    await here.side.store.database.write(lambda c: freeze_task(c, context, order, task.id))
    told = await here.press("U0BEN", "Propose again", await here.card("proposal:"))
    assert "lift it with `/signoff unfreeze … REASON`" in told[0]
    (event,) = await here.side.store.events("click.refused")
    assert event["reasons"] == ["FROZEN"]
    assert await here.states(task) == [S.DRIFTED]


async def test_rules_that_ask_more_by_now_put_a_new_card_into_the_thread(here: Bench) -> None:
    task = await here.task("hall")
    card = await here.card("proposal:")
    await here.press("U0ANA", "Approve", card)
    here.rules.append(sealed([asks(2)]))
    await here.work()
    assert await here.states(task) == [S.SUPERSEDED, S.PENDING]
    old, new = await here.rows(task)
    assert new.approvers == ()
    assert here.house.lamps == {}
    await here.shown()
    replaced = await here.card(f"proposal:{old.proposal.id}")
    asked = await here.card(f"proposal:{new.proposal.id}")
    assert "*Why this card*" in words(asked)
    assert "Needs *2*" in words(asked)
    assert "|The new card> takes its place" in words(replaced)
    assert buttons(replaced) == []
    for user in ("U0ANA", "U0BEN"):
        await here.press(user, "Approve", asked)
    await here.work()
    assert here.house.lamps == {"hall": "new"}
    (intent,) = await here.side.store.events("intent.written")
    assert intent["data"]["policy_now"] == here.rules[-1].version


async def test_an_undo_that_was_put_anew_is_led_to_and_asked_for_where_its_button_is(
    here: Bench,
) -> None:
    task = await switched(here)
    here.side.store.clock.forward(WINDOW_S + 1)
    await here.press("U0BEN", "Propose to undo…", await verdict(here, task))
    undo = (await here.rows(task))[1].proposal
    asked = await here.card(f"proposal:{undo.id}")
    assert await here.press("U0ANA", "Approve", asked) == []
    here.rules.append(sealed([asks(2)]))
    await here.work()
    assert await here.states(task) == [S.VERIFIED, S.SUPERSEDED, S.PENDING]
    second = (await here.rows(task))[2].proposal
    card = await here.card(f"proposal:{second.id}")
    place = await here.side.store.database.read(lambda one: newest_card(one, undo))
    assert place is not None
    assert place.ts == card.ts
    first = (await here.rows(task))[0].proposal
    assert await here.side.store.database.read(lambda one: newest_card(one, first)) is None
    views = await here.side.store.database.read(lambda one: proposal_views(one, task.id))
    assert [view.successor for view in views[task.id].views] == [None, second.id, None]
    here.side.store.clock.forward(31 * 86400)
    (told,) = await here.send(
        "U0ANA", "proposal.approve", f"{second.id}:{second.action.hash}", card.ts
    )
    assert f"press Propose to undo… on the card of `{task.id}-1`." in told
