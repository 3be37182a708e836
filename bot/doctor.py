"""`signoff doctor`: checks tokens, scopes, connectors, groups and policy, and says what to do."""

from collections.abc import Mapping
from pathlib import Path

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.config import Config
from bot.findings import Finding, Health, bad, good, look
from bot.keeping import own_redactor
from bot.ledgercheck import ledger_findings
from bot.names import known, vocabulary
from bot.opening import clock_of
from bot.policy import candidate
from bot.scheduler import CronError, trigger
from bot.settings import Settings
from bot.slack.breakers import glass_findings
from bot.slack.sender import NO_ANSWER
from bot.store.engine import Connection, StoreError, file_of
from bot.store.halts import switches
from bot.store.reading import open_read_only
from bot.store.rules import in_force
from policies.analysis import unmatchable, unsatisfiable
from policies.approvals import OPERATORS
from policies.engine import RuleSet
from policies.loader import PolicyError
from policies.lockout import lockouts
from policies.model import DEFAULT_TENANT
from policies.redaction import MIN_SECRET
from tools.base import AnyConnector, ToolError, WriteTool
from tools.gateway import MISREAD

# How many operators sign off what lets more through; see `policies/rules/hard.yaml`.
LOOSENING = 2
SCOPES = frozenset(
    {
        "chat:write",
        "chat:write.public",
        "commands",
        "users:read",
        "usergroups:read",
        "channels:history",
        "channels:read",
        "app_mentions:read",
        "im:history",
        "im:write",
    }
)


async def examine(settings: Settings) -> bool:
    """Check everything and print it; True when nothing is wrong."""
    found = [*await findings(settings)]
    # What an outside system answers may repeat what it was sent.
    redact = own_redactor(settings).text
    for finding in found:
        print(f"{finding.health:<6} {finding.subject}: {redact(finding.words)}")
    wrong = sum(finding.health is Health.BAD for finding in found)
    print("\nAll well." if not wrong else f"\n{wrong} to mend, marked WRONG above.")
    return wrong == 0


async def findings(settings: Settings) -> list[Finding]:
    """Check everything."""
    found = _settings(settings)
    sizes: dict[str, int] = {}
    slack, sizes = await _slack(settings)
    return [
        *found,
        *slack,
        *await _connectors(settings),
        *_policy(settings, sizes),
        *_database(settings),
        *ledger_findings(settings),
    ]


def _settings(settings: Settings) -> list[Finding]:
    found = []
    if settings.config_path is None:
        words = "not set, so no service, group or channel is known; `signoff init` writes one"
        found.append(look("SIGNOFF_CONFIG", words))
    else:
        count = len(settings.config.services)
        found.append(
            good("SIGNOFF_CONFIG", f"{count} services, {len(settings.config.groups)} groups")
        )
    for name in settings.short_secrets():
        words = (
            f"shorter than {MIN_SECRET} characters: it can't be taken out of texts; make it longer"
        )
        found.append(look(name, words))
    if settings.webhook_token is None:
        found.append(look("SIGNOFF_WEBHOOK_TOKEN", "not set: webhooks are off"))
    if settings.config.defaults.channel is None:
        words = "not set: alerts of unknown services have nowhere to go"
        found.append(look("defaults.channel", words))
    found += _controls(settings.config)
    for digest in settings.config.digests:
        try:
            trigger(digest.cron, digest.zone)
        except CronError as error:
            found.append(bad("digests.cron", str(error)))
    return found


def _controls(config: Config) -> list[Finding]:
    """Return what is missing for the switches: who lets go on, and where changes are told."""
    found = []
    if config.anchor is None:
        words = "not set: pauses, freezes and modes are told in no channel, only recorded"
        found.append(look("anchor.channel", words))
    if "operators" not in config.groups:
        words = "not defined: nobody could resume after a pause, lift a freeze or set a mode"
        found.append(bad("groups.operators", words))
    return found


