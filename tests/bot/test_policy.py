"""Rule files: a folder may bring its own soft rules, never its own hard ones."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from bot.names import vocabulary
from bot.policy import SHIPPED, candidate
from policies.facts import ActionKind, Tier
from policies.loader import PolicyError
from policies.vocabulary import Does, Vocabulary

RULE = """
rules:
  - id: restart-staging
    effect: {approve: {n: 1, groups: [oncall]}}
    reason: RESTART_NEEDS_ONCALL
    when: {tool: [shop_restart], environment: [staging]}
"""
CASE = """
cases:
  - name: a restart in staging asks one
    facts: {tool: shop_restart, environment: staging}
    expect: {effect: approve, groups: [oncall], rules: [restart-staging]}
"""


def folder(tmp_path: Path, rules: str = RULE, cases: str = CASE) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "rules.yaml").write_text(rules, encoding="utf-8")
    (tmp_path / "tests" / "cases.yaml").write_text(cases, encoding="utf-8")
    return tmp_path


def test_the_shipped_rules_load_and_pass_their_tests() -> None:
    found = candidate(None)
    ids = [rule.id for rule in found.rules]
    assert {"kill-switch", "rollback-staging", "create-paused-campaign"} <= set(ids)
    assert len(ids) == len(set(ids))


def test_a_folder_brings_its_own_rules_and_keeps_the_hard_ones(tmp_path: Path) -> None:
    ids = {rule.id for rule in candidate(folder(tmp_path)).rules}
    hard = {rule.id for rule in candidate(None).rules if rule.is_hard}
    assert ids == hard | {"restart-staging"}


def test_the_version_is_that_of_the_content_not_of_the_files(tmp_path: Path) -> None:
    first = candidate(folder(tmp_path))
    (tmp_path / "rules.yaml").rename(tmp_path / "renamed.yaml")
    (tmp_path / "renamed.yaml").write_text(f"# a remark\n{RULE}", encoding="utf-8")
    assert candidate(tmp_path).version == first.version
    (tmp_path / "renamed.yaml").write_text(RULE.replace("n: 1", "n: 2"), encoding="utf-8")
    (tmp_path / "tests" / "cases.yaml").unlink()
    assert candidate(tmp_path).version != first.version


def test_a_folder_cannot_replace_the_hard_rules(tmp_path: Path) -> None:
    hard = (SHIPPED / "rules" / "hard.yaml").read_text(encoding="utf-8")
    (folder(tmp_path) / "hard.yaml").write_text(
        hard.replace("paused: true", "paused: false"), encoding="utf-8"
    )
    with pytest.raises(PolicyError, match=r"hard\.yaml"):
        candidate(tmp_path)


def test_a_folder_cannot_loosen_a_hard_rule_under_another_file_name(tmp_path: Path) -> None:
    loose = RULE.replace("restart-staging", "kill-switch")
    with pytest.raises(PolicyError, match="kill-switch"):
        candidate(folder(tmp_path, loose, "cases: []"))


@pytest.mark.parametrize(
    ("rules", "cases", "says"),
    [
        (RULE.replace("tool:", "tools:"), CASE, r"rules\.yaml:6"),
        (RULE.replace("n: 1", "n: 0"), CASE, r"rules\.yaml:4"),
        (RULE + RULE.replace("rules:", ""), CASE, "restart-staging"),
        (RULE.replace("{tool: [shop_restart], environment: [staging]}", "{}"), CASE, "when"),
        (RULE, CASE.replace("effect: approve", "effect: deny"), "a restart in staging asks one"),
        ("rules: [", CASE, r"rules\.yaml:1"),
    ],
)
def test_a_mistake_keeps_the_set_from_loading(
    tmp_path: Path, rules: str, cases: str, says: str
) -> None:
    with pytest.raises(PolicyError, match=says):
        candidate(folder(tmp_path, rules, cases))


def test_an_empty_folder_allows_nothing(tmp_path: Path) -> None:
    assert all(rule.is_hard for rule in candidate(tmp_path).rules)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("times.yml", "times.yml:1: it is not read: only files that end in `.yaml`"),
        ("times.YAML", "times.YAML:1: it is not read"),
        ("times.yaml.bak", "times.yaml.bak:1: it is not read"),
        ("times.yalm", "times.yalm:1: it is not read"),
        ("times.json", "times.json:1: it is not read"),
        (".times.yaml", ".times.yaml:1: a hidden file is not read"),
        ("team/times.yaml", "team:1: this folder is not read"),
        ("team/more/times.yml", "team:1: this folder is not read"),
        ("test/cases.yaml", "test:1: this folder is not read: only `tests` is"),
        ("times.yaml/README", "times.yaml:1: this folder is not read"),
        ("tests/cases.yml", "tests/cases.yml:1: it is not read"),
        ("tests/more/cases.yaml", "tests/more:1: a folder in it is not read"),
        ("ti\nmes.yaml", r"ti\nmes.yaml:1: its name holds characters that can't be shown"),
        ("ti\udcffmes.yaml", r"ti\udcffmes.yaml:1: its name holds characters"),
        ("hard.yaml", "hard.yaml:1: these rules are part of the program and always load"),
    ],
)
def test_what_looks_like_rules_and_is_not_read_is_refused_by_name(
    tmp_path: Path, name: str, says: str
) -> None:
    path = folder(tmp_path) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RULE.replace("restart-staging", "other"), encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        candidate(tmp_path)
    assert str(caught.value).startswith(says)


def test_what_is_no_rules_may_stand_beside_them(tmp_path: Path) -> None:
    first = candidate(folder(tmp_path)).version
    for name in ("README.md", "LICENSE", "a.yaml~", ".#a.yaml", ".a.yaml.swp", ".git/a.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("no: rules", encoding="utf-8")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"")
    # As files are mounted from a cluster's settings.
    (tmp_path / "rules.yaml").rename(tmp_path / ".git" / "rules.yaml")
    (tmp_path / "rules.yaml").symlink_to(Path(".git") / "rules.yaml")
    assert candidate(tmp_path).version == first


def test_tests_that_are_no_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULE, encoding="utf-8")
    (tmp_path / "tests").write_text(CASE, encoding="utf-8")
    with pytest.raises(PolicyError, match=r"^tests:1: it is no folder"):
        candidate(tmp_path)


def test_what_is_no_file_is_refused_and_waited_for_by_nobody(tmp_path: Path) -> None:
    os.mkfifo(folder(tmp_path) / "pipe.yaml")
    with pytest.raises(PolicyError, match=r"^pipe\.yaml:1: it is no file"):
        candidate(tmp_path)
    (tmp_path / "pipe.yaml").unlink()
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    with pytest.raises(PolicyError, match=r"^loop\.yaml:1: it can't be read: "):
        candidate(tmp_path)


def test_a_folder_that_is_not_there_or_has_an_odd_name_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / ("x" * 300), Path("a\0b")):
        with pytest.raises(PolicyError, match="there is no such folder"):
            candidate(path)


def test_what_is_not_utf_8_is_shown_where_it_stands(tmp_path: Path) -> None:
    (folder(tmp_path) / "rules.yaml").write_bytes(b"# one\n# two\n# caf\xe9\n" + RULE.encode())
    with pytest.raises(PolicyError, match=r"^rules\.yaml:3: it is not UTF-8"):
        candidate(tmp_path)


@pytest.mark.parametrize("size", [900_000, 250_000])
def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path, size: int) -> None:
    (folder(tmp_path) / "more.yaml").write_text("#" * size, encoding="utf-8")
    with pytest.raises(PolicyError, match=r"^more\.yaml:1: .* are the most; split it"):
        candidate(tmp_path)


def test_more_files_than_anybody_reads_are_refused(tmp_path: Path) -> None:
    folder(tmp_path)
    for number in range(200):
        (tmp_path / f"{number}.yaml").write_text("groups: {a: A.}", encoding="utf-8")
    with pytest.raises(PolicyError, match="more than 200 files"):
        candidate(tmp_path)


def test_a_copy_of_the_shipped_rules_loads_without_what_is_the_programs_own(
    tmp_path: Path,
) -> None:
    shutil.copytree(SHIPPED / "rules", tmp_path / "rules")
    with pytest.raises(PolicyError, match=r"^hard\.yaml:1: .*; leave it out$"):
        candidate(tmp_path / "rules", vocabulary())
    (tmp_path / "rules" / "hard.yaml").unlink()
    assert candidate(tmp_path / "rules", vocabulary()).version == candidate(None).version


def test_every_tool_of_the_program_is_known_with_what_it_does() -> None:
    found = vocabulary()
    assert set(found.does) == set(found.tools)
    assert {"shop", "policy"} <= set(found.platforms or ())
    assert found.does["shop_rollback"] == Does(
        tier=Tier.MEDIUM, action=ActionKind.ROLLBACK, platform="shop", agents=("incident",)
    )
    assert all(one.platform in (found.platforms or ()) for one in found.does.values())


class Broken(dict[str, Does]):
    """What tools do, which can't be asked, as after a mistake of the program's own."""

    def get(self, name: object, default: object = None) -> NoReturn:
        raise RuntimeError(f"asked for {name}, not for {default}")


def test_a_mistake_of_our_own_at_reading_is_told_as_one_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = vocabulary()
    broken = Vocabulary(tools=[*known.tools, "shop_restart"], agents=known.agents, does=Broken())
    with pytest.raises(PolicyError, match=r"failed at reading the rules \(RuntimeError\)"):
        candidate(folder(tmp_path), broken)
    assert "asked for" in caplog.text
