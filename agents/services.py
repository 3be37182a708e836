"""What is where: services, their environments, channels, owners and signals."""

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, Field

from policies.model import Strict

# A service that says nothing else is fine up to five failing requests in a hundred.
DEFAULT_LIMITS = {"errors": 0.05}
SCRAPE_S = 15
_RANGE = re.compile(r"\[(\d+)([smhd])(?::[^\]]*)?\]")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _page(url: str) -> str:
    found = _split(url)
    if found is None or found.scheme != "https":
        raise ValueError("write the address of a page, like https://shop.example/sale")
    if found.username is not None or found.password is not None:
        raise ValueError("an address of a page holds no credentials")
    if found.query or found.fragment:
        raise ValueError("leave out what follows `?` or `#`: pages are compared without it")
    return url


LandingPage = Annotated[str, Field(max_length=500), AfterValidator(_page)]


class Place(Strict):
    """A service in one environment."""

    channel: str
    owners: str | None = None
    runbook: str | None = None
    dashboard: str | None = None
    # Name to PromQL; `errors` is a ratio from 0 to 1, `latency` is in seconds.
    signals: dict[str, str] = Field(default_factory=dict)
    # Name to the highest value that is still fine.
    limits: dict[str, float] = Field(default_factory=dict)
    # The pages it serves to visitors: campaigns that lead there, or below, depend on it.
    landing_pages: tuple[LandingPage, ...] = ()


class Service(Strict):
    """A service and what it calls."""

    depends_on: tuple[str, ...] = ()
    environments: dict[str, Place] = Field(min_length=1)


class ServiceMap(Strict):
    """Every service Signoff knows."""

    services: Mapping[str, Service]

    def place(self, service: str, environment: str) -> Place | None:
        """Return a service in an environment, or None."""
        found = self.services.get(service)
        return None if found is None else found.environments.get(environment)

    def dependencies(self, service: str, environment: str) -> tuple[str, ...]:
        """Return what a service calls and that is known in the same environment."""
        found = self.services.get(service)
        names = () if found is None else found.depends_on
        return tuple(name for name in names if self.place(name, environment) is not None)

    def callers(self, service: str, environment: str) -> tuple[str, ...]:
        """Return who calls a service in an environment."""
        return tuple(
            name
            for name in self.services
            if self.place(name, environment) is not None
            and service in self.services[name].depends_on
        )

    def landing_pages(self, service: str, environment: str) -> tuple[str, ...]:
        """Return the pages that break with a service: its own, and those of whoever calls it."""
        reached, waiting = {service}, [service]
        while waiting:
            fresh = [one for one in self.callers(waiting.pop(), environment) if one not in reached]
            reached.update(fresh)
            waiting += fresh
        places = [self.place(name, environment) for name in sorted(reached)]
        found = [page for place in places if place is not None for page in place.landing_pages]
        return tuple(dict.fromkeys(found))


def leads_to(url: str, page: str) -> bool:
    """Say whether an address is a page, or lies below it; what follows `?` or `#` is left out."""
    found, wanted = _split(url), _split(page)
    if found is None or wanted is None:
        return False
    if _server(found) != _server(wanted):
        return False
    # A browser asks for `/%73ale` where `/sale` is meant.
    path, above = unquote(found.path), unquote(wanted.path).rstrip("/")
    return path.rstrip("/") == above or path.startswith(f"{above}/")


def is_page(url: str) -> bool:
    """Say whether this can be the address of a page."""
    return _split(url) is not None


def _server(url: SplitResult) -> tuple[str, int | None]:
    """Return who is asked: the usual ports need not be written, nor does the last dot of a name.

    Campaigns name their pages with `http` too, and are sent on.
    """
    is_usual = url.port == {"http": 80, "https": 443}[url.scheme]
    return str(url.hostname).removesuffix("."), None if is_usual else url.port


def _split(url: str) -> SplitResult | None:
    """Return the parts of a web address; None for what is none."""
    try:
        found = urlsplit(url)
        # Read here, because it is refused only when it is read.
        port = found.port
    except ValueError:
        return None
    is_web = found.scheme in {"http", "https"} and bool(found.hostname)
    return found if is_web and port != 0 else None


def most_errors(place: Place) -> float:
    """Return the highest share of failing requests that is still fine."""
    return place.limits.get("errors", DEFAULT_LIMITS["errors"])


def limit(place: Place, signal: str) -> float | None:
    """Return the highest value of a signal that is still fine, or None where nobody said."""
    return place.limits.get(signal, DEFAULT_LIMITS.get(signal))


def settle_s(query: str) -> int:
    """Return how long a query still contains the past: its longest range and one scrape."""
    ranges = [int(number) * _SECONDS[unit] for number, unit in _RANGE.findall(query)]
    return max(ranges, default=60) + SCRAPE_S
