"""Slack away: one probe for all, nothing tried, and what waited comes in order or says why."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.slack.postman import OutboxClerk
from bot.slack.sender import NotSent
from bot.store.boxes import Outbox, Parcel, send
from bot.store.tables import outbox
from tests.bot.slack.slackside import (
    CHANNEL,
    Side,
    running,
    sending,
    slackside,
    time_flies,
    until,
)

Logged = pytest.LogCaptureFixture


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[Side]:
    async with slackside(tmp_path) as found, time_flies(found):
        yield found


async def put(side: Side, kind: str, text: str, **payload: str) -> None:
    await side.store.database.write(
        lambda connection: send(connection, side.store.context, kind, {"text": text, **payload})
    )


async def is_empty(side: Side) -> bool:
    return all(row.due_at is None for row in await side.store.rows(outbox))


async def emptied(side: Side) -> None:
    await until(lambda: is_empty(side))


async def away(side: Side) -> None:
    """Slack goes, and the line notices."""
    side.workspace.go_away()
    side.sender.line.doubt()

    async def is_noticed() -> bool:
        return side.sender.line.is_away

    await until(is_noticed)


async def test_an_absence_is_told_once_and_one_probe_asks_for_all(
    side: Side, caplog: Logged
) -> None:
    caplog.set_level(logging.INFO)
    for number in range(4):
        await side.begin(f"incident:{number}")
    side.workspace.go_away()
    async with running(side), sending(side):
        for number in range(5):
            await put(side, "channel", f"notice {number}", channel=CHANNEL)
        began = side.store.clock.now()

        async def is_long() -> bool:
            return side.store.clock.now() - began > timedelta(minutes=3)

        await until(is_long)
        assert b"signoff_slack_away 1.0" in side.metrics.text()
        knocks = side.workspace.faults.knocks
        assert knocks["auth.test"] <= 10
        assert sum(knocks.values()) - knocks["auth.test"] <= 9, "each waiting thread tries once"
        side.workspace.come_back()
        await side.shown()
        await emptied(side)
    assert b"signoff_slack_away 0.0" in side.metrics.text()
    assert b"signoff_slack_outages_total 1.0" in side.metrics.text()
    lines = [record.message for record in caplog.records if record.name.startswith("bot")]
    assert [line.split(":")[0].rstrip("0123456789 s") for line in lines] == [
        "Slack does not answer",
        "Slack answers again after",
    ]
    assert len(side.messages()) == 4 + 5


async def test_one_lost_answer_is_no_absence(side: Side) -> None:
    side.workspace.lose_answer("chat.postMessage")
    await side.begin()
    async with running(side):
        await side.shown()
    assert b"signoff_slack_outages_total 0.0" in side.metrics.text()


async def test_while_slack_is_away_a_question_is_answered_no_at_once(side: Side) -> None:
    await away(side)
    with pytest.raises(NotSent):
        await side.sender.call("users.info", {"user": "U0ANA"})
    assert side.workspace.faults.knocks["users.info"] == 0


async def test_an_absence_counts_as_no_attempt(side: Side) -> None:
    await away(side)
    await put(side, "channel", "The disk is full", channel=CHANNEL)
    async with sending(side):
        began = side.store.clock.now()

        async def is_long() -> bool:
            return side.store.clock.now() - began > timedelta(minutes=3)

        await until(is_long, 120)
        row = await side.store.row(outbox)
        assert (row.attempts, row.fault) == (0, None)
        side.workspace.come_back()
        await emptied(side)
    assert [message.text for message in side.messages()] == ["The disk is full"]


async def test_what_comes_late_says_so(side: Side) -> None:
    await put(side, "channel", "The disk is full", channel=CHANNEL)
    side.store.clock.forward(3 * 3600)
    async with sending(side):
        await emptied(side)
    (message,) = side.messages()
    assert message.text.startswith("(from 10:0")
    assert message.text.endswith("late: Slack was away) The disk is full")


@pytest.mark.parametrize(
    ("kind", "minutes"), [("response", 31), ("ephemeral", 61), ("channel", 1441), ("dm", 1441)]
)
async def test_what_comes_too_late_is_dropped_with_its_reason(
    kind: str, minutes: int, side: Side
) -> None:
    payload = {"channel": CHANNEL, "user": "U0ANA", "url": "http://nowhere"}
    await put(side, kind, "You have signed off.", **payload)
    side.store.clock.forward(minutes * 60)
    async with sending(side):
        await emptied(side)
    row = await side.store.row(outbox)
    assert row.fault.startswith("dropped: ")
    assert (row.done_at, row.payload) == (None, "{}")
    assert side.calls("chat.postMessage") == side.calls("chat.postEphemeral") == []


@pytest.mark.parametrize(
    ("kind", "place", "channel"),
    [("channel", {"channel": CHANNEL}, CHANNEL), ("dm", {"user": "U0ANA"}, "D0ANA")],
)
async def test_a_notice_whose_answer_was_lost_is_not_posted_again(
    kind: str, place: dict[str, str], channel: str, side: Side
) -> None:
    side.workspace.lose_answer("chat.postMessage")
    await put(side, kind, "Once", **place)
    async with sending(side):
        await emptied(side)
    assert [message.text for message in side.messages(channel)] == ["Once"]
    assert len(side.calls("chat.postMessage")) == 1
    assert (await side.store.row(outbox)).done_at is not None


async def test_a_notice_is_not_mistaken_for_one_of_another_database(side: Side) -> None:
    await put(side, "channel", "First", channel=CHANNEL)
    async with sending(side):
        await emptied(side)
    (old,) = side.messages()
    assert old.metadata is not None
    old.metadata["event_payload"]["created_at"] = "2020-01-01T00:00:00+00:00"
    side.workspace.lose_answer("chat.postMessage")
    await put(side, "channel", "Second", channel=CHANNEL)
    async with sending(side):
        await emptied(side)
    assert [message.text for message in side.messages()] == ["First", "Second"]


async def test_to_one_place_notices_come_in_order_whatever_is_lost(side: Side) -> None:
    side.workspace.faults.lose_every(2)
    for number in range(6):
        await put(side, "channel", f"notice {number}", channel=CHANNEL)
    async with sending(side):
        await emptied(side)
    assert [message.text for message in side.messages()] == [f"notice {n}" for n in range(6)]


async def test_a_slow_channel_holds_up_no_answer_to_a_person(side: Side) -> None:
    for number in range(20):
        await put(side, "channel", f"notice {number}", channel=CHANNEL)
    await put(side, "ephemeral", "You are no approver.", channel="C0MARKETING", user="U0ANA")
    side.workspace.rate_limit("chat.postMessage", 600)
    async with sending(side):

        async def is_told() -> bool:
            return bool(side.calls("chat.postEphemeral"))

        await until(is_told, 3)
        assert len(side.messages()) < 20


async def test_a_refusal_is_given_up_in_the_end_and_holds_up_nothing(side: Side) -> None:
    await put(side, "channel", "To nowhere", channel="C0NOWHERE")
    await put(side, "channel", "Hello", channel=CHANNEL)
    async with sending(side):

        async def is_given_up() -> bool:
            side.store.clock.forward(30)
            return await is_empty(side)

        await until(is_given_up)
    rows = await side.store.rows(outbox)
    assert (rows[0].fault, rows[0].attempts, rows[0].done_at) == ("channel_not_found", 8, None)
    assert [message.text for message in side.messages()] == ["Hello"]


class SlowOutbox(Outbox):
    """Hands on what is due a while after it was read."""

    async def due(self, limit: int = 500) -> list[Parcel]:
        found = await super().due(limit)
        await asyncio.sleep(0.2)
        return found


@pytest.mark.parametrize("kind", ["channel", "dm", "ephemeral"])
async def test_what_was_sent_while_somebody_looked_is_not_sent_again(kind: str, side: Side) -> None:
    clerk = OutboxClerk(SlowOutbox(side.store.context), side.sender, CHANNEL)
    running_clerk = asyncio.create_task(clerk.run())
    side.store.database.on_commit(clerk.wake)
    for number in range(3):
        await put(side, kind, f"notice {number}", channel=CHANNEL, user="U0ANA")
        await asyncio.sleep(0.21)
    await emptied(side)
    await asyncio.sleep(0.5)
    running_clerk.cancel()
    await asyncio.gather(running_clerk, return_exceptions=True)
    method = "chat.postEphemeral" if kind == "ephemeral" else "chat.postMessage"
    assert [call["text"] for call in side.calls(method)] == [f"notice {n}" for n in range(3)]
