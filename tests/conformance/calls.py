"""Rules of methods: what chat.*, conversations.* and their like refuse, by Slack's codes."""

from playground.workspace.model import Json
from tests.conformance.rules import DIVIDER, METHODS, Call, Case, Rule, section, words

TOGETHER = "https://github.com/slackapi/bolt-js/issues/2509"
POST, UPDATE, EPHEMERAL = "chat.postMessage", "chat.update", "chat.postEphemeral"
NEVER = "1.000000"
META: Json = {"event_type": "signoff_test", "event_payload": {"id": "1"}}


def post(**args: object) -> Call:
    return Call(method=POST, args={"channel": "{channel}", **args})


def update(**args: object) -> Call:
    return Call(method=UPDATE, args={"channel": "{channel}", "ts": "{ts}", **args})


def rule(
    name: str, says: str, source: str, taken: dict[str, Call], refused: dict[str, tuple[Call, str]]
) -> Rule:
    """Return a rule of a method: calls that are taken, and calls with the code they get."""
    cases = [Case(name=each, call=call) for each, call in taken.items()]
    cases += [Case(name=each, call=call, code=code) for each, (call, code) in refused.items()]
    return Rule(name=name, says=says, source=source, cases=cases)


def together(count: int) -> Call:
    whole, rest = divmod(count, 3000)
    texts = [words(3000)] * whole + ([words(rest)] if rest else [])
    return post(text="x", blocks=[section(text) for text in texts])


