"""One step of one proposal: remind, expire, execute, reconcile, verify, roll back."""

from collections.abc import Sequence
from datetime import timedelta

from agents.ports import Claim, ExecutionRow, ProposalRow, Signal, TaskStore
from agents.tasks import TaskKind
from policies.approvals import waited_for
from policies.ladder import Rung, due_rung, effective, next_look_at
from policies.model import ProposalState, Verdict
from policies.verification import judge
from tools.execution import Execution
from tools.gateway import Gateway
from tools.measuring import measure
from tools.ports import Caller, Direction, Grant
from tools.runs import Again, Undo, Word

LOOK_AGAIN_S = 5.0
# How what nobody answered is asked for again.
AGAIN = {
    TaskKind.INCIDENT: "Still needed? `/triage {target} {where}` looks anew.",
    TaskKind.CAMPAIGN: "Still wanted? `/launch-campaign` begins anew.",
    TaskKind.DIGEST: "Still wanted? `/signoff digest` asks anew.",
    TaskKind.POLICY: "Still wanted? `/signoff policy propose` proposes the files anew.",
}
# An unknown effect is told before it is resolved, but not waited for longer than this. After a
# crash Slack takes a change in two seconds, a dozen may wait, and another restart takes its time.
TELL_WITHIN = timedelta(seconds=30)
TELL_POLL_S = 0.2


