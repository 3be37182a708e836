"""The composition root: chooses and joins the parts, starts them in order, stops in reverse."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from agents.campaign.agent import CampaignAgent
from agents.campaign.digest import DigestAgent
from agents.incident.agent import IncidentAgent
from agents.policy.agent import PolicyAgent
from agents.tasks import TaskKind
from agents.worker import Worker, Workshop
from bot.anchoring import checkpointer, operators
from bot.metrics import Metrics
from bot.opening import Core, compare_files, core_of, pace_of
from bot.requests import Requests
from bot.rulesets import Groups
from bot.scheduler import Scheduler
from bot.settings import Settings, SettingsError
from bot.slack.anchors import AnchorPoster
from bot.slack.app import Reception, SocketMode, doorway
from bot.slack.arrival import Arrival
from bot.slack.clerk import InboxClerk, fix_for
from bot.slack.desk import Desk
from bot.slack.directory import SlackDirectory
from bot.slack.mirror import Glass, Mirror
from bot.slack.postman import OutboxClerk
from bot.slack.sender import Sender
from bot.slack.undoing import no_way_back
from bot.store.anchors import AnchorStore
from bot.store.boxes import Inbox, Outbox, send
from bot.store.controls import SqlControls
from bot.store.engine import Connection, is_answering
from bot.store.journal import SqlJournal
from bot.store.memory import SqlMemory
from bot.store.taskstore import SqlTaskStore
from bot.store.threads import Thread, ThreadStore
from bot.timekeeper import Timekeeper
from bot.webhooks.bodies import runner as runner_of
from bot.webhooks.server import Entrance, routes
from policies.approvals import Memberships
from tools.gateway import Gateway, Parts

# How long a stop waits for steps in hand; a service manager commonly allows 30 s for all of it.
FINISH_S = 10.0

_log = logging.getLogger(__name__)


class BrokenPartError(RuntimeError):
    """A part of the running process died; the log says why."""


@dataclass(frozen=True, kw_only=True)
class Slack:
    """What speaks to Slack."""

    sender: Sender
    client: AsyncWebClient
    metrics: Metrics
    arrival: Arrival


@dataclass(frozen=True, kw_only=True)
class Signoff:
    """A running Signoff."""

    core: Core
    desk: Desk
    address: tuple[str, int]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Signoff]:
    """Start everything; leaving the block stops it in reverse order.

    Slack may be away: webhooks are taken and tasks go on, and the rest waits for its first answer.

    Raises:
        SettingsError: a token is missing or refused.
        StoreError: the database can't be used.
        PolicyError: the rule files do not load and no set is in force yet.
    """
    if settings.slack_bot_token is None:
        raise SettingsError(
            "SLACK_BOT_TOKEN: missing. Paste manifest.yml at api.slack.com/apps, install the app,"
            " and set SLACK_BOT_TOKEN and SLACK_APP_TOKEN; or try `make demo`, which needs neither"
        )
    async with AsyncExitStack() as stack:
        core = await core_of(settings, stack)
        metrics = Metrics()
        client = AsyncWebClient(
            token=settings.slack_bot_token.get_secret_value(),
            base_url=settings.slack_api_url,
            # Our own sender decides what is tried again: a post must not be repeated blindly.
            retry_handlers=[],
        )
        pace = pace_of(settings, core.context.clock)
        sender = Sender(client, metrics, core.context.redactor, pace, is_rested=core.is_rested)
        stack.push_async_callback(sender.line.close)
        directory = SlackDirectory(sender, core.context.clock, settings.config.groups)
        stack.push_async_callback(directory.close)
        arrival = Arrival(sender, directory, pace)
        await arrival.begin()
        gateway = _gateway(settings, core, directory)
        core.rule_sets.knows(_groups(settings, directory), settings.config.policy_mode)
        desk = Desk(
            context=core.context,
            config=settings.config,
            directory=directory,
            gateway=gateway,
            catalogue=core.catalogue,
            rule_sets=core.rule_sets,
            policy_dir=settings.policy_dir,
        )
        slack = Slack(sender=sender, client=client, metrics=metrics, arrival=arrival)
        address = await _join(settings, stack, desk, slack, core)
        metrics.up.set(1)
        yield Signoff(core=core, desk=desk, address=address)


def _gateway(settings: Settings, core: Core, directory: SlackDirectory) -> Gateway:
    context, config = core.context, settings.config
    return Gateway(
        Parts(
            catalogue=core.catalogue,
            journal=SqlJournal(context, config.file_modes),
            memory=SqlMemory(context),
            controls=SqlControls(context, config.modes, config.mode, config.places),
            directory=directory,
            rules=core.rule_sets.rules,
            clock=context.clock,
            redactor=context.redactor,
            boundary=context.boundary,
        )
    )


def _groups(settings: Settings, directory: SlackDirectory) -> Groups:
    names = tuple(settings.config.groups)

    async def read() -> Memberships | None:
        found = await directory.memberships(names)
        return found if found.keys() == set(names) else None

    return read


async def _join(
    settings: Settings,
    stack: AsyncExitStack,
    desk: Desk,
    slack: Slack,
    core: Core,
) -> tuple[str, int]:
    context, config = desk.context, settings.config
    inbox = Inbox(context)
    clerk = InboxClerk(desk, inbox, lambda: slack.sender.line.is_away)
    anchors = AnchorPoster(AnchorStore(context), slack.sender)
    postman = OutboxClerk(
        Outbox(context), slack.sender, config.defaults.channel, post_anchor=anchors.post
    )
    mirror = Mirror(
        Glass(
            store=ThreadStore(context, owners=config.owners),
            sender=slack.sender,
            clock=context.clock,
            mentions=desk.directory.mentions,
            default_channel=config.defaults.channel,
            unreachable=lambda thread, error: _tell_unreachable(desk, thread, error),
            boundary=context.boundary,
            workspace=lambda: desk.directory.workspace,
            no_way_back=partial(no_way_back, desk.catalogue),
        )
    )
    _in_background(stack, "database", context.database.watch(), core.faults)
    signing = checkpointer(settings, desk, slack.metrics)
    # Stopped after everybody who writes: the last checkpoint covers the last event, and goes out.
    stack.push_async_callback(postman.last_round)
    stack.push_async_callback(signing.finish)
    for wake in (postman.wake, mirror.wake, core.dispatcher.look, signing.wake):
        context.database.on_commit(wake)
    # Stopped in reverse: no new work first, then what is in hand is finished, then told.
    for name, loop in (
        ("mirror", mirror.run()),
        ("outbox", postman.run()),
        ("checkpointer", signing.run()),
    ):
        _in_background(stack, name, loop, core.faults)
    stack.push_async_callback(core.dispatcher.drain, FINISH_S)
    _in_background(
        stack, "worker", core.dispatcher.run(_worker(desk, settings.step_limit_s).work), core.faults
    )
    timekeeper = Timekeeper(context)
    await timekeeper.start()
    _in_background(stack, "timekeeper", timekeeper.run(), core.faults)
    scheduler = Scheduler(context, config.digests)
    await scheduler.start()
    stack.push_async_callback(scheduler.stop)
    _in_background(stack, "inbox", clerk.run(), core.faults)
    _in_background(stack, "requests", Requests(desk).run(), core.faults)
    reception = Reception(desk, inbox, slack.metrics, clerk.wake)
    bolt = _bolt(settings, reception, slack)
    address = await _serve(settings, stack, _entrance(settings, desk, slack), bolt)
    _arrive(settings, stack, bolt, slack, core)
    if not core.is_first:
        _in_background(
            stack, "rule files", compare_files(settings, core.rule_sets.rules), core.faults
        )
    return address


def _worker(desk: Desk, step_limit_s: float) -> Worker:
    context, gateway = desk.context, desk.gateway
    workshop = Workshop(
        store=SqlTaskStore(context),
        agents={
            TaskKind.INCIDENT: IncidentAgent(gateway, desk.config.service_map),
            TaskKind.CAMPAIGN: CampaignAgent(gateway, context.clock),
            TaskKind.DIGEST: DigestAgent(gateway, context.clock),
            TaskKind.POLICY: PolicyAgent(gateway),
        },
        gateway=gateway,
        clock=context.clock,
        boundary=context.boundary,
        step_limit_s=step_limit_s,
    )
    return Worker(workshop)


def _in_background(
    stack: AsyncExitStack, name: str, loop: Coroutine[Any, Any, None], faults: list[Exception]
) -> None:
    running_loop = asyncio.create_task(loop, name=name)

    def ended(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        # A part that died must not leave the others looking healthy: end, and be restarted.
        if isinstance(error, SettingsError):
            # Said in full at the end.
            faults.append(error)
        else:
            _log.critical("%s died", name, exc_info=error)
            faults.append(BrokenPartError(name))
        os.kill(os.getpid(), signal.SIGTERM)

    running_loop.add_done_callback(ended)

    async def stop() -> None:
        running_loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running_loop

    stack.push_async_callback(stop)


def _bolt(settings: Settings, reception: Reception, slack: Slack) -> AsyncApp:
    secret = settings.slack_signing_secret
    token = settings.slack_bot_token
    assert token is not None  # noqa: S101 - running() refused to start without it
    return reception.app(
        slack.client, token.get_secret_value(), secret.get_secret_value() if secret else None
    )


def _arrive(
    settings: Settings, stack: AsyncExitStack, bolt: AsyncApp, slack: Slack, core: Core
) -> None:
    socket, app_token = None, ""
    if settings.slack_app_token is not None:
        app_token = settings.slack_app_token.get_secret_value()
        socket = SocketMode(bolt, app_token)
        stack.push_async_callback(socket.close)
    _in_background(stack, "arrival", slack.arrival.run(socket, app_token), core.faults)


def _entrance(settings: Settings, desk: Desk, slack: Slack) -> Entrance:
    token = settings.webhook_token
    database = desk.context.database

    async def is_ready() -> bool:
        return database.trouble is None and await database.read(is_answering)

    return Entrance(
        context=desk.context,
        metrics=slack.metrics,
        token=None if token is None else token.get_secret_value(),
        channel_of=lambda alert: settings.config.channel(alert.service, alert.environment),
        is_ready=is_ready,
        is_slack_away=lambda: slack.sender.line.is_away,
        boundary=desk.context.boundary,
    )


async def _serve(
    settings: Settings, stack: AsyncExitStack, entrance: Entrance, bolt: AsyncApp
) -> tuple[str, int]:
    site_app = web.Application()
    site_app.add_routes(routes(entrance))
    if settings.slack_signing_secret is not None:
        site_app.add_routes([web.post("/slack/events", doorway(bolt))])
    runner = runner_of(site_app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, settings.host, settings.port)
    try:
        await site.start()
    except OSError as error:
        raise SettingsError(
            f"SIGNOFF_PORT: can't listen on {settings.host}:{settings.port}: {error.strerror}"
        ) from error
    host, port = runner.addresses[0][:2]
    _log.info("listening on %s:%s", host, port)
    return host, port


async def _tell_unreachable(desk: Desk, thread: Thread, error: str) -> None:
    """Tell a person who can mend it that a thread can't be shown."""
    views = await ThreadStore(desk.context).view(thread)
    requester = views[0].task.requester.id if views else ""
    people = [requester.rsplit("/", 1)[-1]] if "/" in requester else []
    people = people or await operators(desk)
    text = fix_for(error, thread.channel)

    def unit(connection: Connection) -> None:
        for user in people:
            send(connection, desk.context, "dm", {"user": user, "text": text})

    await desk.context.database.write(unit)


async def run(settings: Settings, on_start: Callable[[Signoff], None]) -> None:
    """Run until SIGTERM or SIGINT, then stop in order."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with running(settings) as signoff:
        on_start(signoff)
        await stop.wait()
        if signoff.core.faults:
            raise signoff.core.faults[0]
