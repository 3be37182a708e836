"""Each class of failure has its own answer, and the thread shows which."""

import asyncio
import re
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from bot.store.taskstore import MAX_ATTEMPTS
from playground.story import INCIDENTS, SAYS_WITHIN_S, Message, text_of
from playground.valve import Flow
from tests.scenarios.outages import time_flies
from tests.scenarios.plays import Sword, sign_off
from tests.scenarios.stages import (
    Event,
    Scene,
    break_something,
    card_of,
    events,
    eventually,
    require_sound,
    staged,
    thread,
)

# Parts of paths that only one of the first questions asks.
HISTORY, DEPLOYS, LOGS = "query_range", "deploys", "logs"


async def triaged(scene: Scene, service: str) -> Message:
    """Ask for a triage of a healthy service; returns the root of its thread."""
    before = max((message["ts"] for message in await scene.ana.messages(INCIDENTS)), default="0")
    await scene.ana.command(INCIDENTS, f"/triage {service} staging")
    return await scene.root(INCIDENTS, f"Triage of {service} in staging", after=before)


async def shown(scene: Scene, root: Message) -> str:
    """Return every word of a thread."""
    return "\n".join(text_of(message) for message in await thread(scene, root["ts"]))


async def test_a_source_that_comes_back_at_once_is_asked_again_and_nobody_notices(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path, quiet=True) as scene:
        scene.world.valves["shop"].turn(Flow.REFUSING, times=2)
        root = await triaged(scene, "checkout")
        await scene.reply(INCIDENTS, root["ts"], "All well")
        assert "no answer" not in await shown(scene, root)
        record = await events(scene)
        assert sum(event["kind"] == "tool.failed" for event in record) == 2


