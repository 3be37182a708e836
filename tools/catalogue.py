"""Finds the connectors in their folder, and holds the tools of those that are configured."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Sequence

from policies.model import Clock
from tools import connectors
from tools.base import (
    ANYWHERE,
    AnyConnector,
    AnyReadTool,
    AnyTool,
    AnyWriteTool,
    Connector,
    ReadTool,
    WriteTool,
)
from tools.limits import Bucket


class UnknownTool(LookupError):  # noqa: N818 - says what happened
    """No configured connector offers a tool of this name and version."""


def connector_types() -> tuple[type[AnyConnector], ...]:
    """Return every connector in `tools/connectors`, by name; a new file there is enough."""
    found: dict[str, type[AnyConnector]] = {}
    for module in pkgutil.iter_modules(connectors.__path__):
        for item in _defined_in(f"{connectors.__name__}.{module.name}"):
            if item.name in found:
                raise ValueError(f"two connectors are named `{item.name}`")
            found[item.name] = item
    return tuple(found[name] for name in sorted(found))


def _defined_in(name: str) -> list[type[AnyConnector]]:
    loaded = importlib.import_module(name)
    return [
        item
        for _, item in inspect.getmembers(loaded, inspect.isclass)
        if issubclass(item, Connector)
        and not inspect.isabstract(item)
        and item.__module__.startswith(name)
    ]


class Catalogue:
    """The tools that can be called now."""

    def __init__(self, parts: Iterable[AnyConnector]) -> None:
        self.connectors: tuple[AnyConnector, ...] = tuple(parts)
        self._tools: dict[str, AnyTool] = {}
        self._systems: dict[str, str] = {}
        self._buckets: dict[str, tuple[Bucket, ...]] = {}
        self._owners: dict[str, AnyConnector] = {}
        for connector in self.connectors:
            bucket = Bucket(connector.rate)
            for tool in connector.tools():
                if tool.name in self._tools:
                    raise ValueError(f"two tools are named `{tool.name}`")
                self._tools[tool.name] = tool
                self._systems[tool.name] = connector.name
                self._owners[tool.name] = connector
                own = () if tool.rate is None else (Bucket(tool.rate),)
                self._buckets[tool.name] = (*own, bucket)

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    def system(self, name: str) -> str:
        """Return the name of the connector that a tool belongs to."""
        return self._systems[name]

    def buckets(self, name: str) -> tuple[Bucket, ...]:
        """Return what limits the calls of a tool: its own, and what its system's tools share."""
        return self._buckets[name]

    def identity(self, name: str) -> str:
        """Return as whom a tool calls; see `Connector.identity`."""
        return self._owners[name].identity(self._tools[name])

    def environments(self, name: str) -> tuple[str, ...] | None:
        """Return where a tool may be used; None for anywhere."""
        own = self._tools[name].environments
        if own == ANYWHERE:
            return None
        return self._owners[name].environments if own is None else own

    def reading(self, name: str) -> AnyReadTool:
        """Return a reading tool; raises UnknownTool."""
        tool = self._tools.get(name)
        if not isinstance(tool, ReadTool):
            raise UnknownTool(f"no reading tool `{name}` is configured")
        return tool

    def writing(self, name: str, version: int | None = None) -> AnyWriteTool:
        """Return a writing tool; raises UnknownTool."""
        tool = self._tools.get(name)
        if not isinstance(tool, WriteTool):
            raise UnknownTool(f"no writing tool `{name}` is configured")
        if version is not None and tool.version != version:
            raise UnknownTool(f"`{name}` is version {tool.version} now, not {version}")
        return tool

    def writers(self) -> Sequence[AnyWriteTool]:
        """Return every writing tool, by name."""
        return [tool for _, tool in sorted(self._tools.items()) if isinstance(tool, WriteTool)]

    async def close(self) -> None:
        """Close every connector."""
        for connector in self.connectors:
            await connector.close()


def placeholder(kind: type[AnyConnector], clock: Clock) -> AnyConnector:
    """Build a connector that reaches nothing, to ask which tools it declares."""
    given: dict[str, str] = {}
    for name, field in kind.settings.model_fields.items():
        if field.is_required():
            given[name] = "http://127.0.0.1:9" if "url" in name else "placeholder"
    return kind.opened(kind.settings.model_validate(given), clock)
