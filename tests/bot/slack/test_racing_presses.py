"""Many presses at once through Slack's signed door, each sent again and again: one vote each."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from bot.store.tables import inbox, votes
from playground.workspace.model import User
from policies.model import Clause, ProposalState
from tests.bot.slack.door import again, door, on
from tests.bot.slack.slackside import until
from tests.bot.world import Wish

PEOPLE, QUORUM = 12, 5


@pytest.mark.parametrize("is_enough", [True, False])
async def test_replayed_presses_of_many_at_once_are_one_vote_each(
    tmp_path: Path, killing_seed: int, *, is_enough: bool
) -> None:
    chance = Random(killing_seed)
    quorum = QUORUM if is_enough else 10
    pressing = PEOPLE if is_enough else 9
    async with door(tmp_path) as found:
        wish = Wish(clauses=(Clause(rule="r", n=quorum, groups=("oncall",)),))
        (proposal,) = await found.side.propose(await found.side.begin(), wish)
        await found.side.shown()
        card = await found.card(proposal)
        people = [
            found.joined(User(id=f"U0M{place}", name=f"m{place}", real_name="M"), "S0ONCALL")
            for place in range(pressing)
        ]
        once = [found.payload(on(card, user=person)) for person in people]
        # The same envelope twice more, and the same press in an envelope of its own.
        sent = [*once, *once, *once, *map(again, once)]
        chance.shuffle(sent)
        assert set(await asyncio.gather(*map(found.post, sent))) == {200}
        await until(found.is_quiet, 60)

        cast = await found.side.store.rows(votes)
        assert len(cast) == len({row.voter for row in cast}) == min(quorum, pressing)
        assert len(await found.side.store.rows(inbox)) == 2 * pressing
        refused = await found.side.store.events("click.refused")
        assert len(refused) == 2 * pressing - len(cast)
        state = (await found.side.store.standing(proposal)).state
        assert state is (ProposalState.APPROVED if is_enough else ProposalState.PENDING)
