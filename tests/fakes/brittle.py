"""Ports that break at one chosen call, whichever it is: nothing else of them changes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from policies.engine import RuleSet
from tools.base import AnyConnector, AnyTool
from tools.catalogue import Catalogue
from tools.gateway import Parts

PORTS = ("journal", "controls", "directory", "clock")
TOOL_CALLS = frozenset({"observe", "plan", "read", "act", "reconcile"})


class Broken(Exception):  # noqa: N818 - says what happened, like a signal
    """What no part of ours expects."""


class Fuse:
    """Counts calls by name, and blows at one of them, once; without a number never."""

    def __init__(
        self, blows_at: int | None = None, error: Callable[[], Exception] = Broken
    ) -> None:
        self.calls: list[str] = []
        self._blows_at, self._error = blows_at, error

    def pass_(self, name: str) -> None:
        """Note a call; raises at the one that was chosen."""
        self.calls.append(name)
        if len(self.calls) - 1 == self._blows_at:
            raise self._error()

    @property
    def blown_at(self) -> str | None:
        """The call that broke, if it was reached."""
        is_reached = self._blows_at is not None and self._blows_at < len(self.calls)
        return self.calls[self._blows_at] if is_reached and self._blows_at is not None else None


class Brittle:
    """Hands every call on to `inner`, through the fuse."""

    def __init__(self, name: str, inner: object, fuse: Fuse, only: Iterable[str] = ()) -> None:
        self._name, self._inner, self._fuse = name, inner, fuse
        self._only = frozenset(only)

    def __getattr__(self, call: str) -> Any:  # noqa: ANN401 - whatever the inner one has
        found = getattr(self._inner, call)
        if not callable(found) or (self._only and call not in self._only):
            return found

        def passing(*given: object, **named: object) -> object:
            self._fuse.pass_(f"{self._name}.{call}")
            return found(*given, **named)

        return passing


class BrittleCatalogue(Catalogue):
    """The same tools, each call of which goes through the fuse, and the catalogue's own too."""

    def __init__(self, parts: Sequence[AnyConnector], fuse: Fuse) -> None:
        super().__init__(parts)
        self._fuse = fuse

    def system(self, name: str) -> str:
        self._fuse.pass_("catalogue.system")
        return super().system(name)

    def reading(self, name: str) -> Any:  # noqa: ANN401 - a tool behind the fuse
        self._fuse.pass_("catalogue.reading")
        return self._brittle(super().reading(name))

    def writing(self, name: str, version: int | None = None) -> Any:  # noqa: ANN401 - as above
        self._fuse.pass_("catalogue.writing")
        return self._brittle(super().writing(name, version))

    def _brittle(self, tool: AnyTool) -> Any:  # noqa: ANN401 - as above
        return Brittle("tool", tool, self._fuse, TOOL_CALLS)


def brittle(parts: Parts, fuse: Fuse) -> Parts:
    """Return the parts of a gateway with a fuse before every call of every port."""
    ports = {name: Brittle(name, getattr(parts, name), fuse) for name in PORTS}

    def rules() -> RuleSet:
        fuse.pass_("rules")
        return parts.rules()

    catalogue = BrittleCatalogue(parts.catalogue.connectors, fuse)
    return replace(parts, catalogue=catalogue, rules=rules, **cast("dict[str, Any]", ports))
