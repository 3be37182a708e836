"""What an interaction hands to the app for a while: trigger ids and response URLs."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from playground.workspace.model import ApiError, Clock

TRIGGER_S = 3.0
RESPONSE_S = 30 * 60
RESPONSE_USES = 5


@dataclass(kw_only=True, slots=True)
class Trigger:
    """One trigger id: whose interaction it was, and whether it has been used."""

    user_id: str
    made_at: datetime
    is_used: bool = False


class Triggers:
    """Trigger ids: good once, for three seconds (docs.slack.dev, Handling user interaction)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[str, Trigger] = {}

    def mint(self, user_id: str) -> str:
        """Return a fresh trigger id for an interaction of `user_id`."""
        trigger_id = (
            f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        )
        self._made[trigger_id] = Trigger(user_id=user_id, made_at=self._clock.now())
        return trigger_id

    def redeem(self, trigger_id: object) -> str:
        """Use a trigger id up and return whose it is."""
        trigger = self._made.get(str(trigger_id))
        if trigger is None:
            raise ApiError("invalid_trigger_id")
        if trigger.is_used:
            raise ApiError("exchanged_trigger_id")
        if (self._clock.now() - trigger.made_at).total_seconds() > TRIGGER_S:
            raise ApiError("expired_trigger_id")
        trigger.is_used = True
        return trigger.user_id


@dataclass(kw_only=True, slots=True)
class ResponseUrl:
    """Where an interaction's answer goes: the person, the place and, for a click, the message."""

    user_id: str
    channel_id: str
    message_ts: str | None
    made_at: datetime
    uses: int = 0


class ResponseUrls:
    """Response URLs: five uses in thirty minutes each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[str, ResponseUrl] = {}

    def mint(self, user_id: str, channel_id: str, message_ts: str | None = None) -> str:
        """Return the secret last part of a fresh response URL."""
        token = secrets.token_urlsafe(24)
        self._made[token] = ResponseUrl(
            user_id=user_id,
            channel_id=channel_id,
            message_ts=message_ts,
            made_at=self._clock.now(),
        )
        return token

    def redeem(self, token: str) -> ResponseUrl:
        """Use a response URL once, or refuse with `invalid_url`, `expired_url` or `used_url`."""
        found = self._made.get(token)
        if found is None:
            raise ApiError("invalid_url")
        if (self._clock.now() - found.made_at).total_seconds() > RESPONSE_S:
            raise ApiError("expired_url")
        if found.uses >= RESPONSE_USES:
            raise ApiError("used_url")
        found.uses += 1
        return found
