"""Ids hide nothing that stands behind them: none spells the name of a secret."""

import pytest

from bot.store.ids import is_harmless, storm_id, task_id
from policies.redaction import Redactor

DIGEST = "04767611615bc81cd9b982441d8cbf1b4543c13c77d32bf5258c7611b57e8a00"


@pytest.mark.parametrize("drawn", ["84H5SJWT", "T7Y3JWT9", "EF919PWD"])
def test_an_id_that_spells_the_name_of_a_secret_is_drawn_again(drawn: str) -> None:
    assert DIGEST not in Redactor().typed(f"T-{drawn}-1:{DIGEST}")
    assert not is_harmless(drawn)


def test_what_stands_behind_an_id_stays() -> None:
    redactor = Redactor()
    for made in [*(task_id() for _ in range(100)), *(storm_id() for _ in range(10))]:
        text = f"{made}-1:{DIGEST}"
        assert redactor.typed(text) == text
