"""Pause and resume: once each, on record, and nothing begins while paused."""

import asyncio

import pytest
from sqlalchemy import Connection

from bot.store.controls import SqlControls, pause, resume, waiting
from bot.store.halts import paused
from bot.store.tables import controls, executions
from policies.model import Mode, ProposalState
from tests.bot.world import ANA, BEN, SECRET, World, caller_of, intent
from tools.halts import Halt, HaltKind, Matter
from tools.ports import Halted


def matter(tenant: str) -> Matter:
    return Matter(tenant=tenant, task_id="T-1", agent="incident", environment="staging")


async def paused_by(store: World, person: str, reason: str = "") -> bool:
    return await store.database.write(
        lambda connection: pause(connection, store.context, "default", person, reason)
    )


async def resumed_by(store: World, person: str) -> bool:
    return await store.database.write(
        lambda connection: resume(connection, store.context, "default", person, "")
    )


async def test_a_pause_is_set_once_and_says_by_whom(store: World) -> None:
    asked = await asyncio.gather(*(paused_by(store, who) for who in (ANA, BEN) * 5))
    assert sorted(asked) == [False] * 9 + [True]
    (event,) = await store.events("signoff.paused")
    row = await store.row(controls)
    assert row.by == event["actor"]["id"]
    found = await store.database.read(lambda connection: paused(connection, "default"))
    assert found == Halt(kind=HaltKind.PAUSE, by=row.by, at=store.clock.now())


async def test_a_resume_is_on_record_too(store: World) -> None:
    assert not await resumed_by(store, ANA)
    await paused_by(store, BEN, f"something is odd, {SECRET}")
    assert await resumed_by(store, ANA)
    assert not await resumed_by(store, ANA)
    kinds = [event["kind"] for event in await store.events()]
    assert kinds == ["signoff.paused", "signoff.resumed"]
    assert "something is odd" not in str(await store.events())


async def test_a_pause_holds_one_tenant_and_survives(store: World) -> None:
    switches = SqlControls(store.context, {}, Mode.APPROVE)
    await paused_by(store, ANA)
    assert (await switches.standing(matter("default"))).pause is not None
    assert (await switches.standing(matter("another"))).pause is None


async def test_nothing_begins_while_paused_and_the_approval_is_kept(store: World) -> None:
    proposal = await store.proposed()
    await store.vote(store.click(proposal))
    claim = await store.claimed()
    await paused_by(store, BEN)
    before = await store.events()
    with pytest.raises(Halted):
        await store.journal.begin(intent(proposal), caller_of(claim))
    assert await store.rows(executions) == []
    assert await store.events() == before
    assert (await store.standing(proposal)).state is ProposalState.APPROVED
    await resumed_by(store, ANA)
    await store.journal.begin(intent(proposal), caller_of(claim))


async def test_what_waits_is_counted(store: World) -> None:
    proposal = await store.proposed()
    await store.task("another")

    def look(connection: Connection) -> tuple[int, list[str]]:
        return waiting(connection, "default")

    assert await store.database.read(look) == (2, [proposal.id])
    await store.vote(store.click(proposal))
    assert await store.database.read(look) == (2, [])
