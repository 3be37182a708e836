"""What is left of the story: states, threads, effects by the outside systems' own logs, record."""

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bot.audit_cli import given
from bot.store.proving import Proof, Sources, prove
from bot.store.reading import open_read_only
from playground.story import INCIDENTS, MARKETING
from tests.chaos.story import SHOP, Size
from tests.scenarios.outages import OPERATIONS, Picture, threads_of
from tests.scenarios.stages import Event, Scene

STATES = text("SELECT title, state FROM tasks")
DONE = text("SELECT key FROM executions WHERE state = 'done'")
NOT_DONE = text("SELECT key FROM executions WHERE state != 'done'")
FORWARD, INVERSE = "forward", "inverse"
# What nothing in this story may lead to.
BAD = frozenset({"task.failed", "task.escalated", "effect.escalated", "tool.denied"})


@dataclass(frozen=True, kw_only=True)
class Books:
    """The keys of what was done: by the outside systems' own logs, and by the bot's database."""

    outside: list[str]
    own: list[str]
    unsettled: list[str]


def rows(scene: Scene, query: Any) -> list[Any]:  # noqa: ANN401 - any statement
    """Ask the bot's database."""
    url = f"sqlite+aiosqlite:///{scene.world.plan.folder / 'signoff.db'}"
    with open_read_only(url) as connection:
        return list(connection.execute(query))


def states(scene: Scene) -> dict[str, str]:
    """Return the state of every task by its title."""
    found = rows(scene, STATES)
    assert len({row.title for row in found}) == len(found), "two tasks of one title"
    return {row.title: row.state for row in found}


async def books(scene: Scene) -> Books:
    """Read what was done."""
    world = scene.world
    async with scene.session.get(f"{world.base}/alertmanager/api/v2/silences") as answer:
        keys = [_key(silence["comment"]) for silence in await answer.json()]
    keys += [effect.key for effect in (*world.shop.effects, *world.ads.effects)]
    return Books(
        outside=sorted(keys),
        own=sorted(row.key for row in rows(scene, DONE)),
        unsettled=sorted(row.key for row in rows(scene, NOT_DONE)),
    )


def _key(comment: str) -> str:
    found = re.fullmatch(r"Signoff (T-\w+-\d+) \((\w+)\)", comment)
    assert found, f"a silence of somebody else: {comment}"
    return f"signoff-{found[1]}-{found[2]}"


async def require_effects(scene: Scene, size: Size) -> int:
    """Check that what was signed off happened, and once; returns how many effects that is."""
    found = await books(scene)
    twice = [key for key, times in Counter(found.outside).items() if times > 1]
    assert not twice, f"done twice, by the outside system's own log: {twice}"
    odd = set(found.outside) ^ set(found.own)
    assert not odd, f"only one of the logs, ours and the outside system's, has {odd}"
    assert not found.unsettled, f"without an end: {found.unsettled}"
    campaigns = Counter((effect.what, effect.body["name"]) for effect in scene.world.ads.effects)
    names = [name for wave in range(size.waves) for name in size.campaigns_of(wave)]
    kinds = ("campaign.create", "campaign.status")
    assert campaigns == Counter((kind, name) for kind in kinds for name in names)
    deploys = Counter(str(effect.body["service"]) for effect in scene.world.shop.effects)
    assert deploys == Counter([*SHOP[: size.broken], *SHOP[1 : size.broken : 2]])
    wanted = 2 * size.campaigns + 2 * size.broken + size.undone
    assert len(found.outside) == wanted
    return wanted


def require_done(record: list[Event], wanted: int) -> None:
    """Check the record: so many intents have an end, each one end, and nothing ended badly."""
    ends = Counter(
        (event["proposal_id"], _direction(event))
        for event in record
        if event["kind"] in {"outcome.written", "effect.reconciled"}
    )
    twice = [end for end, times in ends.items() if times > 1]
    assert not twice, f"ended twice: {twice}"
    assert len(ends) == wanted
    intents = {(e["proposal_id"], _direction(e)) for e in record if e["kind"] == "intent.written"}
    assert intents == set(ends)
    bad = [e["sentence"] for e in record if e["kind"] in BAD]
    assert not bad, bad


def _direction(event: Event) -> str:
    key = event["data"].get("key")
    told = key if key is not None else event["sentence"]
    return INVERSE if INVERSE in told else FORWARD


def require_told(scene: Scene, record: list[Event]) -> int:
    """Check that each unknown was told in its thread before it was resolved; returns how many."""
    unknown = [event for event in record if event["kind"] == "effect.unknown"]
    silent = [event["sentence"] for event in unknown if not _is_told(scene, event)]
    assert not silent, f"unknown, and nobody was told: {silent}"
    return len(unknown)


def _is_told(scene: Scene, event: Event) -> bool:
    part = "verdict" if _direction(event) == INVERSE else "proposal"
    # The first block of a message carries by which key the bot knows it.
    mark = f"/{part}:{event['proposal_id']}"
    since = datetime.fromisoformat(event["at"])
    drawn = [
        call
        for call in scene.world.workspace.calls
        if call.method in {"chat.postMessage", "chat.update"}
        and call.answer["ok"]
        and str((call.args.get("blocks") or [{}])[0].get("block_id")).endswith(mark)
    ]
    # What stands there from before counts: one that is unknown again may look the same.
    standing = [call for call in drawn if call.at < since][-1:]
    later = [call for call in drawn if call.at >= since]
    words = "Unknown whether it happened"
    return any(words in json.dumps(call.args["blocks"]) for call in (*standing, *later))


async def picture(scene: Scene) -> Picture:
    """Return what every channel shows, with campaigns by their names: ids are dealt in turn."""
    names = {
        str(effect.body["id"]): f"ID OF {effect.body['name']}"
        for effect in scene.world.ads.effects
        if effect.what == "campaign.create"
    }
    pattern = re.compile("|".join(map(re.escape, names)) or "(?!)")
    found: Picture = {}
    for channel in (INCIDENTS, OPERATIONS, MARKETING):
        threads = await threads_of(scene, channel)
        found[channel] = {
            name: [pattern.sub(lambda id_: names[id_[0]], words) for words in texts]
            for name, texts in sorted(threads.items())
        }
    return found


async def proof(scene: Scene) -> Proof:
    """Hold the ledger against its last checkpoint as it stands in the channel, kept elsewhere."""
    folder = scene.world.plan.folder
    said = scene.world.workspace.state.messages[OPERATIONS].values()
    notes = [one.text for one in said if one.text.startswith("```\nsignoff/")]
    assert notes, "no checkpoint was posted"
    kept = folder / "kept.txt"
    kept.write_text(notes[-1], encoding="utf-8")
    return await asyncio.to_thread(_proof, folder, kept)


def _proof(folder: Path, kept: Path) -> Proof:
    claims = list(given(kept))
    with open_read_only(f"sqlite:///{folder / 'signoff.db'}") as connection:
        return prove(connection, Sources(given=claims))
