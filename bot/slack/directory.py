"""Who is who: members of groups and what Slack says of a person, each at most a minute old."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.config import Group
from bot.slack.groups import mentions_of
from bot.slack.questions import PATIENCE_S, Questions
from bot.slack.sender import NoAnswer, NotSent, Sender, SlackRefused
from policies.approvals import Membership, Memberships, Voter, is_recent
from policies.model import Clock

# Read again after half the age at which a membership stops counting.
FRESH_FOR = timedelta(seconds=30)
# The last are people of another workspace in a shared channel.
GUESTS = ("is_restricted", "is_ultra_restricted", "is_stranger")
NOBODY = frozenset({"user_not_found", "user_not_visible"})
# Slack's own voice, which Slack does not count among the bots.
SLACK_ITSELF = frozenset({"USLACKBOT"})


class SlackDirectory:
    """See `tools.ports.Directory`; people are `team/user`."""

    def __init__(
        self,
        sender: Sender,
        clock: Clock,
        groups: Mapping[str, Group],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._sender, self._clock, self._groups = sender, clock, groups
        # Not known before Slack's first answer: until then nobody is recognised.
        self._team: str | None = None
        self._workspace = ""
        self._known: dict[str, Membership] = {}
        self._voters: dict[str, tuple[datetime, Voter]] = {}
        self._people = Questions(self._ask_who, clock, patience_s)
        # Apart: one group that is overdue says nothing of the others, whose members may click now.
        self._lists = {name: Questions(self._ask_members, clock, patience_s) for name in groups}

    async def close(self) -> None:
        """End what Slack is still asked."""
        await self._people.close()
        for asked in self._lists.values():
            await asked.close()

    @property
    def has_joined(self) -> bool:
        """Say whether the team is known."""
        return self._team is not None

    @property
    def team(self) -> str | None:
        """The team that the groups' users belong to; None before Slack's first answer."""
        return self._team

    @property
    def workspace(self) -> str:
        """The workspace's address, that of links to messages; empty before Slack's first answer."""
        return self._workspace

    def joined(self, team: str, workspace: str = "") -> None:
        """Say which team the groups' users belong to, and the address of its workspace."""
        self._team, self._workspace = team, workspace

    async def memberships(self, groups: Sequence[str]) -> Memberships:
        """Return what is known of these groups; one that cannot be read is left out.

        Where Slack does not answer in time, that is what it said last, however old.
        """
        names = [name for name in dict.fromkeys(groups) if name in self._groups]
        found = await asyncio.gather(*(self._membership(name) for name in names))
        return {one.group: one for one in found if one is not None}

    async def mentions(self) -> dict[str, str]:
        """Return how each group is mentioned."""
        return mentions_of(self._groups)

    async def voter(self, team: str, user: str) -> Voter:
        """Return what Slack says of a person; `is_known` is False without an answer."""
        person = f"{team}/{user}"
        return self._fresh(person) or await self._people.answer(person)

    async def person(self, person: str) -> Voter:
        """Return what Slack says of a person; without an answer in time, what it said last.

        As with a group that lasts for a minute; then `is_known` is False.
        """
        fresh = self._fresh(person)
        if fresh is not None:
            return fresh
        voter = await self._people.soon(person) or Voter(id=person, is_known=False)
        last = self._voters.get(person)
        is_unanswered = not voter.is_known and not voter.is_deleted
        if is_unanswered and last is not None and is_recent(last[0], self._clock.now()):
            return last[1]
        return voter

    async def full_member(self, user: str) -> str | None:
        """Return the person with a user id, if it is a full member of our own workspace.

        Raises:
            NoAnswer: Slack does not say now.
        """
        if self._team is None:
            raise NotSent("Slack has not said yet who we are")
        try:
            answer = await self._sender.call("users.info", {"user": user})
        except SlackRefused:
            return None
        found = answer.get("user", {})
        is_own = found.get("team_id", self._team) == self._team and user not in SLACK_ITSELF
        barred = ("is_bot", "is_restricted", "is_ultra_restricted", "is_stranger", "deleted")
        is_full = not any(found.get(name) for name in barred)
        return f"{self._team}/{user}" if is_own and is_full else None

    def _fresh(self, person: str) -> Voter | None:
        known = self._voters.get(person)
        return known[1] if known is not None and _is_fresh(known[0], self._clock.now()) else None

    async def _ask_who(self, person: str) -> Voter:
        now = self._clock.now()
        try:
            answer = await self._sender.call("users.info", {"user": person.rpartition("/")[2]})
        except SlackRefused as refused:
            # Slack does answer: it knows nobody like that.
            return Voter(id=person, is_known=False, is_deleted=refused.error in NOBODY)
        except NoAnswer:
            return Voter(id=person, is_known=False)
        found = answer.get("user")
        if not found:
            return Voter(id=person, is_known=False)
        voter = Voter(
            id=person,
            is_bot=bool(found.get("is_bot")),
            is_guest=any(found.get(name) for name in GUESTS),
            is_deleted=bool(found.get("deleted")),
            read_at=now,
        )
        self._voters[person] = (now, voter)
        return voter

    async def _membership(self, name: str) -> Membership | None:
        now, users = self._clock.now(), self._groups[name].users
        if self._team is None:
            return None
        if users is not None:
            return Membership(group=name, members=_of(self._team, users), read_at=now)
        known = self._known.get(name)
        if known is None or not _is_fresh(known.read_at, now):
            await self._lists[name].soon(name)
        return self._known.get(name)

    async def _ask_members(self, name: str) -> None:
        """Keep who is in a group; without an answer, what was said last stays."""
        now, team = self._clock.now(), self._team
        try:
            answer = await self._sender.call(
                "usergroups.users.list", {"usergroup": self._groups[name].usergroup}
            )
        except (SlackRefused, NoAnswer):
            return
        members = _of(str(team), answer.get("users", []))
        self._known[name] = Membership(group=name, members=members, read_at=now)


def _of(team: str, users: Sequence[str]) -> frozenset[str]:
    return frozenset(f"{team}/{user}" for user in users)


def _is_fresh(read_at: datetime, now: datetime) -> bool:
    # Read in the future means that the clock was set back: nobody knows how old that is.
    return timedelta(0) <= now - read_at <= FRESH_FOR
