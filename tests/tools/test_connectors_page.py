"""The page of the connectors lists every tool that ships, with what it may do."""

import re
from pathlib import Path

from bot.clock import WallClock
from tools.base import AnyTool, WriteTool
from tools.catalogue import Catalogue, connector_types, placeholder

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "connectors.md").read_text(encoding="utf-8")
PARTS = [placeholder(kind, WallClock()) for kind in connector_types()]
TOOLS = [(part, tool) for part in PARTS for tool in part.tools()]


def row(tool: AnyTool) -> str:
    part = next(part for part, one in TOOLS if one is tool)
    places = Catalogue(PARTS).environments(tool.name)
    rates = [rate for rate in (tool.rate, part.rate) if rate is not None]
    is_write = isinstance(tool, WriteTool)
    used = [found for found in part.credentials if (found.writes if is_write else found.reads)]
    cells = (
        f"`{tool.name}`",
        ", ".join(tool.agents),
        "any" if places is None else ", ".join(places),
        tool.tier,
        "; ".join(f"{rate.per_s:g}/s, {rate.burst:g} at once" for rate in rates),
        f"{tool.timeout_s:g} s",
        ", else ".join(f"`{part.variable(found)}`" for found in used),
        ", ".join(f"`{scope}`" for scope in used[0].scopes),
    )
    return f"| {' | '.join(cells)} |"


def test_the_page_lists_every_tool_with_what_it_may_do() -> None:
    listed = [line for line in PAGE.splitlines() if re.match(r"\| `[a-z]+_[a-z_]+` \|", line)]
    assert listed == [row(tool) for _, tool in TOOLS]
