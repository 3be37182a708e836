"""What a person does in the workspace: say, command, click, submit, close, open the home tab."""

import re
from dataclasses import dataclass, field
from typing import NoReturn

from playground.workspace.chat import checked_content
from playground.workspace.context import Context
from playground.workspace.delivery import UndeliveredError
from playground.workspace.elements import GROUP, MAX_OPTIONS, OPTION
from playground.workspace.filefields import FILE_INPUT, announce, handed
from playground.workspace.inputs import EXTERNAL, find_element, missing_fields, state_values
from playground.workspace.inspection import Inspection, array
from playground.workspace.model import ActError, ApiError, Channel, Json, Message, View
from playground.workspace.payloads import (
    action_json,
    closed_payload,
    command_payload,
    home_opened_event,
    message_action_payload,
    reaction_event,
    submission_payload,
    suggestion_payload,
    view_action_payload,
)
from playground.workspace.responses import respond
from playground.workspace.streaming import stop_by_user
from playground.workspace.triggers import ResponseUrl
from playground.workspace.unfurling import tell_of_links
from playground.workspace.views import checked_view, push, replace_body

ENTITY = re.compile(
    r"<(@U\w+|#C\w+|!subteam\^S\w+)>|\b(https?://[^\s<>|]*[^\s<>|.,;:!?'\")\]}*_~`])"
    r"|([&<>])|(?<![\w<])([@#])([\w.-]+)"
)
# As people see them after a slash command ("failed with the error ..."); not documented (?).
DISPATCH_ERRORS = {
    "timeout": "operation_timeout",
    "http_timeout": "operation_timeout",
    "socket_closed": "dispatch_unknown_error",
}
SERVICE_ERROR = 500
NOT_CONNECTED = "it is not connected. Nothing was sent; try again when it is back."
NO_ANSWER = "no answer in time. It may have arrived; look before you repeat it."
WHAT_NEXT = {
    "no_socket": NOT_CONNECTED,
    "connection_failed": NOT_CONNECTED,
    "timeout": NO_ANSWER,
    "http_timeout": NO_ANSWER,
    "socket_closed": "its connection closed. It may have arrived; look first.",
    "http_error": "it refused the request. Look into its log, then try again.",
}
UNREADABLE = "The app answered with what cannot be shown. Look into its log."
REACTION = re.compile(r"[a-z0-9_+'-]{1,100}(::skin-tone-[2-6])?")
# What an app offers in an external menu.
OFFERED = {"options": OPTION, "option_groups": GROUP}
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Click:
    """One act on an element: of a message (channel, ts) or of a view.

    `is_forged` sends it as given, without looking whether there is such a button: what a person
    with a stale or a manipulated client could send.
    """

    user_id: str
    action_id: str
    block_id: str | None = None
    channel_id: str = ""
    ts: str = ""
    view_id: str = ""
    value: object = None
    values: Json = field(default_factory=dict)
    is_forged: bool = False


