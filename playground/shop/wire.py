"""What the playground's JSON services share: bearer check, bounded bodies, idempotency."""

import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from aiohttp import web

BODY_LIMIT = 64 * 1024
KEY = re.compile(r"[A-Za-z0-9._:/-]{1,200}")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RefusalError(Exception):
    """A 4xx answer: a code for programs, a sentence for people, and the field at fault."""

    def __init__(self, status: int, error: str, message: str, /, **extra: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, str] = {"error": error, "message": message, **extra}


def guarded(token: str, handler: Handler, read_token: str = "") -> Handler:
    """Answer 401 without `Authorization: Bearer <token>`, and a `RefusalError` as its JSON body.

    With `read_token`, if there is one, everything can be read and nothing written (403).
    """
    expected, reading = f"Bearer {token}".encode(), f"Bearer {read_token}".encode()

    async def answer(request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if read_token and hmac.compare_digest(given, reading):
            if request.method not in {"GET", "HEAD"}:
                body = {"error": "forbidden", "message": "this token may only read"}
                return web.json_response(body, status=403)
        elif not token or not hmac.compare_digest(given, expected):
            body = {"error": "unauthorized", "message": "a bearer token is needed"}
            return web.json_response(body, status=401, headers={"WWW-Authenticate": "Bearer"})
        try:
            return await handler(request)
        except RefusalError as refusal:
            return web.json_response(refusal.body, status=refusal.status)

    return answer


async def bounded_body(request: web.Request, limit: int = BODY_LIMIT) -> bytes:
    """Read the body, at most `limit` bytes; a longer one is a `RefusalError` (413)."""
    body = bytearray()
    async for chunk in request.content.iter_chunked(8192):
        body += chunk
        if len(body) > limit:
            raise RefusalError(413, "too_large", f"the body is longer than {limit} bytes")
    return bytes(body)


async def json_object(request: web.Request) -> dict[str, object]:
    """Read a JSON object from the body; anything else is a `RefusalError` (400)."""
    body = await bounded_body(request)
    try:
        found: object = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RefusalError(400, "invalid_json", "the body is not JSON") from error
    if not isinstance(found, dict):
        raise RefusalError(400, "invalid_json", "the body is not a JSON object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def invalid(field: str, message: str, status: int = 422) -> RefusalError:
    """Build the refusal of one named field."""
    return RefusalError(status, "invalid", f"{field}: {message}", field=field)


def text_field(body: Mapping[str, object], field: str, longest: int = 200) -> str:
    """Return a non-empty string of the body, or refuse and name the field."""
    value = body.get(field)
    if not isinstance(value, str) or not value.strip():
        raise invalid(field, "must be a non-empty string")
    if len(value) > longest:
        raise invalid(field, f"must be at most {longest} characters")
    return value


def only_fields(body: Mapping[str, object], known: frozenset[str]) -> None:
    """Refuse a body with a field that the route does not know."""
    for field in body:
        if field not in known:
            raise invalid(field[:80], "is not a field of this request")


def idempotency_key(request: web.Request) -> str:
    """Return the Idempotency-Key header; missing or malformed is a `RefusalError` (400)."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        message = "the Idempotency-Key header is required"
        raise RefusalError(400, "idempotency_key_required", message, field="Idempotency-Key")
    if not KEY.fullmatch(key):
        raise invalid("Idempotency-Key", "must match [A-Za-z0-9._:/-]{1,200}", status=400)
    return key


def instant(at: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC, with Z and microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_instant(text: str) -> datetime | None:
    """Read an RFC 3339 time; None when it is not one or has no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else None


def query_instant(request: web.Request, field: str) -> datetime | None:
    """Return an optional RFC 3339 query parameter, or refuse and name it."""
    text = request.query.get(field)
    if not text:
        return None
    found = parse_instant(text)
    if found is None:
        raise invalid(field, "must be an RFC 3339 time with a zone", status=400)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """One thing that the service did because a caller asked."""

    at: datetime
    key: str
    what: str
    body: Mapping[str, object]

    def as_json(self) -> dict[str, object]:
        """Write the effect as one entry of GET /log."""
        return {"at": instant(self.at), "key": self.key, "what": self.what, "body": self.body}


class IdempotencyBook:
    """Which key did what: a key does one thing once, whoever repeats it."""

    def __init__(self) -> None:
        self._prints: dict[str, str] = {}
        self._effects: dict[str, Effect] = {}

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Every effect executed, oldest first."""
        return tuple(self._effects.values())

    def find(self, key: str, what: str | None = None) -> Effect | None:
        """Return the effect made under the key, if any (and of that kind, if one is named)."""
        effect = self._effects.get(key)
        return effect if effect is not None and what in (None, effect.what) else None

    def replay(self, key: str, path: str, body: Mapping[str, object]) -> web.Response | None:
        """Return the first answer again, None for a new key, 409 for another request."""
        known = self._prints.get(key)
        if known is None:
            return None
        if known != _print(path, body):
            message = "this Idempotency-Key was used for another request"
            raise RefusalError(409, "idempotency_mismatch", message, field="Idempotency-Key")
        replayed = {"Idempotency-Replayed": "true"}
        return web.json_response(self._effects[key].body, headers=replayed)

    def keep(self, effect: Effect, path: str, body: Mapping[str, object]) -> None:
        """Record an effect under its key, together with the request that caused it."""
        self._prints[effect.key] = _print(path, body)
        self._effects[effect.key] = effect


def _print(path: str, body: Mapping[str, object]) -> str:
    canonical = json.dumps([path, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
