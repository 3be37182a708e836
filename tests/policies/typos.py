"""A small rule folder without a mistake, and mistakes to put into it; see `test_typos`.

Of each: what stands there, what is written instead, the line to blame, and what is said of it.
"""

from policies.facts import ActionKind, Tier
from policies.vocabulary import Does, Vocabulary

DOES = {
    "adplatform_create_campaign": Does(
        tier=Tier.LOW, action=ActionKind.CREATE, platform="adplatform"
    ),
    "shop_rollback": Does(
        tier=Tier.MEDIUM, action=ActionKind.ROLLBACK, platform="shop", agents=("incident",)
    ),
}
VOCABULARY = Vocabulary(
    tools=DOES.keys(),
    agents=["campaign", "incident"],
    platforms=["adplatform", "shop"],
    tenants=["default"],
    does=DOES,
)

APPROVED = """\
approved:
  - {agent: [incident], action: [rollback], environment: [staging, production]}
  - {agent: [campaign], action: [create], environment: [ads]}
"""

# A folder's other sections, and rules that speak of them.
FOLDER = """\
groups:
  oncall: Whose turn it is.
  operators: Who answers for it.

approved:
  - {agent: [incident], action: [rollback], environment: [staging, production]}
  - {agent: [campaign], action: [create], environment: [ads]}

calendars:
  freeze:
    zone: Europe/Berlin
    dates: [{from: "12-18", to: "01-03"}, {from: "2027-03-01", to: "2027-03-05"}]
  night:
    zone: UTC
    weekly:
      - {days: [mon, tue], from: "20:00", to: "08:00"}
      - {days: [wed], from: "20:00", to: "24:00"}
    holidays: [{country: DE, subdivision: BE}]

rules:
  - id: ask
    effect: {approve: {n: 1, groups: [oncall], then: [operators]}}
    reason: ASKED
    when: {agent: [incident], action: [rollback], environment: [staging]}
  - id: cold
    effect: {deny: true}
    reason: COLD
    when: {in_calendar: [freeze], outside: [night], tool: [shop_rollback]}
  - id: many
    effect: {raise: {n: 2, groups: [operators]}}
    reason: MANY
    when: {currency: [EUR], exposure: {min: 500}, confidence: {max: 0.5}, requester_group: [oncall]}
"""

CASES = """\
cases:
  - name: staging asks one
    facts: {tool: shop_rollback, action: rollback, tier: medium, requester_groups: [oncall]}
    expect: {effect: approve, n: 3, groups: [oncall, operators], rules: [ask, many]}
  - name: in the freeze nothing is rolled back
    at: "2026-12-24T10:00:00Z"
    facts: {tool: shop_rollback, action: rollback, tier: medium, currency: EUR, exposure: 5}
    expect: {effect: deny, rules: [cold]}
"""

