"""Rules of what people act on: buttons, menus, confirmations and their ids."""

from tests.conformance.rules import (
    BLOCKS,
    DIVIDER,
    ELEMENTS,
    OBJECTS,
    Call,
    Rule,
    actions,
    button,
    choice,
    limit,
    message,
    option,
    options,
    plain,
    words,
)

BUTTON, CONFIRM = f"{ELEMENTS}/button-element", f"{OBJECTS}/confirmation-dialog-object"
OPTION = f"{OBJECTS}/option-object"
SELECT = f"{ELEMENTS}/select-menu-element"
FEEDBACK = f"{ELEMENTS}/feedback-buttons-element"


def select(count: int = 1, **extra: object) -> dict[str, object]:
    return {"type": "static_select", "action_id": "s", "options": options(count), **extra}


def confirming(**extra: object) -> Call:
    dialog = {"title": plain("T"), "text": plain("x"), "confirm": plain("Yes"), "deny": plain("No")}
    return message(actions(button(confirm={**dialog, **extra})))


def feedback(**extra: object) -> dict[str, object]:
    good = {"text": plain("Good"), "value": "good", **extra}
    bad = {"text": plain("Bad"), "value": "bad"}
    return {
        "type": "context_actions",
        "elements": [{"type": "feedback_buttons", "positive_button": good, "negative_button": bad}],
    }


def icons(count: int) -> Call:
    icon = {"type": "icon_button", "icon": "trash", "text": plain("Delete")}
    return message({"type": "context_actions", "elements": [icon] * count})


