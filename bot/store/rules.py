"""The rule set in force: the first one is trusted and recorded, files alone never replace it."""

import hashlib
import json
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, insert, select

from bot.store.context import Context
from bot.store.engine import StoreError
from bot.store.records import ledger, ledger_index, rule_sets
from policies.audit import Event, EventKind
from policies.engine import RuleSet
from policies.loader import sealed
from tools.policy import Standing


def in_force(connection: Connection, candidate: RuleSet) -> RuleSet | None:
    """Return the rule set in force, or None before the first start.

    Its soft rules are those that were activated, with their calendars, approved actions and limits.
    Its hard rules are always the program's own, as the candidate has them; so are limits where the
    set is of a time before there were any.

    Raises:
        StoreError: the stored rules are not those that the ledger saw activated last.
    """
    row = _active(connection)
    return None if row is None else _opened(connection, row, candidate)


class InForce:
    """Tells rules from those in force; of a stored text that it knows the digest is enough."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], str] = {}

    def are_other(self, connection: Connection, rules: RuleSet) -> bool:
        """Say whether other rules than these are in force; before the first start none are.

        Raises:
            StoreError: as `in_force`.
        """
        row = _active(connection)
        if row is None:
            return False
        key = (row.version, digest_of(row.body), rules.version)
        if key not in self._known:
            # One set is in force at a time: what is known of another one is of no use any more.
            self._known = {key: _opened(connection, row, rules).version}
        return self._known[key] != rules.version


def standing(connection: Connection) -> Standing | None:
    """Return under which version the set in force is stored, and the digest of its text.

    Raises:
        StoreError: as `in_force`.
    """
    row = _active(connection)
    if row is None:
        return None
    if not _is_as_activated(connection, row.version, row.body, read_rules(row.body)):
        raise _changed(row.version)
    return Standing(version=row.version, digest=digest_of(row.body))


def stored(connection: Connection, version: str, candidate: RuleSet) -> RuleSet | None:
    """Return a set that is or was in force, by its version or the beginning of it.

    Raises:
        StoreError: as `in_force`.
    """
    is_it = rule_sets.c.version.startswith(version, autoescape=True)
    row = connection.execute(select(rule_sets).where(is_it).limit(1)).first()
    return None if row is None else _opened(connection, row, candidate)


def activations(connection: Connection) -> list[dict[str, Any]]:
    """Return the events that saw rules activated, the newest first."""
    bodies = connection.execute(
        select(ledger.c.body)
        .join(ledger_index, ledger_index.c.seq == ledger.c.seq)
        .where(ledger_index.c.kind == EventKind.POLICY_ACTIVATED)
        .order_by(ledger.c.seq.desc())
    ).scalars()
    return [json.loads(body) for body in bodies]


def with_hard_rules(found: RuleSet, candidate: RuleSet) -> RuleSet:
    """Return a stored set with the hard rules of the program, as the candidate has them."""
    soft = [rule for rule in found.rules if not rule.is_hard]
    hard = [rule for rule in candidate.rules if rule.is_hard]
    return sealed([*soft, *hard], found.calendars, found.approved, found.limits or candidate.limits)


def read_rules(body: str) -> RuleSet | None:
    """Read a stored set; None where it does not read."""
    try:
        return RuleSet.model_validate_json(body)
    except ValidationError:
        return None


def digest_of(body: str) -> str:
    """Return by what a stored text is known."""
    return hashlib.sha256(body.encode()).hexdigest()


def trust_first(connection: Connection, context: Context, candidate: RuleSet) -> RuleSet:
    """Return the set in force; where there is none yet, the candidate becomes it."""
    found = in_force(connection, candidate)
    if found is not None:
        return found
    now, body = context.clock.now(), candidate.model_dump_json()
    connection.execute(
        insert(rule_sets).values(
            version=candidate.version, body=body, activated_at=now, is_active=True
        )
    )
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.POLICY_ACTIVATED,
            at=now,
            policy_version=candidate.version,
            reasons=("FIRST_START",),
            data={"rules": len(candidate.rules), "digest": digest_of(body)},
            sentence=f"Policy {candidate.version} is in force: the first one, from the files.",
        ),
    )
    return candidate


def _active(connection: Connection) -> Row[Any] | None:
    """Return the row in force, which is that of the last activation that the ledger saw."""
    rows = connection.execute(select(rule_sets).where(rule_sets.c.is_active)).all()
    newest = next(iter(activations(connection)), None)
    if newest is None and not rows:
        return None
    # Which set is in force could be turned back to an earlier one without changing any.
    if newest is None or [row.version for row in rows] != [newest["policy_version"]]:
        raise _changed(", ".join(str(row.version) for row in rows) or "none")
    return rows[0]


def _opened(connection: Connection, row: Row[Any], candidate: RuleSet) -> RuleSet:
    found = read_rules(row.body)
    if not _is_as_activated(connection, row.version, row.body, found):
        raise _changed(row.version)
    if found is None:
        raise StoreError(
            f"the rules in force ({row.version}) can't be read by this version of Signoff: install"
            " the one that they were activated with, or a later one"
        )
    return with_hard_rules(found, candidate)


def _changed(version: str) -> StoreError:
    return StoreError(
        f"the rules in force ({version}) were changed in the database, past Signoff: nobody"
        " may act on them. Restore a backup (`signoff db restore FILE`), and look who could"
        " write the file"
    )


def _is_as_activated(
    connection: Connection, version: str, body: str, found: RuleSet | None
) -> bool:
    """Say whether the ledger saw these very rules activated."""
    for event in activations(connection):
        if event["policy_version"] == version:
            digest = event["data"].get("digest")
            # The first events carry no digest; the version is one over the rules as read.
            if digest:
                return bool(digest == digest_of(body))
            if found is None:
                return False
            again = sealed(found.rules, found.calendars, found.approved, found.limits)
            return again.version == version
    return False
