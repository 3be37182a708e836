"""Pause, freeze and mode by command: who may, what is told to whom, once each, and nothing lost."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.services import Place, Service
from bot.config import Anchor
from bot.store.controls import pause
from bot.store.freezes import Place as ModePlace
from bot.store.freezes import order_mode
from bot.store.notices import Order
from bot.store.tables import controls, inbox, outbox
from playground.workspace.model import User
from policies.model import Mode
from tests.bot.slack.deskside import ANCHOR, Deskside, deskside
from tests.bot.slack.slackside import CHANNEL
from tests.bot.world import SECRET
from tools.base import AnyConnector
from tools.catalogue import Catalogue, connector_types, placeholder
from tools.policy import Policy

SERVICES = {
    "checkout": Service(
        environments={name: Place(channel=CHANNEL) for name in ("staging", "production")}
    )
}
STRANGERS = {
    "guest": User(id="U0GUEST", name="gus", real_name="Gus", is_restricted=True),
    "bot": User(id="U0ROBOT", name="robot", real_name="Robot", is_bot=True),
    "deactivated": User(id="U0GONE", name="gone", real_name="Gone", is_deleted=True),
}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Deskside]:
    async with deskside(tmp_path, services=SERVICES, modes={"staging": Mode.AUTO}) as found:
        yield found


def with_every_agent(here: Deskside) -> None:
    """Connect every system there is, as far as its tools are asked for."""
    kinds: tuple[type[AnyConnector], ...] = (*connector_types(), Policy)
    clock = here.store.context.clock
    every = Catalogue([placeholder(kind, clock) for kind in kinds])
    here.desk = replace(here.desk, catalogue=every)


async def said(here: Deskside, user: str, line: str) -> str:
    (answer,) = await here.says(user, line)
    return answer


async def test_a_pause_is_told_in_the_anchor_channel_with_its_reason(here: Deskside) -> None:
    assert "Signoff is paused" in await said(here, "U0MIA", "/signoff pause the shop looks odd")
    again = await said(here, "U0BEN", "/signoff pause")
    assert "paused already" in again
    assert "by <@U0MIA> at 20 Nov 10:00 UTC: the shop looks odd" in again
    assert "*Paused* by <@U0MIA>" in await said(here, "U0BEN", "/signoff status")
    assert "goes on" in await said(here, "U0ANA", "/signoff resume all is well")
    assert "was not paused" in await said(here, "U0ANA", "/signoff resume")
    assert await here.told() == [
        "<@U0MIA> paused Signoff: the shop looks odd.",
        "<@U0ANA> resumed Signoff: all is well.",
    ]


@pytest.mark.parametrize("kind", ["guest", "bot", "deactivated", "foreigner", "nobody"])
async def test_who_is_no_full_member_stops_nothing_and_is_recorded(
    here: Deskside, kind: str
) -> None:
    task = await here.store.task()
    user, team = "U0NOBODY", "T0PLAY"
    if kind == "foreigner":
        user, team = "U0BEN", "T0OTHER"
    elif kind in STRANGERS:
        user = STRANGERS[kind].id
        here.side.workspace.state.users[user] = STRANGERS[kind]
    lines = ("/signoff pause now", f"/signoff freeze {task.id} now")
    for line in lines:
        (answer,) = await here.says(user, line, team=team)
        assert "Only " in answer
    assert await here.store.rows(controls) == []
    refused = await here.store.events("command.refused")
    assert [event["data"]["command"] for event in refused] == ["/signoff pause", "/signoff freeze"]
    assert {event["actor"]["id"] for event in refused} == {f"{team}/{user}"}
    assert await here.told() == []


@pytest.mark.parametrize(
    "line",
    [
        "resume now",
        "unfreeze T-ABCDEFGH now",
        "unfreeze campaign x",
        "mode incident staging approve why",
    ],
)
async def test_who_is_no_operator_lets_nothing_go_on_and_is_recorded(
    here: Deskside, line: str
) -> None:
    context = here.store.context
    await here.store.database.write(
        lambda connection: pause(connection, context, "default", "T0PLAY/U0MIA", "")
    )
    answer = await said(here, "U0BEN", f"/signoff {line}")
    assert "Only members of `operators` (<!subteam^S0OPERATORS>) can" in answer
    assert "NOT_IN_GROUP" in answer
    assert len(await here.store.rows(controls)) == 1
    (refused,) = await here.store.events("command.refused")
    assert refused["reasons"] == ["NOT_IN_GROUP"]


@pytest.mark.parametrize("anchor", [None, Anchor(channel=ANCHOR)])
async def test_where_a_reason_is_read_is_said_as_it_is(
    tmp_path: Path, anchor: Anchor | None
) -> None:
    async with deskside(tmp_path, anchor=anchor) as here:
        task = await here.store.task()
        asked = await said(here, "U0MIA", f"/signoff freeze {task.id}")
        unknown = await said(here, "U0MIA", "/signoff freeze campaign Winter boots")
    for answer in (asked, unknown):
        assert "the reason goes on record" in answer
        assert (f"and is told in <#{ANCHOR}>." in answer) is (anchor is not None)


async def test_a_task_is_frozen_with_a_reason_and_lifted_by_an_operator(here: Deskside) -> None:
    task = await here.store.task()
    mistyped = task.id[:-1] + ("1" if task.id.endswith("0") else "0")
    wrong = await said(here, "U0MIA", f"/signoff freeze {mistyped} why")
    assert f"did you mean `{task.id}`?" in wrong
    assert "Why?" in await said(here, "U0MIA", f"/signoff freeze {task.id}")
    assert "What shall be frozen?" in await said(here, "U0MIA", "/signoff freeze")
    assert await here.store.rows(controls) == []
    frozen = await said(here, "U0MIA", f"/signoff freeze `{task.id.lower()}` let me look")
    assert f"The task `{task.id}` is frozen" in frozen
    again = await said(here, "U0BEN", f"/signoff freeze {task.id} me too")
    assert "frozen already" in again
    assert "by <@U0MIA> at 20 Nov 10:00 UTC: let me look" in again
    status = await said(here, "U0BEN", "/signoff status")
    assert f"task `{task.id}`, by <@U0MIA> at 20 Nov 10:00 UTC: let me look" in status
    assert "goes on" in await said(here, "U0ANA", f"/signoff unfreeze {task.id} looked")
    assert "was not frozen" in await said(here, "U0ANA", f"/signoff unfreeze {task.id}")


@pytest.mark.parametrize(
    "name", ["Winter boots", "winter BOOTS", '"Winter boots"', "“Winter boots”"]
)
async def test_a_campaign_is_frozen_by_its_name_as_people_write_it(
    here: Deskside, name: str
) -> None:
    answer = await said(here, "U0MIA", f"/signoff freeze campaign {name} the page isn't there")
    assert "The campaign `Winter boots` is frozen" in answer
    (row,) = await here.store.rows(controls)
    assert row.name.startswith("freeze:campaign:adplatform/cmp-")
    assert (row.value, row.reason) == ("Winter boots", "the page isn't there")
    lifted = await said(here, "U0ANA", f"/signoff unfreeze campaign {name} looked")
    assert "Lifted: campaign `Winter boots`" in lifted
    assert await here.store.rows(controls) == []


async def test_a_freeze_that_is_lifted_during_a_pause_does_not_say_that_anything_is_done(
    here: Deskside,
) -> None:
    task = await here.store.task()
    await said(here, "U0MIA", f"/signoff freeze {task.id} look first")
    await said(here, "U0MIA", "/signoff freeze campaign Winter boots look first")
    await said(here, "U0MIA", "/signoff pause")
    for what in (task.id, '"Winter boots"'):
        kind = "" if what == task.id else "campaign "
        answer = await said(here, "U0ANA", f"/signoff unfreeze {kind}{what} looked")
        assert "The freeze is lifted; Signoff is still paused, so nothing is done" in answer
        assert "done now" not in answer
    assert [row.name for row in await here.store.rows(controls)] == ["pause"]


@pytest.mark.parametrize("line", ["status", "audit {task}"])
@pytest.mark.parametrize("kind", ["guest", "bot", "deactivated", "foreigner"])
async def test_who_is_no_full_member_reads_nothing_and_is_recorded(
    here: Deskside, kind: str, line: str
) -> None:
    task = await here.store.task()
    user, team = "U0BEN", "T0OTHER"
    if kind in STRANGERS:
        user, team = STRANGERS[kind].id, "T0PLAY"
        here.side.workspace.state.users[user] = STRANGERS[kind]
    (answer,) = await here.says(user, f"/signoff {line.format(task=task.id)}", team=team)
    assert "Only " in answer
    assert task.id not in answer
    (refused,) = await here.store.events("command.refused")
    assert refused["data"]["command"] == f"/signoff {line.split(maxsplit=1)[0]}"
    assert refused["actor"]["id"] == f"{team}/{user}"


async def test_a_campaign_that_nobody_knows_is_not_frozen_by_mistake(here: Deskside) -> None:
    answer = await said(here, "U0MIA", "/signoff freeze campaign Wintr boots it is odd")
    assert "I know no campaign" in answer
    assert "did you mean `Winter boots`?" in answer
    assert "Why?" in await said(here, "U0MIA", "/signoff freeze campaign Winter boots")
    assert "none is" in await said(here, "U0ANA", "/signoff unfreeze campaign Winter boots")
    assert await here.store.rows(controls) == []


@pytest.mark.parametrize("name", ["'Summer sale'", '"Summer sale" don\'t run it:'])
async def test_a_name_that_can_not_be_looked_up_is_frozen_as_it_is_typed(
    here: Deskside, name: str
) -> None:
    context = here.store.context
    await here.store.database.write(
        lambda connection: pause(connection, context, "default", "T0PLAY/U0MIA", "")
    )
    answer = await said(here, "U0MIA", f"/signoff freeze campaign {name} it is odd")
    assert "The campaign `Summer sale` is frozen" in answer
    assert "check its spelling" in answer


@pytest.mark.parametrize(
    "words",
    [
        "Winter boots wrong headline",
        "Winter",
        "`Winter boots` wrong headline",
        '"Winter boots wrong headline',
    ],
)
async def test_a_name_of_which_nobody_knows_where_it_ends_freezes_nothing(
    here: Deskside, words: str
) -> None:
    context = here.store.context
    await here.store.database.write(
        lambda connection: pause(connection, context, "default", "T0PLAY/U0MIA", "")
    )
    answer = await said(here, "U0MIA", f"/signoff freeze campaign {words}")
    wanted = "Why? Write" if " " not in words else "I don't know where the name ends."
    assert wanted in answer
    assert "The campaign" not in answer
    assert [row.name for row in await here.store.rows(controls)] == ["pause"]


async def test_a_name_in_quotes_is_no_longer_name(here: Deskside) -> None:
    answer = await said(here, "U0MIA", '/signoff freeze campaign "Winter" boots are wrong')
    assert "I know no campaign" in answer
    assert await here.store.rows(controls) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("incdent staging auto why", "AGENT: there is no `incdent`"),
        ("campaign moon auto why", "ENVIRONMENT: there is no `moon`"),
        ("campaign ads automatic why", "MODE: there is no `automatic`; did you mean `auto`?"),
        ("policy staging observe why", "`policy` never acts in `staging`, only in `signoff`."),
        ("campaign production auto why", "`campaign` never acts in `production`, only in `ads`."),
        (
            "incident ads auto why",
            "never acts in `ads`, only in `production`, `staging`, `unknown`",
        ),
        ("incident unknwon auto why", "there is no `unknwon`; did you mean `unknown`?"),
        ("campaign ads auto", "REASON is missing"),
        ("campaign ads", "MODE is missing"),
        ("campaign", "ENVIRONMENT is missing"),
    ],
)
async def test_a_mode_that_can_not_be_is_refused_by_its_field(
    here: Deskside, words: str, told: str
) -> None:
    with_every_agent(here)
    answer = await said(here, "U0ANA", f"/signoff mode {words}")
    assert told in answer
    assert "AGENT ENVIRONMENT observe|approve|auto REASON" in answer
    assert await here.store.rows(controls) == []


async def test_a_mode_is_shown_with_where_it_comes_from(here: Deskside) -> None:
    with_every_agent(here)
    table = await said(here, "U0MIA", "/signoff mode")
    assert "`incident` in `staging`: auto, `modes` of `signoff.yaml`" in table
    assert "`campaign` in `ads`: approve, `mode` of `signoff.yaml`" in table
    loosened = await said(here, "U0ANA", "/signoff mode incident production auto a quiet night")
    assert ":warning: *This is production.*" in loosened
    assert "without anybody's sign-off" in loosened
    table = await said(here, "U0MIA", "/signoff mode")
    line = "`incident` in `production`: *auto*, by <@U0ANA> at 20 Nov 10:00 UTC: a quiet night"
    assert line in table
    assert line in await said(here, "U0MIA", "/signoff status")
    again = await said(here, "U0ANA", "/signoff mode incident production auto again")
    assert "already" in again
    assert "<@U0ANA>" in again
    await said(here, "U0ANA", "/signoff mode incident production approve morning")
    assert await here.store.rows(controls) == []
    (first, second) = await here.told()
    assert "from approve to auto, so what a rule allows alone is done" in first
    assert second.endswith("from auto to approve: morning.")


@pytest.mark.parametrize("place", ["incident unknown", "policy signoff", "campaign ads"])
async def test_every_place_at_which_an_agent_acts_has_a_mode_and_no_other_is_shown(
    here: Deskside, place: str
) -> None:
    with_every_agent(here)
    agent, environment = place.split()
    told = await said(here, "U0ANA", f"/signoff mode {place} observe let us watch")
    assert f"`{agent}` in `{environment}`: the mode is `observe`" in told
    lines = (await said(here, "U0MIA", "/signoff mode")).splitlines()
    assert {line[2:].split(":")[0] for line in lines if line.startswith("• ")} == {
        "`campaign` in `ads`",
        "`incident` in `production`",
        "`incident` in `staging`",
        "`incident` in `unknown`",
        "`policy` in `signoff`",
    }


async def test_a_mode_of_a_place_that_is_gone_is_shown_and_taken_back(here: Deskside) -> None:
    context = here.store.context
    order = Order(person="T0PLAY/U0ANA", reason="then", anchor=None)
    gone = ModePlace(agent="policy", environment="staging")
    modes = here.desk.config.file_modes
    await here.store.database.write(
        lambda connection: order_mode(connection, context, order, gone, (Mode.OBSERVE, modes))
    )
    with_every_agent(here)
    assert "`policy` in `staging`: *observe*" in await said(here, "U0MIA", "/signoff mode")
    await said(here, "U0ANA", "/signoff mode policy staging auto as the file says")
    assert await here.store.rows(controls) == []


async def test_a_hostile_reason_is_shown_and_does_nothing(here: Deskside) -> None:
    task = await here.store.task()
    reason = f"<!channel> <https://evil.example|click> &amp; *bold* `{SECRET}`"
    await said(here, "U0MIA", f"/signoff freeze {task.id} {reason}")
    shown = [*await here.told(), await said(here, "U0BEN", "/signoff status")]
    for text in shown:
        assert "&lt;!channel&gt;" in text
        assert "<!channel>" not in text
        assert "<https" not in text
        assert SECRET not in text
    assert len(shown) == 2


async def test_a_command_delivered_twice_acts_once(here: Deskside) -> None:
    task = await here.store.task()
    answers = await here.says("U0MIA", f"/signoff freeze {task.id} why", times=3)
    assert len(answers) == 1
    assert len(await here.store.events("task.frozen")) == 1
    assert len(await here.told()) == 1


async def test_a_kill_after_the_commit_loses_no_word(here: Deskside) -> None:
    task = await here.store.task()
    # Nothing was sent yet; the answer and the notice were committed with the freeze itself.
    await said(here, "U0MIA", f"/signoff freeze {task.id} why")
    assert [row.due_at for row in await here.store.rows(inbox)] == [None]
    kinds = [row.kind for row in await here.store.rows(outbox)]
    assert sorted(kinds) == ["ephemeral", "notice"]
    assert await here.told() == [f"<@U0MIA> froze the task {task.id}: why."]


async def test_an_old_command_lifts_no_newer_freeze_of_somebody_else(here: Deskside) -> None:
    task = await here.store.task()
    lines = (f"unfreeze {task.id}", "unfreeze campaign Winter boots", "resume")
    waiting = [await here.waits("U0ANA", f"/signoff {line}") for line in lines]
    here.store.clock.forward(1)
    await said(here, "U0BEN", f"/signoff freeze {task.id} look first")
    await said(here, "U0MIA", "/signoff freeze campaign Winter boots look first")
    await said(here, "U0BEN", "/signoff pause look first")
    for letter in waiting:
        (answer,) = await here.answered(letter)
        assert "Nothing goes on: this was stopped after you wrote." in answer
    assert len(await here.store.rows(controls)) == 3
    refused = await here.store.events("command.refused")
    assert [event["reasons"] for event in refused] == [["STOPPED_SINCE"]] * 3


async def test_a_clock_that_was_set_back_locks_nobody_out(here: Deskside) -> None:
    await said(here, "U0BEN", "/signoff pause")
    here.store.clock.forward(-3600)
    assert "goes on" in await said(here, "U0ANA", "/signoff resume looked")


async def test_what_lets_go_on_takes_a_reason(here: Deskside) -> None:
    task = await here.store.task()
    await said(here, "U0MIA", f"/signoff freeze {task.id} look first")
    await said(here, "U0MIA", "/signoff freeze campaign Winter boots look first")
    await said(here, "U0MIA", "/signoff pause")
    lines = (
        f"unfreeze {task.id} REASON",
        'unfreeze campaign "Winter boots" REASON',
        "resume REASON",
    )
    for line in lines:
        told = await said(here, "U0ANA", f"/signoff {line.removesuffix(' REASON')}")
        assert told.startswith("It stays ")
        assert f"Why? Write `/signoff {line}`: the reason goes on record" in told
    assert len(await here.store.rows(controls)) == 3
    for line in lines:
        await said(here, "U0ANA", f"/signoff {line.replace('REASON', 'I looked')}")
    assert await here.store.rows(controls) == []
