"""What every Web API method and every act of a person works with."""

from dataclasses import dataclass, field

from playground.workspace.delivery import Delivery
from playground.workspace.model import ApiError, Channel, Json, Message
from playground.workspace.shapes import message_json
from playground.workspace.state import State
from playground.workspace.triggers import ResponseUrls, Triggers


@dataclass(kw_only=True)
class Context:
    """The parts of one workspace.

    `base_url` is where the last request reached it; `complaints` collects what the app answered
    wrongly where Slack has no answer to give it back in (acks), so that a test can look.
    """

    state: State
    delivery: Delivery
    triggers: Triggers
    response_urls: ResponseUrls
    base_url: str = ""
    complaints: list[str] = field(default_factory=list)

    def emit(self, event: Json, subscription: str) -> None:
        """Send an event to the app if it subscribed to it."""
        state = self.state
        if subscription not in state.app.events:
            return
        authorization = {
            "enterprise_id": None,
            "team_id": state.team.id,
            "user_id": state.app.user_id,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        self.delivery.send_event(
            {
                "token": "verification",
                "team_id": state.team.id,
                "context_team_id": state.team.id,
                "context_enterprise_id": None,
                "api_app_id": state.app.id,
                "event": event,
                "type": "event_callback",
                "event_id": state.new_id("Ev"),
                "event_time": int(state.clock.now().timestamp()),
                "authorizations": [authorization],
                "is_ext_shared_channel": False,
                "event_context": state.new_id("4-"),
            }
        )

    def emit_message(self, message: Message, *, was: Json | None = None) -> None:
        """Send the events of a new message, or of a changed one with `was` its former body."""
        channel = self.state.channels[message.channel_id]
        bot = self.state.app.user_id
        if message.visible_to or bot not in channel.members:
            return
        place = {"channel": channel.id, "channel_type": channel.kind, "event_ts": message.ts}
        body = message_json(self.state, message)
        subscription = _subscription(channel)
        if was is not None:
            changed = {"type": "message", "subtype": "message_changed", "hidden": True}
            changed |= {"message": body, "previous_message": was, "ts": self.state.new_ts()}
            self.emit(changed | place, subscription)
            return
        self.emit(body | place, subscription)
        if channel.kind != "im" and message.bot_id is None and f"<@{bot}>" in message.text:
            mention = {**body, "type": "app_mention", "channel": channel.id}
            self.emit(mention | {"event_ts": message.ts}, "app_mention")

    def emit_deleted(self, was: Message) -> None:
        """Send the event of a message that is gone, with what it was."""
        channel = self.state.channels[was.channel_id]
        if was.visible_to or self.state.app.user_id not in channel.members:
            return
        ts = self.state.new_ts()
        event: Json = {"type": "message", "subtype": "message_deleted", "hidden": True}
        event |= {"deleted_ts": was.ts, "previous_message": message_json(self.state, was)}
        place = {"channel": channel.id, "channel_type": channel.kind, "ts": ts, "event_ts": ts}
        self.emit(event | place, _subscription(channel))

    def channel_of_bot(self, name: object) -> Channel:
        """Return a channel that the bot may know of, or refuse with `channel_not_found`."""
        if not name:
            raise ApiError("channel_not_found")
        return self.state.channel_for(self.state.app.user_id, name)

    def place_of(self, name: object) -> str:
        """Return the id of a channel that may be given by its name, or a person's; "" for none."""
        wanted = str(name or "").removeprefix("#")
        for channel in self.state.channels.values():
            if wanted in (channel.id, channel.name, channel.user_id):
                return channel.id
        return wanted

    def joined_channel(self, name: object) -> Channel:
        """Return a channel that the bot is a member of, or refuse as Slack does."""
        channel = self.channel_of_bot(name)
        if self.state.app.user_id not in channel.members:
            raise ApiError("not_in_channel")
        return channel


def _subscription(channel: Channel) -> str:
    """Return what an app subscribes to in order to hear what is said in a channel of this kind."""
    is_direct = channel.kind in ("im", "mpim")
    return f"message.{channel.kind}" if is_direct else f"message.{channel.kind}s"
