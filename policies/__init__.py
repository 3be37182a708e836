"""The rules: what may be done, by whom and under which conditions; pure values and functions."""
