"""Files go up in three steps, are shared in a message, and are served to whoever may see them."""

import base64
import io

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from playground.workspace.model import Json
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import BOT_TOKEN

INCIDENTS = "C0INCIDENTS"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
)


async def uploaded(world: World, name: str = "chart.png", content: bytes = PIXEL) -> str:
    """Announce a file, send its bytes, and return its id."""
    answer = await world.call("files.getUploadURLExternal", filename=name, length=len(content))
    async with world.session.post(answer["upload_url"], data=content) as response:
        assert (response.status, await response.text()) == (200, f"OK - {len(content)}")
    return str(answer["file_id"])


async def shared(world: World, **where: object) -> Json:
    file_id = await uploaded(world)
    files = [{"id": file_id, "title": "Latency"}]
    answer = await world.call("files.completeUploadExternal", BOT_TOKEN, files=files, **where)
    assert answer["ok"], answer
    found: Json = answer["files"][0]
    return found


async def error(world: World, method: str, **args: object) -> str:
    return str((await world.call(method, BOT_TOKEN, **args))["error"])


async def test_a_file_is_shared_in_a_thread_with_its_comment(world: World) -> None:
    parent = await world.post(text="thread")
    file = await shared(
        world, channel_id=INCIDENTS, thread_ts=parent, initial_comment="See the knee"
    )
    message = (await world.ana.messages(INCIDENTS))[-1]
    assert (message["text"], message["thread_ts"]) == ("See the knee", parent)
    assert [one["id"] for one in message["files"]] == [file["id"]]
    kept = ("name", "title", "mimetype", "filetype", "size")
    assert [message["files"][0][name] for name in kept] == [
        "chart.png", "Latency", "image/png", "png", len(PIXEL)
    ]  # fmt: skip
    info = await world.call("files.info", file=file["id"])
    assert info["file"]["shares"] == {"public": {INCIDENTS: [{"ts": message["ts"]}]}}
    listed = await world.call("files.list", channel=INCIDENTS)
    assert [one["id"] for one in listed["files"]] == [file["id"]]
    assert (await world.call("files.list", channel="C0MARKETING"))["files"] == []


async def fetched(world: World, url: str, **headers: str) -> tuple[int, bytes, str]:
    get = world.session.get(url, headers=headers, allow_redirects=False)
    async with get as response:
        shown = response.headers.get("Content-Disposition", "")
        return response.status, await response.read(), shown


async def test_the_bytes_are_for_the_app_and_for_whoever_is_there(world: World) -> None:
    file = await shared(world, channel_id=INCIDENTS)
    url = file["url_private"]
    assert await fetched(world, url, Authorization=f"Bearer {BOT_TOKEN}") == (200, PIXEL, "inline")
    assert await fetched(world, f"{url}?user=U0ANA") == (200, PIXEL, "inline")
    saved = await fetched(world, f"{file['url_private_download']}?user=U0ANA")
    assert saved == (200, PIXEL, "attachment")
    assert (await fetched(world, url, Authorization="Bearer wrong"))[0] == 302
    assert (await fetched(world, url))[0] == 302
    foreign = await fetched(world, f"{url}?user=U0ANA", Origin="https://example.com")
    assert foreign[0] == 302
    world.workspace.state.channels[INCIDENTS].members.discard("U0ANA")
    assert (await fetched(world, f"{url}?user=U0ANA"))[0] == 302


@pytest.mark.parametrize("name", ["two\nlines.png", "a/b.png", "50%?#.png"])
async def test_a_file_is_found_by_any_name(world: World, name: str) -> None:
    file_id = await uploaded(world, name, PIXEL)
    answer = await world.call(
        "files.completeUploadExternal", files=[{"id": file_id}], channel_id=INCIDENTS
    )
    [file] = answer["files"]
    for url in (file["url_private"], file["url_private_download"]):
        assert (await fetched(world, f"{url}?user=U0ANA"))[:2] == (200, PIXEL)


