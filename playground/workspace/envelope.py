"""What is handed to the app, how long that may take, and why it can fail."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from playground.workspace.model import Json

EVENTS, COMMANDS, INTERACTIVE = "events_api", "slash_commands", "interactive"


@dataclass(frozen=True, kw_only=True)
class Patience:
    """What the workspace bears: how long it waits, and how many events an hour it sends."""

    ack_s: float = 3.0
    socket_s: float = 1.0
    retry_delays_s: tuple[float, ...] = (0.0, 60.0, 300.0)
    # How long an envelope that is to be overtaken waits for another one.
    overtaken_s: float = 2.0
    events_an_hour: int = 30_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """One delivery; `attempt` and `reason` say of an event that it was sent before, and why."""

    kind: str
    payload: Json
    attempt: int = 0
    reason: str = ""


class UndeliveredError(Exception):
    """An envelope got no ack.

    `reason` is `no_socket`, `timeout`, or with signed HTTP `connection_failed`, `http_timeout`,
    `http_error` (then with its `status`); with both `socket_closed`, after it was sent.
    `is_final` where the app asked for no further try.
    """

    def __init__(self, reason: str, status: int = 0, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.is_final = is_final


class Transport(Protocol):
    """A way to the app: its sockets, or signed requests to its URLs."""

    timeout_reason: str

    async def sent(self, envelope: Envelope) -> "asyncio.Future[Json]":
        """Send an envelope and return what will hold its ack's payload, or an UndeliveredError."""
