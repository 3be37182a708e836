"""A ledger's verifier key is shown whole; nothing that only looks like one is."""

import base64
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.checkpoints import VerifierKey
from policies.redaction import Redactor
from policies.redaction.published import verifier_keys

PLACES = (
    "{}",
    "ok     ledger key: {}; keep a copy of this line elsewhere",
    "SIGNOFF_LEDGER_KEY: `/a/b.key` holds another key than the ledger's, {}; until then",
    "this ledger is signed with `{}`: put that one back. I go on working.",
    '{{"key": "{}"}}',
)
KEY = VerifierKey(name="signoff/5c8e0f6b1a2d3e4f", public=bytes(range(7, 39)))


def drawn() -> VerifierKey:
    name = f"signoff/{os.urandom(8).hex()}"
    return VerifierKey.of(name, Ed25519PrivateKey.generate())


def test_a_thousand_keys_are_shown_whole_wherever_they_stand() -> None:
    redactor = Redactor(["correct-horse-battery-staple"])
    for key in [drawn() for _ in range(1000)]:
        for place in PLACES:
            text = place.format(key)
            assert redactor.text(text) == text
            assert redactor.typed(text) == text


def changed(at: int) -> str:
    text = str(KEY)
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def named(name: str) -> str:
    return str(VerifierKey(name=name, public=KEY.public))


def other_algorithm() -> str:
    return f"{KEY.name}+{KEY.id.hex()}+{base64.b64encode(bytes([2]) + KEY.public).decode()}"


@pytest.mark.parametrize(
    "text",
    [
        changed(30),
        changed(-5),
        f"{KEY}AAAA",
        f"xY7{KEY}",
        str(KEY)[:-1],
        named("k7Qm2vX9pL4sT8wZ1bN6cR3dk7Qm2vX9pL4sT8wZ1bN6cR3d"),
        named("signoff/k7Qm2vX9pL4sT8wZ"),
        other_algorithm(),
    ],
)
def test_what_only_looks_like_a_key_is_none(text: str) -> None:
    assert verifier_keys(text) == []
    assert "[redacted long token]" in Redactor().text(f"kept: {text} there")


def test_an_own_secret_is_not_hidden_by_a_key_around_it() -> None:
    secret = str(KEY).rsplit("+", 1)[1][4:30]
    found = Redactor([secret]).text(f"key {KEY}")
    assert secret not in found
    assert "[redacted]" in found


def test_a_secret_that_is_learned_later_is_taken_out_from_then_on() -> None:
    redactor = Redactor(["correct-horse-battery-staple"])
    assert redactor.text("it is tr0ub4dor") == "it is tr0ub4dor"
    redactor.learn(["tr0ub4dor"])
    assert redactor.text("it is tr0ub4dor") == "it is [redacted]"
    assert redactor.text("correct-horse-battery-staple") == "[redacted]"
