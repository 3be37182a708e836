"""Does what was approved: check again, consume, write the intent, act, write the outcome."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from policies.approvals import Refusal, barred, undo_groups
from policies.limits import LimitReached
from policies.model import EffectKind, Proposal, ProposalState
from tools.base import (
    Call,
    Refused,
    State,
    ToolError,
    Unavailable,
)
from tools.catalogue import UnknownTool
from tools.consent import Consent, denied
from tools.gateway import Gateway, answering, arguments_of
from tools.halts import matter_of
from tools.measuring import measure
from tools.ports import (
    Basis,
    Caller,
    Direction,
    Grant,
    Halted,
    Intent,
    Outcome,
    Stale,
    idempotency_key,
)
from tools.reserving import Overtaken
from tools.runs import AGAIN_S, RETRY_S, Again, Run, Stop, Undo, Word, done, voices
from tools.signers import still_may
from tools.standing import require_not_paused, require_open, require_way_back

# A state that nothing ever reads: what was left behind is not known.
UNSEEN = {"left": "unseen"}

SENTENCE_LIMIT = 600
HELD_S = 2.0
# The longest wait between two questions about what is unknown.
SLOWEST_S = 60.0
# After 5, 10, 20 and 40 s in vain somebody has to look.
ASKS_BEFORE_A_PERSON = 4


class Execution:
    """Carries approved proposals out, undoes them, and finds out what a killed process left."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._parts = gateway.parts
        self._consent = Consent(gateway)

    async def run(self, proposal: Proposal, grant: Grant, caller: Caller) -> None:
        """Do an approved action, once; every end is written to the journal.

        Raises:
            LostLease: another worker has the task; nothing was done here.
        """
        await self._ended(
            proposal, Direction.FORWARD, caller, lambda: self._forward(proposal, grant, caller)
        )

    async def roll_back(self, proposal: Proposal, undo: Undo, caller: Caller) -> None:
        """Undo an executed action, if the state is still as we left it; raises LostLease."""

        async def work() -> Outcome:
            await require_not_paused(self._parts, proposal)
            basis = await self._undo_basis(proposal, undo)
            run = self._resolved(proposal, Direction.INVERSE, undo.left, undo.person)
            await require_way_back(self._parts, proposal, run.tool)
            return await self._act(run, caller, basis=basis)

        await self._ended(proposal, Direction.INVERSE, caller, work)

    async def forget(self, proposal: Proposal, direction: Direction, caller: Caller) -> None:
        """Record that an intent was found without an outcome: whether it happened is unknown."""
        sentence = "Signoff was stopped between asking and hearing back: it may have happened."
        await self._parts.journal.settle(
            Outcome(
                proposal=proposal,
                direction=direction,
                state=ProposalState.UNKNOWN if direction is Direction.FORWARD else None,
                sentence=sentence,
                reason="STOPPED_IN_THE_MIDDLE",
                retry_s=0,
            ),
            caller,
        )

    async def reconcile(
        self, proposal: Proposal, direction: Direction, again: Again, caller: Caller
    ) -> None:
        """Ask the outside system whether an unknown write happened; if surely not, do it now."""

        async def ask() -> Outcome:
            await require_not_paused(self._parts, proposal)
            run = self._known(proposal, direction, again)
            try:
                await self._gateway.turn(run.tool)
                # Again: whoever waits for a turn may wait past a pause.
                await require_not_paused(self._parts, proposal)
                async with answering(run.tool):
                    effect = await run.tool.reconcile(run.arguments, run.call)
            except ToolError as error:
                words = f"The outside system can't say whether it happened ({error})."
                raise _undecided(words, again) from error
            if effect is not None:
                return done(run, effect, "RECONCILED_DONE")
            if again.undo is None:
                return await self._forward(proposal, again.grant, caller)
            # As at first: what was asked for in time may not be done at any time later.
            basis = await self._undo_basis(proposal, again.undo)
            return await self._act(run, caller, basis=basis)

        await self._ended(proposal, direction, caller, ask)

    async def decided(
        self, proposal: Proposal, direction: Direction, word: Word, caller: Caller
    ) -> None:
        """Settle an unknown write by what a person saw.

        Raises:
            LostLease: another worker has the task; nothing was settled here.
            Halted: Signoff is paused, so what was left can't be read; the word is heard later.
        """
        if not word.has_happened:
            outcome = Outcome(
                proposal=proposal,
                direction=direction,
                state=ProposalState.FAILED if direction is Direction.FORWARD else None,
                sentence="A person looked: it did not happen.",
                reason="PERSON_SAYS_NOT_DONE",
                signal=word.signal,
            )
        else:
            outcome = await self._seen(proposal, direction, word)
        await self._parts.journal.settle(outcome, caller)
        self._parts.boundary("unknown.settled")

    async def _seen(self, proposal: Proposal, direction: Direction, word: Word) -> Outcome:
        """Return the outcome of what a person saw; what it left is read, if it can be."""
        left, words = dict(UNSEEN), "A person looked: it happened."
        try:
            run = self._resolved(proposal, direction, {}, word.person)
            await require_not_paused(self._parts, proposal)
            left = dict(await self._observed(run))
        except (Stop, ToolError):
            words += " What it left can't be read, so it can't be undone with one click."
        is_forward = direction is Direction.FORWARD
        return Outcome(
            proposal=proposal,
            direction=direction,
            state=ProposalState.EXECUTED if is_forward else ProposalState.ROLLED_BACK,
            sentence=words,
            reason="PERSON_SAYS_DONE",
            left=left,
            signal=word.signal,
        )

    async def _ended(
        self,
        proposal: Proposal,
        direction: Direction,
        caller: Caller,
        work: Callable[[], Awaitable[Outcome]],
    ) -> None:
        try:
            outcome = await work()
        except Halted as halted:
            outcome = Outcome(
                proposal=proposal,
                direction=direction,
                state=None,
                sentence=self._parts.redactor.excerpt(halted.sentence, SENTENCE_LIMIT),
                reason=halted.reason,
                retry_s=HELD_S,
            )
        except LimitReached as error:
            outcome = Outcome(
                proposal=proposal,
                direction=direction,
                state=ProposalState.DENIED,
                sentence=f"{error} Nothing was done.",
                reason=error.reached.reason,
                stopped_by=error.reached,
            )
        except Stop as stop:
            outcome = Outcome(
                proposal=proposal,
                direction=direction,
                state=stop.state if direction is Direction.FORWARD else None,
                sentence=self._parts.redactor.excerpt(stop.sentence, SENTENCE_LIMIT),
                reason=stop.reason,
                retry_s=stop.retry_s,
                data=stop.data,
                successor=stop.successor,
            )
        await self._parts.journal.settle(outcome, caller)
        self._parts.boundary("outcome.written")

    async def _forward(self, proposal: Proposal, grant: Grant, caller: Caller) -> Outcome:
        await require_open(self._parts, proposal)
        if self._parts.clock.now() >= proposal.action.not_after:
            raise Stop(
                ProposalState.EXPIRED, "TOO_LATE", "The sign-off is too old: nothing was done."
            )
        wanted = {item.field: item.value for item in proposal.action.preconditions}
        run = self._resolved(proposal, Direction.FORWARD, wanted, voices(grant, proposal))
        self._require_authority(run)
        observed = await self._require_state(run)
        self._parts.boundary("state.observed")
        basis = await self._consent.require(run, observed, grant, caller)
        # Only those whose word it rests on, not everybody who ever signed off.
        by = voices(replace(grant, approvers=basis.people), proposal)
        run = replace(run, call=replace(run.call, on_behalf_of=by))
        self._parts.boundary("signoff.checked")
        baseline = await self._baseline(proposal, caller)
        self._parts.boundary("baseline.measured")
        return await self._act(run, caller, baseline, basis)

    async def _act(
        self, run: Run, caller: Caller, baseline: str | None = None, basis: Basis | None = None
    ) -> Outcome:
        self._require_authority(run)
        if run.direction is Direction.INVERSE:
            await self._require_state(run)
        intent = Intent(
            proposal=run.proposal,
            direction=run.direction,
            key=run.call.key,
            system=self._parts.catalogue.system(run.tool.name),
            baseline=baseline,
            on_behalf_of=run.call.on_behalf_of,
            action=run.tool.action,
            identity=self._parts.catalogue.identity(run.tool.name),
            basis=basis or Basis(),
        )
        # Before the intent: what waits for its turn has not begun.
        await self._require_turn(run)
        # Again: since the first look other systems were asked, which takes its time.
        await self._require_open(run)
        # Before the effect, not after: a crash in between must leave a trace.
        await self._begin(intent, caller)
        self._parts.boundary("intent.written")
        try:
            async with answering(run.tool):
                effect = await run.tool.act(run.arguments, run.call)
        except Refused as error:
            raise Stop(
                ProposalState.FAILED,
                "REFUSED_OUTSIDE",
                f"`{intent.system}` {error}. Nothing was done.",
            ) from error
        except Unavailable as error:
            raise Stop(
                ProposalState.UNKNOWN,
                "NO_CLEAR_ANSWER",
                f"`{intent.system}` gave no clear answer ({error}): it may have happened.",
                RETRY_S,
            ) from error
        self._parts.boundary("effect.done")
        return done(run, effect, "EXECUTED")

    async def _begin(self, intent: Intent, caller: Caller) -> None:
        try:
            await self._parts.journal.begin(intent, caller)
        except Overtaken as overtaken:
            decision = overtaken.decision
            if decision.effect is EffectKind.DENY:
                raise denied(intent.proposal, decision) from overtaken
            # They ask for more than was looked at: from the beginning, with what is known now.
            words = "Other actions came first: the rules are asked again."
            raise Stop(None, "OVERTAKEN", words, AGAIN_S) from overtaken
        except Stale as stale:
            words = "Who may sign off was read too long ago: it is read again."
            raise Stop(None, "GROUP_UNREADABLE", words, RETRY_S) from stale

    def _require_authority(self, run: Run) -> None:
        """Hold a tool to its own agents and environments, for an inverse as well."""
        action = run.proposal.action
        reason = self._gateway.unauthorised(run.tool, action.agent, action.environment)
        if reason is not None:
            words = f"`{run.tool.name}` is not for `{action.agent}` in `{action.environment}`"
            raise Stop(ProposalState.DENIED, reason, f"{words}: nothing was done.")

    def _known(self, proposal: Proposal, direction: Direction, again: Again) -> Run:
        """Resolve what may have happened: that its tool is gone does not undo it."""
        try:
            return self._resolved(proposal, direction, again.left, again.person(proposal))
        except Stop as stop:
            words = "The tool that could tell whether it happened is gone."
            raise _undecided(words, again) from stop

    async def _undo_basis(self, proposal: Proposal, undo: Undo) -> Basis:
        """Return what an undoing may begin on: its window is open, who asked may still ask."""
        inverse = proposal.action.inverse
        window_s = 0 if inverse is None else inverse.window_s
        if (self._parts.clock.now() - undo.done_at).total_seconds() > window_s:
            words = "It was not undone: the time for that is over. Propose to undo it if need be."
            raise Stop(None, "WINDOW_CLOSED", words)
        groups = undo_groups(proposal, is_broken=undo.is_broken)
        memberships = await self._parts.directory.memberships(groups)
        voter = await still_may(self._parts.directory, undo.person, None)
        refusal = barred(voter, groups, memberships, self._parts.clock.now())
        if refusal is Refusal.GROUP_UNREADABLE:
            words = f"Can't read who is in `{groups[0]}` now."
            raise Stop(None, "GROUP_UNREADABLE", words, RETRY_S)
        if refusal is not None:
            words = "It was not undone: whoever asked is in no approving group any more."
            raise Stop(None, "NOT_IN_GROUP", words)
        own = [known for known in memberships.values() if undo.person in known.members]
        ages = [known.read_at for known in own]
        return Basis(read_at=min(ages if voter.read_at is None else [*ages, voter.read_at]))

    async def _require_open(self, run: Run) -> None:
        if run.direction is Direction.FORWARD:
            await require_open(self._parts, run.proposal)
        else:
            await require_way_back(self._parts, run.proposal, run.tool)

    async def _require_turn(self, run: Run) -> None:
        try:
            await self._gateway.turn(run.tool)
        except Unavailable as error:
            raise Stop(None, "NO_ANSWER", f"{error}: this waits.", RETRY_S) from error

    def _resolved(
        self, proposal: Proposal, direction: Direction, expected: State, on_behalf_of: str
    ) -> Run:
        action, inverse = proposal.action, proposal.action.inverse
        try:
            if direction is Direction.FORWARD:
                tool = self._parts.catalogue.writing(action.tool, action.tool_version)
                arguments = arguments_of(tool, action.parameters)
            elif inverse is None:
                raise Stop(None, "NO_INVERSE", "This can't be undone.")
            else:
                tool = self._parts.catalogue.writing(inverse.tool, inverse.tool_version)
                arguments = arguments_of(tool, inverse.parameters)
        except (UnknownTool, Refused) as error:
            undone = ". It was not undone; undo it by hand if need be."
            end = ". Nothing was done." if direction is Direction.FORWARD else undone
            raise Stop(ProposalState.FAILED, "TOOL_GONE", f"{error}{end}") from error
        call = Call(
            key=idempotency_key(proposal, direction),
            comment=f"Signoff {proposal.id} ({direction})",
            on_behalf_of=on_behalf_of,
            requester=action.requester,
            proposal_id=proposal.id,
        )
        return Run(
            proposal=proposal,
            direction=direction,
            tool=tool,
            arguments=arguments,
            expected=expected,
            call=call,
        )

    async def _require_state(self, run: Run) -> State:
        try:
            observed = await self._observed(run)
        except Refused as error:
            raise Stop(
                ProposalState.FAILED, "REFUSED_OUTSIDE", f"{error}. Nothing was done."
            ) from error
        except Unavailable as error:
            raise Stop(
                None, "NO_ANSWER", f"Can't read the state to start from ({error}).", RETRY_S
            ) from error
        for name, value in run.expected.items():
            if observed.get(name) != value:
                raise Stop(
                    ProposalState.DRIFTED,
                    "STATE_CHANGED",
                    f"`{name}` is `{observed.get(name, 'gone')}` now, not `{value}`:"
                    " nothing was done.",
                )
        return observed

    async def _observed(self, run: Run) -> State:
        matter = matter_of(run.proposal, self._parts.catalogue.system(run.tool.name))
        return await self._gateway.observe(run.tool, run.arguments, matter)

    async def _baseline(self, proposal: Proposal, caller: Caller) -> str | None:
        return await measure(self._gateway, proposal, caller, "baseline")


def _undecided(words: str, again: Again) -> Stop:
    """Return the end of a question in vain: asked again ever later, and told to a person."""
    retry_s = min(SLOWEST_S, RETRY_S * 2**again.asks)
    if again.asks + 1 >= ASKS_BEFORE_A_PERSON:
        return Stop(None, "NEEDS_A_PERSON", words, retry_s)
    return Stop(None, "STILL_UNKNOWN", words, retry_s)
