"""Rules of the methods beside posting: streams, files, reactions, sessions, views."""

from tests.conformance.calls import NEVER, rule
from tests.conformance.rules import DIVIDER, METHODS, Call, Rule, modal

UPLOAD, COMPLETE = "files.getUploadURLExternal", "files.completeUploadExternal"
STATUS = "agents.sessions.setStatus"
PLACE = {"channel": "{channel}", "ts": "{ts}"}
MARKED = {"channel": "{channel}", "timestamp": "{ts}"}
UPLOADED = {"filename": "a.png", "length": 1}
VIEW = modal(DIVIDER).args["view"]


def call(method: str, **args: object) -> Call:
    return Call(method=method, args=args)


def source(method: str) -> str:
    return f"{METHODS}/{method}"


RULES: list[Rule] = [
    rule(
        "stream-recipient",
        "A stream in a channel names whom it is for",
        source("chat.startStream"),
        {},
        {
            "nobody": (
                call("chat.startStream", channel="{channel}", thread_ts="{ts}"),
                "missing_recipient_team_id",
            )
        },
    ),
    rule(
        "stream-append",
        "Only to a message that is streamed something is appended",
        source("chat.appendStream"),
        {},
        {
            "a message": (
                call("chat.appendStream", **PLACE, markdown_text="x"),
                "message_not_in_streaming_state",
            ),
            "nothing": (
                call("chat.appendStream", channel="{channel}", ts=NEVER, markdown_text="x"),
                "message_not_found",
            ),
        },
    ),
    rule(
        "stream-stop",
        "Only a message that is streamed is stopped",
        source("chat.stopStream"),
        {},
        {"a message": (call("chat.stopStream", **PLACE), "message_not_in_streaming_state")},
    ),
    rule(
        "upload",
        "An upload has a size, and a description of up to 1000 characters",
        source(UPLOAD),
        {"1000": call(UPLOAD, **UPLOADED, alt_txt="x" * 1000)},
        {
            "1001": (call(UPLOAD, **UPLOADED, alt_txt="x" * 1001), "alt_txt_too_large"),
            "of nothing": (call(UPLOAD, filename="a.png", length=0), "missing_argument"),
        },
    ),
    rule(
        "upload-complete",
        "What was not uploaded is not shared",
        source(COMPLETE),
        {},
        {"nothing": (call(COMPLETE, files=[{"id": "F000000000"}]), "file_not_found")},
    ),
    rule(
        "file",
        "An unknown file is not found",
        source("files.delete"),
        {},
        {"unknown": (call("files.delete", file="F000000000"), "file_not_found")},
    ),
    rule(
        "reaction",
        "A reaction has a name and a message, and is taken back by who gave it",
        source("reactions.add"),
        {"eyes": call("reactions.add", **MARKED, name="eyes")},
        {
            "no name": (call("reactions.add", **MARKED, name=""), "invalid_name"),
            "no message": (call("reactions.add", name="eyes"), "no_item_specified"),
            "at noon": (
                call("reactions.add", channel="{channel}", timestamp="noon", name="eyes"),
                "bad_timestamp",
            ),
            "never given": (call("reactions.remove", **MARKED, name="eyes"), "no_reaction"),
        },
    ),
    rule(
        "session-status",
        "An agent's session is in a thread, and active, processing, suspended or closed",
        source(STATUS),
        {},
        {
            "asleep": (
                call(STATUS, channel_id="{channel}", thread_ts="{ts}", status="asleep"),
                "invalid_status",
            ),
            "nowhere": (
                call(STATUS, channel_id="{channel}", status="active"),
                "thread_ts_required",
            ),
            "never begun": (
                call("agents.sessions.rename", channel_id="{channel}", thread_ts=NEVER, title="x"),
                "session_not_found",
            ),
        },
    ),
    rule(
        "view-trigger",
        "A modal is opened by a trigger",
        source("views.open"),
        {},
        {
            "a made-up one": (
                call("views.open", trigger_id="made up", view=VIEW),
                "invalid_trigger_id",
            ),
            "none": (call("views.open", view=VIEW), "invalid_arguments"),
        },
    ),
    rule(
        "view-update",
        "A view that is not there is not updated",
        source("views.update"),
        {},
        {"unknown": (call("views.update", view_id="V000000000", view=VIEW), "not_found")},
    ),
    rule(
        "view-publish",
        "A home tab is somebody's",
        source("views.publish"),
        {},
        {
            "nobody's": (
                call("views.publish", user_id="nobody", view={"type": "home", "blocks": [DIVIDER]}),
                "invalid_arguments",
            )
        },
    ),
]
