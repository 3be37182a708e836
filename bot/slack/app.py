"""The Bolt app: commits every envelope before its ack, acks, and opens modals; nothing else."""

import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.metrics import Metrics
from bot.slack import (
    batchcards,
    batches,
    cards,
    clicks,
    digests,
    forms,
    glass,
    modals,
    reviews,
    rollbacks,
)
from bot.slack.desk import Desk, reply
from bot.slack.sender import NO_ANSWER
from bot.slack.shown import clean
from bot.store.boxes import Inbox
from policies.model import Proposal
from tools.ports import RecordUnavailable

ANYTHING = re.compile(r".*")
Ack = Callable[..., Awaitable[Any]]
Body = dict[str, Any]
# The form of each button on a card that opens one.
FORMS: Mapping[str, Callable[[Proposal, str], Body | None]] = {
    cards.REJECT: lambda proposal, data: modals.rejection(data, head=modals.about_one(proposal)),
    cards.EDIT: lambda proposal, data: modals.edit(proposal, data) if proposal.editable else None,
    cards.BREAK_GLASS: glass.form,
    reviews.NOT_FINE_BUTTON: reviews.review_form,
}

NOT_OPENED = (
    "The form did not open: Slack took too long. Nothing was done. Press the button, or write the"
    " command, again."
)

_log = logging.getLogger(__name__)


class Reception:
    """The listeners; few and catch-all, because Bolt matches them one by one."""

    def __init__(
        self, desk: Desk, inbox: Inbox, metrics: Metrics, wake: Callable[[], None]
    ) -> None:
        self._desk, self._inbox, self._metrics, self._wake = desk, inbox, metrics, wake

    def app(self, client: AsyncWebClient, token: str, signing_secret: str | None) -> AsyncApp:
        """Return the Bolt app."""
        app = AsyncApp(
            # Without one Bolt reads the source of every caller, to name itself after a file.
            name="signoff",
            client=client,
            token=token,
            signing_secret=signing_secret or "unused in Socket Mode",
            request_verification_enabled=signing_secret is not None,
            ignoring_self_events_enabled=True,
        )
        app.middleware(self.commit)
        app.command(ANYTHING)(self.command)
        app.action(ANYTHING)(self.click)
        app.view(ANYTHING)(self.form)
        app.view_closed(ANYTHING)(self.closed)
        app.event(ANYTHING)(self.event)
        return app

    async def commit(self, body: Body, next_: Callable[[], Awaitable[None]]) -> BoltResponse | None:
        """Commit the envelope under its own key; without a commit there is no ack."""
        found = _key(body)
        if found is not None:
            kind, key = found
            try:
                await self._inbox.put(key, kind, body)
            except RecordUnavailable as error:
                _log.warning("not acknowledged, so Slack tells the person: %s: %s", kind, error)
                return BoltResponse(status=503, body="nothing can be stored now")
            self._metrics.envelopes.labels(kind).inc()
        await next_()
        return None

    async def command(self, ack: Ack, body: Body, client: AsyncWebClient) -> None:
        """Take a slash command."""
        await ack()
        if body.get("command") == "/launch-campaign":
            today = self._desk.context.clock.now().date()
            view = modals.brief(today, str(body.get("channel_id", "")))
            await self._open(client, body, view)
        elif body.get("command") == "/signoff":
            asked = await rollbacks.form(self._desk, body)
            if asked is not None:
                await self._open(client, body, asked)
        self._wake()

    async def click(self, ack: Ack, body: Body, client: AsyncWebClient) -> None:
        """Take a click; those that need a reason or an edit open their form now."""
        await ack()
        action = body["actions"][0]
        action_id = batchcards.base_of(str(action.get("action_id")))
        view = await self._form_for(body, action_id, str(action.get("value")))
        if view is not None:
            await self._open(client, body, view)
        self._wake()

    async def form(self, ack: Ack, body: Body) -> None:
        """Take a filled-in form, or show its errors in it."""
        found = await forms.errors(
            self._desk, body.get("view", {}), self._desk.context.clock.now().date()
        )
        if found:
            await ack(response_action="errors", errors=found)
        else:
            await ack()
        self._wake()

    async def closed(self, ack: Ack) -> None:
        """Take note of a closed form."""
        await ack()

    async def event(self) -> None:
        """Take an event; Bolt acks these by itself."""
        self._wake()

    async def _form_for(self, body: Body, action_id: str, value: str) -> Body | None:
        if action_id.startswith(digests.PROPOSE_PAUSE):
            channel = str(body.get("channel", {}).get("id", ""))
            return await forms.pause_form(self._desk, value, channel)
        if action_id == batchcards.REJECT_ALL:
            return await batches.form(self._desk, body, value)
        form = FORMS.get(action_id)
        if form is None:
            return None
        click = await clicks.click_of(self._desk, body, value)
        refusal, proposal = await clicks.refusal_of(self._desk, click, action_id)
        if proposal is None or refusal is not None:
            return None
        data = f"{value}:{click.channel}:{click.message_ts}"
        return form(proposal, data)

    async def _open(self, client: AsyncWebClient, body: Body, view: Body) -> None:
        try:
            shown = clean(self._desk.context.redactor, {"view": view})
            await client.views_open(trigger_id=str(body.get("trigger_id", "")), view=shown["view"])
        except NO_ANSWER as error:
            # Nothing is lost: no form was filled in yet, and pressing again opens it.
            _log.warning("a form could not be opened: %s", error)
            context = self._desk.context
            # The store has said what is wrong with it.
            with contextlib.suppress(RecordUnavailable):
                await context.database.write(
                    lambda connection: reply(connection, context, body, NOT_OPENED)
                )


class SocketMode:
    """Slack's own Socket Mode client, which connects again by itself once it was connected."""

    def __init__(self, app: AsyncApp, app_token: str) -> None:
        self._handler = AsyncSocketModeHandler(app, app_token)

    async def open(self, address: str) -> None:
        """Connect to an address that Slack gave for this; returns once connected."""
        self._handler.client.wss_uri = address
        await self._handler.connect_async()  # type: ignore[no-untyped-call] # Bolt's own lacks types

    async def close(self) -> None:
        """Disconnect."""
        await self._handler.close_async()  # type: ignore[no-untyped-call] # Bolt's own lacks types


def doorway(app: AsyncApp) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return what serves Slack's signed requests; what can't be one is refused unseen by Bolt."""
    server = app.server()

    async def serve(request: web.Request) -> web.Response:
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return web.Response(status=415, text="Content-Encoding: send the body as it is")
        try:
            await request.text()
        except (UnicodeDecodeError, LookupError):
            return web.Response(status=400, text="Content-Type: the body is no text of its charset")
        return await server.handle_post_requests(request)

    return serve


def _key(body: Body) -> tuple[str, str] | None:
    """Return an envelope's kind and its own key; None for what need not be kept."""
    if "command" in body:
        return "command", f"command:{body.get('trigger_id')}"
    kind = body.get("type")
    if kind == "block_actions":
        return "action", f"action:{body.get('trigger_id')}"
    if kind == "view_submission":
        # Not by its hash: a form that was sent with errors, and then again, still has the same.
        return "view", f"view:{body.get('view', {}).get('id')}:{body.get('trigger_id')}"
    if kind == "event_callback":
        return "event", f"event:{body.get('event_id')}"
    return None
