"""The program itself, started where no Slack answers: it takes webhooks, and stops in time."""

import asyncio
import gzip
import io
import json
import os
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.signature import SignatureVerifier

from playground.world import free_port
from tests.bot.webhooks.conftest import alert

ROOT = Path(__file__).resolve().parents[2]
# The discard port: nobody listens there.
NOBODY = "http://127.0.0.1:9/api/"
WEBHOOK = "a-token-for-webhooks-only"
SIGNING_SECRET = "1" * 32
RULE = """\
rules:
  - id: never
    effect: {deny: true}
    reason: NEVER
    when: {agent: [campaign]}
"""
WAYS_IN = {
    "Socket Mode": {"SLACK_APP_TOKEN": "xapp-" + "1" * 12},
    "HTTP": {"SLACK_SIGNING_SECRET": SIGNING_SECRET},
}


@asynccontextmanager
async def started(folder: Path, port: int, **env: str) -> AsyncIterator[Process]:
    """Start `signoff run`, and return once it says that it runs."""
    usual = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/s.db",
        "SLACK_BOT_TOKEN": "xoxb-" + "1" * 12,
        "SLACK_API_URL": NOBODY,
        "SIGNOFF_PORT": str(port),
        "SIGNOFF_WEBHOOK_TOKEN": WEBHOOK,
    }
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run"),
            env={**usual, **env},
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line.startswith(b"Signoff runs."), (folder / "log").read_text(encoding="utf-8")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def asked(port: int, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    """Ask the program's HTTP side; a body is posted with the token."""
    url, headers = f"http://127.0.0.1:{port}{path}", {"Authorization": f"Bearer {WEBHOOK}"}
    method = "GET" if body is None else "POST"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


@pytest.mark.parametrize("way_in", WAYS_IN.values(), ids=WAYS_IN)
async def test_where_no_slack_answers_it_runs_and_names_the_setting(
    tmp_path: Path, way_in: dict[str, str]
) -> None:
    port = free_port()
    body = {"version": "4", "alerts": [alert()]}
    async with started(tmp_path, port, **way_in) as process:
        assert await asked(port, "/readyz") == (200, {"ready": True, "slack": "away"})
        status, answer = await asked(port, "/webhooks/alertmanager", body)
        assert (status, answer["taken"], answer["new"]) == (200, 1, 1)
        process.kill()
    # Killed and started again it knows what it took.
    async with started(tmp_path, port, **way_in) as process:
        status, answer = await asked(port, "/webhooks/alertmanager", body)
        assert (status, answer["taken"], answer["new"]) == (200, 1, 0)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert log.count("Slack does not answer: Signoff goes on") == 1
    assert f"SLACK_API_URL is {NOBODY}" in log
    assert "Traceback" not in log
    assert '"error"' not in log


async def test_a_start_does_not_wait_for_the_rule_files_and_says_how_they_differ(
    tmp_path: Path,
) -> None:
    port, log, way_in = free_port(), tmp_path / "log", WAYS_IN["Socket Mode"]
    rules = tmp_path / "rules"
    rules.mkdir()
    env = {**way_in, "SIGNOFF_POLICY_DIR": str(rules)}
    async with started(tmp_path, port, **env):
        # The first start reads them: they come into force.
        assert (await asked(port, "/readyz"))[0] == 200
    for text, words in (
        (RULE, "propose them with `/signoff policy propose`"),
        (RULE.replace("deny", "denny"), "do not load, the set in force stays: team.yaml:3"),
    ):
        (rules / "team.yaml").write_text(text, encoding="utf-8")
        async with started(tmp_path, port, **env), asyncio.timeout(60):
            assert (await asked(port, "/readyz"))[0] == 200
            while words not in log.read_text(encoding="utf-8"):
                await asyncio.sleep(0.05)


def signed(body: bytes) -> dict[str, str]:
    """Return the headers with which Slack signs a body."""
    at = str(int(time.time()))
    signature = SignatureVerifier(SIGNING_SECRET).generate_signature(timestamp=at, body=body)
    return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": signature or ""}


CHALLENGE = json.dumps({"type": "url_verification", "challenge": "so it is"}).encode()
JSON = {"Content-Type": "application/json"}


def callers() -> list[tuple[int, bytes, dict[str, str]]]:
    """Return what may come to Slack's door, after the status of its answer."""
    return [
        (200, CHALLENGE, JSON | signed(CHALLENGE)),
        (401, CHALLENGE, JSON),
        (401, CHALLENGE, JSON | signed(b"another")),
        (415, gzip.compress(CHALLENGE), JSON | {"Content-Encoding": "gzip"}),
        (415, CHALLENGE, JSON | {"Content-Encoding": "br"}),
        (400, b"\xff\xfe\xfd", JSON),
        (400, CHALLENGE, {"Content-Type": "application/json; charset=klingon"}),
        (413, b" " * (2**20 + 1), JSON),
    ]


async def test_slacks_signed_requests_are_served_beside_the_webhooks(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/slack/events"
    async with (
        started(tmp_path, port, SLACK_SIGNING_SECRET=SIGNING_SECRET),
        aiohttp.ClientSession() as session,
    ):
        for status, body, headers in callers():
            async with session.post(url, data=io.BytesIO(body), headers=headers) as answer:
                said = await answer.text()
            assert answer.status == status, said
            assert ("so it is" in said) is (status == 200)
    assert "Traceback" not in (tmp_path / "log").read_text(encoding="utf-8")
