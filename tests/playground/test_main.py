"""The playground's own command line: what can't be is told before anything starts."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def refusal(port: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "playground", "play", "--port", port],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"--port: can't listen on {port} (Address already in use)" in refusal(port)


@pytest.mark.parametrize("port", ["web", "-1", "65536", "1" * 5000])
def test_what_is_no_port_is_told(port: str) -> None:
    assert "is not a port (0 to 65535)" in refusal(port)
