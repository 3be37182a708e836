"""Names that people spell now so, now so: what is stopped by them stays stopped."""

from dataclasses import replace

import pytest

from policies.facts import Mode
from tests.tools.test_halts import OF_LAMP, matter
from tools.halts import HaltKind, Modes, stops


@pytest.mark.parametrize(
    ("frozen", "name"),
    [
        ("lamp", "Lamp"),
        ("LAMP", "lamp"),
        ("Straße", "STRASSE"),
        ("\uff4c\uff41\uff4d\uff50", "lamp"),
        ("Caf\u00e9", "CAFE\u0301"),
        ("Winter  boots ", "winter\u00a0boots"),
        (" Spring", "Spring"),
        ("\u00a0Spring", "Spring"),
        ("Spring\u200b", "Spring"),
        ("\ufeffSp\u00adring", "spring"),
        ("Spring\u3164", "Spring"),
        ("\u202eSpring", "Spring"),
    ],
)
def test_a_freeze_and_a_hold_count_however_the_name_is_spelled(frozen: str, name: str) -> None:
    for kind in (HaltKind.CAMPAIGN, HaltKind.HOLD):
        halt = replace(OF_LAMP, kind=kind, campaigns=frozenset({f"fake/{frozen}"}))
        assert stops(halt, replace(matter(), campaigns=frozenset({f"fake/{name}"})))
        assert not stops(halt, replace(matter(), campaigns=frozenset({f"fake/{name} 2"})))


def test_an_environment_that_is_spelled_otherwise_is_never_freer() -> None:
    file = {"production": Mode.OBSERVE, "sandbox": Mode.AUTO}
    modes = Modes(by_environment=file, usual=Mode.APPROVE)
    assert modes.of("Production") is Mode.OBSERVE
    assert modes.of("Sandbox") is Mode.APPROVE
    assert (modes.of("sandbox"), modes.of("elsewhere")) == (Mode.AUTO, Mode.APPROVE)
