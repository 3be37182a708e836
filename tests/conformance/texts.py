"""Rules of blocks that show text and pictures: section, header, context, image, markdown ..."""

from tests.conformance.rules import (
    BLOCKS,
    DIVIDER,
    ELEMENTS,
    MEASURED,
    OBJECTS,
    PICTURE,
    Rule,
    asking,
    choice,
    home,
    limit,
    message,
    modal,
    mrkdwn,
    plain,
    rich,
    rich_section,
    section,
    words,
)

SECTION, HEADER, CONTEXT = (f"{BLOCKS}/{name}-block" for name in ("section", "header", "context"))
IMAGE, RICH_TEXT = f"{BLOCKS}/image-block", f"{BLOCKS}/rich-text-block"
MARKDOWN, VIDEO = f"{BLOCKS}/markdown-block", f"{BLOCKS}/video-block"


def header(count: int, **extra: object) -> dict[str, object]:
    return {"type": "header", "text": plain(words(count)), **extra}


def video(**extra: object) -> dict[str, object]:
    return {
        "type": "video",
        "alt_text": "A",
        "title": plain("T"),
        "thumbnail_url": "https://example.com/a.png",
        "video_url": "https://example.com/v",
        **extra,
    }


def leaf(**keys: object) -> dict[str, object]:
    return rich(rich_section(keys))


