"""`docs/policies.md` against the code: its tables, its rules and its printed output are real."""

import os
import re
import shutil
from pathlib import Path

import pytest

from bot.cli import main
from bot.policy import SHIPPED
from policies.conditions import Kind, When, fact_of, kind_of
from policies.facts import ActionKind, Facts, said
from policies.loader import load

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "policies.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"```console\n\$ signoff (?P<command>[^\n]*)\n(?P<output>.*?)```", re.DOTALL)
YAML = re.compile(r"```yaml\n(?P<text>.*?)```", re.DOTALL)
WRITTEN = {
    Kind.ONE_OF: "list: one of them",
    Kind.ANY_OF: "list: any of them",
    Kind.NONE_OF: "list: none of them",
    Kind.FLAG: "true or false",
    Kind.BOUNDS: "`{min, max}`",
}


def rows() -> list[str]:
    found = []
    for name in When.model_fields:
        fact = said(fact_of(name))
        is_optional = not Facts.model_fields[fact_of(name)].is_required()
        unit = fact.unit or ""
        known = "may be unknown" if is_optional else "always known"
        found.append(
            f"| `{name}` | {WRITTEN[kind_of(name)]} | {fact.words} | {unit} | {fact.by} | {known} |"
        )
    return found


def test_the_page_lists_every_condition_with_its_unit_and_source() -> None:
    listed = [
        line for line in PAGE.splitlines() if re.match(r"\| `[a-z_]+` \| (list|true|`\{)", line)
    ]
    assert listed == rows()


def test_the_page_lists_every_kind_of_action() -> None:
    (line,) = [line for line in PAGE.splitlines() if line.startswith("Kinds of actions: ")]
    assert re.findall(r"`([a-z]+)`", line) == [kind.value for kind in ActionKind]


@pytest.mark.parametrize("text", [found["text"] for found in YAML.finditer(PAGE)])
def test_every_example_of_the_page_loads(text: str) -> None:
    shared = {
        name: (SHIPPED / "rules" / name).read_text(encoding="utf-8")
        for name in ("calendars.yaml", "groups.yaml")
        if f"{name.removesuffix('.yaml')}:\n" not in text
    }
    if text.startswith("cases:"):
        rules = {
            path.name: path.read_text(encoding="utf-8") for path in (SHIPPED / "rules").iterdir()
        }
        load({}, rules, {"example.yaml": text})
        return
    load({}, {**shared, "example.yaml": text}, {})


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folders that the page speaks of, and go there."""
    for name in list(os.environ):
        if name.startswith(("SLACK_", "SIGNOFF_", "SHOP_", "PROMETHEUS_", "ALERTMANAGER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/none.db")
    for name in ("my-rules", "misspelt"):
        shutil.copytree(SHIPPED / "rules", tmp_path / name)
        (tmp_path / name / "hard.yaml").unlink()
    _rewrite(
        tmp_path / "my-rules" / "campaign.yaml", "exposure: {min: 5000}", "exposure: {min: 8000}"
    )
    _rewrite(tmp_path / "my-rules" / "ladder.yaml", "{max: 0.5}", "{max: 0.7}")
    _rewrite(tmp_path / "misspelt" / "incident.yaml", "groups: [oncall],", "groups: [onclal],")
    _rewrite(tmp_path / "misspelt" / "times.yaml", "[change-freeze]", "[change-freez]")
    _rewrite(
        tmp_path / "misspelt" / "ladder.yaml", "confidence: {max: 0.5}", "confidence: {max: 50}"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _rewrite(path: Path, right: str, wrong: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")


def test_the_page_has_examples_and_output() -> None:
    assert len(YAML.findall(PAGE)) >= 6
    assert len(COMMAND.findall(PAGE)) >= 5


@pytest.mark.parametrize(
    ("command", "output"),
    [(found["command"], found["output"]) for found in COMMAND.finditer(PAGE)],
)
def test_what_the_page_shows_is_what_is_printed(
    command: str, output: str, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert folders.is_dir()
    main(command.split())
    out, err = capsys.readouterr()
    printed = [line.rstrip() for line in (out + err).splitlines()]
    # A line of dots stands for lines that are left out.
    shown = output.rstrip("\n").split("\n...")[0].splitlines()
    assert printed[: len(shown)] == shown
    assert "\n..." in output or len(printed) == len(shown)
