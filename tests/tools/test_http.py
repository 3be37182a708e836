"""The JSON client against a real server that answers in every unfriendly way."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.playground.shop.world import serving
from tools.base import Refused, Unavailable
from tools.http import MAX_BODY, JsonClient, segment

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def client_of(
    answer: Answering, token: str | None = "secret", timeout_s: float = 5.0
) -> AsyncIterator[JsonClient]:
    async with serving([web.route("*", "/{path:.*}", answer)]) as server:
        client = JsonClient(server.base + "/base/", token=token, timeout_s=timeout_s)
        try:
            yield client
        finally:
            await client.close()


def saying(
    text: str | bytes, status: int = 200, headers: dict[str, str] | None = None
) -> Answering:
    async def answer(_request: web.Request) -> web.StreamResponse:
        body = text.encode() if isinstance(text, str) else text
        return web.Response(body=body, status=status, headers=headers)

    return answer


async def test_a_call_carries_token_key_and_body_under_the_base() -> None:
    seen: list[tuple[str, str | None, str | None, object]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = request.headers
        seen.append(
            (
                request.raw_path,
                headers.get("Authorization"),
                headers.get("Idempotency-Key"),
                await request.json(),
            )
        )
        return web.json_response({"ok": True})

    async with client_of(answer) as client:
        found = await client.call("POST", "/things", params={"a": "b&c"}, body={"x": 1}, key="k-1")
    assert found == {"ok": True}
    assert seen == [("/base/things?a=b%26c", "Bearer secret", "k-1", {"x": 1})]


async def test_without_a_token_no_authorization_is_sent() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(request.headers.get("Authorization"))

    async with client_of(answer, token=None) as client:
        assert await client.call("GET", "/x") is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_a_no_carries_its_status_and_words(status: int) -> None:
    body = '{"error": "version_conflict", "message": "v43 is deployed"}'
    async with client_of(saying(body, status)) as client:
        with pytest.raises(Refused, match=f"answered {status}: v43 is deployed") as caught:
            await client.call("GET", "/x")
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error": "not_found"}', "not_found"),
        ('"silence not found"', "silence not found"),
        ("plain words", "plain words"),
        ("", ""),
        (b"\xff\xfe", "�"),
        ("[" * 100_000, "[[["),
        ("x" * 5000, "x" * 200),
    ],
)
async def test_a_no_in_any_form_is_still_a_no(body: str | bytes, words: str) -> None:
    async with client_of(saying(body, 400)) as client:
        with pytest.raises(Refused) as caught:
            await client.call("GET", "/x")
    assert words in str(caught.value)
    # Bounded; it is cut to what people read where secrets are taken out: at the gateway.
    assert len(str(caught.value)) < 4050


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 425, 429])
async def test_a_passing_fault_is_no_clear_answer(status: int) -> None:
    async with client_of(saying('{"message": "later"}', status)) as client:
        with pytest.raises(Unavailable, match=f"answered {status}"):
            await client.call("POST", "/x", body={})


@pytest.mark.parametrize("body", ["<html>login</html>", "{", "[" * 100_000, "NaN-ish", b"\xff\xfe"])
async def test_what_is_not_json_is_no_clear_answer(body: str | bytes) -> None:
    async with client_of(saying(body)) as client:
        with pytest.raises(Unavailable, match="not JSON"):
            await client.call("GET", "/x")


@pytest.mark.parametrize("status", [200, 204])
async def test_an_empty_answer_is_none(status: int) -> None:
    async with client_of(saying("", status)) as client:
        assert await client.call("DELETE", "/x") is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_and_takes_no_token_along(status: int) -> None:
    visited: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        visited.append(request.path)
        where = {"Location": "/base/elsewhere"}
        return web.Response(status=status if len(visited) == 1 else 200, headers=where)

    async with client_of(answer) as client:
        with pytest.raises(Unavailable, match=f"answered {status}"):
            await client.call("GET", "/x")
    assert visited == ["/base/x"]


async def test_a_huge_answer_is_given_up_before_it_is_read_whole() -> None:
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        chunk = b" " * (1024 * 1024)
        try:
            for _ in range(200):
                await response.write(chunk)
                sent += len(chunk)
        except ConnectionError:
            pass
        return response

    async with client_of(answer) as client:
        with pytest.raises(Unavailable, match="larger than 8 MiB"):
            await client.call("GET", "/x")
    assert sent < 10 * MAX_BODY


async def test_nobody_at_the_address_is_no_clear_answer(free_port: int) -> None:
    client = JsonClient(f"http://127.0.0.1:{free_port}")
    try:
        with pytest.raises(Unavailable, match="no answer"):
            await client.call("GET", "/x")
    finally:
        await client.close()


async def test_a_server_that_hangs_is_no_clear_answer() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"half":')
        assert request.transport is not None
        request.transport.close()
        return response

    async with client_of(answer) as client:
        with pytest.raises(Unavailable, match="no answer"):
            await client.call("GET", "/x")


@pytest.mark.parametrize("text", ["..", ".", ""])
def test_a_name_that_would_leave_its_place_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        segment(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("checkout", "checkout"),
        ("../log", "..%2Flog"),
        ("a/b?c=d#e", "a%2Fb%3Fc%3Dd%23e"),
        ("%2e%2e", "%252e%252e"),
        ("a\r\nHost: evil", "a%0D%0AHost%3A%20evil"),
        ("über", "%C3%BCber"),
    ],
)
def test_any_other_name_stays_one_segment(text: str, wanted: str) -> None:
    assert segment(text) == wanted
