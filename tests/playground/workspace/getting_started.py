"""A newcomer's first app on bolt-python, as its guide has one write it; it is a program of its own.

After docs.slack.dev/tools/bolt-python: a message and its button, a command, a modal, App Home. All
that points it at another Slack is `base_url`. `python -m ... URL BOT_TOKEN WAY SECRET`, where WAY
is `socket` with an app token, or a port with a signing secret.
"""

import logging
import sys
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from slack_bolt import Ack, App, Respond, Say
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_sdk import WebClient

Body = dict[str, Any]
DREAMS: Body = {
    "type": "modal",
    "callback_id": "view_1",
    "title": {"type": "plain_text", "text": "My App"},
    "submit": {"type": "plain_text", "text": "Submit"},
    "blocks": [
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "Welcome to a modal with _blocks_"},
            "accessory": {
                "type": "button",
                "text": {"type": "plain_text", "text": "Click me!"},
                "action_id": "button_abc",
            },
        },
        {
            "type": "input",
            "block_id": "input_c",
            "label": {"type": "plain_text", "text": "What are your hopes and dreams?"},
            "element": {
                "type": "plain_text_input",
                "action_id": "dreamy_input",
                "multiline": True,
            },
        },
    ],
}
UPDATED: Body = {
    "type": "modal",
    "callback_id": "view_1",
    "title": {"type": "plain_text", "text": "Updated modal"},
    "blocks": [
        {"type": "section", "text": {"type": "plain_text", "text": "You updated the modal!"}}
    ],
}
HOME: Body = {
    "type": "home",
    "callback_id": "home_view",
    "blocks": [
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Welcome to your _App's Home_*"}},
        {"type": "divider"},
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "home_button",
                    "text": {"type": "plain_text", "text": "Click me!"},
                }
            ],
        },
    ],
}
MIN_DREAM = 5


def hello(message: Body, say: Say) -> None:
    """Answer `hello` with a button."""
    say(
        blocks=[
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": f"Hey there <@{message['user']}>!"},
                "accessory": {
                    "type": "button",
                    "text": {"type": "plain_text", "text": "Click Me"},
                    "action_id": "button_click",
                },
            }
        ],
        text=f"Hey there <@{message['user']}>!",
    )


def clicked(body: Body, ack: Ack, say: Say) -> None:
    """Say who clicked."""
    ack()
    say(f"<@{body['user']['id']}> clicked the button")


def echo(ack: Ack, respond: Respond, command: Body) -> None:
    """Repeat what was written."""
    ack()
    respond(f"{command['text']}")


def dreams(ack: Ack, body: Body, client: WebClient) -> None:
    """Open a modal."""
    ack()
    client.views_open(trigger_id=body["trigger_id"], view=DREAMS)


def changed(ack: Ack, body: Body, client: WebClient) -> None:
    """Change the modal that the button is in."""
    ack()
    view = body["view"]
    client.views_update(view_id=view["id"], hash=view["hash"], view=UPDATED)


def submitted(ack: Ack, body: Body, client: WebClient, view: Body) -> None:
    """Refuse a short dream, keep a long one."""
    dream = view["state"]["values"]["input_c"]["dreamy_input"]["value"]
    if len(dream) <= MIN_DREAM:
        errors = {"input_c": "The value must be longer than 5 characters"}
        ack(response_action="errors", errors=errors)
        return
    ack()
    client.chat_postMessage(channel=body["user"]["id"], text=f"Your submission: {dream}")


def opened(client: WebClient, event: Body) -> None:
    """Show the home tab."""
    client.views_publish(user_id=event["user"], view=HOME)


def heard() -> None:
    """Take note of every other message."""


class Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
        """Write nothing."""


def main(url: str, bot_token: str, way: str, secret: str) -> None:
    """Run until it is ended."""
    client = WebClient(token=bot_token, base_url=f"{url}/api/")
    signing_secret = None if way == "socket" else secret
    app = App(client=client, signing_secret=signing_secret)
    app.message("hello")(hello)
    app.event("message")(heard)
    app.action("button_click")(clicked)
    app.action("button_abc")(changed)
    app.command("/echo")(echo)
    app.command("/dreams")(dreams)
    app.view("view_1")(submitted)
    app.event("app_home_opened")(opened)
    if way == "socket":
        SocketModeHandler(app, secret).start()  # type: ignore[no-untyped-call]  # bolt's own
    else:
        make_server(
            "127.0.0.1", int(way), SlackRequestHandler(app), handler_class=Quiet
        ).serve_forever()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    main(*sys.argv[1:])
