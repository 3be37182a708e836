"""Calls Slack within its rates: one queue per channel, 429 waited out, faults named."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.metrics import Metrics
from bot.slack.shown import clean
from policies.redaction import Redactor

# About one message a second and channel, with short bursts (docs.slack.dev, rate limits).
BURST, PER_S = 5.0, 1.0
ATTEMPTS = 5
OK, RATE_LIMITED, SERVER_ERROR = 200, 429, 500
READS = frozenset(
    {
        "conversations.history",
        "conversations.info",
        "conversations.replies",
        "usergroups.users.list",
        "users.info",
    }
)

CODE = re.compile(r"[a-z0-9_]{1,64}")

# The SDK lets aiohttp's own errors through, and a closed connection is no OSError there.
NO_ANSWER = (SlackClientError, aiohttp.ClientError, OSError, TimeoutError)

_log = logging.getLogger(__name__)


class SlackRefused(Exception):  # noqa: N818 - says what happened
    """Slack said no; `error` is its code."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class NoAnswer(Exception):  # noqa: N818 - says what happened
    """Slack gave no answer: what was asked may have happened."""


class Bucket:
    """A token bucket on real time."""

    def __init__(self, burst: float = BURST, per_s: float = PER_S) -> None:
        self._burst, self._per_s = burst, per_s
        self._left, self._at = burst, time.monotonic()

    async def take(self) -> None:
        """Wait for a token."""
        while True:
            now = time.monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
            self._at = now
            if self._left >= 1:
                self._left -= 1
                return
            await asyncio.sleep((1 - self._left) / self._per_s)


class Sender:
    """The one way to Slack's Web API for everything that is posted."""

    def __init__(self, client: AsyncWebClient, metrics: Metrics, redactor: Redactor) -> None:
        self._client, self._metrics, self._redactor = client, metrics, redactor
        origin = urlsplit(client.base_url)
        # Slack's own hooks; in the playground they live where its API lives.
        own = f"{origin.scheme}://{origin.netloc}/"
        self._hooks = own if origin.hostname != "slack.com" else "https://hooks.slack.com/"
        self._buckets: dict[str, Bucket] = {}

    async def call(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a method, waiting for the channel's rate.

        Raises:
            SlackRefused: Slack said no, for good.
            NoAnswer: no answer, or a fault of Slack's: it may have happened.
        """
        channel = arguments.get("channel")
        if method == "chat.postMessage" and isinstance(channel, str):
            await self._buckets.setdefault(channel, Bucket()).take()
        if method in READS:
            # Slack takes JSON for writing methods only.
            words = {name: str(value) for name, value in arguments.items()}
            return await self._tried(
                method, lambda: self._client.api_call(method, http_verb="GET", params=words)
            )
        shown = clean(self._redactor, arguments)
        return await self._tried(method, lambda: self._client.api_call(method, json=shown))

    async def answer(self, url: str, text: str) -> None:
        """Answer through a `response_url`; raises SlackRefused or NoAnswer."""
        if not url.startswith(self._hooks):
            raise SlackRefused("foreign_response_url")
        hook = AsyncWebhookClient(url, retry_handlers=[])
        try:
            text = self._redactor.text(text)
            answer = await hook.send(text=text, response_type="ephemeral", replace_original=False)
        except NO_ANSWER as error:
            raise NoAnswer(type(error).__name__) from error
        result = "ok" if answer.status_code == OK else str(answer.status_code)
        self._metrics.posts.labels("response_url", result).inc()
        if answer.status_code >= SERVER_ERROR or answer.status_code == RATE_LIMITED:
            raise NoAnswer(result)
        if answer.status_code != OK:
            raise SlackRefused(_code(answer.body))

    async def _tried(self, method: str, call: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
        for _ in range(ATTEMPTS):
            try:
                answer = await call()
            except SlackApiError as error:
                await self._refused(method, error)
                continue
            except (*NO_ANSWER, ValueError) as error:
                self._metrics.posts.labels(method, "no answer").inc()
                raise NoAnswer(type(error).__name__) from error
            self._metrics.posts.labels(method, "ok").inc()
            return dict(answer.data) if isinstance(answer.data, dict) else {}
        raise NoAnswer("rate limited")

    async def _refused(self, method: str, error: SlackApiError) -> None:
        response = error.response
        status = getattr(response, "status_code", 0)
        code = _code(response.get("error", "unknown"))
        if status == RATE_LIMITED or code in {"ratelimited", "rate_limited"}:
            self._metrics.posts.labels(method, "rate limited").inc()
            headers = getattr(response, "headers", {})
            await asyncio.sleep(_retry_after(headers))
            return
        self._metrics.posts.labels(method, code).inc()
        details = response.get("response_metadata")
        if details:
            _log.warning("%s answered %s: %s", method, code, details)
        if status >= SERVER_ERROR or code in {"internal_error", "fatal_error"}:
            raise NoAnswer(f"{status} {code}") from error
        raise SlackRefused(code) from error


def _code(found: object) -> str:
    """Return Slack's own code; what is none does not become a label, a log line or a reason."""
    code = str(found).strip()
    return code if CODE.fullmatch(code) else "unknown_error"


def _retry_after(headers: Mapping[str, str]) -> float:
    found = {name.lower(): value for name, value in headers.items()}.get("retry-after", "1")
    return float(found) if found.isdecimal() else 1.0
