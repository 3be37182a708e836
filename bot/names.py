"""The names that rules may speak of: the tools of every connector, the agents, the environments."""

from bot.clock import WallClock
from bot.settings import Settings
from policies.analysis import Known, Subject
from policies.facts import ActionKind, Tier
from policies.lockout import POLICY_AGENT, POLICY_ENVIRONMENT
from policies.vocabulary import Vocabulary
from tools.base import AnyConnector, AnyTool, WriteTool
from tools.catalogue import connector_types, placeholder
from tools.policy import Policy

AGENTS = ("incident", "campaign", "digest", POLICY_AGENT)
# Where the ad platform's campaigns are, which no service of signoff.yaml names.
ADS = "ads"


def known(settings: Settings) -> Known:
    """Return what the rules of these settings may name.

    The shipped rules speak of environments that not everybody has, and that is no mistake; nor
    does anybody know an environment before signoff.yaml names a service.
    """
    environments = settings.config.environments
    own = settings.policy_dir is not None and bool(environments)
    return Known(
        tools={tool.name for tool in _tools()},
        agents=AGENTS,
        environments={*environments, ADS} if own else None,
    )


def vocabulary() -> Vocabulary:
    """Return the tools and agents that come with the program."""
    return Vocabulary(tools={tool.name for tool in _tools()}, agents=AGENTS)


def subjects() -> list[Subject]:
    """Return every writing tool that a connector declares, configured or not."""
    return [
        Subject(
            tool=tool.name,
            tier=tool.tier,
            action=tool.action,
            agents=tool.agents,
            is_reversible=True,
            only_in=POLICY_ENVIRONMENT if tool.agents == (POLICY_AGENT,) else None,
        )
        for tool in _tools()
        if isinstance(tool, WriteTool)
    ]


def tools() -> list[Subject]:
    """Return every tool that a connector declares, those that only read too."""
    reading = [
        Subject(
            tool=tool.name,
            tier=Tier.READ,
            action=ActionKind.READ,
            agents=tool.agents,
            is_reversible=True,
        )
        for tool in _tools()
        if not isinstance(tool, WriteTool)
    ]
    return [*subjects(), *reading]


def _tools() -> list[AnyTool]:
    clock = WallClock()
    # The rules themselves are no outside system: they need no settings, and are always there.
    kinds: tuple[type[AnyConnector], ...] = (*connector_types(), Policy)
    return [tool for kind in kinds for tool in placeholder(kind, clock).tools()]
