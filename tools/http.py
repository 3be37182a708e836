"""HTTP as connectors speak it: own time-outs, bounded answers, and named errors."""

import json
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from tools.base import AnyConnector, Refused, Unavailable

MAX_BODY = 8 * 1024 * 1024
SUCCESS, REDIRECT, CLIENT_ERROR, SERVER_ERROR = 200, 300, 400, 500
# More than is told of it: it is cut where secrets are taken out, not through one.
WORDS_LIMIT = 4000
TRANSIENT = frozenset({408, 425, 429})


class JsonClient:
    """A small JSON client of one outside system."""

    def __init__(self, base_url: str, *, token: str | None = None, timeout_s: float = 5.0) -> None:
        headers = {"Accept": "application/json", "User-Agent": "signoff"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        # Redirects are not followed: a token must not travel to a host nobody configured.
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/"),
            headers=headers,
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            verify=_trusted() if _is_secure(base_url) else _trusting_nobody(),
        )

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        key: str | None = None,
        on_behalf_of: str | None = None,
    ) -> Any:  # noqa: ANN401 - JSON of any shape; each connector validates what it takes
        """Call, and return the parsed JSON (None for an empty body).

        Raises:
            Refused: the system answered 4xx; the message carries its words.
            Unavailable: no answer, 5xx, 429, a redirect, too large an answer, or one not in JSON.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        if on_behalf_of is not None:
            # Percent-encoded: whatever stands in it, it stays one header.
            headers["X-On-Behalf-Of"] = quote(on_behalf_of, safe="/,: ")
        try:
            async with self._client.stream(
                method,
                path,
                params=params,
                headers=headers,
                json=body if body is not None else None,
            ) as answer:
                content = await _bounded(answer)
        except httpx.HTTPError as error:
            raise Unavailable(f"no answer ({type(error).__name__})") from error
        return _parsed(answer.status_code, content)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def clients(
    kind: type[AnyConnector], settings: BaseModel, base_url: str
) -> tuple[JsonClient, JsonClient]:
    """Return a client that reads, with the least credential there is, and one that writes."""
    return (
        JsonClient(base_url, token=kind.token(settings, writes=False)),
        JsonClient(base_url, token=kind.token(settings, writes=True)),
    )


def segment(text: str) -> str:
    """Return a text as one segment of a path; raises Refused for one that would leave its place."""
    if text in {"", ".", ".."}:
        raise Refused(f"`{text}` is not a name")
    return quote(text, safe="")


def _is_secure(url: str) -> bool:
    return httpx.URL(url).scheme == "https"


@cache
def _trusting_nobody() -> ssl.SSLContext:
    # For what speaks plain HTTP, where the list would be read for nothing.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _trusted() -> ssl.SSLContext:
    """Return what all clients trust; reading the list of authorities for each is a slow start."""
    return httpx.create_ssl_context(trust_env=False)


async def _bounded(answer: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) > MAX_BODY:
            raise Unavailable("the answer is larger than 8 MiB")
    return bytes(content)


def _parsed(status: int, content: bytes) -> Any:  # noqa: ANN401 - see JsonClient.call
    if status >= SERVER_ERROR or status in TRANSIENT:
        raise Unavailable(f"answered {status}")
    if status >= CLIENT_ERROR:
        raise Refused(f"answered {status}: {_words(content)}", status)
    if not SUCCESS <= status < REDIRECT:
        raise Unavailable(f"answered {status}: it is somewhere else, check the address")
    if not content:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unavailable("the answer is not JSON") from error


def _words(content: bytes) -> str:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")[:WORDS_LIMIT]
    if isinstance(found, dict):
        for name in ("message", "error"):
            if isinstance(found.get(name), str):
                return str(found[name])[:WORDS_LIMIT]
    return str(found)[:WORDS_LIMIT]
