"""`signoff init`: a commented file to start from, which never takes another's place."""

from pathlib import Path

import pytest

from bot.cli import EXAMPLE, main
from bot.config import read_config


def test_the_file_it_writes_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "signoff.yaml"
    assert main(["init", str(path)]) == 0
    found = read_config(path.read_text(encoding="utf-8"), path.name)
    assert {"oncall", "operators", "marketing"} == set(found.groups)
    assert found.services["checkout"].depends_on == ("payments",)
    assert "signoff doctor" in capsys.readouterr().out


def test_a_file_that_is_there_is_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "signoff.yaml"
    path.write_text("mine", encoding="utf-8")
    assert main(["init", str(path)]) == 1
    assert path.read_text(encoding="utf-8") == "mine"
    assert "not touched" in capsys.readouterr().err


def test_the_example_explains_itself() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert sum(line.lstrip().startswith("#") for line in lines) >= 10
