"""Which proposals are a batch, and that a click counts for what the clicked message shows."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from agents.tasks import Task
from bot.store.batches import batched, key_of, shown_by
from bot.store.tables import posts, proposals, votes
from policies.approvals import Refusal
from policies.model import Clause, EffectKind
from tests.bot.world import START, Wish, World, proposal_for

MANY = Wish(clauses=(Clause(rule="r", n=10, groups=("oncall",)),))


@given(st.text("T-ABC123", min_size=1), st.lists(st.integers(1, 99), min_size=1, unique=True))
def test_a_key_names_exactly_the_items_it_was_made_for(task_id: str, numbers: list[int]) -> None:
    ids = [f"{task_id}-{number}" for number in numbers]
    key = key_of(task_id, ids)
    assert shown_by(key) == tuple(ids)
    assert key.startswith("batch:")


@given(st.sampled_from(["proposal:T-1-1", "verdict:T-1-1", "batch:T-1", "batch:", "", "task:T-1"]))
def test_another_message_shows_no_items(key: str) -> None:
    assert shown_by(key) == ()


async def test_only_what_is_alike_and_asks_people_is_a_batch(store: World) -> None:
    task = await store.task()
    wishes = [
        Wish(key="a"),
        Wish(key="b", tool="alertmanager_silence"),
        Wish(key="c"),
        Wish(key="d", effect=EffectKind.AUTO, clauses=()),
        Wish(key="e", effect=EffectKind.DENY, clauses=()),
    ]
    made = [proposal_for(task, place, START, wish) for place, wish in enumerate(wishes, 1)]
    assert batched(made) == {made[0].id: made[0].id, made[2].id: made[0].id}
    assert batched(made[:2]) == {}


async def test_a_batch_is_stored_with_what_was_proposed_in_one_go(store: World) -> None:
    await store.analysed(await store.task(), Wish(key="a"), Wish(key="b"))
    rows = await store.rows(proposals)
    assert {row.batch for row in rows} == {rows[0].id}


async def posted(store: World, key: str, task: Task) -> str:
    """Note a message as the mirror does, unless it stands; returns its ts."""
    found = await store.rows(posts, key=key)
    if found:
        return str(found[0].ts)
    ts = f"1800000000.{len(await store.rows(posts))}"
    place = {"thread_id": task.thread_id, "key": key, "channel": "C0INCIDENTS", "ts": ts}
    row = {**place, "digest": "", "begun_at": START}
    await store.database.write(lambda connection: connection.execute(posts.insert(), row))
    return ts


async def test_no_item_gets_a_vote_that_its_card_does_not_show_with_that_hash(
    store: World,
) -> None:
    """Every proposal with every hash on every card: a vote for each that is shown, no other."""
    task = await store.task()
    wishes = [Wish(key=str(n), clauses=MANY.clauses, version=f"v{n}") for n in range(5)]
    made = await store.analysed(task, *wishes)
    other = await store.task("incident:other")
    (foreign,) = await store.analysed(other, MANY)
    cards = {
        key_of(task.id, [proposal.id for proposal in made[:2]]): made[:2],
        key_of(task.id, [proposal.id for proposal in made[2:4]]): made[2:4],
        f"proposal:{made[4].id}": made[4:],
        # A thread's own name does not make a message of another thread its card.
        key_of(other.id, [foreign.id, f"{other.id}-2"]): [foreign],
        f"report:{task.id}": [],
    }
    places = {key: await posted(store, key, task if task.id in key else other) for key in cards}
    everything = [*made, foreign]
    combinations = list(product(cards, everything, everything))
    store.groups["oncall"] = frozenset(f"T0PLAY/U{place}" for place in range(len(combinations)))
    wanted = set()
    for place, (key, proposal, hashed) in enumerate(combinations):
        voter = f"T0PLAY/U{place}"
        click = store.click(proposal, voter, seen_hash=hashed.action.hash, message_ts=places[key])
        answer = await store.vote(click)
        is_shown = proposal in cards[key]
        if is_shown and hashed is proposal:
            wanted.add((proposal.id, voter))
            assert answer.refusal is None
        else:
            assert answer.refusal is (Refusal.OLD_CARD if is_shown else Refusal.OTHER_CARD)
    cast = {(row.proposal_id, row.voter) for row in await store.rows(votes)}
    assert cast == wanted
    assert len(cast) == 6
    refused = await store.events("click.refused")
    assert len(refused) == len(combinations) - len(cast)