MORE_TYPOS: dict[str, tuple[str, str, int, str]] = {
    "a currency in small letters": ("currency: [EUR]", "currency: [eur]", 32, "`EUR`?"),
    "a currency that there is not": ("currency: [EUR]", "currency: [EURO]", 32, "`EUR`?"),
    "an outside system that there is not": (
        "tool: [shop_rollback]",
        "platform: [shopp]",
        28,
        "`shop`?",
    ),
    "a tenant that there is not": ("tool: [shop_rollback]", "tenant: [defualt]", 28, "`default`?"),
    "a target without a name": ("tool: [shop_rollback]", "target: ['']", 28, "empty word"),
    "a service of blanks": ("tool: [shop_rollback]", "service: [' ']", 28, "empty word"),
    "a blank that nobody sees": ("tool: [shop_rollback]", "target: ['cart ']", 28, "blanks"),
    "a sign that nobody sees": (
        "tool: [shop_rollback]",
        'target: ["che\\u200bckout"]',
        28,
        "U+200B",
    ),
    "a tool that does something else": (
        "tool: [shop_rollback]",
        "tool: [shop_rollback], action: [silence]",
        28,
        "action of `shop_rollback` is `rollback`",
    ),
    "a tool of another risk": (
        "tool: [shop_rollback]",
        "tool: [shop_rollback], tier: [low]",
        28,
        "tier of `shop_rollback` is `medium`",
    ),
    "a tool of another system": (
        "tool: [shop_rollback]",
        "tool: [shop_rollback], platform: [adplatform]",
        28,
        "platform of `shop_rollback` is `shop`",
    ),
    "a tool of another agent": (
        "tool: [shop_rollback]",
        "tool: [shop_rollback], agent: [campaign]",
        28,
        "agent of `shop_rollback` is `incident`",
    ),
    "an action that its risk never has": (
        "tool: [shop_rollback]",
        "action: [rollback], tier: [read]",
        28,
        "so it never holds",
    ),
    "a lower bound without a value": ("{min: 500}", "{min: , max: 500}", 32, "`min` has no value"),
    "next groups that are none": ("then: [operators]", "then: []", 22, "then: it is empty"),
    "an expiry without a value": (
        "then: [operators]",
        "then: [operators], expires_s: ",
        22,
        "expires_s: it has no value",
    ),
    "a year of another millennium": (
        '{from: "2027-03-01", to: "2027-03-05"}',
        '{from: "1027-03-01", to: "2027-03-05"}',
        12,
        "a year is from 1970 to 2100",
    ),
    "a group without a name": ("then: [operators]", "then: ['']", 22, "empty word"),
    "a group without words": ("oncall: Whose turn it is.", "oncall: ''", 2, "empty"),
    "an approved agent that there is not": (
        "{agent: [campaign], action",
        "{agent: [campain], action",
        7,
        "`campaign`?",
    ),
    "an approved place without a name": ("[ads]}", "['']}", 7, "empty word"),
    "an approved place twice": ("[ads]}", "[ads, ads]}", 7, "twice"),
    "an approved row twice": (
        "action: [create], environment: [ads]}",
        "action: [create], environment: [ads]}\n"
        "  - {agent: [campaign], action: [create], environment: [ads]}",
        8,
        "twice",
    ),
    "reading that is approved": ("action: [create]", "action: [create, read]", 7, "needs no row"),
    "a limit in a currency that there is not": (
        "rules:\n",
        "limits:\n  incident: {task: {money: 10 XXQ}}\n\nrules:\n",
        21,
        "no currency `XXQ`",
    ),
    "an allowance in a currency that there is not": (
        "rules:\n",
        "limits:\n  incident: {spend_change_a_day: {XXQ: 10}}\n\nrules:\n",
        21,
        "no currency `XXQ`",
    ),
    "an allowance that is a word": (
        "rules:\n",
        "limits:\n  incident: {spend_change_a_day: {EUR: 1e6}}\n\nrules:\n",
        21,
        "plain number",
    ),
    "a bound as a power of ten": ("{min: 500}", "{min: 1e3}", 32, "plain number"),
    "a bound in quotes": ("{min: 500}", "{min: '500'}", 32, "plain number"),
    "a bound in other digits": ("{min: 500}", "{min: \uff15\uff10\uff10}", 32, "plain number"),
    "a bound of very many digits": ("{min: 500}", "{min: 1234567890123456.789}", 32, "digits"),
    "a bound that is none": ("{min: 500}", "{min: 'NaN'}", 32, "no number"),
    "a window from the end of a day": (
        'from: "20:00", to: "08:00"',
        'from: "24:00", to: "08:00"',
        16,
        '"00:00"',
    ),
    "dates of a year in those of every year": (
        '{from: "2027-03-01", to: "2027-03-05"}',
        '{from: "2027-12-20", to: "2027-12-21"}',
        12,
        "overlap",
    ),
    "dates of a year into those of every year": (
        '{from: "2027-03-01", to: "2027-03-05"}',
        '{from: "2027-11-20", to: "2027-12-18"}',
        12,
        "overlap",
    ),
    "a country beside its part": (
        "[{country: DE, subdivision: BE}]",
        "[{country: DE, subdivision: BE}, {country: DE}]",
        18,
        "among those of its parts",
    ),
    "too many people": ("n: 2, groups", "n: 11, groups", 30, "write 10 or less"),
    "an escape of no character": ("reason: COLD", 'reason: "\\U00110000"', 27, "escape"),
    "an escape of far too much": ("reason: COLD", 'reason: "\\UFFFFFFFF"', 27, "escape"),
    "half a character": ("reason: COLD", 'reason: "\\uD800"', 27, "U+D800"),
    "a byte order mark in the middle": ("rules:\n", "\ufeffrules:\n", 20, "U+FEFF"),
    "a colon that is missing": ("    reason: COLD", "    reason COLD", 27, "':'"),
    "a list for a key": ("    reason: COLD", "    ? [a]\n    : COLD", 27, "can't be a key"),
    "brackets without end": ("reason: COLD", f"reason: {'[' * 300}", 27, "nested"),
    "a list without end": (
        "tool: [shop_rollback]",
        f"target: [{', '.join(f'a{number}' for number in range(501))}]",
        28,
        "500 are the most",
    ),
}

