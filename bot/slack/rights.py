"""Who may turn the switches: any full member stops, operators let go on; refusals are recorded."""

import asyncio

from bot.slack.desk import Desk, reply, who
from bot.slack.refusals import to_command
from bot.store.boxes import Letter, letter_done
from bot.store.engine import Connection
from bot.store.notices import command_refused
from policies.approvals import OPERATORS, Refusal, Voter, barred, unfit

# Slack may put a question off for minutes; what shall be stopped does not wait for that.
PATIENCE_S = 3.0


async def member(desk: Desk, letter: Letter) -> tuple[Voter, Refusal | None]:
    """Return who it is, and why they may not stop anything, or None.

    While Slack does not say soon who somebody is, they may: what is stopped wrongly can be let go
    on, by an operator.
    """
    voter = await _soon(desk, letter)
    return voter, _refusal(voter, desk.directory.team)


async def operator(desk: Desk, letter: Letter) -> tuple[Voter, Refusal | None]:
    """Return who it is, and why they may not let anything go on, or None."""
    voter = await _voter(desk, letter)
    members = await desk.directory.memberships([OPERATORS])
    outsider = _refusal(voter, desk.directory.team)
    return voter, outsider or barred(voter, [OPERATORS], members, desk.context.clock.now())


async def reader(desk: Desk, letter: Letter) -> tuple[Voter, Refusal | None]:
    """Return who it is, and why they may not read what happened, or None."""
    voter = await _soon(desk, letter)
    return voter, unfit(voter) or _refusal(voter, desk.directory.team)


async def refuse(
    desk: Desk, letter: Letter, voter: Voter, command: tuple[str, str], refusal: Refusal
) -> None:
    """Say why a command (its name, and what it would have done) changed nothing; recorded."""
    name, deed = command

    def unit(connection: Connection) -> None:
        if letter_done(connection, desk.context, letter.key, refusal):
            command_refused(connection, desk.context, voter.id, name, refusal)
            reply(connection, desk.context, letter.body, to_command(refusal, deed, desk.mentions))

    await desk.context.database.write(unit)


async def _soon(desk: Desk, letter: Letter) -> Voter:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await _voter(desk, letter)
    except TimeoutError:
        return Voter(id="/".join(who(letter.body)), is_known=False)


async def _voter(desk: Desk, letter: Letter) -> Voter:
    team, user = who(letter.body)
    return await desk.directory.voter(team, user)


def _refusal(voter: Voter, team: str | None) -> Refusal | None:
    if voter.is_bot or voter.is_deleted:
        return Refusal.IS_BOT
    if voter.is_guest:
        return Refusal.IS_GUEST
    is_foreign = team is not None and voter.id.partition("/")[0] != team
    return Refusal.OTHER_WORKSPACE if is_foreign else None
