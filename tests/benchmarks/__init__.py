"""Benchmarks: each measures something beside a reference of the same run, and prints a table."""
