"""The only reader of the environment: every setting, checked at start, errors name the variable."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, SecretStr, ValidationError

from agents.worker import STEP_LIMIT_S
from bot.config import Config, ConfigError, read_config
from policies.model import Clock
from policies.redaction import MIN_SECRET, Redactor
from tools.base import AnyConnector
from tools.catalogue import connector_types

MAX_PORT = 65_535
PORT_DIGITS = 5
DEFAULT_DATABASE = "sqlite+aiosqlite:///signoff.db"
DEFAULT_SLACK = "https://slack.com/api/"
OWN = (
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SIGNOFF_WEBHOOK_TOKEN",
)

SECRET_NAME = re.compile(r"(?:TOKEN|SECRET|PASSWORD|KEY)$")
# Named like a secret, and says where one lies.
PATHS = {"SIGNOFF_LEDGER_KEY"}
# What is shorter may be a word, such as `disabled`, under the name of another program's secret.
INHERITED_FROM = 12


class SettingsError(ValueError):
    """A setting is wrong or missing; the message names the variable and says what to write."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What Signoff was told at start."""

    slack_bot_token: SecretStr | None
    slack_app_token: SecretStr | None
    slack_signing_secret: SecretStr | None
    slack_api_url: str
    database_url: str
    host: str
    port: int
    webhook_token: SecretStr | None
    config: Config
    config_path: Path | None
    policy_dir: Path | None
    connectors: Mapping[str, BaseModel]
    clock_file: Path | None
    checkpoints: Path | None
    ledger_key: Path | None
    step_limit_s: float
    stop_at: str | None
    inherited: tuple[SecretStr, ...] = ()

    def secrets(self) -> Iterable[str]:
        """Return every secret this process holds, for the redaction, each once."""
        known = (value for _, value in self._named_secrets())
        return list(dict.fromkeys([*known, *(one.get_secret_value() for one in self.inherited)]))

    def short_secrets(self) -> list[str]:
        """Return the variables whose secret is too short to be taken out of texts."""
        return [name for name, value in self._named_secrets() if len(value) < MIN_SECRET]

    def _named_secrets(self) -> Iterable[tuple[str, str]]:
        own = (
            self.slack_bot_token,
            self.slack_app_token,
            self.slack_signing_secret,
            self.webhook_token,
        )
        for name, secret in zip(OWN, own, strict=True):
            if secret is not None:
                yield name, secret.get_secret_value()
        for kind, settings in self.connectors.items():
            for field in type(settings).model_fields:
                value = getattr(settings, field)
                if isinstance(value, SecretStr):
                    yield f"{kind}_{field}".upper(), value.get_secret_value()

    def redactor(self) -> Redactor:
        """Return the one redactor that knows these secrets and the operator's policy.

        What it learns later, everybody has learned who asked for it here: the logs too.
        """
        return self._redactor

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor(self.secrets(), self.config.redact)

    def build(self, clock: Clock) -> list[AnyConnector]:
        """Make the connectors whose settings are there."""
        return [
            kind.opened(self.connectors[kind.name], clock)
            for kind in connector_types()
            if kind.name in self.connectors
        ]


def from_environment() -> Settings:
    """Read the process' environment; raises SettingsError."""
    return read(os.environ)


def raw_secrets() -> Iterable[str]:
    """Yield what the environment holds under the names of secrets, before any of it is checked."""
    return [os.environ[name].strip() for name in OWN if os.environ.get(name)] + _named(os.environ)


def _named(env: Mapping[str, str]) -> list[str]:
    """Return what stands under the names of secrets, whoever reads it."""
    names = (name for name in sorted(env) if SECRET_NAME.search(name) and name not in PATHS)
    return [env[name].strip() for name in names if env[name].strip()]


def _inherited(env: Mapping[str, str]) -> tuple[SecretStr, ...]:
    """Return what this version reads nothing from, and holds all the same: it may come back."""
    found = (value for value in _named(env) if len(value) >= INHERITED_FROM)
    # The name of a file with a key is no secret.
    return tuple(SecretStr(value) for value in found if not value.startswith(("/", "~")))


def read(env: Mapping[str, str]) -> Settings:
    """Read settings from a mapping.

    Raises:
        SettingsError: naming the variable that is wrong, missing, or only half of what is needed.
    """
    config_path = _path(env, "SIGNOFF_CONFIG")
    settings = Settings(
        slack_bot_token=_token(env, "SLACK_BOT_TOKEN", "xoxb-"),
        slack_app_token=_token(env, "SLACK_APP_TOKEN", "xapp-"),
        slack_signing_secret=_secret(env, "SLACK_SIGNING_SECRET"),
        slack_api_url=_slack_url(env),
        database_url=env.get("DATABASE_URL") or DEFAULT_DATABASE,
        host=env.get("SIGNOFF_HOST") or "127.0.0.1",
        port=_port(env),
        webhook_token=_secret(env, "SIGNOFF_WEBHOOK_TOKEN"),
        config=_config(config_path),
        config_path=config_path,
        policy_dir=_folder(env, "SIGNOFF_POLICY_DIR"),
        connectors=_connectors(env),
        clock_file=_path(env, "SIGNOFF_CLOCK_FILE", must_exist=False),
        checkpoints=_path(env, "SIGNOFF_CHECKPOINTS", must_exist=False),
        ledger_key=_path(env, "SIGNOFF_LEDGER_KEY", must_exist=False),
        step_limit_s=_step_limit(env),
        stop_at=env.get("SIGNOFF_STOP_AT") or None,
        inherited=_inherited(env),
    )
    has_way_in = settings.slack_app_token or settings.slack_signing_secret
    if settings.slack_bot_token and not has_way_in:
        raise SettingsError(
            "SLACK_APP_TOKEN: set it too (Socket Mode; it begins with `xapp-`), or"
            " SLACK_SIGNING_SECRET for HTTP at /slack/events"
        )
    if has_way_in and not settings.slack_bot_token:
        raise SettingsError("SLACK_BOT_TOKEN: set it too; it begins with `xoxb-`")
    return settings


