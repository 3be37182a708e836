"""Finds the campaign that somebody means by a name: on the platform, or in what is proposed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from agents.incident.evidence import LONGEST_ID, LONGEST_NAME
from bot.slack.desk import Desk
from bot.slack.text import safe
from bot.store.freezes import Campaign, campaign_bodies
from policies.approvals import Voter
from policies.model import DEFAULT_TENANT, Actor, ActorKind, Proposal
from policies.vocabulary import MOST_NAMES, advice
from tools.halts import plain
from tools.ports import Caller, Halted

LISTING, AGENT, ENVIRONMENT = "adplatform_campaigns", "campaign", "ads"
QUOTES = "\"'“”„`"
LONGEST_ADVICE = 800


@dataclass(frozen=True, kw_only=True)
class Known:
    """The campaigns that are known; not `is_all` where the platform did not answer."""

    campaigns: tuple[Campaign, ...]
    is_all: bool

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [campaign.name for campaign in self.campaigns]


async def known_campaigns(desk: Desk, voter: Voter) -> Known | None:
    """Return the campaigns of the platform and of open plans; None where none is connected."""
    if not desk.gateway.offers(LISTING):
        return None
    platform = desk.catalogue.system(LISTING)
    bodies = await desk.context.database.read(
        lambda connection: campaign_bodies(connection, DEFAULT_TENANT)
    )
    planned = _planned(map(Proposal.model_validate_json, bodies), platform)
    try:
        found = await desk.gateway.read("E1", "campaigns", LISTING, {}, _caller(voter))
    except Halted:
        return Known(campaigns=tuple(planned), is_all=False)
    listed = [
        Campaign(platform=platform, key=str(row["id"]), name=str(row["name"])[:LONGEST_NAME])
        for row in found.rows
        if len(str(row["id"])) <= LONGEST_ID
    ]
    own = {campaign.name for campaign in listed}
    planned = [campaign for campaign in planned if campaign.name not in own]
    return Known(campaigns=(*listed, *planned), is_all=found.fault is None)


def is_quoted(text: str, words: Sequence[str]) -> bool:
    """Say whether a command's text, after its first two words, begins with a name in quotes.

    `words` are what was read of it from there on; a quote that was never closed is still in them.
    """
    rest = text.split(maxsplit=2)[2:]
    return bool(rest) and rest[0][0] in QUOTES and words[0][:1] not in QUOTES


def meant(
    words: Sequence[str], known: Known, *, is_whole: bool = False
) -> tuple[Campaign | None, str]:
    """Return the campaign that words begin with, and what follows as the reason.

    The longest name counts: a name of several words needs no quotes. With `is_whole` the first word
    is all of it, since it was quoted.
    """
    by_name = {_plain(campaign.name): campaign for campaign in reversed(known.campaigns)}
    by_name |= {_plain(campaign.key): campaign for campaign in known.campaigns}
    for count in (1,) if is_whole else range(len(words), 0, -1):
        found = by_name.get(_plain(" ".join(words[:count])))
        if found is not None:
            return found, " ".join(words[count:])
    return None, " ".join(words[1:])


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return which of the known names was probably meant, or which there are, as an end."""
    near = get_close_matches(name, known, n=MOST_NAMES, cutoff=0.4)
    found = safe(advice(name, near or list(known)[:MOST_NAMES]), LONGEST_ADVICE)
    return found if found.endswith("?") else f"{found}."


def unheard(words: Sequence[str], platform: str) -> Campaign:
    """Return a campaign that can't be looked up now, by the name that was typed."""
    name = words[0].strip(QUOTES)[:LONGEST_NAME]
    return Campaign(platform=platform, key=name, name=name)


def _plain(name: str) -> str:
    return plain(name.strip(QUOTES))


def _planned(proposals: Iterable[Proposal], platform: str) -> list[Campaign]:
    names = dict.fromkeys(one.action.target for one in proposals)
    return [Campaign(platform=platform, key=name, name=name) for name in names]


def _caller(voter: Voter) -> Caller:
    person = Actor(kind=ActorKind.HUMAN, id=voter.id)
    return Caller(
        tenant=DEFAULT_TENANT,
        task_id="",
        agent=AGENT,
        agent_version="command",
        environment=ENVIRONMENT,
        requester=person,
        correlation_id="",
        worker="desk",
        epoch=0,
    )
