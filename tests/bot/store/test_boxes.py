"""Inbox and outbox: nothing twice, nothing lost over a restart, nothing kept too long."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection

from bot.store.boxes import GIVE_UP_AFTER, Inbox, Letter, Outbox, letter_done, send
from bot.store.tables import inbox, outbox
from tests.bot.world import SECRET, START, FakeClock, World, opened

BODY = {"type": "block_actions", "actions": [{"action_id": "proposal.approve"}]}


async def work_off(store: World, letter: Letter, result: str = "worked off") -> bool:
    return await store.database.write(
        lambda connection: letter_done(connection, store.context, letter.key, result)
    )


async def sent_later(store: World, text: str = "Hello") -> None:
    await store.database.write(
        lambda connection: send(connection, store.context, "dm", {"user": "U1", "text": text})
    )


async def test_an_envelope_is_taken_once_by_its_key(store: World) -> None:
    box = Inbox(store.context)
    taken = await asyncio.gather(*(box.put("envelope-1", "action", BODY) for _ in range(20)))
    assert sorted(taken) == [False] * 19 + [True]
    (letter,) = await box.due()
    assert letter == Letter(
        key="envelope-1", kind="action", body=BODY, attempts=0, received_at=START, age_s=0
    )


@pytest.mark.parametrize("behind", ["", ":C0INCIDENTS:1.5", f",T-T7Y3JWT9-2:{'a1' * 32}|C0|1.5"])
async def test_what_a_button_carries_is_kept_whatever_word_its_id_spells(
    store: World, behind: str
) -> None:
    box, value = Inbox(store.context), f"T-T7Y3JWT9-1:{'04767611615bc81c' * 4}{behind}"
    await box.put("envelope-1", "action", {"actions": [{"value": value}]})
    assert (await box.due())[0].body == {"actions": [{"value": value}]}


async def test_a_secret_that_looks_like_what_a_button_carries_is_taken_out(store: World) -> None:
    own = "9f" * 32
    store.context.redactor.learn([own])
    box = Inbox(store.context)
    await box.put("envelope-1", "action", {"actions": [{"value": f"T-T7Y3JWT9-1:{own}"}]})
    assert own not in str((await box.due())[0].body)


async def test_an_envelope_that_was_worked_off_is_not_taken_again(store: World) -> None:
    box = Inbox(store.context)
    await box.put("envelope-1", "action", BODY)
    (letter,) = await box.due()
    assert await work_off(store, letter)
    assert not await box.put("envelope-1", "action", BODY)
    assert await box.due() == []


async def test_letters_survive_a_restart_and_come_oldest_first(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "signoff.db", clock) as store:
        for place in range(5):
            await Inbox(store.context).put(f"b-{9 - place}", "command", {"place": place})
            clock.forward(1)
    async with opened(tmp_path / "signoff.db", clock) as store:
        letters = await Inbox(store.context).due()
    assert [letter.body["place"] for letter in letters] == list(range(5))
    assert [letter.age_s for letter in letters] == [5, 4, 3, 2, 1]


async def test_the_body_is_gone_once_the_letter_is_done(store: World) -> None:
    box = Inbox(store.context)
    await box.put("envelope-1", "command", {"text": "what nobody needs any more"})
    (letter,) = await box.due()
    assert await work_off(store, letter, "x" * 1000)
    row = await store.row(inbox)
    assert (row.body, row.due_at, len(row.result)) == ("{}", None, 255)


async def test_a_letter_is_done_once(store: World) -> None:
    box = Inbox(store.context)
    await box.put("envelope-1", "action", BODY)
    (letter,) = await box.due()
    done = await asyncio.gather(*(work_off(store, letter) for _ in range(10)))
    assert sorted(done) == [False] * 9 + [True]


async def test_work_that_fails_leaves_its_letter_there(store: World) -> None:
    box = Inbox(store.context)
    await box.put("envelope-1", "action", BODY)
    (letter,) = await box.due()

    def unit(connection: Connection) -> None:
        assert letter_done(connection, store.context, letter.key, "worked off")
        raise RuntimeError("after it was marked")

    with pytest.raises(RuntimeError, match="after it was marked"):
        await store.database.write(unit)
    assert await box.due() == [letter]


async def test_a_letter_put_off_comes_back_and_counts_its_attempts(store: World) -> None:
    box = Inbox(store.context)
    await box.put("envelope-1", "action", BODY)
    (letter,) = await box.due()
    await box.later(letter, 3)
    assert await box.due() == []
    store.clock.forward(3)
    (again,) = await box.due()
    assert (again.key, again.attempts) == ("envelope-1", 1)


async def test_a_parcel_is_kept_until_it_was_sent_and_its_text_is_not_kept_longer(
    store: World,
) -> None:
    await sent_later(store)
    box = Outbox(store.context)
    (parcel,) = await box.due()
    assert parcel.payload == {"user": "U1", "text": "Hello"}
    await box.sent(parcel)
    assert await box.due() == []
    assert (await store.row(outbox)).payload == "{}"


async def test_parcels_survive_a_restart_in_order(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "signoff.db", clock) as store:
        for place in range(5):
            await sent_later(store, f"Number {place}")
    async with opened(tmp_path / "signoff.db", clock) as store:
        parcels = await Outbox(store.context).due()
    assert [parcel.payload["text"] for parcel in parcels] == [f"Number {n}" for n in range(5)]


async def test_a_message_is_only_sent_with_what_it_tells_of(store: World) -> None:
    def unit(connection: Connection) -> None:
        send(connection, store.context, "dm", {"user": "U1", "text": "It is done."})
        raise RuntimeError("it is not")

    with pytest.raises(RuntimeError, match="it is not"):
        await store.database.write(unit)
    assert await store.rows(outbox) == []


async def test_a_parcel_is_tried_later_and_later_and_then_given_up(store: World) -> None:
    await sent_later(store)
    box = Outbox(store.context)
    waits = []
    while parcels := await box.due():
        await box.failed(parcels[0], "ratelimited " * 100)
        row = await store.row(outbox)
        if row.due_at is not None:
            waits.append((row.due_at - store.clock.now()).total_seconds())
            store.clock.forward(waits[-1])
    assert waits == [2.0**attempt for attempt in range(1, GIVE_UP_AFTER)]
    row = await store.row(outbox)
    assert (row.attempts, row.done_at, len(row.fault)) == (GIVE_UP_AFTER, None, 500)
    assert row.payload == "{}"


async def test_a_secret_never_reaches_the_outbox(store: World) -> None:
    await sent_later(store, f"The token is {SECRET}.")
    assert SECRET not in (await store.row(outbox)).payload