async def test_a_file_of_the_app_never_runs_on_the_page(world: World) -> None:
    file_id = await uploaded(world, "page.html", b"<script>alert(1)</script>")
    answer = await world.call(
        "files.completeUploadExternal", files=[{"id": file_id}], channel_id=INCIDENTS
    )
    url = f"{answer['files'][0]['url_private']}?user=U0ANA"
    async with world.session.get(url) as response:
        assert response.headers["Content-Disposition"] == "attachment"
        assert "sandbox" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_deleted_file_leaves_a_tombstone(world: World) -> None:
    file = await shared(world, channel_id=INCIDENTS)
    assert (await world.call("files.delete", file=file["id"]))["ok"]
    message = (await world.ana.messages(INCIDENTS))[-1]
    assert message["files"] == [{"id": file["id"], "mode": "tombstone"}]
    assert await error(world, "files.info", file=file["id"]) == "file_not_found"
    assert await error(world, "files.delete", file=file["id"]) == "file_not_found"
    gone = await fetched(world, file["url_private"], Authorization=f"Bearer {BOT_TOKEN}")
    assert gone[0] == 302


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"length": 1}, "invalid_arguments"),
        ({"filename": "a.txt", "length": 0}, "missing_argument"),
        ({"filename": "a.txt", "length": "many"}, "invalid_arguments"),
        ({"filename": "a.txt", "length": 64_000_001}, "file_upload_size_restricted"),
        ({"filename": "a", "length": 1_000_001, "snippet_type": "text"}, "snippet_too_large"),
        ({"filename": "a.png", "length": 1, "alt_txt": "x" * 1001}, "alt_txt_too_large"),
    ],
)
async def test_an_upload_that_slack_would_not_take_is_refused(
    world: World, args: Json, code: str
) -> None:
    assert await error(world, "files.getUploadURLExternal", **args) == code


async def test_only_what_arrived_whole_can_be_completed_and_only_once(world: World) -> None:
    complete = "files.completeUploadExternal"
    answer = await world.call("files.getUploadURLExternal", filename="a.txt", length=3)
    files = [{"id": answer["file_id"]}]
    assert await error(world, complete, files=files) == "file_not_found"
    async with world.session.post(answer["upload_url"], data=b"four") as response:
        assert response.status == 400
    assert await error(world, complete, files=files) == "file_not_found"
    form = aiohttp.FormData()
    form.add_field("filename", b"abc", filename="a.txt")
    async with world.session.post(answer["upload_url"], data=form) as response:
        assert response.status == 200
    assert await error(world, complete, files=files, channel_id="C9") == "channel_not_found"
    assert (await world.call(complete, files=files))["ok"], "private, in no channel"
    assert await world.ana.messages(INCIDENTS) == []
    assert await error(world, complete, files=files) == "file_not_found"
    assert await error(world, complete, files=[]) == "invalid_arguments"
    async with world.session.post(answer["upload_url"], data=b"abc") as response:
        assert response.status == 404


async def test_slacks_own_client_uploads_against_it(world: World) -> None:
    client = AsyncWebClient(token=BOT_TOKEN, base_url=f"{world.base_url}/api/")
    answer = await client.files_upload_v2(
        channel=INCIDENTS, filename="big.bin", content=b"x" * 1_000_000, title="Big"
    )
    assert answer["file"]["title"] == "Big"
    message = (await world.ana.messages(INCIDENTS))[-1]
    assert message["files"][0]["size"] == 1_000_000


async def test_a_file_larger_than_any_call_goes_up(world: World) -> None:
    size = 3_000_000
    answer = await world.call("files.getUploadURLExternal", filename="big.bin", length=size)
    async with world.session.post(answer["upload_url"], data=io.BytesIO(b"x" * size)) as response:
        assert await response.text() == f"OK - {size}"
