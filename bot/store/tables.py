"""The tables of work. Each carries the tenant; times are fixed-width UTC text, so they sort.

Which rows an index leaves out is said here for SQLite alone, and in the migrations for PostgreSQL
too: naming another dialect imports it, a twentieth of every start.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from bot.store.columns import UtcTime, metadata
from bot.store.columns import tenant as _tenant

inbox = Table(
    "inbox",
    metadata,
    Column("key", String(255), primary_key=True),
    _tenant(),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("due_at", UtcTime),
    Column("done_at", UtcTime),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("result", String(255)),
    Index("inbox_due", "due_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _tenant(),
    Column("kind", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("due_at", UtcTime),
    Column("done_at", UtcTime),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("fault", Text),
    # Set before it is sent: while it stands, the message may be in Slack already.
    Column("begun_at", UtcTime),
    Index("outbox_due", "due_at"),
    # In the order in which they are sent, of what is still to be sent.
    Index(
        "outbox_open",
        "id",
        sqlite_where=text("due_at IS NOT NULL"),
    ),
)

threads = Table(
    "threads",
    metadata,
    Column("id", String(64), primary_key=True),
    _tenant(),
    Column("channel", String(64), nullable=False),
    Column("root_ts", String(32)),
    Column("cursor", Integer, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    Column("fault", Text),
    # `task`, or `storm`: one thread for many incidents that began together.
    Column("kind", String(16), nullable=False, server_default="task"),
    # When it looks different without any event: a window ends.
    Column("next_at", UtcTime),
    Index("threads_next", "next_at"),
    Index(
        "threads_to_draw",
        "id",
        sqlite_where=text("cursor <= 0"),
    ),
    Index("threads_storms", "channel", "kind"),
)

posts = Table(
    "posts",
    metadata,
    Column("thread_id", String(64), primary_key=True),
    Column("key", String(128), primary_key=True),
    _tenant(),
    Column("channel", String(64), nullable=False),
    Column("ts", String(32)),
    Column("digest", String(64), nullable=False),
    Column("begun_at", UtcTime, nullable=False),
    Index("posts_message", "channel", "ts"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(32), primary_key=True),
    _tenant(),
    Column("kind", String(32), nullable=False),
    Column("state", String(32), nullable=False),
    Column("group_key", String(512), nullable=False),
    # The group key while the task is open, NULL after: so at most one is open per group.
    Column("open_key", String(512)),
    Column("thread_id", String(64), nullable=False, index=True),
    Column("environment", String(128), nullable=False),
    Column("target", String(255), nullable=False),
    Column("title", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("severity", String(8)),
    Column("since_at", UtcTime),
    Column("spec", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("wake_at", UtcTime),
    Column("lease_owner", String(64)),
    # Real time (seconds since the epoch), never the shared clock: a lease must not be skipped.
    Column("lease_until", Float, nullable=False, server_default="0"),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("deaths", Integer, nullable=False, server_default="0"),
    # Which version of `agents.tasks.DEFINITIONS` it was made under.
    Column("definition", Integer, nullable=False, server_default="1"),
    UniqueConstraint("tenant", "open_key", name="tasks_one_open_per_group"),
    Index("tasks_due", "wake_at"),
    Index("tasks_group", "group_key", "created_at"),
    Index("tasks_created", "created_at"),
)

steps = Table(
    "steps",
    metadata,
    Column("task_id", String(32), primary_key=True),
    Column("name", String(64), primary_key=True),
    _tenant(),
    Column("result", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

# What somebody says to a task whose worker may be at it; taken by the worker, in its own time.
signals = Table(
    "signals",
    metadata,
    Column("id", String(128), primary_key=True),
    _tenant(),
    Column("task_id", String(32), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("taken_at", UtcTime),
)

# The last answer to each question, for the time when its source is silent.
readings = Table(
    "readings",
    metadata,
    Column("tenant", String(64), primary_key=True, server_default="default"),
    Column("key", String(64), primary_key=True),
    Column("body", Text, nullable=False),
    Column("taken_at", UtcTime, nullable=False),
    Index("readings_age", "taken_at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("tenant", String(64), primary_key=True, server_default="default"),
    Column("fingerprint", String(128), primary_key=True),
    Column("group_key", String(512), nullable=False, index=True),
    Column("body", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("starts_at", UtcTime, nullable=False),
    Column("resolved_at", UtcTime),
    Column("episodes", Integer, nullable=False),
    Column("task_id", String(32), index=True),
    Column("received_at", UtcTime, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _tenant(),
    Column("source", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("received_at", UtcTime, nullable=False),
)

proposals = Table(
    "proposals",
    metadata,
    Column("id", String(64), primary_key=True),
    _tenant(),
    Column("task_id", String(32), nullable=False, index=True),
    Column("ordinal", Integer, nullable=False),
    Column("key", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("action_hash", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("next_at", UtcTime),
    Column("decided_at", UtcTime),
    Column("reason", String(64)),
    Column("sentence", Text),
    Column("verify_until", UtcTime),
    Column("verdict", String(16)),
    Column("measured", String(255)),
    Column("roll_back_by", String(128)),
    Column("roll_back_at", UtcTime),
    Column("is_followed_up", Boolean, nullable=False, server_default="0"),
    # Who withdrew or edited it.
    Column("decided_by", String(128)),
    # The first of those that were proposed in one go with it, and share its card.
    Column("batch", String(64)),
    UniqueConstraint("task_id", "key", "revision", name="proposals_once"),
    # What waits for a person; of all others there are ever more.
    Index(
        "proposals_open",
        "tenant",
        sqlite_where=text("state = 'PENDING'"),
    ),
)

votes = Table(
    "votes",
    metadata,
    Column("proposal_id", String(64), primary_key=True),
    Column("voter", String(128), primary_key=True),
    _tenant(),
    Column("ballot", String(16), nullable=False),
    Column("action_hash", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("reason", Text),
    # Of a rejection: which reason of the list.
    Column("code", String(32)),
)

# The rungs of the ladder that were taken for a proposal, and which groups were called by each.
reminders = Table(
    "reminders",
    metadata,
    Column("proposal_id", String(64), primary_key=True),
    Column("rung", String(16), primary_key=True),
    _tenant(),
    Column("at", UtcTime, nullable=False),
    # A list, as JSON.
    Column("groups", Text, nullable=False),
)

# What is to be looked at after somebody broke the glass, until an operator has.
reviews = Table(
    "reviews",
    metadata,
    Column("proposal_id", String(64), primary_key=True),
    _tenant(),
    Column("task_id", String(32), nullable=False),
    Column("broken_by", String(128), nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("next_at", UtcTime),
    Column("reminders", Integer, nullable=False, server_default="0"),
    Column("answered_by", String(128)),
    Column("answered_at", UtcTime),
    Column("answer", String(16)),
    Column("words", Text),
    Index("reviews_due", "next_at"),
    Index("reviews_task", "task_id"),
)

executions = Table(
    "executions",
    metadata,
    Column("proposal_id", String(64), primary_key=True),
    Column("direction", String(16), primary_key=True),
    _tenant(),
    Column("tool", String(128), nullable=False),
    Column("environment", String(128), nullable=False),
    Column("key", String(128), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("baseline", String(255)),
    Column("left_state", Text, nullable=False, server_default="{}"),
    Column("data", Text, nullable=False, server_default="{}"),
    Column("sentence", Text, nullable=False, server_default=""),
    Column("on_behalf_of", String(512), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("attempts", Integer, nullable=False, server_default="1"),
    # How often the outside system was asked in vain what became of it, and since when a person is.
    Column("asks", Integer, nullable=False, server_default="0"),
    Column("escalated_at", UtcTime),
    Column("settled_by", String(128)),
    # As whom Signoff called: the name of the credential, never its value.
    Column("identity", String(128)),
    # What it takes of the limits of its agent, from the intent on; not after `released_at`.
    Column("agent", String(64)),
    Column("target", String(255)),
    Column("raised_amount", String(32)),
    Column("raised_currency", String(3)),
    Column("released_at", UtcTime),
    Index("executions_recent", "tool", "environment", "started_at"),
    Index("executions_by_agent", "agent", "environment", "started_at"),
    Index("executions_by_target", "target", "environment", "started_at"),
)

# What each task has used of its limits, counted with what it used it for.
usage = Table(
    "usage",
    metadata,
    Column("task_id", String(32), primary_key=True),
    _tenant(),
    Column("tool_calls", Integer, nullable=False, server_default="0"),
    Column("tokens", Integer, nullable=False, server_default="0"),
    # What models cost, by currency: JSON of decimal texts.
    Column("money", Text, nullable=False, server_default="{}"),
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("worked_s", Float, nullable=False, server_default="0"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("name", String(128), primary_key=True),
    _tenant(),
    Column("kind", String(32), nullable=False),
    Column("cron", String(128), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("next_at", UtcTime, nullable=False),
)

controls = Table(
    "controls",
    metadata,
    Column("tenant", String(64), primary_key=True, server_default="default"),
    # `pause`, `freeze:task:T-…`, `freeze:campaign:PLATFORM/ID`, `hold:T-…:PLATFORM/ID`, `mode:…/…`.
    Column("name", String(320), primary_key=True),
    Column("value", String(255), nullable=False),
    Column("by", String(128), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
)