def _secret(env: Mapping[str, str], name: str) -> SecretStr | None:
    value = env.get(name, "").strip()
    return SecretStr(value) if value else None


def _token(env: Mapping[str, str], name: str, prefix: str) -> SecretStr | None:
    found = _secret(env, name)
    if found is not None and not found.get_secret_value().startswith(prefix):
        raise SettingsError(f"{name}: must begin with `{prefix}`; this is another kind of token")
    return found


def _slack_url(env: Mapping[str, str]) -> str:
    url = env.get("SLACK_API_URL") or DEFAULT_SLACK
    if not _is_confidential(url):
        raise SettingsError("SLACK_API_URL: must be https, or http on this machine")
    return url if url.endswith("/") else url + "/"


def _is_confidential(url: str) -> bool:
    # By its host, not by how it begins: `http://127.0.0.1.example` is somebody else's.
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_here = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}
    return is_here or (parts.scheme == "https" and bool(parts.hostname))


def _port(env: Mapping[str, str]) -> int:
    text = env.get("SIGNOFF_PORT") or "8080"
    # Its length first: thousands of digits are no number that Python reads.
    if not text.isdecimal() or len(text) > PORT_DIGITS or int(text) > MAX_PORT:
        raise SettingsError(f"SIGNOFF_PORT: `{text[:20]}` is not a port (0 to {MAX_PORT})")
    return int(text)


def _step_limit(env: Mapping[str, str]) -> float:
    text = env.get("SIGNOFF_STEP_LIMIT_S") or f"{STEP_LIMIT_S:g}"
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) == 0:
        raise SettingsError(f"SIGNOFF_STEP_LIMIT_S: `{text[:20]}` is not 1 to 9999 seconds")
    return float(text)


def _path(env: Mapping[str, str], name: str, *, must_exist: bool = True) -> Path | None:
    text = env.get(name, "").strip()
    if not text:
        return None
    path = Path(text).expanduser()
    if must_exist and not path.exists():
        raise SettingsError(f"{name}: `{path}` does not exist")
    return path


def _folder(env: Mapping[str, str], name: str) -> Path | None:
    path = _path(env, name)
    if path is not None and not path.is_dir():
        raise SettingsError(f"{name}: `{path}` is no folder")
    return path


def _config(path: Path | None) -> Config:
    if path is None:
        return Config()
    try:
        found = read_config(path.read_text(encoding="utf-8"), path.name)
    except OSError as error:
        raise SettingsError(f"SIGNOFF_CONFIG: can't read `{path}`: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"SIGNOFF_CONFIG: `{path}` is not UTF-8") from error
    except ConfigError as error:
        raise SettingsError(f"SIGNOFF_CONFIG: {error}") from error
    for digest in found.digests:
        try:
            ZoneInfo(digest.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SettingsError(
                f"SIGNOFF_CONFIG: digests.zone: `{digest.zone}` is no time zone; write one like"
                " Europe/Berlin"
            ) from error
    return found


def _connectors(env: Mapping[str, str]) -> dict[str, BaseModel]:
    found: dict[str, BaseModel] = {}
    for kind in connector_types():
        given = _given(env, kind)
        if not given:
            continue
        for field, value in given.items():
            if re.match(r"https?://[^/]*@", value):
                name = f"{kind.name}_{field}".upper()
                raise SettingsError(f"{name}: leave user and password out of the address")
        try:
            found[kind.name] = kind.settings.model_validate(given)
        except ValidationError as error:
            fault = error.errors()[0]
            field = str(fault["loc"][0]) if fault["loc"] else ""
            name = f"{kind.name}_{field}".upper()
            if fault["type"] == "missing":
                others = ", ".join(sorted(f"{kind.name}_{other}".upper() for other in given))
                raise SettingsError(
                    f"{name}: missing, while {others} is set; {kind.title} needs both"
                ) from error
            raise SettingsError(f"{name}: {fault['msg']}") from error
    return found


def _given(env: Mapping[str, str], kind: type[AnyConnector]) -> dict[str, str]:
    """Return a connector's fields from its variables: its name in capitals, then the field's."""
    found = {}
    for field in kind.settings.model_fields:
        value = env.get(f"{kind.name}_{field}".upper(), "").strip()
        if value:
            found[field] = value
    return found
