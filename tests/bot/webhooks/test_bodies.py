"""Packed bodies: unpacked as far as the limit, or refused by the header's name; always answered."""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest

from bot.store.tables import dead_letters, tasks
from bot.webhooks.bodies import BARE, GZIP, MAX_BODY, ZLIB
from tests.bot.webhooks.conftest import BEARER, TOKEN, Door, alert, raw

BODY = json.dumps({"version": "4", "alerts": [alert()]}).encode()
HEAD = f"POST /webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"


def bare(body: bytes) -> bytes:
    """Deflate without zlib's frame, as some senders understand `deflate`."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(body) + packing.flush()


def packed(how: str) -> dict[str, str]:
    return {**BEARER, "Content-Encoding": how}


@pytest.fixture(autouse=True)
async def quiet(door: Door, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Whatever comes: no traceback, and the next one on the same connection is answered."""
    yield
    assert (await door.text("/healthz"))[0] == 200
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    ("how", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", bare(BODY)),
        ("identity", BODY),
        ("", BODY),
    ],
    ids=["gzip", "x-gzip", "capitals", "deflate", "bare deflate", "identity", "empty"],
)
async def test_a_packed_body_is_taken(door: Door, how: str, body: bytes) -> None:
    status, answer = await door.post(body, headers=packed(how))
    assert (status, answer["taken"]) == (200, 1), answer
    assert len(await door.store.rows(tasks)) == 1


@pytest.mark.parametrize(
    "how", ["br", "zstd", "compress", "gzip, br", "gzip,gzip", "bröt\tli" * 99]
)
async def test_what_nobody_here_unpacks_is_refused_by_the_headers_name(
    door: Door, how: str
) -> None:
    status, answer = await door.post(BODY, headers=packed(how))
    assert status == 415
    assert answer["error"].startswith("Content-Encoding: `")
    assert answer["error"].endswith("` is unknown; send gzip, deflate or none")
    assert len(answer["error"]) < 120


async def test_the_answer_names_what_can_be_sent_instead(door: Door) -> None:
    url = f"{door.base_url}/webhooks/alertmanager"
    async with door.session.post(url, data=BODY, headers=packed("br")) as answer:
        assert answer.status == 415
        assert answer.headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("how", "body"),
    [
        ("gzip", b"not gzip!"),
        ("gzip", b""),
        ("gzip", gzip.compress(BODY)[:-1]),
        ("gzip", gzip.compress(BODY)[:-8] + bytes(8)),
        ("gzip", gzip.compress(BODY) + b"and more"),
        ("gzip", gzip.compress(BODY) + gzip.compress(BODY)),
        ("gzip", zlib.compress(BODY)),
        ("deflate", b"not deflate!"),
        ("deflate", b""),
        ("deflate", b"x"),
        ("deflate", zlib.compress(BODY)[:-1]),
        ("deflate", zlib.compress(BODY)[:-4] + bytes(4)),
        ("deflate", gzip.compress(BODY)),
        ("deflate", bare(BODY)[:-1]),
    ],
)
async def test_a_body_that_does_not_unpack_whole_is_refused(
    door: Door, how: str, body: bytes
) -> None:
    status, answer = await door.post(body, headers=packed(how))
    assert status == 400
    assert answer["error"] == f"Content-Encoding: the body is not one whole piece of {how}"
    assert await door.store.rows(tasks) == await door.store.rows(dead_letters) == []


@pytest.mark.parametrize("how", ["gzip", "deflate"])
async def test_a_packed_body_counts_in_full(door: Door, how: str) -> None:
    pack = gzip.compress if how == "gzip" else zlib.compress
    room = MAX_BODY - len(BODY)
    status, _ = await door.post(pack(BODY + b" " * room), headers=packed(how))
    assert status == 200
    status, answer = await door.post(pack(BODY + b" " * (room + 1)), headers=packed(how))
    assert status == 413
    assert answer["error"] == f"the body is larger than {MAX_BODY} bytes, unpacked"


def bomb(wbits: int) -> bytes:
    """Pack a hundred times the limit, without ever holding that much."""
    packing = zlib.compressobj(wbits=wbits)
    parts = [packing.compress(b" " * MAX_BODY) for _ in range(100)]
    return b"".join([*parts, packing.flush()])


@pytest.mark.parametrize(("how", "wbits"), [("gzip", GZIP), ("deflate", ZLIB), ("deflate", BARE)])
async def test_a_bomb_is_refused_before_it_is_unpacked_whole(
    door: Door, how: str, wbits: int
) -> None:
    body = bomb(wbits)
    assert len(body) < MAX_BODY
    tracemalloc.start()
    try:
        status, _ = await door.post(body, headers=packed(how))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert status == 413
    assert peak < 5 * MAX_BODY, "sent, received and unpacked together"


async def test_a_body_in_broken_chunks_is_refused_by_the_headers_name(door: Door) -> None:
    request = HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\n{}   \r\nZZ\r\n"
    assert b" 400 " in await raw(door, request.encode())


@pytest.mark.parametrize("how", ["gzip", "deflate", "br", "zstd"])
async def test_whoever_may_not_come_in_is_told_that_first(door: Door, how: str) -> None:
    headers = {"Authorization": "Bearer wrong", "Content-Encoding": how}
    status, _ = await door.post(b"broken", headers=headers)
    assert status == 401
    status, _ = await door.post(b"broken", source="pigeon", headers=packed(how))
    assert status == 404
