"""Calls Slack within its rates, each method and channel in its own lane, and names its faults."""

import logging
import re
import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.metrics import Metrics
from bot.slack.blocks import Block
from bot.slack.line import Line
from bot.slack.rates import Now, Rates, Urgency
from bot.slack.shown import clean
from policies.redaction import Redactor

ATTEMPTS = 5
OK, RATE_LIMITED, SERVER_ERROR = 200, 429, 500
# A longer pause than Slack's own windows ask for is a fault of somebody in between.
LONGEST_HOLD_S = 600.0
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
TICKET = "apps.connections.open"
# Slack's own troubles, as docs.slack.dev names them for every method: no word about the request.
TROUBLES = frozenset(
    {
        "fatal_error",
        "internal_error",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)

# The SDK lets aiohttp's own errors through, and a closed connection is no OSError there.
NO_ANSWER = (SlackClientError, aiohttp.ClientError, OSError, TimeoutError)
# What the SDK stumbles over where somebody else answers: no JSON, no object, no `ok`.
NOT_SLACKS = (ValueError, AttributeError, TypeError)

_log = logging.getLogger(__name__)


class SlackRefused(Exception):  # noqa: N818 - says what happened
    """Slack said no; `error` is its code."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class NoAnswer(Exception):  # noqa: N818 - says what happened
    """Slack gave no answer: what was asked may have happened."""


class NotSent(NoAnswer):
    """It certainly did not happen: Slack was not reached, or put us off."""


class PutOff(NotSent):
    """Slack said to wait: its lane is held, and whoever had the turn may think again."""


class _Held(Exception):  # noqa: N818 - says what happened
    """Slack said to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"for {seconds} s")
        self.seconds = seconds


