"""Where the cards' links lead: a drawn graph per service, and the runbook, as plain pages."""

import html
from datetime import timedelta

from aiohttp import web

from playground.shop.model import Clock, places
from playground.shop.prometheus import PrometheusApi
from playground.shop.promql import UnknownQueryError, error_ratio

SPAN = timedelta(minutes=30)
POINTS = 120
WIDTH, HEIGHT, MARGIN = 720, 220, 36
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:46rem;padding:0 1rem;
color:#1d1c1d;background:#fff}svg{width:100%;height:auto}code{background:#8881;padding:.1em .3em}
a{color:#1264a3}.axis{stroke:#8886}.limit{stroke:#e01e5a;stroke-dasharray:4 4}
.line{fill:none;stroke:#1264a3;stroke-width:2}text{font-size:12px;fill:#616061}
@media(prefers-color-scheme:dark){body{color:#d1d2d3;background:#1a1d21}a{color:#70b7e8}
text{fill:#a0a0a2}.line{stroke:#70b7e8}}"""
RUNBOOK = """<h1>High error ratio</h1>
<p>More than five in a hundred requests of a service fail.</p><ol>
<li>Look at the graph: since when, and does it still rise?</li>
<li>Was it deployed just before? Then roll that deploy back; it can be deployed again.</li>
<li>If nothing changed, look at what the service calls.</li>
<li>Silence the alert only while somebody works on it.</li></ol>"""


class Graphs:
    """Pages without scripts; everything that is shown is escaped."""

    def __init__(self, prometheus: PrometheusApi, clock: Clock) -> None:
        self._prometheus, self._clock = prometheus, clock

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/world/graphs", self.graphs),
            web.get("/prometheus/graph", self.graph),
            web.get("/world/runbooks/{name}", self.runbook),
        ]

    async def graphs(self, request: web.Request) -> web.Response:
        """Draw the error ratio of one service, or of all."""
        wanted = (request.query.get("service"), request.query.get("environment"))
        found = [place for place in places() if wanted[0] is None or place == wanted]
        if not found:
            raise web.HTTPNotFound(text="no such service")
        parts = [
            f"<h2>{html.escape(service)} in {html.escape(environment)}: failing requests</h2>"
            + self._drawn(error_ratio(service, environment, "1m"))
            for service, environment in found
        ]
        return _page("Shop health", "<h1>Shop health</h1>" + "".join(parts))

    async def graph(self, request: web.Request) -> web.Response:
        """Draw one expression, as Prometheus' own page would."""
        query = request.query.get("g0.expr", "")
        try:
            drawn = self._drawn(query)
        except UnknownQueryError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return _page("Graph", f"<h1>Graph</h1><p><code>{html.escape(query)}</code></p>{drawn}")

    async def runbook(self, request: web.Request) -> web.Response:
        """Show the runbook."""
        del request
        return _page("Runbook", RUNBOOK)

    def _drawn(self, query: str) -> str:
        end = self._clock.now().timestamp()
        step = SPAN.total_seconds() / POINTS
        points: list[tuple[int, float]] = []
        for place in range(POINTS + 1):
            samples = self._prometheus.query(query, end - SPAN.total_seconds() + place * step)
            value = samples[0].value if samples else float("nan")
            if value == value:  # noqa: PLR0124 - NaN is the one value that differs from itself
                points.append((place, value))
        return _svg(points)


def _svg(points: list[tuple[int, float]]) -> str:
    if not points:
        return "<p>No data in the last 30 minutes.</p>"
    top = max(0.06, max(value for _, value in points) * 1.1)
    right, bottom = WIDTH - MARGIN, HEIGHT - MARGIN

    def at(place: float, value: float) -> str:
        x = MARGIN + place / POINTS * (right - MARGIN)
        return f"{x:.1f},{bottom - value / top * (bottom - 10):.1f}"

    line = " ".join(at(place, value) for place, value in points)
    limit_y = at(0, 0.05).split(",")[1]
    words = f"now {points[-1][1]:.2%}"
    return f"""<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}">
<line class="axis" x1="{MARGIN}" y1="{bottom}" x2="{right}" y2="{bottom}"/>
<line class="limit" x1="{MARGIN}" y1="{limit_y}" x2="{right}" y2="{limit_y}"/>
<text x="{right - 60}" y="{float(limit_y) - 4:.1f}">fine: 5 %</text>
<polyline class="line" points="{line}"/>
<text x="{MARGIN}" y="{HEIGHT - 12}">30 min ago</text>
<text x="{right - 60}" y="{HEIGHT - 12}">{words}</text>
<text x="2" y="16">{top:.0%}</text></svg>"""


def _page(title: str, body: str) -> web.Response:
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f'<meta name=viewport content="width=device-width"><style>{STYLE}</style>{body}</html>'
    )
    headers = {"Content-Security-Policy": POLICY}
    return web.Response(text=text, content_type="text/html", headers=headers)