CASE_TYPOS: dict[str, tuple[str, str, int, str]] = {
    "reading by a tool that writes": ("action: rollback", "action: read", 3, "`rollback`, not"),
    "reading by an unknown tool": (
        "tool: shop_rollback, action: rollback",
        "tool: mail_send, action: read",
        3,
        "the action `read` goes with the tier `read`",
    ),
    "a service without a name": ("facts: {", "facts: {service: '', ", 3, "service: an empty word"),
    "a target with blanks": ("facts: {", "facts: {target: 'a  b', ", 3, "blanks that nobody sees"),
    "another risk than the tool's": ("tier: medium", "tier: high", 3, "`medium`, not `high`"),
    "a tool that there is not": ("shop_rollback", "shop_rolback", 3, "`shop_rollback`?"),
    "an expectation without a value": (
        "n: 3, groups",
        "n: , groups",
        4,
        "expect.n: it has no value",
    ),
    "an environment that there is not": (
        "{tool: shop_rollback, action: rollback, tier: medium, currency",
        "{environment: stagin, tool: shop_rollback, action: rollback, tier: medium, currency",
        7,
        "`staging`?",
    ),
    "an agent that there is not": ("{tool", "{agent: incidnt, tool", 3, "`incident`?"),
    "a system that there is not": ("{tool", "{platform: shopp, tool", 3, "`shop`?"),
    "a tenant that there is not": ("{tool", "{tenant: defualt, tool", 3, "`default`?"),
    "a requester's group that there is not": ("[oncall]}", "[onclal]}", 3, "`oncall`?"),
    "a currency that there is not": ("currency: EUR", "currency: eur", 7, "`EUR`?"),
    "an amount that is a word": ("exposure: 5", "exposure: 1e5", 7, "plain number"),
    "a confidence in quotes": ("{tool", "{confidence: '0.5', tool", 3, "plain number"),
    "a time beyond all": ("2026-12-24T10:00:00Z", "9999-12-31T23:59:59Z", 6, "1970 to 2100"),
    "a time before all": ("2026-12-24T10:00:00Z", "0001-01-01T00:00:00Z", 6, "1970 to 2100"),
    "a time that is a number": ("2026-12-24T10:00:00Z", "1", 6, "1970 to 2100"),
    "a time without a zone": ("10:00:00Z", "10:00:00", 6, "with its zone"),
    "a time and its calendars": ("currency: EUR", "calendars: [freeze]", 7, "one of the two"),
    "a name twice": ("in the freeze nothing is rolled back", "staging asks one", 5, "twice"),
    "calendars as a word": ("action: rollback", "calendars: freeze", 3, "write a list"),
}
