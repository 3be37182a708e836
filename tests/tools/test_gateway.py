"""The gateway: reading through it, and turning a draft into a proposal."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from policies.audit import EventKind
from policies.engine import RuleKind, When
from policies.limits import Counters
from policies.loader import sealed
from policies.model import Actor, ActorKind, EffectKind, Mode, Severity, Tier
from tests.fakes.door import OWN_SECRET, FakeDoor, asks_oncall
from tests.fakes.system import NEVER_S, Fault
from tests.fakes.values import MIA, caller, rule
from tests.playground.shop.world import NOON
from tests.tools.world import shopping
from tools.base import Evidence, Refused, ToolError, Unavailable
from tools.catalogue import UnknownTool
from tools.gateway import EXCERPT_LIMIT, Gateway
from tools.ports import Draft, Halted

LAMP = {"name": "lamp"}
SWITCH = Draft(
    key="switch",
    tool="fake_set",
    parameters={"name": "lamp", "before": "old", "to": "new"},
    environment="staging",
)


@pytest.fixture
def door() -> FakeDoor:
    return FakeDoor()


async def read(door: FakeDoor, **params: str | int) -> Evidence:
    return await door.gateway.read("E1", "the lamp", "fake_read", params or LAMP, caller())


async def test_a_reading_becomes_evidence_and_one_event(door: FakeDoor) -> None:
    found = await read(door)
    assert (found.id, found.label, found.source, found.tool) == (
        "E1",
        "the lamp",
        "fake",
        "fake_read",
    )
    assert (found.fault, found.data, found.taken_at) == (None, {"value": "old"}, NOON)
    (event,) = door.journal.events
    assert (event.kind, event.tools, event.systems) == (
        EventKind.TOOL_CALLED,
        ("fake_read",),
        ("fake",),
    )
    assert (event.task_id, event.environment, event.actor.id) == ("T-1", "staging", "incident")
    assert (event.decision, event.reasons) == ("auto", ("READ_TIER",))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Unavailable("answered 503"), "answered 503"),
        (Refused("answered 404: no such lamp", 404), "no such lamp"),
        (NEVER_S, "no answer within 0.3 s"),
        (KeyError("version"), "not what `fake_read` expects"),
        (TypeError("'NoneType' object is not subscriptable"), "not what `fake_read` expects"),
        (ValueError("could not convert string to float"), "not what `fake_read` expects"),
    ],
)
async def test_a_source_that_fails_gives_evidence_with_a_fault(
    door: FakeDoor, fault: Fault, words: str
) -> None:
    door.system.faults["read"] = fault
    found = await read(door)
    assert found.fault is not None
    assert words in found.fault
    assert (found.data, found.rows, found.excerpt) == ({}, (), "")
    (event,) = door.journal.events
    assert event.kind is EventKind.TOOL_FAILED
    assert words in event.texts["fault"]


async def test_arguments_that_do_not_validate_never_reach_the_system(door: FakeDoor) -> None:
    for params in ({"name": ""}, {"nam": "lamp"}, {"name": "x" * 21}):
        found = await door.gateway.read("E1", "the lamp", "fake_read", params, caller())
        assert found.fault is not None
        assert "`fake_read` can't take" in found.fault
    assert door.trail == []


async def test_while_paused_nothing_is_read(door: FakeDoor) -> None:
    door.controls.paused = True
    with pytest.raises(Halted):
        await read(door)
    assert (door.trail, door.journal.events) == ([], [])


async def test_a_pause_needs_no_rule(door: FakeDoor) -> None:
    door.rules = sealed([])
    door.controls.paused = True
    with pytest.raises(Halted):
        await read(door)


async def test_a_rule_that_denies_a_reading_keeps_it_from_being_made(door: FakeDoor) -> None:
    deny = rule("no-lamps", RuleKind.DENY, When(tool=("fake_read",)), reason="PRIVATE")
    door.rules = sealed([deny])
    found = await read(door)
    assert found.fault == "policy says no (PRIVATE)"
    assert door.trail == []
    (event,) = door.journal.events
    assert (event.kind, event.decision, event.reasons) == (
        EventKind.TOOL_DENIED,
        "deny",
        ("PRIVATE",),
    )


async def test_an_agent_reads_only_with_its_own_tools(door: FakeDoor) -> None:
    found = await door.gateway.read("E1", "the lamp", "fake_read", LAMP, caller("campaign"))
    assert found.fault == "policy says no (TOOL_NOT_FOR_AGENT)"
    assert door.trail == []
    (event,) = door.journal.events
    assert (event.kind, event.reasons) == (EventKind.TOOL_DENIED, ("TOOL_NOT_FOR_AGENT",))


@pytest.mark.parametrize("tool", ["fake_set", "fake_nothing", ""])
async def test_only_a_reading_tool_can_be_read(door: FakeDoor, tool: str) -> None:
    with pytest.raises(UnknownTool):
        await door.gateway.read("E1", "x", tool, LAMP, caller())
    assert door.trail == []


async def test_no_secret_passes_into_evidence_or_events(door: FakeDoor) -> None:
    door.system.excerpt = f"token {OWN_SECRET} and Bearer abcdefgh12345"
    door.system.value = f"v {OWN_SECRET}"
    found = await read(door)
    whole = found.model_dump_json() + "".join(e.model_dump_json() for e in door.journal.events)
    assert OWN_SECRET not in whole
    assert "abcdefgh12345" not in whole
    assert found.data["value"] == "v [redacted]"
    assert found.rows[0]["value"] == "v [redacted]"


async def test_no_secret_passes_through_an_error_or_a_query(door: FakeDoor) -> None:
    door.system.faults["read"] = Unavailable(f"could not log in with {OWN_SECRET}")
    found = await door.gateway.read("E1", "x", "fake_read", {"name": OWN_SECRET[:20]}, caller())
    refused = await door.gateway.read("E1", "x", "fake_read", {"other": OWN_SECRET}, caller())
    whole = found.model_dump_json() + refused.model_dump_json()
    assert OWN_SECRET not in whole + "".join(e.model_dump_json() for e in door.journal.events)


async def test_a_secret_at_the_cut_leaves_no_half(door: FakeDoor) -> None:
    door.system.excerpt = "x" * (EXCERPT_LIMIT - 8) + OWN_SECRET
    found = await read(door)
    assert len(found.excerpt) == EXCERPT_LIMIT
    assert OWN_SECRET[:5] not in found.excerpt


async def test_a_draft_becomes_a_proposal_that_says_everything(door: FakeDoor) -> None:
    made = await door.gateway.consider(SWITCH, "T-1-1", caller())
    action = made.action
    assert made.title == "Set the lamp from old to new"
    assert (action.tool, action.tool_version, action.environment) == ("fake_set", 1, "staging")
    assert action.parameters == SWITCH.parameters
    assert [str(found) for found in action.preconditions] == ["value is old"]
    assert action.inverse is not None
    assert (action.inverse.tool, action.inverse.tool_version) == ("fake_set", 1)
    assert made.decision.groups == ("oncall",)
    assert (made.created_at, made.expires_at) == (NOON, NOON + timedelta(seconds=1800))
    assert action.not_after == made.expires_at + timedelta(hours=1)
    assert (made.editable, made.requesters) == (("to",), ())
    assert door.trail == ["observe"]


async def test_a_draft_for_another_version_of_its_tool_is_not_considered(door: FakeDoor) -> None:
    with pytest.raises(UnknownTool, match="is version 1 now, not 2"):
        await door.gateway.consider(replace(SWITCH, tool_version=2), "T-1-1", caller())
    assert door.trail == []


async def test_a_person_who_asks_is_kept_as_the_requester(door: FakeDoor) -> None:
    human = Actor(kind=ActorKind.HUMAN, id=MIA)
    asked = replace(caller(), requester=human)
    made = await door.gateway.consider(SWITCH, "T-1-1", asked)
    assert (made.requesters, made.action.requester) == ((MIA,), MIA)


async def test_while_paused_nothing_is_considered(door: FakeDoor) -> None:
    door.controls.paused = True
    with pytest.raises(Halted):
        await door.gateway.consider(SWITCH, "T-1-1", caller())
    assert door.trail == []


async def test_a_tool_of_another_agent_is_denied_whatever_the_rules_say(door: FakeDoor) -> None:
    with pytest.raises(Refused, match="not for `campaign` in `staging`"):
        await door.gateway.consider(SWITCH, "T-1-1", caller("campaign"))
    assert door.trail == [], "nothing outside is asked for it"
    (event,) = door.journal.events
    assert (event.kind, event.reasons) == (EventKind.TOOL_DENIED, ("TOOL_NOT_FOR_AGENT",))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Unavailable("answered 503"), Unavailable),
        (Refused("no such lamp", 404), Refused),
        (NEVER_S, Unavailable),
        (KeyError("version"), Unavailable),
    ],
)
async def test_without_the_state_to_start_from_there_is_no_proposal(
    door: FakeDoor, fault: Fault, error: type[ToolError]
) -> None:
    door.system.faults["observe"] = fault
    with pytest.raises(error):
        await door.gateway.consider(SWITCH, "T-1-1", caller())


async def test_a_draft_for_a_state_that_is_gone_is_refused(door: FakeDoor) -> None:
    door.system.value = "newer"
    with pytest.raises(Refused, match="the lamp is newer"):
        await door.gateway.consider(SWITCH, "T-1-1", caller())


async def test_the_facts_are_completed_by_code_not_by_the_draft(door: FakeDoor) -> None:
    door.rules = sealed(
        [
            asks_oncall(),
            rule(
                "busy",
                RuleKind.DENY,
                When.model_validate(
                    {"actions_last_hour": {"min": Decimal(5)}, "tier": (Tier.MEDIUM,)}
                ),
                reason="BUSY",
            ),
            rule("sev1", RuleKind.DENY, When(severity=(Severity.SEV1,)), reason="SEV1"),
            rule("watch", RuleKind.DENY, When(mode=(Mode.OBSERVE,)), reason="WATCHING"),
        ]
    )
    draft = replace(SWITCH, severity=Severity.SEV3)
    calm = await door.gateway.consider(draft, "T-1-1", caller())
    assert calm.decision.effect is EffectKind.APPROVE
    (scope,) = door.controls.asked_for
    assert (scope.tenant, scope.agent, scope.tool) == ("default", "incident", "fake_set")
    assert (scope.environment, scope.target, scope.currency) == ("staging", "lamp", None)
    door.controls.counted = Counters(actions_last_hour=5)
    busy = await door.gateway.consider(draft, "T-1-1", caller())
    assert busy.decision.reasons == ("BUSY",)
    door.controls.counted = Counters()
    door.controls.modes = {"staging": Mode.OBSERVE}
    watching = await door.gateway.consider(draft, "T-1-1", caller())
    assert watching.decision.reasons == ("WATCHING",)
    worst = replace(SWITCH, severity=Severity.SEV1)
    assert "SEV1" in (await door.gateway.consider(worst, "T-1-1", caller())).decision.reasons


async def test_untrusted_text_holds_an_automatic_action_back(door: FakeDoor) -> None:
    door.rules = sealed([rule("auto", RuleKind.AUTO, When(tool=("fake_set",)))])
    door.controls.modes = {"staging": Mode.AUTO}
    clean = await door.gateway.consider(SWITCH, "T-1-1", caller())
    tainted = await door.gateway.consider(replace(SWITCH, is_tainted=True), "T-1-1", caller())
    assert clean.decision.effect is EffectKind.AUTO
    assert tainted.decision.effect is EffectKind.DENY
    assert (clean.tainted, tainted.tainted) == (False, True)


async def test_an_action_elsewhere_than_it_is_decided_for_is_refused() -> None:
    async with shopping() as world:
        gateway = Gateway(replace(FakeDoor().gateway.parts, catalogue=world.catalogue))
        fault = world.shop.fleet.inject("checkout", "production")
        draft = Draft(
            key="rollback",
            tool="shop_rollback",
            parameters={
                "service": "checkout",
                "environment": "production",
                "from_version": fault.version,
                "to_version": fault.previous_version,
            },
            environment="staging",
        )
        with pytest.raises(Refused, match="`environment` is `production`"):
            await gateway.consider(draft, "T-1-1", caller())
        there = replace(draft, environment="production")
        assert (await gateway.consider(there, "T-1-1", caller())).action.target == "checkout"


@pytest.mark.parametrize(
    "hidden",
    ["\u200b", "\u202e", "\u2066", "\u00ad", "\ufeff", "\n", "\x07", "\u2028", "\u3164", "\u2800"],
)
async def test_an_action_with_a_character_that_nobody_can_see_is_refused(
    door: FakeDoor, hidden: str
) -> None:
    draft = replace(SWITCH, parameters={**SWITCH.parameters, "to": f"ne{hidden}w"})
    with pytest.raises(Refused, match="`to` holds a character that nobody can see"):
        await door.gateway.consider(draft, "T-1-1", caller())
    seen = replace(
        SWITCH, parameters={**SWITCH.parameters, "to": "größer, \u65b0 & <b> \u2764\ufe0f"}
    )
    assert (await door.gateway.consider(seen, "T-1-1", caller())).action.parameters["to"] != ""


@pytest.mark.parametrize("text", ["a`b", "a  b", "a\u00a0b", " a", "a "])
async def test_an_action_that_a_card_shows_differently_is_refused(
    door: FakeDoor, text: str
) -> None:
    draft = replace(SWITCH, parameters={**SWITCH.parameters, "to": text})
    with pytest.raises(Refused, match="`to` holds a backtick, or blanks other than single"):
        await door.gateway.consider(draft, "T-1-1", caller())


@pytest.mark.parametrize("text", ["x" * 2501, "&" * 501])
async def test_an_action_that_a_card_would_cut_short_is_refused(door: FakeDoor, text: str) -> None:
    draft = replace(SWITCH, parameters={**SWITCH.parameters, "to": text})
    with pytest.raises(Refused, match="`to` is longer than a card shows"):
        await door.gateway.consider(draft, "T-1-1", caller())
    shown = replace(SWITCH, parameters={**SWITCH.parameters, "to": text[:500]})
    assert (await door.gateway.consider(shown, "T-1-1", caller())).action.parameters["to"]
