"""The shop's services: what is deployed where since when, and the faults drawn from a seed."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from playground.shop.counters import Segment, Timeline
from playground.shop.flaws import AUTHORS, BASE_ERRORS, DEPENDS_ON, ENVIRONMENTS, FLAWS, TITLES

COUNTED_BEFORE = timedelta(hours=1)
FAULTY_FROM = 0.05


class Clock(Protocol):
    """Where the shop reads the time; it may jump ahead, never back."""

    def now(self) -> datetime:
        """Return the present time, aware, in UTC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deploy:
    """One version put in place of another."""

    id: str
    service: str
    environment: str
    version: str
    previous_version: str
    at: datetime
    author: str
    title: str
    kind: Literal["deploy", "rollback"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A deploy that broke its service, and how."""

    service: str
    environment: str
    previous_version: str
    version: str
    at: datetime
    error_ratio: float
    title: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Health:
    error_ratio: float
    median_s: float
    message: str


class UnknownServiceError(LookupError):
    """No such service, or no such environment."""


class Fleet:
    """The state of every service in every environment; all that is drawn comes from the seed."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self.seed = seed
        self.started_at = clock.now()
        self._clock = clock
        draw = seeded(seed, "world")
        self._faults = seeded(seed, "faults")
        self._order = self._faults.sample(sorted(DEPENDS_ON), len(DEPENDS_ON))
        self._sound: dict[tuple[str, str], _Health] = {}
        self._flawed: dict[tuple[str, str, str], _Health] = {}
        self._story: list[Fault] = []
        self.deploys = self._history(draw)
        self._timelines = {place: self._timeline(place, draw) for place in places()}
        self._decoy(draw)

    @property
    def story(self) -> tuple[Fault, ...]:
        """Return the faults injected so far, oldest first."""
        return tuple(self._story)

    def now(self) -> datetime:
        """Return the shop's present time."""
        return self._clock.now()

    def timelines(self) -> list[Timeline]:
        """Return the timelines of all services in all environments."""
        return list(self._timelines.values())

    def timeline(self, service: str, environment: str) -> Timeline:
        """Return one timeline; raises `UnknownServiceError`."""
        try:
            return self._timelines[service, environment]
        except KeyError:
            raise UnknownServiceError(f"{service} in {environment}") from None

    def deployed(self, service: str, environment: str) -> Deploy:
        """Return the deploy that is in place; raises `UnknownServiceError`."""
        self.timeline(service, environment)
        here = (service, environment)
        return next(d for d in reversed(self.deploys) if (d.service, d.environment) == here)

    def knows(self, service: str, environment: str, version: str) -> bool:
        """Say whether a version was ever deployed there, and so can be again."""
        return any(
            (d.service, d.environment) == (service, environment)
            and version in (d.version, d.previous_version)
            for d in self.deploys
        )

    def roll_to(self, service: str, environment: str, version: str) -> Deploy:
        """Put a known version in place, now."""
        title = f"Roll back to {version}"
        author = "deploy-api"
        return self._deploy((service, environment), version, (author, title), "rollback")

    def inject(self, service: str | None = None, environment: str = "staging") -> Fault:
        """Deploy a faulty version, now; raises `UnknownServiceError`."""
        chosen = service or self._next_victim(environment)
        sound = self._sound.get((chosen, environment))
        if sound is None:
            raise UnknownServiceError(f"{chosen} in {environment}")
        flaw = self._faults.choice(FLAWS[chosen])
        health = _Health(
            error_ratio=round(self._faults.uniform(0.20, 0.45), 3),
            median_s=sound.median_s * self._faults.uniform(1.5, 3.0),
            message=flaw.message,
        )
        version = f"v{self._newest(chosen) + 1}"
        self._flawed[chosen, environment, version] = health
        author = self._faults.choice(AUTHORS)
        made = self._deploy((chosen, environment), version, (author, flaw.title), "deploy")
        fault = Fault(
            service=chosen,
            environment=environment,
            previous_version=made.previous_version,
            version=version,
            at=made.at,
            error_ratio=health.error_ratio,
            title=flaw.title,
            message=flaw.message,
        )
        self._story.append(fault)
        return fault

    def _next_victim(self, environment: str) -> str:
        if environment not in ENVIRONMENTS:
            raise UnknownServiceError(environment)
        turn = len(self._story) % len(self._order)
        rotated = self._order[turn:] + self._order[:turn]
        sound = [
            name
            for name in rotated
            if self._timelines[name, environment].current.error_ratio < FAULTY_FROM
        ]
        return (sound or rotated)[0]

    def _newest(self, service: str) -> int:
        return max(int(d.version.removeprefix("v")) for d in self.deploys if d.service == service)

    def _deploy(
        self,
        place: tuple[str, str],
        version: str,
        said: tuple[str, str],
        kind: Literal["deploy", "rollback"],
        at: datetime | None = None,
    ) -> Deploy:
        before = self.deployed(*place)
        timeline = self._timelines[place]
        # Not before the segment it follows: a clock that wavers must not undo a deploy.
        starts_s = max((at or self.now()).timestamp(), timeline.current.start_s)
        made = Deploy(
            id=f"dep-{len(self.deploys) + 1:04d}",
            service=place[0],
            environment=place[1],
            version=version,
            previous_version=before.version,
            at=datetime.fromtimestamp(starts_s, UTC),
            author=said[0],
            title=said[1],
            kind=kind,
        )
        self.deploys.append(made)
        timeline.begin(self._segment(place, version, starts_s))
        return made

    def _segment(self, place: tuple[str, str], version: str, start_s: float) -> Segment:
        health = self._flawed.get((*place, version), self._sound[place])
        return Segment(
            start_s=start_s,
            version=version,
            error_ratio=health.error_ratio,
            median_s=health.median_s,
            message=health.message,
        )

    def _history(self, draw: random.Random) -> list[Deploy]:
        made: list[Deploy] = []
        for service in DEPENDS_ON:
            first = draw.randint(12, 60)
            # Apart by more than production lags behind staging, so that versions only go up.
            ages_h = (draw.uniform(120, 140), draw.uniform(75, 95), draw.uniform(30, 50))
            for step, age_h in enumerate(ages_h):
                said = (draw.choice(AUTHORS), draw.choice(TITLES))
                behind_h = draw.uniform(2, 20)
                for environment, hours in (("staging", age_h), ("production", age_h - behind_h)):
                    made.append(
                        Deploy(
                            id="",
                            service=service,
                            environment=environment,
                            version=f"v{first + step}",
                            previous_version=f"v{first + step - 1}",
                            at=self.started_at - timedelta(hours=hours),
                            author=said[0],
                            title=said[1],
                            kind="deploy",
                        )
                    )
        return numbered(in_order(made))

    def _timeline(self, place: tuple[str, str], draw: random.Random) -> Timeline:
        service, environment = place
        busy = 8.0 if environment == "production" else 1.0
        self._sound[place] = _Health(
            error_ratio=round(draw.uniform(0.001, 0.005), 5),
            median_s=round(draw.uniform(0.04, 0.16), 4),
            message=BASE_ERRORS[service],
        )
        began_s = (self.started_at - COUNTED_BEFORE).timestamp()
        version = next(
            d.version for d in reversed(self.deploys) if (d.service, d.environment) == place
        )
        labels = {"service": service, "environment": environment}
        rate_s = round(draw.uniform(6, 20) * busy, 2)
        return Timeline(labels, rate_s, self._segment(place, version, began_s))

    def _decoy(self, draw: random.Random) -> None:
        service = draw.choice([name for name in DEPENDS_ON if name != self._order[0]])
        at = self.started_at - timedelta(minutes=draw.uniform(5, 15))
        said = (draw.choice(AUTHORS), draw.choice(TITLES))
        version = f"v{self._newest(service) + 1}"
        self._deploy((service, "staging"), version, said, "deploy", at)


def seeded(seed: int, stream: str) -> random.Random:
    """Return one of the seed's streams: drawing from one does not move the others."""
    return random.Random(f"{seed}/{stream}")  # noqa: S311 - a repeatable world, no secret


def places() -> list[tuple[str, str]]:
    """Return every (service, environment)."""
    return [(service, environment) for service in DEPENDS_ON for environment in ENVIRONMENTS]


def in_order(deploys: list[Deploy]) -> list[Deploy]:
    """Sort deploys by time; a service's versions go up in every environment."""
    return sorted(deploys, key=lambda d: (d.at, d.service, d.environment))


def numbered(deploys: list[Deploy]) -> list[Deploy]:
    """Give deploys their ids in order."""
    return [replace(d, id=f"dep-{number:04d}") for number, d in enumerate(deploys, start=1)]
