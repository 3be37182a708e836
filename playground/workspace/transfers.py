"""The bytes of files: the POST to an upload's URL, and `url_private`.

A file is served to the app with its token, and to the page for a person (`?user=`) who is where
it was shared. What the app uploads is never run: it has no origin, and only pictures are shown.
"""

from collections.abc import AsyncIterable
from http import HTTPStatus

from aiohttp import BodyPartReader, web

from playground.workspace.api import nobody_there
from playground.workspace.context import Context
from playground.workspace.faults import Faults
from playground.workspace.guard import HEADERS, foreign_reason
from playground.workspace.model import File

INLINE = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})
FILE_HEADERS = HEADERS | {"Content-Security-Policy": "default-src 'none'; sandbox"}


def transfer_routes(context: Context, faults: Faults) -> list[web.RouteDef]:
    """Return the routes of uploads and downloads."""

    async def upload(request: web.Request) -> web.StreamResponse:
        if faults.is_away:
            return nobody_there(request, faults, "upload")
        return await _upload(context, request)

    async def download(request: web.Request) -> web.StreamResponse:
        if faults.is_away:
            return nobody_there(request, faults, "download")
        return _download(context, request)

    async def linked(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(_address(context, request.match_info["file"]))

    name = "{name:[^/]+}"
    return [
        web.post("/upload/v1/{token}", upload),
        web.get(f"/files-pri/{{file}}/download/{name}", download),
        web.get(f"/files-pri/{{file}}/{name}", download),
        web.get(f"/files/{{user}}/{{file}}/{name}", linked),
    ]


async def _upload(context: Context, request: web.Request) -> web.Response:
    token = request.match_info["token"]
    announced = (file for file in context.state.files.values() if file.token == token)
    file = next(announced, None)
    if file is None or file.is_complete:
        return web.Response(status=HTTPStatus.NOT_FOUND, text="upload not found")
    content = await _content(request, file.size)
    if len(content) != file.size:
        wrong = f"{file.size} bytes were announced"  # what Slack says here is not known (?)
        return web.Response(status=HTTPStatus.BAD_REQUEST, text=wrong)
    file.content = content
    return web.Response(text=f"OK - {file.size}")


async def _content(request: web.Request, size: int) -> bytes:
    """Return the body, or a form's first part; of what is too long just enough to see that."""
    if not request.content_type.startswith("multipart/"):
        return await _read(request.content.iter_chunked(65_536), size)
    part = await (await request.multipart()).next()
    if not isinstance(part, BodyPartReader):
        return b""
    return await _read(part, size)


async def _read(chunks: AsyncIterable[bytes], size: int) -> bytes:
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > size:
            break
    return bytes(content)


def _download(context: Context, request: web.Request) -> web.Response:
    file = context.state.files.get(request.match_info["file"].rpartition("-")[2])
    if file is None or file.content is None or not _may_read(context, request, file):
        # Slack leads whoever may not read a file to its sign-in page.
        raise web.HTTPFound("/")
    shown = file.mimetype in INLINE and "/download/" not in request.path
    disposition = "inline" if shown else "attachment"
    headers = FILE_HEADERS | {"Content-Disposition": disposition}
    return web.Response(body=file.content, content_type=file.mimetype, headers=headers)


def _may_read(context: Context, request: web.Request, file: File) -> bool:
    app = context.state.app
    if "Authorization" in request.headers:
        given = request.headers["Authorization"].removeprefix("Bearer ").strip()
        return given == app.bot_token and "files:read" in app.scopes
    if foreign_reason(request) is not None:
        return False
    user_id = request.query.get("user")
    return any(user_id in context.state.channels[channel].members for channel in file.shares)


def _address(context: Context, file_id: str) -> str:
    file = context.state.files.get(file_id)
    for channel_id, stamps in file.shares.items() if file is not None else ():
        return f"/#{channel_id}/{stamps[0]}"
    return "/"
