"""Batches: proposals of one kind that were made in one go, and the cards that show them.

The key of such a card's message names its items, so what a click may count for stands in the row of
the very message that was clicked.
"""

from collections.abc import Iterable, Sequence

from policies.model import EffectKind, Proposal

BATCH = "batch"
# Items of one card; a value with so many ids and hashes stays below Slack's 2 000 characters.
MOST = 8


def batched(found: Sequence[Proposal]) -> dict[str, str]:
    """Return, by proposal, the batch of what is proposed in one go; one alone has none.

    Only what is alike (tool and environment) and asks people: a remedy and a silence are two
    decisions, each with its own evidence.
    """
    kinds: dict[tuple[str, str], list[str]] = {}
    for proposal in found:
        if proposal.decision.effect is EffectKind.APPROVE:
            kind = (proposal.action.tool, proposal.action.environment)
            kinds.setdefault(kind, []).append(proposal.id)
    return {name: ids[0] for ids in kinds.values() if len(ids) > 1 for name in ids}


def key_of(task_id: str, ids: Iterable[str]) -> str:
    """Return the key of the message that shows these proposals of a task."""
    return f"{BATCH}:{task_id}:{','.join(name.removeprefix(f'{task_id}-') for name in ids)}"


def shown_by(key: str) -> tuple[str, ...]:
    """Return the proposals that the message of a key shows as items; none for other messages."""
    kind, _, rest = key.partition(":")
    task_id, _, numbers = rest.partition(":")
    if kind != BATCH or not numbers:
        return ()
    return tuple(f"{task_id}-{number}" for number in numbers.split(","))
