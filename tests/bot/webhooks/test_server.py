"""The HTTP side refuses what it must refuse, by the status that says why."""

import asyncio
import json
from pathlib import Path

import pytest

from bot.store.tables import alerts, dead_letters, outbox, tasks
from bot.webhooks.bodies import MAX_BODY
from tests.bot.webhooks.conftest import BEARER, TOKEN, Door, alert, listening, raw
from tests.bot.world import World

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "webhooks"


async def nothing_kept(store: World) -> None:
    for table in (alerts, dead_letters, outbox, tasks):
        assert await store.rows(table) == []
    assert await store.events() == []


async def count(door: Door, source: str, status: int) -> float:
    _, text = await door.text("/metrics")
    name = f'signoff_webhooks_total{{source="{source}",status="{status}"}} '
    found = [line for line in text.splitlines() if line.startswith(name)]
    return float(found[0].removeprefix(name)) if found else 0.0


async def test_without_a_token_webhooks_are_off(store: World) -> None:
    async with listening(store, token=None) as door:
        status, answer = await door.post({"alerts": [alert()]})
        assert status == 403
        assert "SIGNOFF_WEBHOOK_TOKEN" in answer["error"]
    await nothing_kept(store)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        TOKEN,
        f"bearer {TOKEN}",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN} {TOKEN}",
        "Bearer schlüssel",
    ],
)
async def test_without_the_right_token_nothing_is_taken(door: Door, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    status, answer = await door.post({"alerts": [alert()]}, headers=headers)
    assert status == 401
    assert TOKEN not in answer["error"]
    await nothing_kept(door.store)
    assert await count(door, "alertmanager", 401) == 1


async def test_a_token_that_is_no_text_is_a_wrong_one(door: Door) -> None:
    request = b"POST /webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
    status = await raw(door, request + b"Authorization: Bearer \xff\xfe\r\n\r\n{}")
    assert b" 401 " in status
    await nothing_kept(door.store)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"alerts: []",
        b'{"alerts": [',
        b"\xff\xfe\x00",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"1" * 10_000,
    ],
    ids=["empty", "yaml", "cut", "binary", "lists", "objects", "digits"],
)
async def test_what_is_not_json_is_refused(door: Door, body: bytes) -> None:
    status, answer = await door.post(body)
    assert (status, answer) == (400, {"error": "the body is not JSON"})
    await nothing_kept(door.store)


async def test_a_body_that_says_it_is_too_large_is_refused_unread(door: Door) -> None:
    head = f"Authorization: Bearer {TOKEN}\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n"
    request = f"POST /webhooks/alertmanager HTTP/1.1\r\nHost: x\r\n{head}"
    assert b" 413 " in await raw(door, request.encode())
    assert await count(door, "alertmanager", 413) == 1
    await nothing_kept(door.store)


async def test_a_body_in_chunks_is_refused_when_it_gets_too_large(door: Door) -> None:
    head = (
        "POST /webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        f"Authorization: Bearer {TOKEN}\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    assert b" 413 " in await raw(door, head.encode() + chunk * 33)
    await nothing_kept(door.store)


async def test_the_largest_body_that_is_taken(door: Door) -> None:
    small = json.dumps({"version": "4", "alerts": [alert()]}).encode()
    status, _ = await door.post(small + b" " * (MAX_BODY - len(small)))
    assert status == 200


@pytest.mark.parametrize("version", ["3", "5", 4, None, ["4"], "4\n", "x" * 1000, "\ud800"])
async def test_an_unknown_version_is_refused_and_named(door: Door, version: object) -> None:
    status, answer = await door.post({"version": version, "alerts": [alert()]})
    assert status == 422
    assert answer["error"].startswith("version: ")
    assert len(answer["error"]) < 100
    await nothing_kept(door.store)


@pytest.mark.parametrize(
    "body",
    [[], "alerts", 4, None, {}, {"alerts": None}, {"alerts": {}}, {"alerts": [{}] * 501}],
    ids=["list", "string", "number", "null", "empty", "none", "object", "too many"],
)
async def test_a_body_of_another_shape_is_refused(door: Door, body: object) -> None:
    status, answer = await door.post(body)
    assert status == 422
    assert "alerts" in answer["error"] or "object" in answer["error"]
    await nothing_kept(door.store)


async def test_an_unknown_source_is_refused_and_the_known_are_named(door: Door) -> None:
    status, answer = await door.post({"alerts": [alert()]}, source="carrier-pigeon")
    assert (status, answer) == (404, {"error": "no such source; known: alertmanager"})
    assert await count(door, "other", 404) == 1
    await nothing_kept(door.store)


async def test_webhooks_are_posted_only(door: Door) -> None:
    assert (await door.text("/webhooks/alertmanager"))[0] == 405


@pytest.mark.parametrize("name", ["alertmanager_opensre.json", "alertmanager_runlore.json"])
async def test_the_bodies_of_other_projects_are_accepted(
    door: Door, name: str, *, is_ci: bool
) -> None:
    path = SAMPLES / name
    if not path.exists() and is_ci:
        pytest.fail(f"{name} is missing: a CI run must read it")
    if not path.exists():
        pytest.skip(f"{name} is not on this machine: it comes with the shared data")
    status, answer = await door.post(path.read_bytes())
    assert status == 200, answer
    assert answer["rejected"] == 0
    assert answer["taken"] == len(json.loads(path.read_bytes())["alerts"])
    assert len(await door.store.rows(tasks)) >= 1


async def test_the_boundary_after_the_commit_is_passed(door: Door) -> None:
    await door.send(alert())
    assert door.store.passed == ["alert.accepted"]


async def test_an_answer_comes_only_after_the_commit(door: Door) -> None:
    await door.store.database.close()
    waiting = asyncio.create_task(door.post({"alerts": [alert()]}))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not [task for task in done if task.exception() is None and task.result()[0] == 200]
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_health_is_told_to_anybody(door: Door) -> None:
    assert await door.text("/healthz") == (200, '{"ok": true}')
    assert await door.text("/readyz") == (200, '{"ready": true, "slack": "answers"}')
    door.health.is_ready = False
    assert await door.text("/readyz") == (503, '{"ready": false, "slack": "answers"}')
    assert (await door.text("/healthz"))[0] == 200


async def test_the_metrics_count_the_answers(door: Door) -> None:
    await door.send(alert())
    await door.post(b"x")
    status, text = await door.text("/metrics")
    assert status == 200
    assert "# TYPE signoff_webhooks_total counter" in text
    assert await count(door, "alertmanager", 200) == 1
    assert await count(door, "alertmanager", 400) == 1
    assert BEARER["Authorization"] not in text