async def _slack(settings: Settings) -> tuple[list[Finding], dict[str, int]]:
    if settings.slack_bot_token is None:
        words = "not set. Paste manifest.yml at api.slack.com/apps, install the app, copy the token"
        found = [bad("SLACK_BOT_TOKEN", words), *await glass_findings(settings, None)]
        return found, _named_sizes(settings)
    client = AsyncWebClient(
        token=settings.slack_bot_token.get_secret_value(), base_url=settings.slack_api_url
    )
    try:
        answer = await client.auth_test()
    except NO_ANSWER as error:
        return [bad("SLACK_BOT_TOKEN", _slack_words(error))], _named_sizes(settings)
    found = [good("SLACK_BOT_TOKEN", f"{answer['user']} in {answer['team']}")]
    found.append(_scopes({str(k).lower(): str(v) for k, v in answer.headers.items()}))
    found.append(await _socket(settings, client))
    sizes = _named_sizes(settings)
    for name, group in settings.config.groups.items():
        if group.usergroup is not None:
            finding, sizes[name] = await _group(client, name, group.usergroup)
            found.append(finding)
    found += await glass_findings(settings, client)
    found += [await _channel(client, name) for name in _channels(settings)]
    return found, sizes


def _scopes(headers: Mapping[str, str]) -> Finding:
    given = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")}
    lacking = sorted(SCOPES - given)
    if lacking:
        words = f"missing {', '.join(lacking)}; paste manifest.yml again and reinstall the app"
        return bad("scopes", words)
    return good("scopes", "all there")


async def _socket(settings: Settings, client: AsyncWebClient) -> Finding:
    if settings.slack_app_token is None:
        return good("Slack transport", "signed HTTP at /slack/events")
    try:
        await client.apps_connections_open(app_token=settings.slack_app_token.get_secret_value())
    except NO_ANSWER as error:
        words = f"{_slack_words(error)}; it needs the scope connections:write, and Socket Mode on"
        return bad("SLACK_APP_TOKEN", words)
    return good("SLACK_APP_TOKEN", "Socket Mode connects")


async def _group(client: AsyncWebClient, name: str, usergroup: str) -> tuple[Finding, int]:
    try:
        answer = await client.usergroups_users_list(usergroup=usergroup)
    except NO_ANSWER as error:
        words = f"user group {usergroup}: {_slack_words(error)}"
        return bad(f"groups.{name}", words), 0
    count = len(answer.get("users") or [])
    return good(f"groups.{name}", f"{count} members in {usergroup}"), count


async def _channel(client: AsyncWebClient, channel: str) -> Finding:
    try:
        answer = await client.conversations_info(channel=channel)
    except NO_ANSWER as error:
        words = f"{_slack_words(error)}; if it is private, write `/invite @Signoff` there"
        return bad(f"channel {channel}", words)
    found = answer["channel"]
    if found.get("is_private") and not found.get("is_member"):
        return bad(f"channel {channel}", "private: write `/invite @Signoff` there")
    return good(f"channel {channel}", f"#{found.get('name')}")


def _channels(settings: Settings) -> list[str]:
    config = settings.config
    found = [
        place.channel
        for service in config.services.values()
        for place in service.environments.values()
    ]
    found += [digest.channel for digest in config.digests]
    if config.defaults.channel is not None:
        found.append(config.defaults.channel)
    if config.anchor is not None:
        found.append(config.anchor.channel)
    return sorted(set(found))


def _named_sizes(settings: Settings) -> dict[str, int]:
    return {name: len(group.users) for name, group in settings.config.groups.items() if group.users}


async def _connectors(settings: Settings) -> list[Finding]:
    found = []
    parts = settings.build(clock_of(settings))
    for part in parts:
        found += [await _connector(part), *_credentials(part)]
        await part.close()
    if not parts:
        found.append(look("connectors", "none is configured, so there is nothing to look at"))
    return found


async def _connector(part: AnyConnector) -> Finding:
    try:
        return good(part.title, await part.check())
    except (ToolError, *MISREAD) as error:
        return bad(part.title, f"{_fault(error)}; check the variables {part.name.upper()}_…")


