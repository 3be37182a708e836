"""The inbox is worked off so that a pause waits for nobody, and each letter is worked off once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from bot.slack.clerk import InboxClerk
from bot.store.boxes import Inbox
from bot.store.halts import paused
from bot.store.tables import inbox
from policies.model import DEFAULT_TENANT
from policies.model import ProposalState as S
from tests.bot.slack.lampside import bench, buttons
from tests.bot.slack.office import ANA, BEN, GUEST, TEAM, Office, office
from tests.bot.slack.slackside import CHANNEL, until
from tests.fakes.system import NEVER_S
from tools.halts import Halt

NUMBERS = count()
# Longer than any test takes: of the clock by which Slack's rates are counted.
LONG_S = 500


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


@asynccontextmanager
async def at_work(here: Office, *, is_away: bool = False) -> AsyncIterator[None]:
    """Let the clerk work the inbox off."""
    clerk = InboxClerk(here.desk, Inbox(here.store.context), lambda: is_away)
    here.store.database.on_commit(clerk.wake)
    working = asyncio.create_task(clerk.run())
    try:
        yield
        assert not working.done(), "the clerk must work until it is stopped"
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


async def written(box: Inbox, person: str, text: str) -> str:
    """Put `/signoff TEXT` into the inbox, and return its key."""
    key = f"command:{next(NUMBERS)}"
    body = {"command": "/signoff", "text": text, "team_id": TEAM, "user_id": person}
    assert await box.put(key, "command", {**body, "channel_id": CHANNEL})
    return key


async def pressed(here: Office, times: int) -> None:
    """Let Ana press buttons that are nobody's."""
    for _ in range(times):
        body = {
            "type": "block_actions",
            "user": {"id": ANA, "team_id": TEAM},
            "channel": {"id": CHANNEL},
            "actions": [{"action_id": "x", "value": "y"}],
        }
        assert await Inbox(here.store.context).put(f"action:{next(NUMBERS)}", "action", body)


async def halted(here: Office) -> Halt | None:
    return await here.store.database.read(lambda one: paused(one, DEFAULT_TENANT))


def is_paused(here: Office) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await halted(here) is not None

    return look


def is_done(here: Office, *keys: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        rows = [await here.store.row(inbox, key=key) for key in keys]
        return all(row.done_at is not None for row in rows)

    return look


async def told(here: Office) -> list[str]:
    return [one["text"] for one in await here.sent("ephemeral")]


async def test_while_slack_is_away_a_pause_behind_many_clicks_holds(here: Office) -> None:
    await pressed(here, 60)
    await written(Inbox(here.store.context), BEN, "pause now")
    async with at_work(here, is_away=True):
        await until(is_paused(here), 10)
    # The clicks wait for Slack, and none was counted as tried.
    rows = await here.store.rows(inbox, kind="action")
    assert [(row.done_at, row.attempts) for row in rows] == [(None, 0)] * 60


async def test_a_pause_does_not_wait_for_clicks_that_ask_the_outside(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        task = await here.task("hall")
        await here.press(ANA, "Approve", await here.card("proposal:"))
        here.house.lamps["hall"] = "broken"
        await here.work()
        assert await here.states(task) == [S.DRIFTED]
        card = await here.card("proposal:")
        again = buttons(card)[0]
        here.house.faults["observe"] = NEVER_S
        body = {
            "type": "block_actions",
            "user": {"id": "U0MIA", "team_id": TEAM},
            "container": {"message_ts": card.ts, "channel_id": CHANNEL},
            "channel": {"id": CHANNEL},
            "actions": [{"action_id": again["action_id"], "value": again["value"]}],
        }
        for number in range(4):
            await here.box.put(f"action:slow{number}", "action", body)
        key = await written(here.box, BEN, "pause now")

        async def is_worked_off() -> bool:
            return (await here.side.store.row(inbox, key=key)).done_at is not None

        await until(is_worked_off, 30)
        # The first of the clicks still waits for its answer; the others wait for it.
        open_ = [row.key for row in await here.side.store.rows(inbox) if row.done_at is None]
        assert len(open_) >= 3
        assert await here.side.store.database.read(lambda one: paused(one, DEFAULT_TENANT))


async def test_a_pause_waits_neither_for_slack_nor_for_commands_of_others(here: Office) -> None:
    here.side.workspace.faults.rate_limit("users.info", LONG_S)
    slow = await written(Inbox(here.store.context), ANA, "policy")
    async with at_work(here):
        await written(Inbox(here.store.context), BEN, "pause it looks odd")
        await until(is_paused(here), 10)
        halt = await halted(here)
        assert halt is not None
        assert (halt.by, halt.reason) == (f"{TEAM}/{BEN}", "it looks odd")
        assert not await is_done(here, slow)()
        here.store.clock.forward(LONG_S)
        await until(is_done(here, slow), 10)


async def test_who_is_not_known_in_time_stops_and_lets_nothing_go_on(here: Office) -> None:
    here.side.workspace.faults.rate_limit("users.info", LONG_S)
    box = Inbox(here.store.context)
    async with at_work(here):
        await written(box, GUEST, "pause now")
        await until(is_paused(here), 10)
        here.store.clock.forward(1)
        wanted = [await written(box, GUEST, line) for line in ("resume", "unfreeze T-ABCDEFGH")]
        await asyncio.sleep(2)
        assert await halted(here) is not None
        here.store.clock.forward(LONG_S)
        await until(is_done(here, *wanted), 10)
    assert await halted(here) is not None
    refused = await here.store.events("command.refused")
    assert [event["reasons"] for event in refused] == [["IS_GUEST"]] * 2


async def test_the_commands_of_one_person_keep_their_order(here: Office) -> None:
    here.side.workspace.faults.rate_limit("users.info", LONG_S)
    box = Inbox(here.store.context)
    async with at_work(here):
        await written(box, ANA, "resume")
        pausing = await written(box, ANA, "pause now")
        await asyncio.sleep(2)
        assert await halted(here) is None
        here.store.clock.forward(LONG_S)
        await until(is_done(here, pausing), 10)
    assert [text.partition(".")[0] for text in await told(here)] == [
        "Signoff was not paused",
        "Signoff is paused: nothing outside is called before an operator resumes it",
    ]


async def test_many_commands_are_each_answered_once(here: Office) -> None:
    box = Inbox(here.store.context)
    async with at_work(here):
        keys = [await written(box, person, "help") for person in (ANA, BEN) * 70]
        await until(is_done(here, *keys), 30)
    assert len(await told(here)) == 140
    rows = await here.store.rows(inbox)
    assert {(row.attempts, row.result) for row in rows} == {(0, "help")}


async def test_a_resume_that_is_older_than_a_pause_does_not_lift_it(here: Office) -> None:
    here.side.workspace.faults.rate_limit("users.info", LONG_S)
    box, clock = Inbox(here.store.context), here.store.clock
    async with at_work(here):
        resuming = await written(box, ANA, "resume")
        clock.forward(1)
        await written(box, BEN, "pause it looks odd")
        await until(is_paused(here), 10)
        clock.forward(LONG_S)
        await until(is_done(here, resuming), 10)
        assert await halted(here) is not None
        (refused,) = await here.store.events("command.refused")
        assert (refused["actor"]["id"], refused["reasons"]) == (f"{TEAM}/{ANA}", ["STOPPED_SINCE"])
        assert "stopped after you wrote" in (await told(here))[-1]
        await until(is_done(here, await written(box, ANA, "resume looked")), 10)
        assert await halted(here) is None
