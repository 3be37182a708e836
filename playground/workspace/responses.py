"""Answers to an interaction that do not come through the Web API: acks and response URLs."""

from http import HTTPStatus

from aiohttp import web

from playground.workspace.bodies import json_object
from playground.workspace.chat import bot_message
from playground.workspace.context import Context
from playground.workspace.model import ApiError, Json, Message
from playground.workspace.shapes import message_json
from playground.workspace.triggers import ResponseUrl


def respond(context: Context, place: ResponseUrl, body: Json) -> None:
    """Post, replace or delete as `body` says; without a word about it the answer is ephemeral."""
    state = context.state
    original = state.find(place.channel_id, place.message_ts) if place.message_ts else None
    if body.get("delete_original"):
        if original is not None:
            context.emit_deleted(original)
            state.remove(original)
        return
    message = bot_message(context, place.channel_id, body)
    if body.get("replace_original") and original is not None:
        _replace(context, original, message)
        return
    if body.get("response_type") != "in_channel":
        message.visible_to = place.user_id
    state.add(message)
    # Nobody but the person hears of an ephemeral one; `emit_message` looks at that.
    context.emit_message(message)


def _replace(context: Context, original: Message, message: Message) -> None:
    """Give the message that was clicked its new content; whom it is shown to stays."""
    was = message_json(context.state, original)
    original.text, original.blocks = message.text, message.blocks
    original.attachments = message.attachments
    if original.visible_to is None:
        original.edited = {"user": context.state.app.user_id, "ts": message.ts}
    context.state.touched(original)
    context.emit_message(original, was=was)


async def serve_response_url(context: Context, request: web.Request) -> web.Response:
    """Serve one POST to a response URL: `ok`, or the reason it was refused."""
    try:
        body = await json_object(request)
    except ApiError:
        return web.Response(status=HTTPStatus.BAD_REQUEST, text="invalid_payload")
    try:
        place = context.response_urls.redeem(request.match_info["token"])
    except ApiError as refusal:
        return web.Response(status=HTTPStatus.NOT_FOUND, text=refusal.code)
    try:
        respond(context, place, body)
    except ApiError as refusal:
        return web.Response(status=HTTPStatus.BAD_REQUEST, text=refusal.code)
    return web.Response(text="ok")
