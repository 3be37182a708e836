"""Block elements as Slack documents them: keys, sizes, values, surfaces and where they belong.

Each entry is docs.slack.dev/reference/block-kit/block-elements/<its type>; options, confirmations
and filters are of .../composition-objects.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from playground.workspace.inspection import (
    Check,
    Inspection,
    Shape,
    anything,
    array,
    boolean,
    date,
    enum,
    integer,
    matching,
    nested,
    plain,
    string,
    text,
    typed,
)
from playground.workspace.model import Json
from playground.workspace.richtext import RICH_TEXT

MAX_OPTIONS, MAX_CHOICES, MAX_OVERFLOW = 100, 10, 5
MAX_URL, MAX_VALUE, MAX_LABEL, MAX_INPUT, MAX_LINES = 3000, 2000, 75, 3000, 100

CONFIRM = nested(
    Shape(
        required={"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
        optional={"style": enum("primary", "danger")},
    )
)


def _any_of(*names: str) -> Callable[[Inspection, Json, str], None]:
    """Return the check of an object that has no field of its own to need, but one of them all."""

    def check(at: Inspection, value: Json, pointer: str) -> None:
        if all(value.get(name) is None for name in names):
            at.report(f"missing required field: {names[0]}", pointer)

    return check


SLACK_FILE = nested(
    Shape(optional={"id": string(), "url": string(MAX_URL)}, also=_any_of("id", "url"))
)
DISPATCH = nested(
    Shape(
        required={"trigger_actions_on": array(enum("on_enter_pressed", "on_character_entered"), 2)}
    )
)
FILTER = nested(
    Shape(
        optional={
            "include": array(enum("im", "mpim", "private", "public")),
            "exclude_external_shared_channels": boolean,
            "exclude_bot_users": boolean,
        },
        also=_any_of("include", "exclude_external_shared_channels", "exclude_bot_users"),
    )
)


def _option(*, is_plain: bool) -> Check:
    shown = text(MAX_LABEL, is_plain=is_plain)
    return nested(
        Shape(
            required={"text": shown, "value": string(150)},
            optional={"description": shown, "url": string(MAX_URL)},
        )
    )


OPTION, RICH_OPTION = _option(is_plain=True), _option(is_plain=False)
GROUP = nested(Shape(required={"label": plain(MAX_LABEL), "options": array(OPTION, MAX_OPTIONS)}))


def _options_or_groups(at: Inspection, element: Json, pointer: str) -> None:
    given = [name for name in ("options", "option_groups") if element.get(name) is not None]
    if not given:
        at.report("missing required field: options", pointer)
    elif len(given) > 1:
        at.report("invalid additional property: option_groups", pointer)


def _initial_is_offered(at: Inspection, element: Json, pointer: str) -> None:
    """Check that what is chosen to begin with is offered; Slack's words, but not on its pages."""
    groups = [group for group in _listed(element.get("option_groups")) if isinstance(group, dict)]
    lists = [element.get("options"), *(group.get("options") for group in groups)]
    offered = [_meant(option) for options in lists for option in _listed(options)]
    for name in ("initial_option", "initial_options"):
        given = element.get(name)
        wanted = [] if given is None else given if isinstance(given, list) else [given]
        if any(_meant(option) not in offered for option in wanted):
            at.report("must be one of the provided options", f"{pointer}/{name}")


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _meant(option: object) -> object:
    """Return what tells an option from another: its value and its words."""
    if not isinstance(option, dict):
        return option
    shown = option.get("text")
    return option.get("value"), shown.get("text") if isinstance(shown, dict) else shown


def _offers(at: Inspection, element: Json, pointer: str) -> None:
    _options_or_groups(at, element, pointer)
    _initial_is_offered(at, element, pointer)


def image_source(at: Inspection, image: Json, pointer: str) -> None:
    """Check that an image has one source: an address, or a file of Slack's."""
    given = [name for name in ("image_url", "slack_file") if image.get(name) is not None]
    if not given:
        at.report("missing required field: image_url", pointer)
    elif len(given) > 1:
        at.report("invalid additional property: slack_file", pointer)


IMAGE = Shape(
    required={"alt_text": string(MAX_VALUE)},
    optional={"image_url": string(MAX_URL), "slack_file": SLACK_FILE},
    also=image_source,
)


def _element(required: Mapping[str, Check], **optional: Check) -> Shape:
    return Shape(required=required, optional={"action_id": anything, **optional})


def _menu(required: Mapping[str, Check], **optional: Check) -> Shape:
    return _element(
        required,
        confirm=CONFIRM,
        focus_on_load=boolean,
        placeholder=plain(150),
        **optional,
    )


def _static(**optional: Check) -> Shape:
    menu = _menu(
        {},
        options=array(OPTION, MAX_OPTIONS),
        option_groups=array(GROUP, MAX_OPTIONS),
        **optional,
    )
    return Shape(optional=menu.optional, also=_offers)


def _typing(required: Mapping[str, Check], **optional: Check) -> Shape:
    return _element(
        required,
        dispatch_action_config=DISPATCH,
        focus_on_load=boolean,
        placeholder=plain(150),
        **optional,
    )


def _in_modals(shape: Shape) -> Shape:
    return Shape(required=shape.required, optional=shape.optional, surfaces=("modal",))