def _credentials(part: AnyConnector) -> list[Finding]:
    """Say as whom a connector reads and writes, and what that must be able to do; no values."""
    subject, tools = f"{part.title} credentials", part.tools()
    said: dict[str, None] = {}
    for tool in sorted(tools, key=lambda tool: isinstance(tool, WriteTool)):
        used, verb = part.credential(tool), "writes" if isinstance(tool, WriteTool) else "reads"
        if used is None:
            said[f"{verb} without any"] = None
        else:
            said[f"{verb} as {part.variable(used)}, which needs {', '.join(used.scopes)}"] = None
    found = [good(subject, "; ".join(said))]
    spare = [one for one in part.credentials if one.field not in part.held and not one.writes]
    writes = any(isinstance(tool, WriteTool) for tool in tools)
    if spare and part.held and writes:
        words = f"{part.variable(spare[0])} is not set: reading could write too; it needs only"
        found.append(look(subject, f"{words} {', '.join(spare[0].scopes)}"))
    return found


def _fault(error: Exception) -> str:
    if isinstance(error, ToolError):
        return str(error)
    return f"something else answers there ({type(error).__name__})"


def _policy(settings: Settings, sizes: Mapping[str, int]) -> list[Finding]:
    try:
        rules = candidate(settings.policy_dir, vocabulary())
    except PolicyError as error:
        return [bad("policy", str(problem)) for problem in error.problems]
    where = settings.policy_dir or Path("the shipped rules")
    found = [good("policy", f"{len(rules.rules)} rules of {where}, version {rules.version}")]
    found.extend(
        (bad if dead.is_always else look)("policy", dead.words)
        for dead in [*unmatchable(rules, known(settings)), *unsatisfiable(rules, sizes)]
    )
    found.extend(look("policy", words) for words in _lockouts(settings, rules, sizes))
    return found


def _lockouts(settings: Settings, rules: RuleSet, sizes: Mapping[str, int]) -> list[str]:
    found = lockouts(rules, mode=settings.config.policy_mode)
    if 0 < sizes.get(OPERATORS, 0) <= LOOSENING:
        words = f"`{OPERATORS}` has {sizes[OPERATORS]}: a looser change of the rules asks"
        found.append(f"{words} {LOOSENING} others than its author")
    return found


def _database(settings: Settings) -> list[Finding]:
    try:
        rules = candidate(settings.policy_dir, vocabulary())
        with open_read_only(settings.database_url) as connection:
            used, found = in_force(connection, rules), _switched(connection)
    except StoreError as error:
        return [_unread(settings, error)]
    except PolicyError:
        return []
    if used is not None and used.version != rules.version:
        words = (
            f"the rules in force are {used.version}, these files ({rules.version}) are not used:"
        )
        words += " `/signoff policy diff` says how they differ, `/signoff policy propose` puts them"
        words += " before the operators"
        return [look("policy in force", words)]
    return [good("database", "opens"), *found]


def _switched(connection: Connection) -> list[Finding]:
    """Return what is stopped, and which modes are not those of `signoff.yaml`."""
    found = switches(connection, DEFAULT_TENANT)
    return [
        *(
            look(
                halt.kind.value,
                f"by {halt.by}, {halt.name or halt.task_id or 'everything'}{halt.why}",
            )
            for halt in found.halts
        ),
        *(
            look("mode", f"{one.agent} in {one.environment}: {one.mode}, by {one.by}: {one.reason}")
            for one in found.ordered
        ),
    ]


def _unread(settings: Settings, error: StoreError) -> Finding:
    try:
        path = file_of(settings.database_url)
    except StoreError as fault:
        return bad("DATABASE_URL", str(fault))
    if path.is_dir():
        return bad("DATABASE_URL", f"`{path}` is a folder; write a file's name in it")
    if not path.exists() or path.stat().st_size == 0:
        return look("database", "not there yet; it is made at the first start")
    return bad("database", str(error))


def _slack_words(error: Exception) -> str:
    if isinstance(error, SlackApiError):
        return f"Slack says {error.response.get('error')}"
    return f"no answer ({type(error).__name__})"


__all__ = ["SCOPES", "Finding", "Health", "examine", "findings"]
