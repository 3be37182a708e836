"""Reads the bodies of requests, so that one that is broken is refused and not a crash."""

import json
import math

from aiohttp import web

from playground.workspace.model import ApiError, Json


def parsed(text: str | bytes) -> object:
    """Return what JSON says; raises ValueError, for the numbers that are no JSON, too."""
    try:
        return json.loads(text, parse_constant=_refused, parse_float=_finite)
    except RecursionError:
        raise ValueError("too deep") from None


def _refused(name: str) -> float:
    raise ValueError(f"{name} is no JSON")  # Python takes it, a browser does not


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is too large")
    return number


async def text_of(request: web.Request) -> str:
    """Return the body as text, or refuse it as the Web API does."""
    try:
        return await request.text()
    except LookupError:
        raise ApiError("invalid_charset") from None
    except UnicodeDecodeError:
        raise ApiError("invalid_json") from None


async def json_object(request: web.Request) -> Json:
    """Return a body that must be a JSON object; one that is empty counts as an empty one."""
    text = await text_of(request)
    try:
        # The SDK without asyncio says JSON of an empty body, too.
        body = parsed(text or "{}")
    except ValueError:
        raise ApiError("invalid_json") from None
    if not isinstance(body, dict):
        raise ApiError("json_not_object")
    return body


async def form(request: web.Request) -> Json:
    """Return the fields of a form; files have no place in it, they are uploaded elsewhere."""
    try:
        fields = await request.post()
    except LookupError:
        raise ApiError("invalid_charset") from None
    except ValueError:
        raise ApiError("invalid_form_data") from None
    texts = {
        name: value.decode(errors="replace") if isinstance(value, bytes | bytearray) else value
        for name, value in fields.items()
    }
    return {name: value for name, value in texts.items() if isinstance(value, str)}
