"""Who and what may not decide, by Slack's signed requests: refused, told why, recorded."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Row

from agents.tasks import Task
from bot.store.tables import executions, inbox, posts, proposals, tasks, votes
from bot.store.votes import supersede
from playground.workspace.model import User
from policies.engine import Asked, RuleKind, When
from policies.model import Clause, Mode, Proposal, ProposalState
from tests.bot.slack.door import SIGNING_SECRET, Door, Payload, Press, again, door, on
from tests.bot.slack.slackside import time_flies, until
from tests.bot.world import ANA, Wish, proposal_for
from tests.fakes.values import rule

LONG = 86_400
TWO = (Clause(rule="rollback-production", n=2, groups=("oncall",)),)


@dataclass(frozen=True, kw_only=True)
class Cards:
    """The cards of two threads, each in another state."""

    door: Door
    pending: Press
    other: Press
    elsewhere: Press
    own: Press
    decided: Press
    expired: Press
    edited: Press
    anything: str

    async def rows(self) -> list[list[Row[tuple[object, ...]]]]:
        """Return everything that a click could change."""
        store = self.door.side.store
        return [await store.rows(table) for table in (proposals, votes, executions, tasks)]


async def superseded(found: Door, task: Task, old: Proposal) -> None:
    store = found.side.store
    wish = Wish(version="v40", key="edited", revision=2, replaces=old.id, expires_s=LONG)
    new = proposal_for(task, 9, store.clock.now(), wish)
    why = await store.database.write(
        lambda connection: supersede(connection, store.context, old, new, ANA)
    )
    assert why is None


async def prepared(found: Door) -> Cards:
    side, store = found.side, found.side.store
    wishes = {
        "pending": Wish(clauses=TWO, expires_s=LONG),
        "other": Wish(key="other", expires_s=LONG),
        "own": Wish(key="own", expires_s=LONG, requesters=("T0PLAY/U0ANA",)),
        "decided": Wish(key="decided", expires_s=LONG),
        "expired": Wish(key="expired", expires_s=60),
        "edited": Wish(key="edited", expires_s=LONG),
    }
    # Of as many kinds as there are, so that each has a card of its own.
    wishes = {name: replace(wish, tool=f"tool_{name}") for name, wish in wishes.items()}
    task = await side.begin()
    made = dict(zip(wishes, await side.propose(task, *wishes.values()), strict=True))
    (elsewhere,) = await side.propose(await side.begin("incident:2"), Wish(expires_s=LONG))
    await side.shown()
    cards = {name: await found.card(proposal) for name, proposal in made.items()}
    store.clock.forward(61)
    for name, voter in (("decided", ANA), ("pending", ANA)):
        click = store.click(made[name], voter, message_ts=cards[name].ts)
        assert (await store.vote(click)).refusal is None
    await superseded(found, task, made["edited"])
    root = await store.row(posts, key=f"task:{task.id}")
    await side.shown()
    return Cards(door=found, elsewhere=await found.card(elsewhere), anything=str(root.ts), **cards)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cards(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cards]:
    """One workspace for all clicks that change nothing."""
    async with door(tmp_path_factory.mktemp("refused")) as found:
        async with time_flies(found.side):
            made = await prepared(found)
        yield made


EVE = User(id="U0EVE", name="eve", real_name="Eve")
BOT = User(id="U0ROBOT", name="robot", real_name="Robot", is_bot=True)
GUEST = User(id="U0GUEST", name="gus", real_name="Gus", is_restricted=True)
GONE = User(id="U0GONE", name="gone", real_name="Gone", is_deleted=True)
STRANGER = User(id="U0STRANGE", name="sam", real_name="Sam")


@dataclass(frozen=True)
class Refused:
    """A press that must change nothing: what it is, why, and the words that say so."""

    press: Callable[[Cards], Press]
    reason: str
    words: str
    user: User | None = None
    group: str | None = None


def own(name: str, **changes: str) -> Callable[[Cards], Press]:
    def pressed(cards: Cards) -> Press:
        press = getattr(cards, name)
        assert isinstance(press, Press)
        return on(press, user="U0BEN", **changes)

    return pressed


def with_value_of(name: str) -> Callable[[Cards], Press]:
    return lambda cards: on(cards.pending, user="U0BEN", value=getattr(cards, name).value)


def with_hash(wrong: str) -> Callable[[Cards], Press]:
    return lambda cards: on(
        cards.pending, user="U0BEN", value=f"{cards.pending.value.split(':')[0]}:{wrong}"
    )


MEMBERS = "Only members of `oncall` (<!subteam^S0ONCALL>) can decide this. Ask one of them."
NOT_THAT_CARD = "This button does not belong to that card. Nothing was changed"
OLD = "This card is not the newest: the proposal was edited. Use the card below."
REFUSED = {
    "the requester": Refused(
        lambda cards: on(cards.own, user="U0ANA"),
        "IS_REQUESTER",
        "You asked for this, so somebody else has to sign it off: ask a member of `oncall`",
    ),
    "the requester's rejection form": Refused(
        lambda cards: on(cards.own, user="U0ANA", action_id="proposal.reject"),
        "IS_REQUESTER",
        "You asked for this, so somebody else has to sign it off: ask a member of `oncall`",
    ),
    "a bot": Refused(
        own("pending"), "IS_BOT", "Bots and deactivated accounts can't decide", BOT, "S0ONCALL"
    ),
    "an outsider": Refused(own("pending"), "NOT_IN_GROUP", MEMBERS, EVE),
    "an outsider's edit": Refused(
        own("pending", action_id="proposal.edit"), "NOT_IN_GROUP", MEMBERS, EVE
    ),
    "a guest": Refused(own("pending"), "IS_GUEST", "Guests can't decide", GUEST, "S0ONCALL"),
    "a deactivated account": Refused(
        own("pending"), "IS_BOT", "Bots and deactivated accounts can't decide", GONE, "S0ONCALL"
    ),
    "a person of another workspace": Refused(
        own("pending", team="T0OTHER"), "NOT_IN_GROUP", MEMBERS, STRANGER, "S0ONCALL"
    ),
    "a member's id in another workspace": Refused(
        own("pending", team="T0OTHER"), "NOT_IN_GROUP", MEMBERS
    ),
    "a stale hash": Refused(with_hash("0" * 64), "OLD_CARD", OLD),
    "a hash cut short": Refused(with_hash("0" * 12), "OLD_CARD", OLD),
    "an empty hash": Refused(with_hash(""), "OLD_CARD", OLD),
    "an edited card": Refused(own("edited"), "OLD_CARD", OLD),
    "a decided card": Refused(own("decided"), "ALREADY_DECIDED", "This was decided already"),
    "an expired card": Refused(own("expired"), "EXPIRED", "This has expired; no answer was a no."),
    "the value of another card of the thread": Refused(
        with_value_of("other"), "OTHER_CARD", NOT_THAT_CARD
    ),
    "the value of a card of another thread": Refused(
        with_value_of("elsewhere"), "OTHER_CARD", NOT_THAT_CARD
    ),
    "a message that is no card": Refused(
        lambda cards: on(cards.pending, user="U0BEN", ts=cards.anything),
        "OTHER_CARD",
        NOT_THAT_CARD,
    ),
    "a card of another channel": Refused(
        own("pending", channel="C0MARKETING"), "OTHER_CARD", NOT_THAT_CARD
    ),
    "a proposal that never was": Refused(
        own("pending", value="T-NOWHERE-1:" + "0" * 64), "OTHER_CARD", NOT_THAT_CARD
    ),
    "no value": Refused(own("pending", value=""), "OTHER_CARD", NOT_THAT_CARD),
    "a value without a hash": Refused(own("pending", value="T-1-1"), "OTHER_CARD", NOT_THAT_CARD),
    "a value with too much": Refused(own("pending", value="a:b:c"), "OTHER_CARD", NOT_THAT_CARD),
    "a value that speaks SQL": Refused(
        own("pending", value="' OR 1=1 --:x"), "OTHER_CARD", NOT_THAT_CARD
    ),
    "a button that there is not": Refused(
        own("pending", action_id="proposal.approve_twice", value="x:y"), "OTHER_CARD", NOT_THAT_CARD
    ),
    "a rollback of what was never done": Refused(
        own("pending", action_id="proposal.roll_back"), "ALREADY_DECIDED", "decided already"
    ),
    "a word on an effect that nobody asked about": Refused(
        own("pending", action_id="unknown.happened"), "OTHER_CARD", NOT_THAT_CARD
    ),
}


async def refused(cards: Cards, payload: Payload, reason: str, words: str) -> None:
    """Send a payload that must change nothing, be told to the person, and be recorded once."""
    found, user = cards.door, payload["user"]["id"]
    store = found.side.store
    rows, told, events = await cards.rows(), len(found.told(user)), len(await store.events())
    assert await found.send(payload) == 200
    await until(found.is_said)
    (said,) = found.told(user)[told:]
    assert words in said
    assert f"({reason}" in said
    assert await cards.rows() == rows
    (event,) = (await store.events())[events:]
    person = f"{payload['user']['team_id']}/{user}"
    assert (event["kind"], event["reasons"]) == ("click.refused", [reason])
    assert event["actor"] == {"kind": "human", "id": person}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", REFUSED)
async def test_a_press_that_may_not_count(cards: Cards, name: str) -> None:
    case = REFUSED[name]
    press = case.press(cards)
    if case.user is not None:
        press = on(press, user=cards.door.joined(case.user, case.group))
        # What is known of people and groups is at most a minute old.
        cards.door.side.store.clock.forward(61)
    await refused(cards, cards.door.payload(press), case.reason, case.words)


async def posted(found: Door, **wish: object) -> tuple[Proposal, Press]:
    """Return a proposal with its card."""
    task = await found.side.begin()
    (proposal,) = await found.side.propose(task, Wish(expires_s=LONG, **wish))  # type: ignore[arg-type] # any of a wish
    await found.side.shown()
    return proposal, await found.card(proposal)


@pytest_asyncio.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[Door]:
    async with door(tmp_path) as found:
        yield found


async def kinds(found: Door) -> list[str]:
    return [event["kind"] for event in await found.side.store.events()]


async def test_a_replayed_envelope_is_one_vote_and_one_answer(fresh: Door) -> None:
    _, card = await posted(fresh, clauses=TWO)
    payload = fresh.payload(card)
    assert await fresh.send(payload) == 200
    before = await fresh.side.store.events()
    # Taken from the wire and sent again, signed anew or with the signature of then.
    for aged_s in (0, 0, 200):
        assert await fresh.send(payload, aged_s=aged_s) == 200
    await until(fresh.is_said)
    assert await fresh.side.store.events() == before
    assert len(await fresh.side.store.rows(votes)) == 1
    assert len(fresh.told("U0ANA")) == 1


async def test_a_replayed_press_in_a_new_envelope_is_refused_as_a_second_vote(fresh: Door) -> None:
    _, card = await posted(fresh, clauses=TWO)
    payload = fresh.payload(card)
    await fresh.send(payload)
    await fresh.send(again(payload))
    await until(fresh.is_said)
    assert len(await fresh.side.store.rows(votes)) == 1
    assert [event["reasons"] for event in await fresh.side.store.events("click.refused")] == [
        ["ALREADY_VOTED"]
    ]
    assert "Your vote is counted already." in fresh.told("U0ANA")[-1]


@pytest.mark.parametrize(
    ("aged_s", "secret"), [(301, SIGNING_SECRET), (0, "another secret")], ids=["old", "forged"]
)
async def test_a_request_that_slack_did_not_just_sign_is_not_even_stored(
    fresh: Door, aged_s: int, secret: str
) -> None:
    _, card = await posted(fresh)
    assert await fresh.send(fresh.payload(card), aged_s=aged_s, secret=secret) == 401
    assert await fresh.side.store.rows(inbox) == []
    assert await fresh.side.store.rows(votes) == []


async def test_a_member_who_was_taken_out_of_the_group_decides_nothing_a_minute_later(
    fresh: Door,
) -> None:
    proposal, card = await posted(fresh, clauses=TWO)
    assert await fresh.press(card) == 200
    fresh.side.workspace.state.groups["S0ONCALL"].users.remove("U0ANA")
    fresh.side.store.clock.forward(61)
    await fresh.press(on(card, user="U0BEN"))
    # Ana's vote is there and counts no more, so Ben's is not the second.
    assert len(await fresh.side.store.rows(votes)) == 2
    assert (await fresh.side.store.standing(proposal)).state is ProposalState.PENDING
    await fresh.send(again(fresh.payload(card)))
    await until(fresh.is_said)
    assert MEMBERS in fresh.told("U0ANA")[-1]


async def test_a_rejection_form_says_no_only_for_who_may(fresh: Door) -> None:
    _, card = await posted(fresh)
    eve = fresh.joined(EVE)
    reason = {"reason": "because I can"}
    await fresh.send(fresh.form(on(card, user=eve), "proposal.reject", reason))
    await until(fresh.is_said)
    assert MEMBERS in fresh.told(eve)[-1]
    assert (await kinds(fresh))[-1] == "click.refused"
    assert await fresh.side.store.rows(votes) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user": "U0EVE"}, "NOT_IN_GROUP"),
        ({"value": "T-NOWHERE-1:" + "0" * 64}, "OTHER_CARD"),
        ({"ts": "1.0"}, "OTHER_CARD"),
        ({"value": ":"}, "OTHER_CARD"),
    ],
    ids=["an outsider", "no proposal", "no card", "nothing"],
)
async def test_an_edit_form_that_may_not_count_is_refused_told_and_recorded(
    fresh: Door, changes: dict[str, str], reason: str
) -> None:
    proposal, card = await fresh.considered()
    fresh.joined(EVE)
    press = on(card, **changes)
    await fresh.send(fresh.form(press, "proposal.edit", {"param.to": "newer"}))
    await until(fresh.is_said)
    assert f"({reason}" in fresh.told(press.user)[-1]
    (event,) = await fresh.side.store.events("click.refused")
    assert event["reasons"] == [reason]
    assert (await fresh.side.store.standing(proposal)).state is ProposalState.PENDING


async def test_an_edit_that_the_rules_would_let_act_alone_asks_as_the_old_card_did(
    tmp_path: Path,
) -> None:
    asked = Asked(n=1, groups=("oncall",))
    async with door(tmp_path, rule("small", RuleKind.AUTO, When(tool=("fake_set",)), asked)) as it:
        old, card = await it.considered()
        it.modes["staging"] = Mode.AUTO
        await it.send(it.form(on(card, user="U0BEN"), "proposal.edit", {"param.to": "red"}))
        rows = await it.side.store.tasks.proposals(old.task_id)
        assert [row.state for row in rows] == [ProposalState.SUPERSEDED, ProposalState.PENDING]
        made = rows[1].proposal
        assert made.action.parameters["to"] == "red"
        assert made.decision.reasons[0] == "EDITED_BY_A_PERSON"
        assert made.decision.clauses == old.decision.clauses
        assert made.requesters == ("T0PLAY/U0BEN",)
        assert it.system.acted == []