class Sender:
    """The one way to Slack's Web API for everything that is posted.

    `now` is the clock that rates are counted by, in seconds; `is_rested` as in `Rates`.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        metrics: Metrics,
        redactor: Redactor,
        now: Now = time.monotonic,
        *,
        is_rested: bool = True,
    ) -> None:
        self._client, self._metrics, self._redactor = client, metrics, redactor
        origin = urlsplit(client.base_url)
        # Slack's own hooks; in the playground they live where its API lives.
        own = f"{origin.scheme}://{origin.netloc}/"
        self._hooks = own if origin.hostname != "slack.com" else "https://hooks.slack.com/"
        self._rates = Rates(now, is_rested=is_rested)
        self.line = Line(self._probe, now, metrics, client.base_url)

    async def turn(self, method: str, channel: str | None, urgency: Urgency) -> None:
        """Wait until Slack is there and a call is within its rates; then `call(has_turn=True)`."""
        while True:
            await self.line.back()
            await self._rates.turn(method, channel, urgency)
            if not self.line.is_away:
                return
            self._rates.give_back(method, channel)

    def give_back(self, method: str, channel: str | None) -> None:
        """Return a turn that is not needed any more."""
        self._rates.give_back(method, channel)

    async def call(
        self,
        method: str,
        arguments: Mapping[str, Any],
        urgency: Urgency = Urgency.NEWS,
        *,
        has_turn: bool = False,
    ) -> dict[str, Any]:
        """Call a method, waiting for its rate and its channel's.

        Raises:
            SlackRefused: Slack said no, for good.
            PutOff: with a turn only: Slack said to wait, and nothing happened.
            NotSent: Slack is away, or put us off too often: nothing happened.
            NoAnswer: no answer, or a fault of Slack's: it may have happened.
        """
        found = arguments.get("channel")
        channel = found if isinstance(found, str) else None
        for _ in range(ATTEMPTS):
            if not has_turn:
                await self._rates.turn(method, channel, urgency)
            if self.line.is_away:
                raise NotSent("Slack is away")
            try:
                return await self._once(method, arguments)
            except _Held as held:
                self._rates.hold(method, channel, held.seconds)
                if has_turn:
                    raise PutOff(f"{method} for {held.seconds:g} s") from held
        raise NotSent("rate limited")

    async def first(self) -> dict[str, Any]:
        """Ask once who we are, though Slack counts as away; raises SlackRefused or NoAnswer."""
        try:
            return await self._once("auth.test", {})
        except _Held as held:
            raise NotSent("rate limited") from held

    async def ticket(self, app_token: str) -> str:
        """Return an address that opens one socket; raises SlackRefused or NoAnswer."""
        asking = self._client.apps_connections_open(app_token=app_token)
        try:
            found = await self._answered(TICKET, asking)
        except _Held as held:
            raise NotSent("rate limited") from held
        return str(found.get("url", ""))

    async def answer(self, url: str, text: str, blocks: Sequence[Block] = ()) -> None:
        """Answer through a `response_url`; raises as `call` does."""
        if not url.startswith(self._hooks):
            raise SlackRefused("foreign_response_url")
        if self.line.is_away:
            raise NotSent("Slack is away")
        hook = AsyncWebhookClient(url, retry_handlers=[])
        try:
            said = clean(self._redactor, {"text": text, "blocks": list(blocks) or None})
            answer = await hook.send(**said, response_type="ephemeral", replace_original=False)
        except NO_ANSWER as error:
            raise self._unanswered("response_url", error) from error
        result = "ok" if answer.status_code == OK else str(answer.status_code)
        self._metrics.posts.labels("response_url", result).inc()
        if answer.status_code == RATE_LIMITED:
            raise NotSent("rate limited")
        if answer.status_code >= SERVER_ERROR:
            self.line.doubt()
            raise NoAnswer(result)
        if answer.status_code != OK:
            raise SlackRefused(_code(answer.body))

    async def _once(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return await self._answered(method, self._asked(method, arguments))

    async def _answered(self, method: str, asking: Awaitable[Any]) -> dict[str, Any]:
        try:
            answer = await asking
        except SlackApiError as error:
            raise self._refused(method, error) from error
        except (*NO_ANSWER, *NOT_SLACKS) as error:
            raise self._unanswered(method, error) from error
        self._metrics.posts.labels(method, "ok").inc()
        return dict(answer.data) if isinstance(answer.data, dict) else {}

    async def _asked(self, method: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the SDK's own
        if method not in READS:
            shown = clean(self._redactor, arguments)
            return await self._client.api_call(method, json=shown)
        # Slack takes JSON for writing methods only.
        words = {name: str(value) for name, value in arguments.items()}
        return await self._client.api_call(method, http_verb="GET", params=words)

    def _unanswered(self, method: str, error: Exception) -> NoAnswer:
        self._metrics.posts.labels(method, "no answer").inc()
        self.line.doubt()
        name = type(error).__name__
        # Without a connection nothing was asked.
        is_unsent = isinstance(error, aiohttp.ClientConnectorError)
        return NotSent(name) if is_unsent else NoAnswer(name)

    def _refused(self, method: str, error: SlackApiError) -> Exception:
        status, said = _said(error)
        code = _code(said.get("error", "unknown"))
        if status == RATE_LIMITED or code in {"ratelimited", "rate_limited"}:
            self._metrics.posts.labels(method, "rate limited").inc()
            return _Held(_retry_after(getattr(error.response, "headers", {})))
        if "ok" not in said:
            # Slack always says it: this is somebody in between, or another address.
            return self._unanswered(method, error)
        self._metrics.posts.labels(method, code).inc()
        details = said.get("response_metadata")
        if details:
            _log.warning("%s answered %s: %s", method, code, details)
        if status >= SERVER_ERROR or code in TROUBLES:
            self.line.doubt()
            return NoAnswer(f"{status} {code}")
        return SlackRefused(code)

    async def _probe(self) -> bool:
        """Say whether Slack answers at all; a refusal is an answer too."""
        try:
            await self._client.auth_test()
        except SlackApiError as error:
            status, said = _said(error)
            is_slacks = "ok" in said or status == RATE_LIMITED
            return is_slacks and status < SERVER_ERROR and said.get("error") not in TROUBLES
        except (*NO_ANSWER, *NOT_SLACKS):
            return False
        return True


def _said(error: SlackApiError) -> tuple[int, Mapping[str, Any]]:
    """Return the status and what Slack said; empty when it was not Slack who answered."""
    response: Any = error.response
    # The SDK hands on its own answer, or aiohttp's where the body was no JSON.
    status: Any = getattr(response, "status_code", None) or getattr(response, "status", 0)
    said = getattr(response, "data", response)
    return int(status), said if isinstance(said, dict) else {}


def _code(found: object) -> str:
    """Return Slack's own code; what is none does not become a label, a log line or a reason."""
    code = str(found).strip()
    return code if CODE.fullmatch(code) else "unknown_error"


def _retry_after(headers: Mapping[str, str]) -> float:
    found = {name.lower(): value for name, value in headers.items()}.get("retry-after", "1")
    return min(float(found), LONGEST_HOLD_S) if found.isdecimal() else 1.0
