"""Changes of the rules as rows: proposed sets, which one is put in force, and who asked how."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from agents.tasks import NewTask, TaskKind
from bot.store.context import Context
from bot.store.engine import StoreError
from bot.store.records import policy_requests, rule_candidates, rule_sets
from bot.store.rules import (
    activations,
    digest_of,
    in_force,
    read_rules,
    standing,
    with_hard_rules,
)
from bot.store.tables import proposals, tasks
from bot.store.tasks import create_task
from policies.audit import Event, EventKind
from policies.engine import RuleSet
from policies.loader import sealed
from policies.lockout import POLICY_AGENT, POLICY_ENVIRONMENT
from policies.model import DEFAULT_TENANT, Actor, ActorKind, ProposalState
from tools.base import Call
from tools.policy import ChangeParameters


class UnsoundError(StoreError):
    """A proposed set is not there, or not as it was proposed."""


class SupersededError(StoreError):
    """Another set is in force than the one that was to be replaced."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A person's wish to change the rules: which, who, where it is shown, by which way it came."""

    rules: RuleSet
    author: str
    channel: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """What became of a wish; without a task the rules are in force already."""

    version: str
    replaces: str
    task_id: str | None = None
    is_new: bool = False
    # The proposal that waits, once there is one.
    proposal_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Activation:
    """Which set is in force, since when, and by which sign-off; None for the first."""

    version: str
    at: datetime
    on_behalf_of: str | None
    proposal_id: str | None


def propose(connection: Connection, context: Context, wish: Wish) -> Proposed:
    """Keep a set, and begin the task that puts it before people; once while it is under way.

    Raises:
        StoreError: the rules in force are not sound.
    """
    version = wish.rules.version
    before, now_in_force = standing(connection), in_force(connection, wish.rules)
    if before is None or now_in_force is None:
        raise StoreError("no rules are in force yet")
    if now_in_force.version == version:
        return Proposed(version=version, replaces=before.version)
    digest = _kept(connection, context, wish)
    new = NewTask(
        kind=TaskKind.POLICY,
        tenant=DEFAULT_TENANT,
        group_key=f"policy:{version}",
        environment=POLICY_ENVIRONMENT,
        target=POLICY_AGENT,
        title=f"Change of the policy: {version} in the place of {before.version}",
        requester=Actor(kind=ActorKind.HUMAN, id=wish.author),
        channel=wish.channel,
        spec={
            "version": version,
            "sha256": digest,
            "replaces": before.version,
            "source": wish.source,
        },
    )
    task, is_new = create_task(connection, context, new)
    return Proposed(
        version=version,
        replaces=before.version,
        task_id=task.id,
        is_new=is_new,
        proposal_id=proposal_of_task(connection, task.id),
    )


def proposal_of_task(connection: Connection, task_id: str) -> str | None:
    """Return the newest proposal of a task, or None while there is none."""
    of_task = select(proposals.c.id).where(proposals.c.task_id == task_id)
    found = of_task.order_by(proposals.c.ordinal.desc()).limit(1)
    return connection.execute(found).scalar_one_or_none()


def waiting_changes(connection: Connection) -> list[str]:
    """Return the changes of the rules that wait for a sign-off, the oldest first."""
    query = (
        select(proposals.c.id)
        .join(tasks, tasks.c.id == proposals.c.task_id)
        .where(tasks.c.kind == TaskKind.POLICY, proposals.c.state == ProposalState.PENDING)
        .order_by(proposals.c.created_at)
    )
    return list(connection.execute(query).scalars())


def _kept(connection: Connection, context: Context, wish: Wish) -> str:
    """Keep a proposed set under its version, and return the digest of its text."""
    version = wish.rules.version
    found = _text(connection, version)
    if found is None:
        body = wish.rules.model_dump_json()
        held = context.redactor.secrets_in(body)
        if held:
            raise UnsoundError(
                f"the rules hold a secret ({held[0]}); rules are shown and recorded: take it out"
            )
        connection.execute(
            insert(rule_candidates).values(
                version=version,
                body=body,
                proposed_at=context.clock.now(),
                proposed_by=wish.author,
            )
        )
        return digest_of(body)
    # It was proposed or in force before: as these very rules, or somebody changed it.
    if read_rules(found) != wish.rules:
        raise UnsoundError(_changed(version))
    return digest_of(found)


def compared_sets(
    connection: Connection, replaces: str, version: str, hard: RuleSet
) -> tuple[RuleSet, RuleSet]:
    """Return two sets as they would be in force, each with the program's own hard rules.

    Raises:
        UnsoundError: one is not there, or its text is not that of its version.
    """
    old, new = (with_hard_rules(_sound(connection, name), hard) for name in (replaces, version))
    return old, new


def candidate_set(connection: Connection, version: str, hard: RuleSet) -> RuleSet | None:
    """Return a proposed set by its version or the beginning of it; raises UnsoundError."""
    is_it = rule_candidates.c.version.startswith(version, autoescape=True)
    found = connection.execute(select(rule_candidates.c.version).where(is_it).limit(1)).scalar()
    return None if found is None else with_hard_rules(_sound(connection, str(found)), hard)


