"""Rule files: a folder may bring its own soft rules, never its own hard ones."""

from pathlib import Path

import pytest

from bot.policy import SHIPPED, candidate
from policies.loader import PolicyError

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
