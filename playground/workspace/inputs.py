"""Elements that people fill in: find them in blocks, and turn what was typed into Slack's state."""

from collections.abc import Iterator
from pathlib import PurePath

from playground.workspace.model import Json

REQUIRED = "Please complete this required field."
VALUE_KEYS = {
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "rich_text_input": "rich_text_value",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "file_input": "files",
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "checkboxes": "selected_options",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "multi_users_select": "selected_users",
    "multi_channels_select": "selected_channels",
    "multi_conversations_select": "selected_conversations",
}
# Their options are known to the app alone, so what is chosen comes as a whole option.
EXTERNAL = frozenset({"external_select", "multi_external_select"})
# What holds several is an empty list while nothing is chosen.
SEVERAL = frozenset(
    {"files", "selected_channels", "selected_conversations", "selected_options", "selected_users"}
)
# Its choice is an act, and nothing that stays.
STATELESS = "overflow"
MAX_FILES = 10  # docs.slack.dev/reference/block-kit/block-elements/file-input-element
INITIAL_KEYS = {
    "rich_text_value": "initial_value",
    "value": "initial_value",
    "selected_option": "initial_option",
    "selected_options": "initial_options",
}


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield every interactive element with its block."""
    for block in blocks:
        listed = [*(block.get("elements") or []), *(block.get("actions") or [])]
        for element in [block.get("accessory"), block.get("element"), *listed]:
            if isinstance(element, dict) and "action_id" in element:
                yield block, element
        below = [*(block.get("elements") or []), *(block.get("child_blocks") or [])]
        yield from elements([inner for inner in below if inner.get("block_id")])


def find_element(
    blocks: list[Json], action_id: str, block_id: str | None
) -> tuple[Json, Json] | None:
    """Return (block, element) with that action id, in that block where one is named."""
    for block, element in elements(blocks):
        if element["action_id"] == action_id and block_id in (None, block.get("block_id")):
            return block, element
    return None


def all_options(element: Json) -> list[Json]:
    """Return the options of a select, grouped ones included."""
    groups = element.get("option_groups") or []
    return [*(element.get("options") or []), *(o for group in groups for o in group["options"])]


def _initial(element: Json, key: str) -> object:
    initial = INITIAL_KEYS.get(key, key.replace("selected", "initial"))
    return element.get(initial)


def stated(element: Json, raw: object) -> Json:
    """Return the element's entry in `state.values`.

    `raw` is the text, or the option's value(s); of an external select the whole option(s).
    """
    kind = str(element["type"])
    key = VALUE_KEYS.get(kind, "value")
    if raw is None or raw == "":
        return {"type": kind, key: [] if key in SEVERAL else None}
    if kind in EXTERNAL:
        options = [_as_sent(o) for o in (raw if isinstance(raw, list) else [raw])]
        return {"type": kind, key: options if key == "selected_options" else options[0]}
    if key == "selected_option":
        found = [option for option in all_options(element) if option.get("value") == raw]
        return {"type": kind, key: _as_sent(found[0]) if found else None}
    if key == "selected_options":
        chosen = raw if isinstance(raw, list) else [raw]
        return {
            "type": kind,
            key: [_as_sent(o) for o in all_options(element) if o.get("value") in chosen],
        }
    return {"type": kind, key: raw}


def _as_sent(option: object) -> Json:
    kept = option if isinstance(option, dict) else {"value": option}
    return {name: kept[name] for name in ("text", "value", "description") if name in kept}


def state_values(blocks: list[Json], raw: Json, before: Json) -> Json:
    """Return `state.values` of a view or a message from `raw` ({block_id: {action_id: value}}).

    What is not in `raw` keeps its value of `before`, else the element's initial one.
    """
    values: Json = {}
    for block, element in elements(blocks):
        kind = str(element["type"])
        if kind not in VALUE_KEYS or kind == STATELESS:
            continue
        block_id, action_id = block["block_id"], element["action_id"]
        typed = raw.get(block_id, {})
        if action_id in typed:
            entry = stated(element, typed[action_id])
        elif action_id in before.get(block_id, {}):
            entry = before[block_id][action_id]
        else:
            key = VALUE_KEYS[kind]
            entry = {"type": kind, key: _initial(element, key)}
            if key in SEVERAL and entry[key] is None:
                entry[key] = []
        values.setdefault(block_id, {})[action_id] = entry
    return values


def missing_fields(blocks: list[Json], values: Json) -> dict[str, str]:
    """Return what a Slack client itself refuses before it sends: required, too short, too long."""
    problems: dict[str, str] = {}
    for block, element in elements(blocks):
        if block.get("type") != "input":
            continue
        entry = values[block["block_id"]][element["action_id"]]
        value = entry[VALUE_KEYS.get(str(element["type"]), "value")]
        if value in (None, "", []):
            if not block.get("optional"):
                problems[block["block_id"]] = REQUIRED
        else:
            problem = _problem(element, value)
            if problem:
                problems[block["block_id"]] = problem
    return problems


def _problem(element: Json, value: object) -> str | None:
    if isinstance(value, str):
        return _text_problem(element, value)
    if not isinstance(value, list):
        return None
    is_files = element["type"] == "file_input"
    most = element.get("max_files", MAX_FILES) if is_files else element.get("max_selected_items")
    if most is not None and len(value) > int(most):
        return f"Please choose at most {most}."
    return _kind_problem(element.get("filetypes"), value) if is_files else None


def _kind_problem(wanted: list[str] | None, files: list[Json]) -> str | None:
    kinds = [kind.lower().removeprefix(".") for kind in wanted or []]
    for file in files:
        if kinds and PurePath(str(file["name"])).suffix.lower().removeprefix(".") not in kinds:
            return f"`{file['name']}` is of another kind. Please choose {', '.join(kinds)}."
    return None


def _text_problem(element: Json, value: str) -> str | None:
    if element["type"] == "number_input":
        return _number_problem(element, value)
    if len(value) < int(element.get("min_length") or 0):
        return f"Please use at least {element['min_length']} characters."
    if len(value) > int(element.get("max_length") or 3000):
        return f"Please use at most {element.get('max_length') or 3000} characters."
    return None


def _number_problem(element: Json, value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "Please enter a number."
    if not element.get("is_decimal_allowed") and not number.is_integer():
        return "Please enter a whole number."
    if "min_value" in element and number < float(element["min_value"]):
        return f"Please enter a number of at least {element['min_value']}."
    if "max_value" in element and number > float(element["max_value"]):
        return f"Please enter a number of at most {element['max_value']}."
    return None
