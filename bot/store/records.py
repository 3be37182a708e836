"""The tables of the record and of the rules: what is only ever added to, and what decides."""

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from bot.store.columns import UtcTime, metadata
from bot.store.columns import tenant as _tenant

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("prev", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False),
)

# Derived from the bodies, so that people can search; it can be dropped and made again.
ledger_index = Table(
    "ledger_index",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _tenant(),
    Column("kind", String(64), nullable=False),
    Column("at", String(32), nullable=False),
    Column("task_id", String(32), index=True),
    Column("proposal_id", String(64)),
    Column("thread_id", String(64), index=True),
    Column("agent", String(64)),
    Column("actor", String(200), nullable=False),
    Column("environment", String(128)),
    Column("sentence", Text, nullable=False),
    # Words between spaces, one before the first and one after the last: ` a b `.
    Column("tools", Text, nullable=False, server_default=""),
    Column("reasons", Text, nullable=False, server_default=""),
    Index("ledger_index_at", "at"),
    Index("ledger_index_agent_at", "agent", "at"),
    Index("ledger_index_actor_at", "actor", "at"),
)

# Signed statements of the ledger's size and root, in the order in which they were made.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=False),
    _tenant(),
    Column("at", UtcTime, nullable=False),
    Column("occasion", String(16), nullable=False),
    Column("size", Integer, nullable=False),
    Column("note", Text, nullable=False),
)

# Free text stands here, and only its salted hash in the ledger: so it can be erased.
texts = Table(
    "texts",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), primary_key=True),
    _tenant(),
    Column("salt", String(64), nullable=False),
    Column("value", Text),
)

rule_sets = Table(
    "rule_sets",
    metadata,
    Column("version", String(64), primary_key=True),
    _tenant(),
    Column("body", Text, nullable=False),
    Column("activated_at", UtcTime, nullable=False),
    Column("is_active", Boolean, nullable=False),
)

# Rule sets that were proposed; one is copied into `rule_sets` when it is activated.
rule_candidates = Table(
    "rule_candidates",
    metadata,
    Column("version", String(64), primary_key=True),
    _tenant(),
    Column("body", Text, nullable=False),
    Column("proposed_at", UtcTime, nullable=False),
    Column("proposed_by", String(128), nullable=False),
)

# What became of each request that the command line left beside the database.
policy_requests = Table(
    "policy_requests",
    metadata,
    Column("nonce", String(64), primary_key=True),
    _tenant(),
    Column("answer", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)
