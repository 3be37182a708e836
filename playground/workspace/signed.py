"""Signed HTTP: what Slack posts to an app's request URLs, and what it reads from the answers.

Signature: docs.slack.dev/authentication/verifying-requests-from-slack. Bodies and retry headers:
docs.slack.dev, apis/events-api/using-http-request-urls and interactivity.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp

from playground.workspace.envelope import COMMANDS, EVENTS, Envelope, UndeliveredError
from playground.workspace.model import Json

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
SUCCESS = 2  # any 2xx
AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
OPTIONS = "block_suggestion"


@dataclass(frozen=True, kw_only=True)
class RequestUrls:
    """Where an app wants to be called."""

    events: str
    commands: str
    interactivity: str
    options: str

    @classmethod
    def all_at(cls, url: str) -> "RequestUrls":
        """Return one URL for everything, as Bolt's `/slack/events` is."""
        return cls(events=url, commands=url, interactivity=url, options=url)


class UnverifiedUrlError(Exception):
    """A request URL did not answer the challenge; the message says what it did instead."""


def signed_headers(secret: str, body: bytes, at: int) -> dict[str, str]:
    """Return the headers that prove who sent `body` at the Unix time `at`."""
    signed = b"v0:%d:%s" % (at, body)
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": f"v0={digest}"}


class SignedRequests:
    """Posts envelopes to the app's request URLs."""

    timeout_reason = "http_timeout"

    def __init__(self, urls: RequestUrls, secret: str, timeout_s: float) -> None:
        self._urls = urls
        self._secret = secret
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def verify(self) -> None:
        """Ask the events' URL for an echo of a challenge; raises UnverifiedUrlError."""
        challenge = secrets.token_urlsafe(24)
        body: Json = {"type": "url_verification", "challenge": challenge, "token": "verification"}
        try:
            answer = await self._post(self._urls.events, JSON, json.dumps(body).encode(), {})
        except (TimeoutError, UndeliveredError) as error:
            raise UnverifiedUrlError(f"{self._urls.events}: {error!r}") from error
        if challenge not in (answer.get("challenge"), answer.get("text")):
            raise UnverifiedUrlError(f"{self._urls.events}: the challenge was not echoed")

    async def sent(self, envelope: Envelope) -> "asyncio.Future[Json]":
        """Post an envelope and return what will hold its ack's payload."""
        url, kind, body = self._request(envelope)
        again: dict[str, str] = {}
        if envelope.attempt:
            again["X-Slack-Retry-Num"] = str(envelope.attempt)
            again["X-Slack-Retry-Reason"] = envelope.reason
        return asyncio.ensure_future(self._post(url, kind, body, again))

    def _request(self, envelope: Envelope) -> tuple[str, str, bytes]:
        payload = envelope.payload
        if envelope.kind == EVENTS:
            return self._urls.events, JSON, json.dumps(payload).encode()
        if envelope.kind == COMMANDS:
            return self._urls.commands, FORM, urlencode(payload).encode()
        is_for_options = payload.get("type") == OPTIONS
        url = self._urls.options if is_for_options else self._urls.interactivity
        return url, FORM, urlencode({"payload": json.dumps(payload)}).encode()

    async def _post(self, url: str, kind: str, body: bytes, more: dict[str, str]) -> Json:
        # By the machine's clock, as the app checks it: the workspace's own may have been moved.
        headers = signed_headers(self._secret, body, int(time.time())) | more
        headers |= {"Content-Type": kind, "User-Agent": AGENT, "Accept": "*/*"}
        if self._session is None:
            # A connection of its own each time: one that is kept would outlive an app's restart.
            connector = aiohttp.TCPConnector(force_close=True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return await _read(response)
        except aiohttp.ClientConnectorError as error:
            raise UndeliveredError("connection_failed") from error
        except aiohttp.ClientError as error:
            raise UndeliveredError("socket_closed") from error

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


async def _read(response: aiohttp.ClientResponse) -> Json:
    if response.status // 100 != SUCCESS:
        is_final = response.headers.get("X-Slack-No-Retry") == "1"
        raise UndeliveredError("http_error", response.status, is_final=is_final)
    text = await response.text()
    if response.content_type != JSON:
        return {"text": text} if text else {}
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
