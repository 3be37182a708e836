"""A small app on the real slack-bolt, to be run against the local workspace."""

from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from playground.workspace.model import Json

BOT_TOKEN = "-".join(("xoxb", "1", "sample"))
APP_TOKEN = "-".join(("xapp", "1", "sample"))
SIGNING_SECRET = "signed by the sample's workspace"
DIVIDER: Json = {"type": "divider"}


def button(action_id: str, text: str, value: str = "p1") -> Json:
    return {
        "type": "button",
        "action_id": action_id,
        "text": {"type": "plain_text", "text": text},
        "value": value,
    }


def option(text: str, value: str) -> Json:
    return {"text": {"type": "plain_text", "text": text}, "value": value}


def services_menu() -> list[Json]:
    menu = {
        "type": "external_select",
        "action_id": "services",
        "placeholder": {"type": "plain_text", "text": "Which service?"},
        "min_query_length": 0,
    }
    return [{"type": "actions", "block_id": "where", "elements": [menu]}]


def card(text: str = "Roll back `checkout`?") -> list[Json]:
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}},
        {
            "type": "actions",
            "block_id": "vote",
            "elements": [
                button("proposal.approve", "Approve") | {"style": "primary"},
                button("proposal.reject", "Reject"),
                {
                    "type": "static_select",
                    "action_id": "proposal.delay",
                    "options": [
                        option("5 minutes", "300"),
                        option("1 hour", "3600"),
                    ],
                },
            ],
        },
    ]


def modal(**extra: object) -> Json:
    return {
        "type": "modal",
        "callback_id": "proposal.reject",
        "title": {"type": "plain_text", "text": "Reject"},
        "submit": {"type": "plain_text", "text": "Send"},
        "private_metadata": "p1",
        "blocks": [
            {
                "type": "input",
                "block_id": "reason",
                "label": {"type": "plain_text", "text": "Reason"},
                "element": {"type": "plain_text_input", "action_id": "text", "multiline": True},
            },
            {
                "type": "input",
                "block_id": "scope",
                "optional": True,
                "label": {"type": "plain_text", "text": "Scope"},
                "element": {
                    "type": "checkboxes",
                    "action_id": "boxes",
                    "options": [
                        {"text": {"type": "plain_text", "text": "This one"}, "value": "one"},
                        {"text": {"type": "plain_text", "text": "All"}, "value": "all"},
                    ],
                },
            },
        ],
        **extra,
    }


class SampleApp:
    """Answers a mention, a command, a button and a modal, and remembers what it got."""

    def __init__(self, base_url: str) -> None:
        self.client = AsyncWebClient(token=BOT_TOKEN, base_url=f"{base_url}/api/")
        self.app = AsyncApp(client=self.client, signing_secret=SIGNING_SECRET)
        # Bolt's default of 10 s is how long it takes to notice a connection that was cut.
        self.handler = AsyncSocketModeHandler(self.app, APP_TOKEN, ping_interval=1)
        self.events: list[Json] = []
        self.actions: list[Json] = []
        self.submissions: list[Json] = []
        self.retries: list[str] = []
        self.app.event("app_mention")(self._mentioned)
        self.app.event("message")(self._heard)
        self.app.event("agent_session_stopped")(self._heard)
        self.app.event("reaction_added")(self._heard)
        self.app.event("reaction_removed")(self._heard)
        self.app.options("services")(self._services)
        self.app.action("services")(self._chosen)
        self.app.event("app_home_opened")(self._opened)
        self.app.command("/card")(self._card)
        self.app.command("/silent")(self._silent)
        self.app.action("proposal.approve")(self._approved)
        self.app.action("proposal.delay")(self._approved)
        self.app.action("proposal.reject")(self._rejected)
        self.app.view("proposal.reject")(self._reason)

    async def start(self) -> None:
        await self.handler.connect_async()  # type: ignore[no-untyped-call]  # bolt leaves it untyped

    async def stop(self) -> None:
        await self.handler.close_async()  # type: ignore[no-untyped-call]  # bolt leaves it untyped

    async def serve(self) -> tuple[web.AppRunner, str]:
        """Listen for signed requests on a free port; returns what to clean up, and the URL."""
        runner = web.AppRunner(self.app.web_app(path="/slack/events"))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"

    async def _mentioned(self, event: Json, body: Json, client: AsyncWebClient) -> None:
        self.events.append(body)
        await client.chat_postMessage(
            channel=event["channel"], thread_ts=event["ts"], text=f"Hello <@{event['user']}>"
        )

    async def _heard(self, body: Json) -> None:
        self.events.append(body)

    async def _opened(self, event: Json, client: AsyncWebClient) -> None:
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Home*"}}]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    async def _card(self, ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack(text=f"A card is on its way: {body['text']}")
        await client.chat_postMessage(channel=body["channel_id"], text="card", blocks=card())

    async def _silent(self) -> None:
        """Never acknowledge."""

    async def _services(self, ack: AsyncAck, payload: Json) -> None:
        known = ("checkout", "cart", "search")
        await ack(options=[option(name, name) for name in known if payload["value"] in name])

    async def _chosen(self, ack: AsyncAck, body: Json) -> None:
        self.actions.append(body)
        await ack()

    async def _approved(
        self, ack: AsyncAck, body: Json, action: Json, client: AsyncWebClient, respond: AsyncRespond
    ) -> None:
        self.actions.append(body)
        await ack()
        if action.get("value") == "forged":
            await respond(text="That is not yours to decide.", replace_original=False)
            return
        await client.chat_update(
            channel=body["channel"]["id"],
            ts=body["message"]["ts"],
            text=f"Approved by <@{body['user']['id']}>",
        )

    async def _rejected(self, ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        self.actions.append(body)
        await client.views_open(trigger_id=body["trigger_id"], view=modal())

    async def _reason(self, ack: AsyncAck, body: Json, view: dict[str, Any]) -> None:
        self.submissions.append(body)
        reason = view["state"]["values"]["reason"]["text"]["value"]
        if reason == "no":
            await ack(response_action="errors", errors={"reason": "Say a little more."})
        elif reason == "never":
            return
        else:
            await ack()
