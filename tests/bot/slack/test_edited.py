"""What an edit changed is said; its votes start anew; of two editors one wins."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.slack import cards, clicks, modals
from bot.slack.differences import differences
from bot.store.controls import pause
from bot.store.tables import proposals
from policies.approvals import Refusal
from policies.conditions import Bounds
from policies.engine import Asked, RuleKind, When
from policies.loader import sealed
from policies.model import Clause, Proposal, ProposalState
from tests.bot.slack.office import ANA, ASKS_ONCALL, BEN, TEAM, Office, office
from tests.bot.slack.slackside import CHANNEL, WORKSPACE
from tests.bot.world import INVERSE, Wish, World, proposal_for
from tests.fakes.values import rule
from tools.catalogue import Catalogue
from tools.gateway import Gateway

EDIT = modals.EDIT


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


async def edited(
    here: Office, old: Proposal, to: str, person: str = ANA, **changes: str
) -> Proposal:
    """Let somebody edit what the lamp is set to, and show the new card."""
    assert await here.submit(person, EDIT, old, {"param.to": to}, **changes) == []
    new = (await here.store.tasks.proposals(old.task_id))[-1].proposal
    await here.noted(f"proposal:{new.id}", new.task_id, f"9.{new.revision}")
    return new


async def test_the_new_card_says_what_changed_and_the_old_one_what_became_of_it(
    here: Office,
) -> None:
    here.asks(Asked(n=1, groups=("oncall",)))
    old = await here.proposal()
    here.asks(Asked(n=2, groups=("oncall",)))
    new = await edited(here, old, "newer")
    shown = await here.shown(old)
    card = shown[f"proposal:{new.id}"]
    assert f"*Changed by <@U0ANA>* from `{old.id}`; votes start at zero" in card
    assert "• to: `new` → `newer`" in card
    assert "• *needs 2 now instead of 1*" in card
    gone = shown[f"proposal:{old.id}"]
    assert "*Edited* by <@U0ANA>" in gone
    assert f"The card of `{new.id}` below takes its place" in gone
    assert "Approve" not in gone


async def test_what_a_person_changed_is_not_what_the_agent_was_sure_of(here: Office) -> None:
    here.asks(ASKS_ONCALL)
    unsure = When(tool=("fake_set",), confidence=Bounds(max=Decimal("0.5")))
    raised = rule("unsure", RuleKind.RAISE, unsure, ASKS_ONCALL)
    here.rules[:] = [sealed([*here.rules[0].rules, raised])]
    old = await here.proposal(confidence=Decimal("0.95"), rationale="It is dark there.")
    assert [one.rule for one in old.decision.clauses] == ["ask-0"]
    new = await edited(here, old, "newer")
    assert (new.confidence, new.edited_by) == (None, "T0PLAY/U0ANA")
    assert [one.rule for one in new.decision.clauses] == ["ask-0", "unsure"]
    assert new.rationale == (
        "to is newer, was new. Before that, the incident agent said: It is dark there."
    )
    card = (await here.shown(old))[f"proposal:{new.id}"]
    assert "*Why, since <@U0ANA> changed it*" in card
    assert "says the incident agent" not in card
    again = await edited(here, new, "newest", person=BEN, ts="9.2")
    assert again.rationale is not None
    assert again.rationale.startswith(
        "to is newest, was newer. Before that, the editor before said: to is newer, was new."
    )


async def test_votes_on_the_old_one_are_void(here: Office) -> None:
    here.asks(Asked(n=2, groups=("oncall",)))
    old = await here.proposal()
    await here.press(BEN, cards.APPROVE, old)
    new = await edited(here, old, "newer")
    assert (await here.store.standing(new)).approvers == ()
    (late,) = await here.press(BEN, cards.APPROVE, old)
    assert "OLD_CARD" in late
    assert late.endswith(f" <{WORKSPACE}archives/{CHANNEL}/p92|The newest card>")
    await here.press(BEN, cards.APPROVE, new, ts="9.2")
    assert await here.state(new) is ProposalState.PENDING
    # Its editor is one who asks now, and does not sign it off.
    assert "IS_REQUESTER" in (await here.press(ANA, cards.APPROVE, new, ts="9.2"))[0]


async def test_of_two_editors_one_wins_and_the_other_is_told_and_loses_no_words(
    here: Office,
) -> None:
    old = await here.proposal()
    await edited(here, old, "newer")
    (told,) = await here.submit(BEN, EDIT, old, {"param.to": "newest"})
    assert "OLD_CARD" in told
    assert "You wrote: to: newest" in told
    assert await here.refusals() == [(f"{TEAM}/{BEN}", "OLD_CARD")]
    rows = await here.store.rows(proposals)
    assert sorted(row.state for row in rows) == ["PENDING", "SUPERSEDED"]


async def test_an_edit_of_an_edit_works_until_nobody_can_follow(here: Office) -> None:
    found = await here.proposal()
    changes: dict[str, str] = {}
    for number in range(2, clicks.MOST_REVISIONS + 1):
        found = await edited(here, found, f"v{number}", **changes)
        changes = {"ts": f"9.{found.revision}"}
    assert found.revision == clicks.MOST_REVISIONS
    (told,) = await here.press(ANA, cards.EDIT, found, **changes)
    assert Refusal.TOO_MANY_EDITS in told
    (told,) = await here.submit(ANA, EDIT, found, {"param.to": "again"}, **changes)
    assert Refusal.TOO_MANY_EDITS in told
    assert await here.state(found) is ProposalState.PENDING


async def test_an_edit_while_paused_is_told_recorded_and_shown_back(here: Office) -> None:
    old, context = await here.proposal(), here.store.context
    await here.store.database.write(lambda c: pause(c, context, "default", f"{TEAM}/{ANA}", ""))
    (told,) = await here.submit(ANA, EDIT, old, {"param.to": "newer"})
    assert "`/signoff resume REASON`" in told
    assert "You wrote: to: newer" in told
    assert await here.refusals() == [(f"{TEAM}/{ANA}", "SIGNOFF_PAUSED")]


async def test_an_edit_that_the_system_does_not_take_is_told_and_recorded(here: Office) -> None:
    old = await here.proposal()
    here.system.value = "elsewhere"
    (told,) = await here.submit(ANA, EDIT, old, {"param.to": "newer"})
    assert "the lamp is elsewhere" in told
    assert await here.refusals() == [(f"{TEAM}/{ANA}", "EDIT_IMPOSSIBLE")]
    assert await here.state(old) is ProposalState.PENDING


async def test_what_can_not_be_edited_is_refused_told_and_recorded(here: Office) -> None:
    old = await here.proposal(expected={"value": "old"})
    assert old.editable == ()
    (told,) = await here.press(BEN, cards.EDIT, old)
    assert "Nothing of this can be edited" in told
    assert await here.errors(EDIT, old, {"param.to": "newer"}) == {}
    (told,) = await here.submit(ANA, EDIT, old, {"param.to": "newer"})
    assert "Nothing of this can be edited" in told
    assert "newer" in told
    assert await here.state(old) is ProposalState.PENDING
    assert await here.refusals() == [(f"{TEAM}/{one}", "NOT_EDITABLE") for one in (BEN, ANA)]


async def test_an_edit_for_which_the_tool_is_gone_is_refused_told_and_recorded(
    here: Office,
) -> None:
    old = await here.proposal()
    gateway = Gateway(replace(here.desk.gateway.parts, catalogue=Catalogue([])))
    here.desk = replace(here.desk, gateway=gateway, catalogue=Catalogue([]))
    assert await here.errors(EDIT, old, {"param.to": "newer"}) == {}
    (told,) = await here.submit(ANA, EDIT, old, {"param.to": "newer"})
    assert "The edit was not taken" in told
    assert await here.state(old) is ProposalState.PENDING
    assert await here.refusals() == [(f"{TEAM}/{ANA}", "EDIT_IMPOSSIBLE")]


async def test_every_change_has_its_line(store: World) -> None:
    task = await store.task()
    was = proposal_for(task, 1, store.clock.now(), Wish())
    two = (Clause(rule="rollback-staging", n=2, groups=("oncall", "sre")),)
    now = proposal_for(task, 2, store.clock.now(), Wish(clauses=two, inverse=None, version="v40"))
    now = now.model_copy(update={"blast_radius": ("web",), "worst_case": "orders are lost"})
    assert differences(was, now) == [
        "version: `v41` → `v40`",
        "touches: (nothing) → `web`",
        "worst case: (nothing) → `orders are lost`",
        f"undo: `{INVERSE.sentence}` → `can't be undone`",
        "*needs 2 now instead of 1*",
        "*asks 2 of `oncall`/`sre` now instead of 1 of `oncall`*",
    ]
    assert differences(was, was.model_copy(update={"confidence": Decimal("0.1")})) == []


async def test_of_a_long_value_its_first_difference_is_shown(store: World) -> None:
    task = await store.task()
    same = "x" * 500
    was = proposal_for(task, 1, store.clock.now(), Wish(version=f"{same}old <!here>"))
    now = proposal_for(task, 2, store.clock.now(), Wish(version=f"{same}new"))
    (line,) = differences(was, now)
    assert "old &lt;!here&gt;` → `…" in line
    assert line.endswith("new`")
    assert len(line) < 200
