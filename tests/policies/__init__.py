"""Tests of the rules: pure values and functions."""
