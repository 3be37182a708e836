"""Fifty people and forty executors at once: no vote, no effect and no consent too many.

Drawn by a seed that is told at the head of the run; `--killing-seed 42` plays it again.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.store.ledger import verify
from bot.store.tables import votes
from policies.approvals import Ballot
from policies.model import Proposal, ProposalState
from tests.scenarios.races import CLICKERS, CROWD, EXECUTORS, LAST, MEMBERS, Race, racing

ROUNDS = 100
# Within so many seconds everybody has begun.
SPREAD_S = 0.03
HAPPENINGS = (
    *("nothing", "reject", "expire", "leave", "pause"),
    *("edit", "withdraw", "stricter", "deny", "steal"),
)
UNFINISHED = {ProposalState.APPROVED, ProposalState.EXECUTING, ProposalState.UNKNOWN}


@dataclass
class Judge:
    """Reads the record of all rounds from the beginning, and lets nothing pass."""

    asked: dict[str, int]
    race: Race
    approvals: dict[str, set[str]] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    intents: Counter[str] = field(default_factory=Counter)
    is_paused: bool = False

    def hear(self, event: dict[str, Any]) -> None:
        """Hold one event against what must hold."""
        name, kind = event["proposal_id"], event["kind"]
        if kind in {"signoff.paused", "signoff.resumed"}:
            self.is_paused = kind == "signoff.paused"
        elif kind == "vote.cast":
            self.vote(name, event["actor"]["id"], event["decision"])
        elif kind == "proposal.moved":
            self.state[name] = event["decision"]
        elif kind == "intent.written":
            self.begin(name, event)

    def vote(self, name: str, person: str, ballot: str) -> None:
        """A vote counts from a member, once, while the proposal waits."""
        assert person in MEMBERS
        assert self.state.get(name, "PENDING") == "PENDING"
        found = self.approvals.setdefault(name, set())
        if ballot == Ballot.APPROVE:
            assert person not in found
            found.add(person)

    def begin(self, name: str, event: dict[str, Any]) -> None:
        """Whatever begins was signed off by enough people of the last minute, and not paused."""
        assert not self.is_paused
        # It was moved a moment before, in the same transaction.
        assert self.state[name] == "EXECUTING"
        at = datetime.fromisoformat(event["at"])
        consenting = self.approvals[name] & self.race.town.within_a_minute(at)
        assert len(consenting) >= self.asked[name]
        self.intents[name] += 1


async def play(race: Race, lamp: str, happening: str, *, is_first: bool) -> dict[str, int]:
    """Play one round; returns how many people each of its cards asked."""
    chance, store = race.chance, race.store
    store.clock.forward(120)
    race.quorum, race.denies = chance.choice([1, 2, 3, 5, 10]), False
    race.town.become(frozenset({*MEMBERS, *CROWD[-4:-1]}))
    proposal = await race.proposed(lamp)
    made = [proposal]
    row = (await store.tasks.proposals(proposal.task_id))[0]
    assert row.state is ProposalState.PENDING

    async def happen() -> None:
        await asyncio.sleep(chance.random() * SPREAD_S)
        await _happen(race, lamp, happening, made)

    pressing = [*CROWD, *chance.sample(CROWD, 10)]
    chance.shuffle(pressing)
    is_rejected = happening == "reject"
    rejecting = set(chance.sample(range(len(pressing)), 3)) if is_rejected else set()
    lease_s = 0.0 if happening == "steal" else 30.0
    # Half of the time what happens has a start, or the first quorum would always win.
    head_start_s = 3 * SPREAD_S if is_first else 0.0
    if is_first and happening == "edit":
        # An edit asks the outside system, which takes its time.
        await _happen(race, lamp, happening, made)
        happening = "nothing"

    async def press(place: int, person: str) -> None:
        is_no = place in rejecting
        await asyncio.sleep(chance.random() * SPREAD_S + (0.0 if is_no else head_start_s))
        await race.click(person, chance.choice(made), Ballot.REJECT if is_no else Ballot.APPROVE)

    async def execute(place: int) -> None:
        await asyncio.sleep(chance.random() * SPREAD_S * 2)
        await race.execute(f"executor-{place}", lease_s)

    await asyncio.gather(
        happen(),
        *(press(*pair) for pair in enumerate(pressing)),
        *(execute(place) for place in range(EXECUTORS)),
    )
    await finish(race, proposal)
    return {one.id: one.decision.people for one in made}


async def _happen(race: Race, lamp: str, happening: str, made: list[Proposal]) -> None:
    proposal = made[0]
    if happening == "expire":
        race.store.clock.forward(1800)
    elif happening == "leave":
        await race.leave()
    elif happening == "pause":
        await race.pause()
    elif happening == "withdraw":
        await race.withdraw(proposal)
    elif happening == "edit":
        made.append(await race.edit(proposal, lamp))
    elif happening == "stricter":
        race.quorum += 3
    elif happening == "deny":
        race.denies = True


async def finish(race: Race, proposal: Proposal) -> None:
    """Let what is under way come to its end, and what waits expire."""
    for _ in range(8):
        rows = await race.store.tasks.proposals(proposal.task_id)
        if not any(row.state in UNFINISHED for row in rows):
            break
        race.store.clock.forward(31)
        await race.execute(LAST, 30)
    race.store.clock.forward(1800)
    while await race.execute(LAST, 30):
        race.store.clock.forward(31)
    rows = await race.store.tasks.proposals(proposal.task_id)
    assert not [row for row in rows if row.state in {*UNFINISHED, ProposalState.PENDING}]


async def test_no_vote_and_no_effect_too_many_however_all_race(
    tmp_path: Path, killing_seed: int
) -> None:
    async with racing(tmp_path, killing_seed) as race:
        asked: dict[str, int] = {}
        for number in range(ROUNDS):
            happening = HAPPENINGS[number % len(HAPPENINGS)]
            is_first = number // len(HAPPENINGS) % 2 == 1
            asked |= await play(race, f"lamp{number}", happening, is_first=is_first)
        judge = Judge(asked, race)
        for event in await race.store.events():
            judge.hear(event)
        assert (await race.store.database.read(verify)).fault is None

        # By the outside system's own log.
        assert max(Counter(lamp for lamp, _ in race.street.log).values()) == 1
        done = {key.removeprefix("signoff-").removesuffix("-forward") for _, key in race.street.log}
        assert done == {name for name, state in judge.state.items() if state == "VERIFIED"}
        assert done == set(judge.intents)
        for name in asked:
            cast = await race.store.rows(votes, proposal_id=name)
            assert len(cast) <= len(MEMBERS) < CLICKERS
        # The race was one: each end came about, and some found their sign-off taken away.
        ends = Counter(judge.state.values())
        assert {"VERIFIED", "REJECTED", "EXPIRED", "SUPERSEDED", "WITHDRAWN", "DENIED"} <= set(ends)
        assert ROUNDS / 4 <= ends["VERIFIED"] <= ROUNDS
