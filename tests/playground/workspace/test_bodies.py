"""What is broken or odd in the body of a call is refused with Slack's code, and breaks nothing."""

import io

import aiohttp
import pytest

from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import BOT_TOKEN

INCIDENTS = "C0INCIDENTS"
TOKEN = {"Authorization": f"Bearer {BOT_TOKEN}"}
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
BROKEN: dict[str, tuple[str, bytes, str]] = {
    "no utf-8": (JSON, b'{"text": "\xff"}', "invalid_json"),
    "a charset that is none": (f"{JSON}; charset=nope", b"{}", "invalid_charset"),
    "a form's charset that is none": (f"{FORM}; charset=nope", b"a=b", "invalid_charset"),
    "nested too deep": (JSON, b"[" * 100_000, "invalid_json"),
    "no number": (JSON, b'{"text": NaN}', "invalid_json"),
    "an endless number": (JSON, b'{"text": 1e999}', "invalid_json"),
    "no object": (JSON, b"[]", "json_not_object"),
    "a form without its parts": ("multipart/form-data", b"zz", "invalid_form_data"),
    "attachments that are none": (FORM, b"attachments=[", "invalid_attachments"),
    "chunks that are none": (FORM, b"chunks=[", "invalid_chunks"),
    "no number in metadata": (
        FORM,
        b'metadata={"event_type":"x","event_payload":{"v":NaN}}',
        "invalid_metadata_format",
    ),
}


@pytest.mark.parametrize("case", sorted(BROKEN))
async def test_a_broken_body_is_refused_by_name(world: World, case: str) -> None:
    kind, body, code = BROKEN[case]
    url = f"{world.base_url}/api/chat.postMessage"
    headers = TOKEN | {"Content-Type": kind}
    async with world.session.post(url, data=body, headers=headers) as response:
        assert (await response.json())["error"] == code


@pytest.mark.parametrize(
    ("method", "args", "code"),
    [
        ("chat.postEphemeral", {"text": "x", "user": ["U0ANA"]}, "user_not_in_channel"),
        ("conversations.history", {"limit": [5]}, "invalid_limit"),
        ("conversations.history", {"cursor": "LTE="}, "invalid_cursor"),  # -1
        ("conversations.history", {"oldest": {"ts": 1}}, "invalid_ts_oldest"),
        ("files.getUploadURLExternal", {"filename": "a", "length": [5]}, "invalid_arguments"),
    ],
)
async def test_an_argument_of_another_type_is_refused_too(
    world: World, method: str, args: dict[str, object], code: str
) -> None:
    answer = await world.call(method, BOT_TOKEN, channel=INCIDENTS, **args)
    assert answer["error"] == code


async def test_a_file_in_a_call_is_left_out_and_the_log_stays_readable(world: World) -> None:
    form = aiohttp.FormData({"channel": INCIDENTS, "text": "with a file"})
    form.add_field("file", io.BytesIO(b"abc"), filename="a.txt")
    form.add_field("metadata", '{"event_type": "x"}', content_type=JSON)
    url = f"{world.base_url}/api/chat.postMessage"
    async with world.session.post(url, data=form, headers=TOKEN) as response:
        assert (await response.json())["error"] == "invalid_metadata_schema"
    async with world.session.get(f"{world.base_url}/page/calls") as response:
        [call] = (await response.json())["calls"]
    assert call["args"] == {
        "channel": INCIDENTS,
        "text": "with a file",
        "metadata": {"event_type": "x"},
    }


async def test_a_response_url_refuses_what_is_no_json(world: World) -> None:
    url, headers = f"{world.base_url}/response/unknown", {"Content-Type": JSON}
    async with world.session.post(url, data=b"\xff", headers=headers) as response:
        assert (response.status, await response.text()) == (400, "invalid_payload")
