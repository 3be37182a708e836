"""Tables and charts as Slack documents them, with what holds between their rows and series.

docs.slack.dev/reference/block-kit/blocks/table-block, data-table-block, data-visualization-block.
"""

from collections.abc import Callable

from playground.workspace.inspection import (
    Check,
    Inspection,
    Shape,
    array,
    boolean,
    enum,
    integer,
    nested,
    number,
    string,
    typed,
)
from playground.workspace.model import Json
from playground.workspace.richtext import RICH_TEXT

MAX_ROWS, MAX_COLUMNS, MAX_TABLE_TEXT = 100, 20, 10_000
MIN_DATA_ROWS, MAX_DATA_ROWS, MAX_DATA_TEXT = 2, 201, 20_000
MAX_TITLE, MAX_NAME, MAX_SERIES, MAX_POINTS = 50, 20, 12, 20

RAW = {
    "raw_number": Shape(required={"value": number}, optional={"text": string()}),
    "raw_text": Shape(required={"text": string()}),
}
CELL = typed({**RAW, "rich_text": RICH_TEXT})
HEADER_CELL = typed(RAW)
COLUMN = nested(Shape(optional={"align": enum("left", "center", "right"), "is_wrapped": boolean}))


def _column(at: Inspection, value: object, pointer: str) -> None:
    if value is not None:  # a null skips a column
        COLUMN(at, value, pointer)


def _text_limit(most: int) -> Callable[[Inspection, Json, str], None]:
    def check(at: Inspection, block: Json, pointer: str) -> None:
        at.cells += cell_characters(block.get("rows"))
        if at.cells > most:
            at.report(f"must be less than {most + 1} characters", f"{pointer}/rows")

    return check


def cell_characters(node: object) -> int:
    """Return how many characters of text lie in the cells under `node`."""
    if isinstance(node, list):
        return sum(cell_characters(item) for item in node)
    if not isinstance(node, dict):
        return 0
    own = len(node["text"]) if isinstance(node.get("text"), str) else 0
    return own + cell_characters(node.get("elements"))


def _data_rows(at: Inspection, value: object, pointer: str) -> None:
    rows = value if isinstance(value, list) else []
    for index, row in enumerate(rows[1:], start=1):
        if isinstance(row, list) and isinstance(rows[0], list) and len(row) != len(rows[0]):
            at.report("must have as many cells as the first row", f"{pointer}/{index}")
    array(array(HEADER_CELL, MAX_COLUMNS))(at, rows[:1], pointer)
    array(_data_row, MAX_DATA_ROWS, least=MIN_DATA_ROWS)(at, value, pointer)


def _data_row(at: Inspection, value: object, pointer: str) -> None:
    if not pointer.endswith("/rows/0"):  # the header has its own rule
        array(CELL, MAX_COLUMNS)(at, value, pointer)


TABLE = Shape(
    required={"rows": array(array(CELL, MAX_COLUMNS), MAX_ROWS)},
    optional={"column_settings": array(_column, MAX_COLUMNS, least=0)},
    also=_text_limit(MAX_TABLE_TEXT),
    # docs.slack.dev/blocks.json names home tabs too, where others saw that it isn't shown (?).
    surfaces=("message",),
)
DATA_TABLE = Shape(
    required={"caption": string(), "rows": _data_rows},
    optional={"page_size": integer(1, 100), "row_header_column_index": integer(0)},
    also=_text_limit(MAX_DATA_TEXT),
    surfaces=("message", "home"),
)


def _weight(at: Inspection, value: object, pointer: str) -> None:
    number(at, value, pointer)
    if isinstance(value, int | float) and value <= 0:
        at.report("must be more than 0", pointer)


NAME = string(MAX_NAME)
POINT = nested(Shape(required={"label": NAME, "value": number}))
SERIES = nested(Shape(required={"name": NAME, "data": array(POINT, MAX_POINTS)}))
AXIS = nested(
    Shape(
        required={"categories": array(NAME, MAX_POINTS)},
        optional={"x_label": string(MAX_TITLE), "y_label": string(MAX_TITLE)},
    )
)
SEGMENT = nested(Shape(required={"label": NAME, "value": _weight}))


def _series_fit(at: Inspection, chart: Json, pointer: str) -> None:
    axis = chart.get("axis_config")
    categories = axis.get("categories") if isinstance(axis, dict) else None
    names: set[object] = set()
    for index, series in enumerate(_objects(chart.get("series"))):
        place = f"{pointer}/series/{index}"
        if str(series.get("name")) in names:
            at.report("must have a unique name", f"{place}/name")
        names.add(str(series.get("name")))
        labels = [str(point.get("label")) for point in _objects(series.get("data"))]
        if isinstance(categories, list) and sorted(labels) != sorted(map(str, categories)):
            at.report("must have one point for each category", f"{place}/data")


def _objects(value: object) -> list[Json]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


PLOT = Shape(required={"series": array(SERIES, MAX_SERIES), "axis_config": AXIS}, also=_series_fit)
CHART: Check = typed(
    {
        "area": PLOT,
        "bar": PLOT,
        "line": PLOT,
        "pie": Shape(required={"segments": array(SEGMENT, MAX_SERIES)}),
    }
)
DATA_VISUALIZATION = Shape(
    required={"title": string(MAX_TITLE), "chart": CHART}, surfaces=("message",)
)