class ProposalSteps:
    """Takes a due proposal one step further; every step is one or more fenced transactions."""

    def __init__(self, store: TaskStore, gateway: Gateway, execution: Execution) -> None:
        self._store, self._gateway, self._execution = store, gateway, execution
        self._clock, self._boundary = gateway.parts.clock, gateway.parts.boundary
        # What was unknown before is waited for anew: nobody could tell of it meanwhile.
        self._began_at = self._clock.now()

    async def advance(self, claim: Claim, row: ProposalRow, caller: Caller) -> bool:
        """Take one step; True when the agent is to say what follows."""
        if row.roll_back_by is not None:
            await self._roll_back(claim, row, row.roll_back_by, caller)
            return False
        if row.state is ProposalState.PENDING:
            await self._ask_on(claim, row)
        elif row.state is ProposalState.APPROVED:
            await self._execute(claim, row, caller)
        elif row.state is ProposalState.EXECUTING:
            # Claimed while it executes: whoever executed it is gone.
            await self._execution.forget(row.proposal, Direction.FORWARD, caller)
        elif row.state is ProposalState.UNKNOWN:
            await self._reconcile(claim, row, Direction.FORWARD, caller)
        elif row.state is ProposalState.EXECUTED:
            await self._verify(claim, row, caller)
        return row.state is ProposalState.VERIFIED and not row.is_followed_up

    async def hear(
        self, claim: Claim, signal: Signal, rows: Sequence[ProposalRow], caller: Caller
    ) -> None:
        """Act on a person's word about an effect that nobody else can tell of."""
        body = signal.body
        direction = Direction(body["direction"])
        row = next((row for row in rows if row.proposal.id == body["proposal"]), None)
        found = None if row is None else row.execution(direction)
        if row is None or found is None or found.state != "unknown":
            # The outside system answered meanwhile: its word counts.
            await self._store.drop(claim, signal)
            return
        word = Word(person=body["person"], has_happened=body["happened"], signal=signal.id)
        await self._execution.decided(row.proposal, direction, word, caller)

    async def _ask_on(self, claim: Claim, row: ProposalRow) -> None:
        proposal, now = row.proposal, self._clock.now()
        if now >= proposal.expires_at:
            words = f"Nobody signed off in time, so nothing was done. {AGAIN[claim.task.kind]}"
            again = words.format(target=claim.task.target, where=claim.task.environment)
            await self._store.move(claim, row, ProposalState.EXPIRED, "NO_ANSWER_IN_TIME", again)
            return
        rung = due_rung(proposal, row.rungs, now)
        if rung is None:
            # The clock was set back since: it is looked at again when its time has come.
            left_s = (next_look_at(proposal, row.rungs) - now).total_seconds()
            await self._store.measure_again(claim, row, left_s)
            return
        await self._store.remind(claim, row, rung, await self._called(row, rung))
        self._boundary("people.called")

    async def _called(self, row: ProposalRow, rung: Rung) -> tuple[str, ...]:
        """Return the groups that are called: of which one more answer would help."""
        before = row.proposal.decision.clauses
        clauses = effective(before, is_widened=rung is Rung.WIDENED)
        groups = dict.fromkeys(name for clause in clauses for name in clause.groups)
        memberships = await self._gateway.parts.directory.memberships(tuple(groups))
        found = waited_for(clauses, row.approvers, memberships) or tuple(groups)
        if rung is Rung.REMINDED or Rung.REMINDED not in row.rungs:
            # Not reminded before, because nothing ran then: called now with the others.
            return found
        known = {name for clause in before for name in clause.groups}
        return tuple(name for name in found if name not in known) or found

    async def _execute(self, claim: Claim, row: ProposalRow, caller: Caller) -> None:
        if row.is_sign_off_stale:
            is_signed = row.approvers or row.broken_by
            since = "after the sign-off" if is_signed else "before this began"
            await self._store.move(
                claim,
                row,
                ProposalState.DRIFTED,
                "ALERT_RESOLVED",
                f"The alert resolved {since}: nothing was done. Ask again with `/triage` if it is"
                " still needed.",
            )
            return
        await self._execution.run(row.proposal, _grant(row), caller)

    async def _reconcile(
        self, claim: Claim, row: ProposalRow, direction: Direction, caller: Caller
    ) -> None:
        found = row.execution(direction)
        if found is not None and not await self._is_told(claim, found):
            await self._store.measure_again(claim, row, TELL_POLL_S)
            return
        person = row.roll_back_by
        undo = None if person is None else self._undo(row, person)
        again = Again(grant=_grant(row), undo=undo, asks=0 if found is None else found.asks)
        await self._execution.reconcile(row.proposal, direction, again, caller)

    async def _is_told(self, claim: Claim, found: ExecutionRow) -> bool:
        since = max(found.ended_at or found.started_at, self._began_at)
        if self._clock.now() - since >= TELL_WITHIN:
            return True
        return await self._store.is_told(claim.task.id)

    async def _roll_back(self, claim: Claim, row: ProposalRow, person: str, caller: Caller) -> None:
        found = row.execution(Direction.INVERSE)
        if found is not None and found.state == "intent":
            await self._execution.forget(row.proposal, Direction.INVERSE, caller)
        elif found is not None and found.state == "unknown":
            await self._reconcile(claim, row, Direction.INVERSE, caller)
        else:
            await self._execution.roll_back(row.proposal, self._undo(row, person), caller)

    def _undo(self, row: ProposalRow, person: str) -> Undo:
        done = row.execution(Direction.FORWARD)
        done_at = self._clock.now() if done is None else (done.ended_at or done.started_at)
        is_broken = row.broken_by is not None
        return Undo(left=_left(row), done_at=done_at, person=person, is_broken=is_broken)

    async def _verify(self, claim: Claim, row: ProposalRow, caller: Caller) -> None:
        effect = row.proposal.action.expected_effect
        done = row.execution(Direction.FORWARD)
        if effect is None or done is None:
            await self._store.verified(claim, row, Verdict.UNKNOWN, None)
            return
        measured = await measure(self._gateway, row.proposal, caller, "after")
        self._boundary("effect.measured")
        verdict = judge(effect, done.baseline or effect.baseline, measured)
        now = self._clock.now()
        ended_at = done.ended_at or now
        window_ends_at = ended_at + timedelta(seconds=effect.settle_s + effect.window_s)
        is_final = (
            verdict in {Verdict.WORKED, Verdict.WORSE}
            or (verdict is Verdict.NO_CHANGE and now >= window_ends_at)
            or (row.verify_until is not None and now >= row.verify_until)
        )
        if is_final:
            await self._store.verified(claim, row, verdict, measured)
            self._boundary("verdict.written")
        else:
            await self._store.measure_again(claim, row, LOOK_AGAIN_S)


def _grant(row: ProposalRow) -> Grant:
    return Grant(approvers=row.approvers, is_widened=row.is_widened, broken_by=row.broken_by)


def _left(row: ProposalRow) -> dict[str, str]:
    done = row.execution(Direction.FORWARD)
    return {} if done is None else done.left
