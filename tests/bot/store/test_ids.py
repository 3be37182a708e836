"""Ids hide nothing that stands behind them: none spells the name of a secret."""

import pytest

from bot.store.ids import is_harmless, proposal_named, storm_id, task_id
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


@pytest.mark.parametrize("own", ["-1", "-12.2", "-1.undo", "-1.undo2", "-1.undo.2"])
def test_a_proposal_is_named_in_whatever_letters(own: str) -> None:
    proposal_id = f"{task_id()}{own}"
    for written in (proposal_id, proposal_id.lower(), proposal_id.upper(), f"`{proposal_id}`"):
        assert proposal_named(written) == proposal_id
