"""The audit vocabulary: what an event is, its canonical body, and how bodies are chained."""

import hashlib
import json
from enum import StrEnum
from typing import Any

import rfc8785
from pydantic import AwareDatetime, Field

from policies.model import DEFAULT_TENANT, Actor, ActorKind, Scalar, Strict

GENESIS = "0" * 64


class EventKind(StrEnum):
    """What happened, as `noun.past_tense`."""

    ALERT_RECEIVED = "alert.received"
    ALERT_REFIRED = "alert.refired"
    ALERT_RESOLVED = "alert.resolved"
    ALERT_DROPPED = "alert.dropped"
    ALERT_REJECTED = "alert.rejected"
    TASK_CREATED = "task.created"
    TASK_MOVED = "task.moved"
    TASK_FAILED = "task.failed"
    TASK_ESCALATED = "task.escalated"
    TOOL_CALLED = "tool.called"
    TOOL_FAILED = "tool.failed"
    TOOL_DENIED = "tool.denied"
    MODEL_ASKED = "model.asked"
    DECISION_FAILED = "decision.failed"
    EVIDENCE_AWAITED = "evidence.awaited"
    EVIDENCE_GATHERED = "evidence.gathered"
    REPORT_WRITTEN = "report.written"
    PROPOSAL_CREATED = "proposal.created"
    PROPOSAL_MOVED = "proposal.moved"
    PROPOSAL_REMINDED = "proposal.reminded"
    PROPOSAL_WIDENED = "proposal.widened"
    PROPOSAL_WITHDRAWN = "proposal.withdrawn"
    VOTE_CAST = "vote.cast"
    CLICK_REFUSED = "click.refused"
    GLASS_BROKEN = "glass.broken"
    GLASS_REVIEWED = "glass.reviewed"
    REVIEW_REMINDED = "review.reminded"
    INTENT_WRITTEN = "intent.written"
    EFFECT_UNKNOWN = "effect.unknown"
    EFFECT_ESCALATED = "effect.escalated"
    EFFECT_SETTLED = "effect.settled"
    EFFECT_RECONCILED = "effect.reconciled"
    OUTCOME_WRITTEN = "outcome.written"
    EFFECT_VERIFIED = "effect.verified"
    ROLLBACK_REQUESTED = "rollback.requested"
    ROLLBACK_REFUSED = "rollback.refused"
    SIGNOFF_PAUSED = "signoff.paused"
    SIGNOFF_RESUMED = "signoff.resumed"
    TASK_FROZEN = "task.frozen"
    TASK_UNFROZEN = "task.unfrozen"
    CAMPAIGN_FROZEN = "campaign.frozen"
    CAMPAIGN_UNFROZEN = "campaign.unfrozen"
    MODE_CHANGED = "mode.changed"
    COMMAND_REFUSED = "command.refused"
    SIGNOFF_STARTED = "signoff.started"
    POLICY_ACTIVATED = "policy.activated"
    DIGEST_SCHEDULED = "digest.scheduled"
    BRIEF_RECEIVED = "brief.received"
    CLOCK_JUMPED = "clock.jumped"
    COMMAND_RECEIVED = "command.received"
    KEY_RECORDED = "key.recorded"
    LEDGER_DOUBTED = "ledger.doubted"
    LEDGER_RESTORED = "ledger.restored"


SYSTEM = Actor(kind=ActorKind.SYSTEM, id="system:signoff")


class Event(Strict):
    """One thing that happened. Free text never stands here: it goes to the side table by hash.

    `data` holds typed ids, digests, numbers as strings; `sentence` is made by code for people.
    """

    kind: EventKind
    at: AwareDatetime
    sentence: str
    actor: Actor = SYSTEM
    tenant: str = DEFAULT_TENANT
    task_id: str | None = None
    proposal_id: str | None = None
    parent: str | None = None
    correlation_id: str | None = None
    environment: str | None = None
    agent: str | None = None
    agent_version: str | None = None
    policy_version: str | None = None
    trigger: str | None = None
    tools: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    decision: str | None = None
    reasons: tuple[str, ...] = ()
    confidence: str | None = None
    checkpoint: str | None = None
    retries: int = 0
    escalation: str | None = None
    cost: str | None = None
    # As whom Signoff called an outside system: the name of a credential, never its value.
    identity: str | None = None
    on_behalf_of: str | None = None
    texts: dict[str, str] = Field(default_factory=dict)
    data: dict[str, Scalar | None] = Field(default_factory=dict)


def text_digest(salt: str, text: str) -> str:
    """Return what stands in the ledger for a free text: SHA-256 over its salt and itself."""
    return hashlib.sha256(f"text/v1\0{salt}\0{text}".encode()).hexdigest()


# Writes what RFC 8785 does for strings, booleans and small whole numbers under ASCII names, ten
# times faster.
plainly = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode
_LARGEST = 2**53 - 1


def canonical(found: dict[str, Any]) -> str:
    """Return the body of an event, which is JSON with its `seq` by now, as RFC 8785 writes it.

    Its `texts` hold digests, not texts.
    """
    names = "".join([*found["data"], *found["texts"]])
    if names.isascii() and all(map(_is_plain, found["data"].values())):
        return plainly(found)
    return rfc8785.dumps(found).decode()


def _is_plain(value: object) -> bool:
    if isinstance(value, int):
        return -_LARGEST <= value <= _LARGEST
    return value is None or isinstance(value, str)


def chain_hash(prev: str, text: str) -> str:
    """Return the hash of a body that follows `prev`: SHA-256 over label, `prev` in hex and body."""
    return chain_hash_of(prev, text.encode())


def chain_hash_of(prev: str, raw: bytes) -> str:
    """Return the hash of a body as it lies in the database, in bytes."""
    return hashlib.sha256(b"ledger/v1\0" + prev.encode() + raw).hexdigest()
