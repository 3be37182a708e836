"""`kill -9` of the bot at every point of the story: it is started again, and the story goes on."""

import contextlib
from difflib import unified_diff
from pathlib import Path

import pytest

from playground.story import INCIDENTS, MARKETING, Stage, text_of
from playground.valve import Flow
from playground.workspace.client import PersonError
from tests.scenarios.plays import (
    Ending,
    Sword,
    activate,
    create,
    ending,
    incident,
    plan_campaign,
    quiet_ending,
    undo,
)
from tests.scenarios.stages import (
    break_something,
    card_of,
    events,
    eventually,
    happens,
    is_said,
    keys_posted,
    require_sound,
    staged,
)
from tests.scenarios.test_unknown_effects import unclear

# Passed once in an incident, whatever follows.
LOOKING = (
    "alert.accepted",
    "task.accepted",
    "answer.kept",
    "evidence.gathered",
    "report.written",
    "post.begun",
    "posted.task",
    "posted.evidence",
    "posted.report",
    "posted.proposal",
    "post.noted",
    "post.changed",
    "thread.rendered",
    "effect.measured",
    "verdict.written",
    "followed.up",
    "posted.verdict",
    "proposals.advanced",
)
# Passed again by each click and what it leads to.
ACTING = (
    "action.stored",
    "click.acknowledged",
    "vote.stored",
    "action.worked",
    "state.observed",
    "signoff.checked",
    "baseline.measured",
    "intent.written",
    "effect.done",
    "outcome.written",
)
# What undoing passes.
UNDOING = ("vote.stored", "action.worked", "intent.written", "effect.done", "outcome.written")
FORMS = ("command.stored", "command.worked", "view.stored", "click.acknowledged", "view.worked")
CREATING = ("vote.stored", "intent.written", "effect.done", "outcome.written", "followed.up")
UNSURE = frozenset({"intent.written", "effect.done"})


