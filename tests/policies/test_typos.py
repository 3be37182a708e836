"""Seeded typos: each is refused when the rules are loaded, with its file and line."""

import pytest

from policies.loader import PolicyError, load
from tests.policies.typos import APPROVED, CASE_TYPOS, CASES, FOLDER, MORE_TYPOS, VOCABULARY

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


FOLDER_TYPOS: dict[str, tuple[str, str, int, str]] = {
    "a group that is not declared": ("groups: [oncall],", "groups: [onclal],", 22, "`oncall`?"),
    "a next group that is not declared": (
        "then: [operators]",
        "then: [oprators]",
        22,
        "`operators`?",
    ),
    "a requester's group that is not declared": (
        "requester_group: [oncall]",
        "requester_group: [on-call]",
        32,
        "`oncall`?",
    ),
    "a group twice": ("groups: [oncall],", "groups: [oncall, oncall],", 22, "twice"),
    "a group that is a list": ("oncall: Whose turn it is.", "oncall: [a]", 2, "no word"),
    "groups without a value": (
        "groups:\n  oncall: Whose turn it is.\n  operators: Who answers for it.\n",
        "groups:\n",
        1,
        "groups",
    ),
    "a group declared twice": ("  operators: Who", "  oncall: Who", 3, "twice"),
    "an agent that there is not": (
        "when: {agent: [incident]",
        "when: {agent: [incidnt]",
        24,
        "`incident`?",
    ),
    "a tool that there is not": (
        "tool: [shop_rollback]",
        "tool: [shop_rolback]",
        28,
        "`shop_rollback`?",
    ),
    "an environment that is not approved": (
        "environment: [staging]}",
        "environment: [stagign]}",
        24,
        "`staging`?",
    ),
    "an action that there is not": (
        "when: {agent: [incident], action: [rollback]",
        "when: {agent: [incident], action: [rolback]",
        24,
        "`rollback`?",
    ),
    "an approved action that there is not": ("action: [create]", "action: [creat]", 7, "`create`?"),
    "an approved row without environments": (", environment: [ads]}", "}", 7, "missing"),
    "an approved row for nothing": ("action: [create]", "action: []", 7, "empty"),
    "a misspelt field of a row": ("{agent: [campaign]", "{agents: [campaign]", 7, "`agent`?"),
    "approved without a row": (
        APPROVED,
        "approved: []\n",
        5,
        "empty",
    ),
    "a permission that nothing approves": (
        "when: {agent: [incident], action: [rollback], environment: [staging]}",
        "when: {agent: [campaign], action: [rollback], environment: [staging]}",
        21,
        "never permits",
    ),
    "a calendar that there is not": (
        "in_calendar: [freeze]",
        "in_calendar: [freze]",
        28,
        "`freeze`?",
    ),
    "a calendar outside that there is not": (
        "outside: [night]",
        "outside: [nights]",
        28,
        "`night`?",
    ),
    "in and outside of one calendar": ("outside: [night]", "outside: [freeze]", 28, "at once"),
    "a time zone that there is not": ("Europe/Berlin", "Europe/Berlen", 11, "`Europe/Berlin`?"),
    "no time zone": ("    zone: UTC\n", "", 13, "missing"),
    "a weekday that there is not": (
        "days: [mon, tue]",
        "days: [mon, tues]",
        16,
        "`tues` is no weekday",
    ),
    "a weekday twice": ("days: [mon, tue]", "days: [mon, mon]", 16, "twice"),
    "no weekday": ("days: [mon, tue]", "days: []", 16, "empty"),
    "an hour that there is not": (
        'from: "20:00", to: "08:00"',
        'from: "25:00", to: "08:00"',
        16,
        "`25:00` is no time",
    ),
    "a time without quotes": (
        'from: "20:00", to: "08:00"',
        'from: 20:00, to: "08:00"',
        16,
        "plain decimal number",
    ),
    "an hour alone": (
        'from: "20:00", to: "08:00"',
        'from: "20", to: "08:00"',
        16,
        "`20` is no time",
    ),
    "a window that ends when it begins": ('to: "24:00"', 'to: "20:00"', 17, '"24:00"'),
    "windows that overlap": ("days: [wed]", "days: [tue]", 13, "overlap on tue 20:00"),
    "windows that overlap past midnight": (
        '{days: [wed], from: "20:00"',
        '{days: [wed], from: "07:00"',
        13,
        "overlap on wed 07:00",
    ),
    "a day that there is not": ('"12-18"', '"12-32"', 12, "no day"),
    "a date in another order": ('"2027-03-01"', '"01.03.2027"', 12, "is no date"),
    "a date without quotes": ('"2027-03-01"', "2027-03-01", 12, "quote it"),
    "dates the wrong way round": (
        'to: "2027-03-05"',
        'to: "2027-02-05"',
        12,
        "ends before it begins",
    ),
    "dates of two kinds": ('to: "2027-03-05"', 'to: "03-05"', 12, "both dates"),
    "dates that overlap": (
        '{from: "2027-03-01", to: "2027-03-05"}',
        '{from: "12-24", to: "12-31"}',
        10,
        "overlap",
    ),
    "a country that there is not": ("country: DE", "country: GR1", 18, "no country `GR1`"),
    "a part that there is not": ("subdivision: BE", "subdivision: BEE", 18, "no part `BEE`"),
    "a calendar that names no time": (
        '    dates: [{from: "12-18", to: "01-03"}, {from: "2027-03-01", to: "2027-03-05"}]\n',
        "",
        10,
        "names no time",
    ),
    "a calendar twice": ("  night:\n", "  freeze:\n", 13, "twice"),
    "a calendar with capitals": ("  night:\n", "  Night:\n", 13, "small letters"),
    "a misspelt field of a calendar": ("    weekly:", "    weakly:", 15, "`weekly`?"),
    "a percentage for a confidence": (
        "confidence: {max: 0.5}",
        "confidence: {max: 50}",
        32,
        "from 0 to 1",
    ),
    "an amount below nothing": ("exposure: {min: 500}", "exposure: {min: -5}", 32, "never below 0"),
    "an exposure without a currency": (
        "currency: [EUR], exposure",
        "exposure",
        29,
        "`currency: [EUR]`",
    ),
    "a list for bounds": ("exposure: {min: 500}", "exposure: [500]", 32, "fields"),
    "yes for a flag": ("confidence: {max: 0.5}", "frozen: yes", 32, "boolean"),
    "a value twice": ("currency: [EUR]", "currency: [EUR, EUR]", 32, "twice"),
    "a condition that is a fact's name": (
        "in_calendar: [freeze]",
        "calendars: [freeze]",
        28,
        "`in_calendar`?",
    ),
    "a misspelt section": ("calendars:\n", "calenders:\n", 9, "`calendars`?"),
    "one effect too many": (
        "effect: {deny: true}",
        "effect: {deny: true, raise: {n: 1, groups: [oncall]}}",
        25,
        "exactly one",
    ),
}


