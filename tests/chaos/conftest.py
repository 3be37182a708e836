"""The table at the end is printed as those of the benchmarks."""

from tests.benchmarks.conftest import show

__all__ = ["show"]