async def test_without_a_dead_source_the_look_goes_on_and_says_what_is_missing(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as scene:
        scene.world.valves["shop"].turn(Flow.REFUSING, only=LOGS)
        found = await break_something(scene)
        await card_of(scene, found, r"`E\d+` errors in the log of \w+: no answer \(answered 503")
        await card_of(scene, found, r"No answer: errors in the log")
        # The deploy explains it all the same.
        await sign_off(scene, scene.ben, (INCIDENTS, found.root_ts), found.rollback)
        assert len(scene.world.shop.effects) == 1


async def test_an_old_answer_is_marked_with_its_age_and_proposes_nothing(tmp_path: Path) -> None:
    async with staged(tmp_path, quiet=True) as scene:
        root = await triaged(scene, "checkout")
        await scene.reply(INCIDENTS, root["ts"], "All well")
        scene.world.forward(600)
        scene.world.valves["prometheus"].turn(Flow.REFUSING)
        again = await triaged(scene, "checkout")
        await scene.reply(
            INCIDENTS, again["ts"], "Inconclusive[\\s\\S]*newest figures are 10 min old"
        )
        seen = text_of(await scene.reply(INCIDENTS, again["ts"], r"What I see\*"))
        assert re.search(
            r"errors of checkout: .* · \*10 min old\*, no newer answer \(answered 503", seen
        )
        assert "Approve" not in await shown(scene, again)


async def test_with_no_figures_at_all_the_answer_is_that_there_is_none(tmp_path: Path) -> None:
    async with staged(tmp_path, quiet=True) as scene:
        scene.world.valves["prometheus"].turn(Flow.REFUSING)
        root = await triaged(scene, "checkout")
        await scene.reply(INCIDENTS, root["ts"], "Inconclusive[\\s\\S]*Prometheus gave no data")
        await require_sound(scene)


async def test_a_slow_source_does_not_keep_people_waiting_for_the_others(tmp_path: Path) -> None:
    async with staged(tmp_path, quiet=True) as scene:
        scene.world.valves["prometheus"].turn(Flow.SILENT, only=HISTORY)
        root = await triaged(scene, "checkout")
        so_far = await scene.reply(INCIDENTS, root["ts"], "What I see so far")
        assert float(so_far["ts"]) - float(root["ts"]) <= SAYS_WITHIN_S
        assert "errors of checkout" in text_of(so_far)
        whole = await scene.reply(INCIDENTS, root["ts"], r"What I see\*[\s\S]*over time: no answer")
        assert whole["ts"] == so_far["ts"], "the same message, brought up to date"
        await scene.reply(INCIDENTS, root["ts"], "All well")


async def test_a_look_that_takes_too_long_is_stopped_and_its_partial_report_is_shown(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path, quiet=True, bot_env={"SIGNOFF_STEP_LIMIT_S": "3"}) as scene:
        scene.world.valves["prometheus"].turn(Flow.SILENT, only=HISTORY)
        root = await triaged(scene, "checkout")
        report = await scene.reply(INCIDENTS, root["ts"], r"All well[\s\S]*Partial report")
        assert "The look was stopped after 3 s" in text_of(report)
        seen = text_of(await scene.reply(INCIDENTS, root["ts"], r"What I see\*"))
        assert "errors of checkout:" in seen
        assert "over time" not in seen
        record = await events(scene)
        # What had answered stands in the report, was asked once, and nothing counts as failed.
        kinds = Counter(event["kind"] for event in record)
        asked = Counter(event["data"]["evidence"] for event in record if "called" in event["kind"])
        assert set(asked.values()) == {1}
        more = re.search(r"and (\d+) more in the report", seen)
        assert len(asked) == seen.count("`E") + (0 if more is None else int(more[1]))
        assert kinds["task.failed"] == 0
        stopped = [e["kind"] for e in record if "STEP_TOO_LONG" in e["reasons"]]
        assert stopped == ["evidence.gathered", "report.written"]
        took = when(record, "evidence.gathered") - when(record, "task.created")
        assert 3 <= took.total_seconds() <= 7
        await require_sound(scene)


async def test_what_was_answered_before_a_crash_is_not_asked_again(tmp_path: Path) -> None:
    async with staged(tmp_path, quiet=True) as scene:
        valves = scene.world.valves
        valves["prometheus"].turn(Flow.SILENT, only=HISTORY)

        def asked() -> Counter[str]:
            names = ("shop", "prometheus", "alertmanager")
            return Counter(request for name in names for request in valves[name].requests)

        before = asked()
        root = await triaged(scene, "checkout")
        await scene.reply(INCIDENTS, root["ts"], "What I see so far")
        await still(tmp_path)
        answered = asked() - before
        scene.world.bot.kill()
        await scene.reply(INCIDENTS, root["ts"], "All well")
        assert scene.world.bot.restarts == 1
        again = asked() - before - answered
        assert again, "the question without an answer is asked again"
        assert [request for request in again if HISTORY not in request] == []
        assert all(times == 1 for request, times in answered.items() if HISTORY not in request)
        for event in await events(scene):
            if event["task_id"] is not None:
                assert event["parent"] is not None
                assert event["parent"] == event["trigger"]
                assert {event["agent"], event["environment"]} == {"incident", "staging"}
                assert event["correlation_id"] == event["task_id"]
            if event["kind"].startswith("tool."):
                assert event["policy_version"]
                assert event["agent_version"]


async def still(folder: Path) -> None:
    """Wait until the bot in a folder has kept some answers, and no more come."""
    count = 0
    while count == 0 or kept(folder) > count:
        count = kept(folder)
        await asyncio.sleep(0.7)


def kept(folder: Path) -> int:
    """Count the answers that the bot in a folder keeps."""
    with closing(sqlite3.connect(folder / "signoff.db")) as database:
        query = "SELECT count(*) FROM steps WHERE name LIKE 'answer:%'"
        return int(database.execute(query).fetchone()[0])


def when(record: list[Event], kind: str) -> datetime:
    """Return when the first event of a kind was written."""
    return datetime.fromisoformat(next(e["at"] for e in record if e["kind"] == kind))


async def test_a_system_that_refuses_the_action_is_told_and_nothing_was_done(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        version = found.fault.version
        # Between the look at the state and the call somebody removes the version to go back to.
        scene.world.valves["shop"].turn(Flow.FORBIDDING, only="POST")
        card = await card_of(scene, found)
        await scene.ben.click("Approve", INCIDENTS, card["ts"])
        told = await card_of(scene, found, rf"{found.rollback}[\s\S]*Nothing was done")
        assert "*Failed*" in text_of(told) or "*Not done*" in text_of(told)
        assert scene.world.shop.effects == ()
        deployed = scene.world.shop.fleet.deployed(found.fault.service, "staging")
        assert deployed.version == version


async def test_a_task_that_fails_again_and_again_calls_a_person_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        if await called_for_a_spoiled_task(folder):
            return
    pytest.fail("each freeze caught the bot in the middle of a write")


async def called_for_a_spoiled_task(folder: Path) -> bool:
    """Play the story; False where the evidence could not be spoiled."""
    sword = Sword(folder, "freeze:evidence.gathered")
    async with staged(folder, quiet=True, bot_env=sword.env) as scene:

        async def is_frozen() -> bool:
            return scene.world.bot.is_frozen

        sword.draw()
        await scene.ana.command(INCIDENTS, "/triage checkout staging")
        await eventually(is_frozen)
        is_spoiled = spoil(folder / "signoff.db")
        scene.world.bot.wake()
        if not is_spoiled:
            return False
        root = await scene.root(INCIDENTS, "Triage of checkout in staging")
        async with time_flies(scene):
            call = await scene.reply(INCIDENTS, root["ts"], "please take over")
        assert "<!subteam^S0ONCALL>" in text_of(call)
        assert "`/triage checkout staging` looks anew" in text_of(call)
        await scene.root(INCIDENTS, "Triage of checkout[\\s\\S]*Needs a person: Signoff could not")
        record = await events(scene)
        assert sum(event["kind"] == "task.failed" for event in record) == MAX_ATTEMPTS
        other = await triaged(scene, "checkout")
        await scene.reply(INCIDENTS, other["ts"], "All well")
        await require_sound(scene)
    return True


def spoil(path: Path) -> bool:
    """Turn what was gathered into what no version ever wrote.

    False where the frozen bot holds the database's lock.
    """
    try:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE steps SET result = 'what' WHERE name = 'evidence'")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


async def test_of_two_actions_the_one_that_was_done_can_be_undone_when_the_other_failed(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        scene.world.valves["alertmanager"].turn(Flow.FORBIDDING, only="POST")
        place = (INCIDENTS, found.root_ts)
        await sign_off(scene, scene.ben, place, found.rollback)
        silence = await card_of(scene, found, "Silence HighErrorRatio")
        await scene.ben.click("Approve", INCIDENTS, silence["ts"])
        failed = r"Silence HighErrorRatio[\s\S]*\*Failed\*[\s\S]*Nothing was done"
        await card_of(scene, found, failed)
        scene.world.forward(90)
        verdict = await card_of(scene, found, "Worked")
        await scene.root(INCIDENTS, r"HighErrorRatio[\s\S]*Not everything was done; see below")
        await scene.ben.click("Roll back", INCIDENTS, verdict["ts"])
        await card_of(scene, found, r"\*Rolled back\* by <@U0BEN>")
        assert len(scene.world.shop.effects) == 2
        await require_sound(scene)