class Acts:
    """The acts of all persons, each delivered to the app as Slack would."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def _channel(self, user_id: str, name: str) -> Channel:
        channel = self._context.state.channel_for(user_id, name)
        if user_id not in channel.members:
            raise ActError("not_in_channel", "You are not a member of this channel.")
        if channel.is_archived:
            raise ActError("is_archived", "This channel is archived: it can only be read.")
        return channel

    def say(self, user_id: str, channel: str, text: str, thread_ts: str | None = None) -> Message:
        """Post as a person; `@name`, `#channel` and addresses become links, the rest is escaped."""
        state = self._context.state
        if not text.strip():
            raise ActError("no_text", "There is nothing to send.")
        place = self._channel(state.user(user_id).id, channel)
        root = state.root_ts(place.id, thread_ts)
        if place.is_archived:
            raise ActError("is_archived", "This channel is archived. Say it in another one.")
        if thread_ts and root is None:
            raise ActError("thread_not_found", "This thread is no longer there.")
        message = Message(
            channel_id=place.id,
            ts=state.new_ts(),
            user_id=user_id,
            text=self._linked(text),
            thread_ts=root,
        )
        state.add(message)
        self._context.emit_message(message)
        tell_of_links(self._context, message)
        return message

    def _linked(self, text: str) -> str:
        state = self._context.state
        people = {user.name.lower(): f"<@{user.id}>" for user in state.users.values()}
        groups = {group.handle: f"<!subteam^{group.id}>" for group in state.groups.values()}
        places = {c.name: f"<#{c.id}>" for c in state.channels.values() if c.kind != "im"}
        known = {"@": groups | people, "#": places}

        def link(found: "re.Match[str]") -> str:
            entity, address, special, sign, name = found.groups()
            if entity:
                return found[0]
            if address:
                return f"<{address.replace('&', '&amp;')}>"
            if special:
                return ESCAPES[special]
            return known[sign].get(name.lower(), found[0])

        return ENTITY.sub(link, text)

    def react(
        self, user_id: str, channel: str, ts: str, name: str, *, is_back: bool = False
    ) -> None:
        """Add one's reaction to a message, or take it back."""
        state = self._context.state
        place = self._channel(state.user(user_id).id, channel)
        message = state.find(place.id, ts)
        if message is None or message.visible_to or message.is_tombstone:
            raise ActError("message_not_found", "This message is no longer there.")
        if not REACTION.fullmatch(name):
            raise ActError("invalid_name", f"`{name[:50]}` is not the name of an emoji.")
        users = message.reactions.get(name, [])
        if (user_id in users) != is_back:
            code = "no_reaction" if is_back else "already_reacted"
            raise ActError(code, "Look again: this was done already.")
        message.reactions[name] = (
            [user for user in users if user != user_id] if is_back else [*users, user_id]
        )
        if not message.reactions[name]:
            del message.reactions[name]
        state.touched(message)
        if state.app.user_id in place.members:
            kind = "reaction_removed" if is_back else "reaction_added"
            event = reaction_event(self._context, kind, user_id, message)
            self._context.emit(event | {"reaction": name}, kind)

    async def command(self, user_id: str, channel: str, command: str, text: str) -> None:
        """Run a slash command and show what its ack says."""
        context = self._context
        known = context.state.app.commands
        if known is not None and command not in known:
            raise ActError("unknown_command", f"`{command}` is not a command of this workspace.")
        user = context.state.user(user_id)
        place = self._channel(user.id, channel)
        payload = command_payload(context, user, place, command, text.strip())
        answer = await self._deliver("slash_commands", payload)
        if not answer:
            return
        url = ResponseUrl(
            user_id=user.id,
            channel_id=place.id,
            message_ts=None,
            made_at=context.state.clock.now(),
        )
        try:
            checked_content(answer)
            respond(context, url, answer)
        except ApiError as refusal:
            context.complaints.append(f"ack of {command}: {refusal.code}")
            raise ActError("invalid_command_response", UNREADABLE) from refusal

    async def suggest(self, click: Click, text: str) -> Json:
        """Ask the app for the options of an external select; they are in its ack."""
        user = self._context.state.user(click.user_id)
        view, message = None, None
        if click.view_id:
            view = self._open_view(click.user_id, click.view_id)
            blocks = view.body["blocks"]
        else:
            message = self._clickable(click)
            blocks = message.blocks
        found = find_element(blocks, click.action_id, click.block_id)
        if found is None:
            raise ActError("no_such_element", "This menu is no longer there.")
        if str(found[1]["type"]) not in EXTERNAL:
            raise ActError("no_such_element", "The options of this menu do not come from the app.")
        place = {"action_id": click.action_id, "block_id": found[0]["block_id"], "value": text}
        payload = suggestion_payload(self._context, user, message or view) | place
        return self._suggested(click.action_id, await self._deliver("interactive", payload))

    def _suggested(self, action_id: str, answer: Json) -> Json:
        given = {name: answer[name] for name in OFFERED if answer.get(name) is not None}
        at = Inspection("message")
        for name, offered in given.items():
            array(OFFERED[name], MAX_OPTIONS, least=0)(at, offered, f"/{name}")
        if not given or at.problems:
            wrong = at.problems[0] if at.problems else "no options"
            self._context.complaints.append(f"ack of the options of {action_id}: {wrong}")
            raise ActError("invalid_ack", "The options could not be loaded. Try again?")
        return given

    async def click(self, click: Click) -> None:
        """Deliver an act on an element as block_actions."""
        user = self._context.state.user(click.user_id)
        if click.view_id:
            view = self._open_view(click.user_id, click.view_id)
            action = self._action(click, view.body["blocks"])
            view.values = self._typed(view, click.values)
            self._keep(view, action)
            payload = view_action_payload(self._context, user, view, action)
        else:
            message = self._clickable(click)
            action = self._action(click, message.blocks)
            chosen = {} if click.is_forged else _chosen(click, action["block_id"])
            before = message.values.get(user.id, {})
            message.values[user.id] = state_values(message.blocks, chosen, before)
            payload = message_action_payload(self._context, user, message, action)
        await self._deliver("interactive", payload)

    @staticmethod
    def _keep(view: View, action: Json) -> None:
        chosen = view.values.get(action["block_id"], {})
        if action["action_id"] in chosen:
            names = chosen[action["action_id"]].keys()
            chosen[action["action_id"]] = {name: action[name] for name in names if name in action}

    def _clickable(self, click: Click) -> Message:
        self._context.state.channel_for(click.user_id, click.channel_id)
        message = self._context.state.find(click.channel_id, click.ts)
        if message is None or message.visible_to not in (None, click.user_id):
            raise ActError("message_not_found", "This message is no longer there.")
        return message

    def _action(self, click: Click, blocks: list[Json]) -> Json:
        found = find_element(blocks, click.action_id, click.block_id)
        if click.is_forged:
            element = {
                **(found[1] if found else {}),
                "type": "button",
                "action_id": click.action_id,
            }
            if click.value is not None:
                element["value"] = click.value
            block_id = click.block_id or (found[0]["block_id"] if found else "forged")
            return action_json(self._context, block_id, element, None)
        if found is None:
            raise ActError("no_such_element", "This button is no longer there.")
        return action_json(self._context, found[0]["block_id"], found[1], click.value)

    def _open_view(self, user_id: str, view_id: str) -> View:
        view = self._context.state.view(view_id)
        if view is None or view.user_id != user_id:
            raise ActError("view_not_found", "This window is no longer open.")
        return view

    def _typed(self, view: View, values: Json) -> Json:
        blocks = view.body["blocks"]
        held = handed(self._context, view.user_id, blocks, values)
        return state_values(blocks, held, view.values)

    def attach(self, click: Click, name: str, size: int) -> Json:
        """Say that a file will be uploaded for a field of a modal, and return where to."""
        view = self._open_view(click.user_id, click.view_id)
        found = find_element(view.body["blocks"], click.action_id, click.block_id)
        if found is None or found[1]["type"] != FILE_INPUT:
            raise ActError("no_such_element", "This field is no longer there.")
        return announce(self._context, click.user_id, name, size)

    async def submit(
        self, user_id: str, view_id: str, values: Json, *, is_forged: bool = False
    ) -> None:
        """Submit a modal; `is_forged` skips what the client itself would refuse."""
        view = self._open_view(user_id, view_id)
        view.values = self._typed(view, values)
        view.errors = {} if is_forged else missing_fields(view.body["blocks"], view.values)
        if view.errors:
            raise ActError("invalid_fields", "Some fields need another look.", view.errors)
        user = self._context.state.user(user_id)
        answer = await self._deliver("interactive", submission_payload(self._context, user, view))
        self._after_submission(view, answer)

    def _after_submission(self, view: View, answer: Json) -> None:
        stack = self._context.state.stacks.get(view.user_id, [])
        if view not in stack:
            return
        match answer.get("response_action"):
            case "errors":
                self._show_errors(view, answer.get("errors"))
            case "clear":
                stack.clear()
            case "update" | "push":
                self._show_view(view, answer)
            case None:
                stack.remove(view)
            case other:
                self._unreadable(f"response_action {other!r}")
        self._context.state.feed.publish("view", user=view.user_id)

    def _unreadable(self, what: str) -> NoReturn:
        self._context.complaints.append(f"ack of a submission: {what}")
        raise ActError("invalid_ack", "We had some trouble connecting. Try again?")

    def _show_errors(self, view: View, errors: object) -> None:
        known = {b["block_id"] for b in view.body["blocks"] if b["type"] == "input"}
        if not isinstance(errors, dict) or not all(isinstance(e, str) for e in errors.values()):
            self._unreadable("errors that are none")
        if not errors or not errors.keys() <= known:
            self._unreadable(f"errors for {sorted(errors)}")
        view.errors = errors
        raise ActError("invalid_fields", "Some fields need another look.", errors)

    def _show_view(self, view: View, answer: Json) -> None:
        try:
            body = checked_view(self._context, answer.get("view"))
            if answer["response_action"] == "push":
                push(self._context, view.user_id, body)
            else:
                replace_body(self._context, view, body)
        except ApiError as refusal:
            self._unreadable(refusal.code)

    async def close(self, user_id: str, view_id: str, *, is_all: bool = False) -> None:
        """Close a modal, or with `is_all` (its X) those below, too.

        The app hears of each that asks for it.
        """
        view = self._open_view(user_id, view_id)
        stack = self._context.state.stacks.get(user_id, [])
        is_cleared = is_all or bool(view.body.get("clear_on_close"))
        closed = [*stack] if is_cleared and view in stack else [view]
        stack[:] = [one for one in stack if one not in closed]
        self._context.state.feed.publish("view", user=user_id)
        user = self._context.state.user(user_id)
        for one in reversed(closed):
            if one.body.get("notify_on_close"):
                payload = closed_payload(self._context, user, one, is_cleared=is_cleared)
                await self._deliver("interactive", payload)

    def open_home(self, user_id: str) -> None:
        """Look at the app's home tab."""
        user = self._context.state.user(user_id)
        channel = self._context.state.direct(user_id)
        event = home_opened_event(self._context, user, channel)
        self._context.emit(event, "app_home_opened")

    def stop_session(self, user_id: str, channel: str, thread_ts: str) -> None:
        """Press the stop button that Slack shows while an agent's session is processing."""
        state = self._context.state
        place = self._channel(state.user(user_id).id, channel)
        session = state.sessions.get((place.id, thread_ts))
        if session is None or session["status"] != "processing":
            raise ActError("not_processing", "There is nothing to stop here.")
        event: Json = {
            "type": "agent_session_stopped",
            "user": user_id,
            "channel": place.id,
            "thread_ts": thread_ts,
            "streaming_message_ts": stop_by_user(self._context, place.id, thread_ts),
            "event_ts": state.new_ts(),
        }
        self._context.emit(event, "agent_session_stopped")

    async def _deliver(self, kind: str, payload: Json) -> Json:
        try:
            return await self._context.delivery.send(kind, payload)
        except UndeliveredError as lost:
            raise ActError(*dispatch_error(self._context.state.app.name, lost)) from lost


def _chosen(click: Click, block_id: str) -> Json:
    """Return what a person has typed and chosen in a message, with what they act on now."""
    beside = click.values.get(block_id, {})
    return {**click.values, block_id: {**beside, click.action_id: click.value}}


def dispatch_error(name: str, lost: UndeliveredError) -> tuple[str, str]:
    """Return the code that Slack shows a person when the app did not answer, and what to do."""
    code = DISPATCH_ERRORS.get(lost.reason, "dispatch_failed")
    if lost.reason == "http_error":
        code = "http_service_error" if lost.status >= SERVICE_ERROR else "http_client_error"
    return code, f"{name} did not respond (`{code}`): {WHAT_NEXT[lost.reason]}"
