"""The rule set in force: the first one is trusted and recorded, files alone never replace it."""

from sqlalchemy import Connection, insert, select

from bot.store.context import Context
from bot.store.tables import rule_sets
from policies.audit import Event, EventKind
from policies.engine import RuleSet
from policies.loader import sealed


def in_force(connection: Connection, candidate: RuleSet) -> RuleSet | None:
    """Return the rule set in force, or None before the first start.

    Its soft rules are those that were activated; its hard rules are always the program's own, as
    the candidate has them.
    """
    row = connection.execute(select(rule_sets.c.body).where(rule_sets.c.is_active)).first()
    if row is None:
        return None
    stored = RuleSet.model_validate_json(row.body)
    soft = [rule for rule in stored.rules if not rule.is_hard]
    return sealed([*soft, *(rule for rule in candidate.rules if rule.is_hard)])


def trust_first(connection: Connection, context: Context, candidate: RuleSet) -> RuleSet:
    """Return the set in force; where there is none yet, the candidate becomes it."""
    found = in_force(connection, candidate)
    if found is not None:
        return found
    now = context.clock.now()
    connection.execute(
        insert(rule_sets).values(
            version=candidate.version,
            body=candidate.model_dump_json(),
            activated_at=now,
            is_active=True,
        )
    )
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.POLICY_ACTIVATED,
            at=now,
            policy_version=candidate.version,
            reasons=("FIRST_START",),
            data={"rules": len(candidate.rules)},
            sentence=f"Policy {candidate.version} is in force: the first one, from the files.",
        ),
    )
    return candidate