def activate(
    connection: Connection,
    context: Context,
    wanted: ChangeParameters,
    call: Call,
    hard: RuleSet,
) -> RuleSet:
    """Put a set in force with its event, once under the call's key; returns the set in force.

    Raises:
        SupersededError: another set is in force than is to be replaced.
        UnsoundError: the set is not the one that was signed off.
    """
    if not is_activated(connection, call):
        before = standing(connection)
        if before is None or before.version != wanted.replaces:
            words = "none" if before is None else f"policy {before.version}"
            raise SupersededError(f"{words} is in force now, not {wanted.replaces}")
        body = _text(connection, wanted.version)
        found = _sound(connection, wanted.version)
        # What was signed off is bound to the text itself, not only to its name.
        if body is None or digest_of(body) != wanted.sha256:
            raise UnsoundError(_changed(wanted.version))
        _swap(connection, context, wanted.version, body)
        event = _event(context, wanted, call, found)
        task_id = _task_of(connection, call)
        told = event.model_copy(update={"task_id": task_id, "correlation_id": task_id})
        context.ledger.append(connection, told)
    now_in_force = in_force(connection, hard)
    if now_in_force is None:
        raise StoreError("no rules are in force")
    return now_in_force


def is_activated(connection: Connection, call: Call) -> bool:
    """Say whether the ledger saw a set activated under this key."""
    return any(event["data"].get("call") == call.key for event in activations(connection))


def activation(connection: Connection) -> Activation | None:
    """Return how the set in force came to be so."""
    event = next(iter(activations(connection)), None)
    if event is None:
        return None
    return Activation(
        version=event["policy_version"],
        at=datetime.fromisoformat(event["at"]),
        on_behalf_of=event["data"].get("on_behalf_of"),
        proposal_id=event["proposal_id"],
    )


def answered(connection: Connection, context: Context, nonce: str, answer: dict[str, Any]) -> None:
    """Note what became of a request of the command line, in the transaction of its work."""
    # What does not load is quoted, and a file may hold anything.
    said = context.redactor.document(json.dumps(answer))
    values = {"nonce": nonce, "answer": said, "at": context.clock.now()}
    connection.execute(insert(policy_requests).values(**values))


def answer_to(connection: Connection, nonce: str) -> dict[str, Any] | None:
    """Return what became of a request; None while it is not answered."""
    query = select(policy_requests.c.answer).where(policy_requests.c.nonce == nonce)
    found = connection.execute(query).scalar_one_or_none()
    answer: dict[str, Any] | None = None if found is None else json.loads(found)
    return answer


def is_task_open(connection: Connection, task_id: str) -> bool:
    """Say whether a task is still worked on."""
    query = select(tasks.c.open_key).where(tasks.c.id == task_id)
    return connection.execute(query).scalar_one_or_none() is not None


def _text(connection: Connection, version: str) -> str | None:
    for table in (rule_sets, rule_candidates):
        query = select(table.c.body).where(table.c.version == version)
        found = connection.execute(query).scalar_one_or_none()
        if found is not None:
            return str(found)
    return None


def _sound(connection: Connection, version: str) -> RuleSet:
    body = _text(connection, version)
    found = None if body is None else read_rules(body)
    if found is None:
        raise UnsoundError(_changed(version))
    again = sealed(found.rules, found.calendars, found.approved, found.limits)
    if again.version != version:
        raise UnsoundError(_changed(version))
    return found


def _changed(version: str) -> str:
    return (
        f"the proposed rules ({version}) are gone, or were changed in the database past Signoff;"
        " propose them again, and look who could write the file"
    )


def _swap(connection: Connection, context: Context, version: str, body: str) -> None:
    now = context.clock.now()
    is_active = rule_sets.c.is_active
    connection.execute(update(rule_sets).where(is_active).values(is_active=False))
    again = connection.execute(
        update(rule_sets)
        .where(rule_sets.c.version == version)
        .values(is_active=True, activated_at=now)
    )
    if again.rowcount == 0:
        connection.execute(
            insert(rule_sets).values(version=version, body=body, activated_at=now, is_active=True)
        )


def _task_of(connection: Connection, call: Call) -> str | None:
    query = select(proposals.c.task_id).where(proposals.c.id == call.proposal_id)
    return connection.execute(query).scalar_one_or_none()


def _event(context: Context, wanted: ChangeParameters, call: Call, found: RuleSet) -> Event:
    return Event(
        kind=EventKind.POLICY_ACTIVATED,
        at=context.clock.now(),
        actor=Actor(kind=ActorKind.SYSTEM, id="system:gateway"),
        proposal_id=call.proposal_id,
        environment=POLICY_ENVIRONMENT,
        agent=POLICY_AGENT,
        parent=call.requester,
        policy_version=wanted.version,
        reasons=("SIGNED_OFF",),
        data={
            "rules": len(found.rules),
            "digest": wanted.sha256,
            "replaces": wanted.replaces,
            "call": call.key,
            "on_behalf_of": call.on_behalf_of,
        },
        sentence=f"Policy {wanted.version} is in force, in the place of {wanted.replaces}.",
    )
