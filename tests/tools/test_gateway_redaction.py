"""What comes from outside is redacted at the door; an action that would have to be is refused."""

from dataclasses import replace

import pytest

from policies.model import Scalar
from policies.redaction import PersonalData, Redactor
from tests.fakes.door import OWN_SECRET, FakeDoor
from tests.fakes.values import caller, proposal
from tests.policies.planted import planted
from tools.base import Evidence, Refused, Unavailable
from tools.gateway import Gateway
from tools.ports import Draft, Grant

FOREIGN = [one for one in planted(2, times=1) if "random" not in one.kind and len(one.text) < 120]
KEY = "ghp" + "_" + "a1B2" * 9


@pytest.fixture
def door() -> FakeDoor:
    return FakeDoor()


async def read(door: FakeDoor) -> Evidence:
    return await door.gateway.read("E1", "the lamp", "fake_read", {"name": "lamp"}, caller())


def draft(**parameters: Scalar) -> Draft:
    usual: dict[str, Scalar] = {"name": "lamp", "before": "old", "to": "new"}
    return Draft(
        key="switch", tool="fake_set", parameters=usual | parameters, environment="staging"
    )


@pytest.mark.parametrize("error", [Unavailable, Refused])
async def test_an_error_of_a_tool_is_told_without_its_secrets(
    door: FakeDoor, error: type[Exception]
) -> None:
    door.system.faults["read"] = error(f"answered 400: {OWN_SECRET} and {KEY}")
    found = await read(door)
    assert found.fault == "answered 400: [redacted] and [redacted GitHub token]"
    door.system.faults["observe"] = error(f"no: {OWN_SECRET[::-1]} {KEY}" + " x" * 3000)
    with pytest.raises(error, match=r"no: \[redacted\] \[redacted GitHub token\]") as caught:
        await door.gateway.consider(draft(), "T-1-1", caller())
    assert len(str(caught.value)) <= 300


async def test_an_error_while_acting_is_recorded_without_its_secrets(door: FakeDoor) -> None:
    door.system.faults["act"] = Refused(f"answered 400: {OWN_SECRET}{' x' * 3000}")
    await door.execution.run(proposal(), Grant(approvers=("T1/UANA",)), caller())
    assert "answered 400: [redacted] x" in door.outcome.sentence
    assert len(door.outcome.sentence) <= 600


async def test_what_a_reading_names_a_secret_is_one(door: FakeDoor) -> None:
    door.system.excerpt = "y" * 1990 + f" {OWN_SECRET} " + "z " * 8000
    door.system.value = f"https://shop:{KEY}@web.example/x"
    found = await read(door)
    assert OWN_SECRET[:6] not in found.model_dump_json()
    assert KEY not in found.model_dump_json()
    assert len(found.excerpt) <= 2000


@pytest.mark.parametrize("planting", FOREIGN, ids=[one.kind for one in FOREIGN])
async def test_an_action_that_holds_a_secret_is_refused_by_its_field(
    door: FakeDoor, planting: object
) -> None:
    text = getattr(planting, "text", "")
    with pytest.raises(Refused, match=r"^`to` holds a secret \(.*name where the secret is kept"):
        await door.gateway.consider(draft(to=text), "T-1-1", caller())


@pytest.mark.parametrize("secret", [OWN_SECRET, OWN_SECRET.upper(), OWN_SECRET.encode().hex()])
async def test_an_action_with_one_of_our_own_is_refused_and_does_not_tell_it(
    door: FakeDoor, secret: str
) -> None:
    with pytest.raises(Refused, match=r"^`to` holds a secret \(secret\)") as caught:
        await door.gateway.consider(draft(to=f"x {secret}"), "T-1-1", caller())
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Call +49 30 901820 today", "phone number"),
        ("ana.lima@shop.example", "e-mail address"),
        ("ana.lima\u200b@shop.example", "e-mail address"),
        ("4111 1111 1111 1111", "card number"),
        ("DE89 3704 0044 0532 0130 00", "IBAN"),
    ],
)
async def test_an_action_that_holds_personal_data_is_refused_by_its_field(
    door: FakeDoor, text: str, kind: str
) -> None:
    words = rf"^`to` holds personal data \({kind}\).*`redact` in signoff.yaml"
    with pytest.raises(Refused, match=words):
        await door.gateway.consider(draft(to=text), "T-1-1", caller())


async def test_an_action_may_hold_what_the_operator_lets_be_seen(door: FakeDoor) -> None:
    seen = Redactor([OWN_SECRET], PersonalData(phone=False))
    gateway = Gateway(replace(door.gateway.parts, redactor=seen))
    made = await gateway.consider(draft(to="Call +49 30 901820 today"), "T-1-1", caller())
    assert made.action.parameters["to"] == "Call +49 30 901820 today"


async def test_an_ordinary_action_is_what_was_drafted(door: FakeDoor) -> None:
    made = await door.gateway.consider(draft(to="new"), "T-1-1", caller())
    assert made.action.parameters == {"name": "lamp", "before": "old", "to": "new"}
