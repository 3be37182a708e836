"""What a benchmark prints: a small table, with what was measured and how above it."""

from collections.abc import Callable, Sequence

import pytest

Show = Callable[[str, Sequence[Sequence[object]]], None]


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    """Print a title and a table, whose first row holds the names of the columns."""

    def print_table(title: str, rows: Sequence[Sequence[object]]) -> None:
        cells = [[_cell(value) for value in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        with capsys.disabled():
            print(f"\n\n{title}")  # noqa: T201 - the table is what a benchmark is for
            for row in cells:
                line = "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
                print(f"  {line}")  # noqa: T201 - as above

    return print_table


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
