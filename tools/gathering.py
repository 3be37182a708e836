"""The first look at a task: all questions at once, tried again, and kept.

What was answered is kept by task and question, so a resumed task does not ask twice. A source
that stays silent is replaced by its last known answer, marked with its age; without one the look
goes on.
"""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.limits import LimitReached
from policies.model import Scalar
from tools.base import Evidence
from tools.gateway import Gateway
from tools.ports import Caller

# After the first try; a source that comes back within a second is worth the wait.
WAITS_S = (0.0, 0.3, 0.9)
# All tries of one question together.
PATIENCE_S = 8.0
# A kept answer of the task's own is as good as a fresh one for so long.
KEPT_S = 300
# Older answers say nothing about now.
OLDEST_S = 3600


@dataclass(frozen=True, kw_only=True)
class Question:
    """One call of a reading tool; people and the analysis know its answer by `label`."""

    label: str
    tool: str
    parameters: Mapping[str, Scalar]

    @property
    def key(self) -> str:
        """What the question is known by from task to task: its tool and parameters."""
        canonical = json.dumps([self.tool, dict(self.parameters)], sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


async def gather(
    gateway: Gateway, questions: Sequence[Question], caller: Caller, *, first: int = 1
) -> tuple[Evidence, ...]:
    """Ask everything at once; the answers come in order, with ids `E1`, `E2` and so on.

    Questions to systems that are not configured are left out; `first` is the number of the first.

    Raises:
        Halted: Signoff is paused.
        LimitReached: the task may make no more calls; what was asked before is answered and kept.
    """
    asked = [item for item in questions if gateway.offers(item.tool)]
    # All come to their end, whatever becomes of one: an answer that is under way is kept.
    answers = await asyncio.gather(
        *(_ask(gateway, f"E{place}", item, caller) for place, item in enumerate(asked, first)),
        return_exceptions=True,
    )
    faults = [answer for answer in answers if isinstance(answer, BaseException)]
    # Of a pause and a limit the pause counts: it is what a person said last.
    for fault in sorted(faults, key=lambda fault: isinstance(fault, LimitReached)):
        raise fault
    return tuple(answer for answer in answers if isinstance(answer, Evidence))


async def _ask(gateway: Gateway, evidence_id: str, question: Question, caller: Caller) -> Evidence:
    memory, now = gateway.parts.memory, gateway.parts.clock.now
    kept = await memory.kept(evidence_id, caller)
    if kept is not None and 0 <= (now() - kept.taken_at).total_seconds() <= KEPT_S:
        return kept
    evidence = await _tried(gateway, evidence_id, question, caller)
    if evidence.is_silent:
        last = await memory.last(question.key, caller)
        if last is not None:
            age_s = int((now() - last.taken_at).total_seconds())
            if 0 <= age_s <= OLDEST_S:
                evidence = _old(last, evidence, age_s)
    await memory.keep(evidence, question.key, caller)
    return evidence


async def _tried(
    gateway: Gateway, evidence_id: str, question: Question, caller: Caller
) -> Evidence:
    """Return the last answer, or that there was none in time."""
    answers = [_late(gateway, evidence_id, question)]

    async def ask() -> None:
        for wait_s in WAITS_S:
            await asyncio.sleep(wait_s)
            answer = await gateway.read(
                evidence_id, question.label, question.tool, question.parameters, caller
            )
            answers.append(answer)
            if not answer.is_silent:
                return

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            await ask()
    return answers[-1]


def _old(last: Evidence, silent: Evidence, age_s: int) -> Evidence:
    """Return an earlier answer in the place of none."""
    update = {
        "id": silent.id,
        "label": silent.label,
        "stale_s": age_s,
        "stale_because": silent.fault,
    }
    return last.model_copy(update=update)


def _late(gateway: Gateway, evidence_id: str, question: Question) -> Evidence:
    return Evidence(
        id=evidence_id,
        label=question.label,
        source=gateway.parts.catalogue.system(question.tool),
        tool=question.tool,
        query=question.label,
        taken_at=gateway.parts.clock.now(),
        excerpt="",
        is_untrusted=True,
        is_silent=True,
        fault=f"no answer within {PATIENCE_S:g} s",
    )
