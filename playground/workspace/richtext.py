"""Rich text as Slack documents it: sections, lists, quotes, code, and what stands in them.

docs.slack.dev/reference/block-kit/blocks/rich-text-block and the elements that it names.
"""

from playground.workspace.inspection import (
    Check,
    Shape,
    anything,
    array,
    boolean,
    enum,
    integer,
    nested,
    number,
    string,
    typed,
)

STYLES = (
    "bold",
    "client_highlight",
    "code",
    "highlight",
    "italic",
    "strike",
    "underline",
    "unlink",
)
STYLE = nested(Shape(optional=dict.fromkeys(STYLES, boolean)))


def _leaf(required: dict[str, Check], *optional: str) -> Shape:
    return Shape(required=required, optional={"style": STYLE, **dict.fromkeys(optional, anything)})


TEXT = _leaf({"text": string()})
LINK = _leaf({"url": string()}, "from_llm", "is_slack_url", "text", "truncated", "unsafe")
COLORS = ("gray", "brown", "purple", "indigo", "blue", "green", "yellow", "orange", "red")
LEAVES: dict[str, Shape] = {
    "attachment_mention": _leaf(
        {"url": string()},
        *("app_id", "channel_id", "entity_id", "full_size_preview_enabled", "icon_name"),
        *("icon_url", "product_name", "reference_object_type", "text", "ts"),
    ),
    "broadcast": _leaf({"range": enum("here", "channel", "everyone")}),
    "canvas": _leaf(
        {"file_id": string()},
        *("hide_title", "is_skill_invocation", "label", "section_id", "text", "url"),
    ),
    "canvas_message_unfurl": _leaf({"root_message_ts": string(), "root_message_channel": string()}),
    "canvas_user_mention": _leaf({"user_id": string()}, "thread_id"),
    "channel": _leaf({"channel_id": string()}, "from_llm", "tab_id"),
    "citation": _leaf(
        {"url": string(), "text": string(), "index": number, "details": anything},
        *("from_llm", "is_slack_url"),
    ),
    "color": _leaf({"value": string()}),
    "date": _leaf({"timestamp": number, "format": string()}, "fallback", "timezone", "url"),
    "emoji": _leaf({"name": string()}, "skin_tone", "unicode"),
    "file": _leaf({"file_id": string()}, "is_skill_invocation", "text", "url"),
    "link": LINK,
    "list_record": _leaf({"file_id": string()}, "record_id", "text", "url", "view_id"),
    "message_mention": _leaf(
        {"channel_id": string(), "message_ts": string()}, "author_id", "text", "thread_ts", "url"
    ),
    "salesforce_data_field": _leaf(
        {"salesforce_record_id": string()},
        *("salesforce_field_api_name", "salesforce_field_label", "salesforce_include_field_label"),
    ),
    "tag": Shape(required={"text": string()}, optional={"color": enum(*COLORS), "style": STYLE}),
    "team": _leaf({"team_id": string()}),
    "text": TEXT,
    "user": _leaf({"user_id": string()}, "from_llm"),
    "usergroup": _leaf({"usergroup_id": string()}),
    "work_object_mention": _leaf(
        {"entity_id": string(), "app_id": string(), "text": string(), "url": string()},
        *("full_size_preview_enabled", "icon_url", "product_name"),
    ),
    "workflow_mention": _leaf(
        {"workflow_id": string(), "function_trigger_id": string(), "text": string()},
        *("channel_id", "ts", "url"),
    ),
}
INLINE = array(typed(LEAVES), least=0)
SECTION = Shape(required={"elements": INLINE})
PARTS: dict[str, Shape] = {
    "rich_text_list": Shape(
        required={
            "style": enum("bullet", "ordered"),
            "elements": array(typed({"rich_text_section": SECTION})),
        },
        optional={"border": integer(0), "indent": integer(0), "offset": integer(0)},
    ),
    "rich_text_preformatted": Shape(
        required={"elements": array(typed({"link": LINK, "text": TEXT}), least=0)},
        optional={"border": integer(0), "language": string()},
    ),
    "rich_text_quote": Shape(required={"elements": INLINE}, optional={"border": integer(0)}),
    "rich_text_section": SECTION,
}
RICH_TEXT = Shape(
    required={"elements": array(typed(PARTS), least=0)}, optional={"block_id": anything}
)
