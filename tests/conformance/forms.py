"""Rules of what people fill in: inputs, dates, filters."""

from tests.conformance.rules import (
    BLOCKS,
    ELEMENTS,
    MEASURED,
    OBJECTS,
    Call,
    Rule,
    actions,
    asking,
    button,
    choice,
    limit,
    message,
    modal,
    option,
    options,
    plain,
    section,
    words,
)

INPUT, TEXT_INPUT = f"{BLOCKS}/input-block", f"{ELEMENTS}/plain-text-input-element"
IN_ACTIONS = "/blocks/0/elements/0"


def select() -> dict[str, object]:
    return {"type": "static_select", "action_id": "s", "options": options(1)}


def typing(**extra: object) -> Call:
    return modal(asking({"type": "plain_text_input", "action_id": "a", **extra}))


def number(**extra: object) -> dict[str, object]:
    return {"type": "number_input", "action_id": "n", "is_decimal_allowed": True, **extra}


RULES: list[Rule] = [
    limit(
        "input-label",
        "An input's label has 1 to 2000 characters",
        INPUT,
        lambda n: modal(
            asking({"type": "plain_text_input", "action_id": "a"}, label=plain(words(n)))
        ),
        (1, 2000),
        "/view/blocks/0/label/text",
    ),
    choice(
        "input-element",
        "An input holds one element of those that take something in",
        INPUT,
        {"a menu": modal(asking(select()))},
        {
            "a button": (modal(asking(button())), "/view/blocks/0/element/type"),
            "nothing": (modal({"type": "input", "label": plain("L")}), "/view/blocks/0"),
            "files that dispatch": (
                modal(asking({"type": "file_input", "action_id": "f"}, dispatch_action=True)),
                "/view/blocks/0/element/type",
            ),
        },
    ),
    limit(
        "text-max-length",
        "A text input takes up to 1 to 3000 characters",
        TEXT_INPUT,
        lambda n: typing(max_length=n),
        (1, 3000),
        "/view/blocks/0/element/max_length",
    ),
    limit(
        "text-min-length",
        "A text input asks for up to 3000 characters",
        TEXT_INPUT,
        lambda n: typing(min_length=n),
        (0, 3000),
        "/view/blocks/0/element/min_length",
    ),
    limit(
        "file-input",
        "A file input takes 1 to 10 files",
        f"{ELEMENTS}/file-input-element",
        lambda n: modal(asking({"type": "file_input", "action_id": "f", "max_files": n})),
        (1, 10),
        "/view/blocks/0/element/max_files",
    ),
    choice(
        "number-input",
        "A number input says whether it takes decimals",
        f"{ELEMENTS}/number-input-element",
        {
            "whole": modal(
                asking({"type": "number_input", "action_id": "n", "is_decimal_allowed": False})
            )
        },
        {
            "silent": (
                modal(asking({"type": "number_input", "action_id": "n"})),
                "/view/blocks/0/element",
            )
        },
    ),
    choice(
        "dates",
        "A date is written YYYY-MM-DD, a time HH:mm",
        f"{ELEMENTS}/date-picker-element",
        {
            "both": message(
                actions(
                    {"type": "datepicker", "action_id": "d", "initial_date": "2026-11-22"},
                    {"type": "timepicker", "action_id": "t", "initial_time": "09:30"},
                )
            )
        },
        {
            "a German date": (
                message(
                    section(
                        accessory={
                            "type": "datepicker",
                            "action_id": "d",
                            "initial_date": "22.11.2026",
                        }
                    )
                ),
                "/blocks/0/accessory/initial_date",
            ),
            "a day that there is not": (
                message(
                    section(
                        accessory={
                            "type": "datepicker",
                            "action_id": "d",
                            "initial_date": "2026-02-30",
                        }
                    )
                ),
                "/blocks/0/accessory/initial_date",
            ),
            "an hour that there is not": (
                message(
                    section(
                        accessory={"type": "timepicker", "action_id": "t", "initial_time": "24:00"}
                    )
                ),
                "/blocks/0/accessory/initial_time",
            ),
            "a short time": (
                message(
                    section(
                        accessory={"type": "timepicker", "action_id": "t", "initial_time": "9:30"}
                    )
                ),
                "/blocks/0/accessory/initial_time",
            ),
        },
    ),
    choice(
        "conversation-filter",
        "A filter of conversations names kinds that there are",
        f"{OBJECTS}/conversation-filter-object",
        {
            "public": message(
                actions(
                    {
                        "type": "conversations_select",
                        "action_id": "c",
                        "filter": {"include": ["public"]},
                    }
                )
            )
        },
        {
            "secret": (
                message(
                    actions(
                        {
                            "type": "conversations_select",
                            "action_id": "c",
                            "filter": {"include": ["secret"]},
                        }
                    )
                ),
                f"{IN_ACTIONS}/filter/include/0",
            ),
            "nothing": (
                message(
                    actions({"type": "conversations_select", "action_id": "c", "filter": {}}),
                ),
                f"{IN_ACTIONS}/filter",
            ),
        },
    ),
    choice(
        "initial-options",
        "What is chosen to begin with is one of the options",
        f"{ELEMENTS}/select-menu-element; {MEASURED}",
        {
            "the second": message(
                actions(select() | {"options": options(2), "initial_option": option("1")})
            ),
            "one of a group": message(
                actions(
                    {
                        "type": "multi_static_select",
                        "action_id": "m",
                        "option_groups": [{"label": plain("All"), "options": options(2)}],
                        "initial_options": [option("0")],
                    }
                )
            ),
        },
        {
            "another": (
                message(actions(select() | {"initial_option": option("9")})),
                f"{IN_ACTIONS}/initial_option",
            ),
            "another box": (
                message(
                    actions(
                        {
                            "type": "checkboxes",
                            "action_id": "c",
                            "options": options(2),
                            "initial_options": [option("0"), option("9")],
                        }
                    )
                ),
                f"{IN_ACTIONS}/initial_options",
            ),
        },
    ),
    choice(
        "focus",
        "One element of a view has the focus when it opens",
        f"{ELEMENTS}/plain-text-input-element",
        {"one": typing(focus_on_load=True)},
        {
            "two": (
                modal(
                    *(
                        asking(
                            {"type": "plain_text_input", "action_id": "a", "focus_on_load": True}
                        )
                        for _ in range(2)
                    )
                ),
                "/view/blocks/1/element/focus_on_load",
            )
        },
    ),
    choice(
        "number-bounds",
        "The bounds of a number are numbers, written as text",
        f"{ELEMENTS}/number-input-element",
        {"-1.5 to 2": modal(asking(number(min_value="-1.5", max_value="2")))},
        {
            "few": (
                modal(asking(number(min_value="few"))),
                "/view/blocks/0/element/min_value",
            )
        },
    ),
    choice(
        "dispatch-config",
        "A text input dispatches on enter or on each character",
        f"{OBJECTS}/dispatch-action-configuration-object",
        {"enter": typing(dispatch_action_config={"trigger_actions_on": ["on_enter_pressed"]})},
        {
            "hover": (
                typing(dispatch_action_config={"trigger_actions_on": ["on_hover"]}),
                "/view/blocks/0/element/dispatch_action_config/trigger_actions_on/0",
            )
        },
    ),
]
