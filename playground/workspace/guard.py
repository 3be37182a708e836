"""Keeps other websites out: loopback hosts only, same origin only, JSON bodies only."""

from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
GUARDED = ("/page/", "/world/")
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def foreign_reason(request: web.Request) -> str | None:
    """Return why a request may not drive the workspace, or None for one of the page's own.

    The Host check refuses a name that was rebound to this machine, the Origin check another
    site's script, the content type a plain form of another site.
    """
    if _hostname(request) not in LOOPBACK:
        return "this workspace answers on loopback names only"
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.host}":
        return "another website may not drive this workspace"
    is_foreign = request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
    if is_foreign and not _is_visit(request):
        return "another website may not drive this workspace"
    if request.method == "POST" and request.content_type != "application/json":
        return "send application/json"
    return None


def _hostname(request: web.Request) -> str | None:
    try:
        return urlsplit(f"//{request.host}").hostname
    except ValueError:  # such as a bracket that is never closed
        return None


def _is_visit(request: web.Request) -> bool:
    """Say whether a person followed a link to the page or to a message; that changes nothing."""
    is_page = request.path == "/" or request.path.startswith("/archives/")
    wanted = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    sent = {name: request.headers.get(name) for name in wanted}
    return is_page and request.method == "GET" and sent == wanted


def guarded(handler: Handler) -> Handler:
    """Wrap one handler so that foreign requests get 403, and answers the page's headers."""

    async def serve(request: web.Request) -> web.StreamResponse:
        reason = foreign_reason(request)
        if reason is not None:
            return web.json_response(
                {"ok": False, "error": "forbidden", "message": reason},
                status=HTTPStatus.FORBIDDEN,
                headers=HEADERS,
            )
        return await handler(request)

    return serve


@web.middleware
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Guard every /page and /world path of the app that this middleware is put into."""
    if request.path.startswith(GUARDED):
        return await guarded(handler)(request)
    return await handler(request)
