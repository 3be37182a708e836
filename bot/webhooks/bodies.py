"""Reads the body of a request: bounded, unpacked here, and refused in words that name the header.

aiohttp would unpack while it parses, where a body that can't be unpacked ends the connection
without an answer: the server is made by `runner`, which leaves that to this module.
"""

import zlib

from aiohttp import web

MAX_BODY = 2 * 1024 * 1024
READ_AT_ONCE = 64 * 1024
# The names of zlib's framings (docs.python.org, zlib.decompress): gzip, zlib, and neither.
GZIP, ZLIB, BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
GZIPPED, DEFLATED, PLAIN = (
    frozenset({"gzip", "x-gzip"}),
    frozenset({"deflate"}),
    frozenset({"", "identity"}),
)
KNOWN = "gzip, deflate"
# How long a stop waits for requests in hand: as long as one may wait for its commit.
FINISH_S = 5.0


class UnreadableError(Exception):
    """A body is refused; the message says why, and `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def runner(app: web.Application) -> web.AppRunner:
    """Return what serves an application whose bodies are read by this module."""
    return web.AppRunner(app, access_log=None, shutdown_timeout=FINISH_S, auto_decompress=False)


def packing(request: web.Request) -> str:
    """Return how a body is packed; raises UnreadableError for what nobody here unpacks."""
    # Several headers are one list (RFC 9110, 5.3).
    found = ",".join(request.headers.getall("Content-Encoding", [])).strip().lower()
    if found in PLAIN:
        return ""
    if found not in GZIPPED | DEFLATED:
        name = found[:40].encode("ascii", "replace").decode()
        raise UnreadableError(415, f"Content-Encoding: `{name}` is unknown; send {KNOWN} or none")
    return found


async def body_of(request: web.Request) -> bytes:
    """Return a body unpacked; raises UnreadableError."""
    how = packing(request)
    raw = await _read(request)
    return _unpacked(raw, how) if how else raw


async def _read(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY:
        raise _too_large()
    chunks, size = [], 0
    try:
        async for chunk in request.content.iter_chunked(READ_AT_ONCE):
            size += len(chunk)
            if size > MAX_BODY:
                raise _too_large()
            chunks.append(chunk)
    except web.RequestPayloadError as error:
        # Nothing more can come of it; aiohttp would read on, and log what we know already.
        request.content.feed_eof()
        raise UnreadableError(400, "Transfer-Encoding: the body's chunks are broken") from error
    return b"".join(chunks)


def _unpacked(raw: bytes, how: str) -> bytes:
    """Unpack as far as the limit: what a body unpacks to counts, not what was sent."""
    unpacking = zlib.decompressobj(GZIP if how in GZIPPED else _framing(raw))
    try:
        found = unpacking.decompress(raw, MAX_BODY + 1)
    except zlib.error as error:
        raise _broken(how) from error
    if len(found) > MAX_BODY:
        raise _too_large()
    # Cut short, or with something behind its end.
    if not unpacking.eof or unpacking.unused_data:
        raise _broken(how)
    return found


def _framing(raw: bytes) -> int:
    """Return zlib's framing, which `deflate` means (RFC 9110, 8.4.1.2), or none, as some send."""
    is_zlib = raw[:1] and raw[0] & 0x0F == zlib.DEFLATED and int.from_bytes(raw[:2]) % 31 == 0
    return ZLIB if is_zlib else BARE


def _too_large() -> UnreadableError:
    return UnreadableError(413, f"the body is larger than {MAX_BODY} bytes, unpacked")


def _broken(how: str) -> UnreadableError:
    return UnreadableError(400, f"Content-Encoding: the body is not one whole piece of {how}")
