"""How soon a thread says what Signoff sees, from the webhook on."""

from datetime import datetime
from pathlib import Path

from playground.story import INCIDENTS, SAYS_WITHIN_S
from tests.scenarios.stages import break_something, events, staged


async def test_within_two_seconds_of_the_webhook_the_thread_says_what_it_sees(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        seen = await scene.reply(INCIDENTS, found.root_ts, "What I see")
        (received,) = [e for e in await events(scene) if e["kind"] == "alert.received"]
        received_at = datetime.fromisoformat(received["at"]).timestamp()
        assert 0 < float(seen["ts"]) - received_at <= SAYS_WITHIN_S
