"""What every handler of the inbox works with, and how it answers a person."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.config import Config
from bot.rulesets import SqlRuleSets
from bot.slack.blocks import Block
from bot.slack.directory import SlackDirectory
from bot.slack.groups import mentions_of
from bot.slack.refusals import words
from bot.store.boxes import Letter, letter_done, send
from bot.store.context import Context
from bot.store.engine import Connection
from policies.approvals import Refusal
from policies.model import Proposal
from tools.catalogue import Catalogue
from tools.gateway import Gateway


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The parts that clicks, commands and modals are worked off with."""

    context: Context
    config: Config
    directory: SlackDirectory
    gateway: Gateway
    catalogue: Catalogue
    rule_sets: SqlRuleSets
    # Where the rule files lie; the shipped ones without it.
    policy_dir: Path | None

    @property
    def mentions(self) -> dict[str, str]:
        """How each group is mentioned."""
        return mentions_of(self.config.groups)

    def no(
        self, refusal: Refusal, proposal: Proposal | None, groups_needed: Sequence[str] = ()
    ) -> str:
        """Return what a person is told whose click changed nothing; see `refusals.words`."""
        return words(refusal, proposal, groups_needed, self.mentions)

    async def answer(self, letter: Letter, text: str, result: str) -> None:
        """Answer only, and be done with the letter."""

        def unit(connection: Connection) -> None:
            if letter_done(connection, self.context, letter.key, result):
                reply(connection, self.context, letter.body, text)

        await self.context.database.write(unit)

    async def done(self, letter: Letter, result: str) -> None:
        """Be done with a letter that needs no answer."""
        await self.context.database.write(
            lambda connection: letter_done(connection, self.context, letter.key, result)
        )


def reply(
    connection: Connection,
    context: Context,
    body: dict[str, Any],
    text: str,
    blocks: Sequence[Block] = (),
) -> None:
    """Put an answer that only this person sees into the outbox; blocks go with a command's."""
    url = body.get("response_url")
    if "command" in body and url:
        answer = {"url": str(url), "text": text}
        if blocks:
            answer["blocks"] = json.dumps(blocks)
        send(connection, context, "response", answer)
        return
    channel = body.get("channel", {}).get("id") or body.get("channel_id") or ""
    user = body.get("user", {}).get("id") or body.get("user_id") or ""
    payload = {"channel": str(channel), "user": str(user), "text": text}
    thread_ts = body.get("message", {}).get("thread_ts")
    if thread_ts:
        payload["thread_ts"] = str(thread_ts)
    if url:
        payload["url"] = str(url)
    send(connection, context, "ephemeral", payload)


def who(body: dict[str, Any]) -> tuple[str, str]:
    """Return team and user of whoever did something; a person's own team, not the channel's."""
    user = body.get("user")
    if isinstance(user, dict):
        team = user.get("team_id") or body.get("team", {}).get("id") or ""
        return str(team), str(user.get("id", ""))
    return str(body.get("team_id", "")), str(body.get("user_id", ""))
