"""Answers that are kept: a task's own, and the last one to each question."""

from datetime import timedelta

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from bot.store.context import Context
from bot.store.journal import fence
from bot.store.tables import readings, steps
from bot.store.tasks import keep_step
from tools.base import Evidence
from tools.ports import Caller

# Nobody shows an older answer; see `tools.gathering`.
KEPT_FOR = timedelta(hours=1)
ANSWER = "answer:"


class SqlMemory:
    """See `tools.ports.Memory`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def kept(self, evidence_id: str, caller: Caller) -> Evidence | None:
        """Return what this task was answered."""
        query = select(steps.c.result).where(
            steps.c.task_id == caller.task_id, steps.c.name == ANSWER + evidence_id
        )
        found = await self._context.database.read(
            lambda connection: connection.execute(query).scalar_one_or_none()
        )
        return None if found is None else Evidence.model_validate_json(found)

    async def last(self, key: str, caller: Caller) -> Evidence | None:
        """Return what anybody was answered last to a question with this key."""
        query = select(readings.c.body).where(
            readings.c.tenant == caller.tenant, readings.c.key == key
        )
        found = await self._context.database.read(
            lambda connection: connection.execute(query).scalar_one_or_none()
        )
        return None if found is None else Evidence.model_validate_json(found)

    async def keep(self, evidence: Evidence, key: str, caller: Caller) -> None:
        """Keep an answer for this task and, if it is fresh, as the last one to its question."""
        body, now = evidence.model_dump_json(), self._context.clock.now()

        def unit(connection: Connection) -> None:
            fence(connection, caller)
            name = ANSWER + evidence.id
            keep_step(connection, self._context, (caller.task_id, caller.tenant), name, body)
            if evidence.fault is not None or evidence.stale_s is not None:
                return
            connection.execute(delete(readings).where(readings.c.taken_at < now - KEPT_FOR))
            values = {"body": body, "taken_at": evidence.taken_at}
            connection.execute(
                insert_or(readings)
                .values(tenant=caller.tenant, key=key, **values)
                .on_conflict_do_update(index_elements=["tenant", "key"], set_=values)
            )

        await self._context.database.write(unit)
        self._context.boundary("answer.kept")
