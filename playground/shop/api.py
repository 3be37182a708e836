"""The shop's own HTTP API: services, deploys, logs, metrics, and the one write, a rollback."""

from collections.abc import Mapping
from functools import partial

from aiohttp import web

from playground.shop.exposition import CONTENT_TYPE, page
from playground.shop.flaws import DEPENDS_ON, ENVIRONMENTS
from playground.shop.logs import Logs
from playground.shop.model import Clock, Deploy, Fault, Fleet
from playground.shop.wire import (
    Effect,
    IdempotencyBook,
    RefusalError,
    guarded,
    idempotency_key,
    instant,
    invalid,
    json_object,
    only_fields,
    query_instant,
    text_field,
)

DEPLOY_FIELDS = frozenset({"service", "environment", "version", "expected_version"})
MOST_ENTRIES = 1_000
ENTRIES = 100


class Shop:
    """A shop drawn from a seed; `window` is the range of the queries it is watched with."""

    def __init__(
        self, seed: int, clock: Clock, token: str, window: str = "1m", *, read_token: str = ""
    ) -> None:
        self.fleet = Fleet(seed, clock)
        self.window = window
        self._logs = Logs(self.fleet)
        self._guarded = partial(guarded, token, read_token=read_token)
        self._book = IdempotencyBook()

    @property
    def story(self) -> tuple[Fault, ...]:
        """The faults injected so far, oldest first, for whoever tells them."""
        return self.fleet.story

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Every effect executed through the API, oldest first."""
        return self._book.effects

    def inject_fault(self, service: str | None = None, environment: str = "staging") -> Fault:
        """Deploy a faulty version now; without a name the seed's own stream picks the service.

        Raises `UnknownServiceError` for a service or an environment that the shop does not have.
        """
        return self.fleet.inject(service, environment)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without a prefix; all but /healthz and /metrics want the token."""
        return [
            web.get("/healthz", self._healthz),
            web.get("/metrics", self._metrics),
            web.get("/services", self._guarded(self._services)),
            web.get("/services/{name}", self._guarded(self._service)),
            web.get("/deploys", self._guarded(self._deploys)),
            web.post("/deploys", self._guarded(self._deploy)),
            web.get("/deploys/by-key/{key:.+}", self._guarded(self._by_key)),
            web.get("/logs", self._guarded(self._entries)),
            web.get("/log", self._guarded(self._log)),
        ]

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _metrics(self, _request: web.Request) -> web.Response:
        text = page(self.fleet, self.fleet.now().timestamp())
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _services(self, request: web.Request) -> web.Response:
        environments = [_environment(request)] if "environment" in request.query else ENVIRONMENTS
        found = [
            {
                "name": service,
                "environment": environment,
                "version": self.fleet.timeline(service, environment).current.version,
                "depends_on": list(DEPENDS_ON[service]),
            }
            for environment in environments
            for service in DEPENDS_ON
        ]
        return web.json_response({"services": found})

    async def _service(self, request: web.Request) -> web.Response:
        environment = _environment(request)
        name = _known(request.match_info["name"], status=404)
        deployed = self.fleet.deployed(name, environment)
        body = {
            "name": name,
            "environment": environment,
            "version": deployed.version,
            "deployed_at": instant(deployed.at),
            "previous_version": deployed.previous_version,
            "depends_on": list(DEPENDS_ON[name]),
        }
        return web.json_response(body)

    async def _deploys(self, request: web.Request) -> web.Response:
        wanted = _places(request)
        since = query_instant(request, "since")
        found = [
            {**_told(deploy), "author": deploy.author, "title": deploy.title}
            for deploy in reversed(self.fleet.deploys)
            if (deploy.service, deploy.environment) in wanted
            and (since is None or deploy.at >= since)
        ]
        return web.json_response({"deploys": found})

    async def _entries(self, request: web.Request) -> web.Response:
        timelines = [self.fleet.timeline(*place) for place in _places(request)]
        since = query_instant(request, "since")
        since_s = since.timestamp() if since is not None else 0.0
        entries = self._logs.newest(timelines, since_s, _limit(request))
        return web.json_response({"entries": [entry.as_json() for entry in entries]})

    async def _deploy(self, request: web.Request) -> web.Response:
        key = idempotency_key(request)
        body = await json_object(request)
        if replayed := self._book.replay(key, "/deploys", body):
            return replayed
        place, version = self._checked(body)
        told = _told(self.fleet.roll_to(*place, version))
        self._book.keep(
            Effect(at=self.fleet.now(), key=key, what="deploy", body=told), "/deploys", body
        )
        return web.json_response(told, status=201)

    def _checked(self, body: Mapping[str, object]) -> tuple[tuple[str, str], str]:
        only_fields(body, DEPLOY_FIELDS)
        service = _known(text_field(body, "service"), status=422)
        environment = text_field(body, "environment")
        if environment not in ENVIRONMENTS:
            raise invalid("environment", f"must be one of {', '.join(ENVIRONMENTS)}")
        version = text_field(body, "version")
        expected = text_field(body, "expected_version")
        if not self.fleet.knows(service, environment, version):
            message = "this version was never deployed there"
            raise RefusalError(422, "unknown_version", message, field="version")
        deployed = self.fleet.timeline(service, environment).current.version
        if deployed != expected:
            message = f"{deployed} is deployed, not the expected version"
            raise RefusalError(
                409, "version_conflict", message, field="expected_version", deployed=deployed
            )
        if version == deployed:
            raise invalid("version", "is deployed already")
        return (service, environment), version

    async def _by_key(self, request: web.Request) -> web.Response:
        effect = self._book.find(request.match_info["key"])
        if effect is None:
            raise RefusalError(404, "not_found", "nothing was deployed under this key")
        return web.json_response(effect.body)

    async def _log(self, _request: web.Request) -> web.Response:
        return web.json_response({"effects": [effect.as_json() for effect in self.effects]})


def _told(deploy: Deploy) -> dict[str, object]:
    return {
        "id": deploy.id,
        "service": deploy.service,
        "environment": deploy.environment,
        "version": deploy.version,
        "previous_version": deploy.previous_version,
        "at": instant(deploy.at),
        "kind": deploy.kind,
    }


def _known(service: str, status: int) -> str:
    if service not in DEPENDS_ON:
        raise RefusalError(
            status, "unknown_service", "the shop has no such service", field="service"
        )
    return service


def _environment(request: web.Request) -> str:
    environment = request.query.get("environment", "")
    if environment not in ENVIRONMENTS:
        raise invalid("environment", f"must be one of {', '.join(ENVIRONMENTS)}", status=400)
    return environment


def _places(request: web.Request) -> list[tuple[str, str]]:
    """Return the places that the optional filters `service` and `environment` select."""
    services = list(DEPENDS_ON)
    if request.query.get("service"):
        services = [_known(request.query["service"], status=404)]
    environments = list(ENVIRONMENTS)
    if request.query.get("environment"):
        environments = [_environment(request)]
    return [(service, environment) for service in services for environment in environments]


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(ENTRIES))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MOST_ENTRIES:
        raise invalid("limit", f"must be a whole number from 1 to {MOST_ENTRIES}", status=400)
    return int(text)