def test_the_files_without_a_typo_load() -> None:
    assert [rule.id for rule in load({}, {"team.yaml": SOUND}, {}, VOCABULARY).rules] == [
        "big-budget",
        "freeze",
        "rollback-staging",
    ]
    found = load({}, {"team.yaml": FOLDER}, {}, VOCABULARY)
    assert [calendar.name for calendar in found.calendars] == ["freeze", "night"]
    assert len(found.approved or ()) == 2


@pytest.mark.parametrize("name", TYPOS)
def test_a_typo_keeps_the_rules_from_loading_and_is_shown_where_it_stands(name: str) -> None:
    right, wrong, line = TYPOS[name]
    assert SOUND.count(right) >= 1
    with pytest.raises(PolicyError) as caught:
        load({}, {"team.yaml": SOUND.replace(right, wrong, 1)}, {})
    places = {(problem.file, problem.line) for problem in caught.value.problems}
    assert ("team.yaml", line) in places, caught.value
    assert f"team.yaml:{line}: " in str(caught.value)


FOLDER_TYPOS |= MORE_TYPOS


@pytest.mark.parametrize("name", FOLDER_TYPOS)
def test_a_typo_in_any_section_is_shown_with_what_to_write_instead(name: str) -> None:
    right, wrong, line, says = FOLDER_TYPOS[name]
    assert FOLDER.count(right) >= 1
    with pytest.raises(PolicyError) as caught:
        load({}, {"team.yaml": FOLDER.replace(right, wrong, 1)}, {}, VOCABULARY)
    told = [problem for problem in caught.value.problems if problem.line == line]
    assert any(says in problem.message for problem in told), caught.value


