"""Seeded typos: each is refused when the rules are loaded, with its file and line."""

import pytest

from policies.loader import PolicyError, load

SOUND = """\
rules:
  - id: rollback-staging
    effect: {approve: {n: 1, groups: [oncall], expires_s: 1800}}
    reason: ROLLBACK_NEEDS_ONCALL
    when: {tool: [shop_rollback], environment: [staging]}

  - id: big-budget
    effect: {raise: {n: 1, groups: [operators]}}
    reason: LARGE_BUDGET
    when:
      tool: [adplatform_create_campaign]
      currency: [EUR]
      total_amount: {min: 5000}

  - id: freeze
    effect: {deny: true}
    reason: FROZEN
    when: {paused: true}
"""

# What stands in the sound file, what is written instead, and the line that is to blame.
TYPOS: dict[str, tuple[str, str, int]] = {
    "unknown top key": ("rules:\n", "rulez:\n", 1),
    "extra top key": ("rules:\n", "version: 2\nrules:\n", 1),
    "unknown rule field": ("    reason: FROZEN", "    raeson: FROZEN", 15),
    "extra rule field": ("    reason: FROZEN", "    reason: FROZEN\n    prio: 1", 18),
    "unknown effect": ("{deny: true}", "{denny: true}", 16),
    "unknown condition": ("environment: [staging]", "enviroment: [staging]", 5),
    "unknown field of approve": ("expires_s: 1800", "expires: 1800", 3),
    "unknown bound": ("{min: 5000}", "{minimum: 5000}", 13),
    "duplicate id": ("id: freeze", "id: big-budget", 15),
    "duplicate key": ("    reason: FROZEN", "    reason: FROZEN\n    reason: THAWED", 18),
    "duplicate condition": (
        "environment: [staging]",
        "environment: [staging], environment: [production]",
        5,
    ),
    "yes for true": ("{paused: true}", "{paused: yes}", 18),
    "on for true": ("{deny: true}", "{deny: on}", 16),
    "quoted true": ("{paused: true}", "{paused: 'true'}", 18),
    "one for true": ("{paused: true}", "{paused: 1}", 18),
    "deny false": ("{deny: true}", "{deny: false}", 15),
    "auto false": ("{deny: true}", "{auto: false}", 15),
    "deny without a value": ("{deny: true}", "{deny: }", 15),
    "approve without a value": ("{deny: true}", "{approve: }", 15),
    "empty when": ("when: {paused: true}", "when: {}", 15),
    "when without a value": ("when: {paused: true}", "when:", 18),
    "no when": ("    when: {paused: true}\n", "", 15),
    "condition without a value": ("{tool: [shop_rollback],", "{tool: ,", 2),
    "only a condition without a value": ("{paused: true}", "{paused: }", 15),
    "empty set": ("tool: [shop_rollback]", "tool: []", 5),
    "a word for a set": ("environment: [staging]", "environment: staging", 5),
    "empty bounds": ("{min: 5000}", "{}", 13),
    "bounds without a value": ("{min: 5000}", "{min: }", 13),
    "bounds the wrong way round": ("{min: 5000}", "{min: 5000, max: 500}", 13),
    "a word for a number": ("{min: 5000}", "{min: lots}", 13),
    "empty groups": ("groups: [oncall]", "groups: []", 3),
    "no groups": ("{n: 1, groups: [operators]}", "{n: 1}", 8),
    "a word for groups": ("groups: [oncall]", "groups: oncall", 3),
    "nobody": ("{n: 1, groups: [oncall]", "{n: 0, groups: [oncall]", 3),
    "minus one": ("{n: 1, groups: [oncall]", "{n: -1, groups: [oncall]", 3),
    "half a person": ("{n: 1, groups: [oncall]", "{n: 1.5, groups: [oncall]", 3),
    "a word for n": ("{n: 1, groups: [oncall]", "{n: one, groups: [oncall]", 3),
    "no n": ("{n: 1, groups: [operators]}", "{groups: [operators]}", 8),
    "expires at once": ("expires_s: 1800", "expires_s: 0", 3),
    "expires in minutes": ("expires_s: 1800", "expires_s: 30", 3),
    "amount without currency": ("      currency: [EUR]\n", "", 7),
    "amount in two currencies": ("[EUR]", "[EUR, USD]", 7),
    "two effects": ("{deny: true}", "{deny: true, auto: true}", 15),
    "no effect": ("{deny: true}", "{}", 15),
    "effect without a value": ("effect: {deny: true}", "effect:", 16),
    "a word for an effect": ("effect: {deny: true}", "effect: deny", 16),
    "a severity that is none": ("{paused: true}", "{severity: [SEV9]}", 18),
    "a mode that is none": ("{paused: true}", "{mode: [automatic]}", 18),
    "a tier that is none": ("{paused: true}", "{tier: [harmless]}", 18),
    "id with capitals": ("id: freeze", "id: Freeze", 15),
    "reason in small letters": ("reason: FROZEN", "reason: frozen", 17),
    "no id": ("  - id: freeze\n    effect", "  - effect", 15),
    "anchor": ("when: {paused: true}", "when: &w {paused: true}", 18),
    "tag": ("{paused: true}", "{paused: !!bool true}", 18),
    "merge key": ("{paused: true}", "{<<: {paused: true}}", 18),
    "open bracket": ("{paused: true}", "{paused: true", 19),
    "no rules at all": (SOUND, "rules: []\n", 1),
    "nothing at all": (SOUND, "", 1),
    "rules as a mapping": (SOUND, "rules: {id: x}\n", 1),
    "a list on top": (SOUND, "- id: x\n", 1),
    "octal number": ("expires_s: 1800", "expires_s: 01800", 3),
    "number with an underscore": ("{min: 5000}", "{min: 5_000}", 13),
}


def test_the_file_without_a_typo_loads() -> None:
    assert [rule.id for rule in load({}, {"team.yaml": SOUND}, {}).rules] == [
        "big-budget",
        "freeze",
        "rollback-staging",
    ]


@pytest.mark.parametrize("name", TYPOS)
def test_a_typo_keeps_the_rules_from_loading_and_is_shown_where_it_stands(name: str) -> None:
    right, wrong, line = TYPOS[name]
    assert SOUND.count(right) >= 1
    with pytest.raises(PolicyError) as caught:
        load({}, {"team.yaml": SOUND.replace(right, wrong, 1)}, {})
    places = {(problem.file, problem.line) for problem in caught.value.problems}
    assert ("team.yaml", line) in places, caught.value
    assert f"team.yaml:{line}: " in str(caught.value)


def test_every_typo_of_a_file_is_told_at_once() -> None:
    text = SOUND.replace("n: 1", "n: 0").replace("[EUR]", "EUR")
    with pytest.raises(PolicyError) as caught:
        load({}, {"team.yaml": text}, {})
    assert {problem.line for problem in caught.value.problems} == {3, 8, 12}
