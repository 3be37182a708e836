"""The names that rules may speak of: tools, connectors, agents, tenants and environments."""

from bot.clock import WallClock
from bot.config import ADS
from bot.settings import Settings
from policies.analysis import Known, Subject
from policies.facts import ActionKind, Tier
from policies.lockout import POLICY_AGENT, POLICY_ENVIRONMENT
from policies.model import DEFAULT_TENANT
from policies.vocabulary import Does, Vocabulary
from tools.base import AnyConnector, AnyTool, WriteTool
from tools.catalogue import connector_types, placeholder
from tools.policy import Policy

AGENTS = ("incident", "campaign", "digest", POLICY_AGENT)


def known(settings: Settings) -> Known:
    """Return what the rules of these settings may name.

    The shipped rules speak of environments that not everybody has, and that is no mistake; nor
    does anybody know an environment before signoff.yaml names a service, or a group before it
    defines one.
    """
    environments, groups = settings.config.environments, settings.config.groups
    own = settings.policy_dir is not None and bool(environments)
    return Known(
        tools={tool.name for tool in _tools()},
        agents=AGENTS,
        environments={*environments, ADS} if own else None,
        groups=groups if settings.policy_dir is not None and groups else None,
        # The shipped rules also speak of actions that a connector to come may bring.
        does=vocabulary().does.values() if settings.policy_dir is not None else (),
    )


def vocabulary() -> Vocabulary:
    """Return what comes with the program: its tools and what they do, its agents."""
    does = {
        tool.name: Does(
            tier=tool.tier, action=tool.action, platform=platform, agents=tuple(tool.agents)
        )
        for platform, tool in _placed()
    }
    return Vocabulary(
        tools=does.keys(),
        agents=AGENTS,
        platforms={kind.name for kind in _kinds()},
        tenants=(DEFAULT_TENANT,),
        does=does,
    )


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
    return [tool for _, tool in _placed()]


def _placed() -> list[tuple[str, AnyTool]]:
    clock = WallClock()
    return [(kind.name, tool) for kind in _kinds() for tool in placeholder(kind, clock).tools()]


def _kinds() -> tuple[type[AnyConnector], ...]:
    # The rules themselves are no outside system: they need no settings, and are always there.
    return (*connector_types(), Policy)
