"""The payloads that an app receives: commands, clicks, submitted and closed modals.

Shapes: docs.slack.dev, reference/interaction-payloads and
interactivity/implementing-slash-commands.
"""

from playground.workspace.context import Context
from playground.workspace.inputs import VALUE_KEYS, elements, stated
from playground.workspace.model import Channel, Json, Message, User, View
from playground.workspace.shapes import message_json, view_json


def _response_url(context: Context, token: str) -> str:
    return f"{context.base_url}/response/{token}"


def _common(context: Context, user: User) -> Json:
    state = context.state
    return {
        "team": {"id": state.team.id, "domain": state.team.domain},
        "user": {
            "id": user.id,
            "username": user.name,
            "name": user.name,
            "team_id": state.team.id,
        },
        "api_app_id": state.app.id,
        "token": "verification",
        "enterprise": None,
        "is_enterprise_install": False,
    }


def command_payload(
    context: Context, user: User, channel: Channel, command: str, text: str
) -> Json:
    """Return what a slash command sends; ids are the identity, names are only for show."""
    state = context.state
    token = context.response_urls.mint(user.id, channel.id)
    return {
        "token": "verification",
        "team_id": state.team.id,
        "team_domain": state.team.domain,
        "channel_id": channel.id,
        "channel_name": _shown_name(channel),
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": state.app.id,
        "is_enterprise_install": "false",
        "response_url": _response_url(context, token),
        "trigger_id": context.triggers.mint(user.id),
    }


def _shown_name(channel: Channel) -> str:
    return {"im": "directmessage", "group": "privategroup"}.get(channel.kind, channel.name)


def action_json(context: Context, block_id: str, element: Json, value: object) -> Json:
    """Return one entry of `actions`; `value` is the chosen option's, or the text."""
    kind = str(element["type"])
    action: Json = {"type": kind, "action_id": element["action_id"], "block_id": block_id}
    if kind == "button":
        kept = ("text", "value", "style", "url")
        action |= {name: element[name] for name in kept if name in element}
    elif kind in VALUE_KEYS:
        action |= stated(element, value)
    return action | {"action_ts": context.state.new_ts()}


def _in_message(context: Context, message: Message) -> Json:
    """Return where an act on a message took place; an ephemeral message is not sent along."""
    channel = context.state.channels[message.channel_id]
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": message.visible_to is not None,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    place: Json = {
        "container": container,
        "channel": {"id": channel.id, "name": _shown_name(channel)},
    }
    if message.visible_to is None:
        place["message"] = message_json(context.state, message)
    return place


def _in_view(context: Context, view: View) -> Json:
    return {
        "container": {"type": "view", "view_id": view.id},
        "view": view_json(context.state, view),
    }


def message_action_payload(context: Context, user: User, message: Message, action: Json) -> Json:
    """Return block_actions of a click in a message."""
    token = context.response_urls.mint(user.id, message.channel_id, message.ts)
    return {
        "type": "block_actions",
        **_common(context, user),
        **_in_message(context, message),
        "trigger_id": context.triggers.mint(user.id),
        "state": {"values": message.values.get(user.id, {})},
        "response_url": _response_url(context, token),
        "actions": [action],
    }


def suggestion_payload(context: Context, user: User, place: Message | View | None) -> Json:
    """Return block_suggestion: what a person typed into an external select is added to it."""
    where: Json = {}
    if isinstance(place, Message):
        where = _in_message(context, place)
    elif place is not None:
        where = _in_view(context, place)
    return {"type": "block_suggestion", **_common(context, user), **where}


def view_action_payload(context: Context, user: User, view: View, action: Json) -> Json:
    """Return block_actions of an element in a modal or a home tab."""
    return {
        "type": "block_actions",
        **_common(context, user),
        **_in_view(context, view),
        "trigger_id": context.triggers.mint(user.id),
        "actions": [action],
    }


def submission_payload(context: Context, user: User, view: View) -> Json:
    """Return view_submission; what was typed is in view.state.values."""
    return {
        "type": "view_submission",
        **_common(context, user),
        "trigger_id": context.triggers.mint(user.id),
        "view": view_json(context.state, view),
        "response_urls": _response_urls(context, user, view),
    }


def _response_urls(context: Context, user: User, view: View) -> list[Json]:
    """Return a response URL for each place that was chosen in an input which asks for one."""
    urls = []
    for block, element in elements(view.body["blocks"]):
        entry = view.values.get(block["block_id"], {}).get(element["action_id"], {})
        channel_id = entry.get(VALUE_KEYS.get(str(element["type"]), ""))
        if element.get("response_url_enabled") and channel_id in context.state.channels:
            token = context.response_urls.mint(user.id, channel_id)
            urls.append(
                {
                    "block_id": block["block_id"],
                    "action_id": element["action_id"],
                    "channel_id": channel_id,
                    "response_url": _response_url(context, token),
                }
            )
    return urls


def closed_payload(context: Context, user: User, view: View, *, is_cleared: bool) -> Json:
    """Return view_closed, sent only for views that ask for it.

    `is_cleared` says that the whole stack was closed at once, as the X does and Cancel does not.
    """
    return {
        "type": "view_closed",
        **_common(context, user),
        "view": view_json(context.state, view),
        "is_cleared": is_cleared,
    }


def home_opened_event(context: Context, user: User, channel: Channel) -> Json:
    """Return app_home_opened; it carries the home tab where one was published."""
    event: Json = {
        "type": "app_home_opened",
        "user": user.id,
        "channel": channel.id,
        "tab": "home",
        "event_ts": context.state.new_ts(),
    }
    view = context.state.homes.get(user.id)
    return event | {"view": view_json(context.state, view)} if view is not None else event


def reaction_event(context: Context, kind: str, user_id: str, message: Message) -> Json:
    """Return reaction_added or reaction_removed, without the reaction's name."""
    return {
        "type": kind,
        "user": user_id,
        "item_user": message.user_id,
        "item": {"type": "message", "channel": message.channel_id, "ts": message.ts},
        "event_ts": context.state.new_ts(),
    }
