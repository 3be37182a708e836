"""What holds for every test: nothing leaves this machine."""

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest_plugins = ["tests.scenarios.seeds"]

# The events and the place of the address in their arguments:
# https://docs.python.org/3/library/audit_events.html
_ADDRESS_AT = {"socket.connect": 1, "socket.bind": 1, "socket.sendto": 1, "socket.sendmsg": 1}
_LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_LOCAL_NAMES = frozenset({"localhost", "ip6-localhost", "localhost.localdomain"})


class LeftTheMachine(AssertionError):  # noqa: N818 - says what happened
    """A test tried to reach beyond the loopback interface."""


def is_loopback(host: object) -> bool:
    """Tell whether `host`, a name or a literal address, is this machine's loopback."""
    if host is None:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if name.lower() in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


class LoopbackOnly:
    """An audit hook that refuses other addresses, and remembers them: a caller may swallow errors.

    An audit hook cannot be removed, so this one is made once and judges for the whole run.
    """

    def __init__(self) -> None:
        self.refused: list[str] = []
        self._is_lifted = False

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Let a test out that is there for a server elsewhere, and was told its token."""
        self._is_lifted = True
        try:
            yield
        finally:
            self._is_lifted = False

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        """Judge one audit event; raises LeftTheMachine."""
        if event in _LOOKUPS:
            self._judge(event, args[0])
        elif event in _ADDRESS_AT:
            address = args[_ADDRESS_AT[event]]
            # A string or bytes is a Unix socket's path; None comes from a connected socket.
            if isinstance(address, tuple):
                self._judge(event, address[0])

    def _judge(self, event: str, host: object) -> None:
        if not self._is_lifted and not is_loopback(host):
            self.refused.append(f"{event} {host!r}")
            raise LeftTheMachine(f"{event} {host!r}: tests stay on the loopback interface")


_GUARD = LoopbackOnly()
sys.addaudithook(_GUARD)


@pytest.fixture(autouse=True)
def loopback_only() -> Iterator[LoopbackOnly]:
    """Fail a test that tried to leave the machine, also when its code swallowed the refusal.

    A test of the guard itself empties `refused` before it ends.
    """
    _GUARD.refused.clear()
    yield _GUARD
    assert not _GUARD.refused, f"tried to leave the machine: {_GUARD.refused}"


@pytest.fixture
def free_port() -> int:
    """Return a loopback port that was free a moment ago, for a program that cannot pick its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def is_ci() -> bool:
    """Tell whether this is a CI run, where nothing may be skipped for want of a program or file."""
    return os.environ.get("CI", "") == "true"