RULES: list[Rule] = [
    rule(
        "content",
        "A message has text, blocks or attachments",
        f"{METHODS}/{POST}",
        {"blocks": post(blocks=[DIVIDER])},
        {
            "nothing": (post(), "no_text"),
            "an empty text": (post(text=""), "no_text"),
            "blocks that are none": (post(text="x", blocks="no JSON"), "invalid_blocks_format"),
        },
    ),
    rule(
        "message-together",
        "A message's blocks have about 12 000 characters together",
        TOGETHER,
        {"12000": together(12_000)},
        {"13200": (together(13_200), "msg_blocks_too_long")},
    ),
    rule(
        "markdown-text-argument",
        "`markdown_text` has up to 12 000 characters and stands alone",
        f"{METHODS}/{POST}",
        {"12000": post(markdown_text=words(12_000))},
        {
            "12001": (post(markdown_text=words(12_001)), "msg_too_long"),
            "with text": (post(markdown_text="x", text="y"), "markdown_text_conflict"),
            "with blocks": (post(markdown_text="x", blocks=[DIVIDER]), "markdown_text_conflict"),
        },
    ),
    rule(
        "attachments",
        "A message has up to 100 attachments",
        f"{METHODS}/{POST}",
        {"100": post(text="x", attachments=[{"text": "x"}] * 100)},
        {"101": (post(text="x", attachments=[{"text": "x"}] * 101), "too_many_attachments")},
    ),
    rule(
        "metadata",
        "Metadata is an object with a type and a payload, of some size (?)",
        f"{METHODS}/{POST}",
        {"both": post(text="x", metadata=META)},
        {
            "huge": (
                post(text="x", metadata=META | {"event_payload": {"id": words(100_000)}}),
                "metadata_too_large",
            ),
            "no payload": (post(text="x", metadata={"event_type": "x"}), "invalid_metadata_schema"),
            "a list": (post(text="x", metadata=["x"]), "invalid_metadata_format"),
            "no JSON": (post(text="x", metadata="{"), "invalid_metadata_format"),
        },
    ),
    rule(
        "channel",
        "A post goes to a channel that the app may know of",
        f"{METHODS}/{POST}",
        {"a thread that is gone": post(text="x", thread_ts=NEVER)},
        {
            "an unknown one": (
                Call(method=POST, args={"channel": "C000000000", "text": "x"}),
                "channel_not_found",
            ),
            "none": (Call(method=POST, args={"text": "x"}), "channel_not_found"),
        },
    ),
    rule(
        "update",
        "An update is of an own message, and its text has up to 4000 characters",
        f"{METHODS}/{UPDATE}",
        {"4000": update(text=words(4000)), "no blocks any more": update(text="x", blocks=[])},
        {
            "4001": (update(text=words(4001)), "msg_too_long"),
            "nothing": (update(), "no_text"),
            "of nothing": (update(text="x", ts=NEVER), "message_not_found"),
            "a wrong block": (update(text="x", blocks=[{"type": "alert"}]), "invalid_blocks"),
            "a broadcast of no reply": (update(reply_broadcast=True), "cant_broadcast_message"),
        },
    ),
    rule(
        "delete",
        "Only a message that is there is deleted",
        f"{METHODS}/chat.delete",
        {},
        {
            "of nothing": (
                Call(method="chat.delete", args={"channel": "{channel}", "ts": NEVER}),
                "message_not_found",
            )
        },
    ),
    rule(
        "ephemeral",
        "An ephemeral message is for a member of the channel",
        f"{METHODS}/{EPHEMERAL}",
        {},
        {
            "for nobody": (
                Call(
                    method=EPHEMERAL,
                    args={"channel": "{channel}", "user": "U000000000", "text": "x"},
                ),
                "user_not_in_channel",
            )
        },
    ),
    rule(
        "permalink",
        "A link is for a message that is there",
        f"{METHODS}/chat.getPermalink",
        {
            "a message": Call(
                method="chat.getPermalink", args={"channel": "{channel}", "message_ts": "{ts}"}
            )
        },
        {
            "of nothing": (
                Call(
                    method="chat.getPermalink", args={"channel": "{channel}", "message_ts": NEVER}
                ),
                "message_not_found",
            )
        },
    ),
    rule(
        "cursor",
        "A cursor is one that Slack gave",
        f"{METHODS}/conversations.history",
        {"none": Call(method="conversations.history", args={"channel": "{channel}", "limit": 1})},
        {
            "made up": (
                Call(
                    method="conversations.history",
                    args={"channel": "{channel}", "cursor": "made up"},
                ),
                "invalid_cursor",
            )
        },
    ),
    rule(
        "list-limit",
        "A list of conversations has fewer than 1000 of them at once",
        f"{METHODS}/conversations.list",
        {"999": Call(method="conversations.list", args={"limit": 999})},
        {"1000": (Call(method="conversations.list", args={"limit": 1000}), "invalid_limit")},
    ),
    rule(
        "history-bounds",
        "A span of the history is told in timestamps",
        f"{METHODS}/conversations.history",
        {},
        {
            "from noon": (
                Call(
                    method="conversations.history",
                    args={"channel": "{channel}", "oldest": "noon"},
                ),
                "invalid_ts_oldest",
            ),
            "to noon": (
                Call(
                    method="conversations.history",
                    args={"channel": "{channel}", "latest": "noon"},
                ),
                "invalid_ts_latest",
            ),
        },
    ),
    rule(
        "thread",
        "The replies of a thread that is not there are not found",
        f"{METHODS}/conversations.replies",
        {
            "a message": Call(
                method="conversations.replies", args={"channel": "{channel}", "ts": "{ts}"}
            )
        },
        {
            "of nothing": (
                Call(method="conversations.replies", args={"channel": "{channel}", "ts": NEVER}),
                "thread_not_found",
            )
        },
    ),
    rule(
        "user",
        "An unknown person is not found",
        f"{METHODS}/users.info",
        {},
        {
            "unknown": (
                Call(method="users.info", args={"user": "U000000000"}),
                "user_not_found",
            )
        },
    ),
    rule(
        "group",
        "An unknown user group is not found",
        f"{METHODS}/usergroups.users.list",
        {},
        {
            "unknown": (
                Call(method="usergroups.users.list", args={"usergroup": "S000000000"}),
                "no_such_subteam",
            )
        },
    ),
    rule(
        "method",
        "An unknown method is refused by that name",
        "https://docs.slack.dev/apis/web-api",
        {"auth.test": Call(method="auth.test", args={})},
        {"chat.shout": (Call(method="chat.shout", args={}), "unknown_method")},
    ),
]