class Uninterrupted:
    """How the same stories end when nobody kills the bot; each is played once with each seed."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._known: dict[tuple[str, int], Ending] = {}

    async def ending(self, story: str, seed: int) -> Ending:
        """Return how `worked`, `undone` or `active` ends."""
        if (story, seed) not in self._known:
            async with staged(self._factory.mktemp("uninterrupted"), seed=seed) as stage:
                if story == "active":
                    await self._campaign(stage, seed)
                else:
                    await self._incident(stage, seed)
        return self._known[story, seed]

    async def _incident(self, stage: Stage, seed: int) -> None:
        found = await incident(stage)
        self._known["worked", seed] = await quiet_ending(stage, INCIDENTS, found.root_ts)
        await undo(stage, found)
        self._known["undone", seed] = await quiet_ending(stage, INCIDENTS, found.root_ts)

    async def _campaign(self, stage: Stage, seed: int) -> None:
        root_ts = await plan_campaign(stage)
        await create(stage, root_ts)
        await activate(stage, root_ts)
        self._known["active", seed] = await quiet_ending(stage, MARKETING, root_ts)


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    """The stories to compare with."""
    return Uninterrupted(tmp_path_factory)


@pytest.mark.parametrize("point", [*LOOKING, *ACTING])
async def test_an_incident_goes_on_after_a_kill(
    point: str, killing_seed: int, tmp_path: Path, uninterrupted: Uninterrupted
) -> None:
    sword = Sword(tmp_path, point)
    async with staged(tmp_path, bot_env=sword.env, seed=killing_seed) as stage:
        sword.draw()
        found = await incident(stage)
        await require_restarts(stage, 1)
        wanted = await uninterrupted.ending("worked", killing_seed)
        await require_ending(stage, (INCIDENTS, found.root_ts), wanted)
        assert rollbacks(stage) == [found.fault.previous_version]
        await require_told(stage, point, "forward")


@pytest.mark.parametrize("point", UNDOING)
async def test_a_rollback_of_the_rollback_goes_on_after_a_kill(
    point: str, killing_seed: int, tmp_path: Path, uninterrupted: Uninterrupted
) -> None:
    sword = Sword(tmp_path, point)
    async with staged(tmp_path, bot_env=sword.env, seed=killing_seed) as stage:
        found = await incident(stage)
        sword.draw()
        await undo(stage, found)
        await require_restarts(stage, 1)
        wanted = await uninterrupted.ending("undone", killing_seed)
        await require_ending(stage, (INCIDENTS, found.root_ts), wanted)
        assert rollbacks(stage) == [found.fault.previous_version, found.fault.version]
        await require_told(stage, point, "inverse")


@pytest.mark.parametrize("point", CREATING)
async def test_a_campaign_goes_on_after_a_kill_at_each_of_its_steps(
    point: str, killing_seed: int, tmp_path: Path, uninterrupted: Uninterrupted
) -> None:
    sword = Sword(tmp_path, point)
    async with staged(tmp_path, bot_env=sword.env, seed=killing_seed) as stage:
        root_ts = await plan_campaign(stage)
        sword.draw()
        await create(stage, root_ts)
        await require_restarts(stage, 1)
        assert changes(stage) == ["campaign.create"]
        sword.draw()
        await activate(stage, root_ts)
        await require_restarts(stage, 2)
        assert changes(stage) == ["campaign.create", "campaign.status"]
        place = (MARKETING, root_ts)
        await require_ending(stage, place, await uninterrupted.ending("active", killing_seed))
        await require_told(stage, point, "forward")


@pytest.mark.parametrize("point", FORMS)
async def test_a_brief_sent_around_a_kill_becomes_one_plan(
    point: str, killing_seed: int, tmp_path: Path
) -> None:
    sword = Sword(tmp_path, point)
    async with staged(tmp_path, bot_env=sword.env, seed=killing_seed) as stage:
        sword.draw()
        root_ts = await plan_campaign(stage)
        await require_restarts(stage, 1)
        await stage.reply(MARKETING, root_ts, "Create the campaign")
        created = [event for event in await events(stage) if event["kind"] == "task.created"]
        assert len(created) == 1
        await require_sound(stage)


@pytest.mark.parametrize("point", ["people.called", "posted.reminded"])
async def test_people_are_reminded_once_around_a_kill(
    point: str, killing_seed: int, tmp_path: Path
) -> None:
    sword = Sword(tmp_path, point)
    async with staged(tmp_path, bot_env=sword.env, seed=killing_seed) as stage:
        found = await break_something(stage)
        sword.draw()
        stage.world.forward(905)
        await require_restarts(stage, 1)
        for title in (f"Roll back `{found.fault.service}`", "Silence `HighErrorRatio`"):
            await card_of(stage, found, rf"Still waiting for a sign-off\*: {title}")
        reminded = [e for e in await events(stage) if e["kind"] == "proposal.reminded"]
        assert len({event["proposal_id"] for event in reminded}) == len(reminded) == 2
        keys = keys_posted(stage)
        assert len(keys) == len(set(keys))
        await require_sound(stage)


async def test_a_hold_counts_once_around_a_kill(killing_seed: int, tmp_path: Path) -> None:
    sword = Sword(tmp_path, "switch.stored")
    async with staged(tmp_path, bot_env=sword.env, seed=killing_seed) as stage:
        found = await break_something(stage)
        listed = await stage.reply(INCIDENTS, found.root_ts, "Campaigns that lead here")
        sword.draw()
        with contextlib.suppress(PersonError):
            await stage.mia.click("Hold", INCIDENTS, listed["ts"])
        await require_restarts(stage, 1)
        await stage.told(stage.mia, "Held: `Winter boots`", INCIDENTS)
        await stage.reply(INCIDENTS, found.root_ts, r"`Winter boots`[\s\S]*\*held\* by <@U0MIA>")
        root = await stage.root(INCIDENTS, "Pause campaign Winter boots")
        await stage.reply(INCIDENTS, root["ts"], "Pause the campaign")
        kinds = [event["kind"] for event in await events(stage)]
        assert kinds.count("campaign.frozen") == text_of(listed).count("\n•")
        pauses = [m for m in await stage.ana.messages(INCIDENTS) if "Pause campaign" in m["text"]]
        assert len(pauses) == 1
        await require_sound(stage)


async def test_a_digest_whose_slot_was_taken_just_before_a_kill_comes_once(
    killing_seed: int, tmp_path: Path
) -> None:
    sword = Sword(tmp_path, "slot.taken")
    async with staged(tmp_path, bot_env=sword.env, seed=killing_seed) as stage:
        sword.draw()
        stage.world.forward(7 * 24 * 3600)
        root = await stage.root(MARKETING, "Campaigns, \\d{4}")
        await require_restarts(stage, 1)
        digests = [e for e in await events(stage) if e["kind"] == "digest.scheduled"]
        assert len(digests) == 1
        assert root["ts"]
        await require_sound(stage)


async def test_a_persons_word_about_an_unknown_effect_counts_once_around_a_kill(
    tmp_path: Path,
) -> None:
    sword = Sword(tmp_path, "unknown.settled")
    async with unclear(tmp_path, Flow.LOSING, sword.env) as (stage, found, question):
        sword.draw()
        await stage.ben.click("It happened", INCIDENTS, question["ts"])
        await require_restarts(stage, 1)
        await card_of(stage, found, r"Settled\.\* <@U0BEN> looked: it happened")
        stage.world.valves["shop"].open()
        stage.world.forward(90)
        await card_of(stage, found, "Worked")
        said = [e for e in await events(stage) if "PERSON_SAYS_DONE" in e["reasons"]]
        assert [event["kind"] for event in said].count("outcome.written") == 1
        assert rollbacks(stage) == [found.fault.previous_version]
        await require_sound(stage)


@pytest.mark.parametrize("point", ["event.stored", "event.worked"])
async def test_a_home_that_was_opened_around_a_kill_is_shown_all_the_same(
    point: str, killing_seed: int, tmp_path: Path
) -> None:
    sword = Sword(tmp_path, point)
    async with staged(tmp_path, bot_env=sword.env, seed=killing_seed, quiet=True) as stage:
        sword.draw()
        with contextlib.suppress(PersonError):
            await stage.ana.home()
        await require_restarts(stage, 1)

        async def is_shown() -> bool:
            return (await stage.ana.state())["home"] is not None

        await eventually(is_shown)
        await require_sound(stage)


def rollbacks(stage: Stage) -> list[str]:
    """Return the versions that the shop rolled to, by its own record of deploys and of effects."""
    deploys = [deploy.version for deploy in stage.world.shop.fleet.deploys]
    effects = [str(effect.body["version"]) for effect in stage.world.shop.effects]
    assert deploys[len(deploys) - len(effects) :] == effects, "a deploy that nobody asked for"
    kinds = [deploy.kind for deploy in stage.world.shop.fleet.deploys]
    assert kinds.count("rollback") == len(effects)
    return effects


def changes(stage: Stage) -> list[str]:
    """Return what the ad platform did, by its own record."""
    return [effect.what for effect in stage.world.ads.effects]


async def require_ending(stage: Stage, place: tuple[str, str], wanted: Ending) -> None:
    """Wait until a thread ends as the uninterrupted one did, with as many messages."""

    async def is_same() -> bool:
        return await ending(stage, *place) == wanted

    if not await happens(is_same, 10.0):
        seen = await ending(stage, *place)
        before, after = ("\n".join(found.texts).splitlines() for found in (wanted, seen))
        pytest.fail("\n".join(unified_diff(before, after, "uninterrupted", "killed", n=0)))


async def require_told(stage: Stage, point: str, direction: str) -> None:
    """Check the record: sound, and where the outcome was unknown, told and resolved by its key."""
    await require_sound(stage)
    record = await events(stage)
    unknown = [event for event in record if event["kind"] == "effect.unknown"]
    if point not in UNSURE:
        assert unknown == []
        return
    # Once before each restart, and in the thread that belongs to it.
    assert len(unknown) == stage.world.bot.restarts
    words = r"Rolling back\*, asked by <@U0BEN>. " if direction == "inverse" else ""
    assert is_said(stage, words + r"\*Unknown whether it happened")
    after = record[unknown[-1]["seq"] :]
    key = f"signoff-{unknown[-1]['proposal_id']}-{direction}"
    kinds = [event["kind"] for event in after]
    again = [event["data"]["key"] for event in after if event["kind"] == "intent.written"]
    if point == "effect.done":
        assert kinds.count("effect.reconciled") == 1
        assert again == []
    else:
        assert again == [key]


async def require_restarts(stage: Stage, wanted: int) -> None:
    """Wait until the bot was started again; never more often than it was killed."""

    async def is_back() -> bool:
        return stage.world.bot.restarts >= wanted and bool(stage.world.workspace.sockets)

    await eventually(is_back)
    assert stage.world.bot.restarts == wanted
