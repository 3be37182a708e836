"""Starts the real Prometheus and Alertmanager on loopback, to compare with and to test against."""

import asyncio
import json
import os
import shutil
import socket
import tempfile
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp
import pytest

READY_WITHIN_S = 90.0


def program(name: str) -> str:
    """Return a program's path; without it the test is skipped, or fails where CI is true."""
    found = shutil.which(name)
    if found is not None:
        return found
    reason = f"the program {name} is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Server:
    """One program with a configuration file in a folder of its own; enters as its base URL."""

    name = ""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> str:
        path = program(self.name)
        base = f"http://127.0.0.1:{free_port()}"
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            log = stack.enter_context((folder / "log").open("wb"))
            process = await asyncio.create_subprocess_exec(
                path, *self.arguments(folder, base), stdout=log, stderr=log, cwd=folder
            )
            stack.push_async_callback(_end, process)
            await _ready(base, process, folder / "log")
            self._stack = stack.pop_all()
        return base

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def arguments(self, folder: Path, base: str) -> list[str]:
        """Write the configuration into the folder and return the command's arguments."""
        raise NotImplementedError


class RealPrometheus(_Server):
    """A Prometheus that scrapes `targets` (host:port); enters as its base URL.

    `rules` is the text of a rule file; `alertmanager_url` is where its alerts go.
    """

    name = "prometheus"

    def __init__(
        self,
        targets: Sequence[str],
        scrape_interval_s: float = 1.0,
        *,
        metrics_path: str = "/metrics",
        rules: str | None = None,
        alertmanager_url: str | None = None,
    ) -> None:
        super().__init__()
        self._targets = list(targets)
        self._interval = f"{round(scrape_interval_s * 1000)}ms"
        self._metrics_path = metrics_path
        self._rules = rules
        self._alertmanager_url = alertmanager_url

    def arguments(self, folder: Path, base: str) -> list[str]:
        timing = {"scrape_interval": self._interval, "scrape_timeout": self._interval}
        config: dict[str, object] = {
            "global": {**timing, "evaluation_interval": self._interval},
            "scrape_configs": [
                {
                    "job_name": "shop",
                    "metrics_path": self._metrics_path,
                    "static_configs": [{"targets": self._targets}],
                }
            ],
        }
        if self._rules is not None:
            (folder / "rules.yml").write_text(self._rules, encoding="utf-8")
            config["rule_files"] = [str(folder / "rules.yml")]
        if self._alertmanager_url is not None:
            config["alerting"] = {"alertmanagers": [_alertmanager(self._alertmanager_url)]}
        _write(folder / "prometheus.yml", config)
        return [
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={urlsplit(base).netloc}",
            f"--web.external-url={base}",
        ]


class RealAlertmanager(_Server):
    """An Alertmanager with one webhook receiver; enters as its base URL.

    Durations are written as Alertmanager reads them, such as 1s or 1h.
    """

    name = "prometheus-alertmanager"

    def __init__(
        self,
        webhook_url: str,
        token: str,
        *,
        group_by: Sequence[str] = ("alertname", "service", "environment"),
        group_wait: str = "100ms",
        group_interval: str = "1s",
        repeat_interval: str = "1h",
    ) -> None:
        super().__init__()
        self._webhook = {
            "url": webhook_url,
            "send_resolved": True,
            "http_config": {"authorization": {"type": "Bearer", "credentials": token}},
        }
        self._route = {
            "receiver": "signoff",
            "group_by": list(group_by),
            "group_wait": group_wait,
            "group_interval": group_interval,
            "repeat_interval": repeat_interval,
        }

    def arguments(self, folder: Path, base: str) -> list[str]:
        receivers = [{"name": "signoff", "webhook_configs": [self._webhook]}]
        _write(folder / "alertmanager.yml", {"route": self._route, "receivers": receivers})
        return [
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            "--cluster.listen-address=",
            f"--web.listen-address={urlsplit(base).netloc}",
            f"--web.external-url={base}",
        ]


def _alertmanager(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    return {
        "scheme": parts.scheme,
        "path_prefix": parts.path or "/",
        "api_version": "v2",
        "static_configs": [{"targets": [parts.netloc]}],
    }


def _write(path: Path, config: object) -> None:
    path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML


async def _ready(base: str, process: Process, log: Path) -> None:
    deadline = asyncio.get_running_loop().time() + READY_WITHIN_S
    async with aiohttp.ClientSession() as session:
        while not await _answers(session, f"{base}/-/ready"):
            if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                pytest.fail(f"the server did not become ready: {said}")
            await asyncio.sleep(0.05)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False  # It does not listen yet.


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), timeout=10)
    except TimeoutError:
        process.kill()
        await process.wait()
