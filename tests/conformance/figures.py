"""Rules of tables and charts."""

from playground.workspace.model import Json
from tests.conformance.rules import (
    BLOCKS,
    MEASURED,
    Rule,
    choice,
    limit,
    message,
    mrkdwn,
    rich,
    rich_section,
    words,
)

TABLE, DATA_TABLE = f"{BLOCKS}/table-block", f"{BLOCKS}/data-table-block"
CHART = f"{BLOCKS}/data-visualization-block"


def cell(text: str = "x") -> Json:
    return {"type": "raw_text", "text": text}


def table(rows: int = 1, columns: int = 1, **extra: object) -> Json:
    return {"type": "table", "rows": [[cell()] * columns] * rows, **extra}


def data_table(rows: int = 2, columns: int = 1, **extra: object) -> Json:
    return {"type": "data_table", "caption": "C", "rows": [[cell()] * columns] * rows, **extra}


def table_of(rows: list[list[Json]]) -> Json:
    return data_table() | {"rows": rows}


def chart(kind: Json, title: str = "T") -> Json:
    return {"type": "data_visualization", "title": title, "chart": kind}


def pie(count: int = 1, label: str = "L", value: float = 1) -> Json:
    return {"type": "pie", "segments": [{"label": label, "value": value}] * count}


def bars(series: int = 1, points: int = 1, **axis: object) -> Json:
    categories = [f"c{number}" for number in range(points)]
    data = [{"label": label, "value": 1} for label in categories]
    return {
        "type": "bar",
        "series": [{"name": f"s{number}", "data": data} for number in range(series)],
        "axis_config": {"categories": categories, **axis},
    }


RULES: list[Rule] = [
    limit(
        "table-rows",
        "A table has 1 to 100 rows",
        TABLE,
        lambda n: message(table(n)),
        (1, 100),
        "/blocks/0/rows",
    ),
    limit(
        "table-columns",
        "A table's row has up to 20 cells",
        TABLE,
        lambda n: message(table(1, n)),
        (1, 20),
        "/blocks/0/rows/0",
    ),
    limit(
        "table-text",
        "A table's cells have up to 10 000 characters together",
        TABLE,
        lambda n: message({"type": "table", "rows": [[cell(words(5000)), cell(words(n - 5000))]]}),
        (0, 10_000),
        "/blocks/0/rows",
    ),
    choice(
        "table-cells",
        "A table's cells are raw text, raw numbers or rich text, aligned to a side",
        TABLE,
        {
            "all kinds": message(
                {
                    "type": "table",
                    "column_settings": [None, {"align": "right", "is_wrapped": True}],
                    "rows": [
                        [
                            cell(),
                            {"type": "raw_number", "value": 1.5},
                            rich(rich_section({"type": "text", "text": "x"})),
                        ]
                    ],
                }
            )
        },
        {
            "mrkdwn": (
                message({"type": "table", "rows": [[mrkdwn("x")]]}),
                "/blocks/0/rows/0/0/type",
            ),
            "an empty cell": (
                message({"type": "table", "rows": [[cell("")]]}),
                "/blocks/0/rows/0/0/text",
            ),
            "aligned up": (
                message(table(column_settings=[{"align": "up"}])),
                "/blocks/0/column_settings/0/align",
            ),
        },
    ),
    choice(
        "table-once",
        "A message has one table",
        MEASURED,
        {"one": message(table())},
        {"two": (message(table(), table()), "/blocks")},
    ),
    limit(
        "data-table-rows",
        "A data table has 2 to 201 rows, its header among them",
        DATA_TABLE,
        lambda n: message(data_table(n)),
        (2, 201),
        "/blocks/0/rows",
    ),
    limit(
        "data-table-columns",
        "A data table has up to 20 columns",
        DATA_TABLE,
        lambda n: message(data_table(2, n)),
        (0, 20),
        "/blocks/0/rows/1",
    ),
    limit(
        "data-table-text",
        "A data table's cells have up to 20 000 characters together",
        DATA_TABLE,
        lambda n: message(table_of([[cell(words(1))], [cell(words(n - 1))]])),
        (0, 20_000),
        "/blocks/0/rows",
    ),
    limit(
        "data-table-page",
        "A data table shows 1 to 100 rows a page",
        DATA_TABLE,
        lambda n: message(data_table(page_size=n)),
        (1, 100),
        "/blocks/0/page_size",
    ),
    choice(
        "data-table-shape",
        "A data table's rows are of one length, its header is raw, and it has a caption",
        DATA_TABLE,
        {"two by two": message(data_table(2, 2))},
        {
            "a short row": (
                message(table_of([[cell(), cell()], [cell()]])),
                "/blocks/0/rows/1",
            ),
            "a rich header": (
                message(table_of([[rich()], [cell()]])),
                "/blocks/0/rows/0/0/type",
            ),
            "no caption": (message(data_table(caption=None)), "/blocks/0"),
        },
    ),
    limit(
        "chart-title",
        "A chart's title has 1 to 50 characters",
        CHART,
        lambda n: message(chart(pie(), words(n))),
        (1, 50),
        "/blocks/0/title",
    ),
    limit(
        "charts",
        "A message has up to 2 charts",
        CHART,
        lambda n: message(*[chart(pie())] * n),
        (0, 2),
        "/blocks",
    ),
    limit(
        "pie-segments",
        "A pie has 1 to 12 segments",
        CHART,
        lambda n: message(chart(pie(n))),
        (1, 12),
        "/blocks/0/chart/segments",
    ),
    limit(
        "pie-label",
        "A segment's label has 1 to 20 characters",
        CHART,
        lambda n: message(chart(pie(label=words(n)))),
        (1, 20),
        "/blocks/0/chart/segments/0/label",
    ),
    limit(
        "chart-series",
        "A chart has 1 to 12 series",
        CHART,
        lambda n: message(chart(bars(n))),
        (1, 12),
        "/blocks/0/chart/series",
    ),
    limit(
        "chart-points",
        "A series has 1 to 20 points",
        CHART,
        lambda n: message(chart(bars(1, n))),
        (1, 20),
        "/blocks/0/chart/series/0/data",
    ),
    limit(
        "chart-axis",
        "An axis's title has up to 50 characters",
        CHART,
        lambda n: message(chart(bars(x_label=words(n)))),
        (0, 50),
        "/blocks/0/chart/axis_config/x_label",
    ),
    choice(
        "chart-fits",
        "Segments weigh more than 0; series have names of their own and a point a category",
        CHART,
        {"bars": message(chart(bars(2, 3)))},
        {
            "a donut": (message(chart({"type": "donut"})), "/blocks/0/chart/type"),
            "nothing": (message(chart(pie(value=0))), "/blocks/0/chart/segments/0/value"),
            "one name twice": (
                message(chart({**bars(), "series": bars()["series"] * 2})),
                "/blocks/0/chart/series/1/name",
            ),
            "a point too few": (
                message(chart({**bars(1, 1), "axis_config": bars(1, 2)["axis_config"]})),
                "/blocks/0/chart/series/0/data",
            ),
        },
    ),
]
