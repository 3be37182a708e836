"""Silences and matchers as Alertmanager 0.25 keeps them: the same checks, messages and order."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from playground.shop.wire import parse_instant

LONGEST = 256  # of a matcher's value: its pattern runs in Python's engine, which may backtrack

_MATCHER = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!=|!~|=)\s*(.*?)\s*", re.DOTALL)
_TEXTS = ("comment", "createdBy", "endsAt", "matchers", "startsAt")  # in the order of its checks


class SilenceError(Exception):
    """A request that Alertmanager would answer with this status and body."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


@dataclass(frozen=True, kw_only=True, slots=True)
class Matcher:
    """One condition on a label; a label that is absent has the empty value."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether the labels meet the condition; patterns match the whole value."""
        return self._fits(labels.get(self.name, "")) == self.is_equal

    def matches_empty(self) -> bool:
        """Say whether an absent label would meet the condition."""
        return self.matches({})

    def as_json(self) -> dict[str, object]:
        """Write the matcher as the API shows it."""
        return {
            "isEqual": self.is_equal,
            "isRegex": self.is_regex,
            "name": self.name,
            "value": self.value,
        }

    def _fits(self, found: str) -> bool:
        if self.is_regex:
            return re.fullmatch(self.value, found) is not None
        return found == self.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """Who silenced what, from when to when, and why."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    created_by: str
    comment: str

    def state(self, at: datetime) -> Literal["active", "pending", "expired"]:
        """Return what the silence is at a time."""
        if at >= self.ends_at:
            return "expired"
        return "active" if at >= self.starts_at else "pending"

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Say whether every matcher meets the labels."""
        return all(matcher.matches(labels) for matcher in self.matchers)

    def as_json(self, at: datetime) -> dict[str, object]:
        """Write the silence as the API shows it."""
        return {
            "id": self.id,
            "status": {"state": self.state(at)},
            "updatedAt": stamp(self.updated_at),
            "comment": self.comment,
            "createdBy": self.created_by,
            "endsAt": stamp(self.ends_at),
            "matchers": [matcher.as_json() for matcher in self.matchers],
            "startsAt": stamp(self.starts_at),
        }


class Silences:
    """All silences, living and expired."""

    def __init__(self) -> None:
        self._kept: dict[str, Silence] = {}

    def active_for(self, labels: Mapping[str, str], at: datetime) -> list[str]:
        """Return the ids of the silences that hold back an alert now."""
        return [
            silence.id
            for silence in self._kept.values()
            if silence.state(at) == "active" and silence.covers(labels)
        ]

    def find(self, silence_id: str) -> Silence | None:
        """Return one silence."""
        return self._kept.get(silence_id)

    def listed(self, filters: Sequence[Matcher], at: datetime) -> list[Silence]:
        """Return the silences that speak of the filters: active, pending, then expired."""
        wanted = [
            silence
            for silence in self._kept.values()
            if all(f.matches({m.name: m.value for m in silence.matchers}) for f in filters)
        ]
        return sorted(wanted, key=lambda silence: _rank(silence, at))

    def put(self, body: Mapping[str, object], at: datetime) -> str:
        """Create or replace a silence from a POST body; raises `SilenceError`."""
        fresh = read(body, at)
        if not fresh.id:
            return self._create(fresh, at)
        before = self._kept.get(fresh.id)
        if before is None:
            raise SilenceError(404, "silence not found")
        if _may_update(before, fresh, at):
            self._kept[before.id] = replace(fresh, updated_at=at)
            return before.id
        if before.state(at) != "expired":
            self.expire(before.id, at)
        return self._create(fresh, at)

    def expire(self, silence_id: str, at: datetime) -> None:
        """End a silence now; one that has ended stays as it is. Raises `SilenceError`."""
        silence = self._kept.get(silence_id)
        if silence is None:
            # 0.25 answers so; later versions answer 404.
            raise SilenceError(500, "silence not found")
        if silence.state(at) != "expired":
            starts_at = min(silence.starts_at, at)
            self._kept[silence_id] = replace(
                silence, starts_at=starts_at, ends_at=at, updated_at=at
            )

    def _create(self, fresh: Silence, at: datetime) -> str:
        made = replace(fresh, id=str(uuid.uuid4()), starts_at=max(fresh.starts_at, at))
        self._kept[made.id] = replace(made, updated_at=at)
        return made.id


