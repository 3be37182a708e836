"""Nothing that is written holds a secret: each table has its door, events in every field."""

import json
from typing import Any

import pytest

from agents.ports import TaskChange
from agents.tasks import TaskState
from bot.store.alerts import BadAlert
from bot.store.boxes import Inbox, Outbox, send
from bot.store.ledger import verify
from bot.store.records import ledger, texts
from bot.store.tables import dead_letters, executions, inbox, outbox, proposals, steps, tasks
from bot.store.threads import ThreadStore
from policies.approvals import Ballot
from policies.audit import Event, EventKind
from policies.model import Actor, ActorKind, Link, ProposalState
from tests.bot.story import received
from tests.bot.world import SECRET, START, Wish, World, caller_of, done, intent, proposal_for

TOKEN = "xox" + "b-1234567890-abcdefghij"
SAID = f"{SECRET} {TOKEN} {SECRET[::-1]}"


async def kept(store: World) -> bytes:
    """Return every byte of the database's files."""
    await store.database.close()
    return b"".join(path.read_bytes() for path in store.path.parent.glob(f"{store.path.name}*"))


def require_clean(content: bytes | str) -> None:
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    for secret in (SECRET, SECRET[::-1], TOKEN):
        assert secret not in text


async def test_every_field_of_an_event_is_clean(store: World) -> None:
    event = Event(
        kind=EventKind.TOOL_CALLED,
        at=START,
        sentence=SAID,
        actor=Actor(kind=ActorKind.SYSTEM, id=f"system:{SAID}"),
        parent=SAID,
        environment=SAID,
        agent=TOKEN,
        trigger=SAID,
        tools=(SAID,),
        systems=(SAID,),
        decision=SAID,
        reasons=(SAID,),
        confidence=TOKEN,
        checkpoint=TOKEN,
        escalation=SAID,
        cost=TOKEN,
        texts={"note": SAID},
        data={"free": SAID, "password": "hunter2", "digest": "ab" * 32, "count": 3},
    )
    await store.database.write(lambda connection: store.context.ledger.append(connection, event))
    (body,) = await store.events()
    assert body["data"] == {
        "free": "[redacted] [redacted Slack token] [redacted]",
        "password": "[redacted secret]",
        "digest": "ab" * 32,
        "count": 3,
    }
    assert (await store.database.read(verify)).fault is None
    require_clean((await store.row(ledger)).body + str((await store.row(texts)).value))
    require_clean(await kept(store))


async def test_a_task_is_clean_and_stays_one_task(store: World) -> None:
    group = f"campaign:launch:{SECRET}"
    task = await store.task(
        group, title=SAID, target=SAID, environment=SECRET, spec={"note": SAID, "api_key": "x1y2z3"}
    )
    assert task.spec["api_key"] == "[redacted secret]"
    with pytest.raises(AssertionError):
        await store.task(group)
    require_clean(str(await store.row(tasks)))
    require_clean(await kept(store))


async def test_what_is_kept_of_a_step_is_clean_and_still_json(store: World) -> None:
    await store.task()
    claim = await store.claimed()
    inner = json.dumps({"rows": [{"key": f"-----BEGIN PRI{''}VATE KEY-----\n{SECRET}"}]})
    result = json.dumps({"summary": SAID, "attachment": inner, "digest": "ab" * 32})
    change = TaskChange(state=TaskState.GATHERING, steps={"report": result})
    await store.tasks.advance(claim, change)
    found = json.loads((await store.row(steps)).result)
    assert found["digest"] == "ab" * 32
    assert json.loads(found["attachment"])["rows"] == [{"key": "[redacted]"}]
    require_clean(await kept(store))


async def test_a_proposal_s_words_are_clean_and_its_action_is_untouched(store: World) -> None:
    task = await store.task()
    made = proposal_for(task, 1, store.clock.now(), Wish(rationale=SAID)).model_copy(
        update={
            "title": SAID,
            "observed": (SAID,),
            "links": (Link(label=SAID, url=f"https://x:{SECRET}@web.example"),),
            "blast_radius": (SAID,),
            "worst_case": SAID,
        }
    )
    claim = await store.claimed()
    await store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
    await store.tasks.advance(claim, TaskChange(state=TaskState.ANALYSING))
    await store.tasks.advance(claim, TaskChange(proposals=(made,)))
    await store.tasks.release(claim)
    row = await store.row(proposals)
    assert row.action_hash == made.action.hash
    assert (await store.standing(made)).proposal.action == made.action
    await store.carded(made, task)
    assert (await store.vote(store.click(made), Ballot.REJECT, SAID)).refusal is None
    require_clean(await kept(store))


async def test_how_an_action_ended_is_clean(store: World) -> None:
    proposal = await store.proposed()
    assert (await store.vote(store.click(proposal))).refusal is None
    claim = await store.claimed()
    await store.journal.begin(intent(proposal), caller_of(claim))
    end = done(
        proposal,
        ProposalState.EXECUTED,
        sentence=SAID,
        left={"deployed": SAID},
        data={"note": SAID, "deploy_id": "dep-0042"},
    )
    await store.journal.settle(end, caller_of(claim))
    row = await store.row(executions)
    assert json.loads(row.data)["deploy_id"] == "dep-0042"
    require_clean(await kept(store))


async def test_a_failed_step_a_bad_alert_and_lost_messages_are_clean(store: World) -> None:
    task = await store.task()
    claim = await store.claimed()
    await store.tasks.back_off(claim, f"ValueError: {SAID}")
    bad = BadAlert(body=json.dumps({"x": "y " * 40_000 + SAID}), reason=f"alerts.0: {SAID}")
    await received(store, bad=[bad, BadAlert(body=SAID, reason="no")])
    await store.database.write(
        lambda connection: send(connection, store.context, "dm", {"user": "U1", "text": SAID})
    )
    box = Outbox(store.context)
    for parcel in await box.due():
        await box.failed(parcel, SAID)
    (thread, *_), _ = await ThreadStore(store.context).behind()
    assert thread.id == task.thread_id
    await ThreadStore(store.context).faulty(thread, SAID)
    assert len(await store.rows(dead_letters)) == 2
    assert {row.fault for row in await store.rows(outbox)} == {
        "[redacted] [redacted Slack token] [redacted]"
    }
    require_clean(await kept(store))


ENVELOPE: dict[str, Any] = {
    "command": "/signoff",
    "text": f"pause {SAID}",
    "user": {"id": "U0MIA", "name": SECRET},
    "response_url": "https://hooks.sl" + "ack.com/commands/T0/1/abcdefgh",
    "view": {"state": {"values": {"reason": {"reason": {"value": [SAID, 3, None]}}}}},
    "actions": [{"value": "T-7K3F9Q2A-1:" + "ab" * 32}],
}


async def test_an_envelope_keeps_what_is_needed_and_no_secret(store: World) -> None:
    box = Inbox(store.context)
    assert await box.put("command:1", "command", ENVELOPE)
    (letter,) = await box.due()
    assert letter.body["response_url"] == ENVELOPE["response_url"]
    assert letter.body["actions"] == ENVELOPE["actions"]
    assert letter.body["view"]["state"]["values"]["reason"]["reason"]["value"][1:] == [3, None]
    require_clean((await store.row(inbox)).body)
    require_clean(await kept(store))
