"""Breaking the glass: its form, and the alarm to all that goes out with it."""

from collections.abc import Mapping

from bot.slack import blocks as kit
from bot.slack import modals
from bot.slack.blocks import Block
from bot.slack.desk import Desk
from bot.slack.differences import whom
from bot.slack.halts import lifting
from bot.slack.text import code, person, safe
from bot.store.boxes import send
from bot.store.context import Context
from bot.store.engine import Connection
from bot.store.glass import break_glass, channel_of
from bot.store.halts import switches
from bot.store.votes import Answer, Click
from policies.approvals import OPERATORS, Memberships
from policies.model import Proposal
from policies.standing import SHORTEST_REASON

WORD = "BREAK"


def form(proposal: Proposal, data: str) -> Block:
    """Return the form in which the glass is broken."""
    return kit.modal(
        modals.GLASS,
        "Break the glass",
        "Do it now",
        [
            modals.about(proposal),
            kit.section(
                "*You act alone, without the sign-off that the rules ask.* It is done at once."
                " Everybody is told, with your name and reason, and an operator reviews it. What"
                " the rules deny stays denied, and what is frozen waits."
            ),
            kit.text_input("reason", "Why can it not wait?", is_long=True),
            kit.text_input("word", f"Type {WORD}", placeholder=WORD, longest=20),
        ],
        data,
    )


def form_errors(filled: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with the form, by block."""
    found = {}
    if len(filled.get("reason", "").strip()) < SHORTEST_REASON:
        found["reason"] = f"Please say why, in {SHORTEST_REASON} characters or more"
    if filled.get("word", "").strip().upper() != WORD:
        found["word"] = f"Please type {WORD}, so that it is no accident"
    return found


async def breaking(desk: Desk, reason: str) -> "Break":
    """Return what breaks the glass and tells everybody, in one transaction."""
    mentions = await desk.directory.mentions()
    anchor = None if desk.config.anchor is None else desk.config.anchor.channel
    return Break(reason, anchor, mentions.get(OPERATORS, code(OPERATORS)))


class Break:
    """Breaks the glass for a reason; the alarm goes out with it or not at all."""

    def __init__(self, reason: str, anchor: str | None, operators: str) -> None:
        self._reason, self._anchor, self._operators = reason, anchor, operators

    def __call__(
        self, connection: Connection, context: Context, click: Click, memberships: Memberships
    ) -> Answer:
        """Do it."""
        answer = break_glass(connection, context, click, memberships, self._reason)
        if answer.refusal is None and answer.proposal is not None:
            self._alarm(connection, context, answer.proposal, (click.voter.id, memberships))
        return answer

    def _alarm(
        self,
        connection: Connection,
        context: Context,
        proposal: Proposal,
        whom: tuple[str, Memberships],
    ) -> None:
        breaker, memberships = whom
        own = channel_of(connection, proposal.task_id)
        stops = switches(connection, proposal.action.tenant).of(proposal)
        done = "It is done" if not stops else f"It waits for {lifting(stops[0])}, and is then done"
        text = _alarm(proposal, breaker, self._reason, done)
        for channel in dict.fromkeys((own, self._anchor or own)):
            payload = {"channel": channel, "text": f"{text} {self._operators}, please review it."}
            send(connection, context, "alarm", payload)
        members = memberships[OPERATORS].members if OPERATORS in memberships else frozenset()
        where = f" It is told in <#{own}>." if own else ""
        for one in sorted(members - {breaker}):
            payload = {"user": one.rsplit("/", 1)[-1], "text": f"{text}{where} Please review it."}
            send(connection, context, "dm", payload)


def _alarm(proposal: Proposal, breaker: str, reason: str, done: str) -> str:
    return (
        f"*The glass was broken* by {person(breaker)}: {safe(proposal.title)}"
        f" ({code(proposal.id)}, {code(proposal.action.environment)}). {done} without the sign-off"
        f" of {whom(proposal.decision.clauses)}. Reason: {safe(reason, 600)}"
    )
