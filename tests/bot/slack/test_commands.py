"""Slash commands, over the real bot: each answer says what happened and what to do."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from playground.story import INCIDENTS, MARKETING, text_of
from playground.workspace.model import User
from tests.scenarios.stages import Scene, events, eventually, staged

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """One world in which nothing is broken."""
    async with staged(tmp_path_factory.mktemp("commands")) as found:
        yield found


async def answer(scene: Scene, line: str, pattern: str) -> str:
    """Run a command as Ana, and return the answer that only she sees."""
    await scene.ana.command(INCIDENTS, line)
    return text_of(await scene.told(scene.ana, pattern, INCIDENTS))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/triage", "Which service\\?"),
        ("/triage nosuch", "I don't know the service `nosuch`"),
        ("/triage <!channel>", "I don't know the service `&lt;!channel&gt;`"),
        ('/triage "unbalanced', "I don't know the service `\"unbalanced`"),
        ("/triage checkout", "Which environment\\?"),
        ("/triage checkout moon", "Which environment\\?"),
        ("/triage checkout staging now", "I don't understand `now`. Write `/triage checkout"),
    ],
)
async def test_a_triage_that_names_too_little_is_told_what_to_write(
    scene: Scene, line: str, words: str
) -> None:
    told = await answer(scene, line, words)
    assert "/triage" in told
    assert re.search("`checkout`|checkout (production|staging)", told)


async def test_a_healthy_service_is_all_well(scene: Scene) -> None:
    await scene.ana.command(INCIDENTS, "/triage catalog production")
    root = await scene.root(INCIDENTS, "Triage of catalog in production")
    found = await scene.reply(INCIDENTS, root["ts"], "All well")
    assert "Nothing is wrong" in text_of(found)
    assert "<@U0ANA>" in text_of(await scene.root(INCIDENTS, "Triage of catalog"))


async def test_a_second_look_stands_in_the_channel_not_in_a_thread_of_yesterday(
    scene: Scene,
) -> None:
    await scene.ana.command(INCIDENTS, "/triage search production")
    first = await scene.root(INCIDENTS, "Triage of search in production[\\s\\S]*Finished")
    await scene.ben.command(INCIDENTS, "/triage search production")
    again = await scene.root(INCIDENTS, "Triage of search in production", after=first["ts"])
    assert "<@U0BEN>" in text_of(again)


async def test_a_channel_without_the_bot_is_told_to_the_person_with_the_fix(scene: Scene) -> None:
    await scene.ana.command("C0PRIVATE", "/triage shipping production")

    async def told() -> list[str]:
        return [text_of(m) for m in await scene.ana.messages("D0ANA") if "C0PRIVATE" in text_of(m)]

    found = await eventually(told)
    assert found == ["I can't post in <#C0PRIVATE>: invite me there with `/invite @Signoff`."]
    scene.world.workspace.state.channels["C0PRIVATE"].members.add("U0SIGNOFF")
    await scene.root("C0PRIVATE", "Triage of shipping in production")
    assert len(await told()) == 1


@pytest.mark.parametrize("line", ["/signoff", "/signoff help"])
async def test_help_names_every_subcommand(scene: Scene, line: str) -> None:
    told = await answer(scene, line, "What you can ask")
    for name in ("status", "pause", "resume", "digest", "audit", "help"):
        assert f"/signoff {name}" in told


async def test_an_unknown_subcommand_is_named_and_help_follows(scene: Scene) -> None:
    told = await answer(scene, "/signoff explode `now`", "I don't know `explode`")
    assert "What you can ask" in told


async def test_status_says_what_works_and_what_waits(scene: Scene) -> None:
    told = await answer(scene, "/signoff status", r"\*Signoff works")
    assert "No proposal waits for a sign-off." in told
    assert "Shop (playground)" in told


async def test_anybody_pauses_and_only_an_operator_resumes(scene: Scene) -> None:
    await scene.mia.command(MARKETING, "/signoff pause I want to see it")
    await scene.told(scene.mia, "Signoff is paused", MARKETING)
    await scene.mia.command(MARKETING, "/signoff pause")
    await scene.told(scene.mia, "was paused already", MARKETING)
    assert "*Paused* by <@U0MIA>" in await answer(scene, "/signoff status", r"\*Paused\*")
    await scene.mia.command(MARKETING, "/signoff resume")
    await scene.told(scene.mia, "Only members of `operators`.* can resume", MARKETING)
    await answer(scene, "/signoff resume all is well", "Signoff goes on")
    await answer(scene, "/signoff resume", "was not paused")
    record = [event["kind"] for event in await events(scene)]
    assert record.count("signoff.paused") == record.count("signoff.resumed") == 1


async def test_a_guest_can_not_pause(scene: Scene) -> None:
    guest = scene.joined(User(id="U0GUEST", name="gus", real_name="Gus", is_restricted=True))
    await guest.command(MARKETING, "/signoff pause")
    await scene.told(guest, "Only full members can pause", MARKETING)


async def test_the_digest_is_posted_where_it_is_asked_for(scene: Scene) -> None:
    await scene.mia.command(MARKETING, "/signoff digest")
    found = await scene.root(MARKETING, "Campaigns, \\d{4}")
    assert "asked by <@U0MIA>" in text_of(found)


async def test_the_audit_of_a_task_tells_its_story(scene: Scene) -> None:
    assert "Which task?" in await answer(scene, "/signoff audit", "Which task")
    await answer(scene, "/signoff audit T-NOSUCH", "Which task")
    await scene.ana.command(INCIDENTS, "/triage web production")
    root = await scene.root(INCIDENTS, "Triage of web in production[\\s\\S]*Finished")
    found = re.search(r"T-[A-Z0-9]+", text_of(root))
    assert found is not None
    told = await answer(
        scene, f"/signoff audit {found[0].lower()}", f"What happened in.*{found[0]}"
    )
    assert "Gathered" in told
    assert "Report: healthy" in told


async def test_a_direct_message_is_answered_with_what_can_be_asked(scene: Scene) -> None:
    await scene.ben.say("D0BEN", "hello")

    async def told() -> list[str]:
        messages = await scene.ben.messages("D0BEN")
        return [text_of(m) for m in messages if "What you can ask" in text_of(m)]

    assert len(await eventually(told)) == 1


async def test_the_home_tab_says_what_waits_in_whole_sentences(scene: Scene) -> None:
    async def shown() -> str:
        home = await scene.ana.home()
        return text_of({"blocks": home["blocks"]}) if home else ""

    found = await eventually(shown)
    assert re.search(r"(0 tasks are|1 task is|\d+ tasks are) open; 0 proposals wait for", found)
    assert "/signoff status" in found