IN_BUTTON = "/blocks/0/elements/0"
RULES: list[Rule] = [
    limit(
        "actions-elements",
        "An actions block has 1 to 25 elements",
        f"{BLOCKS}/actions-block",
        lambda n: message(actions(*(button(f"a{number}") for number in range(n)))),
        (1, 25),
        "/blocks/0/elements",
    ),
    limit(
        "button-text",
        "A button's text has 1 to 75 characters",
        BUTTON,
        lambda n: message(actions(button(text=plain(words(n))))),
        (1, 75),
        f"{IN_BUTTON}/text/text",
    ),
    limit(
        "button-value",
        "A button's value has up to 2000 characters",
        BUTTON,
        lambda n: message(actions(button(value=words(n)))),
        (0, 2000),
        f"{IN_BUTTON}/value",
    ),
    limit(
        "button-address",
        "A button's address has up to 3000 characters",
        BUTTON,
        lambda n: message(actions(button(url="https://example.com/" + words(n - 20)))),
        (0, 3000),
        f"{IN_BUTTON}/url",
    ),
    limit(
        "button-label",
        "A button's accessibility label has up to 75 characters",
        BUTTON,
        lambda n: message(actions(button(accessibility_label=words(n)))),
        (0, 75),
        f"{IN_BUTTON}/accessibility_label",
    ),
    limit(
        "button-prompt",
        "A button's prompt for Slackbot has up to 4000 characters",
        BUTTON,
        lambda n: message(actions(button(agent_prompt=words(n)))),
        (0, 4000),
        f"{IN_BUTTON}/agent_prompt",
    ),
    choice(
        "button-style",
        "A button is plain, primary or danger, with plain text on it",
        BUTTON,
        {style: message(actions(button(style=style))) for style in ("primary", "danger")},
        {
            "green": (message(actions(button(style="green"))), f"{IN_BUTTON}/style"),
            "mrkdwn on it": (
                message(actions(button(text={"type": "mrkdwn", "text": "x"}))),
                f"{IN_BUTTON}/text/type",
            ),
            "nothing on it": (
                message(actions({"type": "button", "action_id": "a"})),
                IN_BUTTON,
            ),
        },
    ),
    limit(
        "action-id",
        "An action_id has up to 255 characters",
        BUTTON,
        lambda n: message(actions(button(words(n)))),
        (0, 255),
        f"{IN_BUTTON}/action_id",
    ),
    choice(
        "action-id-unique",
        "Each action_id stands once in a block",
        BUTTON,
        {"in two blocks": message(actions(button("a")), actions(button("a")))},
        {
            "twice in one": (
                message(actions(button("a"), button("a"))),
                "/blocks/0/elements/1/action_id",
            )
        },
    ),
    limit(
        "block-id",
        "A block_id has up to 255 characters",
        BLOCKS,
        lambda n: message({**DIVIDER, "block_id": words(n)}),
        (0, 255),
        "/blocks/0/block_id",
    ),
    choice(
        "block-id-unique",
        "Each block_id stands once in a message",
        BLOCKS,
        {"two": message({**DIVIDER, "block_id": "a"}, {**DIVIDER, "block_id": "b"})},
        {
            "one twice": (
                message({**DIVIDER, "block_id": "a"}, {**DIVIDER, "block_id": "a"}),
                "/blocks/1/block_id",
            )
        },
    ),
    limit(
        "select-options",
        "A menu has 1 to 100 options",
        SELECT,
        lambda n: message(actions(select(n))),
        (1, 100),
        f"{IN_BUTTON}/options",
    ),
    limit(
        "select-groups",
        "A menu has up to 100 groups of options",
        SELECT,
        lambda n: message(
            actions(
                {
                    "type": "static_select",
                    "action_id": "s",
                    "option_groups": [{"label": plain("G"), "options": options(1)}] * n,
                }
            )
        ),
        (1, 100),
        f"{IN_BUTTON}/option_groups",
    ),
    choice(
        "select-source",
        "A menu has options or groups of them, not both",
        SELECT,
        {"options": message(actions(select()))},
        {
            "neither": (
                message(actions({"type": "static_select", "action_id": "s"})),
                IN_BUTTON,
            ),
            "both": (
                message(
                    actions(select(option_groups=[{"label": plain("G"), "options": options(1)}]))
                ),
                IN_BUTTON,
            ),
        },
    ),
    limit(
        "option-text",
        "An option's text has 1 to 75 characters",
        OPTION,
        lambda n: message(actions(select(options=[option(text=plain(words(n)))]))),
        (1, 75),
        f"{IN_BUTTON}/options/0/text/text",
    ),
    limit(
        "option-value",
        "An option's value has up to 150 characters",
        OPTION,
        lambda n: message(actions(select(options=[option(words(n))]))),
        (0, 150),
        f"{IN_BUTTON}/options/0/value",
    ),
    limit(
        "overflow-options",
        "An overflow menu has 1 to 5 options",
        f"{ELEMENTS}/overflow-menu-element",
        lambda n: message(actions({"type": "overflow", "action_id": "o", "options": options(n)})),
        (1, 5),
        f"{IN_BUTTON}/options",
    ),
    limit(
        "radio-options",
        "Radio buttons are 1 to 10",
        f"{ELEMENTS}/radio-button-group-element",
        lambda n: message(
            actions({"type": "radio_buttons", "action_id": "r", "options": options(n)})
        ),
        (1, 10),
        f"{IN_BUTTON}/options",
    ),
    limit(
        "checkbox-options",
        "Checkboxes are 1 to 10",
        f"{ELEMENTS}/checkboxes-element",
        lambda n: message(actions({"type": "checkboxes", "action_id": "c", "options": options(n)})),
        (1, 10),
        f"{IN_BUTTON}/options",
    ),
    limit(
        "placeholder",
        "A placeholder has up to 150 characters",
        SELECT,
        lambda n: message(actions(select(placeholder=plain(words(n))))),
        (1, 150),
        f"{IN_BUTTON}/placeholder/text",
    ),
    *(
        limit(
            f"confirm-{part}",
            f"A confirmation's {part} has 1 to {most} characters",
            CONFIRM,
            lambda n, part=part: confirming(**{part: plain(words(n))}),  # type: ignore[misc]  # bound now
            (1, most),
            f"{IN_BUTTON}/confirm/{part}/text",
        )
        for part, most in {"title": 100, "text": 300, "confirm": 30, "deny": 30}.items()
    ),
    choice(
        "confirm-whole",
        "A confirmation has a title, a text and both answers, and a known style",
        CONFIRM,
        {"danger": confirming(style="danger")},
        {
            "no way back": (confirming(deny=None), f"{IN_BUTTON}/confirm"),
            "a loud style": (confirming(style="loud"), f"{IN_BUTTON}/confirm/style"),
        },
    ),
    limit(
        "context-actions",
        "A block of context actions has 1 to 5 elements",
        f"{BLOCKS}/context-actions-block",
        icons,
        (1, 5),
        "/blocks/0/elements",
    ),
    limit(
        "feedback-text",
        "A feedback button's text has 1 to 75 characters",
        FEEDBACK,
        lambda n: message(feedback(text=plain(words(n)))),
        (1, 75),
        f"{IN_BUTTON}/positive_button/text/text",
    ),
    limit(
        "feedback-value",
        "A feedback button's value has up to 2000 characters",
        FEEDBACK,
        lambda n: message(feedback(value=words(n))),
        (1, 2000),
        f"{IN_BUTTON}/positive_button/value",
    ),
    choice(
        "icon",
        "The one icon of an icon button is `trash`",
        f"{ELEMENTS}/icon-button-element",
        {"trash": icons(1)},
        {
            "a rocket": (
                message(
                    {
                        "type": "context_actions",
                        "elements": [
                            {"type": "icon_button", "icon": "rocket", "text": plain("Go")}
                        ],
                    }
                ),
                f"{IN_BUTTON}/icon",
            )
        },
    ),
]