RULES: list[Rule] = [
    limit(
        "section-text",
        "A section's text has 1 to 3000 characters",
        SECTION,
        lambda n: message(section(words(n))),
        (1, 3000),
        "/blocks/0/text/text",
    ),
    limit(
        "section-fields",
        "A section has up to 10 fields",
        SECTION,
        lambda n: message({"type": "section", "fields": [mrkdwn("x")] * n}),
        (0, 10),
        "/blocks/0/fields",
    ),
    limit(
        "section-field-text",
        "A field has up to 2000 characters",
        SECTION,
        lambda n: message({"type": "section", "fields": [mrkdwn(words(n))]}),
        (1, 2000),
        "/blocks/0/fields/0/text",
    ),
    choice(
        "section-content",
        "A section has a text or fields, and an accessory of a kind that fits",
        SECTION,
        {"fields only": message({"type": "section", "fields": [plain("x")]})},
        {
            "nothing": (message({"type": "section"}), "/blocks/0"),
            "an input beside it": (
                modal(section(accessory={"type": "plain_text_input", "action_id": "a"})),
                "/view/blocks/0/accessory/type",
            ),
            "expand as text": (message(section(expand="yes")), "/blocks/0/expand"),
        },
    ),
    limit(
        "header-text",
        "A header has 1 to 150 characters",
        HEADER,
        lambda n: message(header(n)),
        (1, 150),
        "/blocks/0/text/text",
    ),
    limit(
        "header-level",
        "A header's level is 1 to 4",
        HEADER,
        lambda n: message(header(1, level=n)),
        (1, 4),
        "/blocks/0/level",
    ),
    choice(
        "header-plain",
        "A header is plain text",
        HEADER,
        {"plain": message(header(1))},
        {"mrkdwn": (message({"type": "header", "text": mrkdwn("x")}), "/blocks/0/text/type")},
    ),
    choice(
        "text-object",
        "A text object has a known type, and `emoji` or `verbatim` by it",
        f"{OBJECTS}/text-object",
        {
            "emoji": message(section() | {"text": plain("x") | {"emoji": True}}),
            "verbatim": message(section() | {"text": mrkdwn("x") | {"verbatim": True}}),
        },
        {
            "html": (
                message({"type": "section", "text": {"type": "html", "text": "x"}}),
                "/blocks/0/text/type",
            ),
            "a bare string": (message({"type": "section", "text": "x"}), "/blocks/0/text"),
            "emoji in mrkdwn": (
                message({"type": "section", "text": mrkdwn("x") | {"emoji": True}}),
                "/blocks/0/text",
            ),
            "no text in it": (
                message({"type": "section", "text": {"type": "mrkdwn"}}),
                "/blocks/0/text",
            ),
        },
    ),
    limit(
        "context-elements",
        "A context has 1 to 10 elements",
        CONTEXT,
        lambda n: message({"type": "context", "elements": [mrkdwn("x")] * n}),
        (1, 10),
        "/blocks/0/elements",
    ),
    choice(
        "context-kinds",
        "A context holds texts and pictures",
        CONTEXT,
        {"both": message({"type": "context", "elements": [plain("x"), PICTURE]})},
        {
            "a button": (
                message({"type": "context", "elements": [{"type": "button", "text": plain("x")}]}),
                "/blocks/0/elements/0/type",
            )
        },
    ),
    limit(
        "image-alt-text",
        "An image's alternative text has 1 to 2000 characters",
        IMAGE,
        lambda n: message({**PICTURE, "alt_text": words(n)}),
        (1, 2000),
        "/blocks/0/alt_text",
    ),
    limit(
        "image-address",
        "An image's address has up to 3000 characters",
        IMAGE,
        lambda n: message({**PICTURE, "image_url": "https://example.com/" + words(n - 20)}),
        (0, 3000),
        "/blocks/0/image_url",
    ),
    limit(
        "image-title",
        "An image's title has up to 2000 characters",
        IMAGE,
        lambda n: message({**PICTURE, "title": plain(words(n))}),
        (1, 2000),
        "/blocks/0/title/text",
    ),
    choice(
        "image-source",
        "An image has either an address or a file of Slack's, and an alternative text",
        IMAGE,
        {"a file": message({"type": "image", "alt_text": "A", "slack_file": {"id": "F1"}})},
        {
            "no source": (message({"type": "image", "alt_text": "A"}), "/blocks/0"),
            "two sources": (message({**PICTURE, "slack_file": {"id": "F1"}}), "/blocks/0"),
            "no alternative text": (
                message({"type": "image", "image_url": "https://example.com/a.png"}),
                "/blocks/0",
            ),
        },
    ),
    limit(
        "markdown-text",
        "A markdown block has 1 to 12 000 characters",
        MARKDOWN,
        lambda n: message({"type": "markdown", "text": words(n)}),
        (1, 12_000),
        "/blocks/0/text",
    ),
    limit(
        "markdown-together",
        "All markdown blocks together have up to 12 000 characters",
        MARKDOWN,
        lambda n: message(
            {"type": "markdown", "text": words(6000)}, {"type": "markdown", "text": words(n - 6000)}
        ),
        (0, 12_000),
        "/blocks",
    ),
    limit(
        "video-title",
        "A video's title is below 200 characters",
        VIDEO,
        lambda n: message(video(title=plain(words(n)))),
        (1, 199),
        "/blocks/0/title/text",
    ),
    limit(
        "video-author",
        "A video's author is below 50 characters",
        VIDEO,
        lambda n: message(video(author_name=words(n))),
        (0, 49),
        "/blocks/0/author_name",
    ),
    choice(
        "video-address",
        "A video is fetched over HTTPS",
        VIDEO,
        {"https": message(video())},
        {"http": (message(video(video_url="http://example.com/v")), "/blocks/0/video_url")},
    ),
    choice(
        "rich-text-parts",
        "Rich text consists of sections, lists, quotes and code",
        RICH_TEXT,
        {
            "mentions": message(
                rich(
                    rich_section(
                        {"type": "channel", "channel_id": "C1"},
                        {"type": "usergroup", "usergroup_id": "S1"},
                        {"type": "broadcast", "range": "here"},
                        {"type": "date", "timestamp": 1720710212, "format": "{date_num}"},
                        {"type": "color", "value": "#F405B3"},
                        {"type": "tag", "text": "Open", "color": "green"},
                    )
                )
            ),
            "all four": message(
                rich(
                    rich_section({"type": "text", "text": "x", "style": {"bold": True}}),
                    {
                        "type": "rich_text_list",
                        "style": "bullet",
                        "elements": [rich_section({"type": "user", "user_id": "U1"})],
                    },
                    {"type": "rich_text_quote", "elements": [{"type": "emoji", "name": "eyes"}]},
                    {
                        "type": "rich_text_preformatted",
                        "elements": [{"type": "link", "url": "https://example.com"}],
                    },
                )
            ),
        },
        {
            "a table in it": (
                message(rich({"type": "table", "rows": []})),
                "/blocks/0/elements/0/type",
            ),
            "a tag of no colour": (
                message(leaf(type="tag", text="x", color="beige")),
                "/blocks/0/elements/0/elements/0/color",
            ),
            "an unknown leaf": (
                message(leaf(type="sound")),
                "/blocks/0/elements/0/elements/0/type",
            ),
            "an empty text": (
                message(leaf(type="text", text="")),
                "/blocks/0/elements/0/elements/0/text",
            ),
            "an unknown style": (
                message(leaf(type="text", text="x", style={"blink": True})),
                "/blocks/0/elements/0/elements/0/style",
            ),
            "an unknown list": (
                message(
                    rich(
                        {
                            "type": "rich_text_list",
                            "style": "stars",
                            "elements": [rich_section({"type": "text", "text": "x"})],
                        }
                    )
                ),
                "/blocks/0/elements/0/style",
            ),
            "a broadcast to nobody": (
                message(leaf(type="broadcast", range="somebody")),
                "/blocks/0/elements/0/elements/0/range",
            ),
        },
    ),
    choice(
        "known-keys",
        "A block has the keys that its page names, and no others",
        BLOCKS,
        {"a divider": message(DIVIDER)},
        {
            "a divider's text": (message({**DIVIDER, "text": "x"}), "/blocks/0"),
            "a colour": (message(section(color="red")), "/blocks/0"),
            "an element's colour": (
                message(section(accessory={**PICTURE, "color": "red"})),
                "/blocks/0/accessory",
            ),
        },
    ),
    choice(
        "known-types",
        "A block has a type that Slack knows",
        BLOCKS,
        {"a divider": message(DIVIDER)},
        {
            "a banner": (message({"type": "banner"}), "/blocks/0/type"),
            "none": (message({"text": plain("x")}), "/blocks/0/type"),
            "no object": (message("x"), "/blocks/0"),  # type: ignore[arg-type]  # on purpose
        },
    ),
    choice(
        "hint",
        "An input's hint is plain text of up to 2000 characters",
        f"{BLOCKS}/input-block",
        {
            "2000": modal(
                asking({"type": "plain_text_input", "action_id": "a"}, hint=plain(words(2000)))
            )
        },
        {
            "2001": (
                modal(
                    asking({"type": "plain_text_input", "action_id": "a"}, hint=plain(words(2001)))
                ),
                "/view/blocks/0/hint/text",
            )
        },
    ),
    choice(
        "task-card-status",
        "A task of its own is in progress, complete or wrong; one that waits belongs into a plan",
        f"{BLOCKS}/task-card-block; {MEASURED}",
        {
            "in progress": message(
                {"type": "task_card", "task_id": "1", "title": "Look", "status": "in_progress"}
            )
        },
        {
            "done": (
                message({"type": "task_card", "task_id": "1", "title": "Look", "status": "done"}),
                "/blocks/0/status",
            ),
            "pending": (
                message(
                    {"type": "task_card", "task_id": "1", "title": "Look", "status": "pending"}
                ),
                "/blocks/0/status",
            ),
        },
    ),
    choice(
        "home-input",
        "Inputs may stand in a home tab; file inputs are for modals",
        f"{ELEMENTS}/file-input-element",
        {"a text": home(asking({"type": "plain_text_input", "action_id": "a"}))},
        {
            "a file": (
                home(asking({"type": "file_input", "action_id": "a"})),
                "/view/blocks/0/element/type",
            )
        },
    ),
]
