"""One person acts alone in an emergency: who may, what it takes, whom it tells, what follows."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.config import Anchor, Group
from bot.scheduler import Scheduler
from bot.slack import cards, modals, reviews
from bot.slack.desk import Desk
from bot.store.controls import pause, resume
from bot.store.freezes import freeze_task
from bot.store.notices import Order
from bot.store.tables import outbox
from bot.store.tables import reviews as review_rows
from policies.engine import Asked, RuleKind, When
from policies.loader import sealed
from policies.model import Proposal, ProposalState
from tests.bot.slack.office import (
    ANA,
    BEN,
    EVE,
    GONE,
    GROUPS,
    GUEST,
    MIA,
    ROBOT,
    TEAM,
    UNFIT,
    ZOE,
    Office,
    office,
)
from tests.bot.slack.slackside import sending, time_flies, until
from tests.fakes.values import rule

HELD = {**GROUPS, "break-glass": Group(users=(MIA, ZOE, *UNFIT))}
REASON = "checkout is down and nobody answers"
FILLED = {"reason": REASON, "word": "break"}
TWO = Asked(n=2, groups=("oncall",))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path, HELD) as found:
        found.asks(TWO)
        yield found


async def broken(here: Office, person: str = MIA, requester: str | None = None) -> Proposal:
    """Let somebody break the glass."""
    proposal = await here.proposal(requester)
    assert await here.submit(person, modals.GLASS, proposal, FILLED) == []
    assert await here.state(proposal) is ProposalState.APPROVED
    return proposal


async def test_one_person_acts_alone_and_it_is_done_once(here: Office) -> None:
    proposal = await broken(here)
    await here.worked()
    assert await here.state(proposal) is ProposalState.EXECUTED
    (call,) = here.system.acted
    assert call.on_behalf_of == f"{TEAM}/{MIA}"
    (event,) = await here.store.events("glass.broken")
    assert event["actor"] == {"kind": "human", "id": f"{TEAM}/{MIA}"}
    assert (event["decision"], event["escalation"]) == ("break_glass", "BREAK_GLASS")
    assert set(event["texts"]) == {"reason"}
    assert await here.store.events("vote.cast") == [], "it is no vote"
    shown = await here.shown(proposal)
    assert "*Done*, the glass was broken by <@U0MIA>" in shown[f"proposal:{proposal.id}"]
    assert REASON in shown[f"review:{proposal.id}"]


async def test_whoever_asked_may_break_the_glass(here: Office) -> None:
    proposal = await broken(here, MIA, requester=MIA)
    await here.worked()
    assert await here.state(proposal) is ProposalState.EXECUTED


async def test_everybody_is_told_in_the_same_transaction(here: Office) -> None:
    desk = here.desk
    config = desk.config.model_copy(update={"anchor": Anchor(channel="C0OPERATIONS")})
    here.desk = Desk(
        context=desk.context,
        config=config,
        directory=desk.directory,
        gateway=desk.gateway,
        catalogue=desk.catalogue,
        rule_sets=desk.rule_sets,
        policy_dir=desk.policy_dir,
    )
    proposal = await here.proposal()
    filled = {"reason": "<!channel> down, *really*", "word": "BREAK"}
    await here.submit(ZOE, modals.GLASS, proposal, filled)
    alarms = await here.sent("alarm")
    assert [one["channel"] for one in alarms] == ["C0INCIDENTS", "C0OPERATIONS"]
    for one in alarms:
        assert "*The glass was broken* by <@U0ZOE>: Set the lamp from old to new" in one["text"]
        assert "without the sign-off of 2 of `oncall`" in one["text"]
        assert "&lt;!channel&gt; down" in one["text"]
        assert "<@U0ANA>" in one["text"], "the operators are mentioned"
    told = [one["user"] for one in await here.sent("dm")]
    # Every operator but whoever did it.
    assert told == sorted({ANA, *UNFIT})


async def test_what_is_frozen_waits_and_the_alarm_says_for_what(here: Office) -> None:
    proposal = await here.proposal()
    order = Order(person=f"{TEAM}/{ANA}", reason="wait for me")
    context = here.store.context
    await here.store.database.write(lambda c: freeze_task(c, context, order, proposal.task_id))
    assert await here.submit(MIA, modals.GLASS, proposal, FILLED) == []
    waits = f"It waits for `/signoff unfreeze {proposal.task_id} REASON`, and is then done without"
    assert [waits in one["text"] for one in await here.sent("alarm")] == [True]
    await here.worked()
    assert await here.state(proposal) is ProposalState.APPROVED


async def test_the_alarm_reaches_the_channel_once_and_mentions_only_whom_it_should(
    here: Office,
) -> None:
    proposal = await here.proposal()
    filled = {"reason": "<!channel> <@U0BEN> it is down", "word": "BREAK"}
    await here.submit(MIA, modals.GLASS, proposal, filled)
    async with time_flies(here.side), sending(here.side):

        async def is_sent() -> bool:
            return all(row.done_at for row in await here.store.rows(outbox, kind="alarm"))

        await until(is_sent)
    (alarm,) = [one.text for one in here.side.messages() if "glass was broken" in one.text]
    assert "<@U0MIA>" in alarm
    assert "<@U0ANA>" in alarm
    assert "<!channel>" not in alarm
    assert "<@U0BEN>" not in alarm


async def test_nobody_is_told_of_what_was_refused(here: Office) -> None:
    proposal = await here.proposal()
    (told,) = await here.submit(BEN, modals.GLASS, proposal, FILLED)
    assert "Only members of `break-glass` (<@U0MIA>, <@U0ZOE>" in told
    assert f"You wrote: {REASON}" in told
    assert await here.sent("alarm") == []
    assert await here.sent("dm") == []
    assert await here.store.rows(review_rows) == []


@pytest.mark.parametrize(
    ("person", "team", "reason"),
    [
        (BEN, TEAM, "NOT_IN_BREAK_GLASS"),
        (EVE, TEAM, "NOT_IN_BREAK_GLASS"),
        (MIA, "T0OTHER", "NOT_IN_BREAK_GLASS"),
        (ROBOT, TEAM, "IS_BOT"),
        (GONE, TEAM, "IS_BOT"),
        (GUEST, TEAM, "IS_GUEST"),
    ],
    ids=["approver", "outsider", "other-workspace", "bot", "deactivated", "guest"],
)
async def test_who_may_not_is_told_why_and_recorded(
    here: Office, person: str, team: str, reason: str
) -> None:
    proposal = await here.proposal()
    for press in (
        here.press(person, cards.BREAK_GLASS, proposal, team=team),
        here.submit(person, modals.GLASS, proposal, FILLED, team=team),
    ):
        (told,) = await press
        assert reason in told
    assert await here.refusals() == [(f"{team}/{person}", reason)] * 2
    assert await here.state(proposal) is ProposalState.PENDING


@pytest.mark.parametrize(
    ("filled", "field"),
    [
        ({"reason": "too short", "word": "BREAK"}, "reason"),
        ({"reason": "   \n        ", "word": "BREAK"}, "reason"),
        ({"reason": REASON, "word": "yes"}, "word"),
        ({"reason": REASON}, "word"),
    ],
)
async def test_a_form_that_says_too_little_breaks_nothing(
    here: Office, filled: dict[str, str], field: str
) -> None:
    proposal = await here.proposal()
    assert list(await here.errors(modals.GLASS, proposal, filled)) == [field]
    await here.submit(MIA, modals.GLASS, proposal, filled)
    assert await here.state(proposal) is ProposalState.PENDING


async def test_it_is_not_broken_for_another_card_action_or_time(here: Office) -> None:
    proposal, other = await here.proposal(), await here.proposal()
    stale = f"{proposal.id}:{proposal.action.hash[::-1]}"
    own = f"{proposal.id}:{proposal.action.hash}"
    assert "OLD_CARD" in (await here.submit(MIA, modals.GLASS, proposal, FILLED, value=stale))[0]
    assert "OTHER_CARD" in (await here.submit(MIA, modals.GLASS, other, FILLED, value=own))[0]
    here.store.clock.forward(1800)
    assert "EXPIRED" in (await here.submit(MIA, modals.GLASS, proposal, FILLED))[0]
    assert await here.store.events("glass.broken") == []


async def test_what_is_decided_needs_no_broken_glass(here: Office) -> None:
    proposal = await here.proposal()
    await here.submit(BEN, modals.REJECT, proposal, {"code": "TOO_RISKY_NOW"})
    assert "ALREADY_DECIDED" in (await here.submit(MIA, modals.GLASS, proposal, FILLED))[0]
    broken_once = await broken(here)
    assert "ALREADY_DECIDED" in (await here.submit(ZOE, modals.GLASS, broken_once, FILLED))[0]
    assert len(await here.store.events("glass.broken")) == 1


async def test_what_the_rules_deny_stays_denied(here: Office) -> None:
    denies = rule("no", RuleKind.DENY, When(tool=("fake_set",)), reason="NEVER")
    asks = rule("ask", RuleKind.APPROVE, When(tool=("fake_set",)), TWO)
    here.rules[:] = [sealed([asks, denies])]
    denied = await here.proposal()
    assert await here.state(denied) is ProposalState.DENIED
    assert "RULES_DENY" in (await here.press(MIA, cards.BREAK_GLASS, denied))[0]
    assert "RULES_DENY" in (await here.submit(MIA, modals.GLASS, denied, FILLED))[0]
    # Also what they deny since.
    here.asks(TWO)
    proposal = await broken(here)
    here.rules[:] = [sealed([asks, denies])]
    await here.worked()
    assert await here.state(proposal) is ProposalState.DENIED
    assert here.system.acted == []


async def test_it_is_never_broken_while_paused_and_a_later_pause_holds_it(here: Office) -> None:
    context, database = here.store.context, here.store.database
    proposal = await here.proposal()
    await database.write(lambda c: pause(c, context, "default", f"{TEAM}/{ANA}", ""))
    for press in (
        here.press(MIA, cards.BREAK_GLASS, proposal),
        here.submit(MIA, modals.GLASS, proposal, FILLED),
    ):
        (told,) = await press
        assert "`/signoff resume REASON`" in told
        assert "SIGNOFF_PAUSED" in told
    await database.write(lambda c: resume(c, context, "default", f"{TEAM}/{ANA}", ""))
    await here.submit(MIA, modals.GLASS, proposal, FILLED)
    await database.write(lambda c: pause(c, context, "default", f"{TEAM}/{ANA}", ""))
    await here.worked()
    assert await here.state(proposal) is ProposalState.APPROVED
    assert here.system.acted == []


async def test_who_left_the_group_before_it_was_done_has_not_broken_it(tmp_path: Path) -> None:
    held = {**HELD, "break-glass": Group(usergroup="S0ONCALL")}
    async with office(tmp_path, held) as here:
        here.asks(TWO)
        proposal = await broken(here, BEN)
        here.side.workspace.state.groups["S0ONCALL"].users.remove(BEN)
        here.store.clock.forward(61)
        await here.worked()
        row = await here.store.standing(proposal)
        assert row.state is ProposalState.DENIED
        said = (await here.shown(proposal))[f"proposal:{proposal.id}"]
        assert "not in `break-glass` any more: nothing was done" in said
        assert here.system.acted == []


async def test_a_state_that_has_moved_on_stops_it_as_ever(here: Office) -> None:
    proposal = await broken(here)
    here.system.value = "elsewhere"
    await here.worked()
    assert await here.state(proposal) is ProposalState.DRIFTED


async def test_whoever_broke_it_may_undo_it(here: Office) -> None:
    proposal = await broken(here)
    await here.worked()
    here.store.clock.forward(120)
    await here.worked()
    await here.noted(f"verdict:{proposal.id}", proposal.task_id, "3.0")
    assert "NOT_IN_GROUP" in (await here.press(EVE, cards.ROLL_BACK, proposal, ts="3.0"))[0]
    assert await here.press(MIA, cards.ROLL_BACK, proposal, ts="3.0") == []
    await here.worked()
    assert await here.state(proposal) is ProposalState.ROLLED_BACK


async def test_without_the_group_there_is_no_button_and_nobody_may(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        proposal = await here.proposal()
        assert "Break glass" not in (await here.shown(proposal))[f"proposal:{proposal.id}"]
        assert len(await here.submit(MIA, modals.GLASS, proposal, FILLED)) == 1
        assert await here.state(proposal) is ProposalState.PENDING


async def test_with_the_group_the_card_has_the_button(here: Office) -> None:
    proposal = await here.proposal()
    assert "Break glass" in (await here.shown(proposal))[f"proposal:{proposal.id}"]


async def reviewing(here: Office, person: str = MIA) -> Proposal:
    """Break the glass, and show the review."""
    proposal = await broken(here, person)
    await here.noted(f"review:{proposal.id}", proposal.task_id, "2.0")
    return proposal


async def test_an_operator_says_that_it_was_fine(here: Office) -> None:
    proposal = await reviewing(here)
    waits = f"Broken glass to review: `{proposal.id}`"
    assert waits in await here.command(ANA, "status")
    assert await here.press(ANA, reviews.FINE_BUTTON, proposal, ts="2.0") == []
    (event,) = await here.store.events("glass.reviewed")
    assert (event["decision"], event["actor"]["id"]) == ("fine", f"{TEAM}/{ANA}")
    shown = (await here.shown(proposal))[f"review:{proposal.id}"]
    assert "*Reviewed* by <@U0ANA>: fine." in shown
    assert "Reviewed: not fine" not in shown
    assert waits not in await here.command(ANA, "status")
    assert "ALREADY_DECIDED" in (await here.press(ZOE, reviews.FINE_BUTTON, proposal, ts="2.0"))[0]


async def test_an_operator_says_what_was_not_fine(here: Office) -> None:
    proposal = await reviewing(here)
    assert "reason" in await here.errors(modals.REVIEW, proposal, {"reason": " "})
    filled = {"reason": "Ben was awake and <@U0BEN> was not asked"}
    assert await here.submit(ANA, modals.REVIEW, proposal, filled, ts="2.0") == []
    shown = (await here.shown(proposal))[f"review:{proposal.id}"]
    assert "not fine. Ben was awake and &lt;@U0BEN&gt; was not asked" in shown
    (event,) = await here.store.events("glass.reviewed")
    assert (event["decision"], set(event["texts"])) == ("not fine", {"reason"})


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (ZOE, "IS_BREAKER"),
        (BEN, "NOT_OPERATOR"),
        (ROBOT, "IS_BOT"),
        (GUEST, "IS_GUEST"),
        (EVE, "NOT_OPERATOR"),
    ],
    ids=["whoever-broke-it", "approver", "bot", "guest", "outsider"],
)
async def test_who_may_not_review_is_told_why(here: Office, person: str, reason: str) -> None:
    proposal = await reviewing(here, ZOE)
    for press in (
        here.press(person, reviews.FINE_BUTTON, proposal, ts="2.0"),
        here.press(person, reviews.NOT_FINE_BUTTON, proposal, ts="2.0"),
        here.submit(person, modals.REVIEW, proposal, {"reason": "no"}, ts="2.0"),
    ):
        (told,) = await press
        assert reason in told
    assert await here.refusals() == [(f"{TEAM}/{person}", reason)] * 3
    assert await here.store.events("glass.reviewed") == []


async def test_a_review_on_another_message_or_of_another_hash_counts_for_nothing(
    here: Office,
) -> None:
    proposal = await reviewing(here)
    assert "OTHER_CARD" in (await here.press(ANA, reviews.FINE_BUTTON, proposal))[0]
    stale = f"{proposal.id}:{proposal.action.hash[::-1]}"
    (told,) = await here.press(ANA, reviews.FINE_BUTTON, proposal, ts="2.0", value=stale)
    assert "OLD_CARD" in told
    assert await here.store.events("glass.reviewed") == []


async def test_a_review_that_nobody_answers_is_asked_for_every_day(here: Office) -> None:
    proposal = await reviewing(here)
    scheduler = Scheduler(here.store.context, ())
    await scheduler.look()
    assert await here.store.events("review.reminded") == []
    # Three days of downtime are one reminder.
    for days, times in ((1, 1), (0, 1), (3, 2)):
        here.store.clock.at += timedelta(days=days)
        await scheduler.look()
        await scheduler.look()
        assert len(await here.store.events("review.reminded")) == times
    shown = await here.shown(proposal)
    assert "nobody has reviewed the broken glass" in shown[f"review-again:{proposal.id}:2"]
    assert f"review-again:{proposal.id}:1" not in shown, "only the last is told late"
    await here.press(ANA, reviews.FINE_BUTTON, proposal, ts="2.0")
    here.store.clock.at += timedelta(days=9)
    await scheduler.look()
    assert len(await here.store.events("review.reminded")) == 2
    assert f"review-again:{proposal.id}:2" not in await here.shown(proposal)