def test_the_cases_without_a_typo_pass() -> None:
    assert load({}, {"team.yaml": FOLDER}, {"tests/team.yaml": CASES}, VOCABULARY).rules


@pytest.mark.parametrize("name", CASE_TYPOS)
def test_a_typo_in_a_test_case_is_shown_with_what_to_write_instead(name: str) -> None:
    right, wrong, line, says = CASE_TYPOS[name]
    assert CASES.count(right) >= 1
    with pytest.raises(PolicyError) as caught:
        load(
            {},
            {"team.yaml": FOLDER},
            {"tests/team.yaml": CASES.replace(right, wrong, 1)},
            VOCABULARY,
        )
    told = [problem for problem in caught.value.problems if problem.line == line]
    assert any(says in problem.message for problem in told), caught.value


def test_a_tool_that_is_still_to_come_may_be_tested() -> None:
    cases = CASES.replace(
        "tool: shop_rollback, action: rollback", "tool: shop_rollouts, action: deploy"
    )
    cases = cases.replace(
        "effect: approve, n: 3, groups: [oncall, operators], rules: [ask, many]", "effect: deny"
    )
    cases = cases.replace("effect: deny, rules: [cold]", "effect: deny")
    assert load({}, {"team.yaml": FOLDER}, {"tests/team.yaml": cases}, VOCABULARY).rules


@pytest.mark.parametrize(
    ("rules", "cases", "where"),
    [
        ({"a.yaml": "#" * 200_001}, {}, "a.yaml"),
        ({}, {"tests/a.yaml": "#" * 200_001}, "tests/a.yaml"),
        ({f"{name}.yaml": "#" * 140_000 for name in "abc"}, {}, "a.yaml"),
    ],
)
def test_more_than_anybody_reads_is_refused_before_it_is_read(
    rules: dict[str, str], cases: dict[str, str], where: str
) -> None:
    with pytest.raises(PolicyError, match="are the most") as caught:
        load({}, rules, cases)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (where, 1)


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("calendars:\n  night: {zone: UTC, holidays: [{country: FR}]}", "night"),
        ("groups:\n  oncall: Others.", "oncall"),
    ],
)
def test_a_name_taken_in_another_file_is_refused_naming_both_places(
    section: str, name: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        load({}, {"a.yaml": FOLDER, "b.yaml": section + "\n"}, {}, VOCABULARY)
    (problem,) = caught.value.problems
    assert f"b.yaml:2: {section.split(':', maxsplit=1)[0]}: `{name}` is taken by a.yaml:" in str(
        problem
    )


def test_a_mistake_in_a_rule_names_the_rule() -> None:
    with pytest.raises(PolicyError) as caught:
        load({}, {"team.yaml": FOLDER.replace("confidence", "confidense")}, {}, VOCABULARY)
    assert str(caught.value) == (
        "team.yaml:32: many: when.confidense: there is no field `confidense` here;"
        " did you mean `confidence`?"
    )


def test_every_typo_of_a_file_is_told_at_once() -> None:
    text = SOUND.replace("n: 1", "n: 0").replace("[EUR]", "EUR")
    with pytest.raises(PolicyError) as caught:
        load({}, {"team.yaml": text}, {})
    assert {problem.line for problem in caught.value.problems} == {3, 8, 12}