def read(body: Mapping[str, object], at: datetime) -> Silence:
    """Check a POST body in Alertmanager's order; raises `SilenceError`."""
    for name in _TEXTS:
        if body.get(name) is None:
            raise _unprocessable(602, f"{name} in body is required")
    listed = body["matchers"]
    if not isinstance(listed, list):
        raise _unparsable("json: cannot unmarshal into Go struct field Silence.matchers")
    if not listed:
        raise _unprocessable(612, "matchers in body should have at least 1 items")
    matchers = tuple(_matcher(entry, number) for number, entry in enumerate(listed))
    starts_at, ends_at = _time(body, "startsAt"), _time(body, "endsAt")
    if starts_at >= ends_at:
        raise SilenceError(400, "Failed to create silence: start time must be before end time")
    if ends_at < at:
        raise SilenceError(400, "Failed to create silence: end time can't be in the past")
    if all(matcher.matches_empty() for matcher in matchers):
        message = "silence invalid: at least one matcher must not match the empty string"
        raise SilenceError(400, message)
    return Silence(
        id=_text(body, "id"),
        matchers=matchers,
        starts_at=starts_at,
        ends_at=ends_at,
        updated_at=at,
        created_by=_text(body, "createdBy"),
        comment=_text(body, "comment"),
    )


def parse_filter(text: str) -> Matcher:
    """Read a `filter` parameter such as service="web"; raises `SilenceError` (400)."""
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise SilenceError(400, f"bad matcher format: {text[:LONGEST]}")
    name, operator, value = found.groups()
    if len(value) >= len('""') and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if len(value) > LONGEST:
        raise SilenceError(400, f"bad matcher format: the value of {name[:LONGEST]} is too long")
    matcher = Matcher(
        name=name,
        value=value,
        is_regex=operator.endswith("~"),
        is_equal=operator.startswith("="),
    )
    _check_pattern(matcher, "bad matcher format: ")
    return matcher


def stamp(at: datetime) -> str:
    """Write a time as go-openapi's strfmt does: UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _matcher(entry: object, number: int) -> Matcher:
    if not isinstance(entry, dict):
        raise _unparsable("json: cannot unmarshal into Go value of type models.Matcher")
    for name in ("isRegex", "name", "value"):
        if entry.get(name) is None:
            raise _unprocessable(602, f"matchers.{number}.{name} in body is required")
    is_regex, is_equal = entry["isRegex"], entry.get("isEqual", True)
    if not isinstance(is_regex, bool) or not isinstance(is_equal, bool):
        raise _unparsable("json: cannot unmarshal into Go struct field Matcher of type bool")
    matcher = Matcher(
        name=_text(entry, "name"),
        value=_text(entry, "value"),
        is_regex=is_regex,
        is_equal=is_equal,
    )
    if len(matcher.value) > LONGEST:
        raise SilenceError(400, f"silence invalid: matcher {number} is too long")
    _check_pattern(matcher, f"silence invalid: invalid label matcher {number}: ")
    return matcher


def _check_pattern(matcher: Matcher, prefix: str) -> None:
    if not matcher.is_regex:
        return
    try:
        re.compile(matcher.value)
    except re.error as error:
        message = f'{prefix}invalid regular expression "{matcher.value}": {error}'
        raise SilenceError(400, message) from error


def _time(body: Mapping[str, object], name: str) -> datetime:
    found = parse_instant(_text(body, name))
    if found is None:
        raise _unparsable(f"{name} is not an RFC 3339 time")
    return found


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _unparsable(f"json: cannot unmarshal into Go struct field Silence.{name}")
    return value


def _unparsable(reason: str) -> SilenceError:
    message = f'parsing silence body from "" failed, because {reason}'
    return SilenceError(400, {"code": 400, "message": message})


def _unprocessable(code: int, message: str) -> SilenceError:
    return SilenceError(422, {"code": code, "message": message})


def _may_update(before: Silence, fresh: Silence, at: datetime) -> bool:
    """Say whether a silence may change in place: silence/silence.go, canUpdate."""
    if set(before.matchers) != set(fresh.matchers):
        return False
    state = before.state(at)
    if state == "active":
        return int(before.starts_at.timestamp()) == int(fresh.starts_at.timestamp())
    return state == "pending" and fresh.starts_at >= at


def _rank(silence: Silence, at: datetime) -> tuple[int, float]:
    state = silence.state(at)
    if state == "active":
        return 0, silence.ends_at.timestamp()
    if state == "pending":
        return 1, silence.starts_at.timestamp()
    return 2, -silence.ends_at.timestamp()
