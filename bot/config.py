"""`signoff.yaml`: services, channels, groups, digests and modes, validated strictly."""

import json
from decimal import Decimal

from pydantic import Field, ValidationError

from agents.services import Service, ServiceMap
from agents.tasks import Task
from policies.lockout import POLICY_ENVIRONMENT
from policies.model import Mode, Strict
from policies.redaction import PersonalData
from policies.yamltext import YamlError, read
from tools.halts import Modes

# Where the ad platform's campaigns are, which no service of signoff.yaml names.
ADS = "ads"


class ConfigError(ValueError):
    """The file can't be used; the message names file, line and field."""


class Group(Strict):
    """Who belongs to a group: a Slack user group, or user ids."""

    usergroup: str | None = Field(default=None, pattern=r"^S[A-Z0-9]+$")
    users: tuple[str, ...] | None = Field(default=None, min_length=1)


class Defaults(Strict):
    """Where things go that nothing else names."""

    channel: str | None = None


class DigestSchedule(Strict):
    """A digest into a channel; weekdays by name, because cron's numbers mean two things."""

    channel: str
    cron: str = Field(pattern=r"^[^\n]{9,100}$")
    zone: str = "UTC"


class Anchor(Strict):
    """Where signed checkpoints of the ledger are posted, out of reach of this machine."""

    channel: str = Field(min_length=1)


class Config(Strict):
    """What is where. Without a file nothing is known, and nothing is asked or proposed."""

    services: dict[str, Service] = Field(default_factory=dict)
    groups: dict[str, Group] = Field(default_factory=dict)
    defaults: Defaults = Defaults()
    digests: tuple[DigestSchedule, ...] = ()
    anchor: Anchor | None = None
    mode: Mode = Mode.APPROVE
    modes: dict[str, Mode] = Field(default_factory=dict)
    # Which personal data is taken out of texts, beside secrets.
    redact: PersonalData = PersonalData()

    @property
    def service_map(self) -> ServiceMap:
        """The services alone, as the agents take them."""
        return ServiceMap(services=self.services)

    @property
    def file_modes(self) -> Modes:
        """The modes of this file, which hold where nobody ordered another one."""
        return Modes(by_environment=self.modes, usual=self.mode, named=self.places)

    @property
    def places(self) -> frozenset[str]:
        """Every place that this file names, and those that come with the program."""
        return frozenset({*self.environments, *self.modes, ADS, POLICY_ENVIRONMENT})

    @property
    def environments(self) -> tuple[str, ...]:
        """Every environment a service is in, by name."""
        return tuple(
            sorted({name for found in self.services.values() for name in found.environments})
        )

    @property
    def operators_channel(self) -> str | None:
        """Where those who answer for Signoff look: the anchor channel, else the default one."""
        return self.defaults.channel if self.anchor is None else self.anchor.channel

    @property
    def policy_mode(self) -> Mode:
        """How far a change of the rules may go."""
        return self.modes.get(POLICY_ENVIRONMENT, self.mode)

    def channel(self, service: str | None, environment: str) -> str | None:
        """Return where to speak about a service, else the default channel."""
        place = self.service_map.place(service or "", environment)
        return self.defaults.channel if place is None else place.channel

    def owners(self, task: Task) -> str | None:
        """Return the group that answers for what a task is about; None where nobody said."""
        place = self.service_map.place(task.target, task.environment)
        return None if place is None else place.owners


def read_config(text: str, name: str) -> Config:
    """Read `signoff.yaml`; raises ConfigError."""
    try:
        document, lines = read(text)
    except YamlError as error:
        raise ConfigError(f"{name}:{error.line}: {error}") from error
    try:
        found = Config.model_validate_json(json.dumps(document or {}, default=_number))
    except ValidationError as error:
        fault = error.errors()[0]
        path: tuple[str | int, ...] = tuple(fault["loc"])
        where = ".".join(str(part) for part in path)
        while path and path not in lines:
            path = path[:-1]
        raise ConfigError(f"{name}:{lines.get(path, 1)}: {where}: {fault['msg']}") from error
    for group, members in found.groups.items():
        if (members.usergroup is None) == (members.users is None):
            line = lines.get(("groups", group), 1)
            raise ConfigError(f"{name}:{line}: groups.{group}: write `usergroup` or `users`")
    return found


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} is not a value of signoff.yaml")