FEEDBACK = nested(
    Shape(
        required={"text": plain(MAX_LABEL), "value": string(MAX_VALUE)},
        optional={"accessibility_label": string(MAX_LABEL)},
    )
)
BUTTON = _element(
    {"text": plain(MAX_LABEL)},
    accessibility_label=string(MAX_LABEL),
    agent_prompt=string(4000),
    agent_prompt_display=anything,
    confirm=CONFIRM,
    style=enum("primary", "danger"),
    url=string(MAX_URL),
    value=string(MAX_VALUE, least=0),
    visible_to_user_ids=array(string()),
)
SEVERAL = {"max_selected_items": integer(1)}
LINES = integer(1, MAX_LINES)
NUMBER = matching(r"-?\d+(\.\d+)?")

ELEMENTS: dict[str, Shape] = {
    "button": BUTTON,
    "channels_select": _menu({}, initial_channel=string(), response_url_enabled=boolean),
    "checkboxes": replace(
        _element(
            {"options": array(RICH_OPTION, MAX_CHOICES)},
            confirm=CONFIRM,
            focus_on_load=boolean,
            initial_options=array(RICH_OPTION, MAX_CHOICES),
        ),
        also=_initial_is_offered,
    ),
    "conversations_select": _menu(
        {},
        default_to_current_conversation=boolean,
        filter=FILTER,
        initial_conversation=string(),
        response_url_enabled=boolean,
    ),
    "datepicker": _menu({}, initial_date=date),
    "datetimepicker": Shape(
        optional={
            "action_id": anything,
            "confirm": CONFIRM,
            "focus_on_load": boolean,
            "initial_date_time": integer(10**9, 10**10 - 1),
        },
        surfaces=("message", "modal"),
    ),
    "email_text_input": _in_modals(_typing({}, initial_value=string(least=0))),
    "external_select": _menu({}, initial_option=OPTION, min_query_length=integer(0)),
    "feedback_buttons": _element({"positive_button": FEEDBACK, "negative_button": FEEDBACK}),
    "file_input": _in_modals(_element({}, filetypes=array(string()), max_files=integer(1, 10))),
    "icon_button": _element(
        {"icon": enum("trash"), "text": plain(MAX_LABEL)},
        accessibility_label=string(MAX_LABEL),
        confirm=CONFIRM,
        value=string(MAX_VALUE),
        visible_to_user_ids=array(string()),
    ),
    "image": IMAGE,
    "multi_channels_select": _menu({}, initial_channels=array(string(), least=0), **SEVERAL),
    "multi_conversations_select": _menu(
        {},
        default_to_current_conversation=boolean,
        filter=FILTER,
        initial_conversations=array(string(), least=0),
        **SEVERAL,
    ),
    "multi_external_select": _menu(
        {}, initial_options=array(OPTION), min_query_length=integer(0), **SEVERAL
    ),
    "multi_static_select": _static(initial_options=array(OPTION), **SEVERAL),
    "multi_users_select": _menu({}, initial_users=array(string(), least=0), **SEVERAL),
    "number_input": _in_modals(
        _typing(
            {"is_decimal_allowed": boolean},
            initial_value=NUMBER,
            max_value=NUMBER,
            min_value=NUMBER,
        )
    ),
    "overflow": _element({"options": array(OPTION, MAX_OVERFLOW)}, confirm=CONFIRM),
    "plain_text_input": _typing(
        {},
        initial_value=string(MAX_INPUT, least=0),
        max_length=integer(1, MAX_INPUT),
        min_length=integer(0, MAX_INPUT),
        multiline=boolean,
    ),
    "radio_buttons": replace(
        _element(
            {"options": array(RICH_OPTION, MAX_CHOICES)},
            confirm=CONFIRM,
            focus_on_load=boolean,
            initial_option=RICH_OPTION,
        ),
        also=_initial_is_offered,
    ),
    "rich_text_input": Shape(
        required={"action_id": anything},
        optional=_typing(
            {}, initial_value=typed({"rich_text": RICH_TEXT}), max_lines=LINES, min_lines=LINES
        ).optional,
        surfaces=("modal", "home"),
    ),
    "static_select": _static(initial_option=OPTION),
    "timepicker": _menu({}, initial_time=matching(r"([01]\d|2[0-3]):[0-5]\d"), timezone=string()),
    "url_text_input": _in_modals(_typing({}, initial_value=string(least=0))),
    "users_select": _menu({}, initial_user=string()),
    "workflow_button": Shape(
        required={
            "action_id": anything,
            "text": plain(MAX_LABEL),
            "workflow": nested(Shape(required={"trigger": anything})),
        },
        optional={
            "accessibility_label": string(MAX_LABEL),
            "style": enum("primary", "danger"),
        },
        surfaces=("message",),
    ),
}
SELECTS = tuple(kind for kind in ELEMENTS if kind.endswith("_select"))
CHOOSERS = ("checkboxes", "datepicker", "radio_buttons", "timepicker", *SELECTS)
IN_SECTIONS = ("button", "image", "overflow", "workflow_button", *CHOOSERS)
IN_ACTIONS = (
    *("button", "datetimepicker", "overflow", "rich_text_input", "workflow_button"),
    *CHOOSERS,
)
IN_INPUTS = (
    *("datetimepicker", "email_text_input", "file_input", "number_input", "plain_text_input"),
    *("rich_text_input", "url_text_input"),
    *CHOOSERS,
)


def element_of(*kinds: str) -> Check:
    """Return the check of an element that must be of one of `kinds`."""
    return typed({kind: ELEMENTS[kind] for kind in kinds}, is_element=True)
