"""The bot as a child process: started with its settings, started again when it dies."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

RESTART_S = 0.3
STOP_S = 10.0
# What the bot needs of this process' environment, and nothing more: no token of the user's
# shell may reach the local world.
INHERITED = ("PATH", "HOME", "LANG", "TZ", "VIRTUAL_ENV", "PYTHONPATH", "TMPDIR")


class BotProcess:
    """`signoff run` beside the world."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment, self._log = dict(environment), log
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.restarts = 0

    @property
    def is_running(self) -> bool:
        """Say whether it lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def is_frozen(self) -> bool:
        """Say whether it stands still."""
        if self._process is None:
            return False
        stat = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8")
        # What comes after the name in brackets, which may hold anything.
        return stat.rsplit(")", 1)[1].split()[0] == "T"

    async def start(self) -> None:
        """Start it, and watch over it."""
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End it, kindly first."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def kill(self) -> None:
        """Kill it dead; it is started again."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

    def wake(self) -> None:
        """Let it go on after it was frozen."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)

    def log_tail(self, lines: int = 20) -> str:
        """Return the end of its log."""
        if not self._log.exists():
            return ""
        found = self._log.read_text(encoding="utf-8").splitlines()[-lines:]
        return "\n".join(line[-600:] for line in found)

    async def _spawn(self) -> None:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bot",
                "run",
                env={**inherited, **self._environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def _keep(self) -> None:
        while True:
            if self._process is not None:
                await self._process.wait()
            await asyncio.sleep(RESTART_S)
            self.restarts += 1
            await self._spawn()
